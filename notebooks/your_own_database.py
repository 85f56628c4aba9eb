# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/jaxvqa/jaxvqa/blob/main/notebooks/your_own_database.ipynb)
#
# # Bring your own database
#
# You have videos, and for each the mean scores that people gave it, in any dimension. How well does a model agree with them,
# and does it agree better once it was trained on them? Takes some minutes on a CPU.

# %%
import importlib.util
import subprocess
import sys

if not importlib.util.find_spec("jaxvqa"):
    source = "jaxvqa[train] @ git+https://github.com/jaxvqa/jaxvqa"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)

# %%
import os

LABELS, FOLDER = "", ""  # a CSV of your scores, and the folder with your videos
CLIPS = int(os.environ.get("JAXVQA_NOTEBOOK_CLIPS", "100"))  # to render where there are none

# %% [markdown]
# ## The layout
#
# A CSV with a column `filename`, and one for each dimension that there are scores of, on any scale, higher for better: by the
# name or code of one of the 16 dimensions, or, for a new one, by its prompt pair, such as
# `calm / grainy`. A cell without a score is empty. Videos of one scene get the same `group`, if you can tell: they are held
# out together. Scores are joined to files by name, and each missing video is told.
#
# Without videos of your own, clips are rendered here and rated by simulated people. Their scores of noise pass for a new
# dimension, and a third of those of sharpness are taken away. Results on them show how it is done, and nothing else.

# %%
import csv
from pathlib import Path

from jaxvqa.cli import main
from jaxvqa.results.table import read_table
from jaxvqa.synthetic.maxwell import render

if not LABELS:
    LABELS, FOLDER = "labels.csv", "rendered/videos"
    if not Path("rendered").exists():
        render("rendered", clips=CLIPS)
    with open(LABELS, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "overall", "sharpness", "calm / grainy"])
        for table, names in (("MaxWell_train.csv", "train_labels.txt"), ("MaxWell_val.csv", "test_labels.txt")):
            rated = read_table(Path("rendered", table), Path("rendered", names))
            scores = zip(rated.names, *(rated.scores[code] for code in ("O", "T-1", "T-3")), strict=True)
            writer.writerows([name, o, s if i % 3 else "", n] for i, (name, o, s, n) in enumerate(scores))
print(*Path(LABELS).read_text().splitlines()[:4], sep="\n")

# %% [markdown]
# ## Training on your scores
#
# On the command line: `jaxvqa finetune labels.csv FOLDER`. The head of jaxvqa-mini (or of the published weights, once
# `jaxvqa download` made them) goes on learning; the encoders stay as they are. Each fifth of the videos is scored by a
# model that was trained on the others, so that the table tells what to expect of new videos like these. The last line says
# what training adds: if its interval holds 0, nothing that could be shown with so few videos.

# %%

videos = len(Path(LABELS).read_text().splitlines()) - 1
finetune = [
    "finetune",
    LABELS,
    FOLDER,
    "--resamples=200",
    "--output=tuned",
    f"--train.batch={min(16, 3 * videos // 4)}",
]
assert main(finetune) == 0

# %% [markdown]
# ## What people say, and what the model says
#
# Each point is a video, scored by a model that had not seen it.

# %%
import matplotlib.pyplot as plt

human = read_table(LABELS, missing=True, custom=True)
predicted = read_table("tuned/predictions.csv", custom=True)
row_of = {name: row for row, name in enumerate(human.names)}
rows = [row_of[name] for name in predicted.names]
codes = list(predicted.scores)
figure, axes = plt.subplots(1, len(codes), figsize=(4 * len(codes), 4), squeeze=False, layout="constrained")
for axis, code in zip(axes[0], codes, strict=True):
    axis.scatter(predicted.scores[code], human.scores[code][rows], s=16, alpha=0.7)
    axis.set(xlabel="predicted, raw", ylabel="score that people gave", title=code)
plt.show()

# %% [markdown]
# ## Score with it
#
# `tuned/model`, trained on all videos, is a folder of weights like any other: `jaxvqa report VIDEOS --weights tuned/model`.
# What it was trained on, and in which dimensions, stands in every result; new dimensions stand beside the sixteen.

# %%
import jaxvqa

model = jaxvqa.load("tuned/model")
video = next(path for path in sorted(Path(FOLDER).rglob("*")) if path.name == human.names[0])
scores = model.score(video)
for dimension, score in zip(jaxvqa.DIMENSIONS, scores.display, strict=True):
    if dimension.code in model.card.dimensions:
        print(f"{video.name}: {dimension.name} {100 * score:.0f} of 100")
for pair, low, high in model.card.custom:
    print(f"{video.name}: {pair} {low + scores.custom[pair] * (high - low):.2f}, on the scale of your scores")

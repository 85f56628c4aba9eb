# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/jaxvqa/jaxvqa/blob/main/notebooks/your_own_database.ipynb)
#
# # Bring your own database
#
# You have videos, and for each the mean scores that people gave it. How well does a model agree with them, and does it agree
# better once it was trained on some of them? Takes some minutes on a CPU.

# %%
import importlib.util
import subprocess
import sys

if not importlib.util.find_spec("jaxvqa"):
    source = "jaxvqa @ git+https://github.com/jaxvqa/jaxvqa"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)

# %%
import os

OWN = ""  # a folder with your videos, train.csv and validation.csv
CLIPS = int(os.environ.get("JAXVQA_NOTEBOOK_CLIPS", "100"))  # to render where there is none

# %% [markdown]
# ## The layout
#
# A folder with the videos, anywhere in it, and two tables, `train.csv` and `validation.csv`: a column `filename`, and one for
# each of the 16 dimensions that there are scores of, by its name or code, on any scale, higher for better. Keep what shows
# the same scene in one of the two. Scores are joined to files by name, and each missing video is told.
#
# Without videos of your own, clips are rendered here and rated by simulated people, in overall quality and sharpness:
# results on them show how it is done, and nothing else.

# %%
import csv
import shutil
from pathlib import Path

from jaxvqa.datasets.synthetic import render
from jaxvqa.labels import read_scores

home = Path("data/own")
if not home.exists():
    home.parent.mkdir(exist_ok=True)
    if OWN:
        home.symlink_to(Path(OWN).resolve())
    else:
        render("rendered", clips=CLIPS)
        shutil.copytree("rendered/videos", home / "videos")
        for table, names, split in (
            ("MaxWell_train.csv", "train_labels.txt", "train"),
            ("MaxWell_val.csv", "test_labels.txt", "validation"),
        ):
            rated = read_scores(Path("rendered", table), Path("rendered", names))
            with (home / f"{split}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["filename", "overall", "sharpness"])
                writer.writerows(zip(rated.names, rated.scores["O"], rated.scores["T-1"], strict=True))
print(*(home / "train.csv").read_text().splitlines()[:4], sep="\n")

# %% [markdown]
# ## How well does the model agree as it is?
#
# On the command line: `jaxvqa evaluate --weights mini --database own:validation`.

# %%
from jaxvqa.cli import main

evaluate = ["evaluate", "--database=own:validation", "--resamples=200"]
assert main([*evaluate, "--weights=mini", "--output=before"]) == 0

# %% [markdown]
# ## Training on your scores
#
# The head of jaxvqa-mini goes on learning from the training videos, in the dimensions that there are scores of; the
# encoders stay as they are. Of the epochs, the one that is best on the validation videos counts, which flatters a little.

# %%
chunk = CLIPS // 5
train = ["train", "maxwell", "--weights=mini", "--warm-start", "--data.train=own:train"]
train += ["--data.validation=own:validation", f"--train.chunk={chunk}", f"--train.batch={min(16, chunk)}"]
train += ["--train.epochs-per-chunk=3", "--optimizer.schedule.period=3", "--optimizer.schedule.peak=1e-4"]
assert main([*train, "--train.ema=0.9", "--resamples=200", "--output=trained"]) == 0

# %% [markdown]
# ## Before and after
#
# Each point is a validation video, which was not trained on. The intervals in the tables above tell whether a difference
# means anything: with so few videos, it seldom does.

# %%
import matplotlib.pyplot as plt

human = read_scores(home / "validation.csv")
tables = {"before": "before/predictions.csv", "trained": "trained/predictions-own-validation.csv"}
codes = list(human.scores)
figure, axes = plt.subplots(1, len(codes), figsize=(4.5 * len(codes), 4), squeeze=False, layout="constrained")
for axis, code in zip(axes[0], codes, strict=True):
    for name, path in tables.items():
        predicted = read_scores(Path(path))
        by_name = dict(zip(predicted.names, predicted.scores[code], strict=True))
        axis.scatter([by_name[video] for video in human.names], human.scores[code], s=16, alpha=0.7, label=name)
    axis.set(xlabel="predicted, raw", ylabel="score that people gave", title=code)
axes[0, 0].legend()
plt.show()

# %% [markdown]
# ## Score with it
#
# `trained/model` is a folder of weights like any other: `jaxvqa report VIDEOS --weights trained/model`. What it was trained
# on, and on which dimensions, stands in every result.

# %%
import jaxvqa

model = jaxvqa.load("trained/model")
video = next(path for path in sorted(home.rglob("*")) if path.name == human.names[0])
print(f"{video.name}: overall {100 * model.score(video).display[0]:.0f} of 100")

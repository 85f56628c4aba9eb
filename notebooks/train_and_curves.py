# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/jaxvqa/jaxvqa/blob/main/notebooks/train_and_curves.ipynb)
#
# # Train, and read the curves
#
# Everything there is to a training, on any machine and offline: a database is rendered, features are extracted, a head is
# trained and evaluated. Takes some minutes on a CPU.

# %%
import importlib.util
import subprocess
import sys

if not importlib.util.find_spec("jaxvqa"):
    source = "jaxvqa[train] @ git+https://github.com/jaxvqa/jaxvqa"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)

# %%
import os

CLIPS = int(os.environ.get("JAXVQA_NOTEBOOK_CLIPS", "120"))  # to render; a fifth of them for validation

# %% [markdown]
# ## A synthetic database
#
# Clips of photographs and rendered pictures, degraded at known strengths, in the layout of MaxWell, "rated" by simulated
# people in its 16 dimensions. Nobody saw them: results on them show how training works, and say nothing about real videos.

# %%
from pathlib import Path

from jaxvqa.cli import main
from jaxvqa.synthetic.maxwell import render

if not Path("data/synthetic_maxwell").exists():
    render("data/synthetic_maxwell", clips=CLIPS)
print((Path("data/synthetic_maxwell") / "MaxWell_train.csv").read_text()[:250], "...")

# %% [markdown]
# ## Training
#
# The recipe is that of MaxVQA's follow-up, small: chunk by chunk, PLCC and Huber loss, cosine restarts, a new head on the
# encoders of jaxvqa-mini. These are frozen, so that features are extracted once. This is `jaxvqa train quickstart` with other
# sizes; `jaxvqa train quickstart --help` tells all settings. Stopped and started again, it goes on.

# %%

chunk = CLIPS // 5 * 4 // 4
code = main(
    [
        "train",
        "quickstart",
        "--output=run",
        f"--train.chunk={chunk}",
        f"--train.batch={min(16, chunk)}",
        "--train.passes=3",
        "--resamples=200",
    ]
)
assert code == 0

# %% [markdown]
# ## Curves
#
# One line of `history.csv` an epoch. Grey lines are where the next chunk begins: watch what it does to the loss. The
# model is the last epoch. The head starts at random, so that the validation correlations start at about 0.

# %%
import csv
import itertools

import matplotlib.pyplot as plt

with open("run/history.csv", newline="") as file:
    history = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
epochs = [row["epoch"] for row in history]
figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
for axis, columns in zip(axes, (("loss",), ("plcc_mean", "srcc_mean"), ("rate",)), strict=True):
    for column in columns:
        axis.plot(epochs, [row[column] for row in history], label=column)
    for before, after in itertools.pairwise(history):
        if before["chunk"] != after["chunk"]:
            axis.axvline(before["epoch"] + 0.5, color="lightgrey", linewidth=0.7, zorder=0)
    axis.set(xlabel="epoch")
    axis.legend()
axes[0].set_title("loss in training")
axes[1].set_title("validation, mean of 16 dimensions")
axes[2].set_title("learning rate")
plt.show()

# %% [markdown]
# ## Evaluation
#
# Correlations on the validation clips, with 95 % bootstrap intervals: with so few clips they are wide, and a point without
# its interval would say little.

# %%
import json

[evaluation] = Path("run").glob("evaluation-*/evaluation.json")
table = json.loads(evaluation.read_text())
codes = list(table)
figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
middle = [table[code]["srcc"] for code in codes]
low = [table[code]["srcc"] - table[code]["srcc_low"] for code in codes]
high = [table[code]["srcc_high"] - table[code]["srcc"] for code in codes]
axes.errorbar(codes, middle, (low, high), fmt="o", capsize=3)
axes.axhline(0, color="grey", linewidth=0.8)
axes.set(ylabel="SRCC", ylim=(-1, 1))
axes.tick_params(axis="x", rotation=45)
plt.show()

# %% [markdown]
# ## Score with it
#
# `run/model` is a folder of weights like any other: `jaxvqa score VIDEOS --weights run/model`.

# %%
import jaxvqa

model = jaxvqa.load("run/model")
clip = sorted(Path("data/synthetic_maxwell/videos").iterdir())[4]
scores = model.score(clip)
print(clip.name, {name: round(score, 2) for name, score in scores.dimensions.items()})

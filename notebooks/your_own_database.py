# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/jaxvqa/jaxvqa/blob/main/notebooks/your_own_database.ipynb)
#
# # Bring your own database
#
# You have videos, and for each the mean score that people gave it. How well does a model agree with them, and does it agree
# better once it was trained on them? Takes some minutes on a CPU.

# %%
import importlib.util
import subprocess
import sys

if not importlib.util.find_spec("jaxvqa"):
    source = "jaxvqa @ git+https://github.com/jaxvqa/jaxvqa"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)

# %%
import os

OWN = ""  # a folder with your videos and a labels.txt
CLIPS = int(os.environ.get("JAXVQA_NOTEBOOK_CLIPS", "100"))  # to render where there is none

# %% [markdown]
# ## The layout
#
# A folder with the videos, anywhere in it, and a `labels.txt` with a line `name, ..., score` for each: first the file's name,
# last its score, on any scale, higher for better. So are KoNViD-1k, LIVE-VQC and others laid out, and for now your own
# database borrows one of their names, such as `konvid_1k`. Labels are joined to files by name; each missing video is told.
#
# Without videos of your own, clips are rendered here and rated by simulated people: results on them show how it is done,
# and nothing else.

# %%
import csv
import shutil
from pathlib import Path

from jaxvqa.datasets.synthetic import render

home = Path("data/konvid_1k")
if not home.exists():
    home.parent.mkdir(exist_ok=True)
    if OWN:
        home.symlink_to(Path(OWN).resolve())
    else:
        render("rendered", clips=CLIPS)
        shutil.copytree("rendered/videos", home / "videos")
        lists = [Path("rendered", name).read_text().splitlines() for name in ("train_labels.txt", "test_labels.txt")]
        (home / "labels.txt").write_text("\n".join(lists[0] + lists[1]) + "\n")
print(*(home / "labels.txt").read_text().splitlines()[:4], sep="\n")

# %% [markdown]
# ## How well does the model agree as it is?
#
# On the command line: `jaxvqa evaluate --weights mini --database konvid_1k`.

# %%
from jaxvqa.cli import main

evaluated = ["evaluate", "--weights=mini", "--database=konvid_1k", "--output=before", "--resamples=200"]
assert main(evaluated) == 0

# %% [markdown]
# ## Training on your labels
#
# Five-fold: the head is trained on four fifths of the videos and tested on the fifth it did not see, five times, so that
# each video is tested once. Labels are of overall quality, so that is the dimension that is trained. Of the epochs, the one
# that is best on the part held out counts, which flatters a little.

# %%
trained = [
    "train",
    "cross",
    "--weights=mini",
    "--warm-start",
    "--data.train=konvid_1k",
    "--data.test=",
    "--output=cross",
    f"--train.chunk={CLIPS // 5}",
    f"--train.batch={min(16, CLIPS // 5)}",
    "--train.epochs-per-chunk=3",
    "--optimizer.schedule.period=3",
    "--optimizer.schedule.peak=1e-4",
    "--train.ema=0.9",
    "--resamples=50",
]
assert main(trained) == 0

# %%
import matplotlib.pyplot as plt
import numpy as np

from jaxvqa.datasets.mos import read_labels

names, labels = read_labels(home / "labels.txt")
human = dict(zip(names, labels[:, 0], strict=True))
folds = sorted(Path("cross").glob("fold-*/predictions-*held-out.csv"))
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
for axis, title, files in zip(
    axes, ("as it is", "trained, on videos held out"), ([Path("before/predictions.csv")], folds), strict=True
):
    points = []
    for number, file in enumerate(files):
        with file.open(newline="") as opened:
            rows = [(float(row["O"]), human[row["filename"]]) for row in csv.DictReader(opened)]
        axis.scatter(*np.transpose(rows), s=14, alpha=0.7, color=f"C{number}")
        points += rows
    axis.set(xlabel="predicted overall score", title=f"{title}: {len(points)} videos")
axes[0].set_ylabel("score that people gave")
plt.show()

# %% [markdown]
# Each colour is a fold, trained apart from the others, so that only points of one colour compare. The table above has
# means and deviations over folds: with a hundred videos, a difference within them means nothing.
#
# ## A model to keep
#
# Each fold left one; for use, train on all of it: `jaxvqa train maxwell --weights mini --warm-start
# --data.train konvid_1k --data.validation ANOTHER`. Any of them scores videos:

# %%
import jaxvqa

folder = Path("cross/fold-0/model")
model = jaxvqa.load(folder)
video = min((home / "videos").iterdir()) if not OWN else min(Path(OWN).rglob("*.mp4"))
print(f"{video.name}: overall {model.score(video).overall:.3f}, people gave it {human[video.name]:.2f}")

# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/jaxvqa/jaxvqa/blob/main/notebooks/convert_and_check.ipynb)
#
# # Convert weights, and check that they compute the same
#
# The published checkpoints are PyTorch files, which jaxvqa reads itself. They are converted once, into a folder of two
# files without code. Then the networks are compared with what the published implementation computes, array by array. Takes two minutes on a CPU.

# %%
import importlib.util
import subprocess
import sys

if not importlib.util.find_spec("jaxvqa"):
    source = "jaxvqa[train] @ git+https://github.com/jaxvqa/jaxvqa"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)

# %% [markdown]
# ## Which files
#
# By default stand-ins are converted: files in the exact layout of the published ones, with random numbers that can be made
# anywhere, and golden outputs of the published implementation on them. For the published weights themselves set
# `CHECKPOINTS` to a folder with `DOVER.pth`, `RN50.pt` and `maxvqa_maxwell.pt`; the last section tells how to have them
# fetched. MaxVQA and DOVER are for non-commercial use only, by their authors; CLIP is under the MIT license.

# %%
import os

CHECKPOINTS = ""  # or a folder with the published files
PARTS = os.environ.get("JAXVQA_NOTEBOOK_PARTS", "")  # of the golden files, those to compare; empty, all

# %%
from pathlib import Path

here = Path.cwd()
root = next((folder for folder in (here, *here.parents) if (folder / "tests" / "golden").is_dir()), here / "jaxvqa")
if not root.exists():
    subprocess.run(["git", "clone", "-q", "https://github.com/jaxvqa/jaxvqa", root], check=True)
golden = root / "tests" / "golden"

# %%
import runpy

import numpy as np

standins = not CHECKPOINTS
files = Path(CHECKPOINTS or "checkpoints")
if standins:
    files.mkdir(exist_ok=True)
    weights = runpy.run_path(str(golden / "weights.py"))
    for file, name in (("DOVER.pth", "dover"), ("RN50.pt", "clip_rn50"), ("maxvqa_maxwell.pt", "maxvqa")):
        weights["save"](weights["state_dict"](name), files / file)
for file in sorted(files.iterdir()):
    print(f"{file.name:20s} {file.stat().st_size / 1e6:6.1f} MB")

# %% [markdown]
# ## Convert
#
# Every tensor must be there, in its shape, and be finite; nothing that is stored in a checkpoint is run. On the command
# line this is `jaxvqa convert`.

# %%
import shutil

from jaxvqa.parity import check_folder
from jaxvqa.synthetic.scenes import Camera, film, picture
from jaxvqa.synthetic.transcode import encode
from jaxvqa.upstream.convert import convert_checkpoints
from jaxvqa.weights.load import load_weights

shutil.rmtree("weights", ignore_errors=True)  # of an earlier run of this notebook
weights_id = convert_checkpoints("weights", files / "DOVER.pth", files / "RN50.pt", files / "maxvqa_maxwell.pt")
print("weights", weights_id)

# %% [markdown]
# ## Check
#
# Golden arrays are of the stand-ins: with other weights there is nothing to compare with, and the modules are the same.

# %%

found = []
if standins:
    chosen = Path("golden")
    shutil.rmtree(chosen, ignore_errors=True)
    chosen.mkdir()
    for file in (golden / "seed0").iterdir():
        if not PARTS or file.name.startswith(tuple(PARTS.split(","))):
            shutil.copy(file, chosen)
    found = list(check_folder(chosen, load_weights("weights"), None))
    print(f"{sum(comparison.passed for _, comparison in found)} of {len(found)} arrays are within their limits")
    for file in dict.fromkeys(file for file, _ in found):
        worst = max((each for name, each in found if name == file), key=lambda each: each.relative)
        print(f"{file:24s} largest difference {worst.relative:.1e} of the largest value ({worst.array})")

# %% [markdown]
# Single precision knows seven digits: differences of a millionth are what other orders of the same sums make. Exact
# integers (frames that are looked at) must be equal, and are not drawn.

# %%
import matplotlib.pyplot as plt

drawn = [(file, each) for file, each in found if each.relative > 0]
if drawn:
    groups = list(dict.fromkeys(file for file, _ in drawn))
    rows = [groups.index(file) for file, _ in drawn]
    figure, axes = plt.subplots(figsize=(8, 0.4 * len(groups) + 1.2), layout="constrained")
    axes.scatter([each.relative for _, each in drawn], rows, s=18, alpha=0.6, label="difference")
    axes.scatter([each.limit for _, each in drawn], rows, marker="|", s=120, color="firebrick", label="limit")
    axes.set(xscale="log", yticks=range(len(groups)), yticklabels=groups, xlabel="relative to the largest golden value")
    axes.legend()
    plt.show()

# %% [markdown]
# ## Score with them
#
# The converted folder is what `jaxvqa.load` and `--weights` take. (Scores of stand-ins mean nothing.)

# %%
import jaxvqa

generator = np.random.default_rng(0)
encode(
    Path("clip.mp4"), film([picture("coffee", 240, 360, generator)] * 48, 240, 360, 0.0, Camera(), generator), 24, 22
)
scores = jaxvqa.load("weights").score("clip.mp4")
print({name: round(score, 3) for name, score in scores.dimensions.items()})

# %% [markdown]
# ## The published weights, in one command
#
# `jaxvqa download` fetches the published files, verifies, converts and tries them, and puts them where scoring finds
# them from then on. Take the comment sign away to run it.

# %%
# subprocess.run(["jaxvqa", "download"], check=True)

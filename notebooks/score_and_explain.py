# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/jaxvqa/jaxvqa/blob/main/notebooks/score_and_explain.ipynb)
#
# # Score a video, and see why
#
# A video goes in, 16 quality scores come out, and with them where and when they come from. This takes a minute on a CPU,
# and no GPU.

# %%
import importlib.util
import subprocess
import sys

if not importlib.util.find_spec("jaxvqa"):
    source = "jaxvqa @ git+https://github.com/jaxvqa/jaxvqa"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)

# %% [markdown]
# ## A video
#
# Name one of your own in `VIDEO`, or leave it empty: then two are made here, a good one, and the same scene out of focus,
# noisy and badly compressed.

# %%
import os

VIDEO = ""  # such as "clip.mp4"
REPEATS = int(os.environ.get("JAXVQA_NOTEBOOK_REPEATS", "5"))  # samplings, further down

# %%
from pathlib import Path

import numpy as np

from jaxvqa.datasets.degradations import AESTHETIC, TECHNICAL, degrade
from jaxvqa.datasets.scenes import Camera, film, picture
from jaxvqa.datasets.synthetic import encode


def make(path: str, crf: int, **strengths: float) -> str:
    """Films a photograph, degrades it (strengths from 0 to 1, by code of the dimension), and encodes it."""
    generator = np.random.default_rng(7)
    scene = [picture("cat", 240, 360, generator)] * 72
    clip = film(scene, 240, 360, 0.0, Camera(), generator)
    clip = degrade(
        clip,
        dict.fromkeys(AESTHETIC + TECHNICAL, 0.0) | {k.replace("_", "-"): v for k, v in strengths.items()},
        generator,
    )
    encode(Path(path), clip, 24, crf)
    return path


videos = [VIDEO] if VIDEO else [make("good.mp4", 20), make("bad.mp4", 38, T_2=0.6, T_3=0.5)]

# %% [markdown]
# ## Scores
#
# `jaxvqa.load("mini")` is the small model that comes with the package: it was trained on rendered flaws, and is blind to
# content and taste. `jaxvqa download`, once, and `jaxvqa.load()` is the published MaxVQA.

# %%
import jaxvqa

model = jaxvqa.load("mini")
explanations = [model.explain(video) for video in videos]
for explanation in explanations:
    print(f"{explanation.path}: overall {100 * explanation.scores.display[0]:.0f} of 100")

# %% [markdown]
# Each dimension is a number from 0 to 100, higher is better in all of them: noise 90 means little noise. 50 is the average
# of the videos that the model was trained on. Compare videos within a dimension, not dimensions with each other. Dimensions
# with a star are not validated for these weights: there, numbers may mean nothing.

# %%
import matplotlib.pyplot as plt

from jaxvqa.weights import unvalidated

stars = unvalidated(model.training)
names = [dimension.name + " *" * (dimension.code in stars) for dimension in jaxvqa.DIMENSIONS]
rows = np.arange(16)
figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
for i, explanation in enumerate(explanations):
    height = 0.8 / len(explanations)
    axes.barh(rows + i * height, 100 * explanation.scores.display, height, label=explanation.path)
axes.set(yticks=rows + 0.4 - height / 2, yticklabels=names, xlim=(0, 100), xlabel="score")
axes.axvline(50, color="grey", linewidth=0.8)
axes.invert_yaxis()
axes.legend()
plt.show()

# %% [markdown]
# ## Why
#
# In words: what is weakest, compared with the videos that the model was trained on, and when and where.

# %%
for explanation in explanations:
    print(f"{explanation.path}: {' '.join(explanation.sentences)}")

# %% [markdown]
# When: the score of each moment. Where: the score of each of 7x7 positions, over the frame at the worst moment.

# %%
import io

from PIL import Image

SHOWN = [i for i, dimension in enumerate(jaxvqa.DIMENSIONS) if dimension.name in ("sharpness", "focus", "noise")]
figure, axes = plt.subplots(
    len(explanations), len(SHOWN) + 1, figsize=(11, 2.6 * len(explanations)), squeeze=False, layout="constrained"
)
for row, explanation in zip(axes, explanations, strict=True):
    for i in SHOWN:
        series = explanation.timeline(i)
        centre, width = (np.array(values)[i] for values in explanation.scale)
        row[0].plot(series.seconds, 100 / (1 + np.exp((centre - series.raw[:, i]) / width)), label=names[i])
    row[0].set(ylim=(0, 100), xlabel="seconds", title=explanation.path)
    for axis, i in zip(row[1:], SHOWN, strict=True):
        frame = explanation.timeline(i).frames[explanation.worst(i).at]
        still = Image.open(io.BytesIO(explanation.stills[frame]))
        places = 100 * explanation.local_display[:, :, i].mean(axis=0).reshape(7, 7)
        axis.imshow(still)
        shown = axis.imshow(
            places, extent=(0, still.width, still.height, 0), cmap="cividis", vmin=0, vmax=100, alpha=0.5
        )
        axis.set(title=names[i], xticks=[], yticks=[])
axes[0, 0].legend(fontsize="small")
figure.colorbar(shown, ax=axes, label="score")
plt.show()

# %% [markdown]
# All of it on one page, that needs no network: open it in a browser, or send it to someone.

# %%
for explanation in explanations:
    page = Path(explanation.path).with_suffix(".html").name
    Path(page).write_text(explanation.to_html(), encoding="utf-8")
    print(page, f"{Path(page).stat().st_size / 1000:.0f} kB")

# %% [markdown]
# ## How sure, and which encode is better
#
# The model looks at some frames and patches, drawn by the file's name and a seed, so that the same file gets the same
# scores each time. Several samplings give a mean, and how far they differ. Two encodes of one scene:

# %%
encodes = [make("crf22.mp4", 22), make("crf40.mp4", 40)]
scores = [model.explain(encode, repeats=REPEATS).scores for encode in encodes]
print(f"{'dimension':24s}  {encodes[0]:>16s}  {encodes[1]:>16s}")
for i, name in enumerate(names):
    both = "  ".join(f"{one.raw[i]:8.3f} ± {one.deviation[i]:.3f}" for one in scores)
    error = 2 * np.hypot(*(one.deviation[i] for one in scores)) / np.sqrt(REPEATS)
    print(f"{name:24s}  {both}{'  differs' if abs(scores[1].raw[i] - scores[0].raw[i]) > error else ''}")

# %% [markdown]
# These are raw scores, from 0 to 1. On the command line the same is `jaxvqa compare crf22.mp4 crf40.mp4 --repeats 5`, and
# for whole folders `jaxvqa report FOLDER`.

# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/jaxvqa/jaxvqa/blob/main/notebooks/score_and_explain.ipynb)
#
# # Score a video, and see why
#
# A video goes in, 16 quality scores come out, and with them when and where they come from. No original to compare with is
# needed. It takes a minute or two on a CPU; a GPU is used if there is one.

# %%
import importlib.util
import subprocess
import sys

if not importlib.util.find_spec("jaxvqa"):
    source = "jaxvqa[train] @ git+https://github.com/jaxvqa/jaxvqa"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)

# %% [markdown]
# ## Settings
#
# Put the path of a video of yours into `VIDEO`, or leave it empty: then two are made here.

# %%
import os

VIDEO = ""  # such as "clip.mp4"
REPEATS = int(os.environ.get("JAXVQA_NOTEBOOK_REPEATS", "5"))  # samplings, in the last section

# %% [markdown]
# ## A video
#
# The two are of one scene. `good.mp4` is as good as it gets here; `bad.mp4` is noisy and shaky. Strengths go from 0 to 1,
# and stand under the code of the dimension they spoil: T-3 is noise, T-5 stability.

# %%
import matplotlib.pyplot as plt
import numpy as np

import jaxvqa
from jaxvqa.synthetic.degradations import AESTHETIC, TECHNICAL, degrade
from jaxvqa.synthetic.scenes import Camera, film, picture
from jaxvqa.synthetic.transcode import encode
from jaxvqa.weights.model_card import scored, unvalidated


def make(path: str, crf: int, flaws: dict[str, float] | None = None) -> str:
    """Films a photograph, degrades the clip by flaws of given strengths, and encodes it: a high crf saves bytes."""
    strengths = dict.fromkeys(AESTHETIC + TECHNICAL, 0.0) | (flaws or {})
    generator = np.random.default_rng(7)
    scene = [picture("cat", 270, 480, generator)] * 96
    clip = film(scene, 270, 480, 0.0, Camera(shake=strengths["T-5"]), generator)
    encode(path, degrade(clip, strengths, generator), 24, crf)
    return path


videos = [VIDEO] if VIDEO else [make("good.mp4", 20), make("bad.mp4", 20, {"T-3": 0.6, "T-5": 0.8})]

# %% [markdown]
# ## Scores
#
# `jaxvqa.load("mini")` is jaxvqa-mini, the small model that comes with the package. Its overall score estimates VMAF on a 1080p
# display; it does not judge content or taste. For the published MaxVQA model, run `jaxvqa download` once, then `jaxvqa.load()`.

# %%
model = jaxvqa.load("mini")
explanations = [model.explain(video) for video in videos]
for explanation in explanations:
    print(f"{explanation.path}: overall {100 * explanation.scores.display[0]:.0f} of 100")

# %%
import io

from PIL import Image

figure, axes = plt.subplots(1, len(explanations), figsize=(7, 2.3), squeeze=False, layout="constrained")
for axis, explanation in zip(axes[0], explanations, strict=True):
    axis.imshow(Image.open(io.BytesIO(explanation.stills[min(explanation.stills)])))
    axis.set(title=explanation.path, xticks=[], yticks=[])
plt.show()

# %% [markdown]
# **Overall is wrong here**, and it is good to know why: a 1080p display enlarges 270 lines to a soft picture, and jaxvqa-mini
# takes noise on such a picture for detail. Noise (T-3) and stability (T-5) below are right.
#
# There are three ways to read a score. In all of them, **higher is better in every dimension**: noise 90 means little noise.
#
# - **Raw**, `scores.raw`: what the model says, between 0 and 1. Compare videos within a dimension.
# - **Display**, `scores.display`: with jaxvqa-mini, overall estimates VMAF, and the other dimensions go from 0, the strongest
#   distortion in training, to 1, none. Shown here times 100.
# - **Percentile**, `percentiles`: of how many of a hundred encodes of its training this one is better.
#
# A **star** marks dimensions that missed our validation targets; the model card, docs/MINI.md, reports how that was measured.
# Dimensions that a model was not trained in are **not scored**: their numbers are NaN, and they are left out here.

# %%
from IPython.display import Markdown, display

there, stars = np.flatnonzero(scored(model.card)), unvalidated(model.card)
names = [dimension.name + " *" * (dimension.code in stars) for dimension in jaxvqa.DIMENSIONS]
table = "| dimension | " + " | ".join(f"{e.path}: raw | display | percentile" for e in explanations) + " |\n"
table += "|:--|" + "--:|" * 3 * len(explanations) + "\n"
for i in there:
    cells = [f"{e.scores.raw[i]:.3f} | {100 * e.scores.display[i]:.0f} | {e.percentiles[i]:.0f}" for e in explanations]
    table += f"| {names[i].replace('*', chr(92) + '*')} | {' | '.join(cells)} |\n"
display(Markdown(table))

# %%
rows, labels = np.arange(len(there)), [names[i] for i in there]
height = 0.8 / len(explanations)
figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
for number, explanation in enumerate(explanations):
    axes.barh(rows + number * height, explanation.percentiles[there], height, label=explanation.path)
axes.axvline(50, color="grey", linewidth=0.8)
axes.set(yticks=rows + 0.4 - height / 2, yticklabels=labels, xlim=(0, 100), xlabel="percentile")
axes.invert_yaxis()
axes.legend()
plt.show()

# %% [markdown]
# ## Why
#
# In words: what is weakest compared with the videos that the model was trained on, when, and where.

# %%
for explanation in explanations:
    print(f"{explanation.path}: {' '.join(explanation.sentences)}")

# %% [markdown]
# **When.** A score for each moment: jaxvqa-mini looks at 16 frames of a video.

# %%
shown = [i for i, dimension in enumerate(jaxvqa.DIMENSIONS) if dimension.name in ("sharpness", "noise", "stability")]
figure, axes = plt.subplots(1, len(shown), figsize=(11, 3), sharey=True, layout="constrained")
for axis, i in zip(axes, shown, strict=True):
    for explanation in explanations:
        series = explanation.timeline(i)
        axis.plot(series.seconds, 100 * model.display(series.raw)[:, i], ".-", linewidth=0.8, label=explanation.path)
    axis.set(title=names[i], xlabel="seconds", ylim=(0, 100))
axes[0].set_ylabel("display score")
axes[0].legend(loc="lower right")
plt.show()

# %% [markdown]
# **Where.** A score for each of 7x7 positions, the mean over all moments, over the frame at which the dimension is worst.
# Yellow is good, dark blue is bad.

# %%
figure, axes = plt.subplots(
    len(explanations), len(shown), figsize=(8.5, 1.8 * len(explanations)), squeeze=False, layout="constrained"
)
for line, explanation in zip(axes, explanations, strict=True):
    for axis, i in zip(line, shown, strict=True):
        frame = explanation.timeline(i).frames[explanation.worst(i).at]
        still = Image.open(io.BytesIO(explanation.stills[frame]))
        positions = 100 * explanation.local_display[:, :, i].mean(axis=0).reshape(7, 7)
        axis.imshow(still)
        extent = (0, still.width, still.height, 0)
        colours = axis.imshow(positions, extent=extent, cmap="cividis", vmin=0, vmax=100, alpha=0.6)
        axis.set(title=f"{explanation.path}: {names[i]}", xticks=[], yticks=[])
figure.colorbar(colours, ax=axes, label="display score")
plt.show()

# %% [markdown]
# ## A page to keep
#
# All of that, for all dimensions that the model scores, is one HTML file that needs no network: open it in a browser, or send it to someone.

# %%
from pathlib import Path

for explanation in explanations:
    page = Path(Path(explanation.path).name).with_suffix(".html")
    page.write_text(jaxvqa.report([explanation]), encoding="utf-8")
    print(f"{page}: {page.stat().st_size / 1000:.0f} kB")

# %% [markdown]
# ## Which encode is better, and how sure is that?
#
# The model does not look at every pixel. A seed decides which frames and patches it sees: the same times and places in every
# video. `repeats` samples a video several times; scores are the means then, and `deviation` is how far they differ. Here are two encodes of one scene, the second with a tenth of the bytes or so.

# %%
encodes = [make("crf20.mp4", 20), make("crf42.mp4", 42)]
scores = [model.explain(encode, repeats=REPEATS).scores for encode in encodes]
for path in encodes:
    print(f"{path}: {Path(path).stat().st_size / 1000:.0f} kB")

# %% [markdown]
# A difference counts if chance alone would hardly bring it about: by a paired t-test, since each sampling looks at the same
# times and places of both videos, corrected for all dimensions, at 5 % for all of them together. The grey bars are two standard errors. That a difference counts says that other frames and
# patches would show it as well, not that people would see it: least of all with a star.

# %%
from jaxvqa.evaluation.samplings import corrected_p

difference = (scores[1].raw - scores[0].raw)[there]
samplings = [each.samplings for each in scores]
error = 2 * (samplings[1] - samplings[0]).std(axis=0, ddof=1)[there] / np.sqrt(REPEATS)
clear = corrected_p(*samplings)[there] <= 0.05
figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
axes.barh(rows, difference, color=np.where(clear, "C0", "lightgrey"), xerr=error, ecolor="grey", capsize=2)
axes.axvline(0, color="black", linewidth=0.8)
axes.set(yticks=rows, yticklabels=labels, xlabel=f"raw score of {encodes[1]} minus that of {encodes[0]}")
axes.invert_yaxis()
plt.show()
print(
    "differences beyond sampling noise:",
    ", ".join(name for name, counts in zip(labels, clear, strict=True) if counts) or "none",
)

# %% [markdown]
# ## On the command line
#
# ```bash
# jaxvqa score VIDEOS                               # a table, CSV and JSON lines
# jaxvqa report VIDEOS                              # and the page, for all of them
# jaxvqa compare crf20.mp4 crf42.mp4 --repeats 5    # two videos, or two folders
# ```

"""Scores as notebooks show them: a small table in HTML, and charts by Matplotlib."""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jinja2
import numpy as np
from jaxtyping import Float

from ..system.extras import extras_told
from ..system.terminal import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 60  # of a line in the table: videos that were seen densely have more frames than it has pixels
MARKED = 100  # time steps of a chart from which they have no marks: fewer are so far apart that it shows
# The colors of text and lines are those of the page, so that they can be read on light and on dark ones.
TABLE = """\
<div style="max-width:46em">
{%- if title %}<p style="margin:0 0 .3em"><b>{{ title }}</b></p>{% endif %}
{%- for sentence in sentences %}<p style="margin:0 0 .3em">{{ sentence }}</p>{% endfor %}
<table style="border-collapse:collapse;margin:.3em 0;color:inherit;font:inherit">
{%- for each in scored %}
<tr style="background:none"><th scope="row" style="text-align:left;padding:.1em 1em .1em 0;\
font-weight:{{ "bold" if loop.first else "normal" }}">{{ each.name }}</th>
<td style="text-align:right;padding:.1em .6em">{{ "%.0f" | format(100 * each.score) }}</td>
<td style="padding:.1em .6em"><div style="width:10em;height:.6em;background:rgba(128,128,128,.25)">\
<div style="width:{{ "%.0f" | format(100 * each.score) }}%;height:100%;background:#3987c9"></div></div></td>
{%- if each.seconds is not none %}
<td style="padding:.1em .6em"><svg width="120" height="18" viewBox="0 0 120 18" role="img" \
aria-label="{{ each.name }} over time"><path d="M0 17.5H120" stroke="currentColor" stroke-opacity=".3"/>\
<polyline points="{{ points(each) }}" fill="none" stroke="currentColor"/></svg></td>
{%- endif %}</tr>
{%- endfor %}
{%- for pair, score in custom.items() %}
<tr style="background:none"><th scope="row" style="text-align:left;font-weight:normal;padding:.1em 1em .1em 0">\
{{ pair }}</th><td style="text-align:right;padding:.1em .6em">{{ "%.3f" | format(score) }}</td>\
<td style="text-align:left;padding:.1em .6em">raw, 0 to 1</td></tr>
{%- endfor %}
</table>
<p style="margin:0;opacity:.75">
{%- if scored %}From 0 to 100, higher is better. {% endif -%}
{%- if missing %}Not scored by this model: {{ missing | join(", ") }}. {% endif -%}
{{ notice }}</p></div>
"""


class Shown(NamedTuple):
    """A dimension as a notebook shows it.

    Attributes:
        name: with a star if the weights are not validated in it.
        score: on the display scale, 0 to 1; NaN if it is not scored.
        seconds: times of scores over time, in order, if there are any.
        over_time: these scores, on the display scale.
    """

    name: str
    score: float
    seconds: Float[np.ndarray, " n"] | None = None
    over_time: Float[np.ndarray, " n"] | None = None


def table_html(
    shown: Sequence[Shown],
    custom: Mapping[str, float],
    title: str = "",
    sentences: Sequence[str] = (),
    notice: str = "",
) -> str:
    """Returns a table of scores with bars, and with lines over time if they are known, to be put into a page.

    Args:
        custom: raw scores of prompt pairs.
        title: shown above it, as all texts escaped.
        sentences: shown above it, too.
        notice: shown below it.
    """
    return template().render(
        title=printable(title),
        sentences=sentences,
        scored=[each for each in shown if not math.isnan(each.score)],
        missing=[each.name for each in shown if math.isnan(each.score)],
        custom={printable(pair): score for pair, score in custom.items()},
        notice=notice,
        points=points,
    )


@functools.cache
def template() -> jinja2.Template:
    """The table; all that is put into it is escaped."""
    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(TABLE)


def points(shown: Shown) -> str:
    """Returns the points of a line over time in a picture of 120x18."""
    seconds, values = np.asarray(shown.seconds), np.asarray(shown.over_time)
    line = np.stack([120 * seconds / max(float(seconds[-1]), 1e-3), 1 + 16 * (1 - values)], axis=1)
    parts = np.array_split(line, min(len(line), POINTS))
    return " ".join("{:.1f},{:.1f}".format(*part.mean(axis=0)) for part in parts)


def plot_bars(shown: Sequence[Shown], ax: "Axes | None") -> "Axes":
    """Draws scores as bars from 0 to 100, the first on top, into `ax` or a new figure.

    Raises:
        UserError: Matplotlib is not installed.
    """
    scored = [each for each in shown if not math.isnan(each.score)]
    if ax is None:
        with extras_told("notebook"):
            import matplotlib.pyplot as plt
        _, ax = plt.subplots(figsize=(6, 0.8 + 0.28 * len(scored)), layout="constrained")
    bars = ax.barh([each.name for each in scored], [100 * each.score for each in scored])
    ax.bar_label(bars, fmt="%.0f", padding=3)
    ax.invert_yaxis()
    ax.set(xlim=(0, 115), xticks=range(0, 101, 20), xlabel="score, 0 to 100, higher is better")
    return ax


def plot_lines(shown: Sequence[Shown], title: str) -> "list[Axes]":
    """Draws scores over time in a new figure, a chart for each dimension, three side by side.

    Raises:
        UserError: Matplotlib is not installed.
    """
    with extras_told("notebook"):
        import matplotlib.pyplot as plt
    rows = -(-len(shown) // 3)
    figure, grid = plt.subplots(
        rows, 3, figsize=(9, 0.6 + 1.5 * rows), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    axes = list(grid.flat)
    for axis in axes[len(shown) :]:
        axis.remove()
    for axis, each in zip(axes, shown, strict=False):
        seconds = np.asarray(each.seconds)
        marker = "." if len(seconds) < MARKED else ""
        axis.plot(seconds, 100 * np.asarray(each.over_time), marker=marker, linewidth=1)
        axis.axhline(100 * each.score, color="gray", linewidth=0.8, linestyle="--")
        axis.set_title(f"{each.name} {100 * each.score:.0f}", fontsize="medium", loc="left")
        axis.set_ylim(-3, 103)
    for axis in axes[max(len(shown) - 3, 0) : len(shown)]:
        axis.tick_params(labelbottom=True)  # of a column that is shorter than others, too
    figure.supxlabel("seconds", fontsize="medium")
    figure.suptitle(printable(title), fontsize="medium", parse_math=False)  # a path may have dollar signs
    return axes[: len(shown)]

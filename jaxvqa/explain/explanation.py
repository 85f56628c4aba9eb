"""What the scores of a video say: how it compares, which dimensions are weakest, and when and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..dimensions import DIMENSIONS, PERCENTS, DisplayScale
from ..errors import UserError
from ..geometry import GRID, INTERVAL
from ..results.moments import moment_rows, number_or_none
from ..results.notebook import Shown, plot_lines, table_html
from ..results.rows import DISPLAY, RAW, Row
from ..results.scores import Scores
from ..system.extras import extras_told
from ..video.decode import Video
from ..video.display import DisplayPlan
from ..video.sampling import Sampling, SamplingPlan
from ..weights.model_card import ModelCard, display_scale, notice, scored, unvalidated
from .locations import TECHNICAL, Locations, locate
from .percentiles import percentiles, reference_quantiles, weakest_dimensions

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

NOTABLE = 0.25  # differences within a video below this, in deviations between videos, are not spoken of
REGIONS = (("upper left", "top", "upper right"), ("left", "center", "right"), ("lower left", "bottom", "lower right"))
THIRDS = np.array([0, 0, 1, 1, 1, 2, 2])  # of which third each row and column of the grid is


class Series(NamedTuple):
    """Scores over time, as one encoder saw it.

    Attributes:
        frames: numbers of those that moments begin with, each once and in order.
        seconds: when they are shown.
        raw: mean scores of their moments.
    """

    frames: Int[np.ndarray, " frames"]
    seconds: Float[np.ndarray, " frames"]
    raw: Float[np.ndarray, "frames 16"]


class Worst(NamedTuple):
    """Where a dimension is at its worst in a video.

    Attributes:
        at: the number of the worst frame in the dimension's series.
        seconds: from when to when it is nearly as bad; None where it is about the same throughout.
        region: such as "lower left"; empty where it is about the same everywhere.
    """

    at: int
    seconds: tuple[float, float] | None
    region: str


@dataclass(frozen=True, eq=False)
class Explanation:
    """One video's scores with all that it takes to show where, when and why.

    Attributes:
        plans: what was looked at; the local scores are of as many moments for each.
        stills: JPEGs of the frames that moments begin with, by frame number.
        sampling: what the plans follow from.
        card: what is known of the weights; None for published ones.
    """

    scores: Scores
    path: str
    video: Video
    plans: Sequence[SamplingPlan | DisplayPlan]
    stills: dict[int, bytes]
    sampling: Sampling
    sha256: str
    weights_id: str
    card: ModelCard | None

    @cached_property
    def places(self) -> Locations:
        """Where and when the encoders looked."""
        return locate(self.video, self.plans)

    @cached_property
    def local_display(self) -> Float[np.ndarray, "moments 49 16"]:
        """Local scores on the display scale."""
        return self.scale.apply(self.scores.local)

    @cached_property
    def timelines(self) -> tuple[Series, Series]:
        """Scores over time: as the aesthetic encoder saw it, and the technical one."""
        raw = self.scores.local.mean(axis=1, dtype=np.float64)
        series = []
        for moments in self.places.frames:
            frames, which = np.unique(moments, return_inverse=True)
            sums = np.zeros((len(frames), len(DIMENSIONS)))
            np.add.at(sums, which, raw)
            series.append(Series(frames, self.video.seconds[frames], sums / np.bincount(which)[:, None]))
        return series[0], series[1]

    @cached_property
    def moments(self) -> list[Row]:
        """A row for each time step of `scores.local`, as `moments.csv` has it: times, raw scores, display scores.

        The aesthetic encoder saw the frame `frame`, which is shown at `seconds`; the technical one `technical_frame`,
        at `technical_seconds`. They are the same for weights with one encoder. None in dimensions that are not scored.
        """
        key = {"path": self.path, "seed": self.sampling.seed, "weights": self.weights_id}
        frames, local = self.places.frames, self.scores.local
        return moment_rows(key, frames, self.video.seconds[frames], local, self.scale)

    def timeline(self, dimension: int) -> Series:
        """The series in which a dimension, by its number, is shown."""
        return self.timelines[int(TECHNICAL[dimension])]

    @property
    def scale(self) -> DisplayScale:
        """The display scale of the weights."""
        return display_scale(self.card)

    @cached_property
    def quantiles(self) -> Float[np.ndarray, "21 16"]:
        """Of the raw scores of the videos of `reference`, at `PERCENTS`."""
        return reference_quantiles(self.card)

    @cached_property
    def spread(self) -> Float[np.ndarray, "16"]:
        """Deviations between the videos of `reference`: half of what the middle seven of ten span."""
        low, high = (int(np.flatnonzero(percent == PERCENTS)[0]) for percent in (15, 85))
        return (self.quantiles[high] - self.quantiles[low]) / 2

    @cached_property
    def percentiles(self) -> Float[np.ndarray, "16"]:
        """Of how many of a hundred videos of `reference` this one is better; NaN in dimensions not scored."""
        return percentiles(self.scores.raw, self.card)

    @property
    def reference(self) -> str:
        """The videos that percentiles are among."""
        if not self.card:
            return "MaxWell's 909 validation videos, as the published model scores them"
        return f"the videos trained on ({', '.join(self.card.databases)})"

    @cached_property
    def weakest(self) -> list[int]:
        """Numbers of the three weakest dimensions, weakest first, as `weakest_dimensions` finds them."""
        return weakest_dimensions(self.scores.raw, self.scores.display, self.card)[:3]

    def worst(self, dimension: int) -> Worst:
        """Where a dimension, by its number, is at its worst.

        Raises:
            UserError: the weights do not score it.
        """
        if not scored(self.card)[dimension]:
            raise UserError(f"{DIMENSIONS[dimension].name} is not scored by weights {self.weights_id}.")
        notable = NOTABLE * self.spread[dimension]
        frames, seconds, raw = self.timeline(dimension)
        series = raw[:, dimension]
        at = int(series.argmin())
        bad = series <= series.min() + 0.25 * np.ptp(series)
        # Of what lies between two clips of the technical encoder nothing is known.
        moments = len(self.scores.local) / len(self.plans)
        near = np.diff(frames) <= max(2 * INTERVAL, 2 * self.video.frames / moments)
        together = bad[:-1] & bad[1:] & near
        first = at - int(np.argmin(np.append(together[:at][::-1], False)))
        last = at + int(np.argmin(np.append(together[at:], False)))
        run = slice(first, last + 1) if np.ptp(series) > notable else slice(None)
        within = np.isin(self.places.frames[int(TECHNICAL[dimension])], frames[run])
        positions = self.scores.local[within, :, dimension].mean(axis=0, dtype=np.float64)
        return Worst(
            at,
            (float(seconds[first]), float(seconds[last])) if np.ptp(series) > notable else None,
            region(positions.reshape(GRID, GRID), notable),
        )

    def to_dict(self) -> dict[str, Any]:
        """The explanation as JSON has it; None in dimensions that the weights do not score.

        Returns:
            `path`, `sha256`, `weights`, `seed`, `samplings`, what `Scores.to_dict` returns, `percentiles` by dimension
            name, `weakest`, `sentences`, and `moments`, as in `Explanation.moments`. Stills and local scores are left
            out.
        """
        percentiles = zip(DIMENSIONS, self.percentiles, strict=True)
        return {
            "path": self.path,
            "sha256": self.sha256,
            "weights": self.weights_id,
            "seed": self.sampling.seed,
            "samplings": len(self.plans),
            **self.scores.to_dict(),
            "percentiles": {dimension.name: number_or_none(percentile) for dimension, percentile in percentiles},
            "weakest": [DIMENSIONS[i].name for i in self.weakest],
            "sentences": self.sentences,
            "moments": self.moments,
        }

    def to_pandas(self) -> "pandas.DataFrame":
        """`Explanation.moments` as a data frame of pandas, with NaN in dimensions that the weights do not score.

        Raises:
            UserError: pandas is not installed.
        """
        with extras_told("notebook"):
            import pandas
        return pandas.DataFrame(self.moments).astype(dict.fromkeys([*RAW, *DISPLAY], float))

    def plot(self) -> "list[Axes]":
        """Draws scores over time: a chart for each scored dimension in a new figure, display scale from 0 to 100.

        A dashed line marks the score of the video. `matplotlib.pyplot.show` shows the figure.

        Raises:
            UserError: Matplotlib is not installed, or the weights score none of the 16 dimensions.
        """
        shown = self._shown()
        if not shown:
            raise UserError(f"weights {self.weights_id} score none of the 16 dimensions, so there is nothing to plot.")
        return plot_lines(shown, self.path)

    def _repr_html_(self) -> str:
        custom = {str(pair): score for pair, score in self.scores.custom.items()}
        return table_html(self._shown(), custom, self.path, self.sentences, notice(self.card))

    def _shown(self) -> list[Shown]:
        shown, untested = [], unvalidated(self.card)
        for i in np.flatnonzero(scored(self.card)).tolist():
            _, seconds, raw = self.timeline(i)
            name = DIMENSIONS[i].name + " *" * (DIMENSIONS[i].code in untested)
            shown.append(Shown(name, float(self.scores.display[i]), seconds, self.scale.apply(raw)[:, i]))
        return shown

    @property
    def sentences(self) -> list[str]:
        """What the numbers say, in one or two sentences, and no more than they say."""
        if not self.weakest:
            return []
        linear, named = self.scale.linear, []
        for i, unit in zip(self.weakest[:2], (" of 100" if linear else " percentile", ""), strict=False):
            value = f"{100 * self.scores.display[i]:.0f}" if linear else ordinal(self.percentiles[i])
            named.append(f"{DIMENSIONS[i].name} ({value}{unit})")
        worst = self.worst(self.weakest[0])
        when = worst.seconds and (
            f"at {worst.seconds[0]:.1f} s"
            if worst.seconds[1] - worst.seconds[0] < 0.1
            else f"between {worst.seconds[0]:.1f} s and {worst.seconds[1]:.1f} s"
        )
        where = worst.region if when or not worst.region else f"at the {worst.region}"
        places = ", ".join(filter(None, [when, where]))
        subject = "the former" if len(named) > 1 else "it"
        first = f"Weakest: {', '.join(named)}{f'; {subject} is worst {places}' if places else ''}."
        if not linear and self.percentiles[self.weakest[0]] >= 50:
            return [first, "None of these is below the middle of the videos it is compared with."]
        return [first]


def region(scores: Float[np.ndarray, "7 7"], notable: float) -> str:
    """Which ninth of the frame is worst, in words; empty if all are about the same."""
    ninths = np.array([[scores[i == THIRDS][:, j == THIRDS].mean() for j in range(3)] for i in range(3)])
    if np.ptp(ninths) <= notable:
        return ""
    row, column = np.unravel_index(ninths.argmin(), ninths.shape)
    return REGIONS[row][column]


def ordinal(percentile: float) -> str:
    """A percentile from 1st to 99th, in words: of none of the references is it said to be beyond all."""
    number = min(max(round(float(percentile)), 1), 99)
    ending = "th" if 10 < number < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"

"""What a model says of one video."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ..dimensions import DIMENSIONS
from ..system.extras import extras_told
from ..text.prompts import PromptPair
from .moments import number_or_none
from .notebook import Shown, plot_bars, table_html

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Scores:
    """What a model says of one video. Higher is always better, for noise or compression as well.

    All arrays are NaN in dimensions that the model was not trained in: it does not score them.

    Attributes:
        local: float32 in (0, 1), score of each of the 64 moments and 7x7 positions (row by row) in each
            of the 16 dimensions, in the order of `jaxvqa.DIMENSIONS`; of several samplings, one after the other.
        raw: the means over moments and positions: MaxVQA's own scores, in (0, 1). They are comparable
            between videos within a dimension, not between dimensions.
        display: the same on the display scale of the weights, see `jaxvqa.display`. Both are float32.
        samplings: raw scores of each of several samplings, of which `raw` are the means.
        custom: raw scores of custom dimensions, by prompt pair: of those that the weights were trained in, and of those
            of the caller, which are zero-shot.
    """

    local: Float[np.ndarray, "moments 49 16"]
    raw: Float[np.ndarray, "16"]
    display: Float[np.ndarray, "16"]
    samplings: Float[np.ndarray, "samplings 16"] | None = None
    custom: dict[PromptPair, float] = field(default_factory=dict)

    @property
    def deviation(self) -> Float[np.ndarray, "16"] | None:
        """Standard deviation of the raw scores between samplings, if there are several."""
        return None if self.samplings is None else self.samplings.std(axis=0, ddof=1, dtype=float).astype(np.float32)

    @property
    def overall(self) -> float:
        """The overall raw score; NaN if the model does not score it."""
        return float(self.raw[0])

    @property
    def dimensions(self) -> dict[str, float]:
        """Raw score by dimension name, such as "sharpness", without the dimensions that the model does not score."""
        pairs = zip(DIMENSIONS, self.raw, strict=True)
        return {dimension.name: float(score) for dimension, score in pairs if not np.isnan(score)}

    def to_dict(self) -> dict[str, Any]:
        """The scores as JSON has them: by name, with None in dimensions that the model does not score.

        Returns:
            `dimensions`, with `raw`, `display` and `deviation` (None without several samplings) by dimension name, and
            `custom`, raw scores by prompt pair. Local scores are left out.
        """
        deviation = np.full(len(DIMENSIONS), np.nan) if self.deviation is None else self.deviation
        columns = {"raw": self.raw, "display": self.display, "deviation": deviation}
        return {
            "dimensions": {
                dimension.name: {name: number_or_none(float(values[i])) for name, values in columns.items()}
                for i, dimension in enumerate(DIMENSIONS)
            },
            "custom": {str(pair): score for pair, score in self.custom.items()},
        }

    def to_pandas(self) -> "pandas.DataFrame":
        """The scores as a data frame of pandas.

        Returns:
            A row for each dimension and custom prompt pair, by name, with the columns `raw`, `display` and `deviation`;
            NaN where there is no score.

        Raises:
            UserError: pandas is not installed.
        """
        with extras_told("notebook"):
            import pandas
        values = self.to_dict()
        rows = values["dimensions"] | {pair: {"raw": score} for pair, score in values["custom"].items()}
        columns = ["raw", "display", "deviation"]
        return pandas.DataFrame.from_dict(rows, orient="index", columns=columns).astype(float)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draws the scored dimensions as bars, on the display scale from 0 to 100.

        Args:
            ax: axes of Matplotlib to draw into; by default those of a new figure, shown by `matplotlib.pyplot.show`.

        Raises:
            UserError: Matplotlib is not installed.
        """
        return plot_bars(self._shown(), ax)

    def _repr_html_(self) -> str:
        return table_html(self._shown(), {str(pair): score for pair, score in self.custom.items()})

    def _shown(self) -> list[Shown]:
        pairs = zip(DIMENSIONS, self.display, strict=True)
        return [Shown(dimension.name, float(score)) for dimension, score in pairs]

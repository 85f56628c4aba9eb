"""Whether two videos differ by more than chance, which decides what of them is sampled."""

import numpy as np
from jaxtyping import Float
from scipy.stats import ttest_1samp


def corrected_p(
    first: Float[np.ndarray, "samplings dimensions"], second: Float[np.ndarray, "samplings dimensions"]
) -> Float[np.ndarray, " dimensions"]:
    """Returns how likely videos of equal mean scores differ as much by chance, corrected for the number of dimensions.

    Samplings are paired: those of one seed look at the same times and places of both videos. Naming the dimensions
    where this is 0.05 or less names any for at most one in twenty videos that do not differ. Dimensions without scores
    are not tested: they get NaN, and do not count in the correction. Source of the test: Student, Biometrika 6 (1908);
    of the correction: Holm, Scandinavian Journal of Statistics 6 (1979).

    Args:
        first: scores of a video, by the seeds from the first on, two or more; NaN in dimensions without.
        second: scores of the other video, by the same seeds.
    """
    differences = second.astype(float) - first
    tested = np.flatnonzero(~np.isnan(differences).any(axis=0))
    corrected = np.full(differences.shape[1], np.nan)
    differences = differences[:, tested]
    p = np.where((differences == 0).all(axis=0), 1.0, 0.0)
    varied = np.ptp(differences, axis=0) > 0  # where each sampling differs alike, there is no chance
    p[varied] = ttest_1samp(differences[:, varied], 0).pvalue
    order = np.argsort(p)
    corrected[tested[order]] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return corrected

"""Whether two videos differ by more than chance, which decides what of them is sampled."""

import numpy as np
from jaxtyping import Float
from scipy.stats import ttest_ind_from_stats


def corrected_p(
    means: Float[np.ndarray, "2 dimensions"], deviations: Float[np.ndarray, "2 dimensions"], samplings: int
) -> Float[np.ndarray, " dimensions"]:
    """How likely two videos of equal mean scores differ as much by chance, corrected for the number of dimensions.

    Naming the dimensions where this is 0.05 or less names any for at most one in twenty videos that do not differ.
    Dimensions without scores are not tested: they get NaN, and do not count in the correction. Samplings of files of
    different content are drawn independently, so that nothing pairs them. Source of the test: Welch, Biometrika 34
    (1947); of the correction: Holm, Scandinavian Journal of Statistics 6 (1979).

    Args:
        means: of the scores of each video's samplings; NaN in dimensions without.
        deviations: of the same, with a divisor of `samplings - 1`.
        samplings: of each video, 2 or more.
    """
    tested = np.flatnonzero(~np.isnan(means).any(axis=0))
    corrected = np.full(means.shape[1], np.nan)
    means, deviations = means[:, tested], deviations[:, tested]
    sides = [(mean, deviation, samplings) for mean, deviation in zip(means, deviations, strict=True)]
    p = ttest_ind_from_stats(*sides[0], *sides[1], equal_var=False).pvalue
    p = np.where(means[0] == means[1], 1.0, p)  # also where no sampling differs from another
    order = np.argsort(p)
    corrected[tested[order]] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return corrected

from pathlib import Path

import pytest

from jaxvqa.scoring.cluster import Score, UserError, Work
from jaxvqa.video.limits import DecodeLimits
from jaxvqa.video.sampling import Sampling

pytest.importorskip("apache_beam")


def test_a_worker_with_other_weights_is_refused(small_weights):
    work = Work(str(small_weights), "float32", (), Sampling(), DecodeLimits(), Path())
    with pytest.raises(UserError, match="on this worker, but other where the run was started"):
        Score(work, "other").setup()

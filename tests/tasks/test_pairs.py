import pytest

from jaxvqa import UserError
from jaxvqa.system.terminal import Log
from jaxvqa.tasks.pairs import Pair, pair


def test_encodes_of_one_source_are_a_pair_whatever_their_containers(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one / "deep" / "a.mp4", one / "b.mp4", other / "deep" / "a.mkv", other / "c.mp4"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    pairs, alone = pair(str(one), str(other), Log())
    assert pairs == [Pair("deep/a", str(one / "deep" / "a.mp4"), str(other / "deep" / "a.mkv"))]
    assert alone == [str(one / "b.mp4"), str(other / "c.mp4")]
    with pytest.raises(UserError, match="must be two videos or two folders"):
        pair(str(one), str(other / "c.mp4"), Log())

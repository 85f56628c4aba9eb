"""What the backbone finds in examples."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxvqa.models.display import piece_statistics
from jaxvqa.models.efficientnet_lite import EfficientNetLite
from jaxvqa.synthetic.material import CELL, Example
from jaxvqa.train.pretrain_material import cut_pieces, observe


@pytest.fixture
def paths(tmp_path):
    """Examples whose pieces all have the number of their cell, in whose corner is another."""
    found = []
    for number in range(6):
        cells = np.broadcast_to(np.arange(49, dtype=np.uint8)[None, :, None, None, None] * 4, (2, 49, CELL, CELL, 3))
        motion = np.full((32, 36, 64), number, np.uint8)
        motion[:, :, 0] = 255
        targets = np.full((2, 16), np.nan, np.float32)
        targets[:, 0] = [number, number + 100]
        found.append(tmp_path / f"{number}.npz")
        np.savez(found[-1], **Example(cells, motion, targets)._asdict())
    return found


def test_what_the_backbone_finds_is_that_of_the_pieces_and_kept(paths, tmp_path):
    backbone = EfficientNetLite(1, nnx.Rngs(0))
    found = observe(backbone, paths, 0, 5, tmp_path / "found")
    assert found.statistics.shape == (6, 2, 5, 96)
    assert found.targets[3, 1, 0] == 103
    assert found.motion[4, 0, 0, 1] == 4
    pieces = cut_pieces(np.load(paths[2])["cells"], 5, np.random.default_rng([0, 2]))
    expected = piece_statistics(backbone, jnp.asarray(pieces[1]))
    np.testing.assert_allclose(found.statistics[2, 1], expected, atol=5e-3)
    np.save(tmp_path / "found" / "2.npy", found.statistics[0])
    again = observe(backbone, paths, 0, 5, tmp_path / "found")
    np.testing.assert_array_equal(again.statistics[2], found.statistics[0])


def test_pieces_are_cut_from_anywhere_in_some_cells():
    y, x = np.mgrid[:CELL, :CELL].astype(np.uint8)
    cells = np.broadcast_to(np.stack([y, x, y * 0 + 200], axis=-1), (2, 49, CELL, CELL, 3)).copy()
    cells[..., 2] = np.arange(49)[:, None, None] * 4
    corners, lights = set(), set()
    for seed in range(8):
        pieces = cut_pieces(cells, 9, np.random.default_rng(seed))
        assert pieces.shape == (2, 9, 64, 64, 3)
        assert len({*pieces[0, :, 0, 0, 2].tolist()}) == 9  # of nine cells
        corners.add(pieces[0, 0, 0, 0, :2].tobytes())
        lights.add(int(pieces[0, :, :, :, 2].max()))
    assert len(corners) > 4
    assert len(lights) > 4
    np.testing.assert_array_equal(cut_pieces(cells, None, np.random.default_rng(0)), cells[:, :, 8:72, 8:72])

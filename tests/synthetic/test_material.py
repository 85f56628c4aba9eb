import numpy as np
import pytest
from clips import panned

from jaxvqa.synthetic import material
from jaxvqa.synthetic.scenes import rendered
from jaxvqa.synthetic.sources import find_sources
from jaxvqa.video.display import ROW_FRAMES

INDEX = material.INDEX


def test_a_cut_is_another_shot(frames):
    kinds = set()
    for seed in range(8):
        clip = material.cut(frames, np.random.default_rng(seed))
        changed = (clip != frames).reshape(len(frames), -1).any(axis=1)
        first = int(changed.argmax())
        assert 5 <= first < ROW_FRAMES - 5
        assert changed[first:].all()
        kinds.add(abs(int(clip[-1].mean()) - int(frames[-1].mean())) < 2)  # a negative, or not
    assert kinds == {True, False}


def test_an_example_follows_from_its_number(folders):
    sources = find_sources(*folders)
    kinds = set()
    for number in range(6):
        one, again = (material.make_example(sources, 0, number) for _ in range(2))
        for a, b in zip(one, again, strict=True):
            np.testing.assert_array_equal(a, b)
        assert one.cells.shape == (2, 49, 80, 80, 3)
        known = one.targets[~np.isnan(one.targets)]
        assert ((known >= material.WORST - 1e-6) & (known <= material.BEST + 1e-6)).all()
        assert np.isnan(one.targets[:, [INDEX[f"A-{i}"] for i in range(1, 6)]]).all()
        kinds.add(bool(np.isnan(one.targets[0, 0])))
    assert kinds == {True, False}  # of flaws and of encodes


@pytest.fixture(scope="module")
def frames():
    return panned()


def test_encodes_are_free_of_flaws_but_for_noise_put_in(frames):
    noisy = washed_out = soft = 0
    for seed in range(20, 36):
        example = material.encoded(frames, np.random.default_rng(seed))
        targets = example.targets[0]
        assert targets[INDEX["T-6"]] == targets[INDEX["T-8"]] == pytest.approx(material.BEST)
        noisy += targets[INDEX["T-3"]] < material.BEST
        washed_out += np.isnan(targets[INDEX["T-3"]])  # by coarse encoding
        assert targets[INDEX["O"]] == targets[INDEX["T-all"]]
        if not np.isnan(targets[INDEX["T-1"]]):
            assert targets[INDEX["O"]] <= np.fmin(targets[INDEX["T-1"]], targets[INDEX["T-7"]]) + 0.1
        soft += targets[INDEX["T-3"]] < material.BEST and targets[INDEX["T-1"]] < 0.9
    assert 0 < noisy < 6
    assert 0 < washed_out < 6
    assert soft  # and noise at once


def test_grain_of_few_lines_is_enlarged_with_its_picture():
    chain = material.draw_chain(540, 960, np.random.default_rng(0), 0.25)
    assert (chain.size, chain.blur) == ((136, 240), 0)
    sizes = {material.draw_chain(540, 960, np.random.default_rng(seed)).size[0] for seed in range(20)}
    assert min(sizes) < 300
    assert 540 in sizes


def test_the_camera_moves_evenly():
    y, x = np.mgrid[:400, :600]
    place = np.stack([y % 256, x % 256, y // 256 * 16 + x // 256], axis=-1).astype(np.uint8)
    speeds = set()
    for seed in range(20):
        clip = material.pan(place[None].repeat(32, 0), np.random.default_rng(seed)).astype(int)
        assert clip.shape[1:3] == (350, 524)
        corners = clip[:, 0, 0, :2] + 256 * np.stack([clip[:, 0, 0, 2] // 16, clip[:, 0, 0, 2] % 16], axis=-1)
        steps = np.diff(corners, axis=0)
        assert (steps == steps[0]).all()
        speeds.add(tuple(steps[0].tolist()))
    assert (0, 0) in speeds
    assert len(speeds) > 5


def test_pieces_come_from_their_cells():
    y, x = np.mgrid[:700, :1400]
    frame = np.stack([y // 100, x // 200, y * 0], axis=-1).astype(np.uint8)
    pieces = material.cells(frame[None], np.random.default_rng(0))[0]
    assert (pieces[..., 0].reshape(49, -1) == np.arange(49)[:, None] // 7).all()
    assert (pieces[..., 1].reshape(49, -1) == np.arange(49)[:, None] % 7).all()
    assert material.cells(frame[None, :100, :100], np.random.default_rng(0)).shape == (1, 49, 80, 80, 3)


def test_what_is_dark_or_still_on_purpose_has_no_flaw():
    for seed in range(12):
        frames = rendered(ROW_FRAMES, np.random.default_rng(seed))
        assert (frames == frames[0]).all()
        assert min(frames.shape[1:3]) >= 360

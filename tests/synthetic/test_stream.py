import numpy as np
import pytest

from jaxvqa.synthetic.degradations import AESTHETIC, TECHNICAL
from jaxvqa.synthetic.scenes import PHOTOGRAPHS
from jaxvqa.synthetic.stream import (
    BEST,
    VERSIONS,
    WORST,
    draw_bars,
    draw_scene,
    draw_versions,
    groups,
    make_group,
    photographs,
)
from jaxvqa.synthetic.transcode import CODECS, transmit


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_group_follows_from_its_number_alone():
    in_order = list(groups("train", 0, [3, 1, 2], workers=2))
    assert same(in_order[1], make_group("train", 0, 1))
    for other in (in_order[0], make_group("train", 1, 1), make_group("validation", 0, 1)):
        assert not same(in_order[1], other)


def test_shapes_and_targets():
    for number in range(6):
        group = make_group("train", 7, number)
        assert group.technical.shape == (4, 16, 224, 224, 3)
        assert group.aesthetic.shape == (4, 8, 224, 224, 3)
        assert group.technical.dtype == group.aesthetic.dtype == np.uint8
        assert group.targets.shape == (4, 16)
        assert group.targets.dtype == np.float32
        assert (group.targets >= WORST).all()
        assert (group.targets <= BEST).all()


def test_versions_show_one_scene():
    group = make_group("train", 0, 61)  # more and less out of focus, and nothing else
    means = group.aesthetic.mean(axis=(1, 2, 3))
    assert np.ptp(means, axis=0).max() < 5
    detail = [np.abs(np.diff(clip.astype(float), axis=2)).mean() for clip in group.aesthetic]
    assert np.argsort(detail).tolist() == np.argsort(group.targets[:, 0]).tolist() == [3, 1, 2, 0]


def test_splits_share_no_photograph():
    training, validation = photographs("train"), photographs("validation")
    assert set(training).isdisjoint(validation)
    assert set(training) | set(validation) == set(PHOTOGRAPHS)
    assert len(validation) == 4


def test_a_few_flaws_from_little_to_much():
    ladders, orders = [], set()
    for seed in range(200):
        versions = draw_versions(np.random.default_rng(seed))
        assert [set(version) for version in versions] == [set(AESTHETIC + TECHNICAL)] * VERSIONS
        assert all(0 <= strength <= 1 for version in versions for strength in version.values())
        changed = [code for code in versions[0] if len({version[code] for version in versions}) > 1]
        if len(changed) <= 3:
            ladders.append(len(changed))
            for code in changed:
                strengths = np.array([version[code] for version in versions])
                orders.add(tuple(np.argsort(strengths)))
                assert (np.floor(VERSIONS * np.sort(strengths)) == range(VERSIONS)).all()
    assert min(ladders.count(changed) for changed in (1, 2, 3)) > 30
    assert len(orders) == 24


@pytest.mark.parametrize("codec", CODECS)
def test_codecs_do_what_their_strength_says(codec):
    scene, height, width, _ = draw_scene("validation", np.random.default_rng(3))
    clip = [np.asarray(frame.crop((i, 0, i + width, height))) for i, frame in enumerate(scene)]
    errors = []
    for strength in (0.0, 0.5, 1.0):
        received = transmit(clip, codec, strength)
        assert np.shape(received) == np.shape(clip)
        assert all(np.array_equal(transmit(clip, codec, strength), received) for _ in range(8))
        errors.append(np.abs(np.subtract(received, clip, dtype=float)).mean())
    assert errors[0] < errors[1] < errors[2]


def test_bars_are_black_and_rare():
    bars = [draw_bars(240, 320, np.random.default_rng(seed)) for seed in range(300)]
    assert 20 < sum(bar.any() for bar in bars) < 80
    assert all(bar.mean() <= 0.5 for bar in bars)
    assert not any(bar[100:140, 150:170].any() for bar in bars)

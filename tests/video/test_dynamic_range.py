"""Against the formulas of the standards, written out once more, pixel by pixel and without tables."""

import math
import time

import numpy as np
import pytest

from jaxvqa.video.dynamic_range import HLG, PQ, compressed, hlg_light, pq_light, pq_signal, to_bt709, to_standard

BT2020_TO_BT709 = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]  # BT.2407-0


def eotf(signal):
    """ITU-R BT.2100-2, table 4."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = signal ** (1 / m2)
    return 10000 * (max(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def inverse_eotf(light):
    """ITU-R BT.2100-2, table 4."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = (light / 10000) ** m1
    return ((c1 + c2 * root) / (1 + c3 * root)) ** m2


def eetf(light, peak):
    """ITU-R BT.2390, section 5.4.1, without a lift of black."""
    e1 = min(inverse_eotf(light) / inverse_eotf(peak), 1)
    max_lum = inverse_eotf(203) / inverse_eotf(peak)
    ks = 1.5 * max_lum - 0.5
    if e1 >= ks:
        t = (e1 - ks) / (1 - ks)
        first, second = 2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t
        e1 = first * ks + second * (1 - ks) + (-2 * t**3 + 3 * t**2) * max_lum
    return eotf(e1 * inverse_eotf(peak))


def hlg_display(signals):
    """ITU-R BT.2100-2, table 5: light of a display of 1000 cd/m2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = [e**2 / 3 if e <= 0.5 else (math.exp((e - c) / a) + b) / 12 for e in signals]
    y = 0.2627 * scene[0] + 0.6780 * scene[1] + 0.0593 * scene[2]
    return [1000 * y**0.2 * e for e in scene]


def expected(signals, transfer, peak):
    """The signal, 0 to 255, of each channel of a display of ITU-R BT.1886 whose white is 203 cd/m2."""
    light = hlg_display(signals) if transfer == HLG else [eotf(signal) for signal in signals]
    light = [eetf(channel, peak) / 203 for channel in light]
    light = [min(max(sum(m * x for m, x in zip(row, light, strict=True)), 0), 1) for row in BT2020_TO_BT709]
    return [255 * channel ** (1 / 2.4) for channel in light]


@pytest.mark.parametrize(("transfer", "peak"), [(PQ, 1000), (PQ, 4000), (PQ, 400), (HLG, 1000)])
def test_pixels_are_those_of_the_formulas(transfer, peak):
    generator = np.random.default_rng(transfer + peak)
    pixels = generator.integers(0, 65536, (70, 30, 3), dtype=np.uint16)
    pixels[:35] = (pixels[:35] * (pixels[:35].max(axis=-1, keepdims=True) / 65535)).astype(np.uint16)  # darker ones
    pixels[0, :4] = [[0] * 3, [65535] * 3, [30000] * 3, [65535, 0, 0]]
    shown = to_standard(pixels, transfer, 9, float(peak))
    assert shown.dtype == np.uint8
    wanted = [
        [expected([value / 65535 for value in pixel], transfer, peak) for pixel in row] for row in pixels.tolist()
    ]
    # The matrix has four digits here, which shows where a channel is nearly black.
    close = np.abs(shown - np.array(wanted)) <= np.where(np.array(wanted) < 10, 3, 0.7)
    assert close.mean() > 0.999
    assert close[..., 0, :4].all()
    assert shown[0, 0].tolist() == [0, 0, 0]
    assert shown[0, 1].tolist() == [255, 255, 255]


def test_reference_white_is_where_the_standards_put_it():
    assert pq_light(np.array([0.58068888])) == pytest.approx([203], abs=0.01)  # 58 % of PQ, 75 % of HLG: BT.2408
    assert pq_signal(np.array([203.0, 10000])) == pytest.approx([0.58068888, 1])
    assert 1000 * hlg_light(np.array([0.75])) ** 1.2 == pytest.approx([203], abs=0.3)


def test_bright_light_is_compressed_and_dark_light_is_not():
    light = np.linspace(0, 1000, 5001)
    shown = compressed(light, 1000.0)
    assert (np.diff(shown) > 0).all()
    np.testing.assert_allclose(shown[light < 85], light[light < 85], rtol=1e-6)
    assert shown[-1] == pytest.approx(203)
    assert shown[light == 203] == pytest.approx(eetf(203, 1000))
    np.testing.assert_allclose(compressed(light, 203.0), np.minimum(light, 203), rtol=1e-6)  # nothing to compress


def test_colors_of_bt2020_become_those_of_bt709():
    np.testing.assert_allclose(to_bt709(9).T, BT2020_TO_BT709, atol=1e-4)
    np.testing.assert_allclose(to_bt709(1), np.eye(3), atol=1e-6)
    np.testing.assert_allclose(to_bt709(12).T.sum(axis=1), 1, atol=1e-4)  # white stays white


@pytest.mark.parametrize(("peak", "same"), [(None, 1000.0), (50.0, 203.0), (1e9, 10000.0)])
def test_a_peak_that_is_not_known_or_cannot_be_is_replaced(peak, same):
    pixels = np.random.default_rng(0).integers(0, 65536, (4, 4, 3), dtype=np.uint16)
    assert np.array_equal(to_standard(pixels, PQ, 9, peak), to_standard(pixels, PQ, 9, same))
    assert np.array_equal(to_standard(pixels, PQ, 2, peak), to_standard(pixels, PQ, 9, peak))  # BT.2020 is usual


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_a_frame_takes_no_longer_than_a_few_powers(transfer):
    """The curves are read from tables: computed for each pixel, they take as long as ninety powers."""
    pixels = np.random.default_rng(0).integers(0, 65536, (1080, 1920, 3), dtype=np.uint16)
    to_standard(pixels[:1], transfer, 9, None)  # makes the tables
    spent, power = [], []
    for _ in range(4):
        start = time.process_time()
        to_standard(pixels, transfer, 9, None)
        spent.append(time.process_time() - start)
        start = time.process_time()
        np.power(pixels / np.float32(65535), np.float32(0.45))
        power.append(time.process_time() - start)
    assert min(spent) < 10 * min(power)  # 5 beside other processes, which share the cache

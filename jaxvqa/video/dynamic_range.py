"""High dynamic range to standard: PQ and HLG frames as a display of standard range shows them.

The light of a frame in cd/m2 is compressed, channel by channel, by the curve of ITU-R BT.2390 until the brightest that
the frame may hold is as bright as reference white, 203 cd/m2 (ITU-R BT.2408), which is white of standard range. Light
below about 90 cd/m2, of a master of 1000, stays as it is. Colors outside of BT.709 are clipped to it, and the result is
encoded for a display of BT.1886. HLG is shown as on a display of 1000 cd/m2 first (ITU-R BT.2100, system gamma 1.2).
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8, UInt16

SDR, PQ, HLG = 2, 16, 18  # transfer characteristics, as ISO/IEC 23091-2 numbers them; 2: not specified
NAMES = {PQ: "PQ", HLG: "HLG"}
REFERENCE = 203.0  # cd/m2 of reference white, and of the brightest that is left
NOMINAL = 1000.0  # cd/m2 of the brightest in HLG, and in PQ that does not say
ROWS = 32  # of a frame, at a time: what is computed on the way fits into a processor's cache

# Red, green, blue and white, x and y, by the number of the primaries in ISO/IEC 23091-2.
D65 = (0.3127, 0.3290)
PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65),  # BT.709
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),  # Display P3
}
HLG_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)

# Tables of linear light are entered by the upper bits of its float32: steps are relative, as fine in the dark.
LOWEST, SHIFT = np.float32(2**-22), 12
FIRST = int(LOWEST.view(np.uint32)) >> SHIFT
LAST = int(np.float32(1).view(np.uint32)) >> SHIFT


def pq_light(signal: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """PQ signal, 0 to 1, to light in cd/m2. Source: ITU-R BT.2100-2, table 4."""
    root = signal ** (32 / 2523)
    return 10000 * (np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610)


def pq_signal(light: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Light in cd/m2 to PQ signal. Source: ITU-R BT.2100-2, table 4."""
    root = (light / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * root) / (1 + 2392 / 128 * root)) ** (2523 / 32)


def hlg_light(signal: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """HLG signal, 0 to 1, to light of the scene, 0 to 1. Source: ITU-R BT.2100-2, table 5."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(signal <= 0.5, np.square(signal) / 3, (np.exp((np.maximum(signal, 0.5) - c) / a) + b) / 12)


def compressed(light: Float[np.ndarray, " n"], peak: float) -> Float[np.ndarray, " n"]:
    """Light in cd/m2, up to `peak`, to light up to reference white. Source: ITU-R BT.2390, section 5.4.1."""
    white, reference = pq_signal(np.array([peak, REFERENCE]))
    signal, most = np.minimum(pq_signal(light) / white, 1), reference / white
    knee = 1.5 * most - 0.5
    if knee >= 1:
        return np.minimum(light, REFERENCE)
    t = (signal - knee) / (1 - knee)
    bent = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return pq_light(np.where(signal < knee, signal, bent) * white)


@lru_cache(8)
def signal_table(transfer: int, peak: float) -> Float[np.ndarray, "65536"]:
    """What each 16-bit signal stands for: of PQ, compressed light over reference white; of HLG, light of the scene."""
    signal = np.arange(65536) / 65535
    light = hlg_light(signal) if transfer == HLG else compressed(pq_light(signal), peak) / REFERENCE
    return light.astype(np.float32)


@lru_cache(1)
def steps() -> Float[np.ndarray, " n"]:
    """The light, 0 to 1, in the middle of each step of a table that `entry` enters; the first is black."""
    bits = (np.arange(FIRST, LAST + 1, dtype=np.uint32) << SHIFT) + (1 << SHIFT - 1)
    bits[0] = 0
    return np.minimum(bits.view(np.float32), 1).astype(float)


def entry(light: Float[np.ndarray, "*n"], table: np.ndarray) -> np.ndarray:
    """Enters a table of `steps` with light from 0 to 1; what is beyond is clipped."""
    return table.take((np.clip(light, LOWEST, np.float32(1)).view(np.uint32) >> SHIFT) - FIRST)


@lru_cache(1)
def hlg_table() -> Float[np.ndarray, " n"]:
    """Light of HLG's display over its brightest to compressed light over reference white."""
    return (compressed(NOMINAL * steps(), NOMINAL) / REFERENCE).astype(np.float32)


@lru_cache(1)
def gamma_table() -> Float[np.ndarray, " n"]:
    """Scene luminance to the factor by which HLG's display is brighter: its power of the system gamma, less one."""
    return (steps() ** (1.2 - 1)).astype(np.float32)


@lru_cache(1)
def display_table() -> UInt8[np.ndarray, " n"]:
    """Light over white to the signal, 0 to 255, of which a display of ITU-R BT.1886 makes it."""
    return (255 * steps() ** (1 / 2.4)).round().astype(np.uint8)


@lru_cache(4)
def to_bt709(primaries: int) -> Float[np.ndarray, "3 3"]:
    """The matrix that light of some primaries is multiplied by from the right to become that of BT.709."""

    def xyz(number):
        *colors, white = [np.array([x / y, 1, (1 - x - y) / y]) for x, y in PRIMARIES[number]]
        return np.linalg.solve(np.transpose(colors), white)[:, None] * colors

    return (xyz(primaries) @ np.linalg.inv(xyz(1))).astype(np.float32)


def to_standard(
    pixels: UInt16[np.ndarray, "h w 3"], transfer: int, primaries: int, peak: float | None
) -> UInt8[np.ndarray, "h w 3"]:
    """Shows a frame of high dynamic range as one of standard range.

    Args:
        pixels: RGB signals over the range of 16 bits.
        transfer: `PQ` or `HLG`.
        primaries: number in ISO/IEC 23091-2; BT.2020 if it is none of `PRIMARIES`.
        peak: cd/m2 of the brightest that the frame may hold, if it says; of PQ alone.
    """
    table = signal_table(transfer, min(max(peak or NOMINAL, REFERENCE), 10000) if transfer == PQ else NOMINAL)
    matrix = to_bt709(primaries if primaries in PRIMARIES else 9)
    shown = np.empty(pixels.shape, np.uint8)
    for start in range(0, len(pixels), ROWS):
        light = table.take(pixels[start : start + ROWS])
        if transfer == HLG:
            light *= entry(light @ HLG_LUMINANCE, gamma_table())[..., None]
            light = entry(light, hlg_table())
        shown[start : start + ROWS] = entry(light @ matrix, display_table())
    return shown

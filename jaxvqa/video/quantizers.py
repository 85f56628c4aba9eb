"""The quantizer of codecs, on the scale of each and on one that all have in common.

The common one is the step between two values of a coefficient of an orthonormal transform. Sources:
- ITU-T H.264, section 8.5, and H.265, section 8.6: it doubles every 6 quantizers and is 1 at 4, with flat weights;
- ISO/IEC 13818-2 (MPEG-2), section 7.4.2, 11172-2 (MPEG-1), section 2.4.4, ISO/IEC 14496-2 (MPEG-4), section 7.4.4, and
  ITU-T H.263, section 6.2: `quantiser_scale` of MPEG-2 at a weight of 16, and twice the quantizer of the rest;
- AV1 specification, section 7.12.2, and VP9 specification, section 8.6.1: tables, for transforms that are 8 times
  as large as orthonormal ones.
"""

from typing import NamedTuple

import av
import numpy as np
from jaxtyping import Float, Int8

from .side_data import encoder_parameters

# Steps of AC coefficients by `base_q_idx`, of 8, 10 and 12 bits (AV1 specification, Ac_Qlookup; the same in VP9).
AC_STEPS = {
    8: (
        "4 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 "
        "44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 "
        "80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99 100 101 102 104 106 108 110 112 114 116 118 120 "
        "122 124 126 128 130 132 134 136 138 140 142 144 146 148 150 152 155 158 161 164 167 170 173 176 179 182 185 "
        "188 191 194 197 200 203 207 211 215 219 223 227 231 235 239 243 247 251 255 260 265 270 275 280 285 290 295 "
        "300 305 311 317 323 329 335 341 347 353 359 366 373 380 387 394 401 408 416 424 432 440 448 456 465 474 483 "
        "492 501 510 520 530 540 550 560 571 582 593 604 615 627 639 651 663 676 689 702 715 729 743 757 771 786 801 "
        "816 832 848 864 881 898 915 933 951 969 988 1007 1026 1046 1066 1087 1108 1129 1151 1173 1196 1219 1243 1267 "
        "1292 1317 1343 1369 1396 1423 1451 1479 1508 1537 1567 1597 1628 1660 1692 1725 1759 1793 1828"
    ),
    10: (
        "4 9 11 13 16 18 21 24 27 30 33 37 40 44 48 51 55 59 63 67 71 75 79 83 88 92 96 100 105 109 114 118 122 127 "
        "131 136 140 145 149 154 158 163 168 172 177 181 186 190 195 199 204 208 213 217 222 226 231 235 240 244 249 "
        "253 258 262 267 271 275 280 284 289 293 297 302 306 311 315 319 324 328 332 337 341 345 349 354 358 362 367 "
        "371 375 379 384 388 392 396 401 409 417 425 433 441 449 458 466 474 482 490 498 506 514 523 531 539 547 555 "
        "563 571 579 588 596 604 616 628 640 652 664 676 688 700 713 725 737 749 761 773 785 797 809 825 841 857 873 "
        "889 905 922 938 954 970 986 1002 1018 1038 1058 1078 1098 1118 1138 1158 1178 1198 1218 1242 1266 1290 1314 "
        "1338 1362 1386 1411 1435 1463 1491 1519 1547 1575 1603 1631 1663 1695 1727 1759 1791 1823 1859 1895 1931 "
        "1967 2003 2039 2079 2119 2159 2199 2239 2283 2327 2371 2415 2459 2507 2555 2603 2651 2703 2755 2807 2859 "
        "2915 2971 3027 3083 3143 3203 3263 3327 3391 3455 3523 3591 3659 3731 3803 3876 3952 4028 4104 4184 4264 "
        "4348 4432 4516 4604 4692 4784 4876 4972 5068 5168 5268 5372 5476 5584 5692 5804 5916 6032 6148 6268 6388 "
        "6512 6640 6768 6900 7036 7172 7312"
    ),
    12: (
        "4 13 19 27 35 44 54 64 75 87 99 112 126 139 154 168 183 199 214 230 247 263 280 297 314 331 349 366 384 402 "
        "420 438 456 475 493 511 530 548 567 586 604 623 642 660 679 698 716 735 753 772 791 809 828 846 865 884 902 "
        "920 939 957 976 994 1012 1030 1049 1067 1085 1103 1121 1139 1157 1175 1193 1211 1229 1246 1264 1282 1299 "
        "1317 1335 1352 1370 1387 1405 1422 1440 1457 1474 1491 1509 1526 1543 1560 1577 1595 1627 1660 1693 1725 "
        "1758 1791 1824 1856 1889 1922 1954 1987 2020 2052 2085 2118 2150 2183 2216 2248 2281 2313 2346 2378 2411 "
        "2459 2508 2556 2605 2653 2701 2750 2798 2847 2895 2943 2992 3040 3088 3137 3185 3234 3298 3362 3426 3491 "
        "3555 3619 3684 3748 3812 3876 3941 4005 4069 4149 4230 4310 4390 4470 4550 4631 4711 4791 4871 4967 5064 "
        "5160 5256 5352 5448 5544 5641 5737 5849 5961 6073 6185 6297 6410 6522 6650 6778 6906 7034 7162 7290 7435 "
        "7579 7723 7867 8011 8155 8315 8475 8635 8795 8956 9132 9308 9484 9660 9836 10028 10220 10412 10604 10812 "
        "11020 11228 11437 11661 11885 12109 12333 12573 12813 13053 13309 13565 13821 14093 14365 14637 14925 15213 "
        "15502 15806 16110 16414 16734 17054 17390 17726 18062 18414 18766 19134 19502 19886 20270 20670 21070 21486 "
        "21902 22334 22766 23214 23662 24126 24590 25070 25551 26047 26559 27071 27599 28143 28687 29247"
    ),
}
UNKNOWN = -128  # of a block


class Scale(NamedTuple):
    """How a codec counts its quantizer.

    Attributes:
        name: as its standard has it.
        lowest: the least that it can be, of samples of 8 bits.
        highest: the most.
        exported: by how much what FFmpeg exports of it is larger.
    """

    name: str
    lowest: int
    highest: int
    exported: int = 1


H263 = Scale("H.263 quantizer", 1, 31, 2)
SCALES = {
    "h264": Scale("H.264 slice QP", 0, 51),
    "hevc": Scale("HEVC slice QP", 0, 51),
    "mpeg1video": Scale("MPEG-1 quantizer_scale", 1, 31, 2),
    "mpeg2video": Scale("MPEG-2 quantiser_scale", 1, 112),
    "mpeg4": Scale("MPEG-4 quantiser_scale", 1, 31, 2),
    **dict.fromkeys(("h263", "h263p", "flv1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2"), H263),
    "vp9": Scale("VP9 base_q_idx", 0, 255),
    "av1": Scale("AV1 base_q_idx", 0, 255),
}


class Quantized(NamedTuple):
    """How coarsely a frame is quantized.

    Attributes:
        mean: of its blocks, on the scale of its codec; NaN if unknown.
        blocks: of 16x16 pixels, UNKNOWN where they are not known; None if there are none, or they were not asked for.
    """

    mean: float
    blocks: Int8[np.ndarray, "rows columns"] | None = None


def quantized(frame: av.VideoFrame, codec: str, mapped: bool) -> Quantized:
    """What a decoder exports of a frame, as `export_side_data=venc_params` makes it do; NaN if it does not.

    Args:
        codec: FFmpeg's name of it.
        mapped: whether to give blocks.
    """
    scale, parameters = SCALES.get(codec), encoder_parameters(frame)
    if not scale or not parameters:
        return Quantized(np.nan)
    values, blocks = parameters.quantizers // scale.exported, None
    known = (scale.lowest <= values) & (values <= scale.highest)
    if mapped and len(values) > 1 and len(values) % parameters.columns == 0:
        blocks = np.where(known, values, UNKNOWN).astype(np.int8).reshape(-1, parameters.columns)
    return Quantized(float(values.mean(where=known)) if known.any() else np.nan, blocks)


def log2_steps(codec: str, quantizers: Float[np.ndarray, " n"], bits: int) -> Float[np.ndarray, " n"]:
    """The logarithm to base 2 of the step between two values of a coefficient, in steps of 8-bit pixels.

    Args:
        codec: FFmpeg's name of it.
        quantizers: on the scale of the codec; NaN where they are not known, and so is the step.
        bits: of a sample.
    """
    if codec in ("h264", "hevc"):
        return (quantizers - 4) / 6
    if codec in ("vp9", "av1"):
        steps = np.array(AC_STEPS[bits].split(), float) / 8
        return np.interp(quantizers, np.arange(len(steps)), np.log2(steps)) - (bits - 8)
    return np.log2(quantizers * (1 if codec == "mpeg2video" else 2))

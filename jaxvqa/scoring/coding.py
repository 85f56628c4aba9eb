"""How a video was coded, as its row has it: facts that JSON can hold."""

from typing import Any

import numpy as np
from jaxtyping import Shaped

from ..video.coding import Coding


def coding_facts(coding: Coding) -> dict[str, Any]:
    """What is known of how a video was coded; None where it is not known."""
    stream, distances = coding.stream, coding.key_distances
    return {
        "container": stream.container,
        "codec": stream.codec,
        "profile": stream.profile or None,
        "height": stream.height,
        "width": stream.width,
        "coded_height": stream.coded_height,
        "coded_width": stream.coded_width,
        "pixel_aspect": f"{stream.aspect.numerator}:{stream.aspect.denominator}" if stream.aspect else None,
        "pixel_format": stream.pixel_format,
        "chroma": stream.chroma or None,
        "bits": stream.bits,
        "bits_per_second": number(coding.bits_per_second, 0),
        "bits_per_pixel": number(mean(coding.bits_per_pixel), 6),
        "frames": {letter: frames(coding, letter) for letter in sorted(set(coding.types))},
        "key_frames": int(coding.keys.sum()),
        "key_distance": {
            "mean": number(mean(distances), 3),
            "longest": int(distances.max()) if len(distances) else None,
        },
        "b_frames": coding.most_b_frames,
        "quantizer": quantizer(coding),
        "encoder": list(stream.encoder),
    }


def frames(coding: Coding, letter: str) -> dict[str, Any]:
    """How many frames there are of a type, their bytes, and their mean quantizer."""
    of_type = np.array(list(coding.types)) == letter
    return {
        "frames": int(of_type.sum()),
        "bytes": int(coding.sizes[of_type].sum()),
        "quantizer": number(mean(coding.quantizers[of_type]), 3),
    }


def quantizer(coding: Coding) -> dict[str, Any] | None:
    """What is known of the quantizer of frames; None if nothing tells it."""
    if not coding.scale:
        return None
    known = coding.quantizers[np.isfinite(coding.quantizers)]
    return {
        "scale": coding.scale,
        "known_frames": len(known),
        "mean": number(mean(known), 3),
        "lowest": number(float(known.min()), 3),
        "highest": number(float(known.max()), 3),
        "log2_step": number(mean(coding.log2_steps), 4),
    }


def mean(values: Shaped[np.ndarray, " n"]) -> float:
    """The mean of what is known; NaN if nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=float)) if len(known) else np.nan


def number(value: float, digits: int) -> float | None:
    """A rounded number; None of NaN."""
    return round(float(value), digits) if np.isfinite(value) else None

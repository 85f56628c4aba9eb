"""Reference scores: what the example clip scores, kept to notice an installation that scores otherwise.

Those of jaxvqa-mini and of untrained stand-ins for the published networks come with the package. Weights that were
downloaded have theirs in their directory.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import UserError, WeightsError
from ..example import EXAMPLE
from ..model import Model
from ..system.files import file_sha256, write_atomic
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling
from ..video.workers import Decoded, decode_files

PACKAGED = Path(__file__).with_name("reference.json")
NAME = "reference.json"  # in a weights directory
TOLERANCE = 1e-3  # of raw scores, in (0, 1): what processors round differently moves them by far less


def decode_example(sampling: Sampling) -> Decoded:
    """Decodes the example as scoring does, in a process of its own."""
    [decoded] = decode_files([str(EXAMPLE)], sampling, DecodeLimits(workers=1, silence=60))
    return decoded


def measure(model: Model) -> dict[str, Any]:
    """What the example scores here.

    Returns:
        SHA-256 of the clip, id of the weights, and raw scores by dimension: a reference, as JSON.

    Raises:
        VideoError: the clip cannot be decoded.
        UserError: the weights give no scores.
    """
    decoded = decode_example(model.sampling(Sampling()))
    scores = model.score_features(model.features(decoded.checked())).dimensions
    rounded = {name: round(score, 6) for name, score in scores.items()}
    return {"clip": file_sha256(EXAMPLE), "weights": model.weights_id, "scores": rounded}


def keep(reference: Mapping[str, Any], directory: Path) -> None:
    """Keeps a reference in the directory of its weights."""
    write_atomic(directory / NAME, json.dumps(reference, indent=1) + "\n")


def packaged(name: str) -> dict[str, Any]:
    """The reference that comes with the package of the weights of a name, "mini" or "random-small"."""
    return json.loads(PACKAGED.read_text(encoding="utf-8"))[name]


def kept(directory: Path) -> dict[str, Any] | None:
    """The reference in a weights directory; None if there is none of today's example.

    Raises:
        WeightsError: the file is none.
    """
    path = directory / NAME
    if not path.exists():
        return None
    try:
        reference = json.loads(path.read_text(encoding="utf-8"))
        sound = "weights" in reference and all(map(math.isfinite, reference["scores"].values()))
        same = reference["clip"] == file_sha256(EXAMPLE)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        sound = same = False
    if not sound:
        raise WeightsError(f"{path} holds no reference scores")
    return reference if same else None


def compare(measured: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    """Says how far the example's scores are from their reference.

    Returns:
        The largest difference of raw scores, `TOLERANCE` at most.

    Raises:
        UserError: it differs by more, or the reference is of other weights.
    """
    expected, found = reference["scores"], measured["scores"]
    if expected.keys() != found.keys():
        raise UserError(f"the example has scores in {', '.join(found)}, not in {', '.join(expected)}")
    most = max(expected, key=lambda name: abs(found[name] - expected[name]))
    distance = abs(found[most] - expected[most])
    if not distance <= TOLERANCE:
        raise UserError(f"the example scores {found[most]:.4f} in {most}, not {expected[most]:.4f}")
    if measured["weights"] != reference["weights"]:
        raise UserError(
            f"the weights are {measured['weights']}, and the reference scores are of {reference['weights']}"
        )
    return f"scores of the example within {max(distance, 1e-6):.6f} of their reference"

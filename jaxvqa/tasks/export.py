"""The task of exporting the scorer."""

import json
from pathlib import Path

import ml_collections

from ..scoring.stablehlo import ARTIFACT, DESCRIPTION, describe, export_scorer
from ..system.files import atomic_folder
from ..system.terminal import Log
from ..weights.assemble import SCORING_PARTS
from ..weights.find import choose_weights
from ..weights.load import load_weights


def run(config: ml_collections.ConfigDict) -> int:
    """Writes the scorer of weights into a folder, and says what came out.

    Raises:
        UserError: the folder exists or cannot be written, or there are no usable weights.
    """
    log = Log()
    folder = Path(config.output)
    loaded = load_weights(choose_weights(config.weights, log), SCORING_PARTS)
    exported = export_scorer(loaded)
    with atomic_folder(folder) as scratch:
        (scratch / ARTIFACT).write_bytes(exported.serialize())
        text = json.dumps(describe(loaded, exported), indent=1, ensure_ascii=False) + "\n"
        (scratch / DESCRIPTION).write_text(text, encoding="utf-8")
    size = (folder / ARTIFACT).stat().st_size
    log(
        f"{folder / ARTIFACT}: weights {loaded.id}, {size / 1e6:.0f} MB; what it takes and gives is in "
        f"{folder / DESCRIPTION}"
    )
    return 0

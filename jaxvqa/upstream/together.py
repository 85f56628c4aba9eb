"""Which published checkpoints go together. Nothing here imports JAX."""

import os

from ..errors import CheckpointError

Checkpoint = str | os.PathLike | None


def check_together(fastvqa: Checkpoint, clip: Checkpoint, maxvqa: Checkpoint, swin: Checkpoint) -> None:
    """Raises a CheckpointError for checkpoints that are not there, or do not make weights together."""
    if not (fastvqa or clip or maxvqa or swin):
        raise CheckpointError("nothing to convert: give at least one checkpoint.")
    if fastvqa and swin:
        raise CheckpointError(f"{fastvqa} and {swin} both hold a technical encoder: give one of them.")
    if maxvqa and not clip:
        raise CheckpointError(f"{maxvqa} is trained on top of CLIP's text transformer: give CLIP's RN50.pt as well.")
    for path in filter(None, (fastvqa, swin, clip, maxvqa)):
        if not os.path.isfile(path):
            raise CheckpointError(f"checkpoint {path} does not exist or is not a file.")

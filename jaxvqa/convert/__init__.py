"""Conversion of published checkpoints."""

from .checkpoints import convert_checkpoints
from .reader import CheckpointError, read_checkpoint

__all__ = ["CheckpointError", "convert_checkpoints", "read_checkpoint"]

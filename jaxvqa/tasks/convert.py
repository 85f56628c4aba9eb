"""The conversion task."""

import ml_collections

from ..upstream.convert import convert_checkpoints


def run(config: ml_collections.ConfigDict) -> int:
    """Converts the checkpoints that `config` names, and says what came out."""
    weights_id = convert_checkpoints(config.output, config.fastvqa, config.clip, config.maxvqa, config.swin)
    print(f"{config.output}: weights {weights_id}")
    return 0

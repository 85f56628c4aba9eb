"""The task of rendering a synthetic database."""

import ml_collections

from ..synthetic.maxwell import render
from ..system.terminal import Log


def run(config: ml_collections.ConfigDict) -> int:
    """Renders a database of a size and seed of one's own."""
    render(config.output, config.clips, config.seed, config.workers)
    Log()(f"{config.clips} synthetic clips are in {config.output}")
    return 0

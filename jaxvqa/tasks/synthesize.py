"""The task of rendering a synthetic database."""

import ml_collections
from rich.console import Console

from ..synthetic.maxwell import render


def run(config: ml_collections.ConfigDict) -> int:
    """Renders a database of a size and seed of one's own."""
    render(config.output, config.clips, config.seed, config.workers)
    Console(stderr=True).print(
        f"{config.clips} synthetic clips are in {config.output}", highlight=False, soft_wrap=True
    )
    return 0

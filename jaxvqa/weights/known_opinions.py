"""Of which weights it is known what people would say: the published ones, and those whose model card tells it.

For the published weights, `scripts/opinions.py` makes the table from the published predictions for the 909 validation
videos of MaxWell, and their labels.
"""

import functools
import json
from pathlib import Path

import numpy as np

from ..dimensions import DIMENSIONS
from .find import UNTRAINED
from .model_card import ModelCard
from .opinions import Opinions


def opinions_of(card: ModelCard | None, weights_id: str) -> Opinions | None:
    """Returns what is known of people's opinions for weights; None if nothing is."""
    if card:
        return card.opinions
    return None if weights_id in UNTRAINED else maxwell_opinions()


@functools.cache
def maxwell_opinions() -> Opinions:
    """Reads the table of MaxWell's validation videos."""
    table = json.loads(Path(__file__).with_name("maxwell_opinions.json").read_text())["dimensions"]
    lowest, highest = np.array([d.ratings for d in DIMENSIONS], float).T
    measured = {field: np.array([row[field] for row in table.values()]) for field in next(iter(table.values()))}
    return Opinions(**measured, lowest=lowest, highest=highest)

"""Explainable, no-reference video quality assessment: 16 scores per video, where and when they come from.

import jaxvqa

model = jaxvqa.load("weights")
scores = model.score("clip.mp4")
scores.overall, scores.dimensions, scores.local
"""

from .dimensions import DIMENSIONS, Dimension, display
from .errors import UserError
from .model import Model, Scores, load
from .video.decode import VideoError
from .video.sampling import SamplingPlan
from .video.views import Views
from .weights import WeightsError

__version__ = "0.1.0"
__all__ = [
    "DIMENSIONS",
    "Dimension",
    "Model",
    "SamplingPlan",
    "Scores",
    "UserError",
    "VideoError",
    "Views",
    "WeightsError",
    "display",
    "load",
]

"""What is trained of the small model as one network: statistics of pieces, and rows of small frames, to scores."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key, UInt8

from .clip_text import CLIPText, PromptTree
from .display import Describer
from .maxvqa import MaxVQA

ViewBatch = tuple[Float[Array, "videos positions s"], UInt8[Array, "videos frames h w"]]


class EndToEnd(nnx.Module):
    """What describes pieces and rows of small frames, and the head; one frame and one row a video."""

    def __init__(self, describer: Describer, maxvqa: MaxVQA):
        self.describer, self.maxvqa = describer, maxvqa

    def text_features(
        self, text: CLIPText | None, embeddings: Float[Array, "nodes width"] | None, tree: PromptTree | None
    ) -> Float[Array, "prompts d"]:
        """As the head's."""
        return self.maxvqa.text_features(text, embeddings, tree)

    def video_scores(
        self, views: ViewBatch, text_features: Float[Array, "prompts d"], keys: Key[Array, "videos"] | None = None
    ) -> Float[Array, "videos dimensions"]:
        """Scores of videos from their views."""
        return self.maxvqa.video_scores(self.describer(views[0].astype(jnp.float32), views[1]), text_features, keys)

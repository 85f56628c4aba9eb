"""Both encoders and the head as one network: views to scores, for training all of it."""

from flax import nnx
from jaxtyping import Array, Float, Key, UInt8

from .clip_resnet import CLIPResNet
from .clip_text import CLIPText, PromptTree
from .maxvqa import MaxVQA
from .swin3d import VideoSwin
from .visual_encoders import normalize, side_by_side

ViewBatch = tuple[UInt8[Array, "videos frames 224 224 3"], UInt8[Array, "videos moments 224 224 3"]]


class EndToEnd(nnx.Module):
    """MaxVQA from end to end; a technical clip a video, an aesthetic frame for each two of its frames."""

    def __init__(self, swin: VideoSwin, clip_visual: CLIPResNet, maxvqa: MaxVQA):
        self.swin, self.clip_visual, self.maxvqa = swin, clip_visual, maxvqa

    def text_features(
        self, text: CLIPText | None, embeddings: Float[Array, "nodes width"] | None, tree: PromptTree | None
    ) -> Float[Array, "prompts d"]:
        """As the head's."""
        return self.maxvqa.text_features(text, embeddings, tree)

    def video_scores(
        self, views: ViewBatch, text_features: Float[Array, "prompts d"], keys: Key[Array, "videos"] | None = None
    ) -> Float[Array, "videos dimensions"]:
        """Scores of videos from their views.

        They are encoded all at once: the gradient of a convolution in a loop takes XLA on a CPU seven times as long.
        """
        technical, aesthetic = map(normalize, views)
        tokens = self.clip_visual(aesthetic.reshape(-1, *aesthetic.shape[2:]))
        features = side_by_side(self.swin(technical), tokens)
        return self.maxvqa.video_scores(features.reshape(len(technical), -1, *features.shape[1:]), text_features, keys)

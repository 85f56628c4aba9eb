"""The last stages of both encoders and the head as one network, for training them on what the first stages give.

The first stages stay as they are: what they make of a video is computed once and stored, as features are where both
encoders stay as they are.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Key, UInt8

from ..geometry import CLIP_FRAMES, MOMENTS, POSITIONS
from .clip_resnet import CLIPResNet
from .clip_text import CLIPText, PromptTree
from .maxvqa import MaxVQA
from .swin3d import VideoSwin
from .visual_encoders import encode_clips, encode_frames, side_by_side


def encode_first(
    swin: VideoSwin,
    clip_visual: CLIPResNet,
    technical: UInt8[Array, "128 224 224 3"],
    aesthetic: UInt8[Array, "64 224 224 3"],
    *,
    last: int,
) -> Float[Array, "64 49 c"]:
    """What all but the `last` stages of both encoders make of a video: CLIP's values of each frame, then Swin's.

    Maps of them are larger than 7x7; they are laid out as features are, in the order of memory.
    """
    parts = encode_parts(swin, clip_visual, technical, aesthetic, last)
    return jnp.concatenate([part.reshape(MOMENTS, POSITIONS, -1) for part in parts], axis=-1)


def encode_parts(
    swin: VideoSwin,
    clip_visual: CLIPResNet,
    technical: UInt8[Array, "128 224 224 3"],
    aesthetic: UInt8[Array, "64 224 224 3"],
    last: int,
) -> tuple[Float[Array, "64 h w c"], Float[Array, "4 t h2 w2 c2"]]:
    """What goes into the `last` stages of CLIP and of Swin."""

    def first(encoder):
        def encode(x):
            x = encoder.embed(x)
            for i in range(len(encoder.stages) - last):
                x = encoder.stage(i, x)
            return x

        return encode

    clips = technical.reshape(-1, CLIP_FRAMES, *technical.shape[1:])
    return encode_frames(first(clip_visual), aesthetic), encode_clips(first(swin), clips)


class LastStages(nnx.Module):
    """The last stages of both encoders, and MaxVQA's head; of the encoders given, copies without their first stages.

    Args:
        last: number of stages.

    Raises:
        ValueError: the encoders do not have so many stages.
    """

    def __init__(self, swin: VideoSwin, clip_visual: CLIPResNet, maxvqa: MaxVQA, last: int):
        stages = min(len(swin.stages), len(clip_visual.stages))
        if not 1 <= last <= stages:
            raise ValueError(f"last is {last}; it must be from 1 to {stages} for these encoders")
        views = [jax.ShapeDtypeStruct((n, 224, 224, 3), np.uint8) for n in (2 * MOMENTS, MOMENTS)]
        parts = jax.eval_shape(lambda *views: encode_parts(swin, clip_visual, *views, last), *views)
        self.shapes = tuple(part.shape for part in parts)
        self.swin, self.clip_visual, self.maxvqa = nnx.clone(swin), nnx.clone(clip_visual), maxvqa
        for i in range(len(swin.stages) - last):
            self.swin.stages[i] = self.swin.merges[i] = nnx.List([])
        for i in range(len(clip_visual.stages) - last):
            self.clip_visual.stages[i] = nnx.List([])
        del self.swin.patch_embed, self.swin.patch_norm, self.clip_visual.stem
        self.last = last

    def text_features(
        self, text: CLIPText | None, embeddings: Float[Array, "nodes width"] | None, tree: PromptTree | None
    ) -> Float[Array, "prompts d"]:
        """As the head's."""
        return self.maxvqa.text_features(text, embeddings, tree)

    def features(self, encoded: Float[Array, "64 49 c"]) -> Float[Array, "64 49 c2"]:
        """Features of a video from what `encode_first` gave for it."""
        channels = np.prod(self.shapes[0]) // (MOMENTS * POSITIONS)
        parts = jnp.split(encoded.astype(jnp.float32), [channels], axis=-1)
        aesthetic, technical = (part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True))
        for i in range(len(self.clip_visual.stages) - self.last, len(self.clip_visual.stages)):
            aesthetic = self.clip_visual.stage(i, aesthetic)
        for i in range(len(self.swin.stages) - self.last, len(self.swin.stages)):
            technical = self.swin.stage(i, technical)
        return side_by_side(self.swin.norm(technical), self.clip_visual.pool(aesthetic))

    def video_scores(
        self,
        encoded: Float[Array, "videos 64 49 c"],
        text_features: Float[Array, "prompts d"],
        keys: Key[Array, "videos"] | None = None,
    ) -> Float[Array, "videos dimensions"]:
        """Scores of videos from what `encode_first` gave for them.

        One after another, and each computed once more for its gradient: memory does not grow with their number.
        """

        def score(video):
            encoded, key = video
            features = self.features(encoded)
            return self.maxvqa(features.reshape(-1, features.shape[-1]), text_features, key).mean(axis=0)

        return jax.lax.map(jax.checkpoint(score), (encoded, keys))

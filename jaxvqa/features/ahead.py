"""Features of videos, one video ahead of whoever takes them. Nothing here imports Flax."""

from collections.abc import Callable, Iterable, Iterator

from jaxtyping import Array, Float

from ..video.workers import Decoded


def encode_ahead(
    encode: Callable, videos: Iterable[Decoded]
) -> Iterator[tuple[Decoded, Float[Array, "moments 49 c"] | None]]:
    """Features of decoded videos, None for those that could not be decoded.

    The device has the next video before one is given, so that it need not wait while that is dealt with.
    """
    before = None
    for video in videos:
        now = (video, None if video.views is None else encode(*video.views))
        if before:
            yield before
        before = now
    if before:
        yield before

"""What templates of pages need: their files, colours and pictures."""

import base64
import functools
import io
from pathlib import Path

import jinja2
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

TEMPLATES = Path(__file__).with_name("templates")
# Position (0 to 255), red, green and blue; between them, each lies within 3 of 255 of the 256 published colors.
# Source: cividis, Nuñez et al., doi.org/10.1371/journal.pone.0199239.
CIVIDIS = np.array(
    [
        [0, 0, 34, 78],
        [20, 0, 48, 112],
        [23, 1, 50, 113],
        [28, 18, 53, 112],
        [34, 30, 58, 111],
        [52, 54, 70, 108],
        [84, 86, 92, 109],
        [126, 123, 122, 120],
        [147, 143, 138, 120],
        [179, 174, 163, 113],
        [205, 201, 185, 101],
        [232, 231, 209, 80],
        [251, 253, 227, 52],
        [255, 254, 232, 56],
    ]
)


@functools.cache
def template(name: str, suffix: str = "html") -> jinja2.Template:
    """One of the templates next to this file; all that is put into them is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(f"{name}.{suffix}")


@functools.cache
def source(*names: str) -> str:
    """Files next to the templates, one after the other, as they are."""
    return "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names)


def colours(values: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape 3"]:
    """Colours of values from 0, dark blue, to 1, yellow: cividis, which looks alike to the colour-blind."""
    at, *channels = CIVIDIS.T
    return np.stack([np.interp(255 * values, at, channel) for channel in channels], axis=-1).round().astype(np.uint8)


def shades() -> list[tuple[str, str]]:
    """The colour of each score from 0 to 100, and that of text on it: black or white, whichever has more contrast."""
    pairs = []
    for colour in colours(np.arange(101) / 100):
        on_black, on_white = contrast(colour, np.zeros(3)), contrast(colour, np.full(3, 255))
        pairs.append(("#{:02x}{:02x}{:02x}".format(*colour), "#000" if on_black > on_white else "#fff"))
    return pairs


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    """The contrast ratio of two sRGB colours, 1 to 21 (WCAG 2.2)."""
    channels = np.stack([first, second]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return float((high + 0.05) / (low + 0.05))


def png(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    """A picture as base64 of PNG, exact."""
    return encoded(Image.fromarray(pixels), "png", optimize=True)


def webp(picture: Image.Image, side: int, quality: int) -> str:
    """A picture as base64 of WebP, no longer or wider than `side` pixels."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return encoded(small, "webp", quality=quality, method=6)


def encoded(picture: Image.Image, kind: str, **options: int) -> str:
    """A picture as base64 of a file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return base64.b64encode(file.getvalue()).decode()

"""Source scenes of the synthetic database: photographs that packages ship, rendered pictures, a camera that moves.

A source is one photograph (two of the same thing are one source) or one rendered picture. What a clip shows of
it is decided by a generator of its own.
"""

import functools
import string
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage.data
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter, zoom
from sklearn.datasets import load_sample_image

PHOTOGRAPHS = {
    "astronaut": ("astronaut.png",),
    "brick": ("brick.png",),
    "camera": ("camera.png",),
    "cat": ("chelsea.png",),
    "cell": ("cell.png",),
    "china": ("china.jpg",),
    "coffee": ("coffee.png",),
    "coins": ("coins.png",),
    "flower": ("flower.jpg",),
    "grass": ("grass.png",),
    "gravel": ("gravel.png",),
    "hubble": ("hubble_deep_field.jpg",),
    "moon": ("moon.png",),
    "motorcycle": ("motorcycle_left.png", "motorcycle_right.png"),
    "retina": ("retina.jpg",),
    "rocket": ("rocket.jpg",),
    "tissue": ("ihc.png",),
}
RENDERED = ("clouds", "edges", "text", "landscape", "mosaic")
SIDE = 900  # of a rendered picture, pixels
MARGIN = 0.8  # how much of a photograph's height or width is in view at most: the camera needs room to move


class Camera(NamedTuple):
    """How unsteadily a scene is filmed; all strengths from 0 to 1.

    Attributes:
        shake: of the hand, from frame to frame.
        wander: jerks and changes of direction.
        tilt: of the horizon, with the subject towards the edge of the frame.
        still: whether it stands where it is, and does not pan.
    """

    shake: float = 0.0
    wander: float = 0.0
    tilt: float = 0.0
    still: bool = False


def film(
    scene: Sequence[Image.Image],
    height: int,
    width: int,
    clutter: float,
    camera: Camera,
    generator: np.random.Generator,
) -> UInt8[np.ndarray, "frames height width 3"]:
    """Films a scene: pan and zoom over it, with things that move in front.

    Args:
        scene: what there is to see at each frame, all of one size: a picture again and again, or a real clip.
        clutter: from 0 to 1, how many more things there are in front than the one or two that are part of the scene.
    """
    frames = len(scene)
    path = camera_path(frames, scene[0], height, width, camera, generator)
    things = [Thing.draw(height, width, generator) for _ in range(generator.integers(0, 3) + round(14 * clutter))]
    clip = np.empty((frames, height, width, 3), np.uint8)
    for i, (x, y, scale, angle) in enumerate(path):
        c, s = scale * np.cos(angle), scale * np.sin(angle)
        # PIL wants the source position of each pixel: rotated and scaled about the centre of the frame.
        left = x - c * width / 2 + s * height / 2
        top = y - s * width / 2 - c * height / 2
        move = (c, -s, left, s, c, top)
        frame = scene[i].transform((width, height), Image.Transform.AFFINE, move, Image.Resampling.BILINEAR)
        pen = ImageDraw.Draw(frame)
        for thing in things:
            thing.paint(pen, i)
        clip[i] = frame
    return clip


def picture(source: str, height: int, width: int, generator: np.random.Generator) -> Image.Image:
    """A source at a size from which frames can be cut without enlarging more than is needed.

    Args:
        source: a name of `PHOTOGRAPHS`, or a kind of `RENDERED`.
    """
    if source in RENDERED:
        return render(source, generator)
    photograph = load(str(generator.choice(PHOTOGRAPHS[source])))
    most = min(MARGIN * photograph.width / width, MARGIN * photograph.height / height)
    scale = generator.uniform(max(0.6 * most, 1.0), most) if most > 1 else most  # source pixels for one of the clip
    size = (round(photograph.width / scale), round(photograph.height / scale))
    return photograph.resize(size, Image.Resampling.LANCZOS)


def photographs(split: str) -> list[str]:
    """Names of the photographs of "train" or "validation", a quarter of all: the same for all that is rendered here."""
    shuffled = np.random.default_rng(0).permutation(sorted(PHOTOGRAPHS)).tolist()
    held_out = len(shuffled) // 4
    return shuffled[:held_out] if split == "validation" else shuffled[held_out:]


@functools.cache
def load(file: str) -> Image.Image:
    """A photograph of scikit-image, or of scikit-learn."""
    path = Path(skimage.data.__file__).with_name(file)
    return Image.open(path).convert("RGB") if path.exists() else Image.fromarray(load_sample_image(file))


def render(kind: str, generator: np.random.Generator) -> Image.Image:
    """Draws a picture of one kind, SIDE x SIDE pixels."""
    if kind == "clouds":
        return clouds(generator)
    canvas = Image.new("RGB", (SIDE, SIDE), colour(generator))
    pen = ImageDraw.Draw(canvas)
    if kind == "edges":
        step, angle = int(generator.integers(12, 60)), generator.uniform(0, np.pi)
        y, x = np.mgrid[:SIDE, :SIDE]
        stripes = (x * np.cos(angle) + y * np.sin(angle)) // step % 2
        rings = np.hypot(x - SIDE / 2, y - SIDE / 2) // step % 2
        pattern = (stripes + rings * (generator.random() < 0.5)) % 2
        two = np.array([colour(generator), colour(generator)], np.uint8)
        return Image.fromarray(two[pattern.astype(int)])
    if kind == "text":
        canvas.paste((245, 242, 232), (0, 0, SIDE, SIDE))
        size = int(generator.integers(16, 36))
        font = ImageFont.load_default(size)
        for y in range(10, SIDE, round(1.5 * size)):
            words = (
                "".join(generator.choice(list(string.ascii_letters), generator.integers(2, 10))) for _ in range(20)
            )
            pen.text((10, y), " ".join(words), fill=(30, 30, 40), font=font)
        return canvas
    if kind == "landscape":
        sky, ground = (np.array(colour(generator), float) for _ in range(2))
        ramp = np.linspace(1.2, 0.6, SIDE)[:, None, None]
        canvas = Image.fromarray(np.clip(np.broadcast_to(sky * ramp, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8))
        pen = ImageDraw.Draw(canvas)
        for layer in range(5):
            ridge = 300 + 110 * layer + 90 * np.cumsum(generator.normal(0, 0.25, 31))
            shade = tuple(int(v) for v in np.clip(ground * (1.1 - 0.17 * layer), 0, 255))
            pen.polygon([(0, SIDE), *zip(range(0, SIDE + 1, 30), ridge, strict=True), (SIDE, SIDE)], fill=shade)
        grain = generator.normal(0, 7, (SIDE, SIDE, 1))
        return Image.fromarray(np.clip(np.asarray(canvas) + grain, 0, 255).astype(np.uint8))
    for _ in range(160):  # mosaic
        Thing.draw(SIDE, SIDE, generator, size=(0.03, 0.14)).paint(pen, 0)
    return canvas


def clouds(generator: np.random.Generator) -> Image.Image:
    """A texture with detail at all scales, between two colours."""
    texture = np.zeros((SIDE, SIDE))
    for octave in range(2, 9):
        coarse = generator.normal(size=(2**octave + 3, 2**octave + 3))
        fine = zoom(coarse, SIDE / (2**octave), order=1)[:SIDE, :SIDE]
        texture += fine * 2 ** (-0.8 * octave)
    texture = (texture - texture.min()) / np.ptp(texture)
    low, high = (np.array(colour(generator), float) for _ in range(2))
    return Image.fromarray((low + (high - low) * texture[..., None]).astype(np.uint8))


def camera_path(
    frames: int, canvas: Image.Image, height: int, width: int, camera: Camera, generator: np.random.Generator
) -> Float[np.ndarray, "frames 4"]:
    """Centre x and y in the canvas, scale and angle of each frame; the view stays within the canvas."""
    t = np.linspace(0, 1, frames)
    room = np.maximum([canvas.width - width, canvas.height - height], 0) / 2  # either way from the middle
    drift = generator.uniform(-1, 1, (2, 2)) * room * 0.6
    if camera.still:
        drift[1] = drift[0]
    centre = (1 - t)[:, None] * drift[0] + t[:, None] * drift[1]
    jumps = generator.normal(size=(frames, 2)) * (generator.random((frames, 1)) < 0.2)
    centre += camera.wander * 1.5 * np.minimum(room, 60) * gaussian_filter(np.cumsum(jumps, axis=0), (0.7, 0))
    centre += camera.tilt * room * generator.choice([-1, 1], 2) * 0.8
    centre += camera.shake * generator.normal(0, 7, (frames, 2))
    angle = 0.3 * camera.tilt * generator.choice([-1, 1]) + camera.shake * generator.normal(0, 0.015, frames)
    angle = angle + np.zeros(frames)
    # What is in view, turned, has to fit: the view becomes smaller before it leaves the canvas.
    tall = np.abs(np.cos(angle)) * height + np.abs(np.sin(angle)) * width
    wide = np.abs(np.cos(angle)) * width + np.abs(np.sin(angle)) * height
    scale = np.min([np.ones(frames), (canvas.width - 2) / wide, (canvas.height - 2) / tall], axis=0)
    scale = scale * (1 - 0.12 * generator.random() * t)
    half = np.stack([wide * scale, tall * scale], axis=1) / 2
    middle = np.array([canvas.width, canvas.height]) / 2
    place = np.clip(middle + centre, half, 2 * middle - half)
    return np.column_stack([place, scale, angle])


class Thing(NamedTuple):
    """A flat shape that moves in front of a scene; positions in pixels, velocities in pixels a frame."""

    corners: Float[np.ndarray, "n 2"]
    place: Float[np.ndarray, "2"]
    velocity: Float[np.ndarray, "2"]
    fill: tuple[int, int, int]

    @classmethod
    def draw(
        cls, height: int, width: int, generator: np.random.Generator, size: tuple[float, float] = (0.05, 0.12)
    ) -> "Thing":
        """Draws one at random; sizes are parts of the frame's short side."""
        sides = int(generator.choice([3, 4, 5, 24]))
        turn = generator.uniform(0, 2 * np.pi) + np.arange(sides) * 2 * np.pi / sides
        radius = generator.uniform(*size) * min(height, width)
        corners = radius * np.stack([np.cos(turn), np.sin(turn)], axis=1) * generator.uniform(0.6, 1.4, 2)
        place = generator.uniform(0, 1, 2) * (width, height)
        return cls(corners, place, generator.normal(0, 1.5, 2), colour(generator))

    def paint(self, pen: ImageDraw.ImageDraw, frame: int) -> None:
        """Paints it where it is at a frame."""
        pen.polygon([tuple(corner) for corner in self.corners + self.place + frame * self.velocity], fill=self.fill)


def colour(generator: np.random.Generator) -> tuple[int, int, int]:
    """A colour that is neither very dark nor very pale."""
    red, green, blue = generator.integers(30, 230, 3).tolist()
    return red, green, blue


def rendered(frames: int, generator: np.random.Generator) -> UInt8[np.ndarray, "frames height width 3"]:
    """What is as it should be, though little moves or little light is in it: slides, night skies, greys, graphics."""
    height, width = [(540, 960), (480, 640), (640, 360)][generator.integers(3)]
    kind = generator.choice(["slide", "night", "flat", "graphic"], p=(0.3, 0.3, 0.15, 0.25))
    if kind in ("slide", "graphic"):
        name = "text" if kind == "slide" else str(generator.choice(RENDERED))
        picture = np.asarray(render(name, generator))
        if kind == "slide" and generator.random() < 0.4:
            picture = 255 - picture
    else:
        level = generator.integers(0, 14 if kind == "night" or generator.random() < 0.5 else 256)
        picture = np.full((960, 960, 3), level, np.uint8)
        if kind == "night":
            light = np.zeros((960, 960))
            places = generator.integers(0, 960, (round(20 * 200 ** generator.random()), 2))  # 20 to 4,000 stars
            light[places[:, 0], places[:, 1]] = generator.exponential(1, len(places)) ** 2 * 300
            glow = 30 * (generator.random() < 0.5)
            light = gaussian_filter(light, generator.uniform(0.4, 1.8)) + glow * gaussian_filter(light, 8)
            tint = generator.uniform(0.6, 1, 3)
            picture = np.clip(picture + light[..., None] * tint, 0, 255).astype(np.uint8)
    picture = picture[:height, :width]
    picture = np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), "edge")
    return picture[None].repeat(frames, 0)

"""Real video files for tests, encoded with PyAV."""

import os

import av
import numpy as np

from jaxvqa.synthetic.scenes import PHOTOGRAPHS, load
from jaxvqa.video.display import ROW_FRAMES


def write_clip(path, frames, codec="libx264", fps=25, codec_options=None, fields=None, **options):
    """Encodes uint8 [n, h, w, 3] frames, or [n, h, w, 4] ones with alpha; options go to the container.

    Args:
        fields: of the codec's context, by name, such as "pix_fmt".
    """
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=fps, options=codec_options or {})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for name, value in (fields or {}).items():
            setattr(stream.codec_context, name, value)
        for frame in frames:
            form = "rgb24" if frame.shape[2] == 3 else "rgba"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format=form)))
        container.mux(stream.encode())
    if codec == "libsvtav1":  # it makes its caller, if that is root, a process that no other interrupts
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def moving_clip(path, frames=20, height=240, width=320, seed=0, **options):
    """A textured scene that drifts by three pixels a frame."""
    scene = np.random.default_rng(seed).integers(0, 255, (height // 4 + 1, width // 4 + frames, 3))
    scene = scene.repeat(4, axis=0).repeat(4, axis=1).astype(np.uint8)
    return write_clip(path, [scene[:height, 3 * i : 3 * i + width] for i in range(frames)], **options)


def numbered_clip(path, frames=50, height=64, width=96, **options):
    """Six bars, black or white, tell the number of each frame in binary."""
    bits = (np.arange(frames)[:, None] >> np.arange(6)) & 1
    bars = (30 + 190 * bits).astype(np.uint8).repeat(width // 6, axis=1)
    return write_clip(path, np.broadcast_to(bars[:, None, :, None], (frames, height, width, 3)), **options)


def frame_number(frame) -> int:
    """The number of a frame of `numbered_clip`."""
    bars = frame.mean(axis=(0, 2)).reshape(6, -1).mean(axis=1)
    return int(((bars > 128) << np.arange(6)).sum())


def panned():
    """A camera that moves over a photograph, as many frames as a row of small frames has."""
    picture = np.asarray(load("coffee.png"))
    return np.stack([picture[4 * (i % 16) :][:300, 2 * i :][:, :400] for i in range(ROW_FRAMES)])


def write_photographs(folder, count, lines):
    """Makes a folder of photographs that packages ship, the shorter side of each with so many pixels."""
    folder.mkdir()
    for name in [file for files in PHOTOGRAPHS.values() for file in files][:count]:
        picture = load(name)
        scale = lines / min(picture.size)
        picture.resize([round(side * scale) for side in picture.size]).save(folder / f"{name[:-4]}.png")

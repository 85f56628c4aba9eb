"""Real video files for tests, encoded with PyAV."""

import os

import av
import numpy as np


def write_clip(path, frames, codec="libx264", fps=25, codec_options=None, **options):
    """Encodes uint8 [n, h, w, 3] frames; options go to the container."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=fps, options=codec_options or {})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
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

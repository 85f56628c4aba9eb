"""Makes what comes with the package for trying it, and for comparing installations.

    python scripts/make_example.py clip      # jaxvqa/example.mp4
    python scripts/make_example.py scores    # jaxvqa/scoring/reference.json

Scores are those of the clip that is there; make them again whenever it, jaxvqa-mini or what is computed changes.
"""

import argparse
import fractions
import json

import av
import numpy as np
from jaxtyping import UInt8

from jaxvqa.example import EXAMPLE
from jaxvqa.model import load
from jaxvqa.scoring.reference import PACKAGED, measure
from jaxvqa.synthetic.degradations import defocus
from jaxvqa.synthetic.scenes import Camera, film, picture
from jaxvqa.synthetic.transcode import add_video_stream, transmit
from jaxvqa.system.files import write_atomic

FRAMES, HEIGHT, WIDTH, RATE = 96, 540, 960, 24
# Without its macroblock tree, and with code that all processors can run, x264 writes the same bytes everywhere.
OPTIONS = {"crf": "20", "preset": "slow", "x264-params": "mbtree=0:cpu-independent=1"}


def example() -> UInt8[np.ndarray, "96 540 960 3"]:
    """The frames of the clip."""
    generator = np.random.default_rng(2)
    scene = [picture("coffee", HEIGHT, WIDTH, generator)] * FRAMES
    clip = film(scene, HEIGHT, WIDTH, 0, Camera(), generator)
    worse, middle = clip[FRAMES // 2 :], WIDTH // 2
    worse[:, :, :middle] = transmit(worse[:, :, :middle], "libx264", 1.0)
    worse[:, :, middle:] = defocus(worse[:, :, middle:], 0.9)
    return clip


def write_clip() -> None:
    with av.open(str(EXAMPLE), "w", options={"fflags": "+bitexact", "movflags": "+faststart"}) as container:
        stream = add_video_stream(container, "libx264", RATE, (HEIGHT, WIDTH), OPTIONS)
        stream.time_base = fractions.Fraction(1, RATE)
        for pixels in example():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    print(f"{EXAMPLE}: {EXAMPLE.stat().st_size} bytes")


def write_scores() -> None:
    references = {name: measure(load(name)) for name in ("mini", "random-small")}
    write_atomic(PACKAGED, json.dumps(references, indent=1) + "\n")
    print(f"{PACKAGED}: {', '.join(reference['weights'] for reference in references.values())}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("clip", "scores"))
    {"clip": write_clip, "scores": write_scores}[parser.parse_args().what]()

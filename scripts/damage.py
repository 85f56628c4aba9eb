"""What becomes of damaged videos: how many are noticed, and whether any stops the rest.

usage: damage.py OUTPUT VIDEO [--part N]

The first two seconds of a real clip are encoded by ten codecs into nine containers, and each of these files is damaged
in fifteen ways: cut short, bits turned over in its header or its pictures, parts overwritten, taken out or put in
twice. With what is no video at all, all are scored by one run of `python -m jaxvqa.main --config configs/score.py`,
into OUTPUT/scores; the files stay in OUTPUT/videos. Of what is scored nevertheless, the second table tells how many
show other pictures than the whole file does: damage that a decoder cannot notice.

Exit code 1 if the run stops, prints a traceback, loses a file, or a decoder hangs or crashes, or a whole file fails.
About two minutes on two cores; --part=10 takes every tenth file alone.
"""

import argparse
import contextlib
import csv
import os
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8
from PIL import Image
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
FRAMES, RATE, HEIGHT, WIDTH = 48, 24, 180, 320
X265 = {"x265-params": "log-level=none"}
# Name, codec, pixel format, options of the codec, options of the container.
ENCODINGS = (
    ("h264.mp4", "libx264", "yuv420p", {}, {}),
    ("h264-faststart.mp4", "libx264", "yuv420p", {}, {"movflags": "faststart"}),
    ("h264-fragmented.mp4", "libx264", "yuv420p", {"g": "12"}, {"movflags": "frag_keyframe+empty_moov"}),
    ("h264-10bit.mp4", "libx264", "yuv420p10le", {}, {}),
    ("h264-variable.mp4", "libx264", "yuv420p", {}, {}),
    ("h264-rotated.mov", "libx264", "yuv420p", {}, {}),
    ("h264.mkv", "libx264", "yuv420p", {}, {}),
    ("h264.ts", "libx264", "yuv420p", {"g": "12"}, {}),
    ("h264.flv", "libx264", "yuv420p", {}, {}),
    ("hevc.mp4", "libx265", "yuv420p", X265, {}),
    ("hevc-10bit.mkv", "libx265", "yuv420p10le", X265, {}),
    ("vp8.webm", "libvpx", "yuv420p", {"auto-alt-ref": "1", "lag-in-frames": "16"}, {}),
    ("vp9.webm", "libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}, {}),
    ("av1.mp4", "libsvtav1", "yuv420p", {"preset": "12"}, {}),
    ("av1-10bit.mkv", "libsvtav1", "yuv420p10le", {"preset": "12"}, {}),
    ("mjpeg.avi", "mjpeg", "yuvj420p", {}, {}),
    ("mpeg4.avi", "mpeg4", "yuv420p", {}, {}),
    ("mpeg2.mpg", "mpeg2video", "yuv420p", {}, {}),
    ("prores.mov", "prores_ks", "yuv422p10le", {}, {}),
    ("gif.gif", "gif", "rgb8", {}, {}),
)
HEADER = 2048  # bytes at a file's beginning
Damage = Callable[[bytearray, np.random.Generator], bytes]


def cut(kept: float) -> Damage:
    """Keeps the beginning."""
    return lambda data, _: bytes(data[: int(len(data) * kept)])


def flip(bits: int, header: bool) -> Damage:
    """Turns bits over, in the header or behind it."""

    def damage(data, generator):
        where = generator.integers(*((0, HEADER) if header else (HEADER, len(data))), bits)
        for at in where:
            data[at] ^= 1 << int(generator.integers(8))
        return bytes(data)

    return damage


def middle(data: bytearray, share: float, part: Callable[[bytes], bytes]) -> bytes:
    """Puts something else in the place of a share of the bytes, from the middle on."""
    start, end = len(data) // 2, len(data) // 2 + int(len(data) * share)
    return bytes(data[:start]) + part(bytes(data[start:end])) + bytes(data[end:])


DAMAGES: dict[str, Damage] = {
    "whole": lambda data, _: bytes(data),
    "cut to 10 %": cut(0.1),
    "cut to 50 %": cut(0.5),
    "cut to 90 %": cut(0.9),
    "cut to 99 %": cut(0.99),
    "1 bit of the header": flip(1, True),
    "8 bits of the header": flip(8, True),
    "64 bits of the header": flip(64, True),
    "1 bit behind it": flip(1, False),
    "10 bits behind it": flip(10, False),
    "100 bits behind it": flip(100, False),
    "2 % are zeros": lambda data, _: middle(data, 0.02, lambda part: bytes(len(part))),
    "20 % are noise": lambda data, generator: middle(data, 0.2, lambda part: generator.bytes(len(part))),
    "5 % are missing": lambda data, _: middle(data, 0.05, lambda _: b""),
    "5 % are there twice": lambda data, _: middle(data, 0.05, lambda part: part * 2),
    "noise behind the end": lambda data, generator: bytes(data) + generator.bytes(5000),
}
STRANGE = "not a video"


def main() -> int:
    """Damages, scores, and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("video")
    parser.add_argument("--part", type=int, default=1)
    args = parser.parse_args()
    os.environ["SVT_LOG"] = "1"  # errors alone
    videos = args.output / "videos"
    videos.mkdir(parents=True)
    what = make_files(videos, read_clip(args.video), args.part)
    started = time.monotonic()
    command = [sys.executable, "-m", "jaxvqa.main", "--config", str(ROOT / "configs" / "score.py")]
    settings = [f"--config.videos={videos}", f"--config.output={args.output / 'scores'}"]
    process = subprocess.run([*command, *settings], cwd=ROOT, capture_output=True, text=True)
    took = time.monotonic() - started
    with (args.output / "scores" / "scores.csv").open() as file:
        rows = {Path(row["path"]).name: row for row in csv.DictReader(file)}
    wrong = print_tables(what, rows, videos)
    if process.returncode not in (0, 1) or "Traceback" in process.stderr:
        wrong.append(f"exit code {process.returncode}: {process.stderr[-2000:]}")
    wrong += [f"{name} has no row" for name in what if name not in rows]
    print(f"{len(what)} files in {took:.0f} s")
    print("".join(f"\n{sentence}" for sentence in wrong), file=sys.stderr)
    return 1 if wrong else 0


def read_clip(path: str) -> list[UInt8[np.ndarray, "h w 3"]]:
    """The first frames of a video, made small."""
    with av.open(path) as container:
        frames = [frame for frame, _ in zip(container.decode(video=0), range(FRAMES), strict=False)]
    return [frame.reformat(WIDTH, HEIGHT, "rgb24").to_ndarray() for frame in frames]


def make_files(folder: Path, clip: list[UInt8[np.ndarray, "h w 3"]], part: int) -> dict[str, str]:
    """Writes all files, or the whole ones and every `part`-th of the others; gives what was done to each."""
    what = {}
    for number, (name, *encoding) in enumerate(ENCODINGS):
        encode(folder / name, clip, *encoding)
        whole = (folder / name).read_bytes()
        for kind, (said, damage) in enumerate(DAMAGES.items()):
            if kind == 0 or (number * (len(DAMAGES) - 1) + kind) % part == 0:
                path = folder / (f"{kind:02} {name}" if kind else name)
                path.write_bytes(damage(bytearray(whole), np.random.default_rng([number, kind])))
                what[path.name] = said
    (folder / "text.mp4").write_text("no video\n" * 1000)
    (folder / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(50_000))
    (folder / "empty.mp4").touch()
    Image.fromarray(clip[0]).save(folder / "photograph.mp4", "jpeg")
    Image.fromarray(clip[0]).save(folder / "drawing.mp4", "png")
    with av.open(str(folder / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return what | dict.fromkeys("text.mp4 noise.mp4 empty.mp4 photograph.mp4 drawing.mp4 sound.mp4".split(), STRANGE)


def encode(
    path: Path,
    clip: list[UInt8[np.ndarray, "h w 3"]],
    codec: str,
    pixels: str,
    codec_options: dict[str, str],
    options: dict[str, str],
) -> None:
    """Writes a video file."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=RATE, options=codec_options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        for number, image in enumerate(clip):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
            frame.pts = number + (7 * (number // 5) if "variable" in path.name else 0)
            frame.time_base = Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if codec == "libsvtav1":  # it makes its caller, if that is root, a process that no other interrupts
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    if "rotated" in path.name:
        data = bytearray(path.read_bytes())
        matrix = data.index(b"tkhd") + 4 + 40  # ISO/IEC 14496-12, section 8.3.2
        data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
        path.write_bytes(data)


def outcome(row: dict[str, str]) -> str:
    """A column of the table."""
    if "sign of life" in row["error"]:
        return "hang"
    if "the decoder" in row["error"]:
        return "crash"
    return row["status"]


def print_tables(what: dict[str, str], rows: dict[str, dict[str, str]], videos: Path) -> list[str]:
    """Prints what became of the files, by damage and by encoding, and gives what must not have been."""
    out = Console(width=120)
    outcomes = {name: outcome(row) for name, row in rows.items()}
    other = {name for name, said in outcomes.items() if said == "ok" and differs(videos, name)}
    for title, group in (("damage", what), ("file", {name: name.split(" ")[-1] for name in what})):
        table = Table(title, box=None)
        columns = ("ok", "damaged", "error", "hang", "crash")
        for column in (*columns, "ok, but other pictures"):
            table.add_column(column, justify="right")
        for kind in dict.fromkeys(group.values()):
            names = [name for name in outcomes if group[name] == kind]
            count = Counter(outcomes[name] for name in names)
            table.add_row(kind, *(str(count[column]) for column in columns), str(len(other.intersection(names))))
        total = Counter(outcomes.values())
        table.add_row("all", *(str(total[column]) for column in columns), str(len(other)))
        out.print(table)
    return [
        f"{name}: {said}"
        for name, said in outcomes.items()
        if said in ("hang", "crash")
        or (what[name] == "whole" and said != "ok")
        or (what[name] == STRANGE and said == "ok")
    ]


def differs(videos: Path, name: str) -> bool:
    """Whether a file shows something else than the whole one does."""
    return pictures(videos / name) != pictures(videos / name.split(" ")[-1])


def pictures(path: Path) -> list[bytes]:
    """Every frame of a file, up to one that cannot be decoded."""
    frames = []
    with av.open(str(path)) as container, contextlib.suppress(av.FFmpegError):
        frames.extend(frame.to_ndarray(format="rgb24").tobytes() for frame in container.decode(video=0))
    return frames


if __name__ == "__main__":
    sys.exit(main())

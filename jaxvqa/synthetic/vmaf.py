"""Frames through an encoder, and what VMAF says of what is left: targets of the small model.

FFmpeg with libvmaf comes with imageio-ffmpeg, which only its training needs; VMAF of a user's encodes is computed by
that on the PATH, too. VMAF (Netflix, v0.6.1) estimates how people rate a video on a television of 1080 lines, from 0 to
100, by comparing it with its source.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from ..errors import UserError, VideoError
from ..system.extras import how_to_install, missing

RATE = 30  # frames per second
X265 = "log-level=error:pools=none:frame-threads=1"


class Encoder(NamedTuple):
    """An encoder of FFmpeg: its name there, options that do not change, and that for quality from best to worst."""

    codec: str
    options: tuple[str, ...]
    quality: str
    levels: range


ENCODERS = {
    "x264 veryfast": Encoder("libx264", ("-preset", "veryfast"), "-crf", range(16, 50)),
    "x264 medium": Encoder("libx264", ("-preset", "medium"), "-crf", range(16, 50)),
    "x265": Encoder("libx265", ("-preset", "fast", "-x265-params", X265), "-crf", range(16, 50)),
    "SVT-AV1": Encoder("libsvtav1", ("-preset", "10", "-svtav1-params", "lp=1"), "-crf", range(20, 64)),
    "VP9": Encoder("libvpx-vp9", ("-deadline", "realtime", "-cpu-used", "7", "-b:v", "0"), "-crf", range(18, 64)),
    "MPEG-2": Encoder("mpeg2video", (), "-qscale:v", range(2, 32)),
    "MPEG-4": Encoder("mpeg4", (), "-qscale:v", range(2, 32)),
    "MJPEG": Encoder("mjpeg", (), "-qscale:v", range(2, 32)),
}


@dataclass(frozen=True)
class Chain:
    """What happens to a video between its source and a screen.

    Attributes:
        encoders: names in `ENCODERS` and their settings of quality, one after the other.
        size: height and width it is coded at.
        down: FFmpeg's filter that brings it to that size.
        up: the one that brings it back.
        blur: deviation of a Gaussian blur before it is coded, pixels of the source.
    """

    encoders: tuple[tuple[str, int], ...]
    size: tuple[int, int]
    down: str = "bicubic"
    up: str = "bicubic"
    blur: float = 0.0

    @property
    def shrink(self) -> str:
        """FFmpeg's filters before it is coded."""
        blur = f"gblur=sigma={self.blur}:steps=2," if self.blur else ""
        return f"{blur}scale={self.size[1]}:{self.size[0]}:flags={self.down}"


class Outcome(NamedTuple):
    """What is left of frames, and VMAF of each.

    Attributes:
        frames: as shown, of the source's size.
        total: against the source.
        soft: of the source when it is only scaled and blurred, against the source.
        coded: against the source when it is only scaled and blurred.
    """

    frames: UInt8[np.ndarray, "t h w 3"]
    total: Float[np.ndarray, " t"]
    soft: Float[np.ndarray, " t"]
    coded: Float[np.ndarray, " t"]


def ffmpeg() -> str:
    """Path of FFmpeg with libvmaf.

    Raises:
        UserError: imageio-ffmpeg is not installed.
    """
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise missing("imageio_ffmpeg", "mini") from error
    return imageio_ffmpeg.get_ffmpeg_exe()


def run(arguments: Sequence[str], data: bytes | None = None) -> bytes:
    """What FFmpeg gives on its standard output."""
    command = [ffmpeg(), "-hide_banner", "-loglevel", "error", "-y", *arguments]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def raw(height: int, width: int) -> list[str]:
    """Options of raw RGB frames of a size."""
    return ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(RATE)]


def encode(
    frames: UInt8[np.ndarray, "t high wide 3"],
    chain: Chain,
    reference: UInt8[np.ndarray, "t h w 3"] | None = None,
    compare: bool = True,
) -> Outcome:
    """Sends frames through a chain.

    Args:
        frames: of the source's size, or of that which they are coded at.
        reference: what they are compared with; by default the frames themselves.
        compare: whether they are, for VMAF; if not, it is NaN.
    """
    reference = frames if reference is None else reference
    with tempfile.TemporaryDirectory() as folder:
        file = encode_file(frames, chain, Path(folder))
        return show_and_compare(file, chain, reference) if compare else show(file, frames.shape, chain)


def compare_frames(
    frames: UInt8[np.ndarray, "t h w 3"], reference: UInt8[np.ndarray, "t h w 3"]
) -> Float[np.ndarray, " t"]:
    """VMAF of each of some frames against a reference."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, log = [], Path(folder) / "vmaf.json"
        for name, some in (("shown", frames), ("source", reference)):
            path = Path(folder) / name
            path.write_bytes(some.tobytes())
            inputs += [*raw(*frames.shape[1:3]), "-i", str(path)]
        even = "[0:v]format=yuv420p[d];[1:v]format=yuv420p[r];[d][r]"
        run([*inputs, "-filter_complex", f"{even}libvmaf=log_fmt=json:log_path={log}:n_threads=1", "-f", "null", "-"])
        return read_log(log)


def encode_file(frames: UInt8[np.ndarray, "t high wide 3"], chain: Chain, folder: Path) -> Path:
    """Writes frames as the file that the last encoder of a chain leaves in a folder."""
    before, data = [*raw(*frames.shape[1:3]), "-i", "pipe:0"], frames.tobytes()
    filters = f"{chain.shrink},format=yuv420p"
    for number, (name, quality) in enumerate(chain.encoders):
        encoder, file = ENCODERS[name], folder / f"{number}.mkv"
        pixels = "yuvj420p" if encoder.codec == "mjpeg" else "yuv420p"
        options = ["-vf", filters, "-c:v", encoder.codec, "-pix_fmt", pixels, "-threads", "1", *encoder.options]
        run([*before, *options, encoder.quality, str(quality), str(file)], data)
        before, filters, data = ["-i", str(file)], "null", None
    return file


def show(file: Path, shape: tuple[int, ...], chain: Chain) -> Outcome:
    """The frames of a file at the size of the source, which is not compared with."""
    count, height, width = shape[:3]
    filters = f"scale={width}:{height}:flags={chain.up},format=yuv420p"
    shown = run(["-i", str(file), "-vf", filters, "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"])
    nothing = np.full(count, np.nan)
    return Outcome(np.frombuffer(shown, np.uint8).reshape(count, height, width, 3), nothing, nothing, nothing)


def show_and_compare(file: Path, chain: Chain, reference: UInt8[np.ndarray, "t h w 3"]) -> Outcome:
    """The frames of a file at the size of a reference, and VMAF."""
    count, height, width = reference.shape[:3]
    source = file.with_name("source.rgb")
    source.write_bytes(reference.tobytes())
    large = f"scale={width}:{height}:flags={chain.up}"
    tick = f"settb=1/{RATE},setpts=N"
    logs = {name: file.with_name(f"{name}.json") for name in ("total", "soft", "coded")}
    vmaf = {name: f"libvmaf=log_fmt=json:log_path={log}:n_threads=1" for name, log in logs.items()}
    graph = f"[0:v]{large},format=yuv420p,{tick},split=3[d0][d1][out];[1:v]format=yuv420p,{tick},split=3[r0][r1][r2];"
    outputs = ["[v0]"]
    if chain.size != (height, width) or chain.blur:
        graph += (
            f"[r2]{chain.shrink},{large},format=yuv420p,{tick},split=2[s0][s1];[s0][r1]{vmaf['soft']}[v1];"
            f"[d1][s1]{vmaf['coded']}[v2];"
        )
        outputs += ["[v1]", "[v2]"]
    else:
        graph += "[d1]nullsink;[r1]nullsink;[r2]nullsink;"
    graph += f"[d0][r0]{vmaf['total']}[v0]"
    inputs = ["-i", str(file), *raw(height, width), "-i", str(source), "-filter_complex", graph]
    nulls = [part for output in outputs for part in ("-map", output, "-f", "null", "-")]
    frames = ["-filter_complex_threads", "1", "-map", "[out]", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    result = np.frombuffer(run([*inputs, *frames, *nulls]), np.uint8).reshape(-1, height, width, 3)
    if len(result) != count:
        raise RuntimeError(f"{chain}: {count} frames went in, {len(result)} came out")
    scores = {name: read_log(log) for name, log in logs.items() if log.exists()}
    total = scores["total"]
    return Outcome(result, total, scores.get("soft", np.full(count, 100.0)), scores.get("coded", total))


def read_log(path: Path) -> Float[np.ndarray, " t"]:
    """VMAF of each frame."""
    return np.array([frame["metrics"]["vmaf"] for frame in json.loads(path.read_text())["frames"]])


def installed_vmaf() -> str:
    """Path of FFmpeg with libvmaf: that on the PATH if it has it, or that of imageio-ffmpeg.

    Raises:
        UserError: there is none.
    """
    found = shutil.which("ffmpeg")
    if found and b" libvmaf " in subprocess.run([found, "-hide_banner", "-filters"], capture_output=True).stdout:
        return found
    try:
        return ffmpeg()
    except UserError as error:
        raise UserError(
            "VMAF needs an FFmpeg with libvmaf, and there is none on the PATH; to get one: " + how_to_install("mini")
        ) from error


def compare_files(program: str, encode: str, reference: str, size: tuple[int, int]) -> float:
    """VMAF of a file: the mean over its frames, each compared with the frame that the reference shows at its time.

    Args:
        program: FFmpeg, as `installed_vmaf` finds it.
        size: width and height, in square pixels, that both are brought to by bicubic filtering: the reference's.

    Raises:
        VideoError: FFmpeg could not compare them.
    """
    shown = f"scale={size[0]}:{size[1]}:flags=bicubic,setsar=1,format=yuv420p,setpts=PTS-STARTPTS"
    with tempfile.TemporaryDirectory() as folder:
        graph = f"[0:v]{shown}[d];[1:v]{shown}[r];[d][r]libvmaf=log_fmt=json:log_path=vmaf.json"
        inputs = [argument for path in (encode, reference) for argument in ("-i", f"file:{Path(path).absolute()}")]
        command = [program, "-nostdin", "-hide_banner", "-loglevel", "error", *inputs, "-lavfi", graph]
        done = subprocess.run([*command, "-f", "null", "-"], cwd=folder, capture_output=True, check=False)
        if done.returncode or not (Path(folder) / "vmaf.json").exists():
            said = (done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
            raise VideoError(f"FFmpeg could not compare {encode} with {reference}: {said.rstrip('.')}.")
        return float(read_log(Path(folder) / "vmaf.json").mean())

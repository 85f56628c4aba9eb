"""Quantizers that decoders export, and steps that codecs have in common."""

from pathlib import Path

import av
import numpy as np
import pytest
from clips import moving_clip, write_clip

from jaxvqa.video.quantizers import AC_STEPS, SCALES, UNKNOWN, log2_steps, quantized

# Encoders, and containers for them.
MPEG = {
    "mpeg1video": "mpg",
    "mpeg2video": "ts",
    "mpeg4": "avi",
    "h263": "avi",
    "flv": "flv",
    "wmv1": "avi",
    "wmv2": "avi",
    "msmpeg4v2": "avi",
    "msmpeg4": "avi",
}


def exported(path, mapped=True):
    """What is exported of each frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"export_side_data": "venc_params"}
        codec = stream.codec_context.codec.canonical_name
        return codec, [quantized(frame, codec, mapped) for frame in container.decode(stream)]


@pytest.mark.parametrize("codec", MPEG)
def test_they_are_those_that_the_encoder_was_told(tmp_path, codec):
    """FFmpeg's encoders are told `quantiser_scale_code`, whose double is the scale of MPEG-2.

    Of the last frame of MPEG-1 and MPEG-2, which comes at the end of the stream, its decoder exports nothing.
    """
    for told in (3, 13, 31):
        options = {"qmin": str(told), "qmax": str(told)}
        path = moving_clip(tmp_path / f"clip.{MPEG[codec]}", 8, 144, 176, codec=codec, codec_options=options)
        name, found = exported(path)
        scale = told * (2 if codec == "mpeg2video" else 1)
        if codec in ("mpeg1video", "mpeg2video"):
            assert np.isnan(found.pop().mean)
        assert [frame.mean for frame in found] == [scale] * len(found)
        assert all((frame.blocks == scale).all() and frame.blocks.shape == (9, 11) for frame in found)
        assert log2_steps(name, np.array([float(scale)]), 8) == pytest.approx(np.log2(2 * told))


def test_blocks_are_where_they_belong(tmp_path):
    """An encoder that is told to spare dark parts quantizes the dark half of a frame in another way."""
    picture = np.random.default_rng(0).integers(100, 255, (96, 160, 3), dtype=np.uint8)
    picture[:, 96:] //= 12
    options = {"b": "300000", "lumi_mask": "0.5", "dark_mask": "0.5", "qmin": "2", "qmax": "31"}
    _, found = exported(write_clip(tmp_path / "clip.avi", [picture] * 6, codec="mpeg4", codec_options=options))
    blocks = found[2].blocks
    assert blocks.shape == (6, 10)
    assert len(set(blocks[:, :6].flat)) == len(set(blocks[:, 6:].flat)) == 1
    assert blocks[0, 0] < blocks[0, 9]
    assert found[2].mean == pytest.approx(blocks.mean())


def test_vp9_has_one_a_frame(tmp_path):
    options = {"qmin": "40", "qmax": "40", "b": "100000"}
    _, found = exported(moving_clip(tmp_path / "clip.webm", 8, codec="libvpx-vp9", codec_options=options))
    assert {frame.mean for frame in found} == {160}  # of 0 to 255: 40 of 0 to 63
    assert all(frame.blocks is None for frame in found)


def test_what_is_out_of_range_is_not_known(tmp_path, monkeypatch):
    path = moving_clip(tmp_path / "clip.avi", 8, codec="mpeg4", codec_options={"qmin": "5", "qmax": "5"})
    monkeypatch.setitem(SCALES, "mpeg4", SCALES["mpeg4"]._replace(highest=4))
    _, found = exported(path)
    assert all(np.isnan(frame.mean) and (frame.blocks == UNKNOWN).all() for frame in found)


def test_codecs_without_any_have_none(tmp_path):
    _, found = exported(moving_clip(tmp_path / "clip.webm", 4, codec="libvpx"))
    assert all(np.isnan(frame.mean) and frame.blocks is None for frame in found)


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_steps_of_vp9_and_av1_are_those_of_ffmpeg(bits):
    steps = np.array(AC_STEPS[bits].split(), np.int16)
    assert len(steps) == 256
    libraries = Path(av.__file__).parents[1].glob("av.libs/libavcodec*")
    found = [steps.tobytes() in library.read_bytes() for library in libraries]
    if not found:
        pytest.skip("outside of a clone: PyAV with FFmpeg's libraries next to it")
    assert all(found)


def test_steps_of_codecs_agree_where_their_ranges_end():
    """The coarsest of H.264 and of AV1 are made for the same: pixels of 8 bits."""
    coarsest = {codec: log2_steps(codec, np.array([SCALES[codec].highest * 1.0]), 8)[0] for codec in ("h264", "av1")}
    assert coarsest["h264"] == pytest.approx(coarsest["av1"], abs=0.02)
    for bits in (10, 12):
        assert log2_steps("av1", np.array([255.0]), bits) == pytest.approx(coarsest["av1"], abs=0.01)
    assert log2_steps("h264", np.array([4.0, 10, np.nan]), 8).tolist()[:2] == [0, 1]
    assert np.isnan(log2_steps("vp9", np.array([np.nan]), 8))

"""Quantizers of AV1, from the headers of frames."""

import numpy as np
import pytest
from clips import moving_clip, write_clip
from headers import check_cut, check_mutants, packets, quantizer_of, read, traced

from jaxvqa.video.av1_headers import Av1Quantizers
from jaxvqa.video.bits import HeaderError

VARIANTS = {
    "plain": "",
    "narrow": "superres-mode=2",
    "sizes": "resize-mode=2",
    "tiles": "tile-rows=1:tile-columns=1",
    "screen": "scm=1",
    "low delay": "pred-struct=1",
    "grain": "film-grain=8",
}


def clip(path, options, frames=20, height=240, width=320, **fields):
    """A clip by SVT-AV1."""
    options = {"preset": "12", "svtav1-params": options}
    return moving_clip(path, frames, height, width, codec="libsvtav1", codec_options=options, fields=fields)


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
@pytest.mark.parametrize("form", ["yuv420p", "yuv420p10le"])
def test_they_are_those_that_ffmpeg_reads(tmp_path, options, form):
    for suffix in ("mp4", "mkv"):
        path = clip(tmp_path / f"clip.{suffix}", options, pix_fmt=form)
        earlier = set()
        for quantizer, found in zip(read(path), traced(path), strict=True):
            if "existing" in found:  # which of the earlier ones, the trace does not say
                assert quantizer in earlier
            else:
                assert quantizer == found[-1]
            earlier |= set(found)


def test_they_are_those_that_the_encoder_was_told(tmp_path):
    """40 of 0 to 63 is 160 of 0 to 255."""
    same = "use-fixed-qindex-offsets=1:key-frame-qindex-offset=0:qindex-offsets=[0,0,0,0,0,0]"
    assert read(clip(tmp_path / "clip.mp4", f"rc=0:aq-mode=0:qp=40:{same}")) == [160] * 20


def test_mutated_headers_give_a_quantizer_or_an_error(tmp_path):
    check_mutants(tmp_path, "libsvtav1", 0, 255, codec_options={"preset": "12"})


def test_headers_that_break_off_give_no_other_quantizer(tmp_path):
    path = write_clip(tmp_path / "small.mp4", np.zeros((2, 64, 64, 3), np.uint8), codec="libsvtav1")
    codec, extradata, data = packets(path)
    check_cut(codec, extradata, data[0])


def test_frames_that_did_not_come_are_an_error(tmp_path):
    _, extradata, data = packets(clip(tmp_path / "clip.mp4", ""))
    with pytest.raises(HeaderError):
        Av1Quantizers(b"").packet(data[1])
    reader = Av1Quantizers(extradata)
    quantizers = [quantizer_of(reader, packet) for packet in data[2:]]
    assert np.isnan(quantizers).any()
    known = np.isfinite(quantizers)
    assert known.any()
    np.testing.assert_equal(np.array(quantizers)[known], np.array(read(tmp_path / "clip.mp4")[2:])[known])

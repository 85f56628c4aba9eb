"""Quantizers of HEVC, from the headers of slices."""

import numpy as np
import pytest
from clips import moving_clip, write_clip
from headers import check_cut, check_mutants, check_slices, packets, read

from jaxvqa.video.bits import HeaderError
from jaxvqa.video.hevc_headers import HevcQuantizers

VARIANTS = {
    "plain": "",
    "references": "bframes=8:ref=6:weightb=1:weightp=1:open-gop=1:keyint=10:min-keyint=2",
    "slices": "slices=3:ctu=16:max-tu-size=16:scaling-list=default",
    "layers": "temporal-layers=1:aud=1:repeat-headers=1:no-wpp=1",
    "blocks": "cbqpoffs=3:crqpoffs=-3:no-sao=1:no-deblock=1:amp=1:rect=1",
    "refresh": "intra-refresh=1",
    "lossless": "lossless=1",
}
QUIET = "log-level=none:"


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
@pytest.mark.parametrize("form", ["yuv420p", "yuv422p10le"])
def test_they_are_those_that_ffmpeg_reads(tmp_path, options, form):
    for suffix in ("mp4", "ts"):
        path = moving_clip(
            tmp_path / f"clip.{suffix}",
            24,
            128,
            160,
            codec="libx265",
            codec_options={"preset": "fast", "x265-params": QUIET + options},
            fields={"pix_fmt": form},
        )
        check_slices(path)


@pytest.mark.parametrize("form", ["yuv420p", "yuv420p10le"])
def test_they_are_those_that_the_encoder_was_told(tmp_path, form):
    told = QUIET + "qp=33:ipratio=1:pbratio=1:b-pyramid=0"
    path = moving_clip(
        tmp_path / "clip.mp4", codec="libx265", codec_options={"x265-params": told}, fields={"pix_fmt": form}
    )
    assert read(path) == [33.0] * 20


def test_mutated_headers_give_a_quantizer_or_an_error(tmp_path):
    options = {"x265-params": QUIET + "bframes=3:weightb=1:repeat-headers=1:no-info=1"}
    check_mutants(tmp_path, "libx265", 0, 51, codec_options=options)


def small(tmp_path):
    """Codec, extradata and second packet of a clip with small pictures."""
    path = write_clip(
        tmp_path / "small.mp4",
        np.zeros((2, 64, 64, 3), np.uint8),
        codec="libx265",
        codec_options={"x265-params": QUIET + "bframes=0"},
    )
    codec, extradata, data = packets(path)
    return codec, extradata, data[1]


def test_headers_that_break_off_give_no_other_quantizer(tmp_path):
    check_cut(*small(tmp_path))


def test_slices_without_parameters_are_an_error(tmp_path):
    _, extradata, packet = small(tmp_path)
    with pytest.raises(HeaderError, match="parameters that did not come"):
        HevcQuantizers(extradata[:22] + b"\0").packet(packet)

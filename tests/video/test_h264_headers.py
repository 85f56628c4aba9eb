"""Quantizers of H.264, from the headers of slices."""

import av
import numpy as np
import pytest
from clips import moving_clip, write_clip
from headers import check_cut, check_mutants, check_slices, packets, read

from jaxvqa.video.bits import HeaderError
from jaxvqa.video.h264_headers import H264Quantizers

VARIANTS = {
    "plain": "",
    "fields": "interlaced=1",
    "slices": "slices=4:bluray-compat=1",
    "references": "weightp=2:bframes=8:b-pyramid=normal:ref=8:open-gop=1:keyint=10",
    "CAVLC": "cabac=0:weightb=1:bframes=3:cqm=jvt:8x8dct=1",
    "refresh": "intra-refresh=1",
    "lossless": "qp=0",
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
@pytest.mark.parametrize("form", ["yuv420p", "yuv422p10le", "yuv444p", "gray"])
def test_they_are_those_that_ffmpeg_reads(tmp_path, options, form):
    for suffix in ("mp4", "ts"):
        path = moving_clip(
            tmp_path / f"clip.{suffix}", 24, 128, 160, codec_options={"x264-params": options}, fields={"pix_fmt": form}
        )
        assert len(set(check_slices(path))) > 1 or options == "qp=0"


@pytest.mark.parametrize(("form", "finer"), [("yuv420p", 0), ("yuv420p10le", 12)])
def test_they_are_those_that_the_encoder_was_told(tmp_path, form, finer):
    """x264 counts from the finest quantizer, which more bits make finer."""
    path = moving_clip(
        tmp_path / "clip.mp4",
        codec_options={"qp": "30", "x264-params": "ipratio=1:pbratio=1"},
        fields={"pix_fmt": form},
    )
    assert read(path) == [30.0 - finer] * 20


def test_they_are_those_of_blocks_where_a_decoder_exports_these(tmp_path):
    """One thread decodes: with several, FFmpeg exports pictures that are not done."""
    path = moving_clip(tmp_path / "clip.mp4", codec_options={"qp": "30", "x264-params": "aq-mode=0"})
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = {"export_side_data": "venc_params"}
        blocks = [
            np.unique(frame.side_data.get("VIDEO_ENC_PARAMS").qp_map()).tolist() for frame in container.decode(video=0)
        ]
    with av.open(str(path)) as container:
        order = np.argsort([packet.pts for packet in container.demux(video=0) if packet.size])
    assert [[read(path)[number]] for number in order] == blocks


def test_mutated_headers_give_a_quantizer_or_an_error(tmp_path):
    check_mutants(tmp_path, "libx264", 0, 51, codec_options={"x264-params": "bframes=2:weightp=2"})


def test_headers_that_break_off_give_no_other_quantizer(tmp_path):
    check_cut(*cut(tmp_path))


def cut(tmp_path):
    """Codec, extradata and first packet of a clip that is small and has one slice."""
    path = write_clip(
        tmp_path / "small.mp4", np.zeros((2, 32, 32, 3), np.uint8), codec_options={"x264-params": "slices=1:threads=1"}
    )
    codec, extradata, data = packets(path)
    return codec, extradata, data[1]


def test_slices_without_parameters_are_an_error(tmp_path):
    _, _, packet = cut(tmp_path)
    reader = H264Quantizers(b"\1" + bytes(2) + b"\1" + b"\xff" + b"\xe0\0" + bytes(20))
    with pytest.raises(HeaderError, match="parameters that did not come"):
        reader.packet(packet)

"""Units of packets, and packets that hold nothing of a picture."""

import av
import numpy as np
import pytest
from clips import moving_clip

from jaxvqa.video.nal_units import holds_picture, length_size, nal_units, unit_type

X265 = {"x265-params": "log-level=none:aud=1"}


@pytest.mark.parametrize("suffix", ["ts", "mp4", "mkv"])
@pytest.mark.parametrize(("codec", "options"), [("libx264", {"x264-params": "aud=1"}), ("libx265", X265)])
def test_each_packet_of_a_video_holds_a_picture(tmp_path, codec, options, suffix):
    path = moving_clip(tmp_path / f"clip.{suffix}", 12, 64, 96, codec=codec, codec_options=options)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        name, extradata = context.name, context.extradata or b""
        assert length_size(name, extradata) == (0 if suffix == "ts" else 4)
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert len(packets) == 12
    delimiter = b"\x09\xf0" if name == "h264" else b"\x46\x01\x50"
    for data in packets:
        units = list(nal_units(data, length_size(name, extradata)))
        assert sum(map(len, units)) <= len(data) - 3 * len(units)
        if suffix == "ts":  # other containers leave delimiters out
            assert unit_type(name, units[0]) == unit_type(name, delimiter)
        assert holds_picture(name, extradata, data)
    mark = (b"\0\0\0\1" if suffix == "ts" else len(delimiter).to_bytes(4)) + delimiter
    assert not holds_picture(name, extradata, mark)
    assert holds_picture(name, extradata, mark + packets[3])
    assert holds_picture(name, extradata, bytes(len(packets[3])))  # zeros are damage, not a packet without a picture
    assert holds_picture("vp9", extradata, mark)


def test_hostile_bytes_end_in_an_answer():
    generator = np.random.default_rng(0)
    for number in range(300):
        data = generator.bytes(int(generator.integers(0, 200)))
        data = data.replace(b"\x80", b"\0").replace(b"\x81", b"\0\0\1") if number % 2 else data
        for codec in ("h264", "hevc"):
            for extradata in (b"", b"\1" * 30, generator.bytes(23)):
                assert holds_picture(codec, extradata, data) in (True, False)

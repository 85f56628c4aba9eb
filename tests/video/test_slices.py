"""Parameter sets of streams of NAL units, and slices that refer to them."""

import numpy as np
import pytest
from clips import moving_clip
from headers import packets

from jaxvqa.video.bits import Bits, HeaderError
from jaxvqa.video.coding import HEADERS
from jaxvqa.video.slices import configured, keep


@pytest.mark.parametrize(("codec", "kinds"), [("libx264", [7, 8]), ("libx265", [32, 33, 34, 39])])
def test_units_of_what_a_container_says(tmp_path, codec, kinds):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    name, extradata, _ = packets(moving_clip(tmp_path / "clip.mp4", 2, 64, 96, codec=codec, codec_options=options))
    found = [unit[0] & 31 if name == "h264" else unit[0] >> 1 for unit in configured(name, extradata)]
    assert found == kinds
    for end in range(23, len(extradata)):
        units = list(configured(name, extradata[:end]))
        assert all(bytes(unit) in extradata for unit in units)
        assert len(units) <= len(kinds)


def test_whatever_a_container_says_a_reader_begins():
    generator = np.random.default_rng(0)
    for number in range(2000):
        extradata = b"\1" * (number % 2) + generator.bytes(int(generator.integers(0, 60)))
        for reader in HEADERS.values():
            with pytest.raises(HeaderError):
                reader(extradata).packet(b"\0\0\0\1\x65")


def test_a_parameter_set_that_cannot_be_read_leaves_none_in_its_place():
    kept = {0: "earlier"}
    with pytest.raises(HeaderError):
        keep(kept, lambda bits: (bits.u(9), "later"), Bits(b"\0"))
    assert kept == {}
    keep(kept, lambda bits: (bits.u(8), "later"), Bits(b"\3"))
    assert kept == {3: "later"}


@pytest.mark.parametrize("data", [b"", b"abc", b"\0\0\0\1\x09\xf0"])
def test_packets_without_slices_are_an_error(data):
    for codec in ("h264", "hevc"):
        with pytest.raises(HeaderError):
            HEADERS[codec](b"").packet(data)

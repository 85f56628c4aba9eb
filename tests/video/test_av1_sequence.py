"""Sequence headers of AV1."""

import pytest
from clips import moving_clip
from headers import packets

from jaxvqa.video.av1_headers import Av1Quantizers
from jaxvqa.video.av1_sequence import read_points, skip_uvlc
from jaxvqa.video.bits import Bits, HeaderError


def bits(text):
    """Bits of a text of them."""
    text = text.replace(" ", "")
    return Bits(int(text + "0" * (-len(text) % 8), 2).to_bytes(-(-len(text) // 8)))


def test_what_sequences_say(tmp_path):
    _, extradata, _ = packets(moving_clip(tmp_path / "clip.mp4", 2, 240, 328, codec="libsvtav1"))
    sequence = Av1Quantizers(extradata).sequence
    assert sequence.size == (328, 240)
    assert (sequence.reduced, sequence.order_bits, sequence.id_bits, sequence.points) == (
        False,
        7,
        (0, 0),
        [(0, False)],
    )
    assert (sequence.time_bits, sequence.removal_bits) == (0, 0)


def test_times_of_decoder_models():
    """AV1 specification, sections 5.5.1 to 5.5.5."""
    timing = "1" + "0" * 63 + "1" + "0"  # units of time, frames do not last the same
    model = "1 00010" + "0" * 32 + "00100 00110"  # delays of 3 bits, removal times of 5, times of showing of 7
    points = "0 00001  000100000001 00100 1 101 110 0  000000000000 01000 1 0"
    read = bits(timing + model + points)
    assert read_points(read) == ([(0b100000001, True), (0, False)], 7, 5)
    equal = bits("1" + "0" * 63 + "1" + "1" + "00101" + model + points)
    assert read_points(equal) == ([(0b100000001, True), (0, False)], 0, 5)
    assert read_points(bits("0 0 00000 000000000000 00000")) == ([(0, False)], 0, 0)


def test_numbers_of_variable_length():
    for text, end in (("1", 1), ("011", 3), ("00101", 5), ("0" * 32 + "1", 33)):
        read = bits(text)
        skip_uvlc(read)
        assert read.at == end
    with pytest.raises(HeaderError):
        skip_uvlc(bits("0" * 80))

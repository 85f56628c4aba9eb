"""Parameter sets of HEVC."""

import pytest
from clips import moving_clip
from headers import packets

from jaxvqa.video.bits import Bits, HeaderError
from jaxvqa.video.hevc_headers import HevcQuantizers
from jaxvqa.video.hevc_parameters import read_profile, read_set


def bits(text):
    """Bits of a text of them."""
    text = text.replace(" ", "")
    return Bits(int(text + "0" * (-len(text) % 8), 2).to_bytes(-(-len(text) // 8)))


@pytest.mark.parametrize(("form", "chroma", "depth"), [("yuv420p", 1, 8), ("yuv422p10le", 2, 10), ("gray", 0, 8)])
def test_what_sequences_say(tmp_path, form, chroma, depth):
    options = {"x265-params": "log-level=none:ctu=32:no-sao=1"}
    path = moving_clip(
        tmp_path / "clip.mp4", 2, 240, 328, codec="libx265", codec_options=options, fields={"pix_fmt": form}
    )
    _, extradata, _ = packets(path)
    reader = HevcQuantizers(extradata)
    [sequence], [picture] = reader.sequences.values(), reader.pictures.values()
    assert (sequence.chroma, sequence.depth, sequence.sao, sequence.planes) == (chroma, depth, False, False)
    assert sequence.blocks == 8 * 11
    assert picture.sequence == 0


def test_sets_of_reference_pictures():
    """ITU-T H.265, section 7.4.8: pictures 1 and 3 back and 2 ahead, then the same seen from one picture later."""
    first = read_set(bits("011 010  1 1  010 0  010 1"), [])
    assert first == [(-1, True), (-3, False), (2, True)]
    moved = read_set(bits("1  1 1  1 1 1 1"), [first])  # by 1 back, all used
    assert moved == [(-1, True), (-2, True), (-4, True), (1, True)]
    dropped = read_set(bits("1  1 1  00 1 01 1"), [first])  # the first is dropped, the third kept for later
    assert dropped == [(-1, True), (-4, True), (1, False)]
    behind = read_set(bits("1  010  0 1  1 1 1 1"), [first, moved], behind=True)  # of the one before the last, by 1 on
    assert behind == [(-2, True), (1, True), (3, True)]


def test_sets_that_are_too_large_are_errors():
    with pytest.raises(HeaderError):
        read_set(bits("0000 10010"), [])
    many = [(-number, True) for number in range(1, 17)]
    with pytest.raises(HeaderError, match="too large"):
        read_set(bits("1 1 1" + "1" * 17), [many])


def test_screen_content_is_not_read():
    """Its slice headers have other fields."""
    with pytest.raises(HeaderError, match="screen content"):
        read_profile(bits("000 01001" + "0" * 88), 0)
    with pytest.raises(HeaderError, match="screen content"):
        read_profile(bits("000 00100" + "0" * 9 + "1" + "0" * 78), 0)
    read_profile(bits("000 00001" + "0" * 88), 0)

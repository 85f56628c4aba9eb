"""Numbers in the bits of headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxvqa.video.bits import Bits, HeaderError, width_of


def packed(text):
    """Bytes that begin with these bits."""
    return int(text + "0" * (-len(text) % 8), 2).to_bytes(-(-len(text) // 8))


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1))
def test_exp_golomb_numbers_come_back(numbers):
    # ITU-T H.265, section 9.2: as many zeros as there are bits behind the first one of the number plus one.
    text = "".join("0" * ((number + 1).bit_length() - 1) + f"{number + 1:b}" for number in numbers)
    bits = Bits(packed(text))
    assert [bits.ue(2**31 - 1) for _ in numbers] == numbers
    assert bits.at == len(text)


def test_signed_numbers_alternate():
    assert [Bits(packed(text)).se(9) for text in ("1", "010", "011", "00100", "00101")] == [0, 1, -1, 2, -2]


def test_numbers_below_another_take_as_few_bits_as_can_be():
    # AV1 specification, section 4.10.7, ns(5).
    assert [Bits(packed(text)).below(5) for text in ("00", "01", "10", "110", "111")] == [0, 1, 2, 3, 4]
    assert Bits(b"").below(1) == 0


def test_what_tells_things_apart():
    assert [width_of(count) for count in (1, 2, 3, 4, 5, 64, 65)] == [0, 1, 2, 2, 3, 6, 7]


@given(st.binary(max_size=20), st.lists(st.tuples(st.sampled_from(["u", "ue", "se", "below"]), st.integers(1, 40))))
def test_no_read_goes_behind_the_end_or_above_the_most(data, reads):
    bits = Bits(data)
    for name, most in reads:
        try:
            number = getattr(bits, name)(most)
        except HeaderError:
            return
        assert bits.at <= 8 * len(data)
        assert -most <= number <= (2**most - 1 if name == "u" else most)


def test_a_number_above_the_most_is_an_error():
    with pytest.raises(HeaderError, match="gives 4 where 3 is the most"):
        Bits(packed("00101")).ue(3)
    with pytest.raises(HeaderError, match="too long"):
        Bits(bytes(10)).ue(3)
    with pytest.raises(HeaderError, match="breaks off"):
        Bits(b"\0").u(9)

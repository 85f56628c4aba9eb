"""Bits of headers, read one after another."""


class HeaderError(ValueError):
    """A header that cannot be read: it breaks off, breaks its standard, or uses a part of it that is not read."""


class Bits:
    """Reads bits from the highest of the first byte on.

    Every read raises a HeaderError behind the last bit.
    """

    def __init__(self, data: bytes):
        self.text = f"{int.from_bytes(data):0{8 * len(data)}b}" if data else ""
        self.at = 0

    def u(self, count: int) -> int:
        """An unsigned number of so many bits."""
        start, self.at = self.at, self.at + count
        if self.at > len(self.text):
            raise HeaderError("a header breaks off")
        return int(self.text[start : self.at], 2) if count else 0

    def flag(self) -> bool:
        """One bit."""
        return self.u(1) == 1

    def ue(self, most: int) -> int:
        """An unsigned Exp-Golomb number (ITU-T H.265, section 9.2); a HeaderError if it is above `most`."""
        one = self.text.find("1", self.at, self.at + 33)
        zeros = one - self.at
        if one < 0:
            raise HeaderError("a header breaks off, or a number in it is too long")
        self.at = one
        number = self.u(zeros + 1) - 1
        if number > most:
            raise HeaderError(f"a header gives {number} where {most} is the most")
        return number

    def se(self, most: int) -> int:
        """A signed Exp-Golomb number; a HeaderError if it is above `most` or below `-most`."""
        number = self.ue(2 * most)
        return (number + 1) // 2 if number % 2 else -(number // 2)

    def below(self, count: int) -> int:
        """A number below `count`, in as few bits as its standard's ns(n) takes (AV1, section 4.10.7)."""
        width = count.bit_length()
        short = (1 << width) - count
        number = self.u(width - 1)
        return number if number < short else (number << 1) - short + self.u(1)


def width_of(count: int) -> int:
    """Bits that tell so many things apart: the logarithm to base 2, rounded up."""
    return (count - 1).bit_length()

"""What decoding may take: of processes, time, memory and length."""

import math
from dataclasses import dataclass

from ..errors import UserError


@dataclass(frozen=True)
class DecodeLimits:
    """What decoding may take.

    Attributes:
        workers: processes that decode; 0, one per core.
        seconds: that a file may take.
        gigabytes: of memory that a process may take, 10**9 bytes each.
        silence: seconds without a sign of life after which a decoder counts as hung.
        longest: seconds that a video may last.

    Raises:
        UserError: a negative number of workers, or a limit that lets nothing through.
    """

    workers: int = 0
    seconds: float = 3600.0
    gigabytes: float = 8.0
    silence: float = 300.0
    longest: float = math.inf

    def __post_init__(self):
        if self.workers < 0:
            raise UserError(f"workers is {self.workers}; use 1 or more, or 0 for one per core.")
        for name, value in (("decode_seconds", self.seconds), ("decode_gigabytes", self.gigabytes)):
            if not value > 0:
                raise UserError(f"{name} is {value:g}; it must be above 0.")

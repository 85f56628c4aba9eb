"""Which processes work together. Nothing here imports JAX."""

import re
from dataclasses import dataclass

from ..errors import UserError


@dataclass(frozen=True)
class Cluster:
    """Processes that work together.

    Attributes:
        address: "" for a single process, "slurm" if SLURM started the processes, or HOST:PORT of the first one.
        processes: their number, unless under SLURM.
        process: which of them this is, unless under SLURM.

    Raises:
        UserError: `address` is no address.
    """

    address: str = ""
    processes: int = 1
    process: int = 0

    def __post_init__(self):
        # From some that are none, JAX dies of a segmentation fault.
        if self.address not in ("", "slurm") and not is_address(self.address):
            raise UserError(f"cluster is {self.address!r}; it must be slurm, or HOST:PORT of the first process.")


def is_address(text: str) -> bool:
    """Whether a text is HOST:PORT."""
    found = re.fullmatch(r"\S+:([0-9]{1,5})", text)
    return found is not None and 0 < int(found[1]) < 2**16

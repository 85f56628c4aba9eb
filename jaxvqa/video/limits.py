"""What decoding a video may take."""

from ..errors import UserError

SILENCE = 300  # seconds without a sign of life, after which a decoder is taken for hung
SECONDS = 3600.0  # that a file may take
GIGABYTES = 8.0  # of memory that a decoder may take


def check_limits(workers: int, seconds: float, gigabytes: float) -> None:
    """Raises a UserError for a negative number of workers, and for limits that let nothing through."""
    if not (seconds > 0 and gigabytes > 0):
        raise UserError(f"decoding in {seconds:g} s with {gigabytes:g} GB of memory cannot be: both must be above 0.")
    if workers < 0:
        raise UserError(f"{workers} workers are none: choose 1 or more, or 0 for as many as there are cores.")

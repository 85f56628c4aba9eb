"""Errors that are the user's to mend, not ours."""


class UserError(Exception):
    """Its message is a full sentence for the user: what is wrong, where, and what to do."""


def first_line(error: BaseException) -> str:
    """The first line of what a library says, without its final full stop, to be put into a sentence of ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")


def check_lowest(settings: object, **lowest: float) -> None:
    """Raises a UserError if a field is below its lowest value.

    Args:
        settings: anything with the fields that `lowest` names.
    """
    for name, low in lowest.items():
        value = getattr(settings, name)
        if not value >= low:
            raise UserError(f"{name} is {value}; it must be {low} or larger.")


class WeightsError(UserError):
    """A weights directory that cannot be used as it is."""


class CheckpointError(UserError):
    """A checkpoint that cannot be read, or does not fit the model it is meant for."""


class VideoError(UserError):
    """A video file that cannot be decoded."""


class DamagedError(VideoError):
    """A video file that is not whole, so that scores of it would not be the video's."""


class MiscountError(DamagedError):
    """A video file that lists other frames than its decoder gives: it is not whole, or its packets are no frames."""

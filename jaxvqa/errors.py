"""Errors that are the user's to mend, not ours."""

from collections.abc import Iterable, Sequence

FEW = 4  # items of a list that a sentence names


class UserError(Exception):
    """Its message is a full sentence for the user: what is wrong, where, and what to do."""


def first_line(error: BaseException) -> str:
    """The first line of what a library says, without its final full stop, to be put into a sentence of ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")


def few(texts: Sequence[str], separator: str = ", ") -> str:
    """The first texts of a list, and how many more there are, so that a sentence stays one whatever is in a file."""
    more = [f"{len(texts) - FEW} more"] * (len(texts) > FEW)
    return separator.join([*texts[:FEW], *more])


def few_of_each(problems: Iterable[str]) -> str:
    """Lines of indented problems: the first ones of each kind, its first word, and how many more there are."""
    kinds: dict[str, list[str]] = {}
    for problem in problems:
        kinds.setdefault(problem.partition(":")[0], []).append(problem)
    return "".join(f"\n  {few(several, f'{chr(10)}  ')}" for several in kinds.values())


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

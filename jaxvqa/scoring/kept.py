"""Which videos earlier runs scored already. Nothing here imports JAX."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..errors import VideoError
from ..results.rows import Key, Row, identity
from ..results.store import moments_part
from ..text.prompts import PromptPair
from ..video.integrity import content_sha256
from ..video.sampling import Sampling

ZERO_SHOT_FACTS = "frames height width fps seed sampling weights sha256 jaxvqa av notes".split()


def find_kept(
    rows: Mapping[Key, Row], paths: Sequence[str], seed: int, weights_id: str, same: Callable[[Row], bool]
) -> dict[str, Row]:
    """The rows of videos that were scored with the same settings, and have not changed since, by path.

    Args:
        same: whether a row, of this seed and these weights, is of the settings that are asked for now.
    """
    earlier = {path: rows.get((path, seed, weights_id)) for path in paths}
    return {
        path: row
        for path, row in earlier.items()
        if row and row["status"] == "ok" and same(row) and row["sha256"] == content(path)
    }


def same_work(row: Row, sampling: Sampling, custom: Sequence[PromptPair]) -> bool:
    """Whether a row, of the same seed and weights, is of the samples and the words that are asked for now."""
    if row["sampling"] != sampling.rule or row["display_height"] != shown_height(sampling):
        return False
    sampled = row["dense"] if sampling.dense else row["repeats"] == sampling.repeats and not row["dense"]
    return sampled and set(map(str, custom)) <= row["custom"].keys()


def shown_height(sampling: Sampling) -> int | None:
    """Lines of the display that scores hold for; None where they hold for the file as it is."""
    return sampling.display_height if sampling.views == "pieces" else None


def section_path(folder: Path, row: Row) -> Path:
    """Where a video's section of the report is, in the folder of results."""
    return folder / "sections" / f"{identity(row)}.json"


def has_files(folder: Path, row: Row, report: bool, per_moment: bool) -> bool:
    """Whether the folder of results has what is asked for besides a row: its section of a report, its time steps."""
    wanted = [section_path(folder, row)] * report + [moments_part(folder, row)] * per_moment
    return all(path.exists() for path in wanted)


def content(path: str, each: Callable[[], None] = lambda: None) -> str | None:
    """SHA-256 of a file, None if it cannot be read, or is none any more; `each` is called again and again meanwhile."""
    try:
        return content_sha256(path, each)
    except VideoError:
        return None


def zero_shot_columns(names: Sequence[str]) -> list[str]:
    """The columns of zero-shot scores by prompt pairs of these names."""
    return ["path", "status", "error", *names, "mean", *ZERO_SHOT_FACTS]

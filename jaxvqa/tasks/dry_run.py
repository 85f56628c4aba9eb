"""What a task would do, without doing it. Nothing here imports JAX, or writes a file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_collections
from rich.table import Table
from rich.text import Text

from ..datasets.databases import DATABASES, split_spec
from ..errors import few
from ..example import EXAMPLE
from ..results.rows import COLUMNS, Row, key, read_rows
from ..scoring.kept import find_kept, has_files, same_work, zero_shot_columns
from ..system.terminal import Log, printable, table_console
from ..text.prompts import read_pairs
from ..upstream.download import PUBLISHED
from ..weights.directory import card_of, full_id, read_description
from ..weights.find import UNTRAINED, choose_weights, downloaded, find_weights
from ..weights.model_card import trained_pairs
from . import inputs
from .checks import databases
from .pairs import pair


def run(config: ml_collections.ConfigDict) -> int:
    """Prints the videos, databases, weights and folders that a task would use, and what it would skip.

    Returns:
        Exit code 0.

    Raises:
        UserError: there are no videos, or no usable weights.
    """
    table = Table("", "", box=None, show_header=False, pad_edge=False)
    for name, said in plan(config):
        table.add_row(name, Text(printable(said), overflow="fold"))
    out = table_console()
    out.print(table)
    out.print("\nDry run: nothing was computed or written.")
    return 0


def plan(config: ml_collections.ConfigDict) -> Iterator[tuple[str, str]]:
    """What a task would use, by name, in a sentence each."""
    log, paths = Log(), []
    if config.task == "compare":
        pairs, alone = pair(config.first, config.second, log)
        paths = list(dict.fromkeys(path for each in pairs for path in each[1:]))
        yield "pairs", listed([each.name for each in pairs])
        if alone:
            yield "without partner", listed(alone)
    elif "videos" in config:
        paths = inputs.find(str(EXAMPLE) if config.get("example") else config.videos, log)
    if paths:
        yield "videos", listed(paths)
    for spec in databases(config):
        yield "database", database(spec, Path(config.data if isinstance(config.data, str) else config.data.root))
    if config.task == "download":
        for file in PUBLISHED:
            yield "file", f"{file.name}, {file.holds}; from {config.source or file.address}; license: {file.terms}"
    if "weights" in config:
        weights = choose_weights(config.weights, log)
        directory = find_weights(weights)
        description = None if weights in UNTRAINED else read_description(directory)
        weights_id = full_id(description) if description else weights
        yield "weights", f"{weights_id}, in {directory}" if description else weights_id
        if paths:
            kept = scored_before(config, paths, weights_id, description)
            yield "skipped", f"{listed(kept)} (scored before, with the same settings)" if kept else "none"
    if "features" in config:
        yield "features", f"{config.features}; videos whose features are there are skipped"
    folder = Path(config.output) if config.get("output") else downloaded() if config.task == "download" else None
    if folder:
        yield "output", f"{folder}, which {'exists' if folder.exists() else 'will be made'}"


def listed(names: Sequence[str]) -> str:
    """How many names there are, and the first of them."""
    return f"{len(names)}: {few(names)}"


def database(spec: str, root: Path) -> str:
    """Whether a database is there."""
    name, _ = split_spec(spec)
    home = root / name
    if home.is_dir():
        return f"{spec}, in {home}"
    missing = "will be rendered" if name == "synthetic_maxwell" else f"is not there: {DATABASES[name].instructions}"
    return f"{spec}, in {home}, which {missing}"


def scored_before(
    config: ml_collections.ConfigDict, paths: Sequence[str], weights_id: str, description: dict[str, Any] | None
) -> list[str]:
    """The videos that would not be scored again."""
    folder, pairs = Path(config.output), read_pairs(config.prompts)
    columns = zero_shot_columns(list(map(str, pairs))) if config.task == "zero_shot" else COLUMNS
    files = (folder / "parts").glob("*.jsonl") if config.task == "score_many" else [folder / "scores.jsonl"]
    rows = {key(row): row for file in sorted(files) for row in read_rows(file, columns)}  # the newest come last
    card = card_of(description) if description else None
    views = "pieces" if description and "display" in description["parts"] else "fragments"

    def same(row: Row) -> bool:
        if config.task == "zero_shot":
            return row["sampling"] == config.sampling
        there = has_files(folder, row, bool(config.get("report")), bool(config.get("per_moment")))
        sampling = replace(inputs.sampling(config), views=views)
        return same_work(row, sampling, [*trained_pairs(card), *pairs]) and there

    return list(find_kept(rows, paths, config.seed, weights_id, same))

"""The task of listing weights. Nothing here imports JAX."""

import sys
from collections.abc import Iterator
from pathlib import Path

import ml_collections
from rich.table import Table
from rich.text import Text

from ..dimensions import DIMENSIONS
from ..errors import WeightsError
from ..results.rows import Row, text_of
from ..system.files import user_data
from ..system.terminal import printable, table_console
from ..weights.directory import DESCRIPTION, card_of, full_id, read_description
from ..weights.find import PACKAGED, downloaded
from ..weights.model_card import ModelCard, margin, unvalidated

COLUMNS = ["name", "id", "bytes", "license", "validated", "path"]
MAXVQA = "MIT when published, non-commercial since 2024-08-12 (docs/weights.md)"


def run(config: ml_collections.ConfigDict) -> int:
    """Prints the weights that are here, and those to get.

    Returns:
        Exit code 0.
    """
    rows = list(find())
    if config.format != "table":
        sys.stdout.write(text_of(rows, COLUMNS, config.format))
        return 0
    out = table_console()
    for row in rows:
        size = f", {row['bytes'] / 1e6:.1f} MB" if row["bytes"] else ""
        out.print(Text(printable(row["name"]), "bold"))
        table = Table("", "", box=None, show_header=False)
        cells = {"id": row["id"] + size} | {name: row[name] for name in COLUMNS[3:]}
        for name, said in cells.items():
            if said:
                table.add_row(name, Text(printable(said), overflow="fold"))
        out.print(table)
    out.print("\nTo use one, name it or its path: jaxvqa score clip.mp4 --weights mini")
    return 0


def find() -> Iterator[Row]:
    """A row for the weights that come with the package, the published ones, and those next to these."""
    for name, path in PACKAGED.items():
        yield described(name, path, "Apache-2.0")
    published, data = downloaded(), user_data()
    if published and published.exists():
        yield described("maxvqa", published, MAXVQA)
    else:
        said = "not here: run `jaxvqa download`"
        yield {
            "name": "maxvqa",
            "id": said,
            "bytes": None,
            "license": MAXVQA,
            "validated": validity(None),
            "path": None,
        }
    for path in sorted(data.iterdir()) if data and data.is_dir() else []:
        if path != published and (path / DESCRIPTION).exists():
            yield described(path.name, path, None)


def described(name: str, path: Path, terms: str | None) -> Row:
    """The row of weights that are there; of a directory that cannot be used, with the reason in place of the id."""
    size = sum(file.stat().st_size for file in path.iterdir() if file.is_file())
    row: Row = {"name": name, "bytes": size, "license": terms, "path": str(path)}
    try:
        description = read_description(path)
    except WeightsError as error:
        return row | {"id": f"not usable: {error}", "validated": None}
    return row | {"id": full_id(description), "validated": validity(card_of(description))}


def validity(card: ModelCard | None) -> str:
    """The dimensions in which scores are known to follow distortions of real videos."""
    if not card:
        return "all 16 dimensions, by its authors on MaxWell"
    untested = unvalidated(card)
    names = [each.name for each in DIMENSIONS if each.code in card.dimensions and each.code not in untested]
    vmaf = f"; overall estimates VMAF,{margin(card)} for 90 % of encodes" * bool(margin(card))
    return (", ".join(names) or "no dimension") + vmaf

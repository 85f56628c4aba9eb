"""Executes the notebooks, whose sources are notebooks/*.py, and writes them with their outputs beside.

    pip install -e '.[test]'
    python scripts/notebooks.py [NAME ...]

Each runs in a new folder, so that nothing of an earlier run is used. Takes a quarter of an hour on two CPU cores.
"""

import argparse
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", metavar="NAME", nargs="*", default=sorted(path.stem for path in FOLDER.glob("*.py")))
    for name in parser.parse_args().names:
        print(name, flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, "notebooks")
            folder.mkdir()
            Path(scratch, "tests").symlink_to(FOLDER.parent / "tests")
            notebook = execute(FOLDER / f"{name}.py", folder)
        nbformat.write(notebook, FOLDER / f"{name}.ipynb")


def read(source: Path) -> nbformat.NotebookNode:
    """A notebook from its source, without outputs and without what would change from one machine to the next."""
    notebook = jupytext.read(source)
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", {}
    return notebook


def execute(source: Path, folder: Path) -> nbformat.NotebookNode:
    """A notebook with its outputs, run in a folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    notebook = read(source)
    client = NotebookClient(notebook, timeout=1800, record_timing=False, resources={"metadata": {"path": str(folder)}})
    return client.execute()


if __name__ == "__main__":
    main()

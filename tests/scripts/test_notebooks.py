import re
import runpy
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "notebooks.py"))
SMALL = {"JAXVQA_NOTEBOOK_CLIPS": "20", "JAXVQA_NOTEBOOK_REPEATS": "2", "JAXVQA_NOTEBOOK_PARTS": "text,losses"}

pytestmark = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def pictures(notebook):
    return [output for output in outputs(notebook) if "image/png" in output.get("data", {})]


def test_notebook_is_its_source_with_outputs(source):
    notebook, plain = nbformat.read(source.with_suffix(".ipynb"), as_version=4), SCRIPT["read"](source)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in plain.cells
    ]
    nbformat.validate(notebook)
    assert pictures(notebook)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code" and cell.source)
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert source.with_suffix(".ipynb").stat().st_size < 1.5e6


def test_a_stranger_can_open_it(source):
    text = source.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert f"/github/jaxvqa/jaxvqa/blob/main/notebooks/{source.stem}.ipynb" in text
    first = next(cell for cell in SCRIPT["read"](source).cells if cell.cell_type == "code")
    assert '"-m", "pip", "install"' in first.source
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)


@pytest.mark.slow
def test_it_runs(source, tmp_path, monkeypatch):
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    notebook = SCRIPT["execute"](source, tmp_path / "notebooks")
    assert pictures(notebook)

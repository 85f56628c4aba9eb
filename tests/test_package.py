"""What is built to be installed elsewhere."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], check=True)
    return folder


def test_description_is_sound(built):
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *built.iterdir()], check=True)


def test_wheel_is_small_and_whole(built):
    [wheel] = built.glob("*.whl")
    assert wheel.stat().st_size < 6 << 20
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    tracked = subprocess.run(["git", "ls-files", "jaxvqa", "configs"], cwd=ROOT, capture_output=True, text=True)
    files = {f"jaxvqa/{name}" if name.startswith("configs") else name for name in tracked.stdout.splitlines()}
    assert files
    assert files <= held


@pytest.mark.slow
def test_wheel_works_without_the_repository(built, clips, tmp_path):
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = "import jaxvqa; print(jaxvqa.__file__); from jaxvqa.cli import entry; entry()"
    command = [sys.executable, "-c", program, "score", str(clips / "a.mp4"), "--format=csv"]
    environment = {"PYTHONPATH": str(tmp_path / "site"), "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    where, head, row = done.stdout.splitlines()
    assert where.startswith(str(tmp_path))
    assert head.startswith("path,status")
    assert row.startswith(f"{clips / 'a.mp4'},ok")

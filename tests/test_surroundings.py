"""The real command in poor or hostile surroundings: current folder, home, streams, devices."""

import csv
import os
import shutil
import subprocess

import pytest
from clips import moving_clip
from surroundings import console_script, plant_modules


@pytest.fixture(scope="module")
def jaxvqa(tmp_path_factory):
    """Runs the command, in a folder, by a shell that may close streams; `variables` without a value are unset."""
    command = console_script(tmp_path_factory.mktemp("bin"))

    def run(arguments, folder, streams="", **variables):
        changed = {name: value for name, value in {**os.environ, **variables}.items() if value is not None}
        shell = ["bash", "-c", f'exec "$@" {streams}', "bash", *command, *map(str, arguments)]
        return subprocess.run(shell, cwd=folder, env=changed, capture_output=True, text=True, timeout=300)

    return run


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return moving_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=8)


def scored(folder):
    """Paths in a table of scores, and how they ended."""
    with (folder / "scores.csv").open(newline="") as file:
        return [(row["path"], row["status"]) for row in csv.DictReader(file)]


def test_without_a_home_and_stdout_among_foreign_modules_and_leftovers(jaxvqa, clip, tmp_path):
    here = plant_modules(tmp_path / "here")
    for name in ("clip.mp4", "._clip.mp4", "__MACOSX/._clip.mp4", ".Trashes/clip.mp4", "clip.mp4.crdownload"):
        (here / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, here / "videos" / name)
    # No account has this process's number: as in containers that are run for any user.
    (tmp_path / "nobody").mkdir()
    program = "import pwd\n\ndef getpwuid(number):\n    raise KeyError(number)\n\npwd.getpwuid = getpwuid\n"
    (tmp_path / "nobody" / "sitecustomize.py").write_text(program)
    path = os.pathsep.join([str(tmp_path / "nobody"), *filter(None, [os.environ.get("PYTHONPATH")])])
    homes = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "JAX_COMPILATION_CACHE_DIR"))
    before = {*os.listdir(here)}
    done = jaxvqa(["score", "videos", "--output=out"], here, ">&-", PYTHONPATH=path, **homes)
    assert done.returncode == 0, done.stderr
    assert "left out 4 that are hidden, left by the system, or unfinished downloads, such as videos/" in done.stderr
    assert "1 of 1 videos scored" in done.stderr
    assert scored(here / "out") == [("videos/clip.mp4", "ok")]
    assert {*os.listdir(here)} == before | {"out"}  # neither RAN nor ~


def test_paths_in_the_home_folder_without_stdout_and_stderr(jaxvqa, clip, tmp_path):
    """Stderr can be read only, as shells leave it to commands in scripts that are run without one."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    shutil.copy(clip, home / "~clip.mp4")
    (here / "list.txt").write_text("~/~clip.mp4\n")
    done = jaxvqa(["score", "list.txt", "--output", "~/out"], here, ">&- 2</dev/null", HOME=str(home))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert scored(home / "out") == [(str(home / "~clip.mp4"), "ok")]
    assert os.listdir(here) == ["list.txt"]


def test_exit_codes_without_any_stream(jaxvqa, tmp_path):
    done = jaxvqa(["score", "nowhere.mp4"], tmp_path, "<&- >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("platform", ["cuda", "nonsense"])
def test_devices_that_are_not_there(jaxvqa, clip, tmp_path, platform):
    done = jaxvqa(["score", clip], tmp_path, JAX_PLATFORMS=platform, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    weights, said = done.stderr.splitlines()
    assert weights.startswith("weights: ")
    assert said.startswith(f"jaxvqa: JAX_PLATFORMS={platform} asks for devices that are not there")
    assert said.endswith(": unset it, or set it to cpu.")
    assert os.listdir(tmp_path) == []

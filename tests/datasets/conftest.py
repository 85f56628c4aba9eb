"""Videos of databases."""

import shutil

import pytest
from clips import moving_clip
from databases import FILES, NAMES, write_maxwell


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return moving_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=3, height=32, width=32)


@pytest.fixture
def add(clip, tmp_path):
    """Puts a clip at each of some paths below a folder of the root."""

    def put(folder, *paths):
        for path in paths:
            target = tmp_path / folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(clip, target)

    return put


@pytest.fixture
def maxwell(add, tmp_path):
    """A root with a small database in MaxWell's layout."""
    for split in FILES:
        write_maxwell(tmp_path / "maxwell", split)
    add("maxwell/videos", *NAMES["train"], *NAMES["validation"])
    return tmp_path

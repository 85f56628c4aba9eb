"""Folders of photographs and clips, as `jaxvqa train mini` takes them."""

import csv

import pytest
from clips import moving_clip, write_photographs


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("material")
    photos, clips = root / "photos", root / "clips"
    write_photographs(photos, 12, 400)
    clips.mkdir()
    moving_clip(clips / "walk_1.mp4", 40, 360, 480)
    moving_clip(clips / "walk_2.mp4", 12, 360, 480)
    moving_clip(clips / "tiny.mp4", 12, 96, 128)
    with (clips / "ATTRIBUTION.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ("file", "scene"))
        writer.writeheader()
        writer.writerows({"file": f"walk_{i}.mp4", "scene": "walk"} for i in (1, 2))
    return photos, clips

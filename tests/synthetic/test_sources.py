"""Photographs and clips of folders."""

import shutil
from pathlib import Path

import pytest

from jaxvqa.errors import UserError
from jaxvqa.synthetic.sources import Source, clip_frames, find_sources, sharp_lines, split


def test_sources_are_split_by_scene(folders):
    found = find_sources(*folders)
    names = {source.path.name: source for source in found}
    assert names["walk_1.mp4"].scene == names["walk_2.mp4"].scene == "walk"
    assert names["walk_1.mp4"].clip
    assert not names["chelsea.png"].clip
    assert names["chelsea.png"].scene == "chelsea"
    assert "tiny.mp4" not in names  # too few lines for its flaws to be ours
    training, validation = (split(found, part) for part in ("train", "validation"))
    assert {*training, *validation} == {*found}
    assert not {source.scene for source in training} & {source.scene for source in validation}
    assert len(validation) == 1


def test_leftovers_are_no_material(folders, tmp_path, capsys):
    photos = shutil.copytree(folders[0], tmp_path / "photos")
    before = find_sources(photos, folders[1])
    for name in ("._chelsea.png", ".DS_Store", "new.png.part"):
        (photos / name).write_bytes(b"no picture")
    assert find_sources(photos, folders[1]) == before
    said = f"{photos}: left out 3 that are hidden or unfinished downloads, such as {photos / '._chelsea.png'}\n"
    assert capsys.readouterr().err == said.replace("._chelsea.png", ".DS_Store")


def test_what_is_held_out_stays_so_when_scenes_leave():
    found = [Source(Path(f"{number}.png"), f"scene {number}", False) for number in range(400)]
    held = {*split(found, "validation")}
    assert 30 < len(held) < 70
    some = found[:250]
    assert {*split(some, "validation")} == held & {*some}


def test_folders_without_material_are_refused(tmp_path):
    with pytest.raises(UserError, match="hold no photographs and clips"):
        find_sources(tmp_path, tmp_path)
    with pytest.raises(UserError, match="none is no folder"):
        find_sources(tmp_path / "none", tmp_path)
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(UserError, match=r"notes\.jpg is no photograph"):
        find_sources(tmp_path, tmp_path)


def test_clips_have_as_many_lines_as_their_files_have_bits_for(folders):
    path = folders[1] / "walk_1.mp4"
    lines = sharp_lines(path)
    bits = 8 * path.stat().st_size / (40 * 360 * 480)
    assert lines == pytest.approx(min(360, 360 * (bits / 0.15) ** 0.5))
    assert min(clip_frames(path).shape[1:3]) == round(lines)

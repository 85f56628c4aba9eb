"""Rated videos of a user."""

from pathlib import Path

import numpy as np
import pytest
from trainings import LABELS, WORDS

from jaxvqa import UserError
from jaxvqa.datasets.custom import load_custom
from jaxvqa.datasets.videos import make_folds


def test_labels_of_ones_own(rated):
    videos = load_custom(rated / LABELS, rated / "videos")
    assert videos.custom == (WORDS,)
    assert videos.labels.shape == (12, 17)
    there = ~np.isnan(videos.labels)
    assert np.flatnonzero(there.any(axis=0)).tolist() == [0, 7, 16]
    assert there[:, [0, 7, 16]].sum(axis=0).tolist() == [12, 9, 10]
    assert [Path(path).name for path in videos.paths] == videos.names
    folds = make_folds(videos, 3, 0)
    assert np.sum(folds, axis=0).tolist() == [1] * 12
    for fold in folds:
        assert not {videos.groups[i] for i in np.flatnonzero(fold)} & {videos.groups[i] for i in np.flatnonzero(~fold)}


def test_videos_are_found_by_path_where_labels_give_one(tmp_path, add):
    add("videos", "one/a.mp4", "two/a.mp4", "three/b.mp4", "e\u0301.mp4")
    table = tmp_path / "labels.csv"
    table.write_bytes("Filename;calm / grainy;overall\rtwo\\a.mp4;1,5;\r;;\rthree\\b.mp4;2;1\r".encode("utf-16"))
    videos = load_custom(table, tmp_path / "videos")
    assert (videos.names, videos.custom) == (["a.mp4", "b.mp4"], (("calm", "grainy"),))
    assert videos.paths == [str(tmp_path / "videos" / path) for path in ("two/a.mp4", "three/b.mp4")]
    np.testing.assert_array_equal(videos.labels[:, [0, 16]], [[np.nan, 1.5], [1, 2]])

    table.write_text("filename,O\n\u00e9.mp4,1\none/a.mp4,2\n", encoding="utf-8")
    paths = load_custom(table, tmp_path / "videos").paths
    assert paths == [str(tmp_path / "videos" / path) for path in ("e\u0301.mp4", "one/a.mp4")]
    add("videos", "\u00e9.mp4")
    for content, said in (
        ("\u00e9.mp4,1\n", r"'.xe9.mp4'.* which differ only in Unicode form, slashes or blanks: give its folder"),
        (
            "a.mp4,1\n",
            "a.mp4 of the labels in .* might be one/a.mp4 or two/a.mp4: give its folder in the labels, or rem",
        ),
        ("one/b.mp4,1\nfour/b.mp4,2\n", "lacks 2 of 2 videos, such as one/b.mp4, four/b.mp4"),
    ):
        table.write_text(f"filename,O\n{content}", encoding="utf-8")
        with pytest.raises(UserError, match=said):
            load_custom(table, tmp_path / "videos")
    table.write_bytes(b"filename,O\n\xe9.mp4,1\n")  # as Windows writes it that is not told to write UTF-8
    with pytest.raises(UserError, match="not all of the label file is UTF-8, so export it as UTF-8"):
        load_custom(table, tmp_path / "videos")

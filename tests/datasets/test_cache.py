import contextlib
import shutil
import subprocess
import sys

import numpy as np
from databases import FILES, NAMES, fails, labels_of, write_maxwell

from jaxvqa.datasets.cache import load_rated


def test_maxwell_is_in_the_order_of_its_labels(maxwell, capfd, caplog):
    videos = load_rated("maxwell:train", maxwell)
    assert videos.names == NAMES["train"]
    assert videos.paths == [str(maxwell / "maxwell" / "videos" / name) for name in NAMES["train"]]
    assert videos.labels.dtype == np.float64
    np.testing.assert_array_equal(videos.labels, labels_of("train").astype(np.float32))
    assert (videos.database, videos.synthetic) == ("maxwell", False)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_splits_and_selection(maxwell):
    assert load_rated("maxwell:validation", maxwell).names == NAMES["validation"]
    for spec in ("maxwell", "maxwell:all"):
        videos = load_rated(spec, maxwell)
        assert videos.names == NAMES["train"] + NAMES["validation"]
    some = videos.select(np.array([5, 0]))
    assert some.names == [NAMES["validation"][1], NAMES["train"][0]]
    assert some.paths == [videos.paths[5], videos.paths[0]]
    np.testing.assert_array_equal(some.labels, videos.labels[[5, 0]])


def test_changes_are_seen(maxwell, add):
    load_rated("maxwell", maxwell)
    labels = labels_of("validation")
    labels[1, 9] = 0.5
    write_maxwell(maxwell / "maxwell", "validation", labels=labels)
    np.testing.assert_array_equal(load_rated("maxwell:validation", maxwell).labels, labels.astype(np.float32))
    video = maxwell / "maxwell" / "videos" / NAMES["train"][0]
    video.unlink()
    fails("lacks 1 of 4 videos", "maxwell:train", maxwell)
    add("maxwell/elsewhere", NAMES["train"][0])
    assert "elsewhere" in load_rated("maxwell:train", maxwell).paths[0]


def test_videos_without_labels_are_told_of(maxwell, add, capsys):
    add("maxwell/videos", "new.mp4", "newer.mkv")
    assert load_rated("maxwell:train", maxwell).names == NAMES["train"]
    expected = "maxwell: left out 2 videos without labels, such as videos/new.mp4.\n"
    assert capsys.readouterr().err == expected


def test_the_synthetic_database_is_rendered_once(tmp_path, add, monkeypatch, capsys):
    rendered = []

    def render(folder):
        rendered.append(folder)
        for split in FILES:
            write_maxwell(folder, split)
        add("synthetic_maxwell/videos", *NAMES["train"], *NAMES["validation"])
        (folder / "synthetic.json").write_text("{}")

    monkeypatch.setattr("jaxvqa.datasets.cache.render", render)
    videos = load_rated("synthetic_maxwell:train", tmp_path)
    assert (videos.database, videos.synthetic, videos.names) == ("synthetic_maxwell", True, NAMES["train"])
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "synthetic" in err
    assert load_rated("synthetic_maxwell:validation", tmp_path).names == NAMES["validation"]
    assert rendered == [tmp_path / "synthetic_maxwell"]
    assert capsys.readouterr().err == ""
    (tmp_path / "synthetic_maxwell" / "synthetic.json").unlink()
    fails("lacks synthetic.json: it is unfinished", "synthetic_maxwell", tmp_path)


def test_synthetic_videos_do_not_pass_for_real_ones(maxwell):
    (maxwell / "maxwell" / "synthetic.json").write_text("{}")
    fails("is synthetic by its synthetic.json", "maxwell", maxwell)


def test_a_root_that_cannot_be_written(maxwell):
    (maxwell / ".tfds").write_text("a file in the way, which stops root as well")
    fails(f"{maxwell} cannot be written", "maxwell", maxwell)


def test_two_processes_may_prepare_at_once(maxwell):
    program = (
        f"from jaxvqa.datasets.cache import load_rated; print(*load_rated('maxwell:train', {str(maxwell)!r}).names)"
    )
    program += "; import sys; assert 'tensorflow' not in sys.modules"
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in running:
        assert process.communicate() == (" ".join(NAMES["train"]) + "\n", "")
    assert len(list(maxwell.glob(".tfds/maxwell-*/maxwell/*"))) == 1


def test_full_disk_is_one_sentence(maxwell, small_disk):
    root = small_disk("4m") / "data"
    shutil.copytree(maxwell / "maxwell", root / "maxwell")
    with contextlib.suppress(OSError):
        (root.parent / "filler").write_bytes(bytes(8 << 20))
    fails(f"{root} cannot be written .*No space left on device", "maxwell", root)
    (root.parent / "filler").unlink()
    assert load_rated("maxwell:train", root).names == NAMES["train"]

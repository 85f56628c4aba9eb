import csv
import json
import re
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import imageio_ffmpeg
import numpy as np
import pytest
from clips import moving_clip, write_clip

import jaxvqa
from jaxvqa.cli import main
from jaxvqa.errors import VideoError
from jaxvqa.evaluation.preference import Preference, preference_of
from jaxvqa.results.rows import DISPLAY
from jaxvqa.synthetic.vmaf import compare_files, installed_vmaf
from jaxvqa.system.terminal import Log
from jaxvqa.tasks.ladder import COLUMNS, add_vmaf, answer, choose, print_ladder
from jaxvqa.video.decode import open_video
from jaxvqa.weights.load import load_weights


def ladder(weights, output, *videos, **fields):
    """The ladder command in this process; returns its exit code."""
    fields = {"weights": weights, "output": output, "workers": 1, **fields}
    return main(["ladder", *map(str, videos), *(f"--{name}={value}" for name, value in fields.items())])


def rows(output):
    with (output / "ladder.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert all([*row] == COLUMNS for row in found)
    return found


@pytest.fixture(scope="module")
def encodes(tmp_path_factory):
    """Encodes of one scene: two of 320x240, of few and many bits, and one of half that size in another container."""
    folder = tmp_path_factory.mktemp("encodes")
    for name, crf in (("good.mp4", 20), ("bad.mp4", 45)):
        moving_clip(folder / name, seed=1, codec_options={"crf": str(crf)})
    scene = np.random.default_rng(1).integers(0, 255, (61, 100, 3)).repeat(2, axis=0).repeat(2, axis=1).astype(np.uint8)
    small = [scene[:120, 1 + (3 * i) // 2 :][:, :160] for i in range(20)]
    write_clip(folder / "small.mkv", small, codec="mpeg4", codec_options={"qscale": "4"})
    return folder


@pytest.fixture(scope="module")
def sure_weights(released_weights, tmp_path_factory):
    """Small random weights whose card has an interval of VMAF and tells which of two encodes is better."""
    folder = Path(shutil.copytree(released_weights, tmp_path_factory.mktemp("sure") / "weights"))
    description = json.loads((folder / "jaxvqa.json").read_text())
    description["training"] |= {"vmaf_interval": 12.5, "pair_deviation": 2.0}
    (folder / "jaxvqa.json").write_text(json.dumps(description))
    return folder


def made(*facts):
    """Rows of encodes, as they are before a choice: name, bit rate, height, score of 100."""
    row = dict.fromkeys(COLUMNS) | {"status": "ok", "warning": "", "fps": 25.0, "codec": "h264"}
    row |= {"compared": True, "on_hull": False, "chosen": False, "chosen_of_size": False}
    return [
        row
        | {"name": name, "path": name, "bits_per_second": rate, "height": high, "width": 2 * high}
        | {DISPLAY[0]: score / 100}
        for name, rate, high, score in facts
    ]


LADDER = (("a", 1e5, 100, 60), ("b", 2e5, 100, 75), ("c", 3e5, 200, 78), ("d", 9e5, 200, 88), ("e", 18e5, 200, 90))


def chosen(rows, column="chosen"):
    return [row["name"] for row in rows if row[column]]


def test_each_encode_has_a_row_and_a_point(encodes, sure_weights, tmp_path, capfd):
    assert ladder(sure_weights, tmp_path / "out", encodes) == 0
    out, err = capfd.readouterr()
    found = {row["name"]: row for row in rows(tmp_path / "out")}
    rates = [float(row["bits_per_second"]) for row in found.values()]
    assert rates == sorted(rates)
    assert {*found} == {"good.mp4", "bad.mp4", "small.mkv"}
    model = jaxvqa.load(sure_weights)
    for name, row in found.items():
        overall = float(model.score(encodes / name).display[0])
        assert float(row["overall_display"]) == pytest.approx(overall, abs=2e-6)
        assert float(row["overall_display_low"]) == pytest.approx(max(overall - 0.125, 0), abs=2e-6)
        assert float(row["overall_display_high"]) == pytest.approx(min(overall + 0.125, 1), abs=2e-6)
        assert float(row["seconds"]) == pytest.approx(0.8)
        packets = 8 * (encodes / name).stat().st_size / 0.8  # and what the container adds
        assert 0.5 * packets < float(row["bits_per_second"]) < packets
        assert row["warning"] == ""
    assert [found[name]["codec"] for name in ("good.mp4", "small.mkv")] == ["h264", "mpeg4"]
    assert [found[name]["width"] for name in ("good.mp4", "small.mkv")] == ["320", "160"]
    assert float(found["good.mp4"]["bits_per_second"]) > 2 * float(found["bad.mp4"]["bits_per_second"])
    best = max(found.values(), key=lambda row: float(row["overall_display"]))
    assert float(best["chance_worse"]) < 0.01
    assert best["on_hull"] == "True"
    assert len(chosen([{"name": n, "chosen": row["chosen"] == "True"} for n, row in found.items()])) == 1
    assert [json.loads(line)["name"] for line in (tmp_path / "out" / "ladder.jsonl").open()] == [*found]
    drawn = "".join(ElementTree.parse(tmp_path / "out" / "ladder.svg").getroot().itertext())
    assert all(f"{name}: " in drawn for name in found)
    assert "3 of 3 compared" in err
    assert "warning" not in err
    first = out.splitlines()[0]
    assert first in drawn.replace("\n", "") or first[:60] in drawn  # the answer stands first
    assert "±13" in out


@pytest.fixture
def ffmpeg(tmp_path, monkeypatch):
    """FFmpeg with libvmaf, alone on the PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_vmaf_stands_beside_scores_where_there_is_a_reference(encodes, sure_weights, ffmpeg, tmp_path, capfd):
    reference = moving_clip(tmp_path / "-original.mp4", seed=1, codec_options={"crf": "4"})
    assert ladder(sure_weights, tmp_path / "out", encodes, reference=reference) == 0
    found = {row["name"]: float(row["vmaf"]) for row in rows(tmp_path / "out")}
    assert found["good.mp4"] > 90
    assert found["good.mp4"] > found["bad.mp4"] + 6
    assert 0 < found["small.mkv"] < found["good.mp4"]
    head, *lines = [line for line in capfd.readouterr().out.splitlines() if "VMAF" in line or "h264" in line]
    assert "VMAF" in head
    assert any(f" {found['bad.mp4']:.0f} " in line for line in lines)


def test_a_file_that_cannot_be_compared_is_a_warning(encodes, sure_weights, ffmpeg, tmp_path, capfd):
    original = str(shutil.copy(encodes / "good.mp4", tmp_path / "original.mp4"))
    program = installed_vmaf()
    with pytest.raises(VideoError, match=r"FFmpeg could not compare .*nowhere.mp4 with .*original.mp4: .*No such file"):
        compare_files(program, str(tmp_path / "nowhere.mp4"), original, (320, 240))
    log = Log()
    encode = {"path": str(tmp_path / "nowhere.mp4"), "compared": True, "vmaf": None}
    add_vmaf([encode], program, open_video(original), log)
    assert "FFmpeg could not compare" in capfd.readouterr().err
    assert encode["vmaf"] is None


def test_a_reference_that_is_no_use_is_said_first(encodes, sure_weights, tmp_path, monkeypatch, capfd):
    (tmp_path / "text.mp4").write_text("text")
    for reference, message in ((tmp_path / "text.mp4", "text.mp4"), (tmp_path / "nowhere.mp4", "does not exist")):
        assert ladder(sure_weights, tmp_path / "out", encodes, reference=reference) == 2
        assert message in capfd.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert ladder(sure_weights, tmp_path / "out", encodes, reference=encodes / "good.mp4") == 2
    assert "VMAF needs an FFmpeg with libvmaf, and there is none on the PATH; to get one: pip" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_programs_get_the_rows_alone(encodes, small_weights, tmp_path, capfd):
    assert ladder(small_weights, tmp_path / "out", encodes, format="jsonl") == 0
    assert capfd.readouterr().out == (tmp_path / "out" / "ladder.jsonl").read_text()


def test_published_weights_judge_encodes_by_what_people_would_say(encodes, small_weights, tmp_path, capfd):
    assert ladder(small_weights, tmp_path / "out", encodes, confidence=0.6) == 0
    out, _ = capfd.readouterr()
    assert "These weights do not tell" not in out
    assert "visibly" in out
    found = [json.loads(line) for line in (tmp_path / "out" / "ladder.jsonl").open()]
    assert sum(row["chosen"] for row in found) == 1
    top = max(found, key=lambda row: row["overall_display"])
    for row in found:
        assert row["overall_low"] < row["overall_mos"] < row["overall_high"]
        higher = preference_of(None, "published").chance_of_higher(row, top, by=0.3)
        assert row["chance_worse"] == pytest.approx(higher, abs=1e-6)


def test_the_cheapest_that_is_not_visibly_worse_is_said(sure_weights):
    card = load_weights(sure_weights).card
    encodes = made(*LADDER)
    choose(encodes, preference_of(card, ""), 0.95)
    assert (chosen(encodes), chosen(encodes, "chosen_of_size")) == (["d"], ["b", "d"])
    assert chosen(encodes, "on_hull") == ["a", "b", "d", "e"]
    first, *sizes = answer(encodes, 0.95)
    assert first == (
        "d (900 kbit/s, overall 88) is the cheapest encode that is not visibly worse than the best one, e (1,800 "
        "kbit/s, overall 90) (probability 98 %). It takes 50 % fewer bits."
    )
    assert sizes == [
        "Among 200x100 alone: b (200 kbit/s, overall 75).",
        "Among 400x200 alone: d (900 kbit/s, overall 88).",
    ]


@pytest.mark.parametrize(
    ("facts", "confidence", "said"),
    [
        (LADDER, 0.99, "no cheaper one is surely as good (probability 99 % or more)"),
        (
            (("a", 1e5, 100, 60), ("b", 2e5, 100, 50)),
            0.95,
            "a (100 kbit/s, overall 60) is the best encode, and the cheapest",
        ),
        (LADDER[:1], 0.95, "Nothing to choose from: 1 of 1 encodes can be compared."),
    ],
)
def test_what_is_said_of_other_ladders(facts, confidence, said, sure_weights):
    card, encodes = load_weights(sure_weights).card, made(*facts)
    choose(encodes, preference_of(card, ""), confidence)
    assert said in answer(encodes, confidence)[0]


def test_scores_that_fall_with_more_bits_are_not_relied_on(sure_weights):
    card = load_weights(sure_weights).card
    falling = made(("a", 1e5, 100, 60), ("b", 2e5, 100, 50), ("c", 3e5, 100, 40), ("d", 4e5, 200, 70))
    choose(falling, preference_of(card, ""), 0.95)
    said = "Do not rely on this: 2 of 2 encodes score lower than the next cheaper one of their size and codec."
    assert answer(falling, 0.95)[1] == said
    falling = [each | {"display_height": 1080, "height": 3 * each["height"]} for each in falling]
    assert answer(falling, 0.95)[1] == f"{said} Try --display-height 400."
    rising = made(*LADDER)
    choose(rising, preference_of(card, ""), 0.95)
    assert "rely" not in " ".join(answer(rising, 0.95))


def test_weights_that_tell_no_chances(capsys):
    encodes = made(*LADDER)
    choose(encodes, Preference(), 0.95)
    said = answer(encodes, 0.95)
    assert said == [
        "e (1,800 kbit/s, overall 90) scores highest. These weights do not tell how likely others are worse."
    ]
    assert {each["chance_worse"] for each in encodes} == {None}
    assert chosen(encodes, "on_hull") == ["a", "b", "d", "e"]
    print_ladder(encodes, said, None)
    assert "visibly" not in capsys.readouterr().out


def test_encodes_that_do_not_belong_are_left_out(encodes, sure_weights, tmp_path, capfd):
    other = moving_clip(tmp_path / "other.mp4", seed=2)
    short = moving_clip(tmp_path / "short.mp4", frames=16, seed=1)
    copy = shutil.copy(encodes / "good.mp4", tmp_path / "copy.mp4")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    assert ladder(sure_weights, tmp_path / "out", encodes, other, short, copy, broken) == 1
    out, err = capfd.readouterr()
    found = {Path(row["path"]).name: row for row in rows(tmp_path / "out")}
    assert found["other.mp4"]["warning"].startswith("is left out: it seems to show something else than ")
    assert found["short.mp4"]["warning"].startswith("is left out: it lasts 0.64 s, ")
    copies = [found[name]["warning"] for name in ("good.mp4", "copy.mp4")]
    assert sum(said.startswith("has the same content as ") for said in copies) == 1
    assert [found[name]["warning"] for name in ("bad.mp4", "small.mkv")] == ["", ""]
    for name in ("other.mp4", "short.mp4"):
        row = found[name]
        marks = [row[mark] for mark in ("compared", "on_hull", "chosen", "chosen_of_size")]
        assert (row["chance_worse"], marks) == ("", ["False"] * 4)
        assert float(row["overall_display"])
        assert f"warning: {row['name']} {row['warning']}" in err
    assert found["good.mp4"]["chance_worse"] == found["copy.mp4"]["chance_worse"] != ""
    assert out.count("warning") == 3
    assert [*found][-1] == "broken.mp4"
    assert found["broken.mp4"]["status"] == "error"
    assert "cannot be opened as a video" in found["broken.mp4"]["error"]
    assert f"not scored: {broken}" in out
    assert "4 of 7 compared" in err


def test_nothing_may_be_left_to_compare(small_weights, tmp_path, capfd):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"no video")
    assert ladder(small_weights, tmp_path / "out", tmp_path / "a.mp4", tmp_path / "b.mp4") == 1
    assert "Nothing to choose from: 0 of 2 encodes can be compared." in capfd.readouterr().out
    assert len(rows(tmp_path / "out")) == 2
    assert not (tmp_path / "out" / "ladder.svg").exists()


def test_wrong_usage(encodes, small_weights, released_weights, tmp_path, capfd):
    good = encodes / "good.mp4"
    for videos, fields, message in (
        ([good], {}, f"only one encode to choose from, {good}: give two or more"),
        ([good, good], {}, "only one encode to choose from"),
        ([""], {}, "no such file or folder"),
        ([encodes], {"confidence": 1.0}, "confidence is 1; it must be above 0.5 and below 1."),
        ([encodes], {"confidence": 0.5}, "confidence is 0.5; it must be"),
        ([encodes], {"format": "xml"}, "format is 'xml'"),
    ):
        assert ladder(small_weights, tmp_path / "out", *videos, **fields) == 2
        assert message in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("vmaf", [None, 87.4])
def test_nothing_is_cut(width, vmaf, sure_weights, monkeypatch, capsys):
    card = load_weights(sure_weights).card
    encodes = made(*LADDER, ("a long name of an encode/1920x1080 crf 23 very slow.mp4", 4e6, 2160, 12))
    encodes = [each | {"vmaf": vmaf} for each in encodes]
    choose(encodes, preference_of(card, ""), 0.95)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_ladder(encodes, answer(encodes, 0.95), card)
    out = capsys.readouterr().out
    assert "\u2026" not in out
    assert all(text in out for text in ("4320x2160", "4,000", ">99 %", "best", "chosen", "hull"))
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in out.splitlines()) <= width

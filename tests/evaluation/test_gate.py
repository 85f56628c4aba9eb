import dataclasses
from statistics import NormalDist

import numpy as np
import pytest

from jaxvqa import DIMENSIONS, UserError
from jaxvqa.evaluation.gate import read_baseline, read_limits, violations
from jaxvqa.evaluation.preference import Preference, preference_of
from jaxvqa.results.rows import DISPLAY, POOLED, RAW
from jaxvqa.results.store import Results
from jaxvqa.weights.known_opinions import maxwell_opinions
from jaxvqa.weights.load import load_weights

BY_NAME = {d.column: d for d in DIMENSIONS}
OVERALL, NOISE = BY_NAME["overall"], BY_NAME["noise"]
SETTINGS = {"seed": 0, "sampling": "whole", "repeats": 1, "dense": False, "display_height": None}


def row(path, overall=0.5, noise=0.5, **changes):
    scores = dict.fromkeys([*RAW, *DISPLAY, *POOLED], 0.5) | {"overall_display": overall, "noise_display": noise}
    facts = {"path": path, "status": "ok", "weights": "abc", "custom": {}, "notes": "", **SETTINGS}
    return scores | facts | changes


def failed(path):
    return {"path": path, "status": "error", "error": f"{path} is empty.", "weights": "abc", **SETTINGS}


def written(folder, *rows):
    with Results(folder) as results:
        for each in rows:
            results.add(each)
    return folder


def test_limits_are_read_by_code_and_name():
    assert read_limits("overall=50, Motion Blur=40.5;T-3=0", "min") == {
        OVERALL: 50,
        BY_NAME["motion_blur"]: 40.5,
        NOISE: 0,
    }
    assert read_limits("5", "max_drop", "overall") == {OVERALL: 5}
    assert read_limits(" ", "min") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sharpnes=3", "min names 'sharpnes', which is no dimension; choose from overall, content,"),
        ("overall", "min is 'overall'; write it as overall=50, from 0 to 100"),
        ("overall=101", "from 0 to 100"),
        ("overall=-1", "from 0 to 100"),
        ("overall=nan", "from 0 to 100"),
        ("overall=1e3", "from 0 to 100"),
        ("O=5,overall=6", "min names overall twice"),
        ("5", "min names '5'"),
    ],
)
def test_limits_that_are_none(text, said):
    with pytest.raises(UserError, match=said):
        read_limits(text, "min")


def test_a_score_at_its_limit_passes_and_one_below_does_not():
    rows = [row("a.mp4", 0.5), row("b.mp4", 0.499), row("c.mp4", 0.9, 0.2), failed("d.mp4")]
    found = violations(rows, {OVERALL: 50, NOISE: 30}, {}, {}, Preference())
    assert [(each.path, each.rule) for each in found] == [
        ("b.mp4", "min overall"),
        ("c.mp4", "min noise"),
        ("d.mp4", "scored"),
    ]
    assert found[0].message == "overall 49.9 is below 50"
    assert (found[1].score, found[1].limit) == (pytest.approx(20), 30)
    assert found[2].message == "d.mp4 is empty."


@pytest.mark.parametrize("file", ["scores.csv", "scores.jsonl"])
def test_falls_below_a_baseline(file, tmp_path, released_weights):
    folder = written(tmp_path, row("old/a.mp4", 0.7), row("=1/b.mp4", 0.7, 0.6), row("x.mp4", 0.1, weights="other"))
    baseline = read_baseline(folder / file, "abc", SETTINGS)
    assert [*baseline] == ["=1/b.mp4", "old/a.mp4"]
    rows = [row("new/a.mp4", 0.6), row("b.mp4", 0.66, 0.4), row("x.mp4", 0.5)]
    found = violations(rows, {}, {OVERALL: 5, NOISE: 20}, baseline, Preference())
    assert [(each.path, each.rule, each.probability) for each in found] == [
        ("new/a.mp4", "max_drop overall", None),
        ("x.mp4", "scored", None),
    ]
    assert found[0].message == "overall 60.0 is 10.0 below the baseline's 70.0, 5 allowed"
    assert found[0].limit == pytest.approx(65)
    assert found[1].message == "no row of the baseline may be its own"
    card = dataclasses.replace(load_weights(released_weights).card, pair_deviation=5.0)
    [first, *_] = violations(rows, {}, {OVERALL: 5}, baseline, preference_of(card, ""))
    assert first.probability == pytest.approx(0.977, abs=1e-3)
    assert first.message.endswith("5 allowed (lower VMAF: 98%)")


@pytest.mark.parametrize("file", ["scores.csv", "scores.jsonl"])
def test_published_weights_tell_what_people_would_say_of_a_fall(file, tmp_path, small_weights):
    """In every dimension; limits stay on the scale of the table."""
    preference = preference_of(None, load_weights(small_weights).id)
    opinions = [f"{name}_{end}" for name in RAW for end in ("mos", "low", "high")]
    before = row("a.mp4", 0.7, 0.6, **dict.fromkeys(opinions, 0.4) | {"overall_mos": 4.0})
    after = row("a.mp4", 0.6, 0.3, **dict.fromkeys(opinions, 0.1) | {"overall_mos": 3.0})
    baseline = read_baseline(written(tmp_path, before) / file, "abc", SETTINGS)
    overall, noise = violations([after], {}, {OVERALL: 5, NOISE: 20}, baseline, preference)
    deviation = maxwell_opinions().deviation
    assert overall.probability == pytest.approx(NormalDist().cdf(1 / (2**0.5 * deviation[0])))
    assert noise.probability == pytest.approx(NormalDist().cdf(0.3 / (2**0.5 * deviation[9])))
    assert overall.message == (
        "overall 60.0 is 10.0 below the baseline's 70.0, 5 allowed (people would rate it lower: 98%)"
    )
    assert (noise.score, noise.limit) == pytest.approx((30, 40))


def test_baselines_of_versions_without_opinions_tell_no_probability(tmp_path, small_weights):
    table = written(tmp_path, row("a.mp4", 0.7)) / "scores.csv"
    head, line = (text.split(",") for text in table.read_text().splitlines())
    kept = [i for i, name in enumerate(head) if not name.endswith(("_mos", "_low", "_high"))]
    table.write_text("\n".join(",".join(cells[i] for i in kept) for cells in (head, line)) + "\n")
    baseline = read_baseline(table, "abc", SETTINGS)
    after = row("a.mp4", 0.5, overall_mos=3.0)
    [found] = violations([after], {}, {OVERALL: 5}, baseline, preference_of(None, load_weights(small_weights).id))
    assert found.probability is None
    assert found.message.endswith("5 allowed")


def test_names_that_mean_several_rows_fail(tmp_path):
    baseline = read_baseline(written(tmp_path, row("x/a.mp4"), row("y/a.mp4")) / "scores.csv", "abc", SETTINGS)
    rows = [row("a.mp4"), row("y/a.mp4")]
    [found] = violations(rows, {}, {OVERALL: 5}, baseline, Preference())
    assert (found.path, found.message) == ("a.mp4", "several rows of the baseline may be its own")


def test_baselines_that_do_not_compare_are_refused(tmp_path):
    folder = written(tmp_path / "scores", row("a.mp4"))
    with pytest.raises(UserError, match="was scored by weights abc, this run uses def: use the same"):
        read_baseline(folder / "scores.csv", "def", SETTINGS)
    with pytest.raises(UserError, match="was scored with repeats 1, this run has 5"):
        read_baseline(folder / "scores.jsonl", "abc", SETTINGS | {"repeats": 5})
    with pytest.raises(UserError, match="display_height none, this run has 720"):
        read_baseline(folder / "scores.csv", "abc", SETTINGS | {"display_height": 720})
    with pytest.raises(UserError, match="cannot be read: No such"):
        read_baseline(tmp_path / "none.csv", "abc", SETTINGS)
    for text in ("", "path,overall\na.mp4,0.5\n", "\0\n"):
        (tmp_path / "other.csv").write_text(text)
        with pytest.raises(UserError, match=r"other\.csv"):
            read_baseline(tmp_path / "other.csv", "abc", SETTINGS)
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe" + np.random.default_rng(0).bytes(2000))
    with pytest.raises(UserError, match=r"bad\.csv"):
        read_baseline(tmp_path / "bad.csv", "abc", SETTINGS)

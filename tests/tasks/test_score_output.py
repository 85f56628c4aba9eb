"""What is printed of scores: read as a person reads it, at several widths, in a terminal and in a pipe."""

import dataclasses
import re

import numpy as np
import pytest
from conftest import SCORED

from jaxvqa.dimensions import DIMENSIONS
from jaxvqa.evaluation.preference import Preference, preference_of
from jaxvqa.explain.percentiles import published_quantiles, weakest_dimensions
from jaxvqa.results.rows import DISPLAY, RAW
from jaxvqa.tasks.compare import Pair, print_comparison
from jaxvqa.tasks.score_output import print_differences, print_scores
from jaxvqa.weights.load import load_weights

NAMES = [dimension.name for dimension in DIMENSIONS]
PEOPLE = preference_of(None, "published")


def row(path, scores):
    facts = {"path": path, "status": "ok", "repeats": 1, "dense": False, "weights": "random-small"}
    return facts | dict(zip(RAW, scores, strict=True)) | dict(zip(DISPLAY, scores, strict=True))


FAILED = {"path": "b.mp4", "status": "error", "error": "b.mp4 is an empty file."}


@pytest.fixture
def terminal(monkeypatch, capsys):
    """Prints at a width as to a terminal that knows no colours, and gives the lines."""

    def at(width, show, *arguments, **options):
        monkeypatch.setenv("FORCE_COLOR", "1")  # by which rich takes stdout for a terminal
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(width))
        show(*arguments, **options)
        return re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    return at


def test_one_video_has_its_dimensions_from_the_lowest_on(capsys):
    scores = np.random.default_rng(0).permutation(16) / 20
    print_scores([row("folder/a\x1b.mp4", scores)], None)
    name, overall, _, *lines = capsys.readouterr().out.splitlines()
    assert name == "folder/a\ufffd.mp4"
    assert overall == f"overall {100 * scores[0]:.0f}"
    shown = {line[:23].strip(): int(line[23:]) for line in lines}
    assert shown == {name: round(100 * score) for name, score in zip(NAMES[1:], scores[1:], strict=True)}
    assert [*shown.values()] == sorted(shown.values())


def test_several_are_ranked_and_differences_come_first(capsys):
    low, high = np.full(16, 0.4), np.full(16, 0.6)
    low[9], high[9] = 0.1, 0.9  # noise
    low[3] = high[3] = 0.05
    print_scores([row("x/low.mp4", low), FAILED, row("x/high.mp4", high)], None)
    head, first, second, _, numbers, most, *rest = capsys.readouterr().out.splitlines()
    assert head.split() == ["overall", "video", "in", "x", "weakest", "in"]
    assert first.split() == ["1", "60", "high.mp4", "color", "5"]
    assert second.split() == ["2", "40", "low.mp4", "color", "5"]
    assert numbers.split() == ["1", "2"]
    assert most.split() == ["noise", "90", "10"]
    assert rest[-2].split() == ["color", "5", "5"]
    assert rest[-1] == "not scored: b.mp4"


def test_the_weakest_dimension_is_the_one_that_reports_name(capsys):
    """By percentiles: what is low in every video is not why one of them is bad."""
    raw, shown = published_quantiles()[10].copy(), np.full(16, 0.5)  # medians
    raw[9] -= 0.2  # noise
    shown[3] = 0.3  # color
    print_scores([{**row(path, shown), **dict(zip(RAW, raw, strict=True))} for path in ("a.mp4", "b.mp4")], None)
    first = capsys.readouterr().out.splitlines()[1]
    assert first.split()[-2:] == ["noise", "50"]
    assert weakest_dimensions(raw, shown, None)[0] == 9


def test_of_many_videos_only_the_ranking_is_printed(capsys):
    print_scores([row(f"{i}/a.mp4", np.full(16, i / 20)) for i in range(20)], None)
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["overall", "video"]
    assert [line.split()[:3] for line in lines] == [[str(i + 1), str(95 - 5 * i), f"{19 - i}/a.mp4"] for i in range(20)]


def test_unvalidated_dimensions_come_last_and_are_nowhere_the_lowest(capsys, released_weights):
    card = load_weights(released_weights).card  # validated in sharpness and noise
    scores = np.linspace(0.1, 0.85, 16)
    print_scores([row("a.mp4", scores), row("b.mp4", scores)], card)
    out = capsys.readouterr().out
    assert out.splitlines()[1].split()[-2:] == ["sharpness", f"{100 * scores[7]:.0f}"]
    tested, untested = (
        re.findall("(?m)^[a-z][a-z ]*?(?=  )", part) for part in out.split("\n\n")[1].split("not validated")
    )
    assert sorted(tested) == ["noise", "sharpness"]
    assert len(untested) == 13


def test_the_interval_stands_beside_overall_where_it_is_known(capsys, released_weights):
    card = dataclasses.replace(load_weights(released_weights).card, vmaf_interval=26.1)
    print_scores([row("a.mp4", np.full(16, 0.5))], card)
    assert capsys.readouterr().out.splitlines()[1] == "overall 50 ±27"
    print_scores([row("a.mp4", np.full(16, 0.5))] * 2, card)
    assert capsys.readouterr().out.startswith("   overall ±27  video")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_cut_or_wider_than_the_terminal(terminal, width):
    names = [f"ladder/{'quilted-up-' * 4}{i}.mp4" for i in range(3)]
    rows = [row(name, np.full(16, 0.5 + i / 10)) for i, name in enumerate(names)]
    lines = terminal(width, print_scores, rows, None)
    assert max(map(len, lines)) <= width
    text = "".join("".join(lines).split())
    assert "…" not in text
    for i in range(3):
        assert f"{i}.mp4" in text
    assert text.count("q") == 12
    assert all(name.replace(" ", "") in text for name in NAMES)
    assert "Scoresgofrom0to100" in text
    pairs = [Pair("a", "a.mp4", "b.mp4"), Pair("long " * 20, "a.mp4", "b.mp4")]
    scores = np.stack([np.full((2, 16), 40.0), np.full((2, 16), 50.0)])
    lines = terminal(width, print_differences, pairs, scores, None, PEOPLE, [0.9, None])
    assert max(map(len, lines)) <= width
    assert "".join(lines).count("long") == 20


def test_a_terminal_with_colours_gets_bars(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_scores([row("a.mp4", [0.5, *[0.75] * 15])], None)
    out = capsys.readouterr().out
    assert out.count("\x1b[36m" + "━" * 15) == 15
    monkeypatch.setenv("NO_COLOR", "1")
    print_scores([row("a.mp4", [0.5, *[0.75] * 15])], None)
    assert "━" not in capsys.readouterr().out


def test_scores_are_explained_on_terminals_only(terminal, capsys, released_weights):
    card = load_weights(released_weights).card
    said = " ".join(terminal(120, print_scores, [row("a.mp4", np.full(16, 0.5))], card)[-4:])
    assert "Scores go from 0 to 100, higher is better" in said
    assert "tiny: knows nothing. Not validated: overall, content," in said


def test_a_pipe_is_told_no_scale(capsys):
    print_scores([row("a.mp4", np.full(16, 0.5))], None)
    out = capsys.readouterr().out
    assert "Scores go" not in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (56, 24, "b.mp4 scores 32 points lower than a.mp4: overall 24, not 56."),
        (24, 56, "b.mp4 scores 32 points higher than a.mp4: overall 56, not 24."),
        (50, 50.2, "b.mp4 scores the same as a.mp4: overall 50, not 50."),
    ],
)
def test_two_videos_are_told_apart_in_a_sentence(capsys, before, after, said):
    scores = np.full((2, 1, 16), 50.0)
    scores[:, 0, 0] = before, after
    scores[:, 0, 13] = 70, 10
    print_differences([Pair("a.mp4 to b.mp4", "x/a.mp4", "y/b.mp4")], scores, None, PEOPLE, [None])
    first, _, head, most, *rest = capsys.readouterr().out.splitlines()
    assert first == said
    assert head.split() == ["first", "second", "change"]
    assert most.split() == ["compression", "artifacts", "70", "10", "-60"]
    assert len(rest) == 15
    print_differences([Pair("a.mp4 to a.mp4", "x/a.mp4", "y/a.mp4")], scores, None, PEOPLE, [None])
    assert "y/a.mp4 scores" in capsys.readouterr().out


def test_pairs_have_a_line_each_and_their_mean(capsys):
    scores = np.full((2, 2, 16), 40.0)
    scores[1, :, 0] = 30, 45
    scores[1, :, 9] = 90, 35  # noise
    print_differences([Pair("one", "a", "b"), Pair("two", "c", "d")], scores, None, PEOPLE, [None, None])
    _, one, two, mean = capsys.readouterr().out.splitlines()
    assert one.split() == ["-10", "one", "noise", "+50"]
    assert two.split() == ["+5", "two", "noise", "-5"]
    assert mean.split() == ["-2.5", "mean", "noise", "+22"]


def test_weights_that_score_custom_prompts_alone_have_no_table(terminal, capsys, partial_weights):
    card = dataclasses.replace(load_weights(partial_weights).card, dimensions=())
    rows = [row("a.mp4", np.full(16, 0.5))]
    said = terminal(1000, print_scores, rows, card)
    assert said[-2].startswith("Trained on konvid_1k.")
    assert said[-1].startswith("Not scored by this model: overall, content, ")
    print_comparison([(Pair("a", "a.mp4", "b.mp4"), *rows, *rows)], card, Preference(), [None])
    assert capsys.readouterr().out == ""


def test_dimensions_that_are_not_scored_are_not_printed(capsys, partial_weights):
    card = load_weights(partial_weights).card
    print_scores([row("a.mp4", np.full(16, 0.5)), row("b.mp4", np.full(16, 0.5))], card)
    out = capsys.readouterr().out
    there = {dimension.name for dimension in DIMENSIONS if dimension.code in SCORED}
    assert {name for name in NAMES if re.search(rf"(?m)^{name}  | {name}  ", out)} == there


@pytest.mark.parametrize(
    ("chance", "encodes", "people"),
    [
        (
            0.004,
            "If both encode one source, a.mp4 has the higher VMAF (probability over 99 %).",
            "Overall, people would rate a.mp4 higher (probability over 99 %).",
        ),
        (
            0.96,
            "If both encode one source, b.mp4 has the higher VMAF (probability 96 %).",
            "Overall, people would rate b.mp4 higher (probability 96 %).",
        ),
        (
            0.8,
            "If both encode one source, this is too close to call: b.mp4 has the higher VMAF with probability 80 %.",
            "Overall, this is too close to call: people would rate b.mp4 higher with probability 80 %.",
        ),
        (None, "", ""),
    ],
)
def test_how_likely_a_video_is_better_is_said_where_it_is_known(chance, encodes, people, capsys, released_weights):
    scores = np.stack([np.full((1, 16), 50.0), np.full((1, 16), 52.0)])
    mini = dataclasses.replace(load_weights(released_weights).card, pair_deviation=5.0)
    for card, preference, said in ((mini, preference_of(mini, ""), encodes), (None, PEOPLE, people)):
        print_differences([Pair("a", "a.mp4", "b.mp4")], scores, card, preference, [chance])
        lines = capsys.readouterr().out.split("\n\n")[0].splitlines()
        assert " ".join(lines[1:]) == said
    pairs = [Pair("a", "a.mp4", "b.mp4")] * 2
    print_differences(pairs, scores.repeat(2, 1), None, PEOPLE, [chance, chance])
    cell = {0.004: "first over 99 %", 0.96: "second 96 %", 0.8: "too close to call"}.get(chance, "better")
    assert capsys.readouterr().out.count(cell) == 2 * (chance is not None)


def test_what_people_would_say_stands_beside_overall(capsys):
    scores = row("a.mp4", np.full(16, 0.5))
    for weights, said in (("published", "; people would say 2.8 ±0.5 of 5"), ("random-small", "")):
        print_scores([scores | {"weights": weights}], None)
        assert capsys.readouterr().out.splitlines()[1] == "overall 50" + said

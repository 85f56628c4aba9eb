"""Fine-tuning on a CSV of labels and a folder: what it writes, what it is worth, and what is wrong with labels."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from trainings import LABELS, WORDS, history, write_labels

import jaxvqa
from jaxvqa import UserError
from jaxvqa.cli import main
from jaxvqa.datasets.custom import load_custom
from jaxvqa.datasets.videos import make_folds
from jaxvqa.evaluation import opinions
from jaxvqa.features.store import Features
from jaxvqa.results.table import read_table
from jaxvqa.tasks.evaluation_output import Gain
from jaxvqa.tasks.finetune import advice
from jaxvqa.train.data import LabeledFeatures, rated_features
from jaxvqa.video.integrity import content_sha256
from jaxvqa.weights.load import load_weights


def test_every_video_is_scored_by_a_model_that_has_not_seen_it(tuned, rated):
    table = read_table(tuned / "predictions.csv", custom=True)
    assert [*table.scores] == ["O", "T-1", "fine / coarse"]
    assert sorted(table.names) == sorted(f"{i}.mp4" for i in range(12))
    videos = load_custom(rated / LABELS, rated / "videos")
    for number, fold in enumerate(make_folds(videos, 3, 0)):
        held_out = {videos.names[i] for i in np.flatnonzero(fold)}
        assert held_out == set(table.names[4 * number : 4 * number + 4])
        assert len(history(tuned / f"fold-{number}")) == 2
        assert trained_on(tuned / f"fold-{number}", videos, [~fold, fold])
    assert trained_on(tuned, videos, [np.full(12, True)])
    assert "plcc_mean" in history(tuned / "fold-0")[0]
    assert not [name for name in history(tuned)[0] if name.startswith(("plcc_", "srcc"))]  # of labels trained on
    evaluation = json.loads((tuned / "evaluation.json").read_text())
    assert [*evaluation] == ["O", "T-1", "fine / coarse", "mean"]
    assert -1 <= evaluation["mean"]["srcc_low"] <= evaluation["mean"]["srcc_high"] <= 1


def trained_on(folder, videos, masks):
    """Whether the record of a training says that it was trained, and validated, on just those of the videos."""
    digests = [content_sha256(path) for path in videos.paths]
    one = LabeledFeatures(videos.database, videos, Features([(Path(), i) for i in range(len(digests))], digests))
    [record, *_] = folder.glob("checkpoints/2/record/*")
    expected = [rated_features([one.select(np.flatnonzero(mask))], {}).identity for mask in masks]
    return json.loads(record.read_text())["settings"]["videos"] == expected


def test_the_model_scores_what_it_was_trained_on_beside_the_sixteen(tuned, rated, encoders, tmp_path, capfd):
    model, before = jaxvqa.load(tuned / "model"), jaxvqa.load(encoders, custom=[WORDS])
    assert model.custom == (WORDS,)
    assert model.card.databases == ("my labels",)
    assert model.card.dimensions == ("O", "T-1")
    [(pair, low, high)] = model.card.custom
    labels = read_table(rated / LABELS, missing=True, custom=True).scores["fine / coarse"]
    assert pair == WORDS
    assert low < np.nanmin(labels) < np.nanmax(labels) < high
    assert 0 < np.nanmin(labels) - low < 0.1 * (high - low)
    video = str(rated / "videos" / "3.mp4")
    scores = model.score(video)
    assert scores.raw.shape == scores.display.shape == (16,)
    assert [*scores.dimensions] == ["overall", "sharpness"]
    assert scores.custom[WORDS] != pytest.approx(before.score(video).custom[WORDS], abs=1e-4)

    command = ["score", video, f"--weights={tuned / 'model'}", f"--output={tmp_path}", "--report"]
    assert main([*command, "--prompts=lively / dull; fine / coarse"]) == 0
    out = capfd.readouterr().out
    assert re.search(r" fine / coarse +lively / dull \(zero-shot\)", out)
    assert f"{scores.custom[WORDS]:.3f}" in out
    page = (tmp_path / "report.html").read_text()
    assert "fine / coarse</th>" in page
    assert "lively / dull (zero-shot)</th>" in page
    assert "Not scored by this model: content, composition, " in page


def test_what_training_adds_is_told_with_an_interval(finetune, tuned, capfd):
    capfd.readouterr()
    tables = [(tuned / name).read_bytes() for name in ("predictions.csv", "evaluation.csv")]
    assert finetune(tuned) == 0  # finished: nothing is trained again
    out, err = capfd.readouterr()
    assert "epoch" not in err
    assert "12 videos in 6 groups; labels: O 12, T-1 9, fine / coarse 10" in err
    assert "12 videos in 6 groups; 95 % confidence intervals from 20 bootstrap samples of groups." in out
    assert re.search(r"reached a mean SRCC of -?0\.\d{4}: training adds [+-]0\.\d{4} \[-?0\.\d+, -?0\.\d+\]\.", out)
    assert tables == [(tuned / name).read_bytes() for name in ("predictions.csv", "evaluation.csv")]


def test_the_start_is_compared_in_what_it_scores(finetune, tuned, rated, tmp_path, capfd):
    with (rated / LABELS).open(newline="") as file:
        rows = [[*row[:2], str(i**2)] for i, row in enumerate([*csv.reader(file)][1:])]
    for column, code, unscored in (("overall", "O", "A-1"), ("color", "A-3", "A-1, A-3")):
        labels = write_labels(tmp_path / "labels.csv", rows, ("filename", column, "content"))
        output = tmp_path / column
        capfd.readouterr()
        assert finetune(output, labels=labels, weights=tuned / "model", **{"train.epochs-per-chunk": 1}) == 0
        out, err = capfd.readouterr()
        said = " ".join(out.split())
        assert re.search(rf"Not scored by \S+: {unscored}\.", said)
        assert ("training adds" in said) == (code == "O")
        assert code == "O" or "to score videos with the model that was trained on all:" in err
        assert set(jaxvqa.load(output / "model").card.dimensions) == {code, "A-1"}


def test_the_better_weights_are_recommended():
    start, trained = "jaxvqa score VIDEOS --weights mini", "jaxvqa score VIDEOS --weights out/model"
    for gain, said, commands in (
        (Gain(-0.49, -0.82, -0.19), "training made scores worse: mini as it was is the better model", [start]),
        (Gain(-0.1, -0.2, 0.0), "training made scores worse", [start]),
        (Gain(0.1, -0.1, 0.3), "these videos do not show whether training helps", [start, trained]),
        (Gain(0.1, np.nan, np.nan), "these videos do not show whether training helps", [start, trained]),
        (Gain(0.3, 0.1, 0.5), "to score videos with the model that was trained on all:", [trained]),
        (None, "to score videos with the model that was trained on all:", [trained]),
    ):
        lines = advice(gain, "mini", "out/model").splitlines()
        assert lines[0].startswith(said)
        assert [line for line in lines if line.startswith("jaxvqa ")] == commands


def test_twelve_videos_do_with_the_settings_as_they_are(finetune, tmp_path, capfd):
    changes = {"train.batch": 16, "folds": 5, "train.epochs-per-chunk": 1}  # 16 and 5 are what nobody set
    assert finetune(tmp_path / "out", **changes) == 0
    err = capfd.readouterr().err
    assert re.search("fold 1 of 5: batches of (8|10) videos, because there are no more to train on", err)
    assert "all videos: batches of 12 videos, because there are no more to train on" in err
    epochs = dict(re.findall("^(.+): epoch 1/1, (.*)$", err, re.MULTILINE))
    assert [title for title, line in epochs.items() if "PLCC" not in line] == ["all videos"]  # of labels trained on
    assert len(epochs) == 6


def test_the_card_says_what_people_would_say(finetune, tuned, tmp_path, monkeypatch):
    """By videos that were held out, where their ratings rise with scores; of twelve, nothing is known."""
    assert load_weights(tuned / "model").card.opinions is None
    before = read_table(tuned / "predictions.csv", custom=True)
    rows = zip(before.names, before.scores["O"], before.scores["T-1"][::-1], strict=True)
    labels = write_labels(tmp_path / "labels.csv", rows, ("filename", "overall", "T-1"))
    monkeypatch.setattr(opinions, "LEAST", 12)
    assert finetune(tmp_path / "out", labels=labels) == 0
    found = load_weights(tmp_path / "out" / "model").card.opinions
    expected = opinions.opinions_by(read_table(tmp_path / "out" / "predictions.csv"), read_table(labels))
    assert np.isfinite(found.half[0])
    for field in ("half", "deviation", "lowest", "highest"):
        np.testing.assert_allclose(getattr(found, field), getattr(expected, field), atol=1e-3)


def test_labels_that_are_missing_have_no_part_in_it(finetune, rated, tuned, tmp_path):
    """A dimension without any label of the training leaves the others as they are without it."""
    with (rated / LABELS).open(newline="") as file:
        rows = [*csv.reader(file)][1:]
    (tmp_path / "without").mkdir()
    empty = write_labels(
        tmp_path / "labels.csv", [[*row[:3], ""] for row in rows], ("filename", "overall", "T-1", "T-3")
    )
    without = write_labels(
        tmp_path / "without" / "labels.csv", [row[:3] for row in rows], ("filename", "overall", "T-1")
    )
    for name, table in (("a", empty), ("b", without)):
        assert finetune(tmp_path / name, labels=table) == 0
    assert (tmp_path / "a" / "predictions.csv").read_bytes() == (tmp_path / "b" / "predictions.csv").read_bytes()


def test_a_head_that_holds_its_prompts_learns_new_ones(finetune, released_weights, tmp_path):
    assert finetune(tmp_path / "out", weights=released_weights) == 0
    before, after = (load_weights(folder).parts["maxvqa"] for folder in (released_weights, tmp_path / "out" / "model"))
    assert before.prompts.shape[0] == 32
    assert after.prompts.shape[0] == 34
    [first, second] = (np.split(np.asarray(head.prompts[...]), 2) for head in (before, after))
    assert not np.array_equal(first[0], second[0][:16])
    assert not np.array_equal(second[0][16], first[0][0])
    # and go on from there
    assert finetune(tmp_path / "again", weights=tmp_path / "out" / "model") == 0
    assert load_weights(tmp_path / "again" / "model").custom == (WORDS,)


@pytest.mark.parametrize(
    ("text", "changes", "match"),
    [
        ("filename,overall\n0.mp4,1\n1.mp4,x\n", {}, "line 3: overall is 'x', not a number"),
        ("filename,mood\n0.mp4,1\n", {}, r"no column named as a dimension .*, or by a prompt pair"),
        ("filename,a / b / c\n0.mp4,1\n", {}, "'a / b / c' is not a prompt pair"),
        ("filename,overall\n0.mp4,1\n1.mp4,2\n", {}, "2 videos cannot be divided into 3 folds"),
        ("filename,overall\n0.mp4,1\n1.mp4,1\n2.mp4,1\n3.mp4,1\n", {}, "all 4 videos have the same label in O"),
        ("filename,overall,group\n0.mp4,1,x\n1.mp4,2\n2.mp4,3,x\n", {}, "line 3: it has 2 cells, but the header has 3"),
        ("filename,overall,group\n0.mp4,1,x\n1.mp4,2,x\n2.mp4,3,\n", {}, "3 videos in 2 groups cannot be divided"),
        ("filename,overall\n0.mp4,1\n\n1.mp4,1_9\n", {}, "line 4: overall is '1_9', not a number; leave a cell empty"),
        ("filename,O,overall\n0.mp4,1,2\n", {}, "line 1: columns 2 and 3, 'O' and 'overall', both stand for O: remove"),
        (
            'filename,overall\n0.mp4,1\n"1.mp4,2\n',
            {},
            "line 3: it begins a cell in quotes that is never closed; correct",
        ),
        ("filename;mood\n0.mp4;1\n", {}, r"UTF-8 text separated by semicolons, its columns are 'filename', 'mood'"),
        (None, {"train.keep": "best"}, "keep is 'best'; it must be last here, because the best epoch would be chosen"),
        ("filename,overall\n0.mp4,1\n99.mp4,2\n98.mp4,1\n", {}, "lacks 2 of 3 videos, such as 99.mp4, 98.mp4"),
        (None, {"folder": "nowhere"}, "there is no folder nowhere"),
        (None, {"labels": "nowhere.csv"}, "labels nowhere.csv does not exist"),
        (None, {"folds": 1}, "folds is 1; it must be 2 or larger"),
        (None, {"train.keep": "first"}, "keep is 'first'; it must be best or last"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(finetune, tmp_path, capfd, text, changes, match):
    if text:
        (tmp_path / "labels.csv").write_text(text)
        changes = {"labels": tmp_path / "labels.csv", **changes}
    capfd.readouterr()
    assert finetune(tmp_path / "out", **changes) == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert re.search(match, last), last
    assert last.endswith(".")


def test_weights_that_claim_dimensions_without_prompts_are_refused(tuned, tmp_path):
    (tmp_path / "model").mkdir()
    for file in (tuned / "model").iterdir():
        (tmp_path / "model" / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "model" / "jaxvqa.json"
    for custom, match in (
        ([["a", "b", 0, 1], ["c", "d", 0, 1]], "must have 36 prompts"),
        ([], "must have 32 prompts"),
        ([["a", "b", 1, 0]], "no valid model card .custom must be lists"),
        ([["a\u001b", "b", 0, 1]], "no valid model card .custom"),
        ([["a / b", "c", 0, 1]], "no valid model card .custom"),
        ([["a", "b"]], "no valid model card .custom"),
        ("ab", "no valid model card .custom"),
    ):
        description = json.loads((tuned / "model" / "jaxvqa.json").read_text())
        description["training"]["custom"] = custom
        path.write_text(json.dumps(description))
        with pytest.raises(UserError, match=match):
            jaxvqa.load(tmp_path / "model")


@pytest.mark.slow
def test_fine_tuning_takes_the_last_stages_as_well(finetune, tmp_path, capfd):
    assert finetune(tmp_path / "out", **{"unfreeze.stages": 1, "folds": 2, "train.epochs-per-chunk": 1}) == 0
    assert "training adds" in capfd.readouterr().out
    assert jaxvqa.load(tmp_path / "out" / "model").custom == (("fine", "coarse"),)

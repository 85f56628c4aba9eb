"""The training task: what it writes, and that mistakes are one sentence."""

import json
import re
import resource
import shutil
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from trainings import CODES, EPOCHS, ROOT, checkpoints, history, launch, sentence, tensors

import jaxvqa
from jaxvqa.datasets.videos import RatedVideos
from jaxvqa.evaluation import opinions as fits
from jaxvqa.features.store import Features
from jaxvqa.results.table import ScoreTable, read_table
from jaxvqa.system.files import lock_folder
from jaxvqa.tasks.train import opinions
from jaxvqa.train.data import LabeledFeatures
from jaxvqa.train.monitor import Monitor
from jaxvqa.train.step import TrainStep


def test_all_files_are_there(trained):
    config = json.loads((trained / "config.json").read_text())
    assert config["train"]["chunk"] == 8
    rows = history(trained)
    assert [row["epoch"] for row in rows] == [str(i + 1) for i in range(EPOCHS)]
    assert [row["chunk"] for row in rows] == list("11221122")
    rates = [float(row["rate"]) for row in rows]
    assert rates[0] == rates[3] == rates[6] == pytest.approx(1e-3)
    assert rates[0] > rates[1] > rates[2] > 1e-5
    assert len({row["loss"] for row in rows}) == EPOCHS
    assert len({row["plcc_mean"] for row in rows}) == EPOCHS
    assert (trained / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (trained / "curves.png").stat().st_size > 20_000
    assert checkpoints(trained) == [EPOCHS - 1, EPOCHS]
    assert {path.name for path in trained.glob("evaluation-maxwell-validation/*")} == {
        "evaluation.csv",
        "evaluation.json",
    }
    table = json.loads((trained / "evaluation-maxwell-validation" / "evaluation.json").read_text())
    assert [*table] == [*CODES, "mean"]


def test_finished_command_again_changes_nothing(train, trained, again, capfd, monkeypatch):
    pass

    def fail(self, *_):
        raise AssertionError("it trains again")

    monkeypatch.setattr(TrainStep, "_update", fail)
    capfd.readouterr()
    before = time.perf_counter()
    assert train(again) == 0
    assert time.perf_counter() - before < 20
    for file in ("history.csv", "predictions-maxwell-validation.csv", "model/tensors.safetensors", "model/jaxvqa.json"):
        assert (again / file).read_bytes() == (trained / file).read_bytes()
    out, err = capfd.readouterr()
    said = " ".join(out.split())
    assert "maxwell:validation. Epoch " in said
    assert "The labels of 8 of its 8 videos chose the epoch, which flatters." in said  # as published
    assert f"--weights {again / 'model'}" in err


def test_settings_that_change_nothing_may_change(train, trained, again, data, encoders, tmp_path, capfd):
    (tmp_path / "data").symlink_to(data)
    changes = {"data.root": tmp_path / "data", "data.allow_failures": True, "data.test": "maxwell", "workers": 1}
    capfd.readouterr()
    assert train(again, weights=shutil.copytree(encoders, tmp_path / "moved"), **changes) == 0
    said = " ".join(capfd.readouterr().out.split())
    flatters = "The labels of 8 of its 24 videos chose the epoch, which flatters. 16 of its 24 videos were trained on, "
    assert flatters in said
    assert history(again) == history(trained)
    assert (again / "evaluation-maxwell" / "evaluation.csv").exists()
    assert len(read_table(again / "predictions-maxwell.csv").names) == 24


def test_model_of_an_earlier_training_gives_way(train, trained, again):
    """Someone removes the checkpoints and trains with other settings into the same folder."""
    shutil.rmtree(again / "checkpoints")
    assert train(again, **{"train.passes": 1, "seed": 1}) == 0
    assert len(history(again)) == 4
    assert tensors(again) != tensors(trained)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"weights": ""}, "no weights given"),
        ({"weights": "nowhere"}, "weights directory nowhere does not exist"),
        ({"data.train": "maxwel"}, "no database 'maxwel'"),
        ({"data.train": ""}, "nothing to train on"),
        ({"data.validation": ""}, "nothing to train on"),
        ({"data.root": "nowhere"}, "no folder nowhere/maxwell"),
        ({"train.chunk": 3}, "chunk is 3; it must be at least the 4 videos of a batch"),
        ({"data.validation": "maxwell"}, "16 of 24 videos of maxwell are trained on, such as train-0.mp4"),
        ({"train.chunk": 0}, "chunk is 0; it must be 1 or larger"),
        ({"train.batch": 0}, "batch is 0; it must be 2 or larger"),
        ({"train.passes": 0}, "passes is 0; it must be 1"),
        ({"seed": -1}, "seed is -1; it must be 0"),
        ({"resamples": 0}, "resamples is 0; it must be 1"),
        ({"optimizer.schedule.growth": 0}, "growth is 0; it must be 1"),
        ({"optimizer.schedule.kind": "cosin"}, "kind is 'cosin'; it must be constant or cosine"),
        ({"cluster": "slurm"}, "SLURM did not start this process|could not join slurm"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(train, trained, tmp_path, capfd, changes, match):
    capfd.readouterr()
    assert train(tmp_path / "out", **changes) == 2
    assert sentence(capfd, match).count("\n") == 1
    assert not (tmp_path / "out" / "config.json").exists()


@pytest.mark.slow
def test_damaged_video_is_left_out_by_name(train, data, trained, tmp_path, capfd):
    root = shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns(".tfds"))
    (root / "maxwell" / "videos" / "train-3.mp4").write_text("not a video " * 100)
    changes = {"data.root": root, "train.batch": 2, "train.passes": 1}
    assert train(tmp_path / "out", **changes) == 1
    out, err = capfd.readouterr()
    assert re.search(r"^left out: .*/train-3.mp4 .*\.$", err, re.MULTILINE)
    assert "Traceback" not in err
    assert "Epoch " in out
    assert len(history(tmp_path / "out")) == 4
    assert jaxvqa.load(tmp_path / "out" / "model").card.databases == ("maxwell:train",)
    assert train(tmp_path / "out", **changes, **{"data.allow_failures": True}) == 0
    assert "train-3.mp4" in capfd.readouterr().err
    shutil.copy(data / "maxwell" / "videos" / "train-3.mp4", root / "maxwell" / "videos")  # mended: another training
    assert train(tmp_path / "out", **changes) == 2
    sentence(capfd, "with other videos")


@pytest.mark.slow
def test_full_disk_is_one_sentence(command, trained, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))

    process = launch(command(tmp_path / "out", features=tmp_path / "features"), preexec_fn=limit)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert re.fullmatch(r"jaxvqa: .*/shard-0-0\.npy: File too large, for .* of 16 videos; what was .* kept\.\n", err)
    assert not list(tmp_path.glob("features/*/shard*"))


def close(one, other):
    """Asserts that two histories differ by rounding alone."""
    for row, expected in zip(one, other, strict=True):
        for name, value in row.items():
            if "srcc" not in name:
                # Correlations of eight scores that lie close together magnify it.
                atol = 1e-4 if name.startswith("plcc_") else 1e-5
                np.testing.assert_allclose(float(value), float(expected[name]), rtol=1e-4, atol=atol, err_msg=name)


@pytest.mark.slow
def test_two_processes_do_the_same(command, trained, tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    output, features = tmp_path / "out", tmp_path / "features"
    processes = [launch(command(output, features=features, cluster=address, processes=2, process=i)) for i in range(2)]
    for i, process in enumerate(processes):
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert ("confidence intervals" in out) == (i == 0)
        assert "Traceback" not in err
    lines = [len(path.read_text().splitlines()) for path in sorted(features.glob("*/*.jsonl"))]
    assert sum(lines) == 24
    assert {path.name.split("-")[1] for path in features.glob("*/*.jsonl")} == {"0", "1"}
    close(history(output), history(trained))
    one, other = (read_table(folder / "predictions-maxwell-validation.csv") for folder in (output, trained))
    for code in CODES:
        np.testing.assert_allclose(one.scores[code], other.scores[code], atol=1e-5)
    assert jaxvqa.load(output / "model").card.databases == ("maxwell:train",)


@pytest.mark.slow
def test_sigterm_ends_a_run_with_several_processes(command, trained, tmp_path):
    """JAX's service for such runs catches it, and they would go on until they are killed."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    with launch(command(tmp_path, cluster=address, **{"train.passes": 1000})) as process:
        while process.poll() is None and not (tmp_path / "checkpoints" / "1").exists():
            time.sleep(0.01)
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert err.splitlines()[-1] == "jaxvqa: stopped; the same command goes on with what is left to do."
    assert checkpoints(tmp_path)


def test_ctrl_c_does_not_wait_for_the_chunk_that_is_read_ahead(train, tmp_path, monkeypatch, capfd):
    reading, stopped, read = threading.Event(), [], Features.read

    def read_from_a_slow_disk(self, indices, *each):
        if len(indices) == 1:  # as a chunk is read ahead
            reading.set()
            time.sleep(1)
        return read(self, indices, *each)

    def stop(self):
        if reading.is_set():
            stopped.append(time.monotonic())
            raise KeyboardInterrupt

    monkeypatch.setattr(Features, "read", read_from_a_slow_disk)
    monkeypatch.setattr(Monitor, "step", stop)
    assert train(tmp_path / "out") == 130
    assert time.monotonic() - stopped[0] < 4
    sentence(capfd, "stopped; the same command goes on")


@pytest.mark.parametrize("config", ["maxwell", "ablation", "cross"])
def test_two_runs_at_once(train, trained, tmp_path, capfd, config):
    output = tmp_path / "out"
    with lock_folder(output):
        assert train(output, config=ROOT / "configs" / f"{config}.py") == 2
    sentence(capfd, f"another run is writing to {output}: wait for it, or choose another folder")
    assert [path.name for path in output.iterdir()] == [".lock-0"]


CHANGES = {"train.chunk": 16, "train.epochs_per_chunk": 2, "train.passes": 1}


def test_people_are_known_by_new_videos_of_the_same_ratings(monkeypatch):
    monkeypatch.setattr(fits, "LEAST", 8)

    def database(name, count, first=0, synthetic=False):
        names = [str(first + i) for i in range(count)]
        labels = np.full((count, 16), np.nan)
        labels[:, 0] = range(count)
        videos = RatedVideos(name, names, [], labels, synthetic)
        return LabeledFeatures(name, videos, Features([(Path(name), i) for i in range(count)], names))

    def scores(one):
        return ScoreTable(Path("p"), one.videos.names, {"O": np.linspace(0.2, 0.8, len(one.videos.names)) ** 2})

    training, new = database("a", 12), database("a", 9, 100)
    tested = [(one, scores(one)) for one in (database("b", 12, 50), database("a", 9, 5), new)]
    assert opinions({0: "O"}, [training], tested).highest[0] == 8
    assert opinions({0: "O"}, [training], tested[:2]) is None  # other ratings, or videos that were trained on
    assert opinions({0: "O"}, [training, database("b", 9)], tested) is None
    assert opinions({0: "O"}, [database("a", 12, synthetic=True)], tested) is None


@pytest.fixture(scope="module")
def unfrozen(train, tmp_path_factory):
    output = tmp_path_factory.mktemp("unfrozen")
    assert train(output, **CHANGES, **{"unfreeze.stages": 1, "unfreeze.rate": 0.5}) == 0
    return output


@pytest.mark.slow
def test_training_changes_the_last_stages_alone_and_scoring_follows(unfrozen, encoders, features, data):
    before, after = (load_file(folder / "tensors.safetensors") for folder in (encoders, unfrozen / "model"))
    changed = {name for name in before if name in after and not np.array_equal(before[name], after[name])}
    encoder = {name for name in changed if not name.startswith("maxvqa/")}
    assert {"swin/stages/3/0/fc1/kernel", "swin/norm/scale", "clip_visual/pool/q/kernel"} <= encoder
    assert all(
        name.startswith(("swin/stages/3", "swin/norm", "clip_visual/stages/3", "clip_visual/pool")) for name in encoder
    )
    assert not [name for name in encoder if name.endswith(("/mean", "/var"))]
    predicted = read_table(unfrozen / "predictions-maxwell-validation.csv")
    model = jaxvqa.load(unfrozen / "model")
    for name, expected in list(zip(predicted.names, predicted.scores["O"], strict=True))[:2]:
        # What goes into the last stages is stored as float16.
        assert abs(model.score(data / "maxwell" / "videos" / name).overall - expected) < 2e-3


@pytest.mark.slow
def test_a_training_with_other_stages_does_not_go_on(unfrozen, train, capfd):
    assert train(unfrozen, **CHANGES, **{"unfreeze.stages": 1, "unfreeze.rate": 0.4}) == 2
    sentence(capfd, "holds a training with other rate")

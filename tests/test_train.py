"""Training from videos and labels to a model: what it writes, and that kills and mistakes cost little."""

import contextlib
import csv
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import ml_collections
import numpy as np
import pytest
from clips import write_clip
from conftest import SMALL

import jaxvqa
from jaxvqa import UserError
from jaxvqa.datasets.databases import DATABASES
from jaxvqa.dimensions import default_prompts
from jaxvqa.features.extract import extract
from jaxvqa.main import main
from jaxvqa.results.table import read_table
from jaxvqa.system.files import lock_folder
from jaxvqa.train import checkpoint
from jaxvqa.train.monitor import Monitor
from jaxvqa.train.step import TrainStep
from jaxvqa.weights.assemble import ENCODERS, PARTS, flat_shapes, tensors_of
from jaxvqa.weights.directory import save_weights
from jaxvqa.weights.load import initial, load_weights

ROOT = Path(__file__).parents[1]
CODES = [dimension.code for dimension in jaxvqa.DIMENSIONS]
COUNTS = {"train": 16, "validation": 8}
SETTINGS = {  # two chunks of 8 videos, 2 steps an epoch, 8 epochs
    "model.hidden": 8,
    "train.batch": 4,
    "train.chunk": 8,
    "train.epochs_per_chunk": 2,
    "train.passes": 2,
    "train.ema": 0.5,
    "optimizer.schedule.period": 3,
    "resamples": 20,
    "workers": 2,
}
EPOCHS = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A root with a small database in MaxWell's layout."""
    root = tmp_path_factory.mktemp("data")
    (root / "maxwell" / "videos").mkdir(parents=True)
    for seed, (split, count) in enumerate(COUNTS.items()):
        names = [f"{split}-{i}.mp4" for i in range(count)]
        for i, name in enumerate(names):
            textured_clip(root / "maxwell" / "videos" / name, 100 * seed + i)
        labels = np.random.default_rng(seed).uniform(1, 5, (count, 16))
        table, name_list = (root / "maxwell" / file for file in DATABASES["maxwell"].label_files[split])
        with table.open("w", newline="") as file:
            csv.writer(file).writerows([CODES, *labels.tolist()])
        rows = zip(names, labels, strict=True)
        name_list.write_text("".join(f"{name}, -1, -1, {row[0]}\n" for name, row in rows))
    return root


def textured_clip(path, seed):
    """Eight frames of blocks whose size, brightness and contrast follow the seed."""
    random = np.random.default_rng(seed)
    block, low, high = random.integers([2, 0, 100], [30, 90, 255])
    scene = random.integers(low, high, (256 // block + 1, 256 // block + 1, 3))
    scene = scene.repeat(block, axis=0).repeat(block, axis=1).astype(np.uint8)
    return write_clip(path, [scene[:224, i : i + 240] for i in range(8)])


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """Small weights that are random as before a training: what they make of videos differs."""
    random = np.random.default_rng(0)
    configs = {part: PARTS[part][1](**sizes) for part, sizes in SMALL.items()}
    tensors = {
        name: initial(name, shape, random)
        for part, config in configs.items()
        for name, shape in flat_shapes(part, config).items()
    }
    directory = tmp_path_factory.mktemp("encoders") / "weights"
    save_weights(directory, tensors, configs, default_prompts(), [])
    return directory


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def command(data, encoders, features):
    """Arguments of the training command, with the output folder and changes to the settings."""

    def arguments(output, config=ROOT / "configs" / "maxwell.py", **changes):
        fields = {"data.root": data, "weights": encoders, "features": features, "output": output, **SETTINGS, **changes}
        return [f"--config={config}", *(f"--config.{name}={value}" for name, value in fields.items())]

    return arguments


@pytest.fixture(scope="module")
def train(command):
    """The training command in this process; returns its exit code."""

    def run(output, **options):
        return main(["jaxvqa", *command(output, **options)])

    return run


@pytest.fixture(scope="module")
def trained(train, tmp_path_factory):
    """The output of an unbroken run."""
    output = tmp_path_factory.mktemp("trained")
    assert train(output) == 0
    return output


@pytest.fixture
def again(trained, tmp_path):
    """A copy of it, to be harmed."""
    return shutil.copytree(trained, tmp_path / "again")


def start(arguments, **options):
    """The training command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "jaxvqa.main", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def history(output, without=("step_seconds",)):
    with (output / "history.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name not in without} for row in csv.DictReader(file)]


def tensors(output):
    return (output / "model" / "tensors.safetensors").read_bytes()


def checkpoints(output):
    """Epochs that there are whole checkpoints of."""
    return sorted(int(path.parent.name) for path in output.glob("checkpoints/*/_CHECKPOINT_METADATA"))


def sentence(capfd, match):
    """Asserts that stderr ends with one sentence, and has no traceback."""
    err = capfd.readouterr().err
    last = err.splitlines()[-1]
    assert last.startswith("jaxvqa: "), err
    assert last.endswith("."), err
    assert re.search(match, last), err
    assert "Traceback" not in err
    return err


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


def test_events_are_those_of_the_history(trained):
    from tensorboardX.proto.event_pb2 import Event

    [path] = trained.glob("tensorboard/events*")
    content, scalars = path.read_bytes(), {}
    while content:  # records of length, its checksum, event, its checksum
        length = int.from_bytes(content[:8], "little")
        event = Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]
        scalars |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    for row in history(trained):
        for name in ("loss", "plcc_mean", "rate"):
            assert scalars[name, int(row["epoch"])] == pytest.approx(float(row[name]), rel=1e-6)


def test_exported_model_is_the_best_epoch(trained, data):
    best = max(float(row["plcc_mean"]) for row in history(trained))
    table = read_table(trained / "predictions-maxwell-validation.csv")
    home = data / "maxwell"
    labels = read_table(home / "MaxWell_val.csv", home / "test_labels.txt")
    assert table.names == labels.names
    correlations = [np.corrcoef(table.scores[code], labels.scores[code])[0, 1] for code in CODES]
    assert np.mean(correlations) == pytest.approx(best, abs=1e-5)


def test_exported_model_scores_like_the_predictions(trained, data, features):
    model = jaxvqa.load(trained / "model")
    table = read_table(trained / "predictions-maxwell-validation.csv")
    for row in (0, 5):
        scores = model.score(data / "maxwell" / "videos" / table.names[row])
        expected = [table.scores[code][row] for code in CODES]
        np.testing.assert_allclose(scores.raw, expected, atol=1e-3)
    assert min(values.std() for values in table.scores.values()) > 5e-3  # else that would say little
    assert model.card.databases == ("maxwell:train",)
    assert model.card.synthetic is False
    assert list(model.card.dimensions) == CODES
    labels = np.loadtxt(data / "maxwell" / "MaxWell_train.csv", delimiter=",", skiprows=1)
    margin = 0.05 * np.ptp(labels, axis=0)
    np.testing.assert_allclose(model.card.label_low, labels.min(axis=0) - margin, atol=1e-5)
    np.testing.assert_allclose(model.card.label_high, labels.max(axis=0) + margin, atol=1e-5)
    paths = [str(path) for path in (data / "maxwell" / "videos").glob("train-*")]
    stored, _ = extract(paths, load_weights(trained / "model", ENCODERS), features, 0)
    raw = [model.score_features(values.astype(np.float32)).raw for values in stored.read(range(16))]
    np.testing.assert_allclose(model.card.scale.mean, np.mean(raw, axis=0), atol=1e-3)
    np.testing.assert_allclose(model.card.scale.deviation, np.std(raw, axis=0), atol=1e-3)


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
    assert "maxwell:validation. Epoch " in out
    assert f"--weights {again / 'model'}" in err


@pytest.mark.slow
def test_killed_training_ends_with_the_same_bits(train, trained, command, tmp_path):
    output = tmp_path / "killed"
    random = np.random.default_rng(0)
    reached = []
    for epoch, delay in ((1, 0), (3, random.uniform(0, 0.3)), (5, random.uniform(0, 0.3))):
        with start(command(output)) as process:
            while process.poll() is None and not any((output / "checkpoints").glob(f"{epoch}*")):
                time.sleep(0.002)
            time.sleep(delay)
            assert process.poll() is None, process.stderr.read()
            process.send_signal(signal.SIGKILL)
        reached.append(len(history(output)) if (output / "history.csv").exists() else 0)
    assert 2 <= reached[1] < EPOCHS
    assert train(output) == 0
    assert history(output) == history(trained)
    assert tensors(output) == tensors(trained)
    file = "predictions-maxwell-validation.csv"
    assert (output / file).read_bytes() == (trained / file).read_bytes()


@pytest.mark.parametrize("epochs", [7, 0])
def test_without_the_last_checkpoints_it_is_done_again(train, trained, again, epochs):
    for epoch in checkpoints(again):
        if epoch > epochs:
            shutil.rmtree(again / "checkpoints" / str(epoch))
    if not epochs:
        shutil.rmtree(again / "checkpoints" / "7", ignore_errors=True)
    (again / "history.csv").unlink()
    assert train(again) == 0
    assert history(again) == history(trained)
    assert tensors(again) == tensors(trained)


@pytest.mark.parametrize(
    ("file", "field", "value"),
    [
        *(("_CHECKPOINT_METADATA", "metrics", "odd"), ("_CHECKPOINT_METADATA", "commit_timestamp_nsecs", 10**400)),
        *(("record/metadata", field, "odd") for field in ("settings", "history", "best_epoch")),
    ],
)
def test_fields_of_a_checkpoint_are_checked(tmp_path, file, field, value):
    arrays = {"a": np.zeros(3, np.float32)}
    with checkpoint.open_checkpoints(tmp_path) as manager:
        checkpoint.save(manager, 1, arrays, {"settings": {}, "best_epoch": 1, "history": [{"epoch": 1}]})
    path = tmp_path / "1" / file
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(UserError, match="cannot be read"), checkpoint.open_checkpoints(tmp_path) as manager:
        checkpoint.read_record(manager)


@pytest.mark.parametrize("part", ["arrays", "record", "_CHECKPOINT_METADATA"])
@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_harmed_checkpoint_is_named_and_its_removal_mends_it(train, trained, again, capfd, part, harm):
    last = again / "checkpoints" / str(EPOCHS)
    harmed = last / part
    for path in [harmed] if harmed.is_file() else [path for path in harmed.rglob("*") if path.is_file()]:
        if harm == "gone":
            path.unlink()
        else:
            os.truncate(path, path.stat().st_size // 2)
    code = train(again)
    if code == 0:  # it did not need what was harmed
        assert part == "_CHECKPOINT_METADATA"
    else:
        assert code == 2
        sentence(capfd, f"checkpoint {last} cannot be read .*: remove that folder")
        shutil.rmtree(last)
        assert train(again) == 0
    assert history(again) == history(trained)
    assert tensors(again) == tensors(trained)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"model.depth": 2}, "model"),
        ({"model.hidden": 4}, "model"),
        ({"loss.huber": 0, "train.ema": 0.9}, "train, loss"),
        ({"data.train": "maxwell"}, "data, videos"),
        ({"weights": "random-small"}, "weights"),
    ],
)
def test_other_settings_in_the_same_folder(train, trained, again, capfd, changes, named):
    if "weights" in changes:
        changes = {"weights": copy_of_weights(again, 2)}
    assert train(again, **changes) == 2
    sentence(capfd, f"{again}/checkpoints holds a training with other {named}: choose another config.output")
    for file in ("config.json", "history.csv", "model/jaxvqa.json"):
        assert (again / file).read_bytes() == (trained / file).read_bytes()


def copy_of_weights(output, factor):
    """Weights that differ in the text transformer only, so that features are those there are."""
    directory = output / "other"
    loaded = load_weights(output / "model")
    parts = loaded.parts.items()
    values = {name: value for part, module in parts for name, value in tensors_of(part, module).items()}
    values["clip_text/projection/kernel"] = values["clip_text/projection/kernel"] * factor
    save_weights(directory, values, {part: module.config for part, module in parts}, loaded.prompts, [])
    return directory


def test_settings_that_change_nothing_may_change(train, trained, again, data, encoders, tmp_path):
    (tmp_path / "data").symlink_to(data)
    changes = {"data.root": tmp_path / "data", "data.allow_failures": True, "data.test": "maxwell", "workers": 1}
    assert train(again, weights=shutil.copytree(encoders, tmp_path / "moved"), **changes) == 0
    assert history(again) == history(trained)
    assert (again / "evaluation-maxwell" / "evaluation.csv").exists()
    assert len(read_table(again / "predictions-maxwell.csv").names) == 24


def test_model_of_an_earlier_training_gives_way(train, trained, again):
    """Someone removes the checkpoints and trains with other settings into the same folder."""
    shutil.rmtree(again / "checkpoints")
    assert train(again, **{"train.passes": 1, "seed": 1}) == 0
    assert len(history(again)) == 4
    assert tensors(again) != tensors(trained)


def test_warm_start_goes_on_from_the_head(train, trained, tmp_path):
    changes = {"weights": trained / "model", "warm_start": True, "optimizer.schedule.kind": "constant"}
    changes |= {"optimizer.schedule.peak": 1e-12, "optimizer.weight_decay": 0.0, "train.passes": 1}
    assert train(tmp_path, **changes) == 0
    best = max(float(row["plcc_mean"]) for row in history(trained))
    assert float(history(tmp_path)[0]["plcc_mean"]) == pytest.approx(best, abs=1e-4)


def test_a_head_that_holds_its_prompts_is_trained_with_them(train, released_weights, tmp_path, capfd):
    assert train(tmp_path / "new", weights=released_weights) == 2
    assert "has no text transformer for a new head: add --config.warm_start" in capfd.readouterr().err
    assert train(tmp_path / "out", weights=released_weights, warm_start=True, **{"train.passes": 1}) == 0
    before, after = (load_weights(folder).parts for folder in (released_weights, tmp_path / "out" / "model"))
    assert [*after] == ["swin", "clip_visual", "maxvqa"]
    assert not np.array_equal(before["maxvqa"].prompts[...], after["maxvqa"].prompts[...])
    assert np.array_equal(before["swin"].patch_embed.kernel[...], after["swin"].patch_embed.kernel[...])
    card = jaxvqa.load(tmp_path / "out" / "model").card
    assert (card.name, card.validated) == ("", None)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"weights": ""}, "no weights given"),
        ({"weights": "nowhere"}, "weights directory nowhere does not exist"),
        ({"data.train": "maxwel"}, "no database 'maxwel'"),
        ({"data.train": ""}, "nothing to train on"),
        ({"data.validation": ""}, "nothing to train on"),
        ({"data.root": "nowhere"}, "no folder nowhere/maxwell"),
        ({"train.chunk": 15}, "16 training videos in chunks of 15 leave a chunk of 1, less than a batch of 4"),
        ({"train.chunk": 0}, "config.train.chunk is 0, but must be 1 or larger"),
        ({"train.batch": 0}, "config.train.batch is 0"),
        ({"train.passes": 0}, "config.train.passes is 0"),
        ({"seed": -1}, "config.seed is -1"),
        ({"resamples": 0}, "config.resamples is 0"),
        ({"optimizer.schedule.growth": 0}, "config.optimizer.schedule.growth is 0"),
        ({"optimizer.schedule.kind": "cosin"}, "must be constant or cosine"),
        ({"cluster": "slurm"}, "SLURM did not start this process|could not join slurm"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(train, trained, tmp_path, capfd, changes, match):
    capfd.readouterr()
    assert train(tmp_path / "out", **changes) == 2
    assert sentence(capfd, match).count("\n") == 1
    assert not (tmp_path / "out" / "config.json").exists()


def test_numbers_that_grow_beyond_all_bounds(train, trained, tmp_path, capfd):
    assert train(tmp_path, **{"optimizer.schedule.peak": 1e30}) == 2
    sentence(capfd, "epoch 1 came to numbers that are not finite: lower config.optimizer.schedule.peak")


def test_constant_predictions(train, trained, tmp_path, capfd):
    changes = {"optimizer.schedule.peak": 1e9, "optimizer.schedule.kind": "constant"}
    assert train(tmp_path, **changes) == 2
    sentence(capfd, "not finite|is the same for all 8 videos")


def test_constant_labels(train, data, trained, tmp_path, capfd):
    root = shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns(".tfds"))
    for file in ("MaxWell_val.csv", "MaxWell_train.csv"):
        path = root / "maxwell" / file
        head, *rows = path.read_text().splitlines()
        path.write_text(
            "\n".join([head, *(",".join([*row.split(",")[:3], "2.5", *row.split(",")[4:]]) for row in rows)])
        )
        assert train(tmp_path / "out", **{"data.root": root}) == 2
        sentence(capfd, "maxwell:(train|validation): all (8|16) videos have the same label in A-3")


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

    process = start(command(tmp_path / "out", features=tmp_path / "features"), preexec_fn=limit)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert re.fullmatch(r"jaxvqa: .*/shard-0-0\.npy: File too large, for .* of 16 videos; what was .* kept\.\n", err)
    assert not list(tmp_path.glob("features/*/shard*"))


def test_batch_that_devices_cannot_share(command, tmp_path):
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=3"}
    process = start(command(tmp_path), env=environment)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert err == ("jaxvqa: config.train.batch is 4, which 3 devices cannot share equally: choose a multiple.\n")


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
    processes = [start(command(output, features=features, cluster=address, processes=2, process=i)) for i in range(2)]
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


ABLATION = """
from jaxvqa.tasks.defaults import training_config


def get_config():
    config = training_config()
    config.task = "ablate"
    config.seeds = 2
    config.recipes = [
        ("baseline", {"train": {"chunks": 1}, "loss": {"huber": 0.0}}),
        ("+ chunks", {"train": {"chunks": 0}}),
    ]
    return config
"""


@pytest.mark.slow
def test_ablation(train, trained, tmp_path, capfd):
    config = tmp_path / "ablation.py"
    config.write_text(ABLATION)
    output = tmp_path / "out"
    capfd.readouterr()
    assert train(output, config=config, **{"train.passes": 1}) == 0
    out = capfd.readouterr().out
    assert re.search(r"^baseline +-?0\.\d{3} ± 0\.\d{3}", out, re.MULTILINE)
    assert "deviation over 2 seeds" in out
    values = json.loads((output / "ablation.json").read_text())
    histories = {name: [history(output / f"{name.replace(' ', '_')}-{seed}") for seed in (0, 1)] for name in values}
    assert {name: [len(rows) for rows in runs] for name, runs in histories.items()} == {
        "baseline": [2, 2],
        "+ chunks": [4, 4],
    }
    for name, runs in histories.items():
        expected = [max(float(row["plcc_mean"]) for row in rows) for rows in runs]
        assert values[name]["PLCC"] == pytest.approx(expected)
        assert values[name]["PLCC at the end"] == pytest.approx([float(rows[-1]["plcc_mean"]) for rows in runs])
        assert "huber" not in runs[0][0]
    with (output / "ablation.csv").open(newline="") as file:
        [baseline, chunks] = csv.DictReader(file)
    assert float(baseline["PLCC"]) == pytest.approx(np.mean(values["baseline"]["PLCC"]), abs=1e-6)
    assert float(chunks["SRCC deviation"]) == pytest.approx(np.std(values["+ chunks"]["SRCC"]), abs=1e-6)
    assert (output / "curves.png").stat().st_size > 20_000
    assert json.loads((output / "config.json").read_text())["recipes"]

    table = (output / "ablation.csv").read_bytes()
    shutil.rmtree(output / "+_chunks-1" / "checkpoints")  # as if it had been stopped in the last one
    (output / "ablation.csv").unlink()
    capfd.readouterr()
    assert train(output, config=config, **{"train.passes": 1}) == 0
    assert (output / "ablation.csv").read_bytes() == table
    assert set(re.findall(r"^(.*): epoch", capfd.readouterr().err, re.MULTILINE)) == {"+ chunks, seed 1"}


def test_cross_database_protocol(train, data, trained, tmp_path, capfd):
    """Two folds, from the head of weights, tested on a database with one score a video."""
    root = shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns(".tfds"))
    (root / "konvid_1k").mkdir()
    for i in range(4):
        shutil.copy(root / "maxwell" / "videos" / f"validation-{i}.mp4", root / "konvid_1k")
    (root / "konvid_1k" / "labels.txt").write_text("".join(f"validation-{i}.mp4, {i * i}\n" for i in range(4)))
    changes = {"data.root": root, "data.train": "maxwell:train", "data.test": "konvid_1k", "folds": 2}
    changes |= {"train.passes": 1, "train.chunk": 4, "train.epochs_per_chunk": 1}
    changes |= {"warm_start": True, "weights": trained / "model"}
    output = tmp_path / "out"
    assert train(output, config=ROOT / "configs" / "cross.py", **changes) == 0
    assert "konvid_1k (unseen)" in capfd.readouterr().out
    values = json.loads((output / "cross.json").read_text())
    assert [*values] == ["maxwell:train (held out)", "konvid_1k (unseen)"]
    for row in values.values():
        assert [*row] == ["SRCC", "PLCC", "KRCC", "RMSE"]
        assert [len(cells) for cells in row.values()] == [2, 2, 2, 2]
    for fold in range(2):
        rows = history(output / f"fold-{fold}")
        assert len(rows) == 2
        best = max(float(row["plcc_mean"]) for row in rows)
        assert values["maxwell:train (held out)"]["PLCC"][fold] == pytest.approx(best, abs=1e-5)
        assert (output / f"fold-{fold}" / "curves.png").exists()
        held_out, unseen = (
            read_table(output / f"fold-{fold}" / f"predictions-{name}.csv")
            for name in ("maxwell-train-held-out", "konvid_1k-unseen")
        )
        assert 2 * len(held_out.names) == len(list((root / "maxwell" / "videos").glob("train-*.mp4")))
        assert len(unseen.names) == 4
        model = jaxvqa.load(output / f"fold-{fold}" / "model")
        score = model.score(root / "konvid_1k" / "validation-0.mp4").overall
        assert score == pytest.approx(unseen.scores["O"][unseen.names.index("validation-0.mp4")], abs=1e-3)
    assert (output / "cross.csv").read_text().count("\n") == 3
    assert json.loads((output / "config.json").read_text())["folds"] == 2

    first = history(output / "fold-1")
    shutil.rmtree(output / "fold-1")  # each fold starts from the weights, whatever was trained before
    shutil.rmtree(output / "fold-0" / "checkpoints")
    assert train(output, config=ROOT / "configs" / "cross.py", **changes, seed=0) == 0
    assert history(output / "fold-1") == first
    again = json.loads((output / "cross.json").read_text())
    for name, row in values.items():  # the last digits of a logistic fit follow where in memory its numbers lie
        assert again[name] == {metric: pytest.approx(cells, rel=1e-6) for metric, cells in row.items()}
    assert train(output, config=ROOT / "configs" / "cross.py", **changes | {"folds": 17}) == 2
    sentence(capfd, "16 videos cannot be divided into 17 folds")


def test_full_disk_keeps_the_checkpoints_before(train, trained, small_disk, capfd):
    output = small_disk("1200k") / "out"
    assert train(output) == 1
    err = sentence(capfd, rf"^jaxvqa: {output}/checkpoints: No space left on device; what was finished is kept\.$")
    assert len(err.splitlines()) < EPOCHS + 2
    assert 1 <= max(checkpoints(output)) < EPOCHS
    assert [path.name for path in output.glob("*.room")] == []
    small_disk("50m", "remount")
    assert train(output) == 0
    assert "going on after epoch" in capfd.readouterr().err
    assert history(output) == history(trained)
    assert tensors(output) == tensors(trained)


def test_disk_that_fills_up_while_orbax_writes(small_disk):
    """Beyond what was made sure of: the error is the system's, with the folder's name, and earlier epochs stay."""
    folder = small_disk("3m") / "checkpoints"
    arrays = {"x": np.random.default_rng(0).random(10_000)}
    with checkpoint.open_checkpoints(folder) as manager:
        checkpoint.save(manager, 1, arrays, {"history": [], "settings": {}})
        manager.wait_until_finished()

    def save_more():
        with checkpoint.open_checkpoints(folder) as manager:
            checkpoint.save(manager, 2, arrays, {"epoch": 2, "more": 400_000 * ["filler"]})

    with pytest.raises(OSError, match="No space left on device") as caught:
        save_more()
    assert caught.value.filename == str(folder)
    with checkpoint.open_checkpoints(folder) as manager:
        assert checkpoint.read_record(manager) == {"history": [], "settings": {}}
        np.testing.assert_array_equal(checkpoint.read_arrays(manager, arrays)["x"], arrays["x"])


def test_events_on_a_full_disk_are_not_waited_for(small_disk):
    folder = small_disk("64k")
    monitor = Monitor(folder, "test")
    monitor.resume(ml_collections.ConfigDict(), [], 1000, 1000)
    row = dict.fromkeys(("epoch", "chunk", "rate", "loss", "plcc_mean", "srcc_mean", "step_seconds"), 1)
    history = []

    def go_on():
        for _ in range(1000):
            history.append(row)
            monitor.epoch(history)

    with pytest.raises(OSError, match="No space left on device") as caught:
        go_on()
    assert caught.value.filename.startswith(str(folder))


@pytest.mark.parametrize("config", ["maxwell", "ablation", "cross"])
def test_two_runs_at_once(train, trained, tmp_path, capfd, config):
    output = tmp_path / "out"
    with lock_folder(output):
        assert train(output, config=ROOT / "configs" / f"{config}.py") == 2
    sentence(capfd, f"another run is writing to {output}: wait for it, or choose another folder")
    assert [path.name for path in output.iterdir()] == [".lock-0"]


def test_full_disk_keeps_the_model_of_an_earlier_training(train, trained, small_disk, capfd):
    output = shutil.copytree(trained, small_disk("20m") / "again")
    earlier = tensors(output)
    shutil.rmtree(output / "checkpoints")
    changes = {"train.passes": 1, "seed": 1}
    assert train(output, **changes) == 0  # what it takes but for the model is there
    after = tensors(output)
    assert after != earlier
    (output / "model" / "tensors.safetensors").write_bytes(earlier)  # to be written again
    filler = output.parent / "filler"
    with contextlib.suppress(OSError):
        filler.write_bytes(bytes(30 << 20))
    os.truncate(filler, filler.stat().st_size - len(earlier) // 2)  # room for all but a model
    capfd.readouterr()
    assert train(output, **changes) == 2
    sentence(capfd, "model-new cannot be written: .*No space left on device")
    assert tensors(output) == earlier
    filler.unlink()
    assert train(output, **changes) == 0
    assert tensors(output) == after
    assert not (output / "model-new").exists()


@pytest.mark.slow
def test_sigterm_ends_a_run_with_several_processes(command, trained, tmp_path):
    """JAX's service for such runs catches it, and they would go on until they are killed."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    with start(command(tmp_path, cluster=address, **{"train.passes": 1000})) as process:
        while process.poll() is None and not (tmp_path / "checkpoints" / "1").exists():
            time.sleep(0.01)
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert err.splitlines()[-1] == "jaxvqa: stopped; the same command goes on with what is left to do."
    assert checkpoints(tmp_path)

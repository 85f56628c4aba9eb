"""Trainings on small databases and weights, as fixtures that tests share, and what tests ask of their outputs."""

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from clips import write_clip
from conftest import SMALL

import jaxvqa
from jaxvqa import cli
from jaxvqa.datasets.databases import DATABASES
from jaxvqa.dimensions import default_prompts
from jaxvqa.features.encoder import FRAGMENTS
from jaxvqa.main import main
from jaxvqa.train.chunks import ChunkOrder
from jaxvqa.train.loop import Trainer
from jaxvqa.train.settings import TrainSettings
from jaxvqa.train.step import Batch, replicate, shard, start, unreplicate
from jaxvqa.weights.assemble import PARTS, build, flat_shapes
from jaxvqa.weights.directory import Weights, save_weights
from jaxvqa.weights.load import initial

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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def features(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="session")
def command(data, encoders, features):
    """Arguments of the training command, with the output folder and changes to the settings."""

    def arguments(output, config=ROOT / "configs" / "maxwell.py", **changes):
        fields = {"data.root": data, "weights": encoders, "features": features, "output": output, **SETTINGS, **changes}
        return [f"--config={config}", *(f"--config.{name}={value}" for name, value in fields.items())]

    return arguments


@pytest.fixture(scope="session")
def train(command):
    """The training command in this process; returns its exit code."""

    def run(output, **options):
        return main(["jaxvqa", *command(output, **options)])

    return run


@pytest.fixture(scope="session")
def trained(train, tmp_path_factory):
    """The output of an unbroken run."""
    output = tmp_path_factory.mktemp("trained")
    assert train(output) == 0
    return output


@pytest.fixture
def again(trained, tmp_path):
    """A copy of it, to be harmed."""
    return shutil.copytree(trained, tmp_path / "again")


def launch(arguments, **options):
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
    assert last.endswith((".", "?")), err
    assert re.search(match, last), err
    assert "Traceback" not in err
    return err


def random_views(seed=0):
    """Views of a video, of random pixels."""
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, view.shape, np.uint8) for view in FRAGMENTS]


@pytest.fixture
def trainer():
    settings = TrainSettings(order=ChunkOrder(batch=8))
    parts = {part: build(part, PARTS[part][1](**SMALL[part])) for part in ("clip_text", "maxvqa")}
    return Trainer(settings, Weights("small", parts, default_prompts()), parts["maxvqa"], range(16))


def one_step(trainer, rate=1e-3, decay=None):
    random = np.random.default_rng(1)
    batch = Batch(
        shard(random.normal(size=(8, 4, 9, 96)).astype(np.float16)),
        shard(random.uniform(size=(8, 16)).astype(np.float32)),
    )
    state = start(trainer.network, trainer.optimizer)
    after, terms = trainer.step.update(replicate(state), trainer.frozen, batch, rate, jax.random.key(0))
    return state, unreplicate(after), terms


WORDS = ("fine", "coarse")
LABELS = "my\u00a0labels.csv"  # with a no-break space, which is no character to be printed
FINETUNING = {
    "train.batch": 4,
    "train.epochs-per-chunk": 2,
    "folds": 3,
    "resamples": 20,
    "workers": 2,
}


@pytest.fixture(scope="session")
def rated(tmp_path_factory):
    """Twelve clips, and a CSV that lacks labels here and there; the last dimension is new."""
    folder = tmp_path_factory.mktemp("rated")
    (folder / "videos").mkdir()
    random = np.random.default_rng(5)
    rows = []
    for i in range(12):
        textured_clip(folder / "videos" / f"{i}.mp4", i)
        overall, sharpness, fine = random.uniform([0, -1, 1], [100, 1, 5])
        rows.append([f"{i}.mp4", overall, "" if i % 4 == 1 else sharpness, "" if i % 5 == 2 else fine, f"s{i // 2}"])
    write_labels(folder / LABELS, rows)
    return folder


def write_labels(path, rows, header=("filename", "overall", "T-1", "fine / coarse", "group")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="session")
def finetune(rated, encoders, features):
    """The fine-tuning command in this process; returns its exit code."""

    def run(output, labels=rated / LABELS, folder=rated / "videos", **changes):
        settings = {"weights": encoders, "features": features, "output": output, **FINETUNING, **changes}
        return cli.main(
            ["finetune", str(labels), str(folder), *(f"--{name}={value}" for name, value in settings.items())]
        )

    return run


@pytest.fixture(scope="session")
def tuned(finetune, tmp_path_factory):
    output = tmp_path_factory.mktemp("tuned")
    assert finetune(output) == 0
    return output

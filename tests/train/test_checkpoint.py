"""Checkpoints: harmed ones, those of other settings, full disks."""

import json
import os
import shutil
import tracemalloc  # noqa: F401, which pytest would import where no file can be opened

import numpy as np
import pytest
from trainings import EPOCHS, checkpoints, history, sentence, tensors

from jaxvqa import UserError
from jaxvqa.train import checkpoint
from jaxvqa.weights.assemble import tensors_of
from jaxvqa.weights.directory import save_weights
from jaxvqa.weights.load import load_weights


@pytest.mark.hostile
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


@pytest.mark.hostile
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
        sentence(capfd, f"checkpoint {last} cannot be read .*: move that folder away")
        shutil.rmtree(last)
        assert train(again) == 0
    assert history(again) == history(trained)
    assert tensors(again) == tensors(trained)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"model.depth": 2}, "depth"),
        ({"model.hidden": 4}, "hidden"),
        ({"loss.huber": 0, "train.ema": 0.9}, "huber, ema"),
        ({"data.train": "maxwell:validation", "data.validation": "maxwell:train"}, "train, validation, videos"),
        ({"weights": "random-small"}, "weights"),
    ],
)
def test_other_settings_in_the_same_folder(train, trained, again, capfd, changes, named):
    if "weights" in changes:
        changes = {"weights": copy_of_weights(again, 2)}
    assert train(again, **changes) == 2
    sentence(capfd, f"{again}/checkpoints holds a training with other {named}: choose another output")
    for file in ("config.json", "history.csv", "model/jaxvqa.json"):
        assert (again / file).read_bytes() == (trained / file).read_bytes()


def test_other_videos_with_the_same_labels(train, data, trained, again, tmp_path, capfd):
    root = shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns(".tfds"))
    shutil.copy(data / "maxwell" / "videos" / "train-1.mp4", root / "maxwell" / "videos" / "train-0.mp4")
    assert train(again, **{"data.root": root}) == 2
    sentence(capfd, f"{again}/checkpoints holds a training with other videos: choose another output")


def copy_of_weights(output, factor):
    """Weights that differ in the text transformer only, so that features are those there are."""
    directory = output / "other"
    loaded = load_weights(output / "model")
    parts = loaded.parts.items()
    values = {name: value for part, module in parts for name, value in tensors_of(part, module).items()}
    values["clip_text/projection/kernel"] = values["clip_text/projection/kernel"] * factor
    save_weights(directory, values, {part: module.config for part, module in parts}, loaded.prompts, [])
    return directory


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


@pytest.mark.hostile
@pytest.mark.parametrize("harm", [{"a": np.zeros(4)}, {"a": np.zeros(3, np.float32)}, {"b": np.zeros(3)}, {}])
def test_a_sound_checkpoint_of_other_arrays_is_not_to_be_removed(tmp_path, harm):
    """As those of another version are: all have the same arrays, and none is damaged."""
    with checkpoint.open_checkpoints(tmp_path) as manager:
        checkpoint.save(manager, 1, {"a": np.zeros(3), "c": np.ones(2)}, {"settings": {}, "history": []})
    with checkpoint.open_checkpoints(tmp_path) as manager:
        with pytest.raises(UserError, match=r"has other arrays .*, such as [abc], .*choose another output") as caught:
            checkpoint.read_arrays(manager, {"c": np.ones(2), **harm})
        assert "away" not in str(caught.value)
        assert checkpoint.read_arrays(manager, {"a": np.ones(3), "c": np.ones(2)})["a"].tolist() == [0, 0, 0]


@pytest.mark.hostile
def test_a_sound_checkpoint_is_not_blamed_for_what_the_system_lacks(tmp_path, no_more_files):
    with checkpoint.open_checkpoints(tmp_path) as manager:
        checkpoint.save(manager, 1, {"a": np.zeros(3)}, {"settings": {}, "history": []})
    with checkpoint.open_checkpoints(tmp_path) as manager:
        checkpoint.read_arrays(manager, {"a": np.zeros(3)})
        with no_more_files(), pytest.raises(OSError, match="Too many open files"):
            checkpoint.read_arrays(manager, {"a": np.zeros(3)})

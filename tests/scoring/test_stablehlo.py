"""The exported scorer: run by JAX alone, it gives what the model gives."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest
from clips import moving_clip
from conftest import SCORED

import jaxvqa
from jaxvqa.cli import main
from jaxvqa.scoring.stablehlo import ARTIFACT, DESCRIPTION
from jaxvqa.video.sampling import Sampling
from jaxvqa.video.workers import decode_file

# What the docs tell a program without this package to do; beside it, nothing of ours can be imported.
PROGRAM = """
import sys

class Nothing:
    def find_spec(self, name, *rest):
        if name.split(".")[0] in ("jaxvqa", "flax"):
            raise ImportError(name)

sys.meta_path.insert(0, Nothing())
import json
import pathlib
import numpy as np
from jax import export

folder, views, output = sys.argv[1:]
scorer = export.deserialize(bytearray(pathlib.Path(folder, "scorer.stablehlo").read_bytes()))
views = np.load(views)
inputs = [views[each["name"]] for each in json.loads(pathlib.Path(folder, "scorer.json").read_text())["inputs"]]
scores = scorer.call(*inputs)
first = scorer.call(*(each[:1] for each in inputs))
np.savez(output, **scores, **{f"first_{name}": values for name, values in first.items()})
assert not {"jaxvqa", "flax"} & sys.modules.keys()
"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return [moving_clip(folder / f"{i}.mp4", frames=40 + 30 * i, seed=i) for i in range(3)]


def outputs_elsewhere(folder, model, videos, scratch):
    """What the exported scorer gives in a process that has JAX, but not this package."""
    views = [decode_file(str(video), model.sampling(Sampling())).views for video in videos]
    np.savez(
        scratch / "views.npz", **{name: np.stack([getattr(each, name) for each in views]) for name in views[0]._fields}
    )
    command = [sys.executable, "-c", PROGRAM, folder, scratch / "views.npz", scratch / "scores.npz"]
    subprocess.run(list(map(str, command)), check=True, cwd=scratch)
    return np.load(scratch / "scores.npz")


@pytest.mark.parametrize(
    ("kind", "shapes"),
    [
        ("mini", [["b", 16, 49, 64, 64, 3], ["b", 4, 32, 36, 64]]),
        ("maxvqa", [["b", 128, 224, 224, 3], ["b", 64, 224, 224, 3]]),
    ],
)
def test_it_scores_as_the_model_does_without_this_package(kind, shapes, videos, released_weights, tmp_path):
    weights = "mini" if kind == "mini" else str(released_weights)
    assert main(["export", f"--weights={weights}", f"--output={tmp_path / 'out'}"]) == 0
    model = jaxvqa.load(weights)
    scores = outputs_elsewhere(tmp_path / "out", model, videos, tmp_path)
    for i, video in enumerate(videos):
        expected = model.score(video)
        for name in ("raw", "display", "local"):
            np.testing.assert_allclose(scores[name][i], getattr(expected, name), atol=1e-5)
            assert scores[name].dtype == np.float32
            np.testing.assert_allclose(scores[f"first_{name}"], scores[name][:1], atol=1e-6)
    assert np.nanmax(np.ptp(scores["raw"], axis=0)) > 1e-3
    told = json.loads((tmp_path / "out" / DESCRIPTION).read_text())
    for output in told["outputs"]:
        assert [3 if n == "b" else n for n in output["shape"]] == list(scores[output["name"]].shape)
        assert output["dtype"] == "float32"
    assert [entry["shape"] for entry in told["inputs"]] == shapes
    assert [entry["code"] for entry in told["dimensions"]] == [dimension.code for dimension in jaxvqa.DIMENSIONS]
    assert 0 < sum(entry["validated"] for entry in told["dimensions"]) < 16
    assert all(entry["scored"] for entry in told["dimensions"] if entry["validated"])
    assert ("jaxvqa-mini" if kind == "mini" else "tiny") in told["notice"]
    assert told["platforms"] == ["cpu", "cuda", "tpu"]


def test_what_is_not_scored_is_nan(videos, partial_weights, tmp_path):
    assert main(["export", f"--weights={partial_weights}", f"--output={tmp_path / 'out'}"]) == 0
    exported = jax.export.deserialize(bytearray((tmp_path / "out" / ARTIFACT).read_bytes()))
    views = decode_file(str(videos[0]), Sampling()).views
    scores = exported.call(*(np.stack([view]) for view in views))
    expected = jaxvqa.load(partial_weights).score(videos[0])
    for name in ("raw", "display", "local"):
        np.testing.assert_allclose(scores[name][0], getattr(expected, name), atol=1e-5)  # with NaN in the same places
        assert scores[name].dtype == np.float32
    told = json.loads((tmp_path / "out" / DESCRIPTION).read_text())
    assert [entry["code"] for entry in told["dimensions"] if entry["scored"]] == [*SCORED]
    assert [entry["code"] for entry in told["dimensions"] if entry["validated"]] == [*SCORED]


def test_dimensions_of_ones_own_are_there(tuned, rated, tmp_path):
    assert main(["export", f"--weights={tuned / 'model'}", f"--output={tmp_path / 'out'}"]) == 0
    exported = jax.export.deserialize(bytearray((tmp_path / "out" / ARTIFACT).read_bytes()))
    video = rated / "videos" / "3.mp4"
    views = decode_file(str(video), Sampling()).views
    scores = exported.call(*(np.stack([view]) for view in views))
    expected = jaxvqa.load(tuned / "model").score(video)
    np.testing.assert_allclose(scores["custom"][0], [*expected.custom.values()], atol=1e-5)
    np.testing.assert_allclose(scores["raw"][0], expected.raw, atol=1e-5)
    assert json.loads((tmp_path / "out" / DESCRIPTION).read_text())["custom"] == [["fine", "coarse"]]

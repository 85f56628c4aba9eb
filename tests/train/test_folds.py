"""Folds of databases: which videos they train on and hold out, and their scores as one table."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from flax import nnx

from jaxvqa import UserError
from jaxvqa.datasets.videos import RatedVideos, make_folds
from jaxvqa.dimensions import default_prompts
from jaxvqa.features.store import Features
from jaxvqa.models.maxvqa import HeadConfig
from jaxvqa.results.table import ScoreTable
from jaxvqa.train.chunks import ChunkOrder
from jaxvqa.train.data import LabeledFeatures
from jaxvqa.train.fit import predict_start
from jaxvqa.train.folds import cut_folds, fit_folds, joined
from jaxvqa.train.monitor import Monitor
from jaxvqa.train.optimizer import Schedule
from jaxvqa.train.settings import HeadSettings, TrainSettings
from jaxvqa.train.step import Recipe
from jaxvqa.weights.assemble import build
from jaxvqa.weights.directory import Weights


def database(name, videos, groups=()):
    names = [f"{name}-{i}" for i in range(videos)]
    rated = RatedVideos(name, names, names, np.arange(16.0 * videos).reshape(videos, 16), False, groups=groups)
    return LabeledFeatures(name, rated, Features([(Path(name), i) for i in range(videos)], names))


def test_each_video_is_held_out_once_and_trained_on_otherwise():
    databases = [database("a", 7), database("b", 5, ("x", "x", "y", "y", "z"))]
    masks = [make_folds(one.videos, 3, 0) for one in databases]
    folds = cut_folds(databases, masks, Path("out"))
    assert [fold.title for fold in folds] == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]
    assert [fold.folder for fold in folds] == [Path("out/fold-0"), Path("out/fold-1"), Path("out/fold-2")]
    for number, whole in enumerate(databases):
        held_out = [name for fold in folds for name in fold.held_out[number].videos.names]
        assert sorted(held_out) == whole.videos.names
        for fold in folds:
            parts = fold.training[number], fold.held_out[number]
            assert sorted(parts[0].videos.names + parts[1].videos.names) == whole.videos.names
            for part in parts:
                rows = [row for _, row in part.features.rows]
                assert [whole.videos.names[row] for row in rows] == part.videos.names
                np.testing.assert_array_equal(part.videos.labels, whole.videos.labels[rows])
                assert part.spec == whole.spec
    for fold in folds:  # groups stay together
        assert not {*fold.training[1].videos.groups} & {*fold.held_out[1].videos.groups}


def test_databases_are_cut_into_as_many_folds_each():
    databases = [database("a", 4), database("b", 4)]
    masks = [make_folds(databases[0].videos, 2, 0), make_folds(databases[1].videos, 3, 0)]
    with pytest.raises(ValueError, match="zip"):
        cut_folds(databases, masks, Path("out"))
    with pytest.raises(ValueError, match="zip"):
        cut_folds(databases, masks[:1], Path("out"))


def test_scores_are_joined_in_the_dimensions_of_all_folds():
    one = ScoreTable(Path("one"), ["a", "b"], {"O": np.array([1.0, 2.0]), "T-1": np.array([3.0, 4.0])})
    table = joined([one, ScoreTable(Path("two"), ["c"], {"O": np.array([5.0])})])
    assert table.names == ["a", "b", "c"]
    assert [*table.scores] == ["O"]
    assert table.scores["O"].tolist() == [1, 2, 5]
    assert table.path == Path("one")


VIDEOS, DRAWS = 24, 16


@pytest.fixture
def random_database(tmp_path):
    """Videos with features by which a head can tell each of them, and labels that have nothing to do with them."""
    random = np.random.default_rng(0)
    features = random.normal(size=(VIDEOS, 1, 1, 96)) * np.ones((64, 49, 1))
    np.save(tmp_path / "shard-0-0.npy", features.astype(np.float16))
    names = [f"{i}.mp4" for i in range(VIDEOS)]
    videos = RatedVideos("random", names, names, random.uniform(1, 5, (VIDEOS, DRAWS)), False)
    rows = [(tmp_path / "shard-0-0.npy", i) for i in range(VIDEOS)]
    return LabeledFeatures("random", videos, Features(rows, names))


def correlations(trainer, network, one):
    """PLCC in each dimension."""
    scores = trainer.predict(nnx.state(network), one.features)
    return np.array([np.corrcoef(p, t)[0, 1] for p, t in zip(scores.T, one.videos.labels.T, strict=True)])


def test_a_model_that_memorizes_labels_that_are_random_shows_no_agreement(random_database, tmp_path, capfd):
    """Sixteen draws of labels at once, one a dimension: learned by heart, and of no use for a video held out."""
    one = random_database
    head = build("maxvqa", HeadConfig(clip_width=64, technical_width=32, hidden=8, prompts=2 * DRAWS))
    settings = TrainSettings(
        order=ChunkOrder(batch=12, epochs_per_chunk=10),
        head=HeadSettings(warm_start=True),
        recipe=Recipe(huber=1.0, huber_delta=0.1, dropout=False, ema=0.2),
        schedule=Schedule("constant", peak=5e-3),
    )
    encoders = Weights("small", {"maxvqa": head}, default_prompts())
    folds = cut_folds([one], [make_folds(one.videos, 2, 0)], tmp_path / "out")
    scores, starts = np.full((VIDEOS, DRAWS), np.nan), []
    for fold, trainer, trained in fit_folds(settings, encoders, folds, partial(Monitor, brief=True)):
        assert trainer.settings == settings  # the same seed, too
        starts.append(predict_start(trainer, one).scores["O"].tolist())
        assert f"{fold.title}: epoch 10/10" in capfd.readouterr().err
        assert (fold.folder / "history.csv").exists()
        measured = correlations(trainer, trained.network, fold.held_out[0]).mean()
        assert trained.history[-1]["plcc_mean"] == pytest.approx(measured, abs=1e-6)
        assert correlations(trainer, trained.network, fold.training[0]).mean() > 0.9  # by heart
        rows = [one.videos.names.index(name) for name in fold.held_out[0].videos.names]
        scores[rows] = trainer.predict(nnx.state(trained.network), fold.held_out[0].features)
        assert trained.epoch == len(trained.history) == 10  # the last, whatever the videos held out say
    assert len(starts) == 2
    assert starts[0] == starts[1]  # whatever was trained in between
    held_out = np.array([np.corrcoef(p, t)[0, 1] for p, t in zip(scores.T, one.videos.labels.T, strict=True)])
    # Each is off 0 by 0.2, the deviation of a correlation of 24 pairs by chance; their mean by a quarter of that.
    assert abs(held_out.mean()) < 0.2, held_out
    assert abs(held_out).max() < 0.75, held_out


def test_folds_that_choose_an_epoch_by_what_they_hold_out_are_refused(random_database, tmp_path):
    folds = cut_folds([random_database], [make_folds(random_database.videos, 2, 0)], tmp_path)
    with pytest.raises(UserError, match=r"^keep is 'best'; it must be last here, because .* reported on\.$"):
        next(fit_folds(TrainSettings(keep="best"), Weights("none", {}, []), folds, Monitor))

import pytest

from jaxvqa import UserError
from jaxvqa.system.terminal import Log
from jaxvqa.tasks import inputs, train_inputs
from jaxvqa.tasks.configuration import config_path, read_config
from jaxvqa.video.sampling import Sampling
from jaxvqa.weights.find import choose_weights


def read(name, **changes):
    return read_config(["", f"--config={config_path(name)}", *(f"--config.{k}={v}" for k, v in changes.items())])


def test_fields_become_types():
    assert inputs.sampling(read("score", seed=3, repeats=5)) == Sampling(3, 5)
    assert inputs.sampling(read("score", sampling="published")) == Sampling(rule="published")
    limits = inputs.decode_limits(read("score", workers=2, decode_seconds=9))
    assert (limits.workers, limits.seconds, limits.gigabytes) == (2, 9.0, 8.0)
    cluster = train_inputs.cluster(read("extract", cluster="node:1234", processes=4, process=3))
    assert (cluster.address, cluster.processes, cluster.process) == ("node:1234", 4, 3)
    settings = train_inputs.train_settings(read("maxwell"))
    assert (settings.order.batch, settings.order.chunk, settings.schedule.kind) == (16, 912, "cosine")
    assert (settings.recipe.huber, settings.recipe.huber_delta, settings.keep) == (1.0, 1.0, "best")  # as published
    for name in ("quickstart", "cross", "mixed", "ablation", "finetune"):
        assert train_inputs.train_settings(read(name)).keep == "last"  # nothing is chosen by labels reported on
    changes = {"data.seed": 2, "data.sampling": "published"}
    assert train_inputs.train_settings(read("maxwell", **changes)).sampling == Sampling(2, rule="published")


@pytest.mark.parametrize(
    ("make", "config", "changes", "said"),
    [
        (inputs.sampling, "score", {"seed": -1}, "seed is -1; it must be 0 or larger."),
        (inputs.sampling, "score", {"sampling": "all"}, "sampling is 'all'; it must be whole or published."),
        (inputs.sampling, "score", {"repeats": 0}, "repeats is 0; it must be 1 or larger."),
        (inputs.decode_limits, "demo", {"workers": -2}, "workers is -2; use 1 or more, or 0 for one per core."),
        (inputs.decode_limits, "maxwell", {"decode_gigabytes": 0}, "decode_gigabytes is 0; it must be above 0."),
        (
            train_inputs.cluster,
            "extract",
            {"cluster": "here"},
            "cluster is 'here'; it must be slurm, or HOST:PORT of the ",
        ),
        (train_inputs.train_settings, "maxwell", {"train.batch": 1}, "batch is 1; it must be 2 or larger."),
    ],
)
def test_values_out_of_range_are_named_as_a_user_types_them(make, config, changes, said):
    with pytest.raises(UserError) as caught:
        make(read(config, **changes))
    assert str(caught.value).startswith(said)


def test_videos_are_found_once_and_what_is_skipped_is_counted(clips, capsys):
    (found, again), log = (inputs.find([str(clips), str(clips / "a.mp4")], Log()) for _ in range(2)), Log()
    assert found == again
    assert len(found) == len(set(found)) == 3
    capsys.readouterr()
    (clips / "notes.txt~").write_text("no video")
    try:
        assert inputs.find(str(clips), log) == found
    finally:
        (clips / "notes.txt~").unlink()
    assert capsys.readouterr().err.startswith("left out 1 that are no videos by their suffix, such as ")
    (clips / "._a.mp4").touch()
    try:
        assert inputs.find(str(clips), log) == found
    finally:
        (clips / "._a.mp4").unlink()
    said = f"left out 1 that are hidden, left by the system, or unfinished downloads, such as {clips / '._a.mp4'}\n"
    assert capsys.readouterr().err == said


def test_weights_that_score_are_named(tmp_path, capsys):
    assert choose_weights(str(tmp_path), Log()) == str(tmp_path)
    assert choose_weights("random", Log()) == "random"
    assert choose_weights("", Log()) == "mini"
    err = capsys.readouterr().err
    assert err.count("\n") == 2
    assert "these scores mean nothing" in err
    assert "weights: jaxvqa-mini, for no others are given" in err

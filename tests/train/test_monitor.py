"""What a training writes while it runs."""

import struct

import pytest
from trainings import history

from jaxvqa.train.monitor import Monitor, plot_curves


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


def test_events_on_a_full_disk_are_not_waited_for(small_disk):
    folder = small_disk("64k")
    monitor = Monitor(folder, "test")
    monitor.resume([], 1000, 1000)
    row = dict.fromkeys(("epoch", "chunk", "rate", "loss", "plcc_mean", "srcc_mean", "step_seconds"), 1)
    history = []

    def go_on():
        for _ in range(1000):
            history.append(row)
            monitor.epoch(history)

    with pytest.raises(OSError, match="No space left on device") as caught:
        go_on()
    assert caught.value.filename.startswith(str(folder))


def test_what_was_not_measured_is_neither_said_nor_drawn(tmp_path, capfd):
    """A training without validation: no line, column, event or panel of correlations."""
    row = {"epoch": 1, "chunk": 1, "rate": 1e-3, "loss": 0.5, "step_seconds": 1.0}
    monitor = Monitor(tmp_path, "all videos")
    monitor.resume([], 1, 1)
    monitor.epoch([row])
    monitor.close([row])
    err = capfd.readouterr().err
    assert "epoch 1/1, chunk 1, rate 1.0e-03, loss 0.500, 1.00 s a step" in err
    assert [*history(tmp_path)[0]] == ["epoch", "chunk", "rate", "loss"]
    [events] = tmp_path.glob("tensorboard/events*")
    assert b"loss" in events.read_bytes()
    assert b"plcc" not in events.read_bytes()
    measured = row | {"plcc_mean": 0.1, "srcc_mean": 0.1}
    plot_curves(tmp_path / "measured.png", {"measured": [[measured]]})
    widths = [struct.unpack(">I", (tmp_path / name).read_bytes()[16:20])[0] for name in ("curves.png", "measured.png")]
    assert 2 * widths[0] == widths[1]  # two panels of four

"""What a training writes while it runs."""

import pytest
from trainings import history

from jaxvqa.train.monitor import Monitor


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

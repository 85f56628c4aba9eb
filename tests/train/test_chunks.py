"""The order of training: chunks, batches, and reading ahead."""

import threading
import time

import numpy as np
import pytest

from jaxvqa import UserError
from jaxvqa.features.store import Features
from jaxvqa.train.chunks import (
    AHEAD,
    ChunkOrder,
    batch_shares,
    chunk_of_epoch,
    epoch_batches,
    fitted_batch,
    make_chunks,
    make_mixed_chunks,
    mixed_batches,
    plan_epochs,
    read_ahead,
    warm,
)


def test_chunks_of_maxwell():
    for seed in (None, 0):
        chunks = make_chunks(3634, 912, 16, 0, seed)
        assert [len(chunk) for chunk in chunks] == [912, 912, 912, 898]
        assert sorted(np.concatenate(chunks)) == list(range(3634))


def test_order_follows_the_seed():
    unshuffled, zero, again, one = (np.concatenate(make_chunks(50, 20, 2, 0, seed)) for seed in (None, 0, 0, 1))
    assert unshuffled.tolist() == list(range(50))
    assert zero.tolist() == again.tolist()
    assert len({tuple(order) for order in (unshuffled, zero, one)}) == 3


def test_limit_takes_the_first_chunks():
    every = make_chunks(50, 20, 10, 0, 3)
    first = make_chunks(50, 20, 10, 2, 3)
    assert len(first) == 2
    np.testing.assert_array_equal(first, every[:2])
    assert len(make_chunks(50, 20, 10, 9, 3)) == 3


def test_videos_that_are_too_few_for_a_batch_join_the_last_chunk():
    assert [len(chunk) for chunk in make_chunks(41, 20, 10, 0, 3)] == [20, 21]
    assert [len(chunk) for chunk in make_chunks(15, 12, 10, 0, 3)] == [15]
    with pytest.raises(UserError, match="chunk is 4; it must be at least the 10 videos of a batch"):
        make_chunks(100, 4, 10, 0, 0)


def test_a_batch_is_at_most_all_videos(monkeypatch):
    order = ChunkOrder(batch=16, epochs_per_chunk=1)
    for videos, batch in ((3634, 16), (16, 16), (9, 9), (2, 2)):
        plan = plan_epochs(order, 0, np.zeros(videos, int), [])
        assert plan.batches[0].shape == (min(videos, 912) // batch, batch)
    with pytest.raises(UserError, match=r"^1 training videos are too few; a step takes at least 2"):
        plan_epochs(order, 0, np.zeros(1, int), [])
    monkeypatch.setattr("jax.device_count", lambda: 4)
    assert fitted_batch(order, 11) == 8
    with pytest.raises(UserError, match=r"^3 training videos are too few; a step takes at least 4"):
        fitted_batch(order, 3)


def test_plan_of_epochs():
    assert chunk_of_epoch(2, 3, 1) == [0, 0, 0, 1, 1, 1]
    assert chunk_of_epoch(2, 2, 2) == [0, 0, 1, 1, 0, 0, 1, 1]


def test_every_video_once_in_a_pass():
    chunks = make_chunks(48, 20, 4, 0, 7)
    seen = [epoch_batches(chunks[chunk], 4, 7, epoch) for epoch, chunk in enumerate(chunk_of_epoch(3, 1, 1))]
    assert sorted(np.concatenate(seen).reshape(-1)) == list(range(48))


def test_batches_are_whole_and_shuffled():
    chunk = np.arange(100, 130)
    batches = epoch_batches(chunk, 8, 0, 0)
    assert batches.shape == (3, 8)
    assert len(np.unique(batches)) == 24
    assert set(batches.reshape(-1)) < set(chunk)
    assert batches.reshape(-1).tolist() != sorted(batches.reshape(-1))
    assert batches.tolist() == epoch_batches(chunk, 8, 0, 0).tolist()
    further = [epoch_batches(chunk, 8, *seeds) for seeds in ((0, 1), (1, 0), (1, 1))]
    assert len({tuple(order.reshape(-1)) for order in [batches, *further]}) == 4
    missed = [set(chunk) - set(epoch_batches(chunk, 8, 0, epoch).reshape(-1)) for epoch in range(20)]
    assert set.union(*missed) == set(chunk)  # nobody is left out for good


@pytest.fixture
def stored(tmp_path):
    """Features of twelve videos in two shards, each filled with its number."""
    rows = []
    for shard in range(2):
        path = tmp_path / f"shard-0-{shard}.npy"
        values = np.arange(6 * shard, 6 * shard + 6, dtype=np.float16)
        np.save(path, np.broadcast_to(values[:, None, None, None], (6, 64, 49, 3)))
        rows += [(path, row) for row in range(6)]
    return Features(rows, [str(row) for row in rows])


class Recorded(Features):
    """Features that note when what was read, and fail at a row."""

    def __init__(self, stored, fail=None):
        super().__init__(stored.rows, stored.digests)
        self.read_rows, self.fail = [], fail

    def read(self, indices, each=lambda: None):
        self.read_rows.append(list(indices))
        if self.fail in indices:
            raise OSError("the disk is gone")
        return super().read(indices, each)


def test_batches_come_in_order(stored):
    batches = np.random.default_rng(0).permutation(12).reshape(6, 2)
    read = list(read_ahead(stored, batches))
    assert [rows[:, 0, 0, 0].tolist() for rows in read] == batches.tolist()
    assert read[0].shape == (2, 64, 49, 3)
    assert list(read_ahead(stored, [])) == []
    warm(stored, np.arange(12))


def test_reading_is_ahead_but_not_far(stored):
    features = Recorded(stored)
    reader = read_ahead(features, np.arange(12)[:, None])
    for i in range(5):
        assert next(reader)[:, 0, 0, 0].tolist() == [i]
        deadline = time.monotonic() + 10
        while len(features.read_rows) < i + 1 + AHEAD and time.monotonic() < deadline:
            time.sleep(0.001)
        assert len(features.read_rows) == i + 1 + AHEAD


def test_errors_come_where_they_belong_and_end_the_thread(stored):
    threads = threading.active_count()
    reader = read_ahead(Recorded(stored, fail=3), np.arange(10)[:, None])
    assert [next(reader)[:, 0, 0, 0].tolist() for _ in range(3)] == [[0], [1], [2]]
    with pytest.raises(OSError, match="the disk is gone"):
        next(reader)
    assert threading.active_count() == threads


def test_reader_that_is_left_ends_its_thread(stored):
    threads = threading.active_count()
    reader = read_ahead(Recorded(stored), np.arange(10)[:, None])
    next(reader)
    reader.close()
    assert threading.active_count() == threads


def test_missing_shard_is_passed_on(stored):
    stored.rows[8][0].unlink()
    reader = read_ahead(stored, np.array([[0, 1], [8, 9]]))
    assert len(next(reader)) == 2
    with pytest.raises(FileNotFoundError, match="shard-0-1"):
        next(reader)


def test_mixed_batches_have_the_shares_of_each_database():
    database = np.repeat([0, 1, 2], [40, 25, 7])
    shares = batch_shares("2,1,1", 3, 8)
    assert shares == [4, 2, 2]
    chunks = make_mixed_chunks(database, 36, shares, 0, 0)
    assert sorted(np.concatenate(chunks)) == list(range(72))
    batches = mixed_batches(chunks[0], database, shares, 0, 0)
    assert batches.shape == (len(chunks[0]) // 8, 8)
    counts = [np.bincount(database[batch], minlength=3).tolist() for batch in batches]
    assert counts == [[4, 2, 2]] * len(batches)
    of_last = batches[database[batches] == 2]
    assert np.ptp(np.unique(of_last, return_counts=True)[1]) <= 1  # each comes again before another comes a third time
    assert batches.tolist() == mixed_batches(chunks[0], database, shares, 0, 0).tolist()
    assert batches.tolist() != mixed_batches(chunks[0], database, shares, 0, 1).tolist()
    assert [chunk.tolist() for chunk in make_mixed_chunks(database, 36, shares, 1, 0)] == [chunks[0].tolist()]


def test_shares_add_up_to_a_batch():
    assert batch_shares("1,1,1", 3, 16) == [6, 5, 5]
    assert batch_shares("0.5, 3", 2, 15) == [2, 13]


@pytest.mark.parametrize(
    ("mix", "match"),
    [
        ("1,1", "it must be a positive number for each of 3 databases, such as 1,1,1"),
        ("1,1,x", "mix is '1,1,x'"),
        ("1,0,1", "positive"),
        ("1,nan,1", "positive"),
        ("9,9,1", "8, 7, 1 videos of the databases, but each must have 2 or more"),
    ],
)
def test_wrong_mixes_are_told(mix, match):
    with pytest.raises(UserError, match=match):
        batch_shares(mix, 3, 16)


def test_a_database_too_small_for_its_share_is_told():
    with pytest.raises(UserError, match="3 videos of database 2 in 2 chunks are less than the 4 of a batch"):
        make_mixed_chunks(np.repeat([0, 1], [40, 3]), 22, [4, 4], 0, 0)

import json

import av
import numpy as np
import pytest

import jaxvqa
from jaxvqa import UserError
from jaxvqa.features.store import Features, aligned, create_shard, load_shard, open_shards, read_index, store_row


def fill(folder, count, channels=3):
    """Stores features of some videos, and returns them."""
    rows = np.random.default_rng(0).normal(size=(count, 64, 49, channels)).astype(np.float16)
    for number, place in zip(range(count), open_shards(folder, 0, count), strict=False):
        store_row(place, f"{number}.mp4", f"{number:064x}", rows[number])
    return rows


def test_rows_are_read_back_in_any_order(tmp_path):
    rows = fill(tmp_path, 5)
    index = read_index(tmp_path)
    assert [*index] == [f"{number:064x}" for number in range(5)]
    features = Features([*index.values()], [*index])
    assert len(features) == 5
    lines = map(json.loads, (tmp_path / "shard-0-0.jsonl").read_text().splitlines())
    assert {(line["jaxvqa"], line["av"]) for line in lines} == {(jaxvqa.__version__, av.__version__)}
    np.testing.assert_array_equal(features.read([4, 0, 2]), rows[[4, 0, 2]])


def test_a_shard_has_its_space_from_the_start(tmp_path):
    create_shard(tmp_path / "shard-0-0.npy", (4, 64, 49, 2))
    assert np.load(tmp_path / "shard-0-0.npy", mmap_mode="r").shape == (4, 64, 49, 2)
    assert (tmp_path / "shard-0-0.npy").stat().st_size >= 4 * 64 * 49 * 2 * 2


def test_a_shard_with_fewer_rows_than_its_index_is_refused(tmp_path):
    fill(tmp_path, 2)
    index = tmp_path / "shard-0-0.jsonl"
    index.write_bytes(index.read_bytes() * 2)
    with pytest.raises(UserError, match="has 2 rows, not the 4 of its index"):
        read_index(tmp_path)


def test_memory_begins_where_jax_takes_it_as_it_is():
    for shape in ((1, 2, 3), (3, 5), (7,)):
        memory = aligned(shape)
        assert (memory.shape, memory.dtype, memory.ctypes.data % 64) == (shape, np.float16, 0)


@pytest.mark.hostile
def test_a_sound_shard_is_not_blamed_for_what_the_system_lacks(tmp_path, no_more_files):
    fill(tmp_path, 2)
    with no_more_files(), pytest.raises(OSError, match="Too many open files"):
        load_shard(tmp_path / "shard-0-0.npy")
    assert len(read_index(tmp_path)) == 2
    shard = tmp_path / "shard-0-0.npy"
    shard.write_bytes(shard.read_bytes()[:-1000])
    for read in (read_index, lambda folder: next(open_shards(folder, 0, 1))):
        with pytest.raises(UserError, match=r"shard-0-0.npy is truncated or corrupt .*: move it and .*jsonl away"):
            read(tmp_path)

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch

from jaxvqa.errors import CheckpointError
from jaxvqa.upstream.archive import DIRECTORY, LEGACY, SLACK, Archive, Pickles
from jaxvqa.upstream.values import RefusedError

pytestmark = pytest.mark.hostile
STATE = {"a": torch.arange(6, dtype=torch.float32), "b": torch.arange(3)}


def saved(value=STATE, **options):
    torch.save(value, file := io.BytesIO(), **options)
    return file.getvalue()


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files, compression=zipfile.ZIP_STORED):
    """A zip archive of (name, content)."""
    with zipfile.ZipFile(file := io.BytesIO(), "w", compression) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return file.getvalue()


def opened(path, data):
    """An archive, and the bytes of all storages that its pickle names."""
    path.write_bytes(data)
    archive = Archive(path, memoryview(data))
    return archive, {key: bytes(archive.numbers(tensor.storage)) for key, tensor in archive.load().items()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.pth"


def test_storages_are_views_of_the_file(path):
    data = saved()
    archive, numbers = opened(path, data)
    assert numbers == {key: value.numpy().tobytes() for key, value in STATE.items()}
    assert all(content.obj is data for content in archive.contents.values())
    positions = [archive.starts[f"{archive.folder}data/{key}"] for key in "01"]
    assert [position % 64 for position in positions] == [0, 0]
    assert data[positions[0] :][: 6 * 4] == numbers["a"]


def test_archives_may_be_packed_again(path):
    files = members(saved())
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        _, numbers = opened(path, packed(files.items(), compression))
        assert numbers["a"] == STATE["a"].numpy().tobytes()
    # With sizes after the contents, as what is written to a pipe has them, and with a comment at the end.
    with zipfile.ZipFile(piped := Pipe(), "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.comment = b"PK" * 100
    assert opened(path, piped.getvalue())[1] == numbers


class Pipe(io.BytesIO):
    def seekable(self):
        return False

    def seek(self, *_):
        raise OSError

    tell = seek


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_packed_otherwise_are_refused(path, compression):
    with pytest.raises(RefusedError, match="packed as PyTorch does not pack"):
        opened(path, packed(members(saved()).items(), compression))


def entry_of(data, name):
    """Where an archive's directory has an entry."""
    at = data.index(b"PK\1\2")
    while data[at + 46 :][: len(name)] != name.encode():
        at = data.index(b"PK\1\2", at + 4)
    return at


def changed(data, at, form, value):
    return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


def test_names_stand_once(path):
    files = [*members(saved()).items()]
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = packed([*files, files[0]])
    with pytest.raises(RefusedError, match="two files in it have the same name"):
        opened(path, twice)
    hidden = packed([*files, (files[0][0] + "~hidden", b"other")]).replace(b"~hidden", b"\0hidden")
    with pytest.raises(RefusedError, match="two files in it have the same name"):
        opened(path, hidden)


@pytest.mark.parametrize("where", [-1, 0, 1, 10, 1 << 30, (1 << 32) - 2])
def test_entries_lie_in_the_file_and_apart(path, where):
    data = packed(members(saved()).items())
    name = next(name for name in members(data) if name.endswith("data/1"))
    at = entry_of(data, name)
    start = struct.unpack_from("<I", data, at + 42)[0]
    moved = where if where > 10 else (start + where if where else 0)
    if where:
        with pytest.raises(RefusedError, match="damaged"):
            opened(path, changed(data, at + 42, "<I", moved))
    with pytest.raises(RefusedError, match="damaged"):  # where another entry is
        opened(path, changed(data, at + 42, "<I", 0))
    longer = struct.unpack_from("<I", data, at + 20)[0] + 10_000
    with pytest.raises(RefusedError, match="damaged"):
        opened(path, changed(changed(data, at + 20, "<I", longer), at + 24, "<I", longer))


def test_entries_do_not_share_bytes(path):
    """As in bombs whose entries all lie in one another; each is sound by itself."""
    data = packed(members(saved({"a": torch.zeros(3), "b": torch.zeros(3)})).items())
    first, second = (entry_of(data, next(name for name in members(data) if name.endswith(f"data/{n}"))) for n in "01")
    assert opened(path, data)[1] == {"a": bytes(12), "b": bytes(12)}
    with pytest.raises(RefusedError, match="damaged"):
        opened(path, changed(data, second + 42, "<I", struct.unpack_from("<I", data, first + 42)[0]))


def test_an_entry_that_begins_in_the_last_bytes(path):
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        for name, content in members(saved()).items():
            archive.writestr(name, content)
        archive.comment = b"PK\3\4 and no more"
    data = file.getvalue()
    with pytest.raises(RefusedError, match="damaged"):
        opened(path, changed(data, entry_of(data, name) + 42, "<I", len(data) - len(archive.comment)))


def test_bombs_are_not_unpacked(path):
    files = members(saved())
    bomb = packed([*files.items(), ("more", bytes(SLACK + (1 << 20)))], zipfile.ZIP_DEFLATED)
    with pytest.raises(RefusedError, match=r"its \d+ bytes unpack to 6\d+, as no PyTorch file does"):
        opened(path, bomb)
    # One that says that it is small is unpacked as far as it says.
    name = next(name for name in files if name.endswith("data/0"))
    liar = packed([*{**files, name: bytes(SLACK)}.items()], zipfile.ZIP_DEFLATED)
    liar = changed(liar, entry_of(liar, name) + 24, "<I", 24)
    with pytest.raises(RefusedError, match="damaged"):
        opened(path, liar)


def test_directories_are_no_longer_than_those_of_tensors(path):
    many = packed(
        [*members(saved()).items(), *((f"archive/{number:01000}", b"") for number in range(DIRECTORY // 1000))]
    )
    with pytest.raises(RefusedError, match=r"its directory of files has \d+ bytes"):
        opened(path, many)


@pytest.mark.parametrize("bit", [0, 1, 7])
def test_what_is_read_is_as_it_was_written(path, bit):
    data = bytearray(saved())
    data[bytes(data).index(STATE["a"].numpy().tobytes()) + 5] ^= 1 << bit
    with pytest.raises(RefusedError, match="damaged"):
        opened(path, bytes(data))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"archive/other": b""}, "which has one FOLDER/data.pkl"),
        ({"a/data.pkl": b"}.", "b/data.pkl": b"}."}, "which has one FOLDER/data.pkl"),
        ({"a/b/data.pkl": b"}."}, "which has one FOLDER/data.pkl"),
        ({"a/data.pkl": b"}.", "a/byteorder": b"big"}, "big-endian"),
        ({"a/data.pkl": b""}, "damaged"),
    ],
)
def test_archives_that_are_none_of_pytorch(path, files, reason):
    with pytest.raises(RefusedError, match=reason):
        opened(path, packed(files.items()))


def test_storages_that_are_missing_or_of_another_size(path):
    files = members(saved())
    name = next(name for name in files if name.endswith("data/1"))
    for content in (files[name] + b"\0", files[name][:-1], b""):
        with pytest.raises(RefusedError, match="damaged"):
            opened(path, packed({**files, name: content}.items()))
    del files[name]
    with pytest.raises(RefusedError, match="it lacks data/1"):
        opened(path, packed(files.items()))


def test_encrypted_archives_are_refused(path):
    data = packed(members(saved()).items())
    name = next(name for name in members(data) if name.endswith("data.pkl"))
    with pytest.raises(RefusedError, match="encrypted"):
        opened(path, changed(data, entry_of(data, name) + 8, "<H", 1))


def test_what_is_no_archive_is_said(path):
    data = saved()
    for cut in (5, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(CheckpointError, match=r"cannot be read .*: download it again"):
            opened(path, data[:cut])


@pytest.fixture(scope="module")
def legacy():
    return saved(_use_new_zipfile_serialization=False)


def numbers_of(data):
    pickles = Pickles(memoryview(data))
    return {key: bytes(pickles.numbers(tensor.storage)) for key, tensor in pickles.load().items()}


def test_files_of_before_archives(legacy):
    assert legacy.startswith(LEGACY)
    assert numbers_of(legacy) == {key: value.numpy().tobytes() for key, value in STATE.items()}
    assert numbers_of(legacy + b"what PyTorch does not look at") == numbers_of(legacy)
    for cut in range(len(legacy)):
        with pytest.raises(RefusedError, match=r"damaged|neither an archive nor a pickle"):
            numbers_of(legacy[:cut])


def test_files_of_before_archives_that_are_wrong(legacy):
    def answer(before, after, count=1):
        assert legacy.count(before) == count
        with pytest.raises(RefusedError) as caught:
            numbers_of(legacy.replace(before, after))
        return str(caught.value)

    system = pickle.loads(legacy[len(LEGACY) :])
    assert system["little_endian"] is True
    assert "big-endian" in answer(b"little_endianq\x02\x88", b"little_endianq\x02\x89")
    six, three = STATE["a"].numpy().tobytes(), STATE["b"].numpy().tobytes()
    assert "damaged" in answer(struct.pack("<q", 6) + six, struct.pack("<q", 5) + six)
    assert "damaged" in answer(struct.pack("<q", 3) + three, struct.pack("<q", -3) + three)
    keys = legacy[legacy.index(b"]q") :]
    assert keys.count(b"X") == 2
    assert "damaged" in answer(keys, keys.replace(b"X", b"U", 1))
    assert "damaged" in answer(keys, b"]." + keys[keys.index(b"e.") + 2 :])
    assert "damaged" in answer(keys, b"].")


def test_numbers_of_all_widths_are_read_wherever_they_stand():
    values = {"a": torch.arange(5, dtype=torch.int8), "b": torch.linspace(0, 1, 5, dtype=torch.float64)}
    data = saved(values, _use_new_zipfile_serialization=False)
    found = numbers_of(data)
    assert np.array_equal(np.frombuffer(found["b"], np.float64), values["b"].numpy())

"""The files that PyTorch writes, mapped into memory: zip archives since version 1.6, plain pickles before."""

import io
import mmap
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..system.untrusted import DAMAGE, untrusted
from .unpickle import Unpickler
from .values import CUT, RefusedError, Storage, shown

ZIP = b"PK\3\4"  # how archives of PyTorch begin
LOCAL = struct.Struct("<26xHH")  # lengths of a zip entry's name and extra field, which its bytes come after
DIRECTORY = 1 << 22  # bytes of a zip archive's directory, about 100 for each tensor
SLACK = 1 << 26  # bytes that an archive may unpack to beyond its own size: tensors are stored as they are, code is not
# How files without an archive begin: the first two of their pickles, a number by which they are known and a version.
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
COUNT = 8  # bytes before each storage there: how many numbers it has
BIG_ENDIAN = "it was written on a big-endian machine"


def map_file(path: Path) -> memoryview:
    """The bytes of a file, which the system reads when they are looked at."""
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


class Directory(io.FileIO):
    """A file for `zipfile`, which reads an archive's directory at once and takes ten times its size to hold it."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Some bytes, or all that are left.

        Raises:
            RefusedError: they are more than a directory has.
        """
        if size is not None and size > DIRECTORY:
            raise RefusedError(f"its directory of files has {size} bytes, as no PyTorch file's does")
        return super().read(size)


class Archive:
    """A zip archive of PyTorch, checked: no name twice, no entry inside another, and no more in all than PyTorch packs.

    Raises:
        CheckpointError: it is no zip archive.
        RefusedError: it is none that PyTorch writes.
    """

    def __init__(self, path: Path, data: memoryview):
        self.data = data
        self.contents: dict[str, memoryview] = {}
        kinds = (*DAMAGE, NotImplementedError, zipfile.BadZipFile, struct.error)
        with (
            Directory(path) as file,
            untrusted(f"checkpoint {path}", CheckpointError, "download it again", kinds=kinds),
            zipfile.ZipFile(file) as archive,
        ):
            entries = archive.infolist()
        self.entries = {entry.filename: entry for entry in entries}
        if len(self.entries) < len(entries):
            raise RefusedError("two files in it have the same name")
        unpacked = sum(entry.file_size for entry in entries)
        if unpacked > len(data) + SLACK:
            raise RefusedError(f"its {len(data)} bytes unpack to {unpacked}, as no PyTorch file does")
        self.starts, before = {}, 0
        for entry in sorted(entries, key=lambda entry: entry.header_offset):
            header = bytes(data[max(0, entry.header_offset) :][: LOCAL.size])
            if entry.header_offset < before or header[:4] != ZIP or len(header) < LOCAL.size:
                raise RefusedError(CUT)
            start = entry.header_offset + LOCAL.size + sum(LOCAL.unpack(header))
            self.starts[entry.filename], before = start, start + entry.compress_size
        folders = [
            name[: -len("data.pkl")] for name in self.entries if name.count("/") == 1 and name[-9:] == "/data.pkl"
        ]
        if len(folders) != 1:
            raise RefusedError("it is no archive of PyTorch's, which has one FOLDER/data.pkl")
        self.folder = folders[0]

    def load(self) -> Any:
        """What the archive's pickle describes."""
        if self.folder + "byteorder" in self.entries and bytes(self.read("byteorder")) != b"little":
            raise RefusedError(BIG_ENDIAN)
        return Unpickler(self.read("data.pkl")).load()

    def numbers(self, storage: Storage) -> memoryview:
        """The bytes of a storage."""
        content = self.read(f"data/{storage.key}")
        if len(content) != storage.count * storage.dtype.itemsize:
            raise RefusedError(CUT)
        return content

    def read(self, name: str) -> memoryview:
        """The content of a file in the archive's folder, unpacked if it is packed.

        Raises:
            RefusedError: there is none, or it is damaged.
        """
        if name not in self.contents:
            entry = self.entries.get(self.folder + name)
            if entry is None:
                raise RefusedError(f"it lacks {shown(name)}")
            start = self.starts[entry.filename]
            content = self.data[start : start + entry.compress_size]
            if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise RefusedError(f"its {shown(name)} is encrypted, or packed as PyTorch does not pack")
            if entry.compress_type == zipfile.ZIP_DEFLATED:
                try:
                    content = memoryview(zlib.decompressobj(-15).decompress(content, entry.file_size + 1))
                except zlib.error:
                    raise RefusedError(CUT) from None
            if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
                raise RefusedError(CUT)
            self.contents[name] = content
        return self.contents[name]


class Pickles:
    """A file of PyTorch without an archive: five pickles, the last with the keys of the storages that follow them."""

    def __init__(self, data: memoryview):
        self.data = data
        self.contents: dict[str, memoryview] = {}

    def load(self) -> Any:
        """What the fourth pickle describes."""
        if bytes(self.data[: len(LEGACY)]) != LEGACY:
            raise RefusedError("it is neither an archive nor a pickle of PyTorch's")
        pickles = Unpickler(self.data, len(LEGACY))
        system, root, keys = pickles.load(), pickles.load(), pickles.load()
        if not isinstance(system, dict) or not isinstance(keys, list):
            raise RefusedError(CUT)
        if system.get("little_endian") is not True:
            raise RefusedError(BIG_ENDIAN)
        at = pickles.at
        for key in keys:
            storage = pickles.storages.get(key) if isinstance(key, str) else None
            if storage is None or int.from_bytes(self.data[at : at + COUNT], "little") != storage.count:
                raise RefusedError(CUT)
            start, at = at + COUNT, at + COUNT + storage.count * storage.dtype.itemsize
            if at > len(self.data):
                raise RefusedError(CUT)
            self.contents[key] = self.data[start:at]
        return root

    def numbers(self, storage: Storage) -> memoryview:
        """The bytes of a storage."""
        if storage.key not in self.contents:
            raise RefusedError(CUT)
        return self.contents[storage.key]

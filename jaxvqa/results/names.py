"""Names of videos: which of some paths each name means."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError

FORM = "which differ only in Unicode form, slashes or blanks"


def name_key(name: str) -> str:
    """What a name or path is compared by: composed characters, slashes, no blanks around it.

    Macs write accents decomposed (Unicode NFD), most other systems composed (NFC); Windows divides folders by
    backslashes. File names that differ in this alone are never told apart.
    """
    parts = unicodedata.normalize("NFC", name).strip().replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def match_paths(names: Sequence[str], paths: Sequence[str]) -> list[list[int]]:
    """Which paths each name may mean.

    A name means just this path, else those that end with it, else those that do so without their suffix. Failing all,
    an end of the name, the longest first, is looked for in the same way if no other name has the same end.

    Returns:
        Indices of paths, by name: several where the name does not say which of them, none where there is none.
    """
    keys = [name_key(path) for path in paths]
    whole: dict[str, list[int]] = {}  # ends of paths, such as a/b.mp4 and b.mp4, to those paths
    stems: dict[str, list[int]] = {}  # the same without suffix
    for i, key in enumerate(keys):
        for end in ends(key):
            whole.setdefault(end, []).append(i)
            stems.setdefault(os.path.splitext(end)[0], []).append(i)
    wanted = [ends(name_key(name)) for name in names]
    counts = Counter(end for each in wanted for end in each)
    found = []
    for each in wanted:
        usable = [end for i, end in enumerate(each) if i == 0 or counts[end] == 1]
        exact = [i for end in usable[:1] for i in whole.get(end, []) if keys[i] == end]
        found.append(exact or next((kind[end] for end in usable for kind in (whole, stems) if end in kind), []))
    return found


def ends(key: str) -> list[str]:
    """All ends of a path, the longest first: a/b.mp4 and b.mp4."""
    parts = key.split("/")
    return ["/".join(parts[i:]) for i in range(len(parts))]


def ambiguity(name: str, source: str, first: str, second: str) -> str:
    """Words for a name that may mean two paths."""
    said = f"{name} of {source} might be {first} or {second}"
    if name_key(first) == name_key(second):
        said = f"{name} of {source} might be {first!a} or {second!a}, {FORM}"
    return said


def short_names(source: Path, given: Sequence[str]) -> list[str]:
    """Names without folders, or with them where all have one and videos of several folders have the same name.

    Raises:
        UserError: two are the same.
    """
    names = [re.split(r"[/\\]", name.rstrip("/\\"))[-1] for name in given]
    if len(set(map(name_key, names))) < len(names) and all("/" in name_key(name) for name in given):
        names = list(given)
    seen: dict[str, str] = {}
    for name in names:
        key = name_key(name)
        if seen.get(key) == name:
            raise UserError(f"{source} has more than one row for {name}.")
        if key in seen:
            raise UserError(f"{source} has rows for {seen[key]!a} and {name!a}, {FORM}: rename one, or remove a row.")
        seen[key] = name
    return names


def encoding_advice(source: Path | str, names: Sequence[str]) -> str:
    """What to do about names that no video has because they are in another encoding, if any of them is; else ""."""
    foreign = any("\udc80" <= character <= "\udcff" for name in names for character in name)
    return f"; not all of {source} is UTF-8, so export it as UTF-8" * foreign

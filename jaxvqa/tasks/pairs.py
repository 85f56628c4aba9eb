"""Which videos are compared with each other. Nothing here imports JAX."""

import os
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError
from ..system.terminal import Log
from . import inputs


class Pair(NamedTuple):
    """Two videos to compare, and the name they have in common."""

    name: str
    first: str
    second: str


def pair(first: str, second: str, log: Log) -> tuple[list[Pair], list[str]]:
    """Two files as one pair, or the files of two folders by their places in them; and those without a partner.

    Suffixes may differ: encodes of one source have them in different containers.

    Raises:
        UserError: one is a folder and the other is none, no file has a partner, or several have the same name.
    """
    if os.path.isdir(first) != os.path.isdir(second):
        raise UserError(f"{first} and {second} must be two videos or two folders.")
    if not os.path.isdir(first):
        [[one], [other]] = find_one(first, log), find_one(second, log)
        return [Pair(f"{Path(one).name} to {Path(other).name}", one, other)], []
    sides = []
    for folder in (first, second):
        named: dict[str, str] = {}
        for path in inputs.find(folder, log):
            name = os.path.splitext(os.path.relpath(path, folder))[0]
            if name in named:
                raise UserError(f"{named[name]} and {path} are named alike, but for their suffix: rename one.")
            named[name] = path
        sides.append(named)
    one, other = sides
    both = [Pair(name, one[name], other[name]) for name in one if name in other]
    if not both:
        raise UserError(f"no video in {first} has a partner of its name in {second}.")
    return both, [one.get(name) or other[name] for name in one | other if not (name in one and name in other)]


def find_one(source: str, log: Log) -> list[str]:
    """The one video that a user means."""
    paths = inputs.find(source, log)
    if len(paths) != 1:
        raise UserError(f"{source} means {len(paths)} videos: compare two, or two folders.")
    return paths

"""The config files: where they are, and what their fields mean."""

import difflib
import inspect
import os
import re
import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import ml_collections
from absl import flags
from ml_collections import config_flags

from ..errors import UserError
from ..system.files import expand_home, local_path
from ..system.untrusted import raised_in, untrusted
from . import defaults
from .defaults import CHOICES

PACKAGE = Path(__file__).parents[1]
FOLDERS = (PACKAGE / "configs", PACKAGE.parent / "configs")  # of an installed package, of a checkout
FLAG = "--config"
COMMENTED = re.compile(r"^ *config[.]([\w.]+) = .*  # (.*)$|\b(\w+_config)\(\)", re.MULTILINE)
CORRECT = "correct the file"
KINDS = {int: "a whole number", float: "a number", bool: "True or False"}
ADDRESSES = ("source",)  # fields that may be addresses


class Field(NamedTuple):
    """A setting.

    Attributes:
        name: with dots, such as "train.batch".
        default: its value where nothing else is asked for.
        comment: what it does.
    """

    name: str
    default: Any
    comment: str


def config_path(name: str) -> Path:
    """The file of a config that comes with jaxvqa, such as "score".

    Raises:
        UserError: there is none of that name.
    """
    paths = config_paths()
    if name not in paths:
        raise UserError(f"there is no config {name!r}, but {', '.join(paths)}.")
    return paths[name]


def config_paths() -> dict[str, Path]:
    """The files of all configs that come with jaxvqa, by name."""
    return {path.stem: path for folder in FOLDERS for path in sorted(folder.glob("*.py"))}


def describe(path: Path) -> tuple[str, list[Field]]:
    """What a config file says at its top, and its fields except `task`, with the comments beside them.

    Fields with a comment in the file come first, then those of the functions of `defaults` that it calls.

    Raises:
        UserError: the file cannot be read, or has no `get_config`.
    """
    check_file(path)
    with untrusted(f"config {path}", UserError, CORRECT, kinds=Exception):  # a program of the user's
        text = path.read_text(encoding="utf-8")
        module = runpy.run_path(str(path))
        if not callable(get_config := module.get("get_config")):
            raise UserError(f"config {path} has no get_config().")
        inspect.signature(get_config).bind()  # raises an error if it asks for arguments
        config = get_config()
        check_config(config)
        values = dict(leaves(config))
    here, shared = dict(comments(text)), dict(comments(text, shared=True))
    names = dict.fromkeys([*(name for name in (*here, *shared) if name in values), *values])
    comment = shared | here
    return module["__doc__"] or "", [
        Field(name, values[name], comment.get(name, "")) for name in names if name != "task"
    ]


def comments(text: str, shared: bool = False) -> Iterator[tuple[str, str]]:
    """The fields that a program sets, with the comments beside them.

    Args:
        shared: whether those that functions of `defaults` set for it are given as well, where it calls these.
    """
    for name, comment, function in COMMENTED.findall(text):
        if name:
            yield name, comment
        elif shared and hasattr(defaults, function):
            # Without its first line, in which the function would call itself.
            yield from comments(inspect.getsource(getattr(defaults, function)).partition("\n")[2], shared=True)


def leaves(config: ml_collections.ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a config and of those within it, by their names with dots."""
    for name, value in config.items():
        if isinstance(value, ml_collections.ConfigDict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def read_config(argv: list[str], fields: Mapping[str, Any] = MappingProxyType({})) -> ml_collections.ConfigDict:
    """The config that the arguments name, program name first, with their changes to it; `~` is the home folder.

    Args:
        fields: values of fields that no argument can give, of whatever type.

    Raises:
        UserError: no config, one that cannot be read, an argument that does not fit it, or an address for a path.
    """
    argv = [
        f"{name}={expand_home(value)}" if name in (FLAG, FLAG[1:]) and equals else expand_home(name + equals + value)
        for name, equals, value in (argument.partition("=") for argument in argv)
    ]
    path = find_path(argv)
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
    with untrusted(f"config {path}", UserError, CORRECT, kinds=Exception):
        try:
            rest = values(argv)[1:]
            if rest:
                raise UserError(f"unexpected argument {rest[0]!r}: fields are set as {FLAG}.FIELD=VALUE.")
            config: ml_collections.ConfigDict = values["config"].value  # ty: ignore[invalid-assignment], it is read
            check_config(config)
        except flags.IllegalFlagValueError as error:
            setting, _, reason = str(error).removeprefix(f"flag {FLAG}.").partition(": ")
            name, _, value = setting.partition("=")
            defaults_there: ml_collections.ConfigDict = values["config"].value  # ty: ignore[invalid-assignment], it is read
            kind = KINDS.get(type(dict(leaves(defaults_there)).get(name)))
            raise UserError(f"{name} is {value!r}; it must be {kind or f'of its type ({reason})'}.") from error
        except flags.Error as error:
            raise UserError(f"{error}.") from error
        except (AttributeError, KeyError) as error:
            if raised_in(error) != "ml_collections":  # whose locked configs answer so to a field that they lack
                raise
            raise UserError(f"the config has no such field: {' '.join(str(error).split())}.") from error
    with config.ignore_type():
        config.update(fields)
        localize(config)
    check_choices(config)
    return config


def check_choices(config: ml_collections.ConfigDict) -> None:
    """Raises a UserError if a field is none of its choices."""
    for name, value in leaves(config):
        choices = CHOICES.get(name.rpartition(".")[2])
        if choices and value and value not in choices:
            meant = "".join(f" Did you mean {near}?" for near in difflib.get_close_matches(str(value), choices, n=1))
            allowed = " or ".join([", ".join(choices[:-1]), choices[-1]])
            raise UserError(f"{name} is {value!r}; it must be {allowed}.{meant}")


def localize(config: ml_collections.ConfigDict) -> None:
    """Makes paths on this machine of all texts of a config that can be meant so, those within lists included."""
    for name, value in config.items():
        path = expand_home if name in ADDRESSES else local_path
        if isinstance(value, ml_collections.ConfigDict):
            localize(value)
        elif isinstance(value, str):
            config[name] = path(value)
        elif type(value) in (list, tuple):
            config[name] = type(value)(path(each) if isinstance(each, str) else each for each in value)


def find_path(argv: list[str]) -> str:
    """The config file that arguments name, which may have what its `get_config` takes behind a colon.

    Raises:
        UserError: there is none.
    """
    paths = []
    for argument, following in zip(argv, [*argv[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if name in (FLAG, FLAG[1:]):
            paths.append(value if equals else following)
    if not paths:
        raise UserError(f"no config given: add {FLAG} configs/score.py (--help tells more).")
    check_file(paths[-1].partition(":")[0])
    return paths[-1]


def check_file(path: str | os.PathLike) -> None:
    """Raises a UserError if a config file is not there."""
    if not os.path.isfile(path):
        raise UserError(f"config {path} does not exist or is not a file.")


def check_config(config: Any) -> None:
    """Raises a UserError if what a config file gives is not a config of a task."""
    if not isinstance(config, ml_collections.ConfigDict) or "task" not in config:
        raise UserError("the config has no task: see configs/score.py.")

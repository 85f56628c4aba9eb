"""The config files: where they are, and what their fields mean."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections
from absl import flags
from ml_collections import config_flags

from ..errors import UserError

PACKAGE = Path(__file__).parents[1]
FOLDERS = (PACKAGE / "configs", PACKAGE.parent / "configs")  # of an installed package, of a checkout
TRAINING = PACKAGE / "tasks" / "defaults.py"  # what trainings start from
COMMENTED = re.compile(r"^ *config\.([\w.]+) = .*  # (.*)$", re.MULTILINE)


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
    """What a config file says at its top, and its fields but for `task`, in order, with the comments beside them.

    Raises:
        UserError: the file cannot be read, or has no `get_config`.
    """
    try:
        module = runpy.run_path(str(path))
        values = dict(leaves(module["get_config"]()))
    except Exception as error:  # a config is a program of its own, with whatever errors it may have
        raise UserError(f"config {path} cannot be read: {' '.join(str(error).split())}.") from error
    own, base = (dict(COMMENTED.findall(file.read_text(encoding="utf-8"))) for file in (path, TRAINING))
    names = dict.fromkeys([*(name for name in (*own, *base) if name in values), *values])
    return module["__doc__"] or "", [Field(n, values[n], own.get(n) or base.get(n, "")) for n in names if n != "task"]


def leaves(config: ml_collections.ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a config and of those within it, by their names with dots."""
    for name, value in config.items():
        if isinstance(value, ml_collections.ConfigDict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def read_config(argv: list[str]) -> ml_collections.ConfigDict:
    """The config that the arguments name, with their changes to it.

    Raises:
        UserError: no config, one that cannot be read, or an argument that does not fit it.
    """
    values = flags.FlagValues()
    try:
        config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
        if not any(argument.split("=")[0] in ("--config", "-config") for argument in argv):
            raise UserError("no config given: add --config configs/score.py (--help tells more).")
        rest = values(argv)[1:]
        if rest:
            raise UserError(f"unexpected argument {rest[0]!r}: fields are set as --config.FIELD=VALUE.")
        config = values["config"].value
        if "task" not in config:  # the first look into it also tells whether it could be read
            raise UserError("the config has no task: see configs/score.py.")
        return config
    except UserError:
        raise
    except flags.Error as error:
        raise UserError(f"{error}.") from error
    except (AttributeError, KeyError) as error:  # how a locked config answers a field that it lacks
        raise UserError(f"the config has no such field: {' '.join(str(error).split())}.") from error
    except Exception as error:  # a config is a program of its own, with whatever errors it may have
        raise UserError(f"the config cannot be read: {' '.join(str(error).split())}.") from error

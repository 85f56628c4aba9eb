"""The console command: `jaxvqa COMMAND`, each a row of the table of tasks, with the fields of its config as options."""

import argparse
import functools
import itertools
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import ml_collections

from . import __version__
from .errors import UserError
from .system.files import expand_home
from .tasks import TASKS, Task
from .tasks.configuration import FLAG, Field, config_path, describe, read_config
from .tasks.run import EXIT_CODES, exit_code_of, run, start

# Numbers below 0, which are values.
NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
TRAIN = "train a model on synthetic videos, on MaxWell or on other databases"  # all commands that begin with "train"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def __init__(self, *arguments: Any, **settings: Any):
        self.options: set[str] = set()
        super().__init__(*arguments, **settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        action = super().add_argument(*names, **settings)
        self.options.update(action.option_strings)
        return action

    def check_names(self, arguments: Sequence[str]) -> None:
        """Raises a UserError for what begins with a dash, but is no option: files may be named so."""
        for argument in itertools.takewhile(lambda argument: argument != "--", arguments):
            # As argparse does, which takes what has a space, and "-", for no option either.
            value = not argument.startswith("-") or argument == "-" or " " in argument or NEGATIVE.fullmatch(argument)
            if value or argument.partition("=")[0] in self.options:
                continue
            if os.path.lexists(argument) or not argument.startswith("--"):
                raise UserError(
                    f"{argument} begins with a dash, as options do: if it is a file, write ./{argument}, or put it "
                    f"after --; for the options, see {self.prog} --help."
                )
            self.error(f"unrecognized arguments: {argument}")

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help.")


def main(argv: Sequence[str]) -> int:
    """Runs a command, given without the name of the program, and returns the exit code."""
    return exit_code_of(lambda: run(read(argv)))


def read(argv: Sequence[str]) -> ml_collections.ConfigDict:
    """The config that a command line means.

    Raises:
        UserError: an unknown command or option, or a value that does not fit.
    """
    task, rest = find_task(argv)
    path = Path(expand_home(task.config)) if task.config.endswith(".py") else config_path(task.config)
    parser = command_parser(task, *describe(path))
    parser.check_names(rest)
    given = vars(parser.parse_args(rest))
    changes = [f"{FLAG}.{field}={value}" for field, value in given.items() if field not in task.positional]
    fields = {**dict(task.fixed), **{field: given[field] for field in task.positional}}
    return read_config([task.command, f"{FLAG}={path}", *changes], fields)


def find_task(argv: Sequence[str]) -> tuple[Task, Sequence[str]]:
    """The row that a command line begins with, or one for a training by a user's own file; and the other arguments."""
    rows = {task.command: task for task in TASKS}
    parser = Parser("jaxvqa", description="Explainable, no-reference video quality assessment.", epilog=EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"jaxvqa {__version__}")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", required=True)
    helps = {command.partition(" ")[0]: row.help for command, row in rows.items()} | {"train": TRAIN}
    for name, text in helps.items():
        commands.add_parser(name, help=text)
    name = parser.parse_args(argv[:1]).name
    if name != "train":
        return rows[name], argv[1:]

    parser = Parser("jaxvqa train", description="Trains a model.", epilog="jaxvqa train CONFIG --help tells more.")
    trainings = [command.partition(" ")[2] for command in rows if command.startswith("train ")]
    what = f"{', '.join(trainings)}, or a config file (.py) of your own"
    parser.add_argument("config", metavar="CONFIG", help=what)
    name = parser.parse_args(argv[1:2]).config
    if not name.endswith(".py") and name not in trainings:
        raise UserError(f"there is no training {name!r}, but {what}.")
    return rows.get(f"train {name}") or Task(f"train {name}", name, "", ""), argv[2:]


def command_parser(task: Task, said: str, fields: Sequence[Field]) -> Parser:
    """The options of a command: the fields of its config, except those that it sets."""
    # How it is run is told here in another way than at the top of configs.
    about = "\n\n".join(part for part in said.strip().split("\n\n") if not part.startswith("    "))
    program = f"jaxvqa {task.command}"
    usage = " ".join([program, "[OPTIONS]", *map(str.upper, task.positional)])
    form = functools.partial(argparse.RawDescriptionHelpFormatter, max_help_position=34)
    parser = Parser(program, usage, about, EXIT_CODES, formatter_class=form, allow_abbrev=False)
    number = "*" if "example" in [field.name for field in fields] else "+"  # of videos
    for name, default, comment in fields:
        shown = default != "" and not isinstance(default, bool)
        told = (f"{comment} ({default})" if shown else comment).replace("%", "%%")
        if name in task.positional:
            parser.add_argument(name, metavar=name.upper(), nargs=number if name == "videos" else None, help=told)
        elif not isinstance(default, list) and name not in dict(task.fixed):  # no command line can say a list
            add_option(parser, name, default, told)
    return parser


def add_option(parser: Parser, name: str, default: object, told: str) -> None:
    """Adds the option of a field, which may be spelled with underscores as well as with hyphens."""
    kind: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS}
    if isinstance(default, bool):
        kind["action"] = argparse.BooleanOptionalAction
    else:
        kind["metavar"] = "TEXT" if isinstance(default, str) else "NUMBER"
    parser.add_argument(f"--{name.replace('_', '-')}", help=told, **kind)
    if "_" in name:
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS, **kind)


def entry() -> NoReturn:
    """What the console command runs."""
    start()
    sys.exit(main(sys.argv[1:]))

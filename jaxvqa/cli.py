"""The console command: `jaxvqa COMMAND`, each the task of a config, whose fields are its options."""

import argparse
import functools
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import ml_collections

from . import __version__
from .errors import UserError
from .tasks.configuration import Field, config_path, describe, read_config
from .tasks.run import EXIT_CODES, exit_code_of, run, start

FIELD = re.compile(r"(?:--)?\bconfig\.(\w+(?:\.\w+)*)")  # as errors name it
TRAININGS = ("quickstart", "maxwell", "cross", "mixed", "ablation", "mini")


class Command(NamedTuple):
    """What a command does.

    Attributes:
        config: name of its config; for "train", the first argument.
        what: in a few words.
        positional: fields that are given without their names.
        fixed: fields that this command sets, and their values.
    """

    config: str
    what: str
    positional: tuple[str, ...] = ()
    fixed: tuple[tuple[str, Any], ...] = ()


COMMANDS = {
    "score": Command("score", "score videos in 16 quality dimensions", ("videos",)),
    "score-many": Command("score_many", "score very large collections, on many machines if need be", ("videos",)),
    "report": Command("score", "and write a page that shows where, when and why", ("videos",), (("report", True),)),
    "compare": Command("compare", "compare two videos, or two folders of them", ("first", "second")),
    "zero-shot": Command("zero_shot", "score videos in words of your own, by CLIP alone", ("videos",)),
    "demo": Command("demo", "score and compare videos on a page in the browser"),
    "evaluate": Command("evaluate", "compare scores, or a model's, with human ones"),
    "train": Command("", "train a model on synthetic videos, on MaxWell or on other databases"),
    "finetune": Command("finetune", "train a model on your own labels, in any dimension", ("labels", "folder")),
    "extract": Command("extract", "extract the features that trainings start from", ("databases",)),
    "synthetic": Command("synthetic", "render a synthetic database"),
    "convert": Command("convert", "convert published checkpoints"),
    "export": Command("export", "write the scorer as StableHLO, for programs without this package"),
    "download": Command("download", "fetch the published weights, and convert them"),
    "doctor": Command("doctor", "tell what works on this machine"),
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help.")


def main(argv: Sequence[str]) -> int:
    """Runs a command, given without the name of the program, and returns the exit code."""
    names: set[str] = set()
    return exit_code_of(lambda: run(read(argv, names)), lambda sentence: in_options(sentence, names))


def in_options(text: str, names: Collection[str]) -> str:
    """A text in which options stand for the fields, named as configs name them."""
    text = FIELD.sub(lambda found: option(found[1]) if found[1] in names else found[0], text)
    return re.sub(r"--(\S+)=(True|False)\b", lambda found: f"--{'no-' * (found[2] == 'False')}{found[1]}", text)


def option(name: str) -> str:
    """What a field is called on a command line."""
    return f"--{name.replace('_', '-')}"


def read(argv: Sequence[str], names: set[str]) -> ml_collections.ConfigDict:
    """The config that a command line means; adds the names of the command's fields to `names`.

    Raises:
        UserError: an unknown command or option, or a value that does not fit.
    """
    parser = Parser("jaxvqa", description="Explainable, no-reference video quality assessment.", epilog=EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"jaxvqa {__version__}")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.what)
    name, rest = parser.parse_args(argv[:1]).name, argv[1:]
    command, program = COMMANDS[name], f"jaxvqa {name}"
    if name == "train":
        path, program, rest = find_training(rest)
    else:
        path = config_path(command.config)
    said, fields = describe(path)
    fields = [field for field in fields if field.name not in dict(command.fixed)]
    names |= {field.name for field in fields}
    given = vars(command_parser(program, said, fields, command).parse_args(rest))

    changes = [f"--config.{field}={value}" for field, value in given.items() if field not in command.positional]
    config = read_config([program, f"--config={path}", *changes])
    with config.ignore_type():
        config.update({**dict(command.fixed), **{field: given[field] for field in command.positional}})
    return config


def find_training(argv: Sequence[str]) -> tuple[Path, str, Sequence[str]]:
    """The config file of a training, the program's name with it, and the rest of the arguments."""
    parser = Parser("jaxvqa train", description="Trains a model.", epilog="jaxvqa train CONFIG --help tells more.")
    what = f"{', '.join(TRAININGS)}, or a config file (.py) of your own"
    parser.add_argument("config", metavar="CONFIG", help=what)
    config = parser.parse_args(argv[:1]).config
    if not config.endswith(".py") and config not in TRAININGS:
        raise UserError(f"there is no training {config!r}, but {what}.")
    return Path(config) if config.endswith(".py") else config_path(config), f"jaxvqa train {config}", argv[1:]


def command_parser(program: str, said: str, fields: Sequence[Field], command: Command) -> Parser:
    """The options of a command: the fields of its config."""
    # How it is run is told here in another way than at the top of configs.
    about = "\n\n".join(part for part in said.strip().split("\n\n") if not part.startswith("    "))
    about = in_options(about, [field.name for field in fields])
    usage = " ".join([program, "[OPTIONS]", *map(str.upper, command.positional)])
    form = functools.partial(argparse.RawDescriptionHelpFormatter, max_help_position=34)
    parser = Parser(program, usage, about, EXIT_CODES, formatter_class=form, allow_abbrev=False)
    for name, default, comment in fields:
        shown = default != "" and not isinstance(default, bool)
        told = (f"{comment} ({default})" if shown else comment).replace("%", "%%")
        if name in command.positional:
            parser.add_argument(name, metavar=name.upper(), nargs="+" if name == "videos" else None, help=told)
        elif isinstance(default, bool):
            action = argparse.BooleanOptionalAction
            parser.add_argument(option(name), dest=name, action=action, default=argparse.SUPPRESS, help=told)
        elif not isinstance(default, list):  # which no command line can say
            value = "TEXT" if isinstance(default, str) else "NUMBER"
            parser.add_argument(option(name), dest=name, metavar=value, default=argparse.SUPPRESS, help=told)
    return parser


def entry() -> NoReturn:
    """What the console command runs."""
    start()
    sys.exit(main(sys.argv[1:]))

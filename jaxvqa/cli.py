"""The console command: `jaxvqa COMMAND`, each a row of the table of tasks, with the fields of its config as options."""

import itertools
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click
import ml_collections
from click.shell_completion import CompletionItem

from . import __version__
from .errors import UserError
from .system.files import expand_home
from .tasks import TASKS, Task
from .tasks.configuration import FLAG, Field, config_path, describe, read_config
from .tasks.defaults import CHOICES
from .tasks.run import EXIT_CODES, exit_code_of, run, start
from .video.find import SUFFIXES

ABOUT = "Explainable, no-reference video quality assessment: 16 scores per video, and where and when each one drops."
INTRODUCTION = f"""{ABOUT}

  jaxvqa score clip.mp4          score a clip
  jaxvqa compare a.mp4 b.mp4     compare two encodes
  jaxvqa report videos/          score a folder, and write a page

`jaxvqa help` lists all commands, `jaxvqa help score` the options of one.
"""
TRAIN = "train a model on synthetic videos, on MaxWell or on other databases"  # all commands that begin with "train"
SHORT = {"output": ["-o"], "quiet": ["-q"], "verbose": ["-v"]}
DASH = re.compile(r"-(?!-|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$)\S+", re.IGNORECASE)  # one, and no number below 0


def hyphens(name: str) -> str:
    """The name of a command or an option, which may be typed with underscores."""
    return name.replace("_", "-")


SETTINGS: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
    "token_normalize_func": hyphens,
}


class Text(click.ParamType):
    """A value as it is typed, which `read_config` turns into the type of its field.

    Shells complete it by the choices of its field, or by files.
    """

    name = "text"

    def __init__(self, field: str):
        self.choices = CHOICES.get(field.rpartition(".")[2], ())

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the value; raises an error for an option of the command, before which a value was forgotten."""
        if ctx and isinstance(param, click.Option) and value.partition("=")[0] in options_of(ctx):
            raise click.BadOptionUsage(param.name or "", f"option '{param.opts[-1]}' requires an argument", ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Returns the choices that begin so, or has the shell complete files."""
        found = [CompletionItem(choice) for choice in self.choices if choice.startswith(incomplete)]
        return found if self.choices else [CompletionItem(incomplete, type="file")]


def options_of(ctx: click.Context) -> set[str]:
    """All spellings of the options of a command."""
    return {name for each in ctx.command.get_params(ctx) if isinstance(each, click.Option) for name in each.opts}


class TaskCommand(click.Command):
    """The command of a task; its config is read once it is called."""

    def __init__(self, task: Task):
        super().__init__(task.command, context_settings=SETTINGS, short_help=task.help, epilog=EXIT_CODES)
        self.task = task

    def make_context(self, info_name: str | None, args: list[str], *arguments: Any, **settings: Any) -> click.Context:
        """Adds the options before any of them is parsed or completed."""
        name = self.task.config
        self.path = Path(expand_home(name)) if name.endswith(".py") else config_path(name)
        said, fields = describe(self.path)
        # How it is run is told here in another way than at the top of configs.
        self.help = "\n\n".join(part for part in said.strip().split("\n\n") if not part.startswith("    "))
        example = "example" in [field.name for field in fields]
        self.params = [parameter for field in fields for parameter in parameters(self.task, field, example)]
        return super().make_context(info_name, args, *arguments, **settings)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raises a UserError for what begins with a dash, but is no option: files may be named so."""
        given = list(itertools.takewhile(lambda argument: argument != "--", args))
        try:
            for argument in given:
                if DASH.fullmatch(argument) and argument not in options_of(ctx):
                    raise click.NoSuchOption(argument, ctx=ctx)
            return super().parse_args(ctx, args)
        except click.BadOptionUsage as error:
            error.ctx = ctx
            raise
        except click.NoSuchOption as error:
            argument = next(each for each in given if hyphens(each).startswith(hyphens(error.option_name)))
            if os.path.lexists(argument) or not argument.startswith("--"):
                raise UserError(
                    f"{argument} begins with a dash, as options do: if it is a file, write ./{argument}, or put it "
                    f"after --; for the options, see {ctx.command_path} --help."
                ) from error
            raise

    def invoke(self, ctx: click.Context) -> ml_collections.ConfigDict:
        """Returns the config that the arguments mean."""
        given = {name: value for name, value in ctx.params.items() if value is not None}
        named = {name: given.pop(name) for name in self.task.positional}
        fields = {name: list(value) if isinstance(value, tuple) else value for name, value in named.items()}
        changes = [f"{FLAG}.{name.replace('__', '.')}={value}" for name, value in given.items()]
        return read_config([self.task.command, f"{FLAG}={self.path}", *changes], {**dict(self.task.fixed), **fields})


class Commands(click.Group):
    """The commands whose names begin with some words."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns their names, in the order of the table of tasks."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list]:
        """Finds a command, or offers one for a path without a command, and a user's config for a training."""
        if self.name == "train" and args[0].endswith(".py"):
            return args[0], TaskCommand(Task(f"train {args[0]}", args[0], "", "")), args[1:]
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            if self.name == "jaxvqa" and (os.path.lexists(args[0]) or Path(args[0]).suffix.lower() in SUFFIXES):
                offer = shlex.join(["jaxvqa", "score", *args])
                raise UserError(f"{args[0]} is not a command; to score it: {offer}") from error
            raise


def parameters(task: Task, field: Field, example: bool) -> list[click.Parameter]:
    """The argument or the option of a field; nothing if the command sets it, or no command line can say it.

    Args:
        example: whether there is an example that may be scored instead of videos.
    """
    name, default, comment = field
    if name in task.positional:
        several = name == "videos"
        required = not (several and example)
        return [click.Argument([name], required, comment, nargs=-1 if several else 1, type=Text(name))]
    if isinstance(default, list) or name in dict(task.fixed):
        return []
    names, option = [*SHORT.get(name, []), name.replace(".", "__")], f"--{name.replace('_', '-')}"
    if isinstance(default, bool):
        return [
            click.Option(
                [*names, f"{option}/--no-{option[2:]}" if default else option], is_flag=True, default=None, help=comment
            )
        ]
    told = f"{comment} ({default})" if default != "" else comment
    kind = Text(name)
    metavar = "|".join(kind.choices) or ("TEXT" if isinstance(default, str) else "NUMBER")
    return [click.Option([*names, option], type=kind, metavar=metavar, help=told)]


def commands() -> Commands:
    """All commands."""
    trainings = [task.command.partition(" ")[2] for task in TASKS if task.command.startswith("train ")]
    choice = f"{', '.join(trainings)}, or a config file (.py) of your own"
    train = Commands(
        "train", no_args_is_help=False, context_settings=SETTINGS, short_help=TRAIN, help=f"Trains a model: {choice}."
    )
    train.epilog = "jaxvqa train NAME --help lists the options of one."
    found = Commands("jaxvqa", context_settings=SETTINGS, help=ABOUT, epilog=EXIT_CODES)
    click.version_option(__version__, prog_name="jaxvqa", message="%(prog)s %(version)s")(found)
    for task in TASKS:
        *group, name = task.command.split()
        (train if group else found).add_command(TaskCommand(task), name)
        if group:
            found.add_command(train)
    return found


def main(argv: Sequence[str]) -> int:
    """Runs a command, given without the name of the program, and returns the exit code."""
    return exit_code_of(lambda: run_command(argv))


def run_command(argv: Sequence[str]) -> int:
    """Runs a command, or shows what there is if none is given."""
    if not argv:
        print(INTRODUCTION, end="")
        return 0
    meant = read([*argv[1:], "--help"] if argv[0] == "help" else argv)
    return meant if isinstance(meant, int) else run(meant)


def read(argv: Sequence[str]) -> ml_collections.ConfigDict | int:
    """The config that a command line means; the exit code if it asked for help, which was printed.

    Raises:
        UserError: an unknown command or option, or a value that does not fit.
    """
    try:
        return commands().main(list(argv), "jaxvqa", standalone_mode=False)
    except click.UsageError as error:
        raise UserError(sentence(error)) from error


def sentence(error: click.UsageError) -> str:
    """What is wrong with a command line, what is nearest to it, and where to find more."""
    program, near = error.ctx.command_path if error.ctx else "jaxvqa", None
    kind = {"jaxvqa": "commands", "jaxvqa train": "trainings"}.get(program, "options")
    if isinstance(error, click.NoSuchCommand):
        said, near = f"there is no {kind[:-1]} {error.command_name}", error.possibilities
    elif isinstance(error, click.NoSuchOption):
        said, near = f"there is no option {error.option_name}", error.possibilities
    elif isinstance(error, click.MissingParameter) and error.param:
        said = f"{error.param.human_readable_name} is missing"
    else:
        said = error.format_message().rstrip(".")
        said = said[:1].lower() + said[1:]
    meant = f"; did you mean {near[0]}?" if near else "."
    return f"{said}{meant} `{program} --help` lists all {kind}."


def entry() -> NoReturn:
    """What the console command runs."""
    start()
    sys.exit(main(sys.argv[1:]))

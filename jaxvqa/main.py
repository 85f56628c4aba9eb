"""jaxvqa: explainable video quality assessment.

usage: python -m jaxvqa.main --config configs/NAME.py [--config.FIELD=VALUE ...]

    configs/score.py         score video files in 16 quality dimensions
    configs/score_many.py    score very large collections of them, on many machines if need be
    configs/zero_shot.py     score video files in words of your own, by CLIP alone
    configs/compare.py       compare two videos, or two folders of them
    configs/demo.py          score and compare videos on a page in the browser
    configs/evaluate.py      compare scores, or a model's, with human ones
    configs/quickstart.py    train on synthetic videos, on any laptop, in minutes
    configs/maxwell.py       train on MaxWell
    configs/finetune.py      train on your own labels, in any dimension
    configs/mixed.py         train on several databases at once, test on others
    configs/ablation.py      compare the five published recipes of training
    configs/cross.py         train on databases k-fold, test on others
    configs/mini.py          train the small model that comes with the package
    configs/synthetic.py     render a synthetic database

    configs/download.py      fetch the published weights, and convert them
    configs/extract.py       extract the features that trainings start from
    configs/convert.py       convert published checkpoints
    configs/export.py        write the scorer as StableHLO
    configs/doctor.py        tell what works on this machine

Each config file says at its top what it does; its fields can be set from the command line. The command `jaxvqa` runs
the same tasks.
"""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import ml_collections
from absl import flags
from ml_collections import config_flags

from .errors import UserError

EXIT_CODES = (
    "Exit code: 0, all done; 1, some of the work failed; 2, wrong usage or unusable input; 130 and 143, stopped by "
    "Ctrl-C and by SIGTERM."
)


def main(argv: list[str]) -> int:
    """Runs the task of a config file with command line arguments, program name first, and returns the exit code."""
    if "--help" in argv or "-h" in argv:
        print(f"{__doc__.strip()}\n{EXIT_CODES}")
        return 0
    return guard(lambda: run(read_config(argv)))


def guard(task: Callable[[], int], say: Callable[[str], str] = str) -> int:
    """Runs a task, and returns its exit code, or what stands for the error that it ended with, and says that.

    Args:
        say: words the sentence of a `UserError`.
    """
    try:
        code = task()
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"jaxvqa: {say(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads stdout has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        print(f"jaxvqa: {error.filename or 'output'}: {error.strerror}; what was finished is kept.", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stopped:
        print("jaxvqa: stopped; the same command goes on with what is left to do.", file=sys.stderr)
        return 128 + (stopped.args[0] if stopped.args else signal.SIGINT)


def start() -> None:
    """Prepares this process for being a command."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a name that the terminal cannot show must not end the run
    signal.signal(signal.SIGTERM, stop)


def stop(number: int, frame: FrameType | None) -> NoReturn:
    """What is done on SIGTERM, by which schedulers and services end a run: the same as on Ctrl-C."""
    raise KeyboardInterrupt(number)


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


def run(config: ml_collections.ConfigDict) -> int:
    """Runs the task that a config is for and returns the exit code.

    What a task needs is imported with it: scoring waits for nothing that only training needs.
    """
    match config.task:
        case "score":
            from .scoring import run as task
        case "score_many":
            from .beam import run as task
        case "zero_shot":
            from .zero_shot import run as task
        case "compare":
            from .compare import run as task
        case "demo":
            from .demo import run as task
        case "evaluate":
            from .evaluate import run as task
        case "train":
            from .train.task import run as task
        case "finetune":
            from .train.finetune import run as task
        case "ablate":
            from .train.protocols import ablate as task
        case "cross":
            from .train.protocols import cross as task
        case "pretrain":
            from .train.pretrain import run as task
        case "synthesize":
            from .datasets.synthetic import run as task
        case "extract":
            from .features import run as task
        case "convert":
            from .convert.checkpoints import run as task
        case "export":
            from .export import run as task
        case "download":
            from .download import run as task
        case "doctor":
            from .doctor import run as task
        case other:
            raise UserError(
                f"config.task is {other!r}, but must be score, score_many, zero_shot, compare, demo, evaluate, train, "
                "finetune, ablate, cross, pretrain, synthesize, extract, convert, export, download or doctor."
            )
    return task(config)


if __name__ == "__main__":
    start()
    sys.exit(main(sys.argv))

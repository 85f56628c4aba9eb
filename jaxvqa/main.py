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

import sys

from .tasks.configuration import read_config
from .tasks.run import EXIT_CODES, exit_code_of, run, start


def main(argv: list[str]) -> int:
    """Runs the task of a config file with command line arguments, program name first, and returns the exit code."""
    if "--help" in argv or "-h" in argv:
        print(f"{__doc__.strip()}\n{EXIT_CODES}")
        return 0
    return exit_code_of(lambda: run(read_config(argv)))


if __name__ == "__main__":
    start()
    sys.exit(main(sys.argv))

"""Runs config files: `python -m jaxvqa.main`."""

import sys

from .tasks import TASKS
from .tasks.configuration import FLAG, read_config
from .tasks.run import EXIT_CODES, exit_code_of, run, start

CONFIGS = "\n".join(f"    {f'configs/{task.config}.py':25}{task.help}" for task in TASKS if not task.fixed)
HELP = f"""jaxvqa: explainable video quality assessment.

usage: python -m jaxvqa.main {FLAG} configs/NAME.py [{FLAG}.FIELD=VALUE ...]

{CONFIGS}

Each config file says at its top what it does; its fields can be set from the command line. The command `jaxvqa` runs
the same tasks.
{EXIT_CODES}"""


def main(argv: list[str]) -> int:
    """Runs the task of a config file with command line arguments, program name first, and returns the exit code."""
    if "--help" in argv or "-h" in argv:
        print(HELP)
        return 0
    return exit_code_of(lambda: run(read_config(argv)))


if __name__ == "__main__":
    start()
    sys.exit(main(sys.argv))

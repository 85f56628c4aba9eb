"""Where a command is run, for tests: its console script, and a folder that holds code of strangers."""

import sys
from importlib import metadata


def console_script(folder):
    """The command as pip installs it: the current folder is not on its path."""
    script = folder / "jaxvqa"
    script.write_text('from jaxvqa.cli import entry\n\nif __name__ == "__main__":\n    entry()\n')
    return [sys.executable, str(script)]


def plant_modules(folder):
    """Fills a folder with modules named as all that can be imported, which leave a file `RAN` there."""
    folder.mkdir(exist_ok=True)
    for name in {*sys.stdlib_module_names, *metadata.packages_distributions(), "sitecustomize", "usercustomize"}:
        if name.isidentifier():
            (folder / f"{name}.py").write_text(
                f"open({str(folder / 'RAN')!r}, 'a').write('{name} ')\nraise SystemExit(9)\n"
            )
    return folder

"""On which Pythons and platforms the dependencies resolve to wheels, so that nothing is compiled.

usage: wheels.py [--extra NAME]

Resolves the dependencies of pyproject.toml, or with an extra, for each Python and platform, as if installed there, and
prints a Markdown table: how many packages, or whose wheels are missing. Takes uv (`pip install uv`) and the network:
`pip download --platform` evaluates conditions such as `sys_platform != "win32"` for the machine it runs on. `promise`,
which TFDS requires, has no wheel for any platform and is pure Python: pip builds it from source.

Exit code 1 if the dependencies do not resolve to wheels on a platform that docs/platforms.md names as supported.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux ARM": "aarch64-manylinux_2_28",
    "macOS 14, ARM": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
    "macOS 14, x86-64": "x86_64-apple-darwin",
}
UNSUPPORTED = {"macOS 14, x86-64"}
MISSING = re.compile(r"Wheels are (?:available|required) for `([\w.-]+)`|we only found wheels for `([\w.-]+)`")


def resolve(python: str, platform: str, extra: str) -> tuple[int, str]:
    """How many packages the dependencies come to, or 0 and the packages whose wheels are missing."""
    command = ["uv", "pip", "compile", "--quiet", "--no-config", "--no-header", "--no-annotate"]
    command += ["--only-binary=:all:", "--no-binary=promise", "--python-version", python, "--python-platform", platform]
    command += [*(["--extra", extra] if extra else []), "pyproject.toml"]
    environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0"}  # the lowest that PyAV has wheels for
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if not done.returncode:
        return len(re.findall(r"^[\w.-]+==", done.stdout, re.MULTILINE)), ""
    missing = sorted({one or other for one, other in MISSING.findall(done.stderr)})
    if not missing:  # no wheel, but no network or no uv that can
        sys.exit(done.stderr)
    return 0, ", ".join(missing)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--extra", default="", help="resolve with this extra of pyproject.toml")
    extra, failed = parser.parse_args().extra, False
    print(f"| platform | {' | '.join(f'Python {python}' for python in PYTHONS)} |\n|---|{'---|' * len(PYTHONS)}")
    for name, platform in PLATFORMS.items():
        cells = []
        for python in PYTHONS:
            packages, missing = resolve(python, platform, extra)
            failed |= bool(missing) and name not in UNSUPPORTED
            cells.append(f"no {missing}" if missing else f"{packages} packages")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

"""The rules of the house (CONTRIBUTING.md), read off the source: where code lives, and what it may know of."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jaxvqa"
FILES = sorted(PACKAGE.rglob("*.py"))

# A room, which is a folder or a file of the package, imports from lower floors alone.
FLOORS = [
    {"errors", "dimensions", "geometry", "example"},
    {"models", "text", "system"},
    {"video", "weights", "results"},
    {"features", "explain", "synthetic", "upstream", "evaluation"},
    {"model", "datasets"},
    {"train", "scoring", "demo"},
    {"tasks", "parity"},
    {"cli", "main"},
    {"__main__"},
]
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
DOORS = {"cli", "main", "__main__"}
SLOW = {
    "tensorflow_datasets",
    "matplotlib",
    "pandas",
    "gradio",
    "joblib",
    "flax",
    "jax.experimental",
    "apache_beam",
    "imageio_ffmpeg",
    "scipy.sparse",
    "scipy.stats",
    "tokenizers",
}


@cache
def nodes(path):
    """All nodes of a file's syntax."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def module(path):
    """The name of a file's module within the package, such as "video.decode"; "" is the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


KNOWN = {module(path) for path in FILES}


def room(name):
    return name.split(".")[0]


def where(path, node):
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def imports(path):
    """All modules that a file imports, as (node, name); our own without `jaxvqa`, whatever they are imported in."""
    package = path.relative_to(PACKAGE).parent.parts
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node, node.module
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) + 1 - node.level], *(node.module or "").split(".")]
            base = ".".join(filter(None, base))
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                yield node, f"jaxvqa.{inner if inner in KNOWN else base}"


def ours(path):
    """Those of `imports` that are ours, without `jaxvqa.`"""
    for node, name in imports(path):
        if name.split(".")[0] == "jaxvqa":
            yield node, name.removeprefix("jaxvqa").removeprefix(".")


def functions():
    for path in FILES:
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def strings(path):
    """Literals of a file that are no docstrings, with the parts of f-strings."""
    documented = {
        id(node.body[0].value)
        for node in nodes(path)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and isinstance(node.body[0], ast.Expr)
    }
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node, node.value


@cache
def aliases(path):
    """Names that a file imports under others or without their module, such as {"signal": "signal.signal"}."""
    found = {}
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def full_name(path, node):
    """A name with dots, however its file imports it, such as "sys.stdout"."""
    first, dot, rest = dotted(node).partition(".")
    return aliases(path).get(first, first) + dot + rest


def called(path, node):
    """What a call calls, with dots, such as "jax.config.update"."""
    return full_name(path, node.func) if isinstance(node, ast.Call) else ""


def dotted(node):
    """A name with dots, as it is written; "" for what is none."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_every_room_has_a_floor_and_imports_from_lower_ones():
    assert {room(module(path)) for path in FILES} - {""} == FLOOR.keys()
    wrong = []
    for path in FILES:
        here = room(module(path))
        for node, name in ours(path):
            if here and name and room(name) != here and FLOOR[room(name)] >= FLOOR[here]:
                wrong.append(f"{where(path, node)} imports {name}")
    assert wrong == []


def test_no_files_import_each_other_in_a_circle():
    arrows = defaultdict(set)
    for path in FILES:
        arrows[module(path)] |= {name for _, name in ours(path) if name}
    done = set()
    while ready := {name for name in arrows if name not in done and arrows[name] - {name} <= done | {""}}:
        done |= ready
    assert arrows.keys() - done == set()


@pytest.mark.parametrize(
    ("name", "rooms"),
    [
        ("torch", set()),
        ("ml_collections", {"main", "cli", "tasks"}),
        ("jaxvqa.tasks", {"tasks", *DOORS}),
    ],
)
def test_some_modules_are_imported_in_few_rooms(name, rooms):
    found = {module(path) for path in FILES for _, imported in imports(path) if (imported + ".").startswith(name + ".")}
    assert {each for each in found if each not in rooms and room(each) not in rooms} == set()


def test_models_know_of_nothing_but_geometry():
    found = {name for path in (PACKAGE / "models").glob("*.py") for _, name in ours(path)}
    assert {name for name in found if room(name) not in ("models", "geometry")} == set()


def test_no_field_of_a_config_is_set_after_it_was_read():
    found = [
        where(path, node)
        for path in FILES
        if module(path) != "tasks.defaults"
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if dotted(node.value).split(".")[0] == "config"
    ]
    assert found == []


def test_errors_name_fields_as_every_door_does():
    found = [
        f"{where(path, node)}: {text}"
        for path in FILES
        for node, text in strings(path)
        if (re.search(r"config\.(?!json)", text) and room(module(path)) != "main")
        or (re.search(r"--[a-z]", text) and room(module(path)) not in {"tasks", *DOORS})
    ]
    assert found == []


def test_what_is_imported_in_functions_is_slow_and_not_ours():
    found = []
    for path, function in functions():
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                name = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                if getattr(node, "level", 0) or not any(f"{name}.".startswith(f"{slow}.") for slow in SLOW):
                    found.append(f"{where(path, node)} imports {name}")
    assert found == []


def test_one_file_catches_everything():
    found = [
        where(path, node)
        for path in FILES
        if module(path) != "system.untrusted"
        for node in nodes(path)
        if isinstance(node, ast.ExceptHandler)
        if node.type is None or re.search(r"\b(Exception|BaseException)\b", ast.unparse(node.type))
    ]
    assert found == []


def process_changes(path):
    """Calls in a file that change the whole process."""
    for node in nodes(path):
        name = called(path, node)
        if re.search(r"jax\.config\.update|setLevel$|logging\.disable|filterwarnings|signal\.signal$", name):
            yield node, name


def test_what_changes_the_whole_process_is_done_in_few_places():
    found = [
        f"{where(path, node)} calls {name}"
        for path in FILES
        if room(module(path)) != "system" and module(path) != "tasks.run"
        for node, name in process_changes(path)
    ]
    assert found == []


def process_starts(path):
    """Calls in a file that start processes, or make what does."""
    starts = r"multiprocessing\.(get_context|Process|Pool|Manager|context)|ProcessPoolExecutor|subprocess\.|"
    starts += r"os\.(fork|exec|spawn|posix_spawn|system|popen)"
    for node in nodes(path):
        if re.search(starts, name := called(path, node)):
            yield node, name


def test_processes_are_started_where_their_path_is_kept_safe():
    found = [
        f"{where(path, node)} calls {name}"
        for path in FILES
        if module(path) not in {"system.processes", "synthetic.vmaf"}  # which runs FFmpeg
        for node, name in process_starts(path)
    ]
    assert found == []


def terminal_writes(path):
    """Places in a file that write to the terminal."""
    for node in nodes(path):
        if re.search(r"^(rich\.)?print$|\bConsole$", called(path, node)) or full_name(path, node) == "sys.stdout":
            yield node


def test_only_some_rooms_write_to_the_terminal():
    found = [
        where(path, node)
        for path in FILES
        if room(module(path)) not in {"tasks", "demo", *DOORS} and module(path) != "system.terminal"
        for node in terminal_writes(path)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (process_changes, "import signal\nsignal.signal(2, stop)"),
        (process_changes, "from signal import signal\nsignal(2, stop)"),
        (process_changes, "from signal import signal as s\ns(2, stop)"),
        (process_changes, "import signal as s\ns.signal(2, stop)"),
        (process_changes, "from jax import config\nconfig.update('jax_enable_x64', True)"),
        (process_changes, "from logging import disable\ndisable(30)"),
        (process_changes, "import logging\nlogging.getLogger('a').setLevel(30)"),
        (process_starts, "from concurrent.futures import ProcessPoolExecutor as P\nP(2)"),
        (process_starts, "from multiprocessing import get_context\nget_context('spawn')"),
        (process_starts, "import subprocess as s\ns.run('true')"),
        (process_starts, "import os\nos.execv('true', [])"),
        (terminal_writes, "from sys import stdout\nstdout.write('')"),
        (terminal_writes, "from rich.console import Console as C\nC()"),
        (terminal_writes, "import rich\nrich.print('')"),
    ],
)
def test_names_are_known_however_they_are_imported(tmp_path, rule, lines):
    path = tmp_path / "file.py"
    path.write_text(lines)
    assert len(list(rule(path))) == 1


def test_sizes_have_names():
    found = [
        where(path, node)
        for path in FILES
        if room(module(path)) not in ("geometry", "models")
        for node in nodes(path)
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in (49, 224, 1792)
    ]
    found += [where(path, node) for path in FILES for node, text in strings(path) if re.search(r"\b1792\b", text)]
    assert found == []


def test_files_functions_and_signatures_are_short():
    found = [f"{path}: {n} lines" for path in FILES if (n := len(path.read_text().splitlines())) > 300]
    for path, node in functions():
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = len(arguments) - (bool(arguments) and arguments[0].arg in ("self", "cls"))
        if node.end_lineno - node.lineno >= 60 or count > 6:
            lines = node.end_lineno - node.lineno + 1
            found.append(f"{where(path, node)} {node.name}: {lines} lines, {count} arguments")
    assert found == []


def test_tests_stand_where_what_they_test_does():
    lacking = []
    for path in FILES:
        parts = path.relative_to(PACKAGE).parts
        test = ROOT / "tests" / Path(*parts[:-1]) / f"test_{parts[-1]}"
        if parts[-1] != "__init__.py" and len(path.read_text().splitlines()) > 40 and not test.exists():
            lacking.append(str(test.relative_to(ROOT)))
    assert lacking == []


def test_words_that_say_nothing_are_no_names():
    found = []
    for path in FILES:
        for node in nodes(path):
            names = [getattr(node, field, None) for field in ("id", "arg", "attr", "name")]
            if {"own", "look", "looks", "others"} & set(filter(lambda name: isinstance(name, str), names)):
                found.append(where(path, node))
    assert found == []


def test_no_module_is_called_like_a_function_that_its_room_hands_on():
    for path in PACKAGE.rglob("__init__.py"):
        handed = {alias.asname or alias.name for node, _ in imports(path) for alias in node.names}
        modules = {file.stem for file in path.parent.glob("*.py")} | {file.name for file in path.parent.iterdir()}
        assert not {name for name in handed & modules if name.islower()} - {"parity"}, path


def test_types_are_told_to_those_who_use_the_package():
    assert (PACKAGE / "py.typed").exists()

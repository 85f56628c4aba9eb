"""The state dict of a module in a TorchScript archive. Its code is read, for names of parameters, and never run."""

import re
from typing import Any

from .archive import Archive
from .values import CUT, SETSTATE, RefusedError, ScriptObject, shown

NAMES = 1 << 24  # characters of all keys, which no size of the file bounds: modules can contain each other many times
ENTRY = 16  # more for each name


class Code:
    """The classes of an archive.

    Attributes:
        files: for each file, its classes by the line that begins them.
        known: results of `tensors`.
    """

    def __init__(self, archive: Archive):
        self.archive = archive
        self.files: dict[str, dict[str, str]] = {}
        self.known: dict[str, list[str] | None] = {}

    def tensors(self, name: str) -> list[str] | None:
        """Names of the parameters and buffers that a class of modules has; None of other classes.

        Raises:
            RefusedError: there is no such class, or its code would have to be run to make an object of it.
        """
        if name not in self.known:
            self.known[name] = self.read(name)
        return self.known[name]

    def read(self, name: str) -> list[str] | None:
        """The same, from the file."""
        folder, _, leaf = name.rpartition(".")
        path = f"code/__torch__/{folder.replace('.', '/')}.py"
        if path not in self.files:
            code = bytes(self.archive.read(path)).decode("utf-8", "replace")
            parts = re.split(r"^class ", code, flags=re.MULTILINE)[1:]
            self.files[path] = {part.partition(":")[0]: part for part in parts}
        body = self.files[path].get(f"{leaf}(Module)")
        if body is None:
            return None
        if "__setstate__" in body:
            raise RefusedError(SETSTATE.format(shown(name)))
        lists = re.findall(r"^  __(?:parameters|buffers)__ = \[(.*)\]$", body, re.MULTILINE)
        return [each for line in lists for each in re.findall(r'"([^"]*)"', line)]


def state_dict(root: ScriptObject, archive: Archive) -> dict[str, Any]:
    """What stands in the parameters and buffers of a module, and of all modules in it, by names with dots.

    Raises:
        RefusedError: the code does not say which they are, or there are too many.
    """
    code, state, left = Code(archive), {}, NAMES
    modules = [("", root)]
    while modules:
        prefix, module = modules.pop()
        names = code.tensors(module.name)
        if names is None:
            continue
        left -= ENTRY * len(module.attributes)
        inner = [(name, each) for name, each in module.attributes.items() if isinstance(each, ScriptObject)]
        left -= sum(len(prefix) + len(str(name)) + ENTRY for name in (*names, *dict(inner)))
        if left < 0:
            raise RefusedError("its modules contain each other too often")
        for name in names:
            if name not in module.attributes:
                raise RefusedError(CUT)
            state[prefix + name] = module.attributes[name]
        modules += [(f"{prefix}{name}.", each) for name, each in inner[::-1]]
    return {name: value for name, value in state.items() if value is not None}

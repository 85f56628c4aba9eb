"""Pickles of PyTorch as plain data: nothing in them is imported, called or run.

A pickle is a program for a small stack machine. This one knows the operations of protocol 2, which PyTorch writes, and
a pickle may call only what values.py lists, which puts tensors, numbers and lists together.
"""

import struct
from collections.abc import Callable
from typing import Any

from .values import CALLS, CUT, DTYPES, SETSTATE, Global, NumberType, RefusedError, ScriptObject, Storage, shown

OPERATIONS = 1 << 21  # of a pickle, which bounds time and memory; those of a state dict take 35 for each tensor
KEYS = 1 << 60  # above, keys of dictionaries can be chosen to have one hash, which takes quadratic time
NAME = 1000  # bytes of the name of a module or class


class Unpickler:
    """Reads pickles that follow each other.

    Attributes:
        at: where the next one begins.
        storages: all that the pickles so far speak of, by their keys.
    """

    def __init__(self, data: memoryview, at: int = 0):
        self.data, self.at = data, at
        self.storages: dict[str, Storage] = {}

    def load(self) -> Any:
        """What the next pickle describes: dict, list, tuple, str, numbers, None, and the classes above.

        Raises:
            RefusedError: it describes something else, is damaged, or too long.
        """
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        for _ in range(OPERATIONS):
            if self.at == len(self.data):
                raise RefusedError(CUT)
            operation, self.at = self.data[self.at], self.at + 1
            if operation == ord("."):
                return self.pop()
            action = ACTIONS.get(operation)
            if action is None:
                raise RefusedError(f"{CUT}, or its pickle is of another protocol than 2")
            action(self)
        raise RefusedError(f"its pickle takes more than {OPERATIONS} steps")

    def take(self, count: int) -> bytes:
        """The next bytes."""
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise RefusedError(CUT)
        return bytes(self.data[start : self.at])

    def number(self, form: str) -> Any:
        """The next bytes as a number, in a form of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def pop(self) -> Any:
        """Takes the last value."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise RefusedError(CUT)
        return self.stack.pop()

    def pop_mark(self) -> list:
        """Takes the values since the last mark."""
        if not self.marks:
            raise RefusedError(CUT)
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def top(self, kind: type) -> Any:
        """The last value, which is of some type."""
        if not self.stack or type(self.stack[-1]) is not kind:
            raise RefusedError(CUT)
        return self.stack[-1]

    def push(self, value: Any) -> None:
        """Adds a value."""
        self.stack.append(value)

    def text(self, size: int) -> None:
        """A string."""
        try:
            self.push(str(self.take(size), "utf-8"))
        except UnicodeDecodeError:
            raise RefusedError(CUT) from None

    def line(self) -> str:
        """Text up to the end of a line."""
        end = bytes(self.data[self.at : self.at + NAME]).find(b"\n")
        if end < 0:
            raise RefusedError(CUT)
        return str(self.take(end + 1)[:-1], "latin1")

    def put(self, number: int) -> None:
        """Remembers the last value by a number."""
        if not self.stack:
            raise RefusedError(CUT)
        self.memo[number] = self.stack[-1]

    def get(self, number: int) -> None:
        """A value that was remembered."""
        if number not in self.memo:
            raise RefusedError(CUT)
        self.push(self.memo[number])

    def tuple_of(self, count: int) -> None:
        """A tuple of the last few values."""
        self.push(tuple([self.pop() for _ in range(count)][::-1]))

    def append(self) -> None:
        """The last value into the list before it."""
        value = self.pop()
        self.top(list).append(value)

    def extend(self) -> None:
        """The values since the last mark into the list before them."""
        values = self.pop_mark()
        self.top(list).extend(values)

    def set_items(self, values: list) -> None:
        """Keys and values into the dictionary before them."""
        items = self.top(dict)
        if len(values) % 2:
            raise RefusedError(CUT)
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not (type(key) is str or (type(key) is int and abs(key) < KEYS)):
                raise RefusedError("a dictionary in its pickle has keys other than text and integers")
            items[key] = value

    def set_item(self) -> None:
        """A key and a value into the dictionary before them."""
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    def name(self) -> None:
        """A name of a class or function that is known."""
        name = f"{self.line()}.{self.line()}"
        if name not in CALLS and name not in DTYPES and not name.startswith("__torch__."):
            raise RefusedError(f"its pickle asks for {shown(name)}, and may hold only tensors, numbers and text")
        self.push(Global(name))

    def call(self) -> None:
        """A function with its arguments."""
        args, function = self.pop(), self.pop()
        if type(function) is not Global or function.name not in CALLS or type(args) is not tuple:
            raise RefusedError(CUT)
        self.push(CALLS[function.name](args))

    def make(self) -> None:
        """An object of TorchScript, still without attributes."""
        match self.pop(), self.pop():
            case (), Global(name) if name.startswith("__torch__."):
                self.push(ScriptObject(name.removeprefix("__torch__."), {}))
            case _:
                raise RefusedError("its pickle makes an object, and may hold only tensors, numbers and text")

    def build(self) -> None:
        """Attributes: those of TorchScript are kept, those of OrderedDict have no meaning here."""
        match self.pop(), self.stack[-1:]:
            case dict(state), [ScriptObject() as value]:
                value.attributes = state
            case _, [ScriptObject() as value]:
                raise RefusedError(SETSTATE.format(shown(value.name)))
            case dict(), [dict()]:
                pass
            case (_, "<" | "|", *_), [NumberType()]:
                pass
            case _:
                raise RefusedError("its pickle gives attributes to what has none")

    def storage(self) -> None:
        """A storage by its description."""
        match self.pop():
            case ("storage", Global(name), str(key), _, int(count), *rest) if name in DTYPES and rest in ([], [None]):
                storage = Storage(DTYPES[name], key, count)
            case _:
                raise RefusedError("its pickle refers to what is no storage of PyTorch's")
        if self.storages.setdefault(key, storage) != storage:
            raise RefusedError(f"its pickle describes storage {shown(key)} in two ways")
        self.push(storage)


ACTIONS: dict[int, Callable[[Unpickler], Any]] = {
    ord(code): action
    for code, action in {
        "\x80": lambda it: it.take(1),
        "(": lambda it: it.marks.append(len(it.stack)),
        "N": lambda it: it.push(None),
        "\x88": lambda it: it.push(True),
        "\x89": lambda it: it.push(False),
        "K": lambda it: it.push(it.number("<B")),
        "M": lambda it: it.push(it.number("<H")),
        "J": lambda it: it.push(it.number("<i")),
        "\x8a": lambda it: it.push(int.from_bytes(it.take(it.number("<B")), "little", signed=True)),
        "G": lambda it: it.push(it.number(">d")),
        "X": lambda it: it.text(it.number("<I")),
        "U": lambda it: it.push(str(it.take(it.number("<B")), "latin1")),
        "T": lambda it: it.push(str(it.take(it.number("<I")), "latin1")),
        "]": lambda it: it.push([]),
        "}": lambda it: it.push({}),
        ")": lambda it: it.push(()),
        "t": lambda it: it.push(tuple(it.pop_mark())),
        "\x85": lambda it: it.tuple_of(1),
        "\x86": lambda it: it.tuple_of(2),
        "\x87": lambda it: it.tuple_of(3),
        "a": Unpickler.append,
        "e": Unpickler.extend,
        "s": Unpickler.set_item,
        "u": lambda it: it.set_items(it.pop_mark()),
        "q": lambda it: it.put(it.number("<B")),
        "r": lambda it: it.put(it.number("<I")),
        "h": lambda it: it.get(it.number("<B")),
        "j": lambda it: it.get(it.number("<I")),
        "c": Unpickler.name,
        "R": Unpickler.call,
        "\x81": Unpickler.make,
        "b": Unpickler.build,
        "Q": Unpickler.storage,
    }.items()
}

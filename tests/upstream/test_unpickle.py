import collections
import os
import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxvqa.upstream.unpickle import ACTIONS, KEYS, OPERATIONS, Unpickler
from jaxvqa.upstream.values import RefusedError

LARGE = st.integers(-(1 << 1000), 1 << 1000)
PLAIN = st.recursive(
    st.none() | st.booleans() | LARGE | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(1 - KEYS, KEYS - 1), inner)
        | st.dictionaries(st.text(), inner).map(collections.OrderedDict)
    ),
    max_leaves=30,
)


def load(data):
    return Unpickler(memoryview(data)).load()


@given(PLAIN)
@settings(deadline=None, database=None)
def test_plain_values_are_read_as_python_reads_them(value):
    assert load(pickle.dumps(value, protocol=2)) == value


def test_long_texts_many_values_and_what_is_repeated():
    values = {"text": "é" * 300, "list": [*range(3000)], "again": ["a"] * 3}
    values["same"] = values["list"]
    found = load(pickle.dumps(values, protocol=2))
    assert found == values
    assert found["same"] is found["list"]


def test_strings_of_python_2():
    assert load(b"\x80\x02U\x03abcq\x00T\x02\x00\x00\x00\xffz\x86.") == ("abc", "\xffz")


def test_pickles_follow_each_other():
    pickles = Unpickler(memoryview(b"-" + pickle.dumps([1], 2) + pickle.dumps("b", 2) + b"rest"), 1)
    assert [pickles.load(), pickles.load()] == [[1], "b"]
    assert bytes(pickles.data[pickles.at :]) == b"rest"


def test_no_operation_is_an_error_of_ours_whatever_it_finds():
    before = [
        b"",
        b"(",
        b"K\x01",
        b"K\x01K\x02",
        b"K\x01(",
        b")K\x01",
        b"]K\x01",
        b"}K\x01K\x02N",
        b"c__torch__\nB\n)\x81K\x01",
    ]
    after = [b"", bytes(300), b"\xff" * 300, b"\0\0\0\0\n\n."]
    refused = 0
    for operation in range(256):
        for data in (start + bytes([operation]) + end for start in before for end in after):
            try:
                load(data)
            except RefusedError as error:
                refused += bool(str(error))
            else:
                assert operation in {*ACTIONS, ord(".")}
    assert refused > 256 * 36 - len(ACTIONS) * 36 / 2


class Runs:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pickle.dumps(Runs(), 2), "asks for posix.system, and may hold only tensors, numbers and text"),
        (pickle.dumps({1, 2}, 2), "asks for __builtin__.set"),
        (pickle.dumps(Runs, 2), r"asks for .*test_unpickle.Runs"),
        (pickle.dumps("text", 4), "of another protocol than 2"),
        (b"c\x1b[2J\nb" + b"c" * 500 + b"\n.", r"asks for \ufffd\[2J.b{1}c+\.\.\., and"),
        (b"c" + b"a" * 2000 + b"\nb\n.", "damaged"),
        (b"c__torch__.a\nB\n)\x81K\x01b.", "a.B in its TorchScript has a __setstate__"),
        (b"ccollections\nOrderedDict\n)\x81.", "makes an object"),
        (b"]}b.", "gives attributes to what has none"),
        (b"cnumpy\ndtype\nU\x02f8NN\x87R(K\x03U\x01>NNNtb.", "gives attributes to what has none"),
        (b"K\x01Q.", "no storage of PyTorch's"),
        (b"(U\x07storagecnumpy\ndtype\nU\x010U\x03cpuK\x01tQ.", "no storage of PyTorch's"),
        (
            b"(U\x07storagectorch\nIntStorage\nU\x010U\x03cpuK\x01K\x01tQ.",
            "no storage of PyTorch's",
        ),  # a view of another
        (b"X\x01\x00\x00\x00\xff.", "damaged"),
    ],
)
def test_what_is_refused_and_why(data, reason):
    with pytest.raises(RefusedError, match=reason):
        load(data)


@pytest.mark.parametrize("key", [b"K\x01\x85", b"\x88", b"N", b"G" + bytes(8), pickle.dumps(KEYS, 2)[2:-1]])
def test_keys_that_can_be_chosen_to_collide_are_refused(key):
    with pytest.raises(RefusedError, match="keys other than text and integers"):
        load(b"}" + key + b"K\x01s.")


def test_one_storage_has_one_description():
    storage = b"(U\x07storagectorch\n%sStorage\nU\x010U\x03cpuK%ctQ"
    assert len(load(b"(" + storage % (b"Int", 2) + storage % (b"Int", 2) + b"t.")) == 2
    for other in (storage % (b"Float", 2), storage % (b"Int", 3)):
        with pytest.raises(RefusedError, match="describes storage 0 in two ways"):
            load(b"(" + storage % (b"Int", 2) + other + b"t.")


BOUNDED = """
import resource, struct, sys, time
from jaxvqa.upstream.unpickle import OPERATIONS, Unpickler
from jaxvqa.upstream.values import RefusedError

unit = eval("lambda number: " + sys.argv[1])
data = b"".join(map(unit, range(OPERATIONS)))
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    Unpickler(memoryview(b"\\x80\\x02]" + data)).load()
except RefusedError as error:
    print(error)
print(time.process_time() - began)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000)
"""


@pytest.mark.parametrize(
    "unit", ["b'}'", "b'\\x85'", "b']a'", "b']r' + struct.pack('<I', number)", "b'}K\\x01}s'", "b'U\\x03abc'"]
)
def test_pickles_take_no_more_time_and_memory_than_their_steps(unit):
    done = subprocess.run([sys.executable, "-c", BOUNDED, unit], capture_output=True, text=True, check=True)
    said, seconds, megabytes = done.stdout.splitlines()
    assert said == f"its pickle takes more than {OPERATIONS} steps"
    assert float(seconds) < 60
    assert float(megabytes) < 400


def test_what_is_nested_deeply_is_no_recursion():
    found = load(b")" + b"\x85" * 100_000 + b".")
    for _ in range(100_000):
        [found] = found
    assert found == ()

import pickle

import numpy as np
import pytest
import torch

from jaxvqa.upstream.unpickle import Unpickler
from jaxvqa.upstream.values import DTYPES, RefusedError, shown


def load(data):
    return Unpickler(memoryview(data)).load()


def test_every_type_of_numbers_that_pytorch_and_numpy_share_is_known():
    shared = {torch.from_numpy(np.zeros(1, kind)).dtype for kind in "?bhilBHILefdFD"} | {torch.bfloat16}
    named = {name: getattr(torch, name.removeprefix("torch."), None) for name in DTYPES if name.count(".") == 1}
    assert {each if isinstance(each, torch.dtype) else each.dtype for each in named.values()} == shared
    for name, known in named.items():
        width = torch.zeros(1, dtype=known if isinstance(known, torch.dtype) else known.dtype).element_size()
        assert DTYPES[name].itemsize == width


@pytest.mark.parametrize("kind", "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 ?".split())
def test_numbers_of_numpy_become_those_of_python(kind):
    number = np.dtype(kind).type(1.5)
    found = load(pickle.dumps({"number": number}, protocol=2))["number"]
    assert found == number
    assert type(found) in (int, float, bool)


@pytest.mark.parametrize("value", [np.zeros(2), np.void(b"a"), np.dtype(">f8"), np.str_("a"), b"bytes, and many"])
def test_what_else_numpy_pickles_is_refused(value):
    with pytest.raises(RefusedError, match="its pickle"):
        load(pickle.dumps(value, protocol=2))


@pytest.mark.parametrize(
    ("module", "name", "arguments"),
    [
        ("collections", "OrderedDict", b"]\x85"),
        ("torch._utils", "_rebuild_tensor_v2", b")"),
        ("torch._utils", "_rebuild_tensor_v2", b"(K\x01K\x02K\x03K\x04K\x05K\x06t"),
        ("torch._utils", "_rebuild_tensor_v3", b")"),
        ("torch.jit._pickle", "restore_type_tag", b")"),
        ("_codecs", "encode", b"U\x04codeU\x06rot_13\x86"),
        ("_codecs", "encode", b"X\x03\x00\x00\x00\xe2\x82\xacU\x06latin1\x86"),
        ("numpy", "dtype", b"U\x01ONN\x87"),
        ("numpy.core.multiarray", "scalar", b"cnumpy\ndtype\nU\x02f8NN\x87RU\x01a\x86"),
    ],
)
def test_functions_take_nothing_but_what_pytorch_gives_them(module, name, arguments):
    with pytest.raises(RefusedError, match=r"its pickle|damaged"):
        load(f"c{module}\n{name}\n".encode() + arguments + b"R.")


def test_names_of_strangers_fit_into_a_sentence():
    assert shown("weight") == "weight"
    assert shown("\x1b[2J\n") == "\ufffd[2J\ufffd"
    assert len(shown("a" * 10_000)) < 110

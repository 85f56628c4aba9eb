import errno
import json
import os
import re

import jax
import jax.numpy as jnp
import pytest

from jaxvqa.errors import UserError, WeightsError
from jaxvqa.system.untrusted import DAMAGE, untrusted


def ours(source):
    """A function that is run as if it stood in the package."""
    module = {"__name__": "jaxvqa.somewhere", "json": json, "jnp": jnp, "jax": jax}
    exec(source, module)
    return module["function"]


@pytest.mark.hostile
@pytest.mark.parametrize(
    "source",
    [
        "def function(): return json.loads('{')",
        "def function(): return json.loads('[' * 10**5)",
        "def function(): return open('nowhere')",
        "def function(): return jnp.zeros((2, 3)) @ jnp.zeros((2, 3))",
        "def function(): return jax.eval_shape(lambda x: x.reshape(5), jnp.zeros(3))",
    ],
)
def test_errors_of_libraries_become_a_sentence(source):
    with pytest.raises(WeightsError) as caught, untrusted("some file", WeightsError, "convert it again"):
        ours(source)()
    assert re.fullmatch(r"some file cannot be read \(.+\): convert it again\.", str(caught.value))
    assert caught.value.__cause__ is not None


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def function(): return {}['name']", KeyError),
        ("def function(): raise ValueError('slip')", ValueError),
        ("def function(): return jax.eval_shape(lambda x: {}['name'], jnp.zeros(3))", KeyError),
    ],
)
def test_our_own_slips_keep_their_traceback(source, kind):
    with pytest.raises(kind) as caught, untrusted("some file", WeightsError, "convert it again"):
        ours(source)()
    assert caught.traceback[-1].frame.f_globals["__name__"] == "jaxvqa.somewhere"


# Of the machine, not of a file: nothing is damaged.
STATES = [
    *(errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.ENOMEM),
    *(errno.EIO, errno.EROFS, errno.ESTALE, errno.EAGAIN, errno.ETIMEDOUT),
]


class TypeCheckError(Exception):
    """Called as what jaxtyping raises."""


@pytest.mark.hostile
@pytest.mark.parametrize(
    "error",
    [
        *(TypeCheckError("shape"), MemoryError(), KeyboardInterrupt(), SystemExit(3), UserError("a sentence.")),
        *(OSError(number, os.strerror(number), "file") for number in STATES),
        *(
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory"),
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        ),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kinds", [DAMAGE, Exception], ids=["damage", "anything"])
def test_what_is_never_turned_into_a_sentence(error, kinds):
    with pytest.raises(type(error)) as caught, untrusted("file", WeightsError, "copy it again", kinds=kinds):
        raise error
    assert caught.value is error


@pytest.mark.hostile
@pytest.mark.parametrize("error", [RuntimeError("Unable to initialize backend 'cuda'"), ImportError("no libcuda")])
def test_what_no_file_can_be_the_cause_of_stays_as_it_is(error):
    with pytest.raises(type(error)), untrusted("file", WeightsError, "copy it again"):
        raise error


@pytest.mark.hostile
@pytest.mark.parametrize("error", [OSError("truncated"), FileNotFoundError(errno.ENOENT, "No such file", "part")])
def test_what_the_system_says_of_a_file_is_a_sentence(error):
    with pytest.raises(WeightsError, match="file cannot be read"), untrusted("file", WeightsError, "copy it again"):
        raise error


def test_elsewhere_it_is_disarmed():
    with pytest.raises(json.JSONDecodeError), untrusted("some file", WeightsError, "convert it again"):
        json.loads("{")


@pytest.mark.hostile
def test_jax_filters_tracebacks_as_before():
    before = jax.config.jax_traceback_filtering
    with untrusted("some file", WeightsError, "convert it again"):
        assert jax.config.jax_traceback_filtering == "off"
    assert jax.config.jax_traceback_filtering == before

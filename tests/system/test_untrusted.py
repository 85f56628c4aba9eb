import json
import re

import jax
import jax.numpy as jnp
import pytest

from jaxvqa.errors import UserError, WeightsError
from jaxvqa.system.untrusted import untrusted


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


class TypeCheckError(Exception):
    """Called as what jaxtyping raises."""


@pytest.mark.hostile
@pytest.mark.parametrize(
    "error",
    [TypeCheckError("shape"), MemoryError(), KeyboardInterrupt(), SystemExit(3), UserError("a sentence."), OSError(2)],
)
def test_what_is_never_turned_into_a_sentence(error):
    with pytest.raises(type(error)) as caught, untrusted("file", WeightsError, "copy it again", passing=OSError):
        raise error
    assert caught.value is error


def test_elsewhere_it_is_disarmed():
    with pytest.raises(json.JSONDecodeError), untrusted("some file", WeightsError, "convert it again"):
        json.loads("{")


@pytest.mark.hostile
def test_jax_filters_tracebacks_as_before():
    before = jax.config.jax_traceback_filtering
    with untrusted("some file", WeightsError, "convert it again"):
        assert jax.config.jax_traceback_filtering == "off"
    assert jax.config.jax_traceback_filtering == before

"""Types of results in exported programs: what comes back, and that no file names code to run."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from jax import export

from temjax.options import ModelOptions
from temjax.programs.serialization import register_types

PACKAGE = __name__.partition(".")[0]


class Ends(NamedTuple):
    first: jax.Array
    last: jax.Array | None


class Inner(eqx.Module):
    values: jax.Array
    depths: tuple[float, ...] = eqx.field(static=True, default=(0.1, 0.2))


class Outer(eqx.Module):
    inner: Inner
    ends: Ends
    options: ModelOptions = eqx.field(static=True)


ONE = jnp.ones(1)
TREES = {
    "array": ONE,
    "nothing": None,
    "containers": ({"b": ONE, "a": [ONE, None, (ONE,)]}, []),
    "named": Ends(ONE, None),
    "modules": (Outer(Inner(ONE), Ends(ONE, ONE), ModelOptions(substeps=16)), Inner(ONE, (1.0,))),
}


def serialized(tree) -> bytearray:
    """A program that returns such a tree."""
    leaves, structure = jax.tree.flatten(tree)
    program = jax.jit(lambda x: jax.tree.unflatten(structure, [x] * len(leaves)))
    return export.export(program)(ONE).serialize()


@pytest.mark.parametrize("name", TREES)
def test_a_result_comes_back(name):
    register_types({PACKAGE, "temjax"})
    program = export.deserialize(serialized(TREES[name]))
    assert program.out_tree == jax.tree.structure(TREES[name])
    found = program.call(2.0 * ONE)
    assert jax.tree.structure(found) == jax.tree.structure(TREES[name])
    assert all(float(leaf[0]) == 2.0 for leaf in jax.tree.leaves(found))


def test_static_fields_are_kept():
    register_types({PACKAGE})
    found, other = export.deserialize(serialized(TREES["modules"])).call(ONE)
    assert found.options == ModelOptions(substeps=16)
    assert (found.inner.depths, other.depths) == ((0.1, 0.2), (1.0,))


class Special(eqx.Module):
    kind: object = eqx.field(static=True)


def test_what_is_no_plain_value_is_refused():
    register_types({PACKAGE})
    with pytest.raises(TypeError, match="object"):
        serialized(Special(object()))


def test_only_types_of_the_packages_are_registered():
    class Late(eqx.Module):
        values: jax.Array

    register_types({"another"})
    with pytest.raises(ValueError, match="unregistered type"):
        serialized(Late(ONE))
    register_types({PACKAGE})
    assert export.deserialize(serialized(Late(ONE))).call(ONE) == Late(ONE)


class Known(eqx.Module):
    values: jax.Array


def test_a_file_cannot_name_what_was_not_registered():
    register_types({PACKAGE})
    code = bytes(serialized(Known(ONE)))
    assert export.deserialize(bytearray(code)).call(ONE) == Known(ONE)
    name = f"{Known.__module__}.{Known.__qualname__}".encode()
    for other in (name[:-1] + b"x", b"subprocess.Popen".ljust(len(name), b"_")):
        assert name in code and len(other) == len(name)
        with pytest.raises(ValueError, match="unregistered type"):
            export.deserialize(bytearray(code.replace(name, other)))

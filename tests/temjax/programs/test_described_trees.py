"""What a function returns is described and rebuilt, and no type is looked up elsewhere."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from temjax.options import ModelOptions
from temjax.programs.described_trees import described, rebuilt

HERE = (__name__.partition(".")[0], "temjax")


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


@pytest.mark.parametrize("name", TREES)
def test_a_tree_is_rebuilt(name):
    structure = jax.tree.structure(TREES[name])
    found = rebuilt(described(structure), HERE)
    assert jax.tree.structure(found) == structure
    assert jax.tree.leaves(found) == list(range(structure.num_leaves))


def test_static_fields_are_kept():
    found, other = rebuilt(described(jax.tree.structure(TREES["modules"])), HERE)
    assert found.options == ModelOptions(substeps=16)
    assert (found.inner.depths, other.depths) == ((0.1, 0.2), (1.0,))


class Special(eqx.Module):
    kind: object = eqx.field(static=True)


def test_what_is_no_plain_value_is_refused():
    with pytest.raises(TypeError, match="object"):
        described(jax.tree.structure(Special(object())))


def test_a_type_that_has_no_name_is_refused():
    class Hidden(eqx.Module):
        values: jax.Array

    with pytest.raises(TypeError, match="found by its name"):
        described(jax.tree.structure(Hidden(ONE)))


@pytest.mark.parametrize("place", ["os:system", "subprocess:Popen", "temjaxed:Evil"])
def test_types_of_other_packages_are_refused(place):
    text = f'{{"type": "{place}", "items": ["true"]}}'
    with pytest.raises(ValueError, match="of none of the packages"):
        rebuilt(text, HERE)

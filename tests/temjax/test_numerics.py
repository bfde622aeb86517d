"""Guarded arithmetic: values, derivatives, and that the processes use it."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import temjax
from temjax.numerics import larger, limited, smaller

FORMULAS = [*(Path(temjax.__file__).parent / "processes").glob("*.py")]
# their derivatives compare an operand with the result
BARE = re.compile(r"jnp\.(maximum|minimum|clip|max|min)\(")


@pytest.mark.parametrize("ours, theirs", [(larger, jnp.maximum), (smaller, jnp.minimum)])
def test_of_two(ours, theirs):
    one, other = jnp.asarray([1.0, 2.0, 3.0]), jnp.asarray([2.0, 2.0, jnp.nan])
    np.testing.assert_array_equal(ours(one, other), theirs(one, other))
    _, slope = jax.jvp(ours, (one, other), (jnp.asarray([1.0] * 3), jnp.asarray([10.0] * 3)))
    first = 10.0 if ours is larger else 1.0
    np.testing.assert_array_equal(slope[:2], [first, 1.0])  # equal operands: the first one


def test_between_limits():
    values, slopes = jax.vmap(jax.value_and_grad(lambda x: limited(x, -1.0, 2.0)))(
        jnp.asarray([-3.0, 0.5, 4.0])
    )
    np.testing.assert_array_equal(values, [-1.0, 0.5, 2.0])
    np.testing.assert_array_equal(slopes, [0.0, 1.0, 0.0])


def test_no_process_compares_an_operand_with_a_result():
    """See ``larger``: under a checkpoint such a derivative can be lost."""
    assert len(FORMULAS) > 10 and BARE.search("jnp.clip(x, 0, 1)")
    found = [
        f"{path.name}:{number}"
        for path in FORMULAS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if BARE.search(line)
    ]
    assert not found, f"use temjax.numerics.larger, smaller, limited, largest: {found}"

"""Guarded arithmetic: values, derivatives, and that the processes use it."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import temjax
from temjax.numerics import freezing_decline, larger, limited, smaller
from tests.support.derivatives import assert_finite_derivatives, check_derivatives

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


def test_freezing_slows_below_zero_alone():
    found = freezing_decline(jnp.asarray([-10.0, -1.0, -0.5, -0.0, 0.0, 1e-9, 35.0]), 20.0)
    by_hand = [20**-0.95, 20**-0.05, 20**-0.0125]  # 9.5, 0.5 and 0.125 K count
    np.testing.assert_allclose(found[:3], by_hand, rtol=1e-14)
    np.testing.assert_array_equal(found[3:], 1.0)
    np.testing.assert_array_equal(freezing_decline(jnp.asarray([-30.0, -0.3]), 1.0), 1.0)


@pytest.mark.parametrize("edge", [0.0, -1.0])
def test_the_slope_of_freezing_does_not_jump(edge):
    slopes = jax.vmap(jax.grad(lambda t: jnp.log(freezing_decline(t, 20.0))))(
        jnp.asarray([edge - 1e-9, edge, edge + 1e-9])
    )
    full = 0.1 * np.log(20.0)
    np.testing.assert_allclose(slopes, -edge * full, rtol=0, atol=2e-9 * full)


def test_derivatives_of_freezing():
    generator = np.random.default_rng(3)
    points = {
        "temperature": np.r_[generator.uniform(-60.0, 40.0, 100), generator.uniform(-2, 1, 100)],
        "q10": np.exp(generator.uniform(0.0, np.log(400.0), 200)),
    }
    check_derivatives(freezing_decline, points)
    edges = jnp.asarray([-60.0, -1.0, -0.0, 0.0, 40.0])
    for q10 in (1.0, 400.0):
        assert_finite_derivatives(freezing_decline, {"temperature": edges, "q10": jnp.full(5, q10)})


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

"""Cells in blocks: the same numbers as all together, and their derivatives."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import simulate
from temjax.command.benchmark.cases import synthetic_inputs
from temjax.runtime import blocks
from temjax.runtime.blocks import map_blocks, needs_blocks

CELLS = 7


@pytest.fixture
def small_blocks(monkeypatch):
    """Programs compiled with blocks of three cells, and forgotten afterwards."""
    jax.clear_caches()
    monkeypatch.setattr(blocks, "BLOCK", 3)
    yield
    jax.clear_caches()


def test_only_long_axes_of_cells_are_cut():
    assert needs_blocks((blocks.BLOCK + 1,))
    assert not needs_blocks((blocks.BLOCK,))
    assert not needs_blocks(())
    assert not needs_blocks((1000, 3))


def test_blocks_are_put_together_again(small_blocks):
    celled = {"a": jnp.arange(CELLS) * 1.0, "b": jnp.arange(2 * CELLS).reshape(2, CELLS)}

    def double(given):
        values, factor = given
        assert values["a"].shape == (3,) and factor.shape == ()
        return jax.tree.map(lambda leaf: factor * leaf, values)

    found = map_blocks(double, (celled, jnp.asarray(2.0)), (CELLS,))
    for name, leaf in celled.items():
        np.testing.assert_array_equal(found[name], 2 * leaf)


def test_a_run_in_blocks_is_the_run(monkeypatch):
    """Values and derivatives."""
    given = synthetic_inputs(CELLS, 2)

    def pools(scale):
        parameters = dataclasses.replace(given.parameters, cmax_scale=scale)
        run = simulate(parameters, given.location, given.forcing, initial=given.initial)
        assert run.years.shape == (2,) and run.annual.permafrost.shape == (2, CELLS)
        return run.state.ecosystem.pools, run

    def both():
        jax.clear_caches()
        scale = jnp.ones(CELLS)
        return jax.jit(lambda s, t: jax.jvp(pools, (s,), (t,), has_aux=True))(scale, scale)

    plain = both()
    monkeypatch.setattr(blocks, "BLOCK", 3)
    cut = both()
    jax.clear_caches()
    for first, second in zip(jax.tree.leaves(plain), jax.tree.leaves(cut), strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-8, atol=1e-10)

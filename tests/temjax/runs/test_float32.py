"""A run in float32 beside the same run in float64, from one equilibrium."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import temjax
from temjax.command.benchmark.cases import synthetic_inputs
from temjax.outputs import FLUXES
from temjax.state import POOLS

CELLS, YEARS = 16, 30
SMALL = 0.01  # of a cell's largest month, below which a flux is compared with that share


def single(tree):
    def cast(leaf):
        return leaf.astype("float32") if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(cast, tree)


@pytest.fixture(scope="module")
def runs():
    given = synthetic_inputs(CELLS, YEARS)
    inputs = given.parameters, given.location, given.forcing
    initial = temjax.find_equilibrium(*inputs, climate="mean").state
    double = temjax.simulate(*inputs, initial=initial)
    return double, temjax.simulate(*single(inputs), initial=single(initial))


def numbers(values):
    return np.asarray(values, dtype=float)


@pytest.mark.slow
def test_nothing_is_widened(runs):
    leaves = [leaf for leaf in jax.tree.leaves(runs[1]) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    assert {leaf.dtype.name for leaf in leaves} == {"float32"}


@pytest.mark.slow
def test_monthly_fluxes_agree_to_a_thousandth(runs):
    double, narrow = (numbers(run.monthly.fluxes) for run in runs)
    largest = np.abs(double).max(axis=(1, 2), keepdims=True)
    error = np.abs(narrow - double) / np.maximum(np.abs(double), SMALL * largest + 1e-9)
    worst = {name: rows.max() for name, rows in zip(FLUXES, error, strict=True)}
    assert {name: value for name, value in worst.items() if not value <= 1e-3} == {}


@pytest.mark.slow
def test_active_layer_agrees_to_a_millimetre(runs):
    double, narrow = (numbers(run.annual.active_layer_thickness) for run in runs)
    assert np.isfinite(double).sum() > YEARS
    np.testing.assert_allclose(narrow, double, rtol=0, atol=1e-3)  # NaN where the other is


@pytest.mark.slow
def test_pools_of_each_decade_agree_to_a_thousandth(runs):
    double, narrow = (numbers(run.annual.pools)[:, 9::10] for run in runs)
    largest = np.abs(double).max(axis=1, keepdims=True)
    error = np.abs(narrow - double) / np.maximum(largest, 1e-9)
    worst = {name: rows.max() for name, rows in zip(POOLS, error, strict=True)}
    assert {name: value for name, value in worst.items() if not value <= 1e-3} == {}

"""What must hold for any valid parameters, soil and climate, run for two years."""

import dataclasses

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from temjax import simulate
from temjax.state import pool_index
from tests.support.random_world import (
    FASTEST_DECOMPOSITION,
    OPTIONS,
    QUANTITIES,
    World,
    budget_errors,
    fastest_decomposition,
    least_pools,
    random_world,
    resolved,
    run_world,
)

CELLS, YEARS = 4, 2
MANY = 80
SPLIT = 1e-9  # of each quantity's largest value
WORLDS = arrays(
    float, (len(QUANTITIES), CELLS), elements=st.floats(0, 1, width=32), fill=st.floats(0, 1)
).map(lambda units: random_world(units, YEARS))


def take(tree, cells):
    """The chosen cells of everything that has cells."""

    def leaf(x):
        has_cells = jnp.ndim(x) > 0 and jnp.shape(x)[-1] == CELLS
        return x[..., cells] if has_cells else x

    return jax.tree.map(leaf, tree)


def held(world: World):
    """Soil climate of a run in which every year has residual thaw, so that H never changes."""
    soil = run_world(world).soil
    return dataclasses.replace(soil, minimum_thaw_depth=jnp.full((YEARS, CELLS), 1.0))


def check_state(world: World) -> None:
    run = run_world(world)
    assert bool(run.finite.all())
    assert np.isfinite(np.asarray(run.monthly.pools)).all()
    for name, error in budget_errors(world.initial, run).items():
        assert error.max() <= 1e-10, (name, error)
    ordinary = fastest_decomposition(world, run) <= FASTEST_DECOMPOSITION
    assert (least_pools(world.initial, run)[:, ordinary] >= -1e-9).all()
    assert (np.asarray(run.state.exposure.inaccessible_inorganic_nitrogen) >= 0).all()


def check_permutation(world: World, order: list[int]) -> None:
    cells = np.asarray(order)
    straight, turned = take(run_world(world), cells), run_world(take(world, cells))
    for ours, theirs in zip(jax.tree.leaves(straight), jax.tree.leaves(turned), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def check_split(world: World) -> None:
    """To rounding: a block of another length is another compiled program."""
    whole = run_world(world)
    ordinary = resolved(world, whole)
    first = run_world(world, stop=1)
    second = run_world(world, initial=first.state, start=1)

    def close(ours, theirs, name):
        ours, theirs = np.asarray(ours)[..., ordinary], np.asarray(theirs)[..., ordinary]
        scale = np.abs(theirs).max(initial=1e-3)
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=SPLIT, err_msg=name)

    for name in ("fluxes", "pools", "ledgers", "maximum_thaw_depth", "exposure_factor"):
        parts = [getattr(part.annual, name) for part in (first, second)]
        joined = jnp.concatenate(parts, axis=1 if parts[0].ndim == 3 else 0)
        for ours, theirs in zip(joined, getattr(whole.annual, name), strict=True):
            close(ours, theirs, name)
    states = zip(jax.tree.leaves(second.state), jax.tree.leaves(whole.state), strict=True)
    for number, (ours, theirs) in enumerate(states):
        close(ours, theirs, f"state leaf {number}")


def check_held(world: World, thickness: float) -> None:
    soil = held(world)
    depth = jnp.full(CELLS, thickness)
    exposure = dataclasses.replace(
        world.initial.exposure, active_layer_thickness=depth, exposed_thickness=depth
    )
    state = dataclasses.replace(world.initial, exposure=exposure)
    transient, reference = (
        run_world(world, initial=state, soil=soil, exposure=exposed) for exposed in (True, False)
    )
    np.testing.assert_array_equal(transient.annual.exposure_factor, 1.0)
    for ours, theirs in zip(jax.tree.leaves(transient), jax.tree.leaves(reference), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@given(WORLDS)
def test_states_are_finite_and_positive_and_budgets_close(world):
    check_state(world)


@given(WORLDS, st.permutations(range(CELLS)))
def test_a_permutation_of_cells_permutes_the_output(world, order):
    check_permutation(world, order)


@pytest.mark.slow
@given(WORLDS)
def test_a_run_in_two_parts_equals_one_run(world):
    check_split(world)


@given(WORLDS, st.floats(0.2, 20.0))
def test_with_and_without_exposure_agree_while_the_thickness_is_held(world, thickness):
    check_held(world, thickness)


@pytest.mark.slow
@settings(max_examples=MANY)
@given(WORLDS, st.permutations(range(CELLS)), st.floats(0.2, 20.0))
def test_many_worlds(world, order, thickness):
    check_state(world)
    check_permutation(world, order)
    check_split(world)
    check_held(world, thickness)


@pytest.mark.slow
def test_most_worlds_are_resolved():
    """So that the property of split runs is not empty."""
    units = np.random.default_rng(3).uniform(size=(len(QUANTITIES), CELLS))
    world = random_world(units, YEARS)
    assert resolved(world, run_world(world)).all()


def an_ordinary_world() -> World:
    return random_world(np.full((len(QUANTITIES), CELLS), 0.5), YEARS)


def test_a_leak_is_seen():
    world = an_ordinary_world()
    run = run_world(world)
    row = pool_index("soil_organic_carbon")
    pools = run.state.ecosystem.pools.at[row].multiply(1 - 1e-8)
    ecosystem = dataclasses.replace(run.state.ecosystem, pools=pools)
    leaky = dataclasses.replace(run, state=dataclasses.replace(run.state, ecosystem=ecosystem))
    errors = budget_errors(world.initial, leaky)
    assert errors["carbon"].max() > 1e-9
    assert errors["nitrogen"].max() < 1e-10


def test_a_cell_that_knows_its_neighbour_is_seen():
    world = an_ordinary_world()
    spread = jnp.arange(CELLS) * 1.0
    warm = dataclasses.replace(
        world.forcing, air_temperature=world.forcing.air_temperature + spread
    )
    world = dataclasses.replace(world, forcing=warm)
    mixed = jax.tree.map(lambda x: x, take(world, np.asarray([1, 0, 2, 3])))
    straight = run_world(world).annual.net_primary_production
    assert not np.array_equal(straight, run_world(mixed).annual.net_primary_production)


def test_exposure_acts_once_the_thickness_changes():
    world = an_ordinary_world()
    soil = dataclasses.replace(
        held(world),
        minimum_thaw_depth=jnp.zeros((YEARS, CELLS)),
        maximum_thaw_depth=jnp.asarray([[1.0] * CELLS, [1.2] * CELLS]),
    )
    run = simulate(
        world.parameters,
        world.location,
        world.forcing,
        initial=world.initial,
        soil=soil,
        exposure=True,
        options=OPTIONS,
    )
    assert (np.asarray(run.annual.exposure_factor[1]) > 1.0).all()

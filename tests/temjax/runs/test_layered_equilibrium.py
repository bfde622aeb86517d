"""Equilibrium of soil carbon in layers, its derivatives, and those of what thaws in a run.

All slow: an equilibrium takes half a minute to compile.
"""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import ModelOptions, find_equilibrium, load_parameters, replace_parameters, simulate
from temjax.forcing import mean_year
from temjax.numerics import solve_cells, value_and_jacobian
from temjax.runs.annual_map import LAYER_ROW, pack_state
from temjax.runs.equilibrium import YEAR_SCHEDULE, _as_arrays, cyclic_map
from temjax.runs.fixed_point import fixed_point
from temjax.runs.spin_up import spin_up
from tests.support.derivatives import check_jacobian
from tests.support.soil_cases import forcing, location
from tests.temjax.runs.test_layers import CLIMATE, MEADOW, OPTIONS, PLACE, layered, soil_of

pytestmark = pytest.mark.slow

CELLS = (2,)
QUICK = dataclasses.replace(OPTIONS, substeps=4)
SETS = load_parameters("alpine-meadow")


def _climate():
    """One cell on permafrost, one without."""
    warm = forcing(3, CELLS)
    shift = jnp.asarray([-2.5, 3.0])
    return dataclasses.replace(warm, air_temperature=warm.air_temperature + shift)


@cache
def found():
    return find_equilibrium(SETS, location(CELLS), _climate(), options=QUICK)


def test_equilibrium_with_and_without_permafrost():
    result = found()
    layers = result.state.layers
    assert bool(result.converged.all()), result.method_name
    assert float(result.residual.max()) <= 1e-8
    active = np.asarray(layers.active_carbon)
    np.testing.assert_allclose(active.sum(0), result.state.soil_organic_carbon, rtol=1e-14)
    np.testing.assert_array_equal(layers.thawed_carbon, 0.0)
    assert float(layers.first_table[0]) < 4 and float(layers.first_table[1]) == 10.0
    held = np.asarray(QUICK.soil_layers[:-1])[:, None] < np.minimum(layers.first_table, 3.0)
    assert (active[held] > 0).all() and (active[~held] == 0).all()


def test_without_permafrost_nothing_old_decays():
    result, climate = found(), _climate()
    run = simulate(
        SETS, location(CELLS), climate, initial=result.state, options=QUICK, exposure=True
    )
    assert bool(run.finite.all())
    for name in ("thawed", "frozen"):
        np.testing.assert_array_equal(getattr(run.layers, f"{name}_carbon_by_layer")[..., 1], 0.0)
    state = spin_up(SETS, location(CELLS), climate, result.state, years=3, options=QUICK)
    # the cycle's first year comes after its last, the run's after itself
    deepest = np.max(np.minimum(run.annual.maximum_thaw_depth, 10.0), axis=0)
    np.testing.assert_allclose(state.layers.first_table, deepest, rtol=0.02)
    np.testing.assert_array_equal(state.layers.first_table, state.layers.permafrost_table)
    np.testing.assert_array_equal(state.layers.thawed_carbon, 0.0)


def test_derivatives_of_the_equilibrium():
    """Of active carbon by layer and vegetation, forward mode and central differences."""
    mapping, initial, _ = cyclic_map(SETS, location(CELLS), mean_year(_climate()), options=QUICK)
    start = pack_state(found().state.ecosystem, found().state.memory, found().state.layers)
    excluded = jnp.zeros(CELLS, bool)
    names = ("decomposition_attenuation", "soil_mixing", "surface_decomposition_scale", "kdc_scale")
    values = jnp.stack([getattr(SETS, name) for name in names])

    def changed_map(relative):
        parameters = dataclasses.replace(
            SETS, **dict(zip(names, values * (1 + relative), strict=True))
        )
        constants = dataclasses.replace(
            mapping.constants,
            decomposition_rate=mapping.constants.decomposition_rate * (1 + relative[3]),
        )
        return dataclasses.replace(mapping, parameters=parameters, constants=constants)

    def rows(state):
        return jnp.log(jnp.concatenate([state[LAYER_ROW : LAYER_ROW + 3], state[:1]]))

    def solve(relative):
        search = fixed_point(changed_map(relative), start, excluded, _as_arrays(YEAR_SCHEDULE))
        return rows(search.state), search.state

    slope, found_state = jax.jit(jax.jacfwd(solve, has_aux=True))(jnp.zeros(len(names)))

    @jax.jit
    def polished(relative):
        """Newton to rounding: a search stops at 1e-8 a year, of layers that take centuries."""
        here = changed_map(relative)

        def newton(_, state):
            image, jacobian = value_and_jacobian(here, state)
            return state + solve_cells(jnp.eye(jacobian.shape[-1]) - jacobian, image - state)

        return rows(jax.lax.fori_loop(0, 3, newton, found_state))

    step = 1e-4
    forward = np.asarray(slope)
    for index, name in enumerate(names):
        move = step * jnp.eye(len(names))[index]
        difference = (polished(move) - polished(-move)) / (2 * step)
        np.testing.assert_allclose(forward[..., index], difference, atol=1e-5, err_msg=name)
    assert (np.abs(forward[:3]) > 1e-3).all()
    # kappa and KDC are one factor for decomposition
    np.testing.assert_allclose(forward[..., 2], forward[..., 3], atol=1e-9)
    assert initial.layers is not None


def test_derivatives_of_what_thaws_and_decays():
    """Sums of a run, forward and reverse mode against central differences."""
    names = dict(
        old_carbon_rate=4e-3, decomposition_attenuation=2.0, soil_mixing=5e-4, litter_depth=0.13,
        old_carbon_stock=16000.0, soil_carbon_depth_scale=1.3, old_carbon_to_nitrogen=16.4,
        surface_decomposition_scale=4.48, heterotrophic_q10=2.0,
    )  # fmt: skip
    state, _ = layered(table=2.5)
    roots = dataclasses.replace(OPTIONS, rooting_depth="thaw")
    soil = soil_of(MEADOW)

    def sums(**values):
        parameters = dataclasses.replace(MEADOW, **values)
        run = simulate(
            parameters, PLACE, CLIMATE, initial=state, options=roots, exposure=True, soil=soil
        )
        return (
            run.annual.exposed_carbon.sum(0),
            run.layers.thawed_carbon_respiration_by_layer.sum((0, 1)),
            run.annual.heterotrophic_respiration.sum(0),
            run.annual.net_primary_production.sum(0),
            run.layers.active_carbon_by_layer[-1, :3],
        )

    check_jacobian(sums, names, tolerance=1e-6)


def test_warmer_ground_frees_no_less():
    """Deeper thaw of one cell: table, thawed carbon and its decay are not smaller."""
    _, run = layered()
    state, _ = layered()
    warmer = dataclasses.replace(
        soil_of(MEADOW), maximum_thaw_depth=run.annual.maximum_thaw_depth + 0.3
    )
    deeper = simulate(
        MEADOW, PLACE, CLIMATE, initial=state, options=OPTIONS, exposure=True, soil=warmer
    )
    for name in ("permafrost_table", "exposed_carbon_by_layer"):
        assert (
            np.cumsum(getattr(deeper.layers, name), axis=0)
            >= np.cumsum(getattr(run.layers, name), axis=0) - 1e-9
        ).all()


def test_options_of_the_guess_are_those_of_the_search():
    with pytest.raises(ValueError, match="soil layers"):
        find_equilibrium(
            replace_parameters(SETS), location(CELLS), _climate(), guess=found().state,
            options=ModelOptions(substeps=4),
        )  # fmt: skip

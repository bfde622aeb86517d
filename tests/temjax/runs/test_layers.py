"""Runs with soil carbon in layers: the bulk soil as a special case, budgets, branches, refusals.

On soil climates made by formula, so that no heat is solved.
"""

import dataclasses
from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest

from temjax import ModelOptions, load_parameters, replace_parameters, simulate
from temjax.outputs import FLUXES
from temjax.processes.soil_layers import layer_bounds, stock_between
from temjax.runs.quality import run_quality
from temjax.soil_column import soil_column
from temjax.state import LayeredSoil
from tests.support.soil_cases import forcing, location, soil_climate_by_formula
from tests.temjax.runs.test_conservation import CELLS, DEPTHS, RESIDUAL, YEARS, run

LAYERS = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)
OPTIONS = ModelOptions(substeps=8, soil_layers=LAYERS)
MEADOW = load_parameters("alpine-meadow")
PLACE, CLIMATE = location(CELLS), forcing(YEARS, CELLS)
SEASON = np.array([0, 0, 0, 0, 0.1, 0.3, 0.7, 1.0, 1.0, 0.9, 0.4, 0.1])


def soil_of(parameters, depths=DEPTHS):
    """Soil climate with layers of heat: damped air temperature, a front that comes and goes."""
    soil = soil_climate_by_formula(
        CLIMATE, PLACE.elevation, depths, snowpack=3.0, residual_depth=RESIDUAL
    )
    column = soil_column(parameters, CELLS)
    air = CLIMATE.air_temperature + 3.0
    mean = jnp.mean(air, axis=1, keepdims=True)
    damped = (air - mean)[:, :, None] * jnp.exp(-column.centre / 1.5) + mean[:, :, None]
    front = SEASON[:, None] * jnp.asarray(depths)[:, None]
    fraction = jnp.clip((front[:, :, None] - column.top) / column.thickness, 0.0, 1.0)
    return dataclasses.replace(soil, layer_temperature=damped, layer_liquid_fraction=fraction)


def state_of(parameters, state, table, interfaces=LAYERS):
    """A state of the bulk soil with observed carbon in layers above a table."""
    table = jnp.broadcast_to(jnp.asarray(table, float), CELLS)
    active = stock_between(
        layer_bounds(interfaces, len(CELLS)),
        jnp.zeros(CELLS),
        table,
        stock=parameters.old_carbon_stock,
        depth_scale=parameters.soil_carbon_depth_scale,
    )
    layers = LayeredSoil(active, jnp.zeros_like(active), table, table, table)
    pools = state.ecosystem.pools.at[3].set(active.sum(0))
    pools = pools.at[4].set(active.sum(0) / parameters.soil_carbon_to_nitrogen)
    ecosystem = dataclasses.replace(state.ecosystem, pools=pools)
    return dataclasses.replace(state, ecosystem=ecosystem, layers=layers)


@cache
def bulk():
    """State before the first year, and a run of the bulk soil without exposure."""
    return run("pulse_only", jnp.float64, False)


@cache
def layered(exposure=True, options=OPTIONS, table=1.7, **values):
    parameters = replace_parameters(MEADOW, **values)
    state = state_of(parameters, bulk()[0], table)
    soil = soil_of(parameters)
    return state, simulate(
        parameters, PLACE, CLIMATE, initial=state, options=options, exposure=exposure, soil=soil
    )


@pytest.mark.slow
def test_one_layer_is_the_bulk_soil():
    """Every pool and flux, where layers have nothing to say: one, no attenuation, T of 20 cm."""
    state, classic = bulk()
    parameters = replace_parameters(
        MEADOW, decomposition_attenuation=0.0, surface_decomposition_scale=1.0
    )
    one = (0.0, 0.5)
    soil = soil_of(parameters)
    at_20cm = soil.soil_temperature[:, :, soil.depths.index(0.2)]
    shape = soil.layer_temperature.shape
    soil = dataclasses.replace(
        soil,
        layer_temperature=jnp.broadcast_to(at_20cm[:, :, None], shape),
        layer_liquid_fraction=jnp.ones(shape),
    )
    deep = jnp.full(CELLS, 10.0)
    carbon = state.ecosystem.pools[3][None]
    layers = LayeredSoil(carbon, jnp.zeros_like(carbon), deep, deep, deep)
    result = simulate(
        parameters, PLACE, CLIMATE, initial=dataclasses.replace(state, layers=layers),
        options=ModelOptions(soil_layers=one), exposure=True, soil=soil,
    )  # fmt: skip
    for name in ("fluxes", "pools"):
        found, expected = getattr(result.monthly, name), getattr(classic.monthly, name)
        scale = np.abs(expected).max(axis=tuple(range(1, expected.ndim)), keepdims=True) + 1e-30
        assert (np.abs(found - expected) / scale).max() <= 1e-13, name
    active = result.layers.active_carbon_by_layer.sum(1)
    np.testing.assert_allclose(active, result.annual.soil_organic_carbon, rtol=1e-14)


def test_carbon_and_nitrogen_close():
    state, result = layered()
    layers, annual = result.layers, result.annual
    assert float(annual.exposed_carbon.sum()) > 100 and bool(result.finite.all())
    per_nitrogen = 1.0 / MEADOW.old_carbon_to_nitrogen

    def totals(pools, active, thawed, frozen, inaccessible):
        carbon = pools[0] + active.sum(0) + thawed.sum(0) + frozen.sum(0)
        nitrogen = pools[1] + pools[2] + pools[4] + pools[5] + inaccessible
        return carbon, nitrogen + (thawed.sum(0) + frozen.sum(0)) * per_nitrogen

    frozen = layers.frozen_carbon_by_layer
    first_frozen = frozen[0] + layers.exposed_carbon_by_layer[0]
    start = state.layers
    before = totals(
        state.ecosystem.pools, start.active_carbon, start.thawed_carbon, first_frozen,
        state.exposure.inaccessible_inorganic_nitrogen,
    )  # fmt: skip
    after = totals(
        annual.pools[:, -1], layers.active_carbon_by_layer[-1], layers.thawed_carbon_by_layer[-1],
        frozen[-1], annual.inaccessible_inorganic_nitrogen[-1],
    )  # fmt: skip
    net = (annual.net_primary_production - annual.heterotrophic_respiration).sum(0)
    np.testing.assert_allclose((after[0] - before[0] - net) / before[0], 0.0, atol=1e-13)
    np.testing.assert_allclose(after[1] / before[1] - 1, 0.0, atol=1e-13)
    np.testing.assert_allclose(
        annual.net_ecosystem_production,
        annual.net_primary_production - annual.heterotrophic_respiration,
        atol=1e-10,
    )
    by_layer = layers.heterotrophic_respiration_by_layer.sum(2)
    np.testing.assert_allclose(by_layer, result.monthly.heterotrophic_respiration, rtol=1e-12)


def test_what_thaws_is_what_lay_between_the_tables():
    _, result = layered()
    table = np.maximum.accumulate(np.maximum(DEPTHS, 1.7), axis=0)
    np.testing.assert_allclose(result.layers.permafrost_table, table, rtol=1e-14)
    total = stock_between(
        layer_bounds(LAYERS, 1), jnp.full(CELLS, 1.7), jnp.asarray(table[-1]),
        stock=16000.0, depth_scale=1.3,
    ).sum(0)  # fmt: skip
    np.testing.assert_allclose(result.annual.exposed_carbon.sum(0), total, rtol=1e-12)
    np.testing.assert_array_equal(result.state.layers.first_table, 1.7)


def test_branches_differ_by_what_thaws():
    """S_R exposes nothing; where thaw passes no table the two are one run.

    With all old nitrogen below roots, plants see only that active carbon has a little more room.
    """
    _, transient = layered(table=2.5)
    _, reference = layered(exposure=False, table=2.5)
    production = transient.annual.net_primary_production
    np.testing.assert_allclose(reference.annual.net_primary_production, production, rtol=1e-3)
    assert float(transient.layers.thawed_nitrogen_to_roots.sum()) == 0
    lost = [r.layers.thawed_carbon_respiration_by_layer.sum(1) for r in (transient, reference)]
    assert (lost[0] >= lost[1]).all() and lost[0].sum() > 1.0 and lost[1].sum() == 0
    _, deep = layered(table=9.0)
    _, deep_reference = layered(exposure=False, table=9.0)
    np.testing.assert_array_equal(deep.annual.fluxes, deep_reference.annual.fluxes)


@pytest.mark.slow
def test_a_run_in_parts_is_the_run():
    state, whole = layered()
    years = slice(0, 5), slice(5, YEARS)
    soil = whole.soil
    parts = []
    for span in years:
        part = simulate(
            MEADOW, PLACE, CLIMATE, initial=state, options=OPTIONS, exposure=True,
            start=span.start, stop=span.stop,
            soil=dataclasses.replace(
                soil,
                **{
                    field.name: getattr(soil, field.name)[span]
                    for field in dataclasses.fields(soil)
                    if field.name not in ("final", "depths")
                },
            ),
        )  # fmt: skip
        state, parts = part.state, [*parts, part]
    for name in ("active_carbon_by_layer", "thawed_carbon_by_layer", "permafrost_table"):
        joined = np.concatenate([getattr(part.layers, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole.layers, name), err_msg=name)


@pytest.mark.slow
def test_nitrogen_offered_to_roots_does_not_lower_production():
    """Roots that follow thaw reach the nitrogen of old carbon, which joins organic matter."""
    roots = dataclasses.replace(OPTIONS, rooting_depth="thaw")
    _, little = layered(options=roots, old_carbon_rate=2e-4)
    _, much = layered(options=roots, old_carbon_rate=0.05)
    assert float(much.layers.thawed_nitrogen_to_roots.sum()) > 1.0
    gain = (much.annual.net_primary_production - little.annual.net_primary_production).sum(0)
    assert (gain >= 0).all() and float(gain.max()) > 0
    row = FLUXES.index("nitrogen_uptake")
    assert ((much.annual.fluxes - little.annual.fluxes)[row].sum(0) >= 0).all()


def test_a_layer_below_zero_is_a_fault():
    _, result = layered()
    assert not run_quality(result).negative.any()
    spoilt = result.layers.thawed_carbon_by_layer.at[3, 2, 1].set(-5.0)
    layers = dataclasses.replace(result.layers, thawed_carbon_by_layer=spoilt)
    told = run_quality(dataclasses.replace(result, layers=layers))
    np.testing.assert_array_equal(told.negative, [False, True, False])


def test_states_and_climates_of_other_options_are_refused():
    state, _ = layered()
    arguments = dict(exposure=True, soil=soil_of(MEADOW))
    with pytest.raises(ValueError, match=r"0 soil layers, ModelOptions.soil_layers asks for 5"):
        simulate(MEADOW, PLACE, CLIMATE, initial=bulk()[0], options=OPTIONS, **arguments)
    with pytest.raises(ValueError, match=r"5 soil layers, ModelOptions.soil_layers asks for 0"):
        simulate(MEADOW, PLACE, CLIMATE, initial=state, **arguments)
    arguments["soil"] = bulk()[1].soil
    with pytest.raises(ValueError, match="no temperature by layer"):
        simulate(MEADOW, PLACE, CLIMATE, initial=state, options=OPTIONS, **arguments)

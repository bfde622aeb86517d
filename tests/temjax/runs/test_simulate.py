"""Runs: cut into blocks, one cell against many, errors at the edge, compilations, quality flags."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import temjax
from temjax import ModelOptions, load_parameters, simulate
from temjax.runs.exposure import exposure_switch
from temjax.runs.lagged_forcing import lagged_temperature
from temjax.runs.quality import LARGEST_IMBALANCE, LEAST_POOL, RunQuality, run_quality
from temjax.runs.simulate import _ecosystem_run
from tests.support.soil_cases import forcing, location, soil_climate_by_formula
from tests.temjax.runs.test_conservation import run


def _cut(soil, start, stop):
    years = soil.maximum_thaw_depth.shape[0]
    return jax.tree.map(lambda x: x[start:stop] if x.ndim and x.shape[0] == years else x, soil)


def test_blocks_equal_one_run():
    state, whole = run("p_ratio", jnp.float64, True)
    cells = whole.finite.shape
    place, climate = location(cells), forcing(8, cells)
    parameters = load_parameters("alpine-meadow")
    arguments = dict(
        options=ModelOptions(root_zone_nitrogen="p_ratio"),
        exposure=True,
        reference_thickness=None,
    )
    soil = whole.soil
    parts = []
    for start, stop in ((0, 4), (4, 8)):
        part = simulate(
            parameters,
            place,
            climate,
            initial=state,
            start=start,
            stop=stop,
            soil=_cut(soil, start, stop),
            **arguments,
        )
        parts.append(part)
        state = part.state
    for name in ("fluxes", "pools", "ledgers"):
        joined = jnp.concatenate([getattr(part.annual, name) for part in parts], axis=1)
        np.testing.assert_array_equal(joined, getattr(whole.annual, name), err_msg=name)


def test_one_cell_equals_vmap_equals_batch():
    state, batch = run("pulse_only", jnp.float64, True)
    cells = batch.finite.shape
    place, climate, parameters = (
        location(cells),
        forcing(8, cells),
        load_parameters("alpine-meadow"),
    )

    def leading(tree, axis_of):
        return jax.tree.map(lambda x: jnp.moveaxis(x, -1, 0) if axis_of(x) else x, tree)

    def has_cells(x):
        return x.ndim > 0 and x.shape[-1] == cells[0] and x.dtype != jnp.int64

    def one(place, climate, state, soil):
        result = simulate(parameters, place, climate, initial=state, exposure=True, soil=soil)
        return result.annual.fluxes

    co2 = climate.co2[..., None] * jnp.ones(cells)
    climate = dataclasses.replace(climate, co2=co2)
    arguments = (place, climate, state, batch.soil)
    axes = jax.tree.map(lambda x: -1 if has_cells(x) else None, arguments)
    mapped = jax.vmap(one, in_axes=axes, out_axes=-1)(*arguments)
    scale = np.abs(np.asarray(batch.annual.fluxes)).max(axis=(1, 2), keepdims=True)
    scale = np.maximum(scale, 1e-30)
    np.testing.assert_allclose(mapped / scale, batch.annual.fluxes / scale, atol=1e-11)
    single = one(*jax.tree.map(lambda x: x[..., 1] if has_cells(x) else x, arguments))
    np.testing.assert_allclose(single / scale[..., 0], mapped[..., 1] / scale[..., 0], atol=1e-11)


def test_equal_shapes_share_one_compilation():
    run("pulse_only", jnp.float64, True)
    before = _ecosystem_run.traced._cached._cache_size()
    run("pulse_only", jnp.float64, False)
    assert _ecosystem_run.traced._cached._cache_size() == before


def test_months_look_across_the_year_boundary():
    climate = forcing(3)
    lagged = lagged_temperature(climate, 2, cyclic=False)[1:3]
    air = climate.air_temperature
    np.testing.assert_array_equal(lagged[0, :3], [air[0, 10], air[0, 11], air[1, 0]])
    np.testing.assert_array_equal(lagged_temperature(climate, 1, cyclic=False)[0, 0], air[0, 11])


def test_exposure_starts_in_1901_by_default():
    climate = forcing(8)
    np.testing.assert_array_equal(exposure_switch(climate, None, 0, 8), [0] * 6 + [1] * 2)
    with pytest.raises(ValueError, match="one per year of the forcing"):
        exposure_switch(climate, [True, False], 0, 8)


def test_errors_at_the_edge():
    place, climate = location(), forcing(2)
    soil = soil_climate_by_formula(climate, place.elevation, 2.0)
    tundra = load_parameters("moist-tundra")
    state, _ = run("pulse_only", jnp.float64, True)
    with pytest.raises(ValueError, match="do not select years"):
        simulate(tundra, place, climate, initial=state, start=1, stop=5, soil=soil)
    with pytest.raises(ValueError, match="needs a Stefan coefficient"):
        simulate(
            tundra,
            place,
            climate,
            initial=state,
            soil=soil,
            options=ModelOptions(active_layer_rule="stefan"),
        )
    with pytest.raises(ValueError, match="choose one of"):
        ModelOptions(active_layer_rule="stefans")
    with pytest.raises(AttributeError, match="no monthly output"):
        _ = run("pulse_only", jnp.float64, True)[1].monthly.gpp
    assert temjax.__version__


def test_an_ordinary_run_is_sound_and_faults_are_seen():
    _, plain = run("p_ratio", jnp.float64, True)
    sound = run_quality(plain)
    assert bool(jnp.all(sound.finite))
    assert not np.any(sound.negative) and not np.any(sound.unsolved)
    np.testing.assert_allclose(sound.least_pool, 0.0, atol=1e-12)

    pools = plain.monthly.pools
    fall = 2 * LEAST_POOL * jnp.max(pools[1, ..., 0])
    monthly = dataclasses.replace(plain.monthly, pools=pools.at[1, 2, 5, 0].set(fall))
    left = plain.soil.heat_imbalance.at[3, 1].set(2 * LARGEST_IMBALANCE)
    soil = dataclasses.replace(plain.soil, heat_imbalance=left)
    faulty = run_quality(dataclasses.replace(plain, monthly=monthly, soil=soil))
    expected = np.arange(plain.finite.size)
    np.testing.assert_array_equal(faulty.negative, expected == 0)
    np.testing.assert_array_equal(faulty.unsolved, expected == 1)
    np.testing.assert_allclose(faulty.least_pool[0], 2 * LEAST_POOL, rtol=1e-12)


def test_of_two_runs_the_worse_counts():
    first = RunQuality(
        np.array([True, False, True]), np.array([0.0, -0.1, 0.0]), np.array([0.0, 0.1, 3.0])
    )
    second = RunQuality(
        np.array([True, True, False]), np.array([-0.2, 0.0, 0.0]), np.array([2.0, 0.0, 1.0])
    )
    both = first.combine(second)
    np.testing.assert_array_equal(both.finite, [True, False, False])
    np.testing.assert_array_equal(both.negative, [True, True, False])
    np.testing.assert_array_equal(both.unsolved, [True, False, True])

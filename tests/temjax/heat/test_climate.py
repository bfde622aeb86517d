"""Soil climate of places: equilibrium, energy, joins, published thaw depths."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import temjax
from temjax import ModelOptions, equilibrate_heat, soil_climate
from temjax.forcing import MONTH_DAYS, mean_year
from temjax.heat import equilibrium as heat_equilibrium
from temjax.heat import step as heat_step
from temjax.heat.climate import HEAT_PARAMETERS, _climate, run_column
from temjax.heat.equilibrium import LEAST_ITERATIONS, tolerance
from temjax.heat.surface import surface_series, weather_window
from temjax.processes import soil_heat
from temjax.processes.ground_surface import substep_surface, substep_weights
from temjax.soil_column import soil_column
from tests.support.heat_cases import TOOLIK_AIR, plateau, toolik

CONVERGED = ModelOptions(heat_iterations=LEAST_ITERATIONS)


def _parameters(name, dtype=jnp.float64):
    return jax.tree.map(lambda x: jnp.asarray(x, dtype), temjax.load_parameters(name))


def _warming(place_forcing, rate=0.05):
    place, forcing = place_forcing
    years = jnp.arange(forcing.number_of_years, dtype=forcing.air_temperature.dtype)
    trend = (rate * years).reshape((-1,) + (1,) * (forcing.air_temperature.ndim - 1))
    return place, dataclasses.replace(forcing, air_temperature=forcing.air_temperature + trend)


@pytest.mark.parametrize(
    ("name", "climate"),
    [
        ("moist-tundra", lambda dtype: toolik(jnp.linspace(-6.0, 14.0, 16), dtype=dtype)),
        (
            "alpine-meadow",
            lambda dtype: plateau(jnp.linspace(-8.0, 2.0, 16), 11.3, 216.0, dtype=dtype),
        ),
    ],
)
@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_equilibrium_from_cold_permafrost_to_none(name, climate, dtype):
    """The residual is met through the range where permafrost is about to go or to come."""
    place, year = climate(dtype)
    heat, pack, residual = equilibrate_heat(_parameters(name, dtype), place, year)
    assert heat.enthalpy.dtype == pack.dtype == residual.dtype == dtype
    print(f"{name} {dtype.__name__}: largest residual {float(residual.max()):.1e}")
    assert (residual <= tolerance(dtype)).all()


def test_a_repeated_year_repeats():
    place, forcing = toolik(jnp.array([-2.0, 0.0, 6.0]), years=2)
    p = _parameters("moist-tundra")
    heat, pack, _ = equilibrate_heat(p, place, mean_year(forcing))
    climate = soil_climate(p, place, forcing, heat, snowpack=pack, options=CONVERGED)
    np.testing.assert_allclose(climate.soil_temperature[1], climate.soil_temperature[0], atol=1e-4)
    np.testing.assert_allclose(climate.final.snow_resistance, heat.snow_resistance, rtol=1e-12)
    np.testing.assert_array_equal(climate.final.frozen_all_year, heat.frozen_all_year)
    np.testing.assert_allclose(climate.snowpack[0, -1], pack, rtol=1e-12)
    np.testing.assert_array_equal(climate.permafrost[0], [True, True, False])


@pytest.mark.slow
def test_blocks_of_years_join_without_a_seam():
    place, forcing = _warming(toolik(years=5), 0.4)
    p = _parameters("boreal-forest")
    whole = soil_climate(p, place, forcing)
    heat, pack, _ = equilibrate_heat(p, place, mean_year(forcing))
    first = soil_climate(p, place, forcing, heat, snowpack=pack, start=0, stop=2)
    second = soil_climate(p, place, forcing, first.final, snowpack=first.snowpack[-1, -1], start=2)
    for name in ("soil_temperature", "thaw_fraction", "snowpack", "maximum_thaw_depth"):
        joined = jnp.concatenate([getattr(first, name), getattr(second, name)])
        np.testing.assert_allclose(joined, getattr(whole, name), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(
        jnp.concatenate([first.permafrost, second.permafrost]), whole.permafrost
    )


@pytest.mark.parametrize(("dtype", "limit"), [(jnp.float64, 1e-10), (jnp.float32, 1e-5)])
def test_energy_closes_per_cell_and_year(dtype, limit):
    place, forcing = _warming(toolik(jnp.array([-3.0, 0.0, 8.0]), years=4, dtype=dtype), 0.5)
    climate = soil_climate(_parameters("moist-tundra", dtype), place, forcing)
    worst = float(jnp.max(jnp.abs(climate.energy_residual)))
    print(f"{dtype.__name__}: {worst:.1e} of Σ|H|Δz")
    assert climate.energy_residual.dtype == dtype
    assert worst <= limit


def test_blocks_of_one_length_share_a_compilation():
    place, forcing = _warming(toolik(years=7), 0.4)
    p = _parameters("boreal-forest")
    heat, pack, _ = equilibrate_heat(p, place, mean_year(forcing))
    compiled = []
    for start in (0, 2, 4):
        climate = soil_climate(p, place, forcing, heat, snowpack=pack, start=start, stop=start + 2)
        heat, pack = climate.final, climate.snowpack[-1, -1]
        compiled.append(_climate.traced._cached._cache_size())
    assert compiled[0] == compiled[-1]


def test_energy_test_sees_a_lost_flux(monkeypatch):
    """One flux term scaled by 0.999 must break the budget."""
    place, forcing = toolik()
    p = _parameters("moist-tundra")
    heat, pack, _ = equilibrate_heat(p, place, forcing)
    series = surface_series(p, place, weather_window(forcing, 0, 1), (), pack, None)
    steps = heat_step.heat_steps

    def leaky(iterations, column, old, surfaces, seconds):
        result = steps(iterations, column, old, surfaces, seconds)
        fluxes = jax.vmap(soil_heat.boundary_fluxes, in_axes=(None, 0, 0))
        flux = fluxes(column, result.enthalpy, surfaces)[:, 5]
        lost = -1e-3 * flux * seconds / column.thickness[5]
        return heat_step.HeatStep(result.enthalpy.at[:, 5].add(lost), result.surface_flux)

    monkeypatch.setattr(heat_step, "heat_steps", leaky)
    climate = run_column(soil_column(p), ModelOptions(), series, heat)
    assert jnp.max(jnp.abs(climate.energy_residual)) > 1e-10


@pytest.mark.parametrize("substeps", [5, 6])
def test_substeps_keep_the_monthly_mean_and_a_positive_snow(substeps):
    rng = np.random.default_rng(5)
    plain, conserving = substep_weights(substeps, jnp.float64)
    for month in range(12):
        temperature = jnp.asarray(rng.normal(0, 10, (3, 4)))
        pack = jnp.asarray(np.maximum(rng.normal(0, 2, (3, 4)), 0.0))
        surface = substep_surface(temperature, pack, jnp.zeros(4), plain[month], conserving[month])
        np.testing.assert_allclose(
            jnp.mean(surface.temperature, axis=0), temperature[1], atol=1e-12
        )
        assert (surface.resistance >= 0.0).all()
    # a straight line through month centres of equal months stays straight
    july = substep_surface(
        jnp.array([0.0, 31.0, 62.0]), jnp.zeros(3), jnp.asarray(0.0), plain[7], conserving[7]
    ).temperature[:3]
    np.testing.assert_allclose(jnp.diff(july), 31.0 / substeps, rtol=1e-12)


@pytest.mark.slow
def test_scalar_vmap_and_batch_agree():
    shifts = jnp.array([-2.0, 1.0, 5.0])
    place, forcing = toolik(shifts, years=2)
    p = _parameters("boreal-forest")
    batch = soil_climate(p, place, forcing)

    def one(air):
        cell = dataclasses.replace(
            forcing,
            air_temperature=air,
            precipitation=forcing.precipitation[..., 0],
            shortwave=forcing.shortwave[..., 0],
        )
        return soil_climate(p, place, cell)

    mapped = jax.vmap(one, in_axes=-1, out_axes=-1)(forcing.air_temperature)
    single = one(forcing.air_temperature[..., 1])
    for name in ("soil_temperature", "thaw_fraction", "maximum_thaw_depth", "snowpack"):
        expected = getattr(batch, name)
        np.testing.assert_allclose(getattr(mapped, name), expected, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(getattr(single, name), expected[..., 1], rtol=1e-8, atol=1e-8)


# Steady state with a half-range and shortwave of docs/specification/plateau.md A4: (mean air °C,
# thaw m, MAGT °C)
PLATEAU = {
    "alpine-meadow": (11.3, 216.0, [(-4.5, 2.11, -0.66), (-5.0, 1.97, -1.20), (-6.0, 1.73, -2.13)]),
    "alpine-steppe": (11.8, 225.0, [(-4.5, 3.03, -0.62), (-5.5, 2.65, -1.58), (-6.5, 2.31, -2.53)]),
    "alpine-shrubland": (11.4, 211.0, [(-5.5, 1.39, np.nan), (-6.5, 1.19, np.nan)]),
    "alpine-cushion": (11.2, 226.0, [(-5.5, 2.86, np.nan), (-6.5, 2.52, np.nan)]),
    "alpine-desert": (12.8, 231.0, [(-5.5, 2.94, np.nan), (-6.5, 2.60, np.nan)]),
}


def test_plateau_thaw_depths():
    """Beside an independent enthalpy solver (30.4-day months): within 4 % and 0.15 K."""
    rows = [
        (name, half_range, shortwave, *row)
        for name, (half_range, shortwave, climates) in PLATEAU.items()
        for row in climates
    ]
    names, half_ranges, shortwaves, means, depths, grounds = map(np.array, zip(*rows, strict=True))
    sets = list(PLATEAU)
    parameters = temjax.gather_parameters(
        [_parameters(name) for name in sets], jnp.array([sets.index(name) for name in names])
    )
    place, forcing = plateau(jnp.asarray(means), half_ranges, shortwaves)
    climate = soil_climate(parameters, place, forcing)
    thaw = climate.maximum_thaw_depth[0]
    ground = climate.mean_annual_ground_temperature[0]
    grounds = grounds.astype(float)
    for row in zip(names, means, thaw, depths, ground, grounds, strict=True):
        print("{}: air {:.1f} °C, thaw {:.2f} ({:.2f}) m, MAGT {:.2f} ({:.2f}) °C".format(*row))
    np.testing.assert_allclose(thaw, depths, rtol=0.04)
    known = np.isfinite(grounds)
    np.testing.assert_allclose(ground[known], grounds[known], atol=0.15)
    assert climate.permafrost.all() and not climate.talik.any()


def test_toolik_soil_is_warmer_than_air_and_thaws_in_summer():
    place, forcing = toolik()
    climate = soil_climate(_parameters("moist-tundra"), place, forcing)
    soil = climate.soil_temperature[0]
    print(f"thaw depth {float(climate.maximum_thaw_depth[0]):.2f} m; observed 0.35–0.55 m there")
    print("air  ", np.round(TOOLIK_AIR, 1))
    for depth, row in zip(climate.depths, soil.T, strict=True):
        print(f"{depth:4.2f} m", np.round(row, 1))
    assert 0.3 <= float(climate.maximum_thaw_depth[0]) <= 0.9
    assert climate.permafrost[0] and climate.minimum_thaw_depth[0] == 0.0
    # the pack insulates: the year's mean soil is well above the air's, the amplitude falls off
    assert 3.0 < float(jnp.mean(soil[:, 0])) - np.mean(TOOLIK_AIR) < 9.0
    amplitude = np.ptp(np.asarray(soil), axis=0)
    assert (np.diff(amplitude) < 0).all() and amplitude[0] < np.ptp(TOOLIK_AIR)
    assert climate.thaw_fraction[0, 0] < 1e-3 and climate.thaw_fraction[0, 7] > 0.99
    np.testing.assert_allclose(climate.soil_temperature_top[0], soil[:, 1], atol=1.5)


def test_thawing_index_and_ground_offset_of_the_surface_coefficient():
    place, forcing = plateau(-5.0, 11.3, 216.0)
    p = _parameters("alpine-meadow")
    climate = soil_climate(p, place, forcing)
    surface = forcing.air_temperature + 0.019 * forcing.shortwave
    expected = jnp.sum(jnp.maximum(surface[0], 0.0) * jnp.array(MONTH_DAYS))
    np.testing.assert_allclose(climate.thawing_degree_days[0], expected, rtol=1e-12)


def test_requests_that_make_no_sense_are_refused():
    place, forcing = toolik(years=2)
    p = _parameters("moist-tundra")
    with pytest.raises(ValueError, match="years 1 to 1"):
        soil_climate(p, place, forcing, start=1, stop=1)
    with pytest.raises(ValueError, match="together"):
        soil_climate(p, place, forcing, snowpack=jnp.asarray(0.0))


def test_search_is_bounded(monkeypatch):
    """An iteration cut short says so in its residual, it does not hang or pretend."""
    place, forcing = toolik()
    monkeypatch.setattr(heat_equilibrium, "MAXIMUM_MAPS", 1)
    own_compilation = ModelOptions(heat_iterations=LEAST_ITERATIONS + 1)
    p = _parameters("moist-tundra")
    _, _, residual = equilibrate_heat(p, place, forcing, options=own_compilation)
    assert residual > 1e-6


def test_soil_climate_depends_on_the_heat_parameters_alone():
    """A run that draws none of them may share its soil climate."""
    place, forcing = toolik(jnp.array([8.0]), years=2)
    parameters = _parameters("moist-tundra")
    others = {
        name: 1.3 * getattr(parameters, name)
        for name in temjax.parameters.registry.REGISTRY
        if name not in HEAT_PARAMETERS
    }
    changed = dataclasses.replace(parameters, **others)
    one, two = (soil_climate(p, place, forcing, stop=2) for p in (parameters, changed))
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        assert np.array_equal(left, right, equal_nan=True)
    warmer = dataclasses.replace(parameters, conductivity_scale=1.3 * parameters.conductivity_scale)
    three = soil_climate(warmer, place, forcing, stop=2)
    assert not np.array_equal(three.thaw_depth, one.thaw_depth)

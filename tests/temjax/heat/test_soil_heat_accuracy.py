"""Soil heat against the exact Neumann solution and against a fine grid."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import temjax
from temjax import ModelOptions
from temjax.heat.climate import equilibrate_heat, soil_climate
from temjax.heat.step import heat_step
from temjax.processes import soil_heat
from temjax.processes.soil_heat import Surface
from temjax.soil_column import layer_thickness, soil_column
from temjax.state import SoilHeatState
from tests.support.heat_cases import neumann_front, plateau, toolik, uniform_column

DAYS = 120


@partial(jax.jit, static_argnums=(3, 4, 5))
def _thaw_depths(column, start, surface, steps, iterations, split):
    """Σ Δz f after each of ``steps`` equal steps of 120 days from a uniform temperature.

    The first step may be split: at the jump of 11 K, a whole one has no close root where layers
    are thin and the freezing range is narrow.
    """
    seconds = jnp.asarray(DAYS * 86400.0 / steps)
    top = Surface(surface, jnp.zeros_like(surface))

    def step(enthalpy, seconds):
        after = heat_step(iterations, column, enthalpy, top, seconds).enthalpy
        depth = jnp.sum(column.thickness * soil_heat.liquid_fraction(column, after))
        return after, depth

    enthalpy = soil_heat.enthalpy(column, jnp.full_like(column.thickness, start))
    first = jnp.full(split, seconds / split)
    enthalpy, depths = jax.lax.scan(step, enthalpy, first)
    return jnp.append(depths[-1], jax.lax.scan(step, enthalpy, jnp.full(steps - 1, seconds))[1])


def _front_error(
    column, surface: float, start: float, steps: int, iterations: int, split: int
) -> float:
    """Root mean square error of the front over 120 days, cm."""
    depth = np.asarray(_thaw_depths(column, start, jnp.asarray(surface), steps, iterations, split))
    front = depth if surface > 0 else float(jnp.sum(column.thickness)) - depth
    exact = neumann_front(surface, start, (np.arange(steps) + 1) * DAYS * 86400.0 / steps)
    return 100 * float(np.sqrt(np.mean((front - exact) ** 2)))


def test_exact_front_is_the_published_one():
    front = neumann_front(8.0, -3.0, np.array([30, 60, 120]) * 86400.0)
    np.testing.assert_allclose(front, [0.534, 0.756, 1.068], atol=5e-4)


@pytest.mark.parametrize("name", ["alpine-meadow", "alpine-steppe"])
@pytest.mark.parametrize(("surface", "start"), [(8.0, -3.0), (-8.0, 3.0)])
def test_neumann_on_the_25_layer_grid(name, surface, start):
    """Thawing and freezing with six steps a month, within 2 cm."""
    p = temjax.load_parameters(name)
    column = uniform_column(layer_thickness(p.mat_thickness, p.upper_thickness))
    error = _front_error(column, surface, start, 24, ModelOptions().heat_iterations, 1)
    print(f"{name} layers, surface {surface:+.0f}, start {start:+.0f} °C: {error:.2f} cm rms")
    assert error <= 2.0


@pytest.mark.parametrize(("surface", "start"), [(8.0, -3.0), (-8.0, 3.0)])
def test_neumann_converges_at_first_order(surface, start):
    """Layers and steps refined together; fine grid within 0.3 cm.

    The exact solution melts at one temperature, so the freezing range is refined too.
    """
    p = temjax.load_parameters("alpine-meadow")
    errors = []
    sizes = (25, 50, 100, 200)
    for layers in sizes:
        thickness = layer_thickness(p.mat_thickness, p.upper_thickness, layers)
        column = uniform_column(thickness, freezing_range=0.02 * 25 / layers)
        errors.append(_front_error(column, surface, start, 48 * layers // 25, 40, 64))
    order = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    print(f"surface {surface:+.0f}: " + ", ".join(f"{e:.3f}" for e in errors) + f" cm; {order:.2f}")
    assert errors[-1] <= 0.3
    assert order >= 0.8


def _on_finer_layers(heat: SoilHeatState, coarse, fine) -> SoilHeatState:
    """The same temperatures on other layers."""
    temperature = np.asarray(soil_heat.temperature(coarse, heat.enthalpy))
    cells = temperature.shape[1]
    interpolated = np.stack(
        [
            np.interp(fine.centre[:, i], coarse.centre[:, i], temperature[:, i])
            for i in range(cells)
        ],
        axis=1,
    )
    enthalpy = soil_heat.enthalpy(fine, jnp.asarray(interpolated))
    return SoilHeatState(enthalpy, heat.snow_resistance, jnp.zeros_like(enthalpy))


CASES = {
    # moss, peat and snow: Toolik, from 2 K colder to 1 K warmer
    "moist-tundra": (lambda years: toolik(jnp.linspace(-2.0, 1.0, 6), years), 1.5),
    "boreal-forest": (lambda years: toolik(jnp.linspace(-2.0, 1.0, 6), years), 1.5),
    # bare plateau: the six steps a month leave 1 % of the thaw depth
    "alpine-meadow": (lambda years: plateau(jnp.linspace(-7.0, -5.0, 6), 11.3, 216, years), 2.5),
    "alpine-steppe": (lambda years: plateau(jnp.linspace(-7.5, -5.0, 6), 11.8, 225, years), 3.5),
}


@pytest.mark.parametrize("name", CASES)
def test_annual_cycle_against_a_fine_grid(name):
    """Maximum thaw depth in the third year, 25 layers × 6 steps against 100 layers × 36 steps."""
    climate, limit = CASES[name]
    place, forcing = climate(3)
    p = temjax.load_parameters(name)
    year = temjax.forcing.mean_year(forcing)
    heat, pack, residual = equilibrate_heat(p, place, year)
    assert (residual <= 1e-8).all()
    coarse = soil_climate(p, place, forcing, heat, snowpack=pack)
    shape = jnp.shape(pack)
    finer = _on_finer_layers(heat, soil_column(p, shape), soil_column(p, shape, 100))
    options = replace(ModelOptions(), heat_substeps=36, heat_iterations=6)
    fine = soil_climate(p, place, forcing, finer, snowpack=pack, options=options)
    last = coarse.maximum_thaw_depth[-1] - fine.maximum_thaw_depth[-1]
    error = 100 * float(jnp.sqrt(jnp.mean(last**2)))
    temperature = jnp.sqrt(jnp.mean((coarse.soil_temperature - fine.soil_temperature)[-1] ** 2))
    print(f"{name}: {error:.2f} cm rms, temperatures {float(temperature):.3f} K rms")
    assert error <= limit
    assert temperature <= 0.2

"""Derivatives of the soil climate: through the steps, and through the periodic equilibrium."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import temjax
from temjax import ModelOptions, equilibrate_heat, soil_climate
from temjax.heat import equilibrium as heat_equilibrium
from tests.support.heat_cases import plateau, toolik

# names of thermal, surface and snow parameters with a value to move
VARIED = (
    "conductivity_scale",
    "mat_thickness",
    "upper_thickness",
    "mat_water",
    "upper_water",
    "mat_conductivity_thawed",
    "upper_conductivity_frozen",
    "lower_heat_capacity_frozen",
    "freezing_range",
    "geothermal_flux",
    "surface_resistance",
    "surface_shortwave_coefficient",
    "snow_fraction",
)


def _case(name):
    place, forcing = toolik(-0.7) if name == "moist-tundra" else plateau(-5.3, 11.6, 219.0)
    parameters = temjax.load_parameters(name)
    # off the bounds, and the mat's base off the 20 cm that are read
    parameters = dataclasses.replace(
        parameters,
        surface_resistance=jnp.asarray(0.08),
        surface_shortwave_coefficient=jnp.asarray(0.018),
        mat_thickness=1.07 * parameters.mat_thickness,
    )
    if name == "moist-tundra":
        parameters = dataclasses.replace(
            parameters, surface_shortwave_coefficient=jnp.asarray(0.002)
        )
    return parameters, place, forcing


def _outputs(climate):
    return jnp.concatenate(
        [
            climate.maximum_thaw_depth[-1:],
            climate.mean_annual_ground_temperature[-1:],
            climate.soil_temperature[-1, 6, :5],
            climate.soil_temperature[-1, 1, :5],
            climate.soil_temperature_top[-1, 4:7],
            jnp.mean(climate.thaw_fraction[-1])[None],
        ]
    )


def _varied(parameters, x):
    return dataclasses.replace(
        parameters,
        **{name: getattr(parameters, name) * (1 + x[i]) for i, name in enumerate(VARIED)},
    )


def _year(name, options, heat, pack):
    parameters, place, forcing = _case(name)

    def outputs(x):
        climate = soil_climate(
            _varied(parameters, x), place, forcing, heat, snowpack=pack, options=options
        )
        return _outputs(climate)

    return outputs


def _central(function, x, step):
    columns = []
    for i in range(len(x)):
        unit = jnp.zeros(len(x)).at[i].set(step)
        near = function(x + unit) - function(x - unit)
        far = function(x + 2 * unit) - function(x - 2 * unit)
        columns.append((8 * near - far) / (12 * step))
    return jnp.stack(columns, axis=1)


def _difference(exact, central):
    """Largest difference relative to the derivative or 1e-3 of its column's norm."""
    scale = np.maximum(np.abs(exact), 1e-3 * np.linalg.norm(exact, axis=0, keepdims=True))
    return np.abs(central - exact) / np.maximum(scale, 1e-300)


@pytest.mark.parametrize(
    "name", ["alpine-meadow", pytest.param("moist-tundra", marks=pytest.mark.slow)]
)
def test_derivatives_of_a_year(name):
    parameters, place, forcing = _case(name)
    heat, pack, _ = equilibrate_heat(parameters, place, forcing)
    x = jnp.zeros(len(VARIED))
    outputs = jax.jit(_year(name, ModelOptions(heat_iterations=60), heat, pack))
    forward = jax.jit(jax.jacfwd(outputs))(x)
    reverse = jax.jit(jax.jacrev(outputs))(x)
    assert np.isfinite(forward).all()
    norm = 1e-3 * np.linalg.norm(forward, axis=0, keepdims=True)
    scale = np.maximum(np.abs(forward), np.maximum(norm, 1e-12))
    assert np.max(np.abs(forward - reverse) / scale) <= 1e-10
    error = _difference(forward, _central(outputs, x, 4e-5))
    snowless = np.asarray(parameters.snow_cap) == 0.0
    # geothermal heat moves the outputs by too little in a year to be differenced: see below
    left_out = {"geothermal_flux", "snow_fraction"} if snowless else {"geothermal_flux"}
    used = [i for i, varied in enumerate(VARIED) if varied not in left_out]
    print(f"{name}: central differences within {error[:, used].max():.1e}")
    assert error[:, used].max() <= 1e-6
    assert (np.abs(forward[:, used]).max(axis=0) > 0).all()

    few = jax.jit(jax.jacfwd(_year(name, ModelOptions(), heat, pack)))(x)
    default = _difference(forward, few)[:, used]
    print(f"{name}: default iterations differ by {default.max():.1e} from the converged gradient")
    assert default.max() <= 5e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alpine-meadow", "moist-tundra"])
def test_derivatives_through_the_equilibrium(name, monkeypatch):
    """Implicit derivative of the periodic state against a search converged far below 1e-8."""
    monkeypatch.setattr(heat_equilibrium, "tolerance", lambda dtype: 1e-13)
    parameters, place, forcing = _case(name)
    options = ModelOptions(heat_iterations=31)

    def outputs(x):
        p = _varied(parameters, x)
        heat, pack, _ = equilibrate_heat(p, place, forcing, options=options)
        climate = soil_climate(p, place, forcing, heat, snowpack=pack, options=options)
        return _outputs(climate)

    outputs = jax.jit(outputs)
    x = jnp.zeros(len(VARIED))
    forward = jax.jit(jax.jacfwd(outputs))(x)
    reverse = jax.jit(jax.jacrev(outputs))(x)
    norm = 1e-3 * np.linalg.norm(forward, axis=0, keepdims=True)
    scale = np.maximum(np.abs(forward), np.maximum(norm, 1e-12))
    assert np.max(np.abs(forward - reverse) / scale) <= 1e-10
    error = _difference(forward, _central(outputs, x, 1e-5))
    used = [i for i, varied in enumerate(VARIED) if np.abs(forward[:, i]).max() > 0]
    print(f"{name}: central differences within {error[:, used].max():.1e}")
    assert error[:, used].max() <= 1e-5
    assert len(used) >= len(VARIED) - 1

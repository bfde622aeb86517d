"""The soil column as data."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import temjax
from temjax.soil_column import COLUMN_DEPTH, LAYERS, layer_counts, layer_thickness, soil_column


@pytest.mark.parametrize("name", temjax.parameter_set_names())
def test_layers_meet_the_horizons_and_reach_40_m(name):
    parameters = temjax.load_parameters(name)
    column = soil_column(parameters)
    base = jnp.cumsum(column.thickness)
    mat, upper, _ = layer_counts()
    assert len(column.thickness) == LAYERS == 25
    assert (column.thickness > 0).all()
    np.testing.assert_allclose(base[mat - 1], parameters.mat_thickness, rtol=1e-12)
    np.testing.assert_allclose(
        base[mat + upper - 1], parameters.mat_thickness + parameters.upper_thickness, rtol=1e-12
    )
    np.testing.assert_allclose(base[-1], COLUMN_DEPTH, rtol=1e-12)
    conductivity = parameters.upper_conductivity_frozen * parameters.conductivity_scale
    np.testing.assert_allclose(column.conductivity_frozen[mat : mat + upper], conductivity)
    np.testing.assert_allclose(column.latent_heat[-1], 334e6 * parameters.lower_water)


def test_thickness_is_smooth_in_the_horizons():
    def thickness(x):
        return layer_thickness(x[0], x[1])

    x = jnp.array([0.2, 0.6])
    exact = jax.jacfwd(thickness)(x)
    step = 1e-5
    for i in range(2):
        unit = jnp.eye(2)[i] * step
        central = (thickness(x + unit) - thickness(x - unit)) / (2 * step)
        np.testing.assert_allclose(central, exact[:, i], atol=1e-8)
    np.testing.assert_allclose(jnp.sum(exact, axis=0), 0.0, atol=1e-12)


def test_scalar_and_cells_agree():
    mats, uppers = jnp.array([0.02, 0.2, 0.22]), jnp.array([3.5, 0.6, 0.3])
    many = layer_thickness(mats, uppers)
    for cell in range(3):
        one = layer_thickness(mats[cell], uppers[cell])
        np.testing.assert_allclose(many[:, cell], one, rtol=1e-14)


def test_too_few_layers_are_refused():
    with pytest.raises(ValueError, match="at least 8"):
        layer_counts(7)

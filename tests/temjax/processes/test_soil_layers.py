"""Geometry of soil layers, observed carbon, litter, mixing, and responses by depth."""

import jax
import jax.numpy as jnp
import numpy as np

from temjax.processes import soil_layers
from temjax.processes.decomposition import temperature_response
from temjax.processes.soil_layers import Bounds, layer_bounds
from tests.support.derivatives import check_jacobian

INTERFACES = (0.0, 0.2, 0.5, 1.0, 2.0)
BOUNDS = layer_bounds(INTERFACES)
CELLS = layer_bounds(INTERFACES, axes=1)
HEAT = layer_bounds((0.0, 0.1, 0.3, 0.7, 1.5, 3.0), axes=1)


def test_litter_and_mixing_by_hand():
    """Shares and conductances of the unit month of docs/specification/layered_soil.md 8."""
    shares = soil_layers.litter_shares(BOUNDS, litter_depth=0.13, rooting_depth=1.2, thaw_depth=1.2)
    np.testing.assert_allclose(
        shares, [0.7853657761, 0.193368378983, 0.0209074637426, 0.000358381174333], rtol=1e-10
    )
    conductance = soil_layers.mixing_conductance(
        BOUNDS, mixing=5e-4, mixing_limit=3.0, thaw_depth=1.2
    )
    np.testing.assert_allclose(
        conductance, [1.66666666667e-4, 1.04166666667e-4, 4.62962962963e-5], rtol=1e-11
    )


def test_observed_stock_by_hand():
    stock = dict(stock=16000.0, depth_scale=1.3)
    np.testing.assert_allclose(soil_layers.stock_above(10.0, **stock), 31411.5738237, rtol=1e-12)
    np.testing.assert_allclose(
        soil_layers.stock_between(BOUNDS, 0.9, 2.0, **stock),
        [0.0, 0.0, 678.260869565, 4521.73913043],
        rtol=1e-11,
    )


def test_attenuation_is_the_mean_of_a_layer_down_to_no_attenuation():
    depth = np.linspace(0.5, 1.0, 100001)
    mean = np.trapezoid(np.exp(-2.0 * depth), depth) / 0.5
    np.testing.assert_allclose(soil_layers.attenuation(2.0, BOUNDS)[2], mean, rtol=1e-9)
    np.testing.assert_array_equal(soil_layers.attenuation(0.0, BOUNDS), 1.0)
    slope = jax.jacfwd(soil_layers.attenuation)(0.0, BOUNDS)
    np.testing.assert_allclose(slope, -BOUNDS.centre, rtol=1e-12)
    below, above = (soil_layers.attenuation(a, BOUNDS) for a in (0.002 * (1 - 1e-9), 0.002))
    np.testing.assert_allclose(below, above, rtol=1e-10)


def _responses(table, first_table=1.2, liquid=0.5, temperature=-3.0):
    shape = (12, 5, np.size(table))
    months = dict(
        temperature=jnp.full(shape, temperature), liquid_fraction=jnp.full(shape, liquid), q10=2.0
    )
    table = jnp.atleast_1d(jnp.asarray(table, float))
    thickness = soil_layers.active_thickness(CELLS, table)
    active = soil_layers.active_response(CELLS, HEAT, thickness, frozen_decomposition=0.0, **months)
    old = soil_layers.old_response(
        CELLS, HEAT, first_table=jnp.full_like(table, first_table), table=table, **months
    )
    return active, old


def test_responses_by_hand():
    q10 = 2.0**-0.3
    active, old = _responses(1.6)
    np.testing.assert_allclose(active, 0.5 * q10, rtol=1e-12)
    # of the heat layer 0.7-1.5 m the share 0.625 is active soil and thaws first: nothing is left
    # of half a layer; of 1.5-3 m the front of half a layer is far below the table
    np.testing.assert_allclose(old[:, 3, 0], 0.1 / 0.4 * q10, rtol=1e-12)
    np.testing.assert_array_equal(old[:, :3], 0.0)
    _, none = _responses(1.2)
    np.testing.assert_array_equal(none, 0.0)


def test_active_carbon_lives_above_the_table():
    np.testing.assert_allclose(
        soil_layers.active_thickness(BOUNDS, 0.4), [0.2, 0.2, 5e-4, 1e-3], rtol=1e-12
    )


def test_limits_of_frozen_and_of_unfrozen_ground():
    """A column frozen to the surface, one without permafrost to 10 m (docs/…8 10)."""
    shares = soil_layers.litter_shares(BOUNDS, litter_depth=0.13, rooting_depth=1.2, thaw_depth=0.0)
    np.testing.assert_allclose(shares, [1.0, 0.0, 0.0, 0.0], atol=1e-15)
    conductance = soil_layers.mixing_conductance(
        BOUNDS, mixing=5e-4, mixing_limit=3.0, thaw_depth=0.0
    )
    np.testing.assert_array_equal(conductance, 0.0)
    active, old = _responses(0.0, first_table=0.0, liquid=0.0)
    np.testing.assert_array_equal(active, 0.0)
    np.testing.assert_array_equal(old, 0.0)
    stock = dict(stock=16000.0, depth_scale=1.3)
    np.testing.assert_array_equal(soil_layers.stock_between(BOUNDS, 10.0, 2.0, **stock), 0.0)


def test_the_table_only_falls_and_only_while_exposed():
    table = soil_layers.permafrost_table(
        jnp.array([2.0, 2.0, 2.0]),
        thaw_depth=jnp.array([2.5, 1.0, 2.5]),
        exposed=jnp.array([1.0, 1.0, 0.0]),
    )
    np.testing.assert_array_equal(table, [2.5, 2.0, 2.0])


def test_roots_may_follow_thaw():
    follows = [
        float(
            soil_layers.rooting_limit(
                rooting_depth=1.2, thaw_depth=jnp.asarray(thaw), follows_thaw=True
            )
        )
        for thaw in (0.5, 2.0, 9.0)
    ]
    assert follows == [1.2, 2.0, 3.0]


def test_derivatives():
    def function(a, z_r, mixing, stock, b, thaw, table, first, warm, liquid, q10):
        heat = Bounds(HEAT.top, HEAT.bottom)
        months = dict(
            temperature=warm + jnp.linspace(-0.4, 0.3, 12)[:, None, None] * jnp.ones((12, 5, 1)),
            liquid_fraction=liquid * jnp.linspace(1.0, 0.2, 5)[:, None] * jnp.ones((12, 5, 1)),
            q10=q10,
        )
        thickness = soil_layers.active_thickness(CELLS, table)
        return (
            soil_layers.attenuation(a, CELLS),
            soil_layers.litter_shares(CELLS, litter_depth=z_r, rooting_depth=1.4, thaw_depth=thaw),
            soil_layers.mixing_conductance(CELLS, mixing=mixing, mixing_limit=3.0, thaw_depth=thaw),
            soil_layers.stock_between(CELLS, first, table, stock=stock, depth_scale=b),
            soil_layers.active_response(CELLS, heat, thickness, frozen_decomposition=0.1, **months)[
                0
            ],
            soil_layers.old_response(CELLS, heat, first_table=first, table=table, **months)[0],
        )

    check_jacobian(
        function,
        dict(
            a=1.7, z_r=0.13, mixing=6e-4, stock=16000.0, b=1.3, thaw=1.07, table=1.8, first=0.9,
            warm=1.3, liquid=0.8, q10=2.1,
        ),
    )  # fmt: skip


def test_temperature_response_is_tems():
    active, _ = _responses(2.0, liquid=1.0, temperature=7.0)
    np.testing.assert_allclose(
        active, temperature_response(soil_temperature=7.0, q10=2.0), rtol=1e-14
    )

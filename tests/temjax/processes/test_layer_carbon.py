"""A month of carbon in soil layers: rates, mixing, closing, decay of old carbon."""

import jax.numpy as jnp
import numpy as np

from temjax.processes import layer_carbon, soil_layers
from temjax.processes.layer_carbon import Moisture
from temjax.processes.soil_layers import layer_bounds
from tests.support.derivatives import check_jacobian

BOUNDS = layer_bounds((0.0, 0.2, 0.5, 1.0, 2.0))
SHARES = soil_layers.litter_shares(BOUNDS, litter_depth=0.13, rooting_depth=1.2, thaw_depth=1.2)
CONDUCTANCE = soil_layers.mixing_conductance(BOUNDS, mixing=5e-4, mixing_limit=3.0, thaw_depth=1.2)


def _month(carbon, rates, litterfall=30.0, respiration=25.0):
    carbon = jnp.asarray(carbon)
    return layer_carbon.advance_layers(
        carbon=carbon,
        rates=jnp.asarray(rates),
        litter_shares=SHARES,
        conductance=CONDUCTANCE,
        thickness=BOUNDS.thickness,
        litterfall=jnp.asarray(litterfall),
        respiration=jnp.asarray(respiration),
        total=jnp.sum(carbon) + litterfall - respiration,
    )


def test_unit_month():
    """The month of docs/specification/layered_soil.md 8."""
    after = _month([3000.0, 2500.0, 2000.0, 100.0], [1.2, 0.6, 0.2, 0.01])
    np.testing.assert_allclose(
        after.carbon, [3006.07133131, 2499.6585082, 1999.0834941, 100.186666385], rtol=1e-11
    )
    np.testing.assert_allclose(
        after.respiration,
        [16.3732656109, 6.807455035, 1.81473197793, 0.00454737613445],
        rtol=1e-10,
    )
    np.testing.assert_allclose(after.carbon.sum(), 7605.0, rtol=1e-15)


def test_mixing_solves_its_equations():
    carbon = jnp.array([3000.0, 2500.0, 2000.0, 100.0])
    decay = jnp.array([0.01, 0.02, 0.0, 0.03])
    solved = layer_carbon._mixed(CONDUCTANCE, BOUNDS.thickness, decay, carbon)
    density = solved / BOUNDS.thickness
    down = np.concatenate([[0.0], CONDUCTANCE * (density[:-1] - density[1:]), [0.0]])
    np.testing.assert_allclose((1 + decay) * solved + np.diff(down), carbon, rtol=1e-14)


def test_one_layer_is_the_bulk_soil():
    after = layer_carbon.advance_layers(
        carbon=jnp.array([9000.0]),
        rates=jnp.array([0.7]),
        litter_shares=jnp.array([1.0]),
        conductance=jnp.zeros(0),
        thickness=jnp.array([10.0]),
        litterfall=jnp.asarray(30.0),
        respiration=jnp.asarray(25.0),
        total=jnp.asarray(9005.0),
    )
    np.testing.assert_allclose(after.carbon, 9005.0, rtol=1e-15)
    np.testing.assert_allclose(after.respiration, 25.0, rtol=1e-15)
    rates = layer_carbon.effective_response(jnp.array([0.7]), jnp.array([9000.0]))
    np.testing.assert_allclose(rates, 0.7, rtol=1e-15)


def test_soil_without_carbon_stays_finite():
    after = _month([0.0] * 4, [0.5] * 4, litterfall=0.0, respiration=0.0)
    np.testing.assert_array_equal(after.carbon, 0.0)
    empty = layer_carbon.effective_response(jnp.full(4, 0.5), jnp.zeros(4))
    assert float(empty) == 0.5


def test_moisture_is_tems_among_roots_and_heats_below():
    moisture = layer_carbon.layer_moisture(
        available_water=jnp.asarray(150.0),
        wilting_point=100.0,
        rooting_depth=1.0,
        root_share=jnp.array([1.0, 0.5, 0.0]),
        layer_water=jnp.array([0.3, 0.35, 0.4]),
        moisture_minimum=0.0,
        moisture_optimum=0.5,
        moisture_maximum=1.0,
    )
    v = np.array([0.25, 0.3, 0.4])
    expected = v * (v - 1) / (v * (v - 1) - (v - 0.5) ** 2)
    np.testing.assert_allclose(moisture.layers, expected, rtol=1e-14)
    np.testing.assert_allclose(moisture.root_zone, expected[0], rtol=1e-14)
    rates = layer_carbon.relative_rates(
        response=jnp.array([1.0, 1.0, 0.0]),
        attenuation=jnp.array([1.0, 0.5, 0.2]),
        moisture=moisture,
        scale=4.0,
    )
    np.testing.assert_allclose(
        rates, [4.0, 2.0 * expected[1] / expected[0], 4.0 * layer_carbon.LEAST_RATE], rtol=1e-14
    )


def test_old_carbon_decays_exactly():
    moisture = Moisture(jnp.array([0.8]), jnp.asarray(0.9))
    arguments = dict(rate=0.012, attenuation=0.5, moisture=moisture, response=jnp.array([1.5]))
    loss = layer_carbon.old_carbon_loss(carbon=jnp.array([1000.0]), **arguments)
    np.testing.assert_allclose(loss, 1000 * (1 - np.exp(-0.001 * 0.5 * 0.8 * 1.5)), rtol=1e-12)
    frozen = arguments | {"response": jnp.array([0.0])}
    assert float(layer_carbon.old_carbon_loss(carbon=jnp.array([1000.0]), **frozen)[0]) == 0.0


def test_derivatives():
    def function(first, second, third, fast, slow, share, g, litterfall, respiration, scale, rate):
        carbon = jnp.stack([first, second, third])
        moisture = Moisture(jnp.stack([slow, fast, slow]), fast)
        rates = layer_carbon.relative_rates(
            response=jnp.stack([fast, slow, slow]),
            attenuation=jnp.array([0.9, 0.5, 0.2]),
            moisture=moisture,
            scale=scale,
        )
        after = layer_carbon.advance_layers(
            carbon=carbon,
            rates=rates,
            litter_shares=jnp.stack([share, 0.8 * (1 - share), 0.2 * (1 - share)]),
            conductance=jnp.stack([g, 0.5 * g]),
            thickness=jnp.array([0.2, 0.3, 0.5]),
            litterfall=litterfall,
            respiration=respiration,
            total=first + second + third + litterfall - respiration,
        )
        lost = layer_carbon.old_carbon_loss(
            carbon=carbon, rate=rate, attenuation=0.5, moisture=moisture, response=rates
        )
        bar = layer_carbon.effective_response(rates, carbon)
        return (*after.carbon, *after.respiration, *lost, bar)

    check_jacobian(
        function,
        dict(
            first=2900.0, second=2100.0, third=300.0, fast=0.9, slow=0.4, share=0.7, g=4e-4,
            litterfall=30.0, respiration=25.0, scale=3.0, rate=4e-3,
        ),
    )  # fmt: skip

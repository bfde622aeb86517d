"""Eq. 1–2, the active-layer rules, and the frozen ledgers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import ModelOptions
from temjax.processes.thaw_exposure import (
    accessible_nitrogen_fraction,
    active_layer_by_rule,
    cumulative_fraction,
    expose,
    exposed_thickness,
    exposure_factor,
)
from temjax.state import ExposureState

RULE_INPUTS = {
    "maximum_thaw_depth": jnp.array([2.1, 7.0]),
    "minimum_thaw_depth": jnp.array([0.1, 3.0]),
    "thawing_degree_days": jnp.array([900.0, 1600.0]),
    "permafrost": jnp.array([True, True]),
    "stefan_coefficient": jnp.array([0.06, 0.06]),
    "previous": jnp.array([2.0, 2.5]),
}


def test_fraction_is_smooth_at_three_metres():
    slope = jax.grad(cumulative_fraction)
    for b in (0.5, 2.3, 8.0):
        below, above = slope(3 - 1e-9, b), slope(3 + 1e-9, b)
        np.testing.assert_allclose(below, above, rtol=1e-8)
        np.testing.assert_allclose(below, b / (b + 3) ** 2, rtol=1e-8)
    np.testing.assert_allclose(cumulative_fraction(2.0, 0.5), 0.8)


def test_published_exposure_ratios():
    """Regional thaw from 2.68 m exposes these shares of soil carbon.

    Source: docs/specification/plateau.md C1.
    """
    for b, end, share in (
        (8.0, 2.9, 0.060),
        (8.0, 3.2, 0.140),
        (2.3, 2.9, 0.036),
        (0.5, 3.2, 0.027),
    ):
        ratio = cumulative_fraction(end, b) / cumulative_fraction(2.68, b) - 1
        assert abs(float(ratio) - share) < 1e-3


@pytest.mark.parametrize(
    ("rule", "expected"), [("hold", [2.1, 2.5]), ("literal", [2.1, 7.0]), ("stefan", [1.8, 2.4])]
)
def test_rules(rule, expected):
    thickness = active_layer_by_rule(ModelOptions(active_layer_rule=rule), **RULE_INPUTS)
    np.testing.assert_allclose(thickness, expected, rtol=1e-12)


@pytest.mark.parametrize("rule", ["literal", "stefan"])
def test_rules_without_permafrost_keep_last_year(rule):
    inputs = RULE_INPUTS | {"permafrost": jnp.array([False, False])}
    thickness = active_layer_by_rule(ModelOptions(active_layer_rule=rule), **inputs)
    np.testing.assert_array_equal(thickness, inputs["previous"])


def test_factor_is_one_until_two_valid_years():
    factor = exposure_factor(
        thickness=jnp.array([0.0, 2.0, 2.0, 1.5]),
        previous=jnp.array([0.0, 0.0, 1.5, 2.0]),
        depth_scale=1.3,
        exposed=jnp.asarray(1.0),
    )
    np.testing.assert_array_equal(factor[:2], 1.0)
    assert factor[2] > 1 > factor[3]
    np.testing.assert_allclose(factor[2] * factor[3], 1.0, rtol=1e-15)
    off = exposure_factor(
        thickness=jnp.array(2.0), previous=jnp.array(1.5), depth_scale=1.3, exposed=jnp.asarray(0.0)
    )
    assert float(off) == 1.0


def test_exposed_thickness_holds_its_last_value_without_exposure():
    kept = exposed_thickness(
        thickness=jnp.array([2.5, 2.5, 2.5]),
        last=jnp.array([0.0, 2.0, 2.0]),
        exposed=jnp.array([0.0, 0.0, 1.0]),
    )
    np.testing.assert_array_equal(kept, [2.5, 2.0, 2.5])


def test_accessible_fraction():
    arguments = dict(
        rooting_depth=jnp.array([1.2, 1.2, 1.2]),
        thickness=jnp.array([2.4, 0.0, 1.0]),
        depth_scale=1.3,
        reference_thickness=None,
    )
    uniform = accessible_nitrogen_fraction(ModelOptions(root_zone_nitrogen="uniform"), **arguments)
    np.testing.assert_allclose(uniform, [0.5, 1.0, 1.0])
    ratio = accessible_nitrogen_fraction(ModelOptions(root_zone_nitrogen="p_ratio"), **arguments)
    np.testing.assert_allclose(ratio[0], (1.2 / 2.5) / (2.4 / 3.7), rtol=1e-12)
    pulse = accessible_nitrogen_fraction(ModelOptions(), **arguments)
    np.testing.assert_array_equal(pulse, 1.0)
    constant = ModelOptions(root_zone_nitrogen="const2020")
    with pytest.raises(ValueError, match="reference_thickness"):
        accessible_nitrogen_fraction(constant, **arguments)
    arguments["reference_thickness"] = jnp.array([2.4, 2.4, 2.4])
    fixed = accessible_nitrogen_fraction(constant, **arguments)
    np.testing.assert_allclose(fixed, ratio[0], rtol=1e-12)


def _expose(options, factor, inaccessible=0.3):
    ledgers = ExposureState.zeros((), jnp.float64)
    ledgers = ExposureState(jnp.asarray(inaccessible), *jax.tree.leaves(ledgers)[1:])
    return expose(
        options,
        factor=jnp.asarray(factor),
        soil_organic_carbon=jnp.asarray(12000.0),
        soil_organic_nitrogen=jnp.asarray(700.0),
        available_nitrogen=jnp.asarray(0.5),
        available_water=jnp.asarray(140.0),
        water_limit=jnp.asarray(150.0),
        ledgers=ledgers,
    )


@pytest.mark.parametrize("mode", ["pulse_only", "const2020", "p_ratio", "uniform"])
@pytest.mark.parametrize("factor", [1.2, 0.7])
def test_ledgers_balance(mode, factor):
    options = ModelOptions(root_zone_nitrogen=mode)
    (carbon, organic, inorganic, water), after, exposed = _expose(options, factor)
    np.testing.assert_allclose(carbon + after.frozen_carbon, 12000.0, rtol=1e-14)
    np.testing.assert_allclose(organic + after.frozen_organic_nitrogen, 700.0, rtol=1e-14)
    total = inorganic + after.inaccessible_inorganic_nitrogen + after.frozen_inorganic_nitrogen
    np.testing.assert_allclose(total, 0.5 + 0.3, rtol=1e-14)
    np.testing.assert_allclose(water + after.frozen_water, 140.0, rtol=1e-14)
    assert float(water) <= 150.0
    assert float(after.inaccessible_inorganic_nitrogen) >= 0
    np.testing.assert_allclose(exposed.carbon, (factor - 1) * 12000.0, rtol=1e-12)
    if mode == "pulse_only":
        assert float(inorganic) == 0.5


def test_water_may_stay():
    (_, _, _, water), after, _ = _expose(ModelOptions(expose_water=False), 1.3)
    assert float(water) == 140.0 and float(after.frozen_water) == 0.0


def test_derivatives():
    def chain(x):
        b, before, now = x
        factor = exposure_factor(
            thickness=now, previous=before, depth_scale=b, exposed=jnp.asarray(1.0)
        )
        (carbon, *_), after, _ = _expose(ModelOptions(), 1.0 * factor)
        return jnp.stack([factor, carbon, after.frozen_inorganic_nitrogen])

    for x in ([1.3, 2.0, 2.3], [2.3, 3.5, 4.0], [0.5, 2.8, 3.2]):
        x = jnp.asarray(x)
        forward, reverse = jax.jacfwd(chain)(x), jax.jacrev(chain)(x)
        np.testing.assert_allclose(forward, reverse, rtol=1e-10)
        step = 1e-6
        central = jnp.stack(
            [(chain(x + step * e) - chain(x - step * e)) / (2 * step) for e in jnp.eye(3)], axis=1
        )
        np.testing.assert_allclose(forward, central, rtol=1e-6, atol=1e-6 * np.abs(central).max())

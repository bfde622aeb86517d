import jax.numpy as jnp
import numpy as np

from temjax.numerics import freezing_decline
from temjax.processes import respiration
from tests.support.derivatives import assert_finite_derivatives, check_derivatives

RANDOM = np.random.default_rng(6)
Q10 = {"a0": 2.35665, "a1": -0.053077, "a2": 0.0023842, "a3": -0.0000411}


def plant(vegetation, slope, rate_log, air, production, a0, a1, a2, a3, freezing=None):
    q10 = respiration.plant_q10_response(air_temperature=air, a0=a0, a1=a1, a2=a2, a3=a3)
    maintenance = respiration.maintenance_respiration(
        vegetation_carbon=vegetation, biomass_slope=slope, rate_log=rate_log, q10_response=q10,
        freezing_decline=None if freezing is None else freezing_decline(air, freezing),
    )  # fmt: skip
    net = respiration.potential_net_production(
        potential_production=production, maintenance_respiration=maintenance
    )
    return q10, maintenance, net, respiration.growth_respiration(net_primary_production=net)


def test_growth_takes_a_fifth_of_the_surplus_and_nothing_of_a_deficit():
    surplus = respiration.potential_net_production(
        potential_production=100.0, maintenance_respiration=40.0
    )
    assert abs(float(surplus) - 48.0) < 1e-12
    assert abs(float(respiration.growth_respiration(net_primary_production=surplus)) - 12) < 1e-12
    deficit = respiration.potential_net_production(
        potential_production=0.0, maintenance_respiration=40.0
    )
    assert deficit == -40.0
    assert respiration.growth_respiration(net_primary_production=deficit) == 0.0


def test_freezing_slows_maintenance_beyond_its_q10():
    given = {"vegetation": 300.0, "slope": -5e-4, "rate_log": -4.0, "production": 0.0, **Q10}
    plain, cut = plant(air=-5.0, **given)[1], plant(air=-5.0, freezing=20.0, **given)[1]
    assert abs(float(cut / plain) - 20**-0.45) < 1e-14
    assert plant(air=3.0, freezing=20.0, **given)[1] == plant(air=3.0, **given)[1]


def test_derivatives():
    count = 200
    check_derivatives(
        plant,
        {
            "vegetation": RANDOM.uniform(50.0, 5000.0, count),
            "slope": RANDOM.uniform(-6e-4, -5e-5, count),
            "rate_log": RANDOM.uniform(-5.5, -3.5, count),
            "air": RANDOM.uniform(-25.0, 25.0, count),
            "production": RANDOM.uniform(0.0, 300.0, count),
            "freezing": RANDOM.uniform(1.0, 60.0, count),
        }
        | {name: np.full(count, value) for name, value in Q10.items()},
    )


def test_edges_are_finite():
    # 0 °C, extremes of temperature (the cubic turns negative above 61 °C), no vegetation.
    air = jnp.asarray([0.0, -60.0, 70.0, 5.0])
    assert_finite_derivatives(
        plant,
        {
            "vegetation": jnp.asarray([0.0, 100.0, 100.0, -1.0]),
            "slope": jnp.full(4, -5e-4),
            "rate_log": jnp.full(4, -4.0),
            "air": air,
            "production": jnp.asarray([0.0, 0.0, 10.0, 0.0]),
            "freezing": jnp.full(4, 20.0),
        }
        | {name: jnp.full(4, value) for name, value in Q10.items()},
    )

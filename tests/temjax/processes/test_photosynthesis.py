import jax.numpy as jnp
import numpy as np

from temjax.processes import photosynthesis
from tests.support.derivatives import assert_finite_derivatives, check_derivatives

RANDOM = np.random.default_rng(5)


def response(air, minimum, optimum, plateau_end, maximum):
    return photosynthesis.temperature_response(
        air_temperature=air,
        temperature_minimum=minimum,
        optimum_temperature=optimum,
        temperature_optimum_maximum=plateau_end,
        temperature_maximum=maximum,
    )


def production(cmax, foliage, leaf, co2, relative_evapotranspiration, light, ki, kc):
    return photosynthesis.potential_production(
        maximum_photosynthesis=cmax,
        foliage=foliage,
        leaf=leaf,
        co2_response=photosynthesis.co2_response(
            co2=co2,
            canopy_conductance=photosynthesis.canopy_conductance(
                relative_evapotranspiration=relative_evapotranspiration
            ),
            half_saturation_co2=kc,
        ),
        light_response=photosynthesis.light_response(
            photosynthetically_active_radiation=light, half_saturation_light=ki
        ),
        temperature_response=0.9,
        thaw_fraction=0.8,
    )


def test_temperature_response_is_a_plateau_with_flanks():
    values = response(jnp.asarray([-1.0, 5.0, 8.0, 15.0, 20.0, 21.0, 22.0]), -1.0, 8.0, 20.0, 22.0)
    assert values[0] == 0.0 and values[-1] == 0.0
    np.testing.assert_allclose(values[2:5], 1.0)
    assert 0.0 < values[1] < 1.0 and 0.0 < values[5] < 1.0


def test_optimum_above_the_plateau_in_the_first_year():
    """TOPT may exceed TOPTMAX before it was ever clipped.

    Source: docs/specification/model.md 4.
    """
    below, above = response(jnp.asarray([10.0, 23.5]), -1.0, 23.0, 20.0, 30.0)
    assert 0.0 < below < 1.0 and 0.0 < above < 1.0


def test_conductance_joins_smoothly():
    near = photosynthesis.canopy_conductance(
        relative_evapotranspiration=jnp.asarray([0.1 - 1e-9, 0.1 + 1e-9])
    )
    assert abs(float(near[0] - near[1])) < 1e-8
    below = photosynthesis.canopy_conductance(relative_evapotranspiration=jnp.asarray(-0.2))
    assert below == 0.0


def test_derivatives():
    count = 200
    check_derivatives(
        response,
        {
            "air": RANDOM.uniform(-5.0, 26.0, count),
            "minimum": RANDOM.uniform(-4.0, 0.0, count),
            "optimum": RANDOM.uniform(5.0, 14.0, count),
            "plateau_end": RANDOM.uniform(16.0, 20.0, count),
            "maximum": RANDOM.uniform(22.0, 30.0, count),
        },
        least_smooth=0.9,
    )
    check_derivatives(
        production,
        {
            "cmax": RANDOM.uniform(200.0, 900.0, count),
            "foliage": RANDOM.uniform(0.1, 1.0, count),
            "leaf": RANDOM.uniform(0.1, 1.0, count),
            "co2": RANDOM.uniform(280.0, 800.0, count),
            "relative_evapotranspiration": RANDOM.uniform(0.005, 1.0, count),
            "light": RANDOM.uniform(5.0, 300.0, count),
            "ki": RANDOM.uniform(40.0, 120.0, count),
            "kc": RANDOM.uniform(100.0, 500.0, count),
        },
    )


def test_edges_are_finite():
    # At, on and outside every bend of f(T); 0 °C; an optimum on a bound.
    air = jnp.asarray([-1.0, 0.0, 8.0, 20.0, 22.0, -30.0, 50.0, -1.0, 22.0])
    optimum = jnp.asarray([8.0] * 7 + [-1.0, 22.0])
    assert_finite_derivatives(
        response,
        {
            "air": air,
            "minimum": jnp.full(9, -1.0),
            "optimum": optimum,
            "plateau_end": jnp.full(9, 20.0),
            "maximum": jnp.full(9, 22.0),
        },
    )
    zero = jnp.zeros(2)
    names = ("cmax", "foliage", "leaf", "co2", "relative_evapotranspiration", "light")
    assert_finite_derivatives(
        production, dict.fromkeys(names, zero) | {"ki": zero + 75.0, "kc": zero + 400.0}
    )

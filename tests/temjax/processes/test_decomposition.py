import jax.numpy as jnp
import numpy as np

from temjax.processes import decomposition
from tests.support.derivatives import assert_finite_derivatives, check_derivatives

RANDOM = np.random.default_rng(7)


def soil(rate, carbon, moisture, minimum, optimum, maximum, temperature, q10, freezing=None):
    return decomposition.heterotrophic_respiration(
        decomposition_rate=rate,
        soil_organic_carbon=carbon,
        moisture_response=decomposition.moisture_response(
            volumetric_moisture=moisture,
            moisture_minimum=minimum,
            moisture_optimum=optimum,
            moisture_maximum=maximum,
        ),
        temperature_response=decomposition.temperature_response(
            soil_temperature=temperature, q10=q10, freezing_q10=freezing
        ),
    )


def quality(rate, carbon, nitrogen, reference):
    return decomposition.decomposition_rate(
        reference_rate=rate,
        litterfall_carbon=carbon,
        litterfall_nitrogen=nitrogen,
        reference_carbon_to_nitrogen=reference,
    )


def test_the_reference_litter_decomposes_at_the_reference_rate():
    assert abs(float(quality(0.002, 120.0, 1.0, 120.0)) - 0.002) < 1e-15
    assert quality(0.002, 60.0, 1.0, 120.0) > 0.002 > quality(0.002, 240.0, 1.0, 120.0)


def test_a_year_without_litter_leaves_a_finite_rate():
    """TEM: 0.001 g of N stand in for none. A dying cover must not raise KD without bound."""
    assert abs(float(quality(0.002, 150.0, 0.0, 120.0)) - 0.002 * 1250.0**-0.784) < 1e-12
    for carbon in (0.0, 1e-12, 1e-3):
        assert abs(float(quality(0.002, carbon, 0.0, 120.0)) - 0.002) < 1e-15


def test_freezing_slows_decomposition_beyond_its_q10():
    warm, cold = jnp.asarray([0.0, 12.0]), jnp.asarray(-5.0)
    plain = decomposition.temperature_response(soil_temperature=warm, q10=2.0)
    cut = decomposition.temperature_response(soil_temperature=warm, q10=2.0, freezing_q10=20.0)
    np.testing.assert_array_equal(cut, plain)
    frozen = decomposition.temperature_response(soil_temperature=cold, q10=2.0, freezing_q10=20.0)
    assert abs(float(frozen) - 2**-0.5 * 20**-0.45) < 1e-15  # 0.184 instead of 0.707


def test_derivatives():
    count = 200
    check_derivatives(
        soil,
        {
            "rate": RANDOM.uniform(5e-4, 5e-3, count),
            "carbon": RANDOM.uniform(100.0, 3e4, count),
            "moisture": RANDOM.uniform(0.05, 0.6, count),
            "minimum": RANDOM.uniform(-0.1, 0.0, count),
            "optimum": RANDOM.uniform(0.3, 0.6, count),
            "maximum": RANDOM.uniform(0.9, 1.1, count),
            "temperature": RANDOM.uniform(-20.0, 20.0, count),
            "q10": RANDOM.uniform(1.5, 3.0, count),
            "freezing": RANDOM.uniform(1.0, 60.0, count),
        },
    )
    check_derivatives(
        quality,
        {
            "rate": RANDOM.uniform(5e-4, 5e-3, count),
            "carbon": RANDOM.uniform(10.0, 600.0, count),
            "nitrogen": RANDOM.uniform(0.2, 20.0, count),
            "reference": RANDOM.uniform(40.0, 150.0, count),
        },
    )


def test_edges_are_finite():
    # Dry and saturated soil at the ends of the moisture response, 0 °C, no carbon, no litter.
    assert_finite_derivatives(
        soil,
        {
            "rate": jnp.full(5, 2e-3),
            "carbon": jnp.asarray([1e4, 1e4, 1e4, 0.0, -1.0]),
            "moisture": jnp.asarray([0.0, 1.0, 1.3, 0.3, 0.3]),
            "minimum": jnp.zeros(5),
            "optimum": jnp.full(5, 0.5),
            "maximum": jnp.ones(5),
            "temperature": jnp.asarray([0.0, 0.0, 0.0, -40.0, 30.0]),
            "q10": jnp.full(5, 2.0),
            "freezing": jnp.full(5, 20.0),
        },
    )
    assert_finite_derivatives(
        quality,
        {
            "rate": jnp.full(4, 2e-3),
            "carbon": jnp.asarray([0.0, 0.0, 5.0, 1e-9]),
            "nitrogen": jnp.asarray([0.0, 1.0, 0.0, -1.0]),
            "reference": jnp.full(4, 120.0),
        },
    )

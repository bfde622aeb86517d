"""Target values of a community against the steady state with a climate."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import find_equilibrium, load_parameters, simulate, sites
from temjax.calibration.communities.part import CommunityPart, stationary_forcing
from temjax.calibration.communities.targets_file import open_community
from temjax.calibration.tunables import COMMUNITY, THAW
from temjax.forcing import concatenate
from tests.support.short_site import OPTIONS

NAMES = ("cmax_scale", "nup_scale", "kdc_scale", "conductivity_scale")


@pytest.fixture(scope="module")
def community():
    return open_community("tussock-tundra")


@pytest.fixture(scope="module")
def toolik():
    return sites.load("toolik-tundra")


def test_the_climate_is_the_mean_of_the_years_and_co2_their_mean(community, toolik):
    forcing, note = stationary_forcing(toolik, community)
    whole = toolik.forcing
    np.testing.assert_allclose(forcing.co2, np.mean(whole.co2[-30:]), rtol=1e-12)
    np.testing.assert_allclose(forcing.air_temperature[1], whole.air_temperature[-1])
    assert "mean climate of 1986-2015" in note and "CO2 371.4 ppmv" in note
    stated = dataclasses.replace(community, years=(1901, 1910), co2=300.0)
    forcing, note = stationary_forcing(toolik, stated)
    assert float(forcing.co2[0, 0]) == 300.0 and "1901-1910" in note
    with pytest.raises(LookupError, match="years 1850-1900, but the climate of toolik"):
        stationary_forcing(toolik, dataclasses.replace(community, years=(1850, 1900)))


def test_parameters_and_priors_are_those_of_the_community(community, toolik):
    part = CommunityPart.of(community, toolik, options=OPTIONS)
    base = load_parameters("moist-tundra")
    assert part.free.names == (*COMMUNITY, *THAW)
    assert float(part.parameters.nup_intercept) == pytest.approx(0.01 * float(base.nup_intercept))
    assert float(part.parameters.nmax_slope_fine) == pytest.approx(
        0.08 * float(base.nmax_slope_fine)
    )
    assert float(part.parameters.nup_scale) == 1.0
    assert float(part.parameters.vegetation_carbon_to_nitrogen_minimum) == 10.0
    assert part.free.prior_sd[0] == 0.8
    own = dataclasses.replace(community, prior_sd={"cmax_scale": 0.3}, free=("cmax", "krb"))
    assert CommunityPart.of(own, toolik).free.prior_sd == (0.3, 1.0)
    text = "\n".join(part.notes)
    assert "in place of the registry's (in brackets): cmax_scale 0.8 (0.4)" in text
    assert "parameter values of toolik-tundra on top of moist-tundra: surface_short" in text


@pytest.mark.slow
def test_predictions_are_the_year_of_the_steady_state(community, toolik):
    """Against twenty years from the equilibrium, and production by its definition."""
    part = CommunityPart.of(community, toolik, NAMES, OPTIONS)
    free = jnp.zeros((len(NAMES), 1))
    outputs, converged = part.outputs(free)
    assert bool(converged[0])
    long = concatenate(*[part.forcing] * 10)
    long = dataclasses.replace(long, years=2000 + jnp.arange(20))
    start = find_equilibrium(part.parameters, part.location, long, climate="first", options=OPTIONS)
    run = simulate(
        part.parameters, part.location, long, initial=start.state, options=OPTIONS, exposure=False
    )
    for name in ("potential_gross_primary_production", "net_primary_production", "nitrogen_uptake"):
        expected = np.sum(getattr(run.monthly, name)[-1])
        np.testing.assert_allclose(outputs[name][0], expected, rtol=1e-5)
    for name in ("vegetation_carbon", "soil_organic_carbon", "available_nitrogen"):
        expected = np.mean(getattr(run.monthly, name)[-1])
        np.testing.assert_allclose(outputs[name][0], expected, rtol=1e-5)
    value = {name: float(array[0]) for name, array in outputs.items()}
    assert value["net_primary_production"] <= value["potential_net_primary_production"]
    assert value["gross_primary_production"] <= value["potential_gross_primary_production"]


@pytest.mark.slow
def test_derivatives_are_those_of_finite_differences(community, toolik):
    part = CommunityPart.of(community, toolik, NAMES, OPTIONS)
    free = jnp.full((len(NAMES), 1), 0.3)
    linear = part.linearise(free)
    assert bool(linear.converged[0]) and bool(jnp.isfinite(linear.jacobian).all())
    step = 1e-4
    for row in range(len(NAMES)):
        above, below = (
            part.residuals(free.at[row].add(sign * step))[0][:, 0] for sign in (1.0, -1.0)
        )
        np.testing.assert_allclose(
            linear.jacobian[:, row, 0], (above - below) / (2 * step), rtol=2e-3, atol=2e-4
        )
    # reverse mode, which no fit uses, agrees
    weights = jnp.linspace(1.0, 2.0, part.number_of_residuals + len(NAMES))
    gradient = jax.grad(lambda point: weights @ part.residual_vector(point)[0][:, 0])(free)
    np.testing.assert_allclose(gradient[:, 0], weights @ linear.jacobian[:, :, 0], rtol=1e-6)

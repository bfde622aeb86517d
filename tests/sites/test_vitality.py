"""Vegetation that cannot live in a climate is said in words."""

import dataclasses

import jax.numpy as jnp
import pytest

from temjax import ModelOptions, sites
from temjax.sites.run import run_site, site_dataset
from temjax.sites.vitality import vegetation_fault
from tests.support.short_site import short_site

OPTIONS = ModelOptions(substeps=8)


def moved(site: sites.Site, warmer: float) -> sites.Site:
    """A site in a climate that is warmer in every month."""
    forcing = site.forcing
    air = forcing.air_temperature + warmer
    return dataclasses.replace(site, forcing=dataclasses.replace(forcing, air_temperature=air))


@pytest.fixture(scope="module")
def runs():
    site = short_site()
    return {
        name: run_site(moved(site, warmer), options=OPTIONS)
        for name, warmer in (("home", 0.0), ("hot", 45.0))
    }


def test_living_vegetation_is_no_fault(runs):
    result = runs["home"]
    assert result.warnings == ()


def test_bare_ground_is_a_warning_in_words_and_in_the_file(runs):
    result = runs["hot"]
    (warning,) = result.warnings
    for words in (
        "alpine-meadow", "cannot live in this climate", "GPP is 0 g C m⁻² a year (bare ground)",
        "assimilates between -1 and 22 °C", "observed GPP is 70", "parameter_set",
    ):  # fmt: skip
        assert words in warning
    assert site_dataset(result, command="test").attrs["warnings"] == warning


def test_vegetation_that_dies_during_the_run_is_told(runs):
    result = runs["home"]
    monthly = result.run.monthly
    nothing = dataclasses.replace(monthly, fluxes=jnp.zeros_like(monthly.fluxes))
    dying = dataclasses.replace(result.run, monthly=nothing)
    said = vegetation_fault(dying, result.site, result.parameters, parameter_set="mine.toml")
    assert said.startswith("the parameter set 'mine.toml' cannot live")


def test_a_cold_and_dry_climate_is_named(runs):
    site = moved(short_site(), -30.0)
    forcing = dataclasses.replace(site.forcing, precipitation=site.forcing.precipitation * 0)
    cold = dataclasses.replace(site, forcing=forcing)
    result = runs["hot"]
    said = vegetation_fault(result.run, cold, result.parameters)
    assert "the warmest month has -19" in said
    assert "precipitation is 0.0 mm a year" in said

"""A run with a fitted set is the fit at its own place, and says so elsewhere."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

import temjax
from temjax import ModelOptions, read_parameters, sites
from temjax.calibration import Objective, fit
from temjax.calibration.result import Calibration
from temjax.files.toml import read_toml
from temjax.forcing import select_years
from temjax.parameters.files import read_fit_options
from temjax.runs.simulate import simulate
from temjax.runs.soil_matter import join_runs
from temjax.sites.place_numbers import PLACE_NUMBERS
from temjax.sites.place_state import read_place_state
from temjax.sites.run import run_site, site_dataset
from tests.support.short_site import OPTIONS, short_site

NAMES = ("cmax_scale", "kdc_scale", "disequilibrium_factor", *PLACE_NUMBERS)


def observed_late(site: sites.Site) -> sites.Site:
    """The short site with its observations only in the last two years: the factor acts in 2003."""
    monthly = {
        name: dataclasses.replace(
            series,
            period=(2003, 2004),
            values=np.repeat(series.values, 2, axis=0),
            sd=np.repeat(series.sd, 2, axis=0),
            suspect=np.repeat(series.suspect, 2, axis=0),
        )
        for name, series in site.observations.monthly.items()
    }
    observations = dataclasses.replace(site.observations, monthly=monthly)
    overrides = site.parameter_overrides | {"snow_fraction": 0.5, "snow_cap": 40.0}
    return dataclasses.replace(site, observations=observations, parameter_overrides=overrides)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    site = observed_late(short_site())
    options = dataclasses.replace(OPTIONS, freezing_cutoff=True)
    objective = Objective.of(site, NAMES, ("nep", "soc"), options=options)
    assert objective.first_row == 2
    result = fit(objective, starts=2, steps=2)
    return Calibration.of((site,), result, command="temjax calibrate made-up")


@pytest.fixture(scope="module")
def fitted(calibration, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    return calibration.save(folder)


def test_a_run_with_the_set_is_the_fit(calibration, fitted):
    path = fitted["parameters"]
    state = read_place_state(path)
    assert state.year == 2003
    assert state.soil_matter_factor == calibration.disequilibrium_factor()
    site = calibration.sites[0]
    values = dict(zip(calibration.result.names, calibration.result.values, strict=True))
    assert state.numbers == {name: values[name] for name in PLACE_NUMBERS}
    assert all(values[name] != no_effect for name, no_effect in PLACE_NUMBERS.items())
    fitted_with = read_fit_options(path)
    assert fitted_with == {"freezing_cutoff": True}
    result = run_site(
        site, parameters=read_parameters(path), options=ModelOptions(**fitted_with),
        place_state=state, fitted_with=fitted_with,
    )  # fmt: skip
    assert not any("not the fitted one" in line for line in result.warnings)
    years = np.asarray(result.run.years)
    assert years.tolist() == np.asarray(site.forcing.years).tolist()
    of_fit = calibration.run()
    rows = np.isin(years, np.asarray(of_fit.years))
    for name in ("net_ecosystem_production", "soil_organic_carbon", "soil_temperature"):
        np.testing.assert_allclose(
            np.asarray(getattr(result.run.monthly, name))[rows],
            np.asarray(getattr(of_fit.monthly, name)),
            rtol=1e-10,
            atol=1e-10,
        )
    stock = [float(run.state.soil_organic_carbon) for run in (result.run, of_fit)]
    assert stock[0] == pytest.approx(stock[1], rel=1e-10)
    assert abs(result.nitrogen_drift) < 1e-6  # what the state added is no drift
    attributes = site_dataset(result, command="x").attrs
    rain = site_dataset(result, command="x")["precipitation"].values.reshape(years.size, 12)
    factor = values["precipitation_factor"]  # the file holds the climate of the run
    np.testing.assert_allclose(rain, factor * np.asarray(site.forcing.precipitation), rtol=1e-6)
    assert "as fitted" in attributes["place_state"] and attributes["freezing_cutoff"] == "on"


def test_a_run_without_the_option_of_the_fit_says_so(calibration, fitted):
    path = fitted["parameters"]
    plain = run_site(
        calibration.sites[0], parameters=read_parameters(path), fitted_with=read_fit_options(path)
    )
    assert any("fitted with freezing_cutoff on" in line for line in plain.warnings)
    attributes = site_dataset(plain, command="x").attrs
    assert "not the fitted one" in attributes["warnings"]
    assert attributes["freezing_cutoff"] == "off"


def test_elsewhere_the_state_is_said_and_not_applied(calibration, fitted):
    state = read_place_state(fitted["parameters"])
    parameters = read_parameters(fitted["parameters"])
    other = dataclasses.replace(calibration.sites[0], name="elsewhere")
    away = run_site(other, parameters=parameters, place_state=state)
    plain = run_site(other, parameters=parameters)
    np.testing.assert_array_equal(
        np.asarray(away.run.monthly.fluxes), np.asarray(plain.run.monthly.fluxes)
    )
    note = site_dataset(away, command="x").attrs["place_state"]
    assert f"{state.soil_matter_factor:.4g} times" in note
    assert "not applied at elsewhere" in note


def test_another_climate_at_the_place_is_said(calibration, fitted):
    state = read_place_state(fitted["parameters"])
    site = calibration.sites[0]
    warmer = dataclasses.replace(site.forcing, air_temperature=site.forcing.air_temperature + 1)
    moved = dataclasses.replace(site, forcing=warmer)
    assert "not the fitted one: other climate" in state.note(moved)
    assert state.note(moved, None, ("start",)).endswith("other climate and start")
    early = dataclasses.replace(site, forcing=select_years(site.forcing, 0, 2))
    assert "outside the years" in state.note(early)
    assert state.row(early) is None
    assert "outside the years" in state.note(site, state.year - 1)
    assert "as fitted" in state.note(site, state.year)
    left_out = dataclasses.replace(state, left_out=True)
    assert left_out.row(site) is None
    assert f"{state.soil_matter_factor:.4g} times" in left_out.note(site)
    assert "is left out" in left_out.note(site)


def test_the_posterior_is_in_the_set(calibration, fitted):
    table = read_toml(fitted["parameters"])
    posterior = table["posterior"]
    assert table["format"] == "temjax fitted set 1"
    assert posterior["names"] == list(NAMES)
    covariance = np.array(posterior["covariance"])
    free = calibration.posterior.free
    scale = np.sqrt(np.diag(covariance)) / np.asarray(free.prior_sd)
    np.testing.assert_allclose(scale, calibration.posterior.sd)
    correlation = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.testing.assert_allclose(correlation, calibration.posterior.correlation)
    values = np.where(
        [name == "log" for name in posterior["transform"]],
        np.exp(posterior["mean"]),
        posterior["mean"],
    )
    parameters = read_parameters(fitted["parameters"])
    assert values[0] == pytest.approx(float(parameters.cmax_scale))
    assert values[2] == pytest.approx(calibration.disequilibrium_factor())
    with xr.open_dataset(fitted["posterior"]) as arrays:
        np.testing.assert_allclose(arrays["covariance"].values, covariance)
        assert arrays["parameter"].values.tolist() == list(NAMES)


def test_a_run_cut_in_two_is_one_run():
    site = short_site()
    parameters, options = site.parameters(), ModelOptions(substeps=8)
    initial = temjax.find_equilibrium(
        parameters, site.location, site.forcing, climate="first", options=options
    ).state

    def part(state, start, stop):
        return simulate(
            parameters, site.location, site.forcing, initial=state, options=options,
            start=start, stop=stop,
        )  # fmt: skip

    whole, first = part(initial, 0, 4), part(initial, 0, 1)
    joined = join_runs(first, part(first.state, 1, 4))
    for one, other in zip(
        *(
            [run.years, run.monthly.fluxes, run.monthly.pools, run.annual.ledgers,
             run.annual.permafrost, run.soil.soil_temperature]
            for run in (whole, joined)
        ),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-12, atol=1e-13)

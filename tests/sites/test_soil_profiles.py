"""``[[profiles]]`` of a site file: units, faults, and what a command says of them."""

import csv
import datetime
import re

import numpy as np
import pytest

from temjax import sites
from temjax.sites.account import account, observation_attributes
from temjax.sites.entry import check_whole_climatology, parse_entry
from temjax.sites.profile_comparison import ProfileComparison, inside, profile_table
from temjax.sites.site import catalog_entry
from tests.support.tower_files import site_text

PROFILE = """
[[profiles]]
date = {date}
depth = {depth}
value = {value}
unit = "{unit}"
{more}
source = "test"
"""


def profile(date="2007-04-01", depth="[0.1, 1.0]", value="[-3.0, -1.5]", unit="degC", more=""):
    return PROFILE.format(date=date, depth=depth, value=value, unit=unit, more=more)


def parse(tmp_path, *profiles):
    path = tmp_path / "site.toml"
    path.write_text(site_text() + "".join(profiles), encoding="utf-8")
    return parse_entry(path)


@pytest.mark.parametrize(
    ("unit", "value", "sd", "expected_sd"),
    [
        ("degC", "[-3.0, -1.5]", "sd = 0.5", [0.5, 0.5]),
        ("K", "[270.15, 271.65]", "sd = [0.5, 0.2]", [0.5, 0.2]),
        ("degF", "[26.6, 29.3]", "sd = 0.9", [0.5, 0.5]),
        ("degC", "[-3.0, -1.5]", "", [np.nan, np.nan]),
    ],
)
def test_profiles_are_in_degrees(tmp_path, unit, value, sd, expected_sd):
    entry, findings = parse(tmp_path, profile(unit=unit, value=value, more=sd))
    assert findings == []
    (table,) = entry.profiles
    np.testing.assert_allclose(table.profile.values, [-3.0, -1.5], rtol=1e-10)
    np.testing.assert_allclose(table.profile.sd, expected_sd, rtol=1e-10)
    assert table.profile.date == datetime.date(2007, 4, 1)


@pytest.mark.parametrize(
    ("table", "variable", "words"),
    [
        (profile(unit="W"), "profiles[1].unit", "'W' is not understood"),
        (profile(value="[-3.0]"), "profiles[1].value", "1 numbers beside 2 depths"),
        (profile(more="sd = [1.0, 1.0, 1.0]"), "profiles[1].sd", "3 numbers beside 2 depths"),
        (profile(depth="[1.0, 0.1]"), "profiles[1].depth", "0.1 m is not below"),
        (profile(depth="[-0.1, 1.0]"), "profiles[1].depth", "-0.1 m lies outside"),
        (profile(depth="[1.0, 100.0]"), "profiles[1].depth", "100 m lies outside"),
        (profile(value="[-9999, 270.15]"), "profiles[1].value", "-9999 °C is no soil.*2 such"),
        (profile(more="sd = 0.0"), "profiles[1].sd", "0 K is not positive"),
        (profile() + profile(), "profiles[2].date", "a second profile of 2007-04-01"),
        (profile(date='"April"'), "profiles[1].date", "date"),
        (profile(more="depths = 3"), "profiles[1].depths", ""),
    ],
)
def test_each_fault_is_one_finding(tmp_path, table, variable, words):
    findings = parse(tmp_path, table)[1]
    assert [finding.variable for finding in findings] == [variable]
    assert re.search(words, findings[0].message)
    assert findings[0].mend


def test_a_profile_outside_the_climate_of_the_file():
    entry = catalog_entry("plateau-permafrost")
    assert check_whole_climatology(entry, file="x") == []
    history = entry.history.model_copy(update={"first_year": 2008})
    (finding,) = check_whole_climatology(entry.model_copy(update={"history": history}), file="x")
    assert finding.variable == "profiles[1].date" and "2008-2010" in finding.message


def test_the_account_names_the_profile():
    site = sites.load("plateau-permafrost")
    assert account(site)[0] == "observed: soil temperature profile (2007-04-01)"
    assert "NoahPy" in observation_attributes(site)["observations_used"]
    assert not any("profile" in line for line in account(sites.load("haibei-meadow")))


def test_a_comparison_and_its_table():
    (measured,) = sites.load("plateau-permafrost").observations.profiles
    compared = ProfileComparison(measured, measured.values + np.resize([0.5, 1.5], 20))
    assert compared.bias == pytest.approx(1.0)
    assert compared.rmse == pytest.approx((0.5 * (0.25 + 2.25)) ** 0.5)
    assert "20 depths" in compared.line and "bias +1.00 K" in compared.line
    assert profile_table(compared).row_count == 20
    assert inside((measured,), (1901, 2006)) == ()
    assert inside((measured,), (2007, 2007)) == (measured,)


def test_the_catalog_has_the_published_figures(shared):
    entry = catalog_entry("plateau-permafrost")
    with (shared / "data" / "qtp_permafrost_site_profile_20070401.csv").open() as lines:
        layers = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(lines)]
    top, bottom = (np.array([row[key] for row in layers]) for key in ("top_m", "bottom_m"))
    (table,) = entry.profiles
    np.testing.assert_allclose(table.depth, 0.5 * (top + bottom), atol=1e-9)
    assert table.value == [row["soil_temperature_degC"] for row in layers]
    water = np.array([row["total_moisture_m3_m3"] for row in layers])
    for name, first, last in (("mat", 0, 0.12), ("upper", 0.12, 2.5), ("lower", 2.5, 15.2)):
        inside = np.clip(np.minimum(bottom, last) - np.maximum(top, first), 0, None)
        mean = (inside * water).sum() / (last - first)
        assert entry.vegetation.overrides[f"{name}_water"].value == pytest.approx(mean, abs=6e-4)
    with (shared / "data" / "qtp_permafrost_site_monthly.csv").open() as lines:
        months = [row for row in csv.DictReader(lines) if int(row["year"]) >= 2008]
    for name, column in (
        ("air_temperature", "air_temperature_degC"),
        ("precipitation", "precipitation_mm_month"),
        ("shortwave", "shortwave_W_m2"),
    ):
        values = np.array([float(row[column]) for row in months]).reshape(3, 12)
        climate = entry.climatology[name]
        np.testing.assert_allclose(climate.mean, values.mean(axis=0), atol=5.1e-3)
        np.testing.assert_allclose(climate.sd, values.std(axis=0, ddof=1), atol=5.1e-3)

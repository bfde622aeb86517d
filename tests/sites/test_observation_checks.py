"""What is said of the observed values of a tower."""

import dataclasses

import numpy as np
import pytest

from temjax.sites.entry import read_entry
from temjax.sites.entry_tables import DataFault, Sensors, SoilSensor
from temjax.sites.observation_checks import carbon_balance, quality_form
from temjax.sites.observation_notes import month_ranges, observation_notes
from temjax.sites.readers.record import MonthlyValues, Reading, TowerRecord, days_of_months
from temjax.sites.tower import check_record, tower_observations
from temjax.sites.traps import widened
from tests.sites.test_catalog import MINIMAL

YEARS = np.arange(2003, 2007)
DAYS = days_of_months(YEARS)
WARMTH = np.cos(2 * np.pi * (np.arange(12) - 6.4) / 12)[None] + 0.05 * np.arange(4)[:, None]
GPP, RECO = 2.6 + 2.5 * WARMTH, 2.1 + 1.4 * WARMTH
COLUMNS = {
    "net_ecosystem_production": "NEE_VUT_REF",
    "gross_primary_production": "GPP_NT_VUT_REF",
    "ecosystem_respiration": "RECO_NT_VUT_REF",
    "soil_temperature": "TS_F_MDS_1",
}


def record(product="FLUXNET2015", location=None, climate=None, **daily) -> TowerRecord:
    """A sound record; fluxes are given as means per day, NEP for NEE."""
    noise = 0.2 * np.sin(7.0 * np.arange(48)).reshape(4, 12)
    values = {
        "net_ecosystem_production": GPP - RECO + noise,
        "gross_primary_production": GPP,
        "ecosystem_respiration": RECO,
        "soil_temperature": 4 + 9 * WARMTH,
    } | daily
    observed = {}
    for name, series in values.items():
        if isinstance(series, MonthlyValues):
            observed[name] = series
        elif series is not None:
            factor = 1 if name == "soil_temperature" else DAYS
            observed[name] = MonthlyValues(np.asarray(series) * factor, COLUMNS[name])
    return TowerRecord(
        file="tower.csv",
        product=product,
        tower="XX-Abc",
        years=YEARS,
        present=np.ones((4, 12), dtype=bool),
        climate=climate or {},
        observed=observed,
        location=location or {},
        lines=np.arange(48).reshape(4, 12) + 2,
    )


def with_value(series: np.ndarray, value: float, count: int = 1) -> np.ndarray:
    """Series with the first values of its second year replaced."""
    changed = np.array(series, dtype=float)
    changed[1, 4 : 4 + count] = value
    return changed


def only(findings):
    assert len(findings) == 1, [str(fault) for fault in findings]
    return findings[0]


def test_a_sound_record_has_no_findings():
    assert check_record(record(), None) == []
    assert observation_notes(record()) == []
    balance = carbon_balance(record())
    assert balance.months == 48
    assert balance.correlation > 0.95
    assert balance.slope == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("code", [-6999, -9999, 9999, -99999, -999, 1e20])
def test_codes_are_named(code):
    nep = with_value(GPP - RECO, -code, 3)
    fault = only(check_record(record(net_ecosystem_production=nep), None))
    assert (fault.file, fault.variable) == ("tower.csv", "NEE_VUT_REF")
    assert fault.index == "line 18 (2004-05)"
    assert "code of missing values" in fault.message
    assert "(3 such values)" in fault.message
    if code != 1e20:
        assert fault.message.startswith(f"{code} ")
    assert "empty" in fault.mend


def test_codes_of_monthly_sums_and_of_the_climate():
    rain = MonthlyValues(with_value(np.full((4, 12), 60.0), -6999), "precip")
    warm = MonthlyValues(with_value(12 * WARMTH, -6999), "tair")
    gpp = MonthlyValues(with_value(GPP * DAYS, -6999), "gpp")
    findings = check_record(
        record(
            gross_primary_production=gpp,
            climate={"precipitation": rain, "air_temperature": warm},
        ),
        None,
    )
    assert [fault.variable for fault in findings] == ["precip", "tair", "gpp"]
    assert all(fault.message.startswith("-6999 is a code") for fault in findings)


def test_means_with_codes_in_them_are_told_from_another_unit():
    nep = with_value(GPP - RECO, 5321.7)
    fault = only(check_record(record(net_ecosystem_production=nep), None))
    assert "NEE -5321.7 g C m-2 d-1" in fault.message
    assert "codes such as -9999" in fault.mend
    fault = only(check_record(record(ecosystem_respiration=with_value(RECO, 55)), None))
    assert "RECO 55" in fault.message
    assert "check the unit" in fault.mend


def test_sums_of_the_month_read_as_means_per_day():
    findings = check_record(
        record(
            net_ecosystem_production=30 * (GPP - RECO),
            gross_primary_production=30 * GPP,
            ecosystem_respiration=30 * RECO,
        ),
        None,
    )
    assert {"GPP_NT_VUT_REF", "RECO_NT_VUT_REF"} <= {fault.variable for fault in findings}
    assert all("over the month" in fault.mend for fault in findings)
    assert any("sums over the month" in fault.mend for fault in findings)


def test_values_that_are_not_finite():
    nep = with_value(GPP - RECO, np.inf)
    assert (
        "code of missing values"
        in only(check_record(record(net_ecosystem_production=nep), None)).message
    )


@pytest.mark.parametrize(
    ("shift", "mend"), [(273.15, "kelvin"), (-273.15, "scale and offset"), (5000, "scale")]
)
def test_soil_temperature_of_another_unit(shift, mend):
    fault = only(check_record(record(soil_temperature=4 + 9 * WARMTH + shift), None))
    assert fault.variable == "TS_F_MDS_1"
    assert "(48 such values)" in fault.message
    assert mend in fault.mend


def test_signs_of_the_other_convention():
    fault = only(check_record(record(gross_primary_production=-GPP), None))
    assert "GPP is negative" in fault.message
    assert "multiply the column by -1" in fault.mend
    fault = only(check_record(record(ecosystem_respiration=-RECO), None))
    assert "RECO is negative" in fault.message
    fault = only(check_record(record(net_ecosystem_production=RECO - GPP), None))
    assert (fault.variable, "NEE rises with GPP - RECO" in fault.message) == ("NEE_VUT_REF", True)
    lone = record(net_ecosystem_production=RECO - GPP, ecosystem_respiration=None)
    assert "NEE rises with GPP (" in only(check_record(lone, None)).message


def test_small_negative_gpp_is_noise():
    noisy = with_value(GPP, -0.9)
    assert check_record(record(gross_primary_production=noisy), None) == []
    assert observation_notes(record(gross_primary_production=noisy)) == []
    deeper = record(gross_primary_production=with_value(GPP, -1.4, 2))
    assert check_record(deeper, None) == []
    assert any("below -1 g C m-2 d-1 in 2 months" in note for note in observation_notes(deeper))


def test_columns_of_different_units():
    scaled = record(net_ecosystem_production=(GPP - RECO) * 44.009 / 12.011)
    fault = only(check_record(scaled, None))
    assert "NEP is 3.66 times GPP - RECO" in fault.message
    assert "g CO2 beside g C" in fault.mend
    summed = record(net_ecosystem_production=(GPP - RECO) * 30.4)
    fault = only(check_record(summed, None))  # beyond ±40 and 30 times GPP - RECO: one fault
    assert "g C m-2 d-1" in fault.mend and "sums of the month" in fault.mend
    micromol = record(net_ecosystem_production=(GPP - RECO) / 1.0378)
    assert check_record(micromol, None) == []
    assert any("µmol" in note for note in observation_notes(micromol))


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ([0, 0.4, 1.0000001, np.nan], "share"),
        ([0, 40, 100], "percent"),
        ([0, 2.5, 1], "percent"),
        ([0, 1, 2, 3], "flags"),
        ([0, 101], "unknown"),
        ([-1, 0.5], "unknown"),
        ([np.nan], "share"),
    ],
)
def test_forms_of_quality(values, form):
    assert quality_form(np.array(values, dtype=float)) == form


def gpp_with(**fields) -> TowerRecord:
    base = record().observed["gross_primary_production"]
    return record(gross_primary_production=dataclasses.replace(base, **fields))


def test_quality_that_is_no_share_is_a_finding():
    quality = np.full((4, 12), 1.0)
    quality[2, 3] = 3.0
    fault = only(check_record(gpp_with(quality=quality), None))
    assert fault.variable == "quality of GPP_NT_VUT_REF"
    assert fault.index == "line 29 (2005-04)"
    assert "flag" in fault.message


@pytest.mark.parametrize(("sd", "count"), [(0.0, 1), (-3.0, 1), (np.nan, 0), (4.0, 0)])
def test_errors_of_which_none_is_positive(sd, count):
    findings = check_record(gpp_with(sd=np.full((4, 12), sd)), None)
    assert len(findings) == count
    ranges = gpp_with(sd=np.full((4, 12), sd), sd_source="half of GPP_NT_VUT_16 to GPP_NT_VUT_84")
    assert len(check_record(ranges, None)) == (1 if sd < 0 else 0)


@pytest.fixture
def entry(tmp_path):
    return parse(tmp_path)


def parse(tmp_path, text=""):
    path = tmp_path / "site.toml"
    path.write_text(MINIMAL + text)
    return read_entry(path)


def test_an_error_of_zero_becomes_the_median_and_is_told(entry):
    sd = np.full((4, 12), 3.0)
    sd[0, :2] = 0.0
    sd[0, 2] = -1.0
    made = gpp_with(sd=sd)
    series, _, notes = tower_observations(made, entry, Reading())
    np.testing.assert_array_equal(series["gross_primary_production"].sd, 3.0)
    assert any("standard deviation 0 or below in 3 months" in note for note in notes)


def test_quality_in_percent_is_read_as_percent(entry):
    quality = np.full((4, 12), 80.0)
    quality[0, 5:8] = 30.0
    quality[3, 0] = np.nan
    series, _, notes = tower_observations(gpp_with(quality=quality), entry, Reading())
    values = series["gross_primary_production"].values
    assert np.argwhere(np.isnan(values)).tolist() == [[0, 5], [0, 6], [0, 7]]
    assert "GPP_NT_VUT_REF: quality read as percent" in notes
    assert "GPP_NT_VUT_REF: quality below 0.5, left out: 2003-06 to 2003-08" in notes
    assert "GPP_NT_VUT_REF: quality not stated in 1 months, kept" in notes


@pytest.mark.parametrize(
    ("own", "stated", "depth", "told"),
    [
        (None, None, 0.05, "depth of TS_F_MDS_1 not stated, 5 cm assumed"),
        (None, 0.1, 0.1, ""),
        (0.1, 0.1, 0.1, ""),
        (0.1, None, 0.1, "TS_F_MDS_1 at 10 cm by the site file"),
        (0.1, 0.02, 0.1, "at 10 cm by the site file, the tower's file states 2 cm"),
    ],
)
def test_the_depth_of_the_soil_sensor(entry, own, stated, depth, told):
    made = record(soil_temperature=MonthlyValues(4 + 9 * WARMTH, "TS_F_MDS_1", depth=stated))
    sensors = Sensors(soil_temperature=SoilSensor(depth=own))
    site = entry.model_copy(update={"sensors": sensors})
    series, _, notes = tower_observations(made, site, Reading())
    assert series["soil_temperature"].depth == depth
    assert [told in note for note in notes if "soil temperature:" in note] == [True] * bool(told)


def test_units_that_differ_are_one_finding():
    fluxes = {"gross_primary_production": 1000 * GPP, "ecosystem_respiration": 1000 * RECO}
    many = record(net_ecosystem_production=GPP - RECO, **fluxes)
    (fault,) = check_record(many, None)
    assert fault.variable == "NEE_VUT_REF" and "0.001 times GPP - RECO" in fault.message
    assert fault.index == "line 2 (2003-01)" and "mg" in fault.mend


def test_a_series_that_hangs_is_left_out(entry):
    stuck = np.array(4 + 9 * WARMTH)
    stuck[1:3] = 7.5
    series, _, notes = tower_observations(record(soil_temperature=stuck), entry, Reading())
    assert np.isnan(series["soil_temperature"].values[1:3]).all()
    assert np.isfinite(series["soil_temperature"].values[[0, 3]]).all()
    assert any("TS_F_MDS_1: one value" in n and "2004-01 to 2005-12" in n for n in notes)
    whole = record(gross_primary_production=np.full((4, 12), 2.0))
    series, absent, _ = tower_observations(whole, entry, Reading())
    assert "gross_primary_production" not in series
    assert "one value in 12 months on end" in absent["gross_primary_production"]


def test_zeros_of_a_polar_night_stay(entry):
    gpp = np.where(WARMTH < 0, 0.0, GPP)
    gpp[1] = 0.0
    series, _, notes = tower_observations(record(gross_primary_production=gpp), entry, Reading())
    assert np.isfinite(series["gross_primary_production"].values).all()
    assert any("GPP_NT_VUT_REF: 0 in 2003-11 to 2005-04" in note for note in notes)


def test_a_column_without_a_value_is_absent(entry):
    empty = record(soil_temperature=np.full((4, 12), np.nan))
    assert check_record(empty, None) == []
    _, absent, _ = tower_observations(empty, entry, Reading())
    assert absent == {"soil_temperature": "TS_F_MDS_1 has no value"}


def test_a_mean_year_repeated_is_noted():
    year = np.tile(GPP[:1], (4, 1))
    notes = observation_notes(record(gross_primary_production=year))
    assert notes == [
        "GPP_NT_VUT_REF: identical years 2003, 2004, 2005, 2006, a mean year repeated?"
    ]


def test_months_in_words():
    mask = np.zeros((4, 12), dtype=bool)
    mask[0, 10:], mask[1, :2], mask[3, 4] = True, True, True
    assert month_ranges(YEARS, mask) == "2003-11 to 2004-02, 2006-05"


TRAP = """
[[traps]]
variable = "net_ecosystem_production"
{keys}
text = "doubtful"
source = "test"
"""


@pytest.mark.parametrize(
    ("keys", "product", "applies"),
    [
        ("", "FLUXNET", True),
        ('product = "FLUXNET2015"', "FLUXNET2015", True),
        ('product = "FLUXNET2015"', "FLUXNET", False),
        ('product = ["FLUXNET2015", "FLUXNET"]', "FLUXNET", True),
        ('product = "FLUXNET"\nyears = [2004]', "FLUXNET", True),
    ],
)
def test_traps_are_of_a_product(tmp_path, keys, product, applies):
    site = parse(tmp_path, TRAP.format(keys=f"{keys}\nsuspect = true\nstructural_sd = 4"))
    made = record(product=product)
    series, _, notes = tower_observations(made, site, Reading())
    nep = series["net_ecosystem_production"]
    rows = [1] if "2004" in keys else [0, 1, 2, 3]
    expected = np.zeros((4, 12), dtype=bool)
    expected[rows] = applies
    np.testing.assert_array_equal(nep.suspect, expected)
    np.testing.assert_array_equal(np.where(np.isnan(nep.sd), 0.0, nep.sd), 4.0 * expected)
    assert any("doubt of 4 g C m-2 month-1" in note for note in notes) == applies


def test_a_doubt_goes_in_quadrature():
    sd = widened(np.array([3.0, 3.0, np.nan]), np.array([4.0, 0.0, 4.0]))
    np.testing.assert_allclose(sd, [5.0, 3.0, 4.0])


def test_a_fault_concerns_its_partition():
    fault = DataFault(variable="x", text="t", source="s", partition="NT", product="FLUXNET")
    assert fault.product == ["FLUXNET"]
    assert fault.concerns("FLUXNET", "NT")
    assert fault.concerns("", "NT")  # an unknown product has every fault
    assert not fault.concerns("FLUXNET", "DT")


PLACE = (
    "\n[[coordinates]]\nproduct = 'A'\nlatitude = 60.1\nlongitude = 20.0\nsource = 'list of A'\n"
)


def test_the_files_place_is_held_against_the_entrys(tmp_path):
    site = parse(tmp_path, PLACE)
    site = site.model_copy(
        update={"location": site.location.model_copy(update={"longitude": 20.0})}
    )
    here = record(location={"latitude": 60.01, "longitude": 380.0})  # 1.1 km
    assert check_record(here, site) == []
    assert not any("lies" in note for note in tower_observations(here, site, Reading())[2])
    near = record(product="A", location={"latitude": 60.1, "longitude": 20.0})
    assert check_record(near, site) == []
    notes = tower_observations(near, site, Reading())[2]
    assert any("lies 11.1 km from the place of here" in n and "list of A" in n for n in notes)
    far = record(location={"latitude": 40.0, "longitude": 20.0})
    fault = only(check_record(far, site))
    assert "2224 km" in fault.message
    assert "site file" in fault.mend


def test_years_without_light_or_rain():
    dark, dry = np.full((4, 12), 100.0), np.full((4, 12), 30.0)
    dark[1], dry[2] = 0.0, 0.0
    climate = {
        "shortwave": MonthlyValues(dark, "SW_IN_F"),
        "precipitation": MonthlyValues(dry, "P_F"),
    }
    found = record(climate=climate)
    fault = only(check_record(found, None))
    assert fault.variable == "SW_IN_F" and "0 W m-2 in every month of a year (12" in fault.message
    assert any(note.startswith("P_F: 0 in 2005-01 to 2005-12") for note in observation_notes(found))

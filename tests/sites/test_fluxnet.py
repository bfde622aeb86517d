"""The FLUXNET monthly reader: units, gaps, quality, uncertainty, and what it says of faults."""

import calendar

import numpy as np
import pytest

from temjax import sites
from temjax.files.findings import DataError
from temjax.sites.readers.archive import fluxnet_id
from temjax.sites.tower import check_tower
from tests.support.tower_files import SEASON, columns, months, write

FACTS = {
    "elevation": 3200,
    "texture": (40, 40, 20),
    "vegetation": "alpine-meadow",
    "latitude": 37.0,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "FLX_XX-Abc_FLUXNET2015_FULLSET_MM_2001-2002_1-4.csv"


def spoil(path, column, row, value, records=None):
    table = columns(records or months())
    table[column][row] = value
    write(path, table)


def test_units_sums_and_signs(path):
    write(path, columns(months(2003, 2004)))
    site = sites.read_fluxnet(path, **FACTS, first_year=2000)
    days = np.array([[calendar.monthrange(y, m)[1] for m in range(1, 13)] for y in (2003, 2004)])
    assert days[1, 1] == 29
    warmth = np.stack([SEASON + 0.2, SEASON + 0.3])
    forcing, monthly = site.forcing, site.observations.monthly
    assert np.asarray(forcing.years).tolist() == [2000, 2001, 2002, 2003, 2004]
    np.testing.assert_allclose(np.asarray(forcing.air_temperature)[-2:], 12 * warmth - 2)
    np.testing.assert_allclose(np.asarray(forcing.precipitation)[-2:], (2 + warmth) * days)
    np.testing.assert_allclose(np.asarray(forcing.shortwave)[-2:], 200 + 60 * warmth)
    nep = monthly["net_ecosystem_production"]
    np.testing.assert_allclose(nep.values, 2 * warmth * days)
    np.testing.assert_allclose(nep.sd, 0.1 * days)
    gpp = monthly["gross_primary_production"]
    np.testing.assert_allclose(gpp.values, (3 + 3 * warmth) * days)
    np.testing.assert_allclose(gpp.sd, 1.0 * days)
    np.testing.assert_allclose(monthly["ecosystem_respiration"].values, (3 + warmth) * days)
    np.testing.assert_allclose(monthly["soil_temperature"].values, 10 * warmth)
    assert np.isnan(monthly["soil_temperature"].sd).all()
    # before the tower: its climatology, without a trend where the place is not in the catalog
    np.testing.assert_allclose(np.asarray(forcing.air_temperature)[0], 12 * warmth.mean(0) - 2)


def test_partition(path):
    write(path, columns(months()))
    site = sites.read_fluxnet(path, **FACTS, partition="NT")
    gpp = site.observations.monthly["gross_primary_production"]
    assert gpp.source.startswith("GPP_NT_VUT_REF")
    assert gpp.values[0, 6] == pytest.approx((1 + SEASON[6]) * 31)


def test_low_quality_is_left_out_and_said(path):
    spoil(path, "NEE_VUT_REF_QC", 14, "0.4")
    site = sites.read_fluxnet(path, **FACTS)
    nep = site.observations.monthly["net_ecosystem_production"]
    assert np.argwhere(np.isnan(nep.values)).tolist() == [[1, 2]]
    assert nep.usable.sum() == 23
    assert any("2002-03" in note for note in site.notes)
    site = sites.read_fluxnet(path, **FACTS, minimum_quality=0.3)
    assert site.observations.monthly["net_ecosystem_production"].usable.all()


def test_missing_uncertainty_becomes_the_median(path):
    table = columns(months())
    table["NEE_VUT_REF_JOINTUNC"][5] = "-9999"
    table["NEE_VUT_REF_JOINTUNC"][0] = "0.3"
    write(path, table)
    nep = sites.read_fluxnet(path, **FACTS).observations.monthly["net_ecosystem_production"]
    assert nep.sd[0, 5] == pytest.approx(3.1)  # 0.1 g C m-2 d-1 in a month of 31 days
    assert nep.sd[0, 0] == pytest.approx(0.3 * 31)


def test_missing_flux_is_missing_not_minus_9999(path):
    spoil(path, "NEE_VUT_REF", 3, "-9999")
    nep = sites.read_fluxnet(path, **FACTS).observations.monthly["net_ecosystem_production"]
    assert np.isnan(nep.values[0, 3])
    assert np.isfinite(nep.climatology()).all()


def test_co2_of_the_tower_with_the_global_series_in_its_gaps(path):
    spoil(path, "CO2_F_MDS", 4, "401.5")
    shared_series = sites.global_co2(1901, 2002)
    forcing = sites.read_fluxnet(path, **FACTS).forcing
    np.testing.assert_allclose(np.asarray(forcing.co2), shared_series)
    co2 = np.array(sites.read_fluxnet(path, **FACTS, co2="tower").forcing.co2)
    assert co2[-2, 4] == 401.5
    co2[-2, 4] = shared_series[-2, 4]
    np.testing.assert_allclose(co2, shared_series)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("TA_F", "278.4", "beyond"),
        ("TA_F", "-9999", "missing (-9999) in 200203"),
        ("TA_F", "", "missing (-9999) in 200203"),
        ("TA_F", "warm", "not a number"),
        ("P_F", "-0.2", "negative"),
        ("P_F", "120", "more than 3000"),
        ("SW_IN_F", "-5", "negative"),
        ("SW_IN_F", "600", "extraterrestrial"),
    ],
)
def test_faults_name_file_column_line_and_mend(path, column, value, message):
    spoil(path, column, 14, value)
    with pytest.raises(DataError) as caught:
        sites.read_fluxnet(path, **FACTS)
    fault = caught.value.findings[0]
    assert fault.file == str(path)
    assert fault.variable == column
    assert fault.index == "line 16 (TIMESTAMP 200203)"
    assert message in fault.message
    assert fault.mend


def test_a_word_is_not_a_gap_as_well(path):
    spoil(path, "TA_F", 14, "warm")
    with pytest.raises(DataError) as caught:
        sites.read_fluxnet(path, **FACTS)
    for findings in (check_tower(path), caught.value.findings):
        assert [(f.variable, f.message) for f in findings] == [("TA_F", "'warm' is not a number")]


def test_every_fault_in_one_pass(path):
    table = columns(months())
    table["TA_F"][2], table["P_F"][3], table["SW_IN_F"][4] = "290", "-1", "-9999"
    write(path, table)
    with pytest.raises(DataError) as caught:
        sites.read_fluxnet(path, **FACTS | {"latitude": 95.0, "texture": (40, 40, 40)})
    found = [fault.variable for fault in caught.value.findings]
    assert sorted(found) == ["P_F", "SW_IN_F", "TA_F", "latitude", "texture"]


def test_missing_months_are_an_error_unless_filled(path):
    records = [pair for pair in months() if pair not in ((2001, 5), (2002, 12))]
    write(path, columns(records))
    with pytest.raises(DataError, match=r"months missing: 2001-05\. "):
        sites.read_fluxnet(path, **FACTS)
    site = sites.read_fluxnet(path, **FACTS, fill_from_climatology=True)
    whole = columns(months())
    temperature = np.asarray(site.forcing.air_temperature)
    assert temperature[-2, 4] == pytest.approx(float(whole["TA_F"][16]))
    assert np.isnan(site.observations.monthly["net_ecosystem_production"].values[0, 4])
    assert any("filled" in note for note in site.notes)
    assert any("the record ends in 2002-11" in note for note in site.notes)


def test_a_record_may_begin_and_end_inside_a_year(path):
    """Its months are observations; the climate beside them needs no option; no year is whole."""
    whole = columns(months(2001, 2003))
    write(path, {name: cells[5:-9] for name, cells in whole.items()})
    site = sites.read_fluxnet(path, **FACTS)
    assert check_tower(path) == []
    temperature = np.asarray(site.forcing.air_temperature)
    tower = np.array(whole["TA_F"], float).reshape(3, 12)
    np.testing.assert_array_equal(temperature[-3:].ravel()[5:-9], tower.ravel()[5:-9])
    assert temperature[-3, 4] == tower[1, 4]
    assert temperature[-1, 7] == pytest.approx(tower[:2, 7].mean())
    nep = site.observations.monthly["net_ecosystem_production"]
    assert nep.usable.sum() == 22
    assert nep.usable.all(axis=1).tolist() == [False, True, False]
    begins, ends = (note for note in site.notes if note.startswith("the record"))
    assert "begins in 2001-06: earlier months" in begins and "ends in 2003-03: later" in ends


def test_a_month_that_no_year_has_cannot_be_filled(path):
    write(path, columns([pair for pair in months() if pair[1] != 5]))
    with pytest.raises(DataError, match="nothing to fill from"):
        sites.read_fluxnet(path, **FACTS, fill_from_climatology=True)


@pytest.mark.parametrize(
    ("stamp", "message"),
    [("20010101", "daily"), ("2001", "yearly"), ("abc", "not YYYYMM"), ("200113", "month 13")],
)
def test_other_time_steps_are_named(path, stamp, message):
    table = columns(months())
    table["TIMESTAMP"][0] = stamp
    write(path, table)
    (finding,) = check_tower(path)
    assert message in finding.message


def test_repeated_month(path):
    write(path, columns([*months(), (2002, 12)]))
    assert "repeated" in check_tower(path)[0].message


def test_no_such_file_and_missing_column(path):
    assert "No such file" in check_tower(path)[0].message
    table = columns(months())
    del table["SW_IN_F"]
    write(path, table)
    with pytest.raises(DataError, match=r"SW_IN_F at line 1: .*no such column"):
        sites.read_fluxnet(path, **FACTS)


def test_unknown_place_needs_its_facts(path):
    write(path, columns(months()))
    with pytest.raises(DataError, match="latitude, elevation, texture, vegetation"):
        sites.read_fluxnet(path)
    with pytest.raises(DataError, match="unknown vegetation type"):
        sites.read_fluxnet(path, **FACTS | {"vegetation": "alpine-medow"})


def test_the_file_name_finds_the_catalog(tmp_path):
    path = tmp_path / "FLX_CN-HaM_FLUXNET2015_FULLSET_MM_2001-2002_1-4.csv"
    assert fluxnet_id(path) == "CN-HaM"
    write(path, columns(months()))
    site = sites.read_fluxnet(path, elevation=3000)
    assert site.name == "haibei-meadow"
    assert float(site.location.elevation) == 3000
    assert site.parameter_overrides["surface_shortwave_coefficient"] == 0.03
    assert site.observations.monthly["net_ecosystem_production"].suspect[1].all()
    assert any("sha256" in source for source in site.sources)


REAL = {
    "CN-HaM": ("FLX_CN-HaM_FLUXNET2015_FULLSET_MM_2002-2004_1-4.csv", [-33, 127, 192]),
    "CN-Ha2": ("FLX_CN-Ha2_FLUXNET2015_FULLSET_MM_2003-2005_1-4.csv", [110, 226, 182]),
    "CN-Dan": ("FLX_CN-Dan_FLUXNET2015_FULLSET_MM_2004-2005_1-4.csv", [129, 68]),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(name, shared):
    file, annual = REAL[name]
    path = shared / "data" / "fluxnet2015" / file
    assert check_tower(path) == []
    site = sites.read_fluxnet(path, minimum_quality=0.0)
    nep = site.observations.monthly["net_ecosystem_production"]
    assert np.round(nep.values.sum(axis=1)).tolist() == annual
    assert np.isfinite(nep.sd).all()
    catalog = sites.load(site.name)
    for variable, series in site.observations.monthly.items():
        expected = catalog.observations.monthly[variable].climatology()
        np.testing.assert_allclose(series.climatology(), expected, atol=0.051)
    precipitation = np.asarray(site.forcing.precipitation)
    mean = precipitation[-len(annual) :].mean(axis=0)
    np.testing.assert_allclose(precipitation[0], mean)


def test_real_meadow_traps(shared):
    path = shared / "data" / "fluxnet2015" / REAL["CN-HaM"][0]
    day = sites.read_fluxnet(path)
    nep = day.observations.monthly["net_ecosystem_production"]
    assert nep.suspect[0].all() and not nep.suspect[1:].any()
    assert np.isnan(nep.values[0, 9])  # October 2002: QC 0.45
    night = sites.read_fluxnet(path, partition="NT")
    assert night.observations.monthly["gross_primary_production"].suspect[2].all()
    assert not day.observations.monthly["gross_primary_production"].suspect.any()
    assert any("reanalysis" in note for note in day.notes)

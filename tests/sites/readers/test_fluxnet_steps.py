"""FLUXNET files shorter than monthly, time stamps, and units that companions state."""

import numpy as np
import pytest

from temjax.conventions.units import CARBON_MASS
from temjax.sites.readers.fluxnet_stamps import plain_stamp
from temjax.sites.readers.record import days_of_months
from tests.support.fluxnet_files import (
    NAME,
    bif_text,
    csv_text,
    faults,
    monthly_columns,
    read,
    write_csv,
    write_zip,
)

NEP, GPP = "net_ecosystem_production", "gross_primary_production"
DAYS = days_of_months(np.array([2003, 2004]))
FIRST, LAST = np.datetime64("2003-01-01"), np.datetime64("2005-01-01")
PER_DAY = CARBON_MASS * 86400e-6  # g C m-2 d-1 per µmol m-2 s-1


def stamps(begin, step, count):
    """TIMESTAMP_START and TIMESTAMP_END of half-hours or hours."""
    times = begin + np.arange(count + 1) * np.timedelta64(step, "m")
    texts = [str(time).replace("-", "").replace("T", "").replace(":", "") for time in times]
    return texts[:-1], texts[1:]


def daily_columns():
    """Days of two years whose values within each month sum to what they should."""
    days = np.arange(FIRST, LAST)
    inside = (days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(int)
    month = days.astype("datetime64[M]").astype(int) % 12
    return {
        "TIMESTAMP": [str(day).replace("-", "") for day in days],
        "TA_F": month + 0.0,
        "TA_F_QC": 1.0 + 0 * month,
        "P_F": np.where(inside == 0, 31.0, 1.0),
        "SW_IN_F": 100.0 + month,
        "NEE_VUT_REF": 0.1 * inside - month,
        "NEE_VUT_REF_QC": np.where(inside < 15, 1.0, 0.0),
        "NEE_VUT_REF_RANDUNC": 0.3 + 0 * month,
        "NEE_VUT_REF_JOINTUNC": 0.5 + 0 * month,
        "GPP_DT_VUT_REF": 2.0 + month,
        "GPP_DT_VUT_16": 1.0 + month,
        "GPP_DT_VUT_84": 3.0 + month,
    }


@pytest.fixture
def daily(tmp_path):
    return tmp_path / "EUF_XX-Abc_FLUXNET_FLUXMET_DD_2003-2004_v1.3_r1.csv"


def test_days(daily):
    record = read(write_csv(daily, daily_columns()))
    assert record.period == (2003, 2004) and record.present.all()
    assert any("monthly means of a daily file (DD)" in note for note in record.notes)
    np.testing.assert_allclose(record.climate["precipitation"].values, DAYS + 30.0)
    nep = record.observed[NEP]
    month = np.arange(12)
    sums = month * DAYS - 0.1 * DAYS * (DAYS - 1) / 2
    np.testing.assert_allclose(nep.values, sums)
    np.testing.assert_allclose(nep.quality, 15 / DAYS)
    # 0.3 independent of day to day, 0.4 in common, of a month's sum
    np.testing.assert_allclose(nep.sd, np.hypot(0.3 * np.sqrt(DAYS), 0.4 * DAYS))
    np.testing.assert_allclose(record.observed[GPP].sd, DAYS)
    assert record.lines[0, :3].tolist() == [2, 33, 61]


def test_random_errors_of_days_add_in_quadrature(daily):
    table = daily_columns()
    del table["NEE_VUT_REF_JOINTUNC"]
    nep = read(write_csv(daily, table)).observed[NEP]
    np.testing.assert_allclose(nep.sd, 0.3 * np.sqrt(DAYS))
    assert nep.sd_source == "NEE_VUT_REF_RANDUNC"


def test_months_need_enough_days(daily):
    table = daily_columns()
    table["NEE_VUT_REF"][:7] = -9999  # 24 of 31 days are 77 %
    table["NEE_VUT_REF"][31:36] = -9999  # 23 of 28 days are 82 %
    record = read(write_csv(daily, table))
    nep = record.observed[NEP].values
    assert np.isnan(nep[0, 0]) and np.isfinite(nep).sum() == 23
    valid = table["NEE_VUT_REF"][36:59]
    assert nep[0, 1] == pytest.approx(-valid.mean() * 28)
    assert any("NEE_VUT_REF" in note and "2003-01" in note for note in record.notes)
    record = read(daily, minimum_coverage=0.75)
    assert np.isfinite(record.observed[NEP].values).all()


def test_days_from_june_to_march(daily):
    table = {name: values[165:440] for name, values in daily_columns().items()}  # to 15 March
    record = read(write_csv(daily, table))
    assert record.period == (2003, 2004)
    assert np.flatnonzero(record.present).tolist() == list(range(6, 14))
    assert np.isnan(record.observed[NEP].values[~record.present]).all()
    assert any("2003-06, 2004-03" in note for note in record.notes)


@pytest.mark.parametrize(("step", "name"), [(30, "HH"), (60, "HR")])
def test_half_hours_and_hours(tmp_path, step, name):
    count = 2 * 31 * 24 * 60 // step  # December and January
    begin, end = stamps(np.datetime64("2003-12-01T00:00"), step, count)
    row = np.arange(count)
    table = {
        "TIMESTAMP_START": begin,
        "TIMESTAMP_END": end,
        "TA_F": np.where(row % 2, 1.0, 3.0),
        "TA_F_QC": row % 4,
        "P_F": np.full(count, 0.1),
        "SW_IN_F": np.full(count, 50.0),
        "NEE_VUT_REF": np.where(row % 2, -1.0, -3.0),
        "NEE_VUT_REF_QC": row % 4,
        "NEE_VUT_REF_RANDUNC": np.full(count, 2.0),
        "NEE_VUT_16": np.full(count, -3.0),
        "NEE_VUT_84": np.full(count, -1.0),
    }
    path = tmp_path / f"AMF_XX-Abc_FLUXNET_FULLSET_{name}_2003-2004_3-5.csv"
    record = read(write_csv(path, table))
    assert record.product == "AmeriFlux FLUXNET"
    assert np.flatnonzero(record.present).tolist() == [11, 12]
    at = record.present
    np.testing.assert_allclose(record.climate["air_temperature"].values[at], 2)
    np.testing.assert_allclose(record.climate["air_temperature"].quality[at], 0.5)
    steps_of_month = 31 * 24 * 60 / step
    np.testing.assert_allclose(record.climate["precipitation"].values[at], 0.1 * steps_of_month)
    nep = record.observed[NEP]
    np.testing.assert_allclose(nep.values[at], 2 * PER_DAY * 31)
    np.testing.assert_allclose(nep.quality[at], 0.5)
    random = 2 / np.sqrt(steps_of_month)
    np.testing.assert_allclose(nep.sd[at], np.hypot(random, 1) * PER_DAY * 31)


def test_weeks_are_shared_between_months_by_their_days(tmp_path):
    begin = np.datetime64("2003-01-01") + 7 * np.arange(52)
    end = np.append(begin[1:] - 1, np.datetime64("2003-12-31"))
    value = np.arange(52.0)
    table = {
        "TIMESTAMP_START": [str(day).replace("-", "") for day in begin],
        "TIMESTAMP_END": [str(day).replace("-", "") for day in end],
        "TA_F": value, "P_F": 0 * value + 2, "SW_IN_F": 0 * value + 50, "NEE_VUT_REF": value,
    }  # fmt: skip
    path = tmp_path / "FLX_XX-Abc_FLUXNET2015_SUBSET_WW_2003-2003_1-4.csv"
    record = read(write_csv(path, table))
    by_day = np.repeat(value, (end - begin).astype(int) + 1)
    month = (np.datetime64("2003-01-01") + np.arange(365)).astype("datetime64[M]").astype(int) % 12
    sums = np.bincount(month, by_day)
    np.testing.assert_allclose(record.observed[NEP].values[0], -sums)
    np.testing.assert_allclose(record.climate["precipitation"].values, 2 * DAYS[:1])


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("201101", "201101"), ("201101.0", "201101"), ("2011-01", "201101"), ("2011/1", "201101"),
        ("2.01101E+05", "201101"), ("2011-01-05", "20110105"), ("2011/1/5", "20110105"),
        ("2011-01-05 00:30", "201101050030"), ("2011-01-05T00:30:00", "201101050030"),
        ("2011-01-05 00:00:00", "20110105"), ("Jan-11", "Jan-11"), ("2011.5", "2011.5"),
    ],
)  # fmt: skip
def test_stamps_that_a_spreadsheet_rewrote(text, stamp):
    assert plain_stamp(text) == stamp


@pytest.mark.parametrize("form", ["{}.0", "'{}'", '"{}"', " {} ", "{:.4}-{}", "{:.4}/{}"])
def test_a_monthly_file_with_rewritten_stamps(tmp_path, form):
    table = monthly_columns()
    sound = read(write_csv(tmp_path / NAME, table))
    split = "{:.4}" in form
    table["TIMESTAMP"] = [
        form.format(stamp, stamp[4:]) if split else form.format(stamp)
        for stamp in table["TIMESTAMP"]
    ]
    record = read(write_csv(tmp_path / NAME, table))
    assert record.notes == sound.notes
    np.testing.assert_array_equal(record.observed[NEP].values, sound.observed[NEP].values)


def test_first_days_of_months_are_months(tmp_path):
    table = monthly_columns()
    table["TIMESTAMP"] = [f"{stamp[:4]}-{stamp[4:]}-01" for stamp in table["TIMESTAMP"]]
    record = read(write_csv(tmp_path / NAME, table))
    assert record.present.all() and record.lines[2, 11] == 37


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"TIMESTAMP": ["2003", "2004"]}, "a yearly file"),
        ({"TIMESTAMP": ["20030101", "20030101"]}, "month"),
        ({"TIMESTAMP": ["20030102", "20030102"]}, "repeats time of another row (1 such"),
        ({"TIMESTAMP": ["20030103", "20030102"]}, "out of order"),
        ({"TIMESTAMP": ["20030102", "20030231"]}, "no day or time"),
        ({"TIMESTAMP": ["200313", "200314"]}, "month 13"),
        ({"TIMESTAMP": ["Jan-03", "Feb-03"]}, "'Jan-03' is not YYYYMM (2 such stamps)"),
        ({"TIMESTAMP_START": ["200301010000"] * 2}, "go together"),
        (
            {"TIMESTAMP_START": ["200301010030"] * 2, "TIMESTAMP_END": ["200301010000"] * 2},
            "ends before it begins",
        ),
        (
            {"TIMESTAMP_START": ["20030101", "20030108"], "TIMESTAMP_END": ["20030107"] * 2},
            "ends before it begins",
        ),
        ({"DATE": ["200301", "200302"]}, "no such column: no FLUXNET file (its columns: DATE"),
        ({"TIMESTAMP": ["200301", "200302"], "timestamp": ["1", "2"]}, "two columns of this name"),
        (
            {
                "TIMESTAMP_START": ["20030101", "20030108"],
                "TIMESTAMP_END": ["20030107", "20030114"],
            },
            "a weekly file without a whole month",
        ),
    ],
)
def test_stamps_that_cannot_be_read(tmp_path, times, message):
    path = write_csv(tmp_path / NAME, times | {"TA_F": ["1.0", "2.0"], "NEE_VUT_REF": ["1", "2"]})
    found = faults(path)
    assert message in found[0]


def test_header_in_small_letters_with_a_row_of_units(tmp_path):
    table = {name.lower(): values for name, values in monthly_columns().items()}
    sound = read(write_csv(tmp_path / NAME, monthly_columns()))
    record = read(write_csv(tmp_path / NAME, table))
    np.testing.assert_array_equal(record.observed[NEP].values, sound.observed[NEP].values)
    units = {"timestamp": "YYYYMM", "ta_f": "K", "p_f": "mm d-1", "sw_in_f": "W m-2",
             "ts_f_mds_1": "deg C", "nee_vut_ref": "umolCO2 m-2 s-1"}  # fmt: skip
    lines = csv_text(table).splitlines()
    lines.insert(1, ",".join(units.get(name, "-") for name in table))
    (tmp_path / NAME).write_text("\n".join(lines))
    record = read(tmp_path / NAME)
    warm = record.climate["air_temperature"].values
    np.testing.assert_allclose(warm, sound.climate["air_temperature"].values - 273.15)
    ratio = record.observed[NEP].values / sound.observed[NEP].values
    np.testing.assert_allclose(ratio, PER_DAY)
    assert sum("converted" in note for note in record.notes) == 2
    assert record.lines[0, 0] == 3


def archive(path, units, site=None):
    """Archive of a monthly table with stated units and facts of the site."""
    name = "AMF_XX-Abc_FLUXNET_{}_2001-2003_v1.3_r1.csv"
    groups = [
        {"VAR_INFO_VARNAME": column, "VAR_INFO_UNIT": unit, "VAR_INFO_DATE": "2001"}
        for column, unit in units.items()
    ]
    members = {
        name.format("FLUXMET_MM"): csv_text(monthly_columns()),
        name.format("BIFVARINFO_MM"): bif_text(groups),
    }
    if site:
        members[name.format("BIF")] = bif_text(site)
    return write_zip(path / "AMF_XX-Abc_FLUXNET_2001-2003_v1.3_r1.zip", members)


STANDARD = {
    "TA_F": "deg C", "P_F": "mm d-1", "SW_IN_F": "W m-2", "NEE_VUT_REF": "gC m-2 d-1",
    "TS_F_MDS_1": "deg C", "GPP_DT_VUT_REF": "gC m-2 d-1",
}  # fmt: skip


def test_standard_units_need_no_word(tmp_path):
    record = read(archive(tmp_path, STANDARD | {"P_F": "mm"}))
    assert len(record.notes) == 1 and record.notes[0].startswith("read from AMF_XX-Abc")
    assert record.product == "FLUXNET"
    assert len(record.sources) == 2


def test_other_units_are_converted(tmp_path):
    sound = read(archive(tmp_path, STANDARD))
    units = {"NEE_VUT_REF": "gC m-2 month-1", "P_F": "mm month-1", "TA_F": "K"}
    record = read(archive(tmp_path, STANDARD | units))
    days = days_of_months(record.years)
    for of, series in ((sound.observed, record.observed[NEP]),):
        np.testing.assert_allclose(series.values, of[NEP].values / days)
        np.testing.assert_allclose(series.sd, of[NEP].sd / days)
    rain = record.climate["precipitation"].values
    np.testing.assert_allclose(rain, sound.climate["precipitation"].values / days)
    assert sum("converted" in note for note in record.notes) == 3


def test_unknown_units_are_a_finding(tmp_path):
    (finding,) = faults(archive(tmp_path, STANDARD | {"SW_IN_F": "furlongs"}))
    assert "SW_IN_F: unit 'furlongs' is not understood" in finding


def test_facts_of_the_site(tmp_path):
    site = [
        {"SITE_NAME": "Bog, north"}, {"IGBP": "WET"}, {"LOCATION_ELEV": "420"},
        {"LOCATION_LAT": "68.4865", "LOCATION_LONG": "-155.75"},
    ]  # fmt: skip
    record = read(archive(tmp_path, STANDARD, site))
    assert record.location == {"latitude": 68.4865, "longitude": -155.75, "elevation": 420}
    assert record.facts == {"title": "Bog, north", "igbp": "WET"}

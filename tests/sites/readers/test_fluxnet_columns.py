"""Columns of FLUXNET files: chosen by values, every choice told, quality and uncertainty."""

import numpy as np
import pytest

from temjax.sites.entry_tables import ClimateSensor, Sensors, SoilSensor
from temjax.sites.readers.fluxnet import read_fluxnet_record
from temjax.sites.readers.record import Reading, days_of_months
from temjax.sites.tower import check_tower
from tests.support.fluxnet_files import (
    NAME,
    SEASON,
    bif_text,
    monthly_columns,
    read,
    write_csv,
)

DAYS = days_of_months(np.array([2001, 2002, 2003]))
WARMTH = np.stack([SEASON, SEASON + 0.1, SEASON + 0.2])
NEP, GPP, RECO = "net_ecosystem_production", "gross_primary_production", "ecosystem_respiration"


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


def written(path, changes=None, without=(), **choices):
    """Record of a sound file with columns changed: a value for all months, or a list."""
    table = monthly_columns()
    for name, values in (changes or {}).items():
        table[name] = values if isinstance(values, list) else [values] * 36
    write_csv(path, {name: values for name, values in table.items() if name not in without})
    return read(path, **choices)


def test_the_plain_file_needs_no_word(path):
    record = written(path)
    assert record.notes == () and record.absent == {}
    assert (record.product, record.tower, record.period) == ("FLUXNET2015", "XX-Abc", (2001, 2003))
    sources = {name: series.source for name, series in record.observed.items()}
    assert sources == {
        NEP: "NEE_VUT_REF",
        GPP: "GPP_DT_VUT_REF",
        RECO: "RECO_DT_VUT_REF",
        "soil_temperature": "TS_F_MDS_1",
    }
    nep, gpp = record.observed[NEP], record.observed[GPP]
    np.testing.assert_allclose(nep.values, 2 * WARMTH * DAYS, atol=1e-4)
    np.testing.assert_allclose(nep.sd, (0.1 + 0.01 * WARMTH) * DAYS, atol=1e-4)
    np.testing.assert_allclose(gpp.sd, 0.5 * DAYS, atol=1e-4)
    assert nep.sd_source == "NEE_VUT_REF_JOINTUNC"
    assert gpp.sd_source == "half of GPP_DT_VUT_16 to GPP_DT_VUT_84"
    assert (nep.partition, gpp.partition) == (None, "DT")


@pytest.mark.parametrize("form", ["absent", "empty"])
def test_constant_threshold_where_that_by_year_has_no_values(path, form):
    table = monthly_columns(threshold="CUT")
    if form == "empty":
        table |= {name.replace("CUT", "VUT"): [-9999] * 36 for name in table if "CUT" in name}
    write_csv(path, table)
    record = read(path)
    same = written(path)
    for name, series in record.observed.items():
        assert series.source == same.observed[name].source.replace("VUT", "CUT")
        np.testing.assert_array_equal(series.values, same.observed[name].values)
        np.testing.assert_array_equal(series.sd, same.observed[name].sd)
        np.testing.assert_array_equal(series.quality, same.observed[name].quality)
    assert record.notes == (
        "net ecosystem production: NEE_CUT_REF (the file has no NEE_VUT_* values)",
        "gross primary production: GPP_DT_CUT_REF, ecosystem respiration: RECO_DT_CUT_REF (the "
        "threshold of net ecosystem production)",
    )


def test_both_thresholds_and_one_asked_for(path):
    other = monthly_columns(threshold="CUT")
    shifted = {
        name: [value + 1 for value in values] for name, values in other.items() if "_CUT_" in name
    }
    assert written(path, shifted).observed[NEP].source == "NEE_VUT_REF"
    record = written(path, shifted, threshold="CUT")
    sources = [record.observed[name].source for name in (NEP, GPP, RECO)]
    assert sources == ["NEE_CUT_REF", "GPP_DT_CUT_REF", "RECO_DT_CUT_REF"]
    assert record.notes == ()


def test_what_is_asked_for_is_never_replaced(path):
    record = written(path, threshold="CUT")
    assert set(record.observed) == {"soil_temperature"}
    assert record.absent[NEP] == "no NEE_CUT_* column (NEE_VUT_REF has values)"
    assert record.absent[GPP].startswith("no GPP_DT_CUT_* or GPP_NT_CUT_* column")
    record = written(path, {"GPP_DT_VUT_REF": -9999}, without=("RECO_DT_VUT_REF",), partition="DT")
    assert record.absent[GPP] == (
        "every value of GPP_DT_VUT_REF is missing (GPP_NT_VUT_REF has values)"
    )
    assert "no RECO_DT_VUT_*" in record.absent[RECO]
    assert NEP in record.observed


def test_night_time_partition_where_day_time_is_missing_for_years(path):
    whole = monthly_columns()
    gaps = {name: [-9999] * 12 + whole[name][12:] for name in ("GPP_DT_VUT_REF", "RECO_DT_VUT_REF")}
    record = written(path, gaps)
    assert record.observed[GPP].partition == record.observed[RECO].partition == "NT"
    (note,) = record.notes
    assert "GPP_NT_VUT_REF" in note and "RECO_NT_VUT_REF" in note
    assert "24 months against 36" in note
    record = written(path, gaps, partition="DT")
    assert np.isfinite(record.observed[GPP].values).sum() == 24
    short = {name: [-9999] * 6 + whole[name][6:] for name in gaps}  # 30 of 36 are enough
    assert written(path, short).observed[GPP].partition == "DT"


def test_one_partition_for_both_where_they_have_it(path):
    record = written(path, without=("GPP_DT_VUT_REF",))
    assert record.observed[RECO].source == "RECO_NT_VUT_REF"
    record = written(path, without=("GPP_DT_VUT_REF", "RECO_NT_VUT_REF"))
    assert record.observed[RECO].source == "RECO_DT_VUT_REF"


def test_other_estimates_where_the_reference_is_missing(path):
    median = {
        "NEE_VUT_USTAR50": -1.0,
        "NEE_VUT_USTAR50_QC": 0.7,
        "NEE_VUT_USTAR50_JOINTUNC": 0.2,
        "GPP_DT_VUT_REF": -9999,
        "GPP_DT_VUT_MEAN": 3.0,
    }
    record = written(path, median, without=("NEE_VUT_REF",))
    nep = record.observed[NEP]
    np.testing.assert_allclose(nep.values, DAYS)
    np.testing.assert_allclose(nep.sd, 0.2 * DAYS)
    assert (nep.quality == 0.7).all()
    assert "NEE_VUT_USTAR50 (the file has no NEE_VUT_REF)" in record.notes[0]
    assert record.observed[GPP].source == "GPP_DT_VUT_MEAN"
    assert "every value of GPP_DT_VUT_REF is missing" in record.notes[1]


QUARTERS = {"NEE_VUT_25": 1.0, "NEE_VUT_75": 1.674}
TAILS = {"NEE_VUT_16": 1.0, "NEE_VUT_84": 1.8}


@pytest.mark.parametrize(
    ("changes", "sd"),
    [
        ({"NEE_VUT_REF_RANDUNC": 0.3}, 0.3),
        ({"NEE_VUT_REF_RANDUNC": 0.3} | TAILS, 0.5),
        (TAILS, 0.4),
        (QUARTERS, 0.5),
        ({"NEE_VUT_REF_RANDUNC": 1.2} | QUARTERS, 1.3),
        ({"NEE_VUT_REF_RANDUNC": [-9999] * 12 + [0.3] * 24} | TAILS, [0.4] * 12 + [0.5] * 24),
    ],
)
def test_uncertainty_without_the_joint_error(path, changes, sd):
    for form in ({}, {"NEE_VUT_REF_JOINTUNC": -9999}):
        without = () if form else ("NEE_VUT_REF_JOINTUNC",)
        record = written(path, changes | form, without)
        expected = np.reshape(np.broadcast_to(sd, 36), (3, 12))
        np.testing.assert_allclose(record.observed[NEP].sd, expected * DAYS)
        (note,) = record.notes
        assert record.observed[NEP].sd_source in note
        assert ("every value" if form else "the file has no") in note


def test_no_uncertainty_is_told_once(path):
    record = written(
        path, without=[name for name in monthly_columns() if name[-2:] in ("16", "84")]
    )
    assert record.notes == ("GPP_DT_VUT_REF, RECO_DT_VUT_REF: the file gives no uncertainty",)
    quarters = {f"{flux}_DT_VUT_{q}": float(q) for flux in ("GPP", "RECO") for q in (25, 75)}
    tails = [name for name in monthly_columns() if name[-2:] in ("16", "84")]
    record = written(path, quarters, tails)
    np.testing.assert_allclose(record.observed[GPP].sd, 25 / 0.674 * DAYS)
    assert record.notes == ("GPP_DT_VUT_REF, RECO_DT_VUT_REF: uncertainty from the 25-75 % range",)


def test_no_quality_is_told(path):
    record = written(path, without=("NEE_VUT_REF_QC",))
    assert record.observed[NEP].quality is None
    assert record.notes == ("NEE_VUT_REF: the file gives no quality; no month is left out for it",)
    record = written(path, without=("NEE_VUT_REF", "NEE_VUT_REF_QC"))
    assert record.absent[NEP] == "no NEE_VUT_* or NEE_CUT_* column"
    assert record.notes[0].startswith("GPP_DT_VUT_REF, RECO_DT_VUT_REF: the file gives no quality")


def test_first_soil_sensor_with_values(path):
    record = written(path, {"TS_F_MDS_1": -9999, "TS_F_MDS_2": 3.0, "TS_F_MDS_2_QC": 0.6})
    soil = record.observed["soil_temperature"]
    assert (soil.values == 3).all() and (soil.quality == 0.6).all() and soil.depth is None
    assert record.notes == ("soil temperature: TS_F_MDS_2 (every value of TS_F_MDS_1 is missing)",)


def test_sensors_are_counted_as_numbers(path):
    record = written(
        path, {"TS_F_MDS_10": 10.0, "TS_F_MDS_2": 2.0}, without=("TS_F_MDS_1", "TS_F_MDS_1_QC")
    )
    assert record.observed["soil_temperature"].source == "TS_F_MDS_2"
    record = written(path, {"TS_1": 1.0}, without=("TS_F_MDS_1",))
    assert record.notes == ("soil temperature: TS_1 (the file has no TS_F_MDS_* column)",)


def test_no_soil_temperature(path):
    record = written(path, {"TS_F_MDS_1": -9999, "TS_F_MDS_2": -9999})
    reason = "every value of TS_F_MDS_1, TS_F_MDS_2 is missing"
    assert record.absent == {"soil_temperature": reason}
    record = written(path, without=("TS_F_MDS_1",))
    assert record.absent == {"soil_temperature": "no TS_F_MDS_* column"}


@pytest.mark.parametrize(
    ("heights", "chosen", "depth", "told"),
    [
        ({1: "-0.02", 2: "-0.05"}, "TS_F_MDS_2", 0.05, True),
        ({1: "-0.02", 2: "-0.10"}, "TS_F_MDS_1", 0.02, False),
        ({2: "-0,10"}, "TS_F_MDS_2", 0.1, True),
        ({1: "2"}, "TS_F_MDS_1", None, False),
    ],
)
def test_soil_sensor_by_depth(tmp_path, heights, chosen, depth, told):
    groups = [
        {"VAR_INFO_VARNAME": f"TS_F_MDS_{n}", "VAR_INFO_UNIT": "deg C", "VAR_INFO_HEIGHT": height}
        for n, height in heights.items()
    ]
    name = "ICOS_XX-Abc_FLUXNET_{}_2001-2003_v1.3_r1.csv"
    (tmp_path / name.format("BIFVARINFO_MM")).write_text(bif_text(groups))
    record = written(tmp_path / name.format("FLUXMET_MM"), {"TS_F_MDS_2": 3.0})
    soil = record.observed["soil_temperature"]
    assert (soil.source, soil.depth) == (chosen, depth)
    assert any("soil temperature" in note for note in record.notes) == told


def test_a_soil_sensor_that_the_site_file_asks_for(path):
    table = monthly_columns() | {"TS_F_MDS_2": [3.0] * 36, "TSOIL": [5.0] * 36}
    write_csv(path, table)
    for column, value in (("ts_f_mds_2", 3.0), ("TSOIL", 5.0)):
        sensors = Sensors(soil_temperature=SoilSensor(column=column))
        record, _ = read_fluxnet_record(path, Reading(), sensors)
        soil = record.observed["soil_temperature"]
        assert soil.source == column.upper() and (soil.values == value).all()
        assert f"soil temperature: {column.upper()} (as the site file asks)" in record.notes
    sensors = Sensors(soil_temperature=SoilSensor(column="TS_F_MDS_9"))
    record, findings = read_fluxnet_record(path, Reading(), sensors)
    assert findings == []
    assert record.absent["soil_temperature"] == "the file has no TS_F_MDS_9"


def test_a_precipitation_column_that_the_site_file_asks_for(path):
    write_csv(path, monthly_columns() | {"P_ERA": [0.5] * 36})
    sensors = Sensors(precipitation=ClimateSensor(column="p_era"))
    record, _ = read_fluxnet_record(path, Reading(), sensors)
    np.testing.assert_allclose(record.climate["precipitation"].values, 0.5 * DAYS)
    assert "precipitation: P_ERA (as the site file asks)" in record.notes
    sensors = Sensors(precipitation=ClimateSensor(column="P_GAUGE"))
    record, _ = read_fluxnet_record(path, Reading(), sensors)  # another column is no stand-in
    assert record.absent["precipitation"] == "no such column"
    assert record.usual["precipitation"] == ("P_GAUGE", "line 1")


def test_climate_that_was_not_filled_with_reanalysis(path):
    record = written(path, {"TA_F": -9999, "TA_F_MDS": 4.0}, without=("TA_F_QC",))
    assert record.climate["air_temperature"].source == "TA_F_MDS"
    assert record.notes == ("air temperature: TA_F_MDS (every value of TA_F is missing)",)
    record = written(path, {"P": 1.0}, without=("P_F",))
    np.testing.assert_allclose(record.climate["precipitation"].values, DAYS)


def test_climate_that_is_nowhere(path):
    record = written(path, {"SW_IN_F": -9999}, without=("P_F",))
    assert record.absent == {
        "precipitation": "no such column",
        "shortwave": "no value in the file",
    }
    assert record.usual == {"precipitation": ("P_F", "line 1"), "shortwave": ("SW_IN_F", "line 1")}
    rain, light = check_tower(path)  # nothing beside the file has it
    assert "P_F at line 1: the record has no precipitation (no such column)" in str(rain)
    assert "SW_IN_F at line 1: the record has no shortwave (no value in the file)" in str(light)


def test_codes(path):
    table = monthly_columns()["TS_F_MDS_1"]
    codes = [-9999, "-9999.0", "-9999.99", -6999, "NA", "", "inf", "NaN", "-6999.0", "null"]
    record = written(path, {"TS_F_MDS_1": codes + table[10:]})
    missing = np.isnan(record.observed["soil_temperature"].values)
    assert np.flatnonzero(missing).tolist() == list(range(10))
    assert record.notes == (
        "2 values of -6999 read as missing (TS_F_MDS_1)",
        "1 infinite values read as missing",
    )


def test_co2_of_a_tower_without_any(path):
    record = written(path, {"CO2_F_MDS": -9999}, co2="tower")
    assert "co2" not in record.climate
    assert record.notes == ("CO2_F_MDS: no value in the file; the global series is used",)
    assert "co2" in written(path, {"CO2_F_MDS": 400.0}).climate


def test_a_record_from_june_to_march(path):
    table = {name: values[5:27] for name, values in monthly_columns().items()}
    record = read(write_csv(path, table))
    assert record.period == (2001, 2003)
    assert np.flatnonzero(record.present).tolist() == list(range(5, 27))
    assert (record.lines > 0).sum() == 22 and record.lines[0, 5] == 2

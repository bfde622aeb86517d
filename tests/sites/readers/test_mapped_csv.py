"""A user's own CSV table: units, signs, steps, dates, and what is said of faults."""

import calendar

import numpy as np
import pandas as pd
import pytest

from temjax.conventions.units import CARBON_MASS, CO2_MASS, UnitError, parse_unit
from temjax.sites.entry import SiteEntry, parse_entry
from temjax.sites.readers.kinds import read_record
from temjax.sites.readers.record import Reading
from temjax.sites.sources import open_site, table_file
from temjax.sites.table_mapping import Table
from tests.support.tower_files import site_text

PLACE = site_text("own", texture=(48, 44, 8), latitude=45.0, elevation=700)
NEE = {"column": "NEE", "unit": "g C m-2 d-1", "sign": "uptake negative"}


def mapping(time="date", **columns) -> dict:
    return {"time": time, "columns": columns or {"net_ecosystem_production": NEE}}


def read(path, table: dict, **reading):
    entry = SiteEntry.model_construct(table=Table.model_validate(table))
    return read_record(path, Reading(**reading), entry)


def months_table(path, frame: dict, first=2001, years=1, form="{y}-{m:02d}", **options):
    stamps = [form.format(y=y, m=m) for y in range(first, first + years) for m in range(1, 13)]
    pd.DataFrame({"date": stamps, **frame}).to_csv(path, index=False, **options)


DAYS_2004 = np.array([calendar.monthrange(2004, month)[1] for month in range(1, 13)])
CARBON = [
    ("g C m-2 month-1", 1.0),
    ("gC/m2/month", 1.0),
    ("g C m-2", 1.0),
    ("g C m-2 d-1", DAYS_2004),
    ("gC m-2 day-1", DAYS_2004),
    ("g C / m2 / d", DAYS_2004),
    ("g C m^-2 d^-1", DAYS_2004),
    ("gCm-2d-1", DAYS_2004),
    ("g C m-2 yr-1", DAYS_2004 / 366),
    ("kg C m-2 s-1", 1000 * 86400 * DAYS_2004),
    ("t C ha-1 month-1", 100.0),
    ("Mg C ha-1 yr-1", 100 * DAYS_2004 / 366),
    ("umol m-2 s-1", CARBON_MASS * 1e-6 * 86400 * DAYS_2004),
    ("µmol CO2 m⁻² s⁻¹", CARBON_MASS * 1e-6 * 86400 * DAYS_2004),
    ("umol/(m2 s)", CARBON_MASS * 1e-6 * 86400 * DAYS_2004),
    ("mmol m-2 d-1", CARBON_MASS * 1e-3 * DAYS_2004),
    ("mol m-2 month-1", CARBON_MASS),
    ("mg CO2 m-2 s-1", CARBON_MASS / CO2_MASS * 1e-3 * 86400 * DAYS_2004),
    ("gCO2/m2/day", CARBON_MASS / CO2_MASS * DAYS_2004),
]


@pytest.mark.parametrize(("unit", "factor"), CARBON, ids=[unit for unit, _ in CARBON])
def test_fluxes_of_every_unit_become_monthly_sums_of_carbon(tmp_path, unit, factor):
    values = np.linspace(-2, 3, 12)
    months_table(tmp_path / "t.csv", {"NEE": values}, first=2004)
    table = mapping(net_ecosystem_production={**NEE, "unit": unit})
    record, findings = read(tmp_path / "t.csv", table)
    assert findings == []
    nep = record.observed["net_ecosystem_production"].values
    np.testing.assert_allclose(nep[0], -values * factor, rtol=1e-12)


CLIMATE = [
    ("air_temperature", "degC", 1.0, 0.0),
    ("air_temperature", "K", 1.0, -273.15),
    ("air_temperature", "degF", 5 / 9, -160 / 9),
    ("precipitation", "mm", 1.0, 0.0),
    ("precipitation", "mm month-1", 1.0, 0.0),
    ("precipitation", "mm/day", DAYS_2004, 0.0),
    ("precipitation", "mm h-1", 24 * DAYS_2004, 0.0),
    ("precipitation", "mm per half hour", 48 * DAYS_2004, 0.0),
    ("precipitation", "m d-1", 1000 * DAYS_2004, 0.0),
    ("precipitation", "kg m-2 s-1", 86400 * DAYS_2004, 0.0),
    ("precipitation", "kg m-2 d-1", DAYS_2004, 0.0),
    ("shortwave", "W m-2", 1.0, 0.0),
    ("shortwave", "Wm-2", 1.0, 0.0),
    ("shortwave", "W/m^2", 1.0, 0.0),
    ("shortwave", "MJ m-2 d-1", 1e6 / 86400, 0.0),
    ("shortwave", "J m-2 d-1", 1 / 86400, 0.0),
    ("shortwave", "MJ m-2 month-1", 1e6 / 86400 / DAYS_2004, 0.0),
    ("co2", "µmol mol-1", 1.0, 0.0),
    ("co2", "mol mol-1", 1e6, 0.0),
]


@pytest.mark.parametrize(("name", "unit", "factor", "offset"), CLIMATE)
def test_climate_of_every_unit(tmp_path, name, unit, factor, offset):
    values = np.linspace(1, 12, 12)
    months_table(tmp_path / "t.csv", {"X": values}, first=2004)
    record, findings = read(tmp_path / "t.csv", mapping(**{name: {"column": "X", "unit": unit}}))
    assert findings == []
    np.testing.assert_allclose(record.climate[name].values[0], values * factor + offset)


@pytest.mark.parametrize(
    ("unit", "quantity", "words"),
    [
        ("furlong", "carbon", "not understood; understood: g C m-2 month-1"),
        ("degC", "carbon", "that of a temperature, not of a flux of carbon"),
        ("mm", "temperature", "that of an amount of water"),
        ("umol m-2 s-1", "energy", "photons"),
        ("g m-2 d-1", "carbon", "write g C or g CO2"),
        ("g C m-2 d-2", "carbon", "not understood"),
        ("m2 s-1", "water", "not understood"),
        ("", "water", "not understood"),
        ("mm d-1 s-1", "water", "not understood"),
        ("ppm", "carbon", "mole fraction"),
    ],
)
def test_a_unit_that_does_not_fit_is_refused_with_the_ones_that_do(unit, quantity, words):
    with pytest.raises(UnitError, match="understood: ") as error:
        parse_unit(unit, quantity)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("columns", "name", "sign"),
    [
        ({"sign": "uptake negative"}, "net_ecosystem_production", -1),
        ({"sign": "uptake positive"}, "net_ecosystem_production", 1),
        ({"factor": -1}, "net_ecosystem_production", -1),
        ({"factor": 1}, "net_ecosystem_production", 1),
        ({"sign": "uptake negative", "factor": 2}, "net_ecosystem_production", -2),
        ({}, "gross_primary_production", 1),
        ({"sign": "negative"}, "gross_primary_production", -1),
        ({"factor": -0.5}, "ecosystem_respiration", -0.5),
    ],
)
def test_signs(tmp_path, columns, name, sign):
    values = np.arange(1.0, 13)
    months_table(tmp_path / "t.csv", {"F": values, "sd": 0.5})
    column = {"column": "F", "unit": "g C m-2 month-1", "sd": "sd", **columns}
    record, _ = read(tmp_path / "t.csv", mapping(**{name: column}))
    np.testing.assert_allclose(record.observed[name].values[0], sign * values)
    np.testing.assert_allclose(record.observed[name].sd[0], 0.5 * abs(columns.get("factor", 1)))


FORMS = ["{y}{m:02d}", "{y}{m:02d}.0", "{y}-{m:02d}", "{y}/{m}", "{y}-{m:02d}-15", "{y}{m:02d}01",
         "{y}-{m:02d}-01T00:00:00Z", "15.{m:02d}.{y}", "{y}-{m:02d}-28 23:30:00"]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_dates_of_months(tmp_path, form):
    months_table(tmp_path / "t.csv", {"NEE": np.arange(24.0)}, years=2, form=form)
    record, findings = read(tmp_path / "t.csv", mapping())
    assert findings == []
    assert record.period == (2001, 2002)
    assert record.present.all()
    np.testing.assert_allclose(record.observed["net_ecosystem_production"].values[1, 0], -12 * 31)
    assert record.lines[1, 0] == 14


def test_dates_of_parts_and_of_a_given_format(tmp_path):
    path = tmp_path / "t.csv"
    frame = {
        "y": 2001,
        "m": range(1, 13),
        "NEE": 1.0,
        "slash": [f"01/{m}/2001" for m in range(1, 13)],
    }
    pd.DataFrame(frame).to_csv(path, index=False)
    parts = {"year": "y", "month": "m", "columns": {"net_ecosystem_production": NEE}}
    assert read(path, parts)[0].present.all()
    record, _ = read(path, {**mapping("slash"), "time_format": "%d/%m/%Y"})
    assert record.present.all()
    _, findings = read(path, mapping("slash"))
    assert "'01/1/2001' is not a date (12 such rows)" in str(findings[0])
    assert "time_format" in findings[0].mend


def test_stamps_at_the_end_of_the_month(tmp_path):
    path = tmp_path / "t.csv"
    stamps = pd.date_range("2001-02-01", periods=12, freq="MS").strftime("%Y-%m-%d")
    pd.DataFrame({"date": stamps, "NEE": range(12)}).to_csv(path, index=False)
    record, _ = read(path, {**mapping(), "stamp": "end"})
    assert record.period == (2001, 2001)
    record, _ = read(path, mapping())
    assert record.period == (2001, 2002)
    assert record.present.sum() == 12


@pytest.mark.parametrize(("freq", "step"), [("D", 1.0), ("h", 1 / 24), ("30min", 1 / 48)])
def test_shorter_steps_are_averaged_and_sums_of_a_step_are_summed(tmp_path, freq, step):
    path = tmp_path / "t.csv"
    stamps = pd.date_range("2001-01-01", "2001-12-31 23:59", freq=freq)
    month = stamps.month.to_numpy()
    frame = {
        "date": stamps.strftime("%Y-%m-%d %H:%M"), "T": month, "P": 2 * step, "NEE": -month,
        "qc": np.arange(len(stamps)) % 2 * 3, "S": month * step,
    }  # fmt: skip
    pd.DataFrame(frame).to_csv(path, index=False)
    record, findings = read(
        path,
        mapping(
            air_temperature={"column": "T", "unit": "degC"},
            precipitation={"column": "P", "unit": "mm"},
            shortwave={"column": "S", "unit": "MJ m-2"},
            net_ecosystem_production={**NEE, "quality": "qc", "quality_unit": "flag"},
        ),
    )
    assert findings == []
    months, days = (
        np.arange(1, 13),
        np.array([calendar.monthrange(2001, m)[1] for m in range(1, 13)]),
    )
    np.testing.assert_allclose(record.climate["air_temperature"].values[0], months)
    np.testing.assert_allclose(record.climate["precipitation"].values[0], 2 * days)
    np.testing.assert_allclose(record.climate["shortwave"].values[0], months * 1e6 / 86400)
    nep = record.observed["net_ecosystem_production"]
    np.testing.assert_allclose(nep.values[0], months * days)
    np.testing.assert_allclose(nep.quality[0], 0.5, atol=0.02)
    assert "means over calendar months" in record.notes[0]


def test_months_that_the_rows_cover_too_little_are_missing_and_said(tmp_path):
    path = tmp_path / "t.csv"
    stamps = pd.date_range("2001-01-01", "2001-12-31", freq="D")
    values = np.ones(365)
    values[:10] = -999  # of January
    pd.DataFrame({"date": stamps.strftime("%Y%m%d"), "NEE": values}).to_csv(path, index=False)
    table = {**mapping(), "missing": -999}
    record, _ = read(path, table)
    nep = record.observed["net_ecosystem_production"].values[0]
    assert np.isnan(nep[0]) and np.isfinite(nep[1:]).all()
    assert any("NEE: 1 months have values for less than 80%" in note for note in record.notes)
    record, _ = read(path, table, minimum_coverage=0.5)
    assert record.observed["net_ecosystem_production"].values[0, 0] == pytest.approx(-31)


def test_marks_of_a_spreadsheet(tmp_path):
    path = tmp_path / "t.csv"
    rows = "".join(f"{m:02d}.2001;{m},5;n/a\r\n" for m in range(1, 13))
    path.write_bytes(
        ("Jahr;NEE;leer\r\n[mm.yyyy];[µ];\r\n" + rows + ";;\r\n;;\r\n").encode("latin-1")
    )
    table = {
        **mapping("Jahr", net_ecosystem_production=NEE,
                  soil_temperature={"column": "leer", "unit": "K"}),
        "time_format": "%m.%Y", "step": "month", "decimal": ",", "first_row": 3,
    }  # fmt: skip
    record, findings = read(path, table)
    assert findings == []
    assert record.observed["net_ecosystem_production"].values[0, 1] == pytest.approx(-2.5 * 28)
    assert record.absent["soil_temperature"] == "leer holds no value"
    assert (
        "no [table.columns.gross_primary_production]" in record.absent["gross_primary_production"]
    )


def spoiled(tmp_path, change) -> tuple:
    frame = pd.DataFrame(
        {"date": [f"2001{m:02d}" for m in range(1, 13)], "NEE": [f"{m}.5" for m in range(1, 13)]}
    )
    path = tmp_path / "t.csv"
    changed = change(frame)
    (frame if changed is None else changed).to_csv(path, index=False)
    return read(path, mapping())


def put(column, row, value):
    def change(frame):
        frame.loc[row, column] = value

    return change


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        (put("NEE", 3, "4,5"), "NEE at line 5", "decimal commas"),
        (put("NEE", 3, "bad"), "NEE at line 5", "'bad' is not a number"),
        (put("date", 3, "20011"), "date at line 5", "not a date"),
        (put("date", 3, ""), "date at line 5", "'' is not a date"),
        (put("date", 3, "200113"), "date at line 5", "not a date"),
        (put("date", 3, "200103"), "date at line 5", "repeated or out of order"),
        (lambda f: f[::-1], "date at line 3", "repeated or out of order (11 such"),
        (lambda f: f.rename(columns={"NEE": "NEE_f"}), "NEE at line 1", "Did you mean NEE_f?"),
        (lambda f: f.rename(columns={"date": "dates"}), "date at line 1", "Did you mean dates?"),
        (lambda f: f[:0], "file at line 2", "no rows"),
    ],
)
def test_faults_have_a_place_and_a_remedy(tmp_path, change, where, words):
    _, findings = spoiled(tmp_path, change)
    assert len(findings) == 1
    assert where in str(findings[0]) and words in str(findings[0]), str(findings[0])


def test_faults_of_the_file(tmp_path):
    path = tmp_path / "t.csv"
    for content, words in [
        (b"", "the file is empty"),
        (b"\x00\x01\x02", "NUL bytes"),
        (b'date,NEE\n200101,"1\n200102,2\n', "quote is not closed"),
        (b"date,NEE\n200101,1,2\n", "more cells than the header (3 for 2)"),
        (b"date,NEE,NEE\n200101,1,2\n", "stand twice in the header: NEE"),
    ]:
        path.write_bytes(content)
        record, findings = read(path, mapping())
        assert record is None
        assert [words in str(finding) for finding in findings] == [True], findings
    record, findings = read(tmp_path / "none.csv", mapping())
    assert record is None and "No such file" in str(findings[0])


def test_a_header_of_another_separator_is_one_finding(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("date NEE\n200101 1\n200102 2\n")
    record, (finding,) = read(path, mapping())
    assert record is None
    assert "none of the columns date, NEE; the header has date NEE" in finding.message
    assert read(path, {**mapping(), "separator": " "})[1] == []


def test_rows_that_share_time_and_steps_that_are_none(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("date,NEE\n2001-01-01,1\n2001-01-02,1\n2001-01-02,1\n2001-01-03,1\n")
    assert "line 4: 2001-01-02" in str(read(path, mapping())[1][0])
    path.write_text("date,NEE\n2001-01-01,1\n2001-01-11,1\n2001-01-21,1\n")
    assert 'step = "month"' in str(read(path, mapping())[1][0])
    path.write_text("date,NEE\n200101,1\n200102,1\n")
    assert "dates are months" in str(read(path, {**mapping(), "step": "day"})[1][0])


def test_quality_in_percent_is_not_taken_for_a_share(tmp_path):
    months_table(tmp_path / "t.csv", {"NEE": 1.0, "q": 80})
    table = mapping(net_ecosystem_production={**NEE, "quality": "q"})
    assert "80 is no quality in share" in str(read(tmp_path / "t.csv", table)[1][0])
    table["columns"]["net_ecosystem_production"]["quality_unit"] = "percent"
    record, _ = read(tmp_path / "t.csv", table)
    np.testing.assert_allclose(record.observed["net_ecosystem_production"].quality, 0.8)


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ('time = "d"', "table.columns", "this key is missing"),
        ('[table.columns.shortwave]\ncolumn = "a"\nunit = "W m-2"', "table", "no dates"),
        ('time = "d"\nstep = "fortnight"\n[table.columns]', "table.step", "half-hour"),
        ('time = "d"\n[table.columns.nee]', "table.columns", "Give net_ecosystem_production with"),
        ('time = "d"\n[table.columns.air_temp]', "table.columns", "Did you mean air_temperature"),
        ('time = "d"\n[table.columns.shortwave]\ncolumn = "a"\nunit = "mm"',
         "table.columns.shortwave.unit", "amount of water"),
        ('time = "d"\n[table.columns.net_ecosystem_production]\ncolumn = "a"\nunit = "g C m-2"',
         "table.columns.net_ecosystem_production", 'sign = "uptake negative"'),
        ('time = "d"\nyear = "y"\n[table.columns.shortwave]\ncolumn = "a"\nunit = "W m-2"',
         "table", "both given"),
    ],
)  # fmt: skip
def test_faults_of_the_mapping_name_their_key(tmp_path, table, key, words):
    path = tmp_path / "site.toml"
    path.write_text(PLACE + "[table]\n" + table + "\n")
    findings = parse_entry(path)[1]
    assert any(finding.variable == key and words in str(finding) for finding in findings)


def test_a_site_file_with_its_table_is_complete_by_itself(tmp_path):
    months = np.arange(36) % 12
    warmth = np.cos((months - 6.5) / 12 * 2 * np.pi)
    frame = {"T": -8 + 18 * warmth, "P": 30.0, "S": 60 + 60 * warmth, "NEE": -warmth}
    months_table(tmp_path / "data.csv", frame, years=3)
    path = tmp_path / "site.toml"
    path.write_text(
        PLACE
        + """[table]
file = "data.csv"
time = "date"
[table.columns]
air_temperature = { column = "T", unit = "degC" }
precipitation = { column = "P", unit = "mm" }
shortwave = { column = "S", unit = "W m-2" }
net_ecosystem_production = { column = "NEE", unit = "g C m-2 d-1", sign = "uptake negative" }
"""
    )
    entry, findings = parse_entry(path)
    assert findings == []
    assert table_file(entry, path) == tmp_path / "data.csv"
    site = open_site(path)
    assert site.name == "own" and site.product == "table"
    assert list(site.observations.monthly) == ["net_ecosystem_production"]
    np.testing.assert_allclose(np.asarray(site.forcing.precipitation)[-1], 30.0)
    assert table_file(SiteEntry.model_construct(table=None), path) is None


def test_a_code_in_single_rows_is_named_before_means_hide_it(tmp_path):
    hours = pd.date_range("2001-01-01", "2001-12-31 23:00", freq="h")
    values = np.full(len(hours), -1.0)
    values[100:110] = -6999
    frame = pd.DataFrame({"date": hours.strftime("%Y-%m-%d %H:%M"), "NEE": values})
    frame.to_csv(tmp_path / "t.csv", index=False)
    record, (fault,) = read(tmp_path / "t.csv", mapping())
    assert fault.variable == "NEE" and fault.index == "line 102"
    assert "-6999 is a code" in fault.message and "(10 such rows)" in fault.message
    assert "missing = [-6999]" in fault.mend
    nep = record.observed["net_ecosystem_production"].values
    np.testing.assert_allclose(nep[0, 0], 31)
    _, findings = read(tmp_path / "t.csv", {**mapping(), "missing": [-6999]})
    assert findings == []

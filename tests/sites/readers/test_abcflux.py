"""ABCflux tables, both versions: the choice of site, rows, signs and names of columns."""

import csv

import numpy as np
import pytest

from temjax.sites.readers.abcflux import is_abcflux
from temjax.sites.readers.kinds import read_record
from temjax.sites.readers.record import Reading

WARMTH = np.maximum(np.cos((np.arange(12) - 6) / 12 * 2 * np.pi), 0).round(6)
VERSION_2 = {
    "site_name": "North Slope", "site_reference": "North Slope_XX-Abc_tower", "country": "Nowhere",
    "latitude": 68.5, "longitude": -149.25, "biome": "Tundra", "bawld_class": "Wet Tundra",
    "permafrost": "Yes", "flux_method": "EC", "partition_method": "Reichstein",
    "gap_fill_perc_co2": 40, "tsoil_surface_depth": 10, "data_usage": "Tier1",
}  # fmt: skip
TO_VERSION_1 = {
    "year": "meas_year", "month": "interval_month", "tair": "tair_int", "precip": "precip_int",
    "tsoil_surface": "tsoil", "tsoil_surface_depth": "tsoil_depth", "site_id": "study_id",
    "gap_fill_perc_co2": "gap_fill_perc", "bawld_class": "land_cover_bawld",
}  # fmt: skip


def months(year=2010, gpp_sign=1, **changes) -> list[dict]:
    """Twelve rows of a site."""
    rows = []
    for month, warmth in enumerate(WARMTH, 1):
        gpp, reco = 100 * warmth, 10 + 40 * warmth
        rows.append(
            VERSION_2
            | {"year": year, "month": month, "nee": reco - gpp, "gpp": gpp_sign * gpp, "reco": reco,
               "tair": 20 * warmth - 12, "precip": 20 + month, "tsoil_surface": 9 * warmth - 4}
            | changes
        )  # fmt: skip
    return rows


def write(path, rows, version=2):
    names = list(rows[0])
    head = [TO_VERSION_1.get(n, n) for n in names] if version == 1 else ["id", *names]
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, quoting=csv.QUOTE_ALL)
        table.writerow(head)
        for number, row in enumerate(rows, 1):
            table.writerow([*([] if version == 1 else [number]), *(row[n] for n in names)])
    return path


def read(path, **reading):
    return read_record(path, Reading(**reading))


@pytest.mark.parametrize(("version", "sign"), [(1, -1), (2, 1), (2, -1)])
def test_units_signs_and_names_of_each_version(tmp_path, version, sign):
    path = write(tmp_path / "abc.csv", months(gpp_sign=sign), version)
    record, findings = read(path)
    assert findings == []
    assert (record.product, record.tower, record.period) == ("ABCflux", "XX-Abc", (2010, 2010))
    observed = {name: series.values[0] for name, series in record.observed.items()}
    np.testing.assert_allclose(observed["gross_primary_production"], 100 * WARMTH, atol=1e-9)
    np.testing.assert_allclose(observed["ecosystem_respiration"], 10 + 40 * WARMTH)
    np.testing.assert_allclose(observed["net_ecosystem_production"], 60 * WARMTH - 10)
    np.testing.assert_allclose(observed["soil_temperature"], 9 * WARMTH - 4)
    assert record.observed["soil_temperature"].depth == pytest.approx(0.10)
    assert record.observed["gross_primary_production"].partition == "NT"
    np.testing.assert_allclose(record.observed["net_ecosystem_production"].quality, 0.6)
    assert list(record.climate) == ["air_temperature", "precipitation"]
    np.testing.assert_allclose(record.climate["precipitation"].values[0], 21 + np.arange(12))
    assert record.location == {"latitude": 68.5, "longitude": -149.25}
    assert record.attributes["biome"] == "Tundra"
    notes = " | ".join(record.notes)
    assert ("its sign is turned" in notes) == (sign < 0)
    assert "no shortwave" in notes and "at 10 cm" in notes and "data usage of this site" in notes
    assert record.lines[0].tolist() == list(range(2, 14))


def two_sites(path):
    other = months(site_name="South Bog", site_reference="South Bog_YY-Bog_tower", site_id="24.0")
    return write(path, [row | {"site_id": "23"} for row in months()] + other)


@pytest.mark.parametrize(
    "site_id",
    ["South Bog_YY-Bog_tower", "south bog", "24", "24.0", " SOUTH BOG ", "YY-Bog", "yy-bog"],
)
def test_a_site_is_chosen_by_any_of_its_names(tmp_path, site_id):
    record, findings = read(two_sites(tmp_path / "abc.csv"), site_id=site_id)
    assert findings == []
    assert record.tower == "YY-Bog"


def test_without_a_name_the_sites_are_listed_once(tmp_path):
    path = two_sites(tmp_path / "abc.csv")
    record, (finding,) = read(path)
    assert record is None
    assert "2 sites: North Slope_XX-Abc_tower, South Bog_YY-Bog_tower" in finding.message
    assert "--site-id" in finding.mend
    record, (finding,) = read(path, site_id="South")
    assert record is None
    assert "no site 'South' in site_reference, site_name, site_id" in finding.message
    assert "South Bog" in finding.mend
    # the running number of version 2 names no site
    assert read(path, site_id="3")[0] is None


def test_of_several_rows_a_month_the_tower_with_the_least_filling_is_taken(tmp_path):
    rows = [
        *months(flux_method="Chamber", nee=1, gap_fill_perc_co2=0),
        *months(nee=2, gap_fill_perc_co2=90, tair=-9999),
        *months(nee=3, gap_fill_perc_co2=30, tair="NA"),
        *months(nee="NA", gpp="NA", reco=-9999, gap_fill_perc_co2=0),
    ]
    record, findings = read(write(tmp_path / "abc.csv", rows))
    assert findings == []
    np.testing.assert_allclose(record.observed["net_ecosystem_production"].values, -3)
    # weather from another row where the chosen one has none
    np.testing.assert_allclose(record.climate["air_temperature"].values[0], 20 * WARMTH - 12)
    assert any(note.startswith("36 rows of months that have several") for note in record.notes)


def test_partitions(tmp_path):
    day = months(partition_method="Lasslop", reco=7)
    path = write(tmp_path / "abc.csv", [*months(), *day])
    respiration = {
        wanted: read(path, partition=wanted)[0].observed["ecosystem_respiration"]
        for wanted in (None, "DT", "NT")
    }
    assert [series.partition for series in respiration.values()] == ["DT", "DT", "NT"]
    np.testing.assert_allclose(respiration[None].values, 7)
    path = write(tmp_path / "night.csv", months())
    record, _ = read(path, partition="DT")
    assert "gross_primary_production" not in record.observed
    assert "not of the DT partition" in record.absent["gross_primary_production"]
    assert "net_ecosystem_production" in record.observed


def test_what_a_site_lacks_has_a_reason(tmp_path):
    rows = months(gpp=-9999, reco="NA", tsoil_surface="", tair=-9999, gap_fill_perc_co2=-9999)
    record, findings = read(write(tmp_path / "abc.csv", rows))
    assert findings == []
    assert list(record.observed) == ["net_ecosystem_production"]
    assert record.observed["net_ecosystem_production"].quality is None
    assert record.absent["gross_primary_production"] == "gpp holds no value for this site"
    assert "tsoil_surface" in record.absent["soil_temperature"]
    assert list(record.climate) == ["precipitation"]
    assert any("gap filling is not stated for 12 months" in note for note in record.notes)


def test_rows_of_any_order_with_gaps_and_without_dates(tmp_path):
    rows = months(2012)[::-1] + months(2010)[3:] + [VERSION_2 | months()[0] | {"year": "NA"}]
    record, findings = read(write(tmp_path / "abc.csv", rows))
    assert findings == []
    assert record.period == (2010, 2012)
    assert record.present.sum(axis=1).tolist() == [9, 0, 12]
    assert any("1 rows without a year or month" in note for note in record.notes)


def test_names_that_differ_in_case_only_are_one_name(tmp_path):
    path = write(tmp_path / "abc.csv", months())
    path.write_text(path.read_text().replace('"permafrost"', '"NEE"', 1))
    record, (finding,) = read(path)
    assert record is None
    assert "stand twice in the header: nee" in finding.message


def spoil(column, value):
    rows = months()
    rows[3] = rows[3] | {column: value}
    return rows


@pytest.mark.parametrize(
    ("column", "value", "where", "words"),
    [
        ("month", "4.5", "month at line 5", "is no month"),
        ("month", "13", "month at line 5", "does not exist"),
        ("nee", "low", "nee at line 5", "'low' is not a number"),
        ("gap_fill_perc_co2", "140", "gap_fill_perc at line 5", "no percentage"),
    ],
)
def test_faults_have_a_place(tmp_path, column, value, where, words):
    _, findings = read(write(tmp_path / "abc.csv", spoil(column, value)))
    assert len(findings) == 1, findings
    assert where in str(findings[0]) and words in str(findings[0])


def test_percent_signs_decimals_of_months_and_words_for_depths_are_read(tmp_path):
    rows = months(gap_fill_perc_co2="25%", tsoil_surface_depth="0-10")
    rows[4] |= {"month": "5.0"}
    record, findings = read(write(tmp_path / "abc.csv", rows))
    assert findings == []
    np.testing.assert_allclose(record.observed["net_ecosystem_production"].quality, 0.75)
    assert record.observed["soil_temperature"].depth is None
    assert not any("tsoil_surface: at" in note for note in record.notes)


def test_months_of_the_other_sign_are_counted(tmp_path):
    record, _ = read(write(tmp_path / "abc.csv", spoil("gpp", -4.0)))
    assert any("1 of 6 months are negative" in note for note in record.notes)
    assert record.observed["gross_primary_production"].values[0, 3] == -4.0


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (["site_name", "year", "month", "nee", "flux_method"], True),
        (["Site_Reference", "Year", "Month", "NEE", "Biome"], True),
        (["study_id", "meas_year", "interval_month", "nee", "gap_fill_perc"], True),
        (["site_name", "year", "month", "nee"], False),
        (["year", "month", "nee", "flux_method"], False),
        (["TIMESTAMP", "NEE_VUT_REF"], False),
    ],
)
def test_the_header_tells_the_table(header, known):
    assert is_abcflux(header) == known

"""Mutations of a tower's CSV file: each is read as the same numbers or is one finding.

Encoding, separators, units, signs, gaps, order, duplicates and header, as spreadsheets, editors and
downloads leave them. A finding names the file, the column, the line and the remedy.
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from temjax.command import main as cli
from temjax.files.findings import DataError
from temjax.sites.tower import check_tower, read_tower
from tests.support.tower_files import site_text

pytestmark = pytest.mark.usefixtures("restored_settings")

NAME = "FLX_XX-Abc_FLUXNET2015_FULLSET_MM_2001-2003_1-4.csv"
YEARS = (2001, 2002, 2003)
LATER = 18  # row of a July, line 20: single cells change there
GAP = 7  # row of a month without NEE
FLUXES = [f"{flux}_{part}_VUT_REF" for part in ("DT", "NT") for flux in ("GPP", "RECO")]

Table = dict[str, list[str]]


def sound() -> Table:
    """A sound file: months and years differ, NEE is RECO - GPP, one month has no NEE."""
    months = [(year, month) for year in YEARS for month in range(1, 13)]
    warmth = np.array([np.cos(2 * np.pi * (m - 7) / 12) + 0.1 * (y - 2002) for y, m in months])
    growth = 2.5 * np.maximum(0.05, warmth + 0.3)
    values = {
        "TA_F": 6 + 12 * warmth, "TA_F_QC": 1 + 0 * warmth, "P_F": 2 + 0.5 * warmth,
        "SW_IN_F": 170 + 80 * warmth, "TS_F_MDS_1": 6 + 9 * warmth,
        "TS_F_MDS_1_QC": 0.9 + 0 * warmth, "NEE_VUT_REF": 1 + 0.6 * warmth - growth,
        "NEE_VUT_REF_QC": 0.85 + 0.05 * warmth, "NEE_VUT_REF_JOINTUNC": 0.2 + 0.05 * warmth,
        "GPP_DT_VUT_REF": growth, "RECO_DT_VUT_REF": 1 + 0.6 * warmth,
        "GPP_NT_VUT_REF": growth + 0.1, "RECO_NT_VUT_REF": 1.1 + 0.6 * warmth,
    }  # fmt: skip
    table = {"TIMESTAMP": [f"{year}{month:02d}" for year, month in months]}
    table |= {name: [f"{value:.4f}" for value in column] for name, column in values.items()}
    table["NEE_VUT_REF"][GAP] = "-9999"
    return table


def text(table: Table, separator: str = ",") -> str:
    rows = [list(table), *zip(*table.values(), strict=True)]
    return "".join(separator.join(row) + "\n" for row in rows)


def data(table: Table) -> bytes:
    return text(table).encode()


def each(table: Table, change: Callable[[float], float], *names: str) -> bytes:
    """File with all numbers of some columns changed; codes stay."""
    for name in names:
        table[name] = [
            cell if cell == "-9999" else f"{change(float(cell)):.8g}" for cell in table[name]
        ]
    return data(table)


def cell(table: Table, name: str, value: str, row: int = LATER) -> bytes:
    """File with one cell changed."""
    table[name][row] = value
    return data(table)


def rows(table: Table, change: Callable[[list[str]], list[str]]) -> bytes:
    """File with its rows below the header changed."""
    header, *lines = text(table).splitlines()
    return "".join(line + "\n" for line in [header, *change(lines)]).encode()


def stamps(table: Table, change: Callable[[str], str]) -> bytes:
    table["TIMESTAMP"] = [change(stamp) for stamp in table["TIMESTAMP"]]
    return data(table)


def renamed(table: Table, change: Callable[[str], str]) -> bytes:
    return data({change(name): column for name, column in table.items()})


def without(table: Table, name: str) -> bytes:
    del table[name]
    return data(table)


def semicolons(table: Table, decimal: str = ".") -> bytes:
    return text(table, ";").replace(".", decimal).encode()


SAME: dict[str, Callable[[Table], bytes]] = {
    # encoding
    "byte order mark": lambda t: b"\xef\xbb\xbf" + data(t),
    "UTF-16": lambda t: text(t).encode("utf-16"),
    "Latin-1 words": lambda t: text(t | {"NOTE": ["Sorø"] * 36}).encode("latin-1"),
    "Windows line ends": lambda t: data(t).replace(b"\n", b"\r\n"),
    "old Macintosh line ends": lambda t: data(t).replace(b"\n", b"\r"),
    "no line end at the end": lambda t: data(t).rstrip(b"\n"),
    # separators
    "semicolons": semicolons,
    "semicolons and decimal commas": lambda t: semicolons(t, ","),
    "tabs": lambda t: text(t, "\t").encode(),
    "blanks after commas": lambda t: data(t).replace(b",", b", "),
    "quoted cells": lambda t: ('"' + text(t).strip().replace(",", '","').replace("\n", '"\n"')
                               + '"\n').encode(),
    "a comma at the end of every line": lambda t: data(t).replace(b"\n", b",\n"),
    # rows and columns without data
    "rows of commas at the end": lambda t: data(t) + 2 * (b"," * 13 + b"\n"),
    "blank lines": lambda t: rows(t, lambda r: [*r[:5], "", *r[5:], ""]),
    "comments above the header": lambda t: b"# tower XX-Abc\n# by hand\n" + data(t),
    "a row of units": lambda t: rows(
        t, lambda r: ["YYYYMM,deg C,-,mm d-1,W m-2,deg C,-" + 7 * ",gC m-2 d-1", *r]),
    "another column": lambda t: data(t | {"WS_F": ["2.5"] * 36}),
    "columns in another order": lambda t: data(dict(reversed(t.items()))),
    # header and stamps
    "header in small letters": lambda t: renamed(t, str.lower),
    "stamps as real numbers": lambda t: stamps(t, lambda s: f"{s}.0"),
    "stamps as dates": lambda t: stamps(t, lambda s: f"{s[:4]}-{s[4:]}"),
    # numbers and gaps
    "numbers with exponents": lambda t: each(t, float, "P_F").replace(b"e-0", b"E-0"),
    "gap empty": lambda t: cell(t, "NEE_VUT_REF", "", GAP),
    "gap NaN": lambda t: cell(t, "NEE_VUT_REF", "NaN", GAP),
    "gap NA": lambda t: cell(t, "NEE_VUT_REF", "NA", GAP),
    "gap -9999.00": lambda t: cell(t, "NEE_VUT_REF", "-9999.00", GAP),
    "quality in percent": lambda t: each(t, lambda v: 100 * v, "NEE_VUT_REF_QC"),
}  # fmt: skip
# what is not read as it stands is told: a word of the note
TOLD = {
    "semicolons": "semicolons",
    "semicolons and decimal commas": "decimal commas",
    "tabs": "tabs",
    "a row of units": "units",
    "quality in percent": "percent",
}


@dataclass(frozen=True)
class Fault:
    """A mutation that is one finding.

    Attributes:
        change: the file's content from the sound table.
        variable: the column that the finding names, or its beginning.
        line: of the first place; None where the fault is of the whole file or of no line.
        words: one of these is in the finding.
    """

    change: Callable[[Table], bytes]
    variable: str
    line: int | None
    words: tuple[str, ...]


LINE = LATER + 2
FAULTS: dict[str, Fault] = {
    # not a table
    "empty": Fault(lambda t: b"", "file", None, ("empty",)),
    "a web page": Fault(lambda t: b"<!DOCTYPE html>\n<html>Log in</html>\n", "file", None,
                        ("web page", "HTML")),
    "an Excel workbook": Fault(lambda t: b"PK\x03\x04\x14\0\0\0xl/worksheets", "file", None,
                               ("Excel", "zip")),
    "compressed": Fault(lambda t: gzip.compress(data(t)), "file", None, ("compressed", "gzip")),
    "NUL bytes": Fault(lambda t: data(t)[:900] + b"\0" * 64 + data(t)[964:], "file", None,
                       ("NUL", "damaged")),
    # header
    "header only": Fault(lambda t: rows(t, lambda r: []), "TIMESTAMP", 2, ("no rows",)),
    "no header": Fault(lambda t: data(t).split(b"\n", 1)[1], "", None,
                       ("header", "no such column")),
    "no TIMESTAMP": Fault(lambda t: without(t, "TIMESTAMP"), "TIMESTAMP", 1, ("no such column",)),
    "no P_F": Fault(lambda t: without(t, "P_F"), "P_F", 1, ("no such column",)),
    "a column twice": Fault(
        lambda t: renamed(t, lambda n: n).replace(b"GPP_NT_VUT_REF", b"GPP_DT_VUT_REF"),
        "GPP_DT_VUT_REF", 1, ("twice", "two columns")),
    # rows
    "a row cut short": Fault(lambda t: rows(t, lambda r: [*r[:LATER], r[LATER][:30]]), "file",
                             LINE, ("fewer cells",)),
    "a cell too many": Fault(
        lambda t: rows(t, lambda r: [*r[:LATER], r[LATER] + ",1", *r[LATER + 1:]]), "file", LINE,
        ("more cells",)),
    "a month twice": Fault(lambda t: rows(t, lambda r: [*r[:LATER], r[LATER - 1], *r[LATER:]]),
                           "TIMESTAMP", LINE, ("repeated",)),
    "a month missing": Fault(lambda t: rows(t, lambda r: r[:LATER] + r[LATER + 1:]), "TIMESTAMP",
                             None, ("missing: 2002-07",)),
    "two rows exchanged": Fault(
        lambda t: rows(t, lambda r: [*r[:LATER], r[LATER + 1], r[LATER], *r[LATER + 2:]]),
        "TIMESTAMP", LINE + 1, ("order",)),
    "month 13": Fault(lambda t: cell(t, "TIMESTAMP", "200213"), "TIMESTAMP", LINE, ("13",)),
    "a stamp in words": Fault(lambda t: cell(t, "TIMESTAMP", "July 2002"), "TIMESTAMP", LINE,
                              ("YYYYMM",)),
    "stamps of days": Fault(lambda t: cell(t, "TIMESTAMP", "20020701"), "TIMESTAMP", LINE,
                            ("daily",)),
    # cells
    "a word": Fault(lambda t: cell(t, "TA_F", "warm"), "TA_F", LINE, ("not a number",)),
    "an error of a spreadsheet": Fault(lambda t: cell(t, "GPP_DT_VUT_REF", "#DIV/0!"),
                                       "GPP_DT_VUT_REF", LINE, ("#DIV/0!",)),
    "thousands": Fault(lambda t: cell(t, "P_F", '"1,234.5"'), "P_F", LINE, ("thousands",)),
    "a decimal comma": Fault(lambda t: cell(t, "P_F", '"2,5"'), "P_F", LINE, ("comma",)),
    "a gap of the climate": Fault(lambda t: cell(t, "TA_F", "-9999"), "TA_F", LINE,
                                  ("missing",)),
    "infinite": Fault(lambda t: cell(t, "SW_IN_F", "inf"), "SW_IN_F", LINE, ("missing", "inf")),
    # units and signs of the climate
    "TA_F in kelvin": Fault(lambda t: each(t, lambda v: v + 273.15, "TA_F"), "TA_F", 2,
                            ("kelvin",)),
    "one month in kelvin": Fault(lambda t: cell(t, "TA_F", "291.2"), "TA_F", LINE, ("kelvin",)),
    "P_F in kg m-2 s-1": Fault(lambda t: each(t, lambda v: v / 86400, "P_F"), "P_F", None,
                               ("kg m-2 s-1", "mm")),
    "P_F in micrometres": Fault(lambda t: each(t, lambda v: v * 1000, "P_F"), "P_F", 2,
                                ("3000",)),
    "rain below zero": Fault(lambda t: cell(t, "P_F", "-0.5"), "P_F", LINE, ("negative",)),
    "SW_IN_F in J m-2 d-1": Fault(lambda t: each(t, lambda v: v * 86400, "SW_IN_F"), "SW_IN_F", 2,
                                  ("extraterrestrial",)),
    "light below zero": Fault(lambda t: cell(t, "SW_IN_F", "-12"), "SW_IN_F", LINE,
                              ("negative",)),
    # units and signs of the observations
    "TS_F_MDS_1 in kelvin": Fault(lambda t: each(t, lambda v: v + 273.15, "TS_F_MDS_1"),
                                  "TS_F_MDS_1", 2, ("kelvin",)),
    "NEP in place of NEE": Fault(lambda t: each(t, lambda v: -v, "NEE_VUT_REF"), "NEE_VUT_REF",
                                 None, ("sign",)),
    "GPP below zero": Fault(lambda t: each(t, lambda v: -v, "GPP_DT_VUT_REF", "GPP_NT_VUT_REF"),
                            "GPP_DT_VUT_REF", None, ("sign", "negative")),
    "fluxes in mg": Fault(lambda t: each(t, lambda v: 1000 * v, "NEE_VUT_REF"), "NEE_VUT_REF", 2,
                          ("g C m-2 d-1",)),
    "codes averaged into a month": Fault(lambda t: cell(t, "NEE_VUT_REF", "-331.7"),
                                         "NEE_VUT_REF", LINE, ("-9999", "code", "beyond")),
    "standard deviations of zero": Fault(lambda t: each(t, lambda v: 0, "NEE_VUT_REF_JOINTUNC"),
                                         "NEE_VUT_REF", None, ("standard deviation",)),
}  # fmt: skip
# either: the same numbers with a note, or one finding of the cell
EITHER: dict[str, Fault] = {
    "gap -6999": Fault(lambda t: cell(t, "NEE_VUT_REF", "-6999", GAP), "NEE_VUT_REF", GAP + 2,
                       ("6999",)),
    "typographic minus signs": Fault(
        lambda t: data(t | {"TA_F": [c.replace("-", "−") for c in t["TA_F"]]}), "TA_F", 2,
        ("not a number",)),
}  # fmt: skip
PARSERS = ("traceback", "tokeniz", "c error", "codec", "can't decode", "pandas", "exception")


@pytest.fixture
def site(tmp_path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(site_text("mutated", vegetation="alpine-meadow"))
    return path


def numbers(path: Path, site: Path) -> dict[str, np.ndarray]:
    """Climate of the tower's years and the observations."""
    tower = read_tower(path, site=site)
    forcing, monthly = tower.forcing, tower.observations.monthly
    climate = {
        name: np.asarray(getattr(forcing, name))[-len(YEARS) :]
        for name in ("air_temperature", "precipitation", "shortwave")
    }
    return (
        climate
        | {name: series.values for name, series in monthly.items()}
        | {f"sd of {name}": series.sd for name, series in monthly.items()}
    )


def same_numbers(path: Path, site: Path, tmp_path: Path) -> None:
    assert [str(finding) for finding in check_tower(path, site=site)] == []
    plain = tmp_path / "plain" / NAME
    plain.parent.mkdir()
    plain.write_bytes(data(sound()))
    expected, read = numbers(plain, site), numbers(path, site)
    assert set(read) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(read[name], values, rtol=1e-6, err_msg=name)


def one_finding(path: Path, site: Path, fault: Fault) -> None:
    findings = check_tower(path, site=site)
    assert len(findings) == 1, [str(finding) for finding in findings]
    found, told = findings[0], str(findings[0])
    assert NAME in found.file
    assert found.variable.startswith(fault.variable)
    if fault.line is not None:
        assert f"line {fault.line}" in found.index.replace("lines", "line")
    assert any(words.casefold() in told.casefold() for words in fault.words), told
    assert found.mend.endswith((".", "?")) and "\n" not in told
    assert not any(words in told.casefold() for words in PARSERS), told
    with pytest.raises(DataError) as stopped:
        read_tower(path, site=site)
    assert [str(finding) for finding in stopped.value.findings] == [told]


def test_the_sound_file_is_sound(tmp_path, site):
    path = tmp_path / NAME
    path.write_bytes(data(sound()))
    assert check_tower(path, site=site) == []
    read = numbers(path, site)
    assert read["net_ecosystem_production"].shape == (3, 12)
    assert np.isnan(read["net_ecosystem_production"]).sum() == 1
    assert len(SAME) + len(FAULTS) + len(EITHER) >= 40


@pytest.mark.parametrize("name", SAME)
def test_the_same_numbers_are_read(tmp_path, site, name):
    path = tmp_path / NAME
    path.write_bytes(SAME[name](sound()))
    same_numbers(path, site, tmp_path)
    if name in TOLD:
        notes = read_tower(path, site=site).notes
        assert any(TOLD[name] in note for note in notes), notes


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_finding(tmp_path, site, name):
    path = tmp_path / NAME
    path.write_bytes(FAULTS[name].change(sound()))
    one_finding(path, site, FAULTS[name])


@pytest.mark.parametrize("name", EITHER)
def test_what_may_be_understood_or_named(tmp_path, site, name):
    path = tmp_path / NAME
    path.write_bytes(EITHER[name].change(sound()))
    if check_tower(path, site=site):
        one_finding(path, site, EITHER[name])
    else:
        same_numbers(path, site, tmp_path)


@pytest.mark.parametrize("name", FAULTS)
def test_the_command_prints_it_and_nothing_else(tmp_path, site, name):
    path = tmp_path / NAME
    path.write_bytes(FAULTS[name].change(sound()))
    words = ["--no-cache", "check", "--json", str(path), "--site", str(site)]
    result = CliRunner().invoke(cli.build_app(words), words)
    assert result.exit_code == 1, result.output
    found = json.loads(result.stdout)
    assert [finding["variable"].startswith(FAULTS[name].variable) for finding in found] == [True]

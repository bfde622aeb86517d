"""Records of ABCflux, monthly carbon fluxes of arctic and boreal sites, versions 1 and 2.

One table of many sites: fluxes and precipitation are sums over the month (g C m⁻², mm), air and
soil temperature °C, gap filling percent, depths of soil sensors cm; -9999 and NA are missing.
Names of version 1 (Virkkala et al. 2022, doi:10.5194/essd-14-179-2022; ORNL DAAC,
Arctic_Boreal_CO2_Flux.csv) and of version 2 (ORNL DAAC 2025,
daac.ornl.gov/ABOVE/guides/Arctic_Boreal_CO2_Flux_V2.html) are those that the makers' own programs
rename and write (github.com/annvirkk/arcticborealCflux: ReformattingV1toV2.R, combine.ter.aq.R).
GPP is negative in version 1 and in drafts of version 2, positive in version 2 as published: the
sign of each site is that of its median. ``gap_fill_perc`` counts every filled half-hour, also well
filled ones, so quality = 1 - percent/100 is a stricter measure than FLUXNET's ``*_QC``.
"""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from temjax.files.findings import Finding
from temjax.runs.validation import check_months
from temjax.sites.observations import OBSERVED
from temjax.sites.readers.archive import MemberFile
from temjax.sites.readers.csv_table import CsvTable, common_text, no_rows, read_csv_table
from temjax.sites.readers.csv_text import duplicate_names
from temjax.sites.readers.record import MonthlyValues, Partition, Reading, TowerRecord
from temjax.sites.readers.site_rows import rows_of_site

# our name -> names of the columns, the first that is there
YEAR, MONTH = ("year", "meas_year"), ("month", "interval_month")
NUMBERS = {
    "nee": ("nee", "nee_gc_m2"),
    "gpp": ("gpp", "gpp_gc_m2"),
    "reco": ("reco", "reco_gc_m2"),
    "gap_fill": ("gap_fill_perc_nee", "gap_fill_perc_co2", "gap_fill_perc"),
    "tair": ("tair", "tair_int"),
    "precip": ("precip", "precip_int"),
    "tsoil": ("tsoil_surface", "tsoil"),
    "tsoil_depth": ("tsoil_surface_depth", "tsoil_depth"),
    "latitude": ("latitude",),
    "longitude": ("longitude",),
    "elevation": ("elevation",),
}
SITE_COLUMNS = ("site_reference", "site_name", "site_id", "study_id", "siteid", "site", "id")
TEXTS = (
    "site_name", "site_reference", "country", "biome", "permafrost", "bawld_class",
    "land_cover_bawld", "veg_detail", "flux_method", "partition_method", "data_usage",
)  # fmt: skip
MARKS = {*TEXTS[3:], "extraction_source", *NUMBERS["gap_fill"]}
READ = {*YEAR, *MONTH, *SITE_COLUMNS, *TEXTS, *(n for names in NUMBERS.values() for n in names)}
FLUXES = {"net_ecosystem_production": "nee", "gross_primary_production": "gpp",
          "ecosystem_respiration": "reco"}  # fmt: skip
CLIMATE_COLUMNS = {"air_temperature": "tair", "precipitation": "precip"}
TOWER_ID = re.compile(r"(?<![A-Za-z])[A-Z]{2}-[A-Za-z0-9]{3}(?![A-Za-z0-9])")
SHALLOW = (0.5, 30.0)  # cm; depths of a sensor near the surface


def is_abcflux(header: Iterable[str]) -> bool:
    """Whether names of columns are those of ABCflux, any version."""
    names = {name.strip().casefold() for name in header}
    return (
        bool(names & set(YEAR))
        and bool(names & set(MONTH))
        and bool(names & {"nee", "nee_gc_m2"})
        and bool(names & set(SITE_COLUMNS[:4]))
        and bool(names & MARKS)
    )


def read_abcflux(
    path: Path, reading: Reading, tower: str | None = None
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of a site of the table and its findings; no record where no site is chosen.

    Args:
        path: of the table.
        reading: ``site_id`` names the site by any of its names; ``partition`` prefers rows.
        tower: id of the site where ``reading`` names none and the table has several.
    """
    path = Path(path)
    table, findings = read_csv_table(
        MemberFile(path), lambda name: name.casefold() in READ, words=True
    )
    if table is None or findings:
        return None, findings
    frame = table.frame.set_axis([name.casefold() for name in table.frame], axis=1)
    findings = duplicate_names(list(frame), table.where, table.header_line - 1) or no_rows(table)
    if findings:
        return None, findings
    table = dataclasses.replace(table, frame=frame)
    chosen, findings = rows_of_site(table, reading.site_id, SITE_COLUMNS)
    by_tower = []
    if chosen is None and reading.site_id is None and tower is not None:
        chosen, _ = rows_of_site(table, tower, SITE_COLUMNS)
        by_tower = [f"rows of {tower}, the fluxnet_id of the site file"]
    if chosen is None:
        return None, findings
    rows, notes, findings = _site_rows(chosen, reading)
    notes = [*by_tower, *notes]
    if rows is None:
        return None, findings
    return _record(chosen, rows, notes, reading), findings


def _partition(method: str) -> str:
    """Day-time or night-time partition that a method of partitioning is; else empty."""
    plain = method.casefold()
    if "lasslop" in plain or "day" in plain or plain.strip() == "dt":
        return "DT"
    return "NT" if "reichstein" in plain or "night" in plain or plain.strip() == "nt" else ""


def _text(table: CsvTable, name: str) -> pd.Series:
    """Column of words, empty where the table lacks it."""
    return table.frame.get(name, pd.Series("", index=table.frame.index)).fillna("")


def _site_rows(
    table: CsvTable, reading: Reading
) -> tuple[pd.DataFrame | None, list[str], list[Finding]]:
    """One row a month of a site, notes and findings: numbers, and what orders the rows."""
    findings, notes, columns = [], [], {}
    for name, spellings in {"year": YEAR, "month": MONTH, **NUMBERS}.items():
        column = next((s for s in spellings if s in table.frame.columns), None)
        columns[name] = np.full(len(table.lines), np.nan)
        if column is not None:
            percent = name == "gap_fill"
            columns[name], faults = table.numbers(column, missing=[-9999.0], percent_sign=percent)
            findings += [] if name == "tsoil_depth" else faults  # "0-10" is no depth
    data = pd.DataFrame(columns)
    data["line"] = table.lines
    method = _text(table, "flux_method").str.casefold().to_numpy()
    data["tower"] = np.isin(method, ["ec", "eddy covariance", "eddy-covariance", "tower"])
    data["partition"] = _text(table, "partition_method").map(_partition).to_numpy()
    data["reference"] = _text(table, "site_reference").to_numpy()
    undated = data["year"].isna() | data["month"].isna()
    if undated.any():
        notes.append(f"{undated.sum()} rows without a year or month left out")
    data = data[~undated]
    odd = data[(data["year"] % 1 != 0) | (data["month"] % 1 != 0)]
    if len(odd):
        row = odd.iloc[0]
        message = f"year {row['year']:g}, month {row['month']:g} is no month"
        mend = "Write whole years and months 1-12."
        findings.append(Finding(table.where, "month", f"line {row['line']}", message, mend))
        return None, notes, findings
    gap = data["gap_fill"]
    beyond = data[(gap < 0) | (gap > 100)]
    if len(beyond):
        row = beyond.iloc[0]
        message = f"{row['gap_fill']:g} is no percentage"
        where = f"line {row['line']}"
        findings.append(
            Finding(table.where, "gap_fill_perc", where, message, "Write 0-100 percent.")
        )
    return _one_a_month(table, data, reading, notes, findings)


def _one_a_month(
    table: CsvTable,
    data: pd.DataFrame,
    reading: Reading,
    notes: list[str],
    findings: list[Finding],
) -> tuple[pd.DataFrame | None, list[str], list[Finding]]:
    """The preferred row of each month; its weather from the others where it has none."""
    if data.empty:
        mend = "Choose another site."
        findings.append(
            Finding(table.where, "year", "", "no row of the site has a year and month", mend)
        )
        return None, notes, findings
    preferred = reading.partition or "DT"
    order = pd.DataFrame(
        {
            "year": data["year"],
            "month": data["month"],
            "empty": data[["nee", "gpp", "reco"]].isna().all(axis=1),
            "chamber": ~data["tower"],
            "partition": data["partition"].ne(preferred),
            "gap": data["gap_fill"].fillna(101.0),
        }
    )
    data = data.loc[order.sort_values(list(order.columns), kind="stable").index]
    data = data.astype({"year": int, "month": int})
    best = data.drop_duplicates(["year", "month"])
    dropped = len(data) - len(best)
    if dropped:
        notes.append(
            f"{dropped} rows of months that have several left out: towers before chambers, "
            f"{preferred} before other partitions, then the least gap filling"
        )
    weather = ["tair", "precip", "tsoil", "tsoil_depth"]
    first = data.groupby(["year", "month"])[weather].first()
    best = best.set_index(["year", "month"])
    best[weather] = first
    best = best.reset_index()
    findings += check_months(
        list(zip(best["year"], best["month"], strict=True)),
        file=table.where,
        variable="month",
        index_text=lambda record: f"line {best['line'].iloc[record]}",
        gaps=False,
    )
    if any(not 1 <= month <= 12 for month in best["month"]):
        return None, notes, findings
    return best, [*notes, *_turn_sign(best)], findings


def _turn_sign(rows: pd.DataFrame) -> list[str]:
    """Make GPP positive in place, by the median of each reference; notes that say so."""
    notes = []
    for reference, values in rows.groupby("reference")["gpp"]:
        told = values[values.notna() & (values != 0)]
        if told.empty:
            continue
        of = f" of {reference}" if reference else ""
        turned = told.median() < 0
        if turned:
            rows.loc[values.index, "gpp"] = -values + 0.0  # no -0
        against = int((told > 0).sum() if turned else (told < 0).sum())
        sign, other = ("negative", "positive") if turned else ("positive", "negative")
        notes.append(
            f"gpp{of} is {sign} (median {told.median():.3g} g C m⁻² month⁻¹)"
            + (", its sign is turned" if turned else "")
            + (f"; {against} of {len(told)} months are {other}" if against else "")
        )
    return notes


def _record(table: CsvTable, data: pd.DataFrame, notes: list[str], reading: Reading) -> TowerRecord:
    """Record of the rows of a site, one a month in order."""
    years = np.arange(data["year"].min(), data["year"].max() + 1)
    index = (data["year"].to_numpy() - years[0], data["month"].to_numpy() - 1)

    def monthly(values: np.ndarray) -> np.ndarray:
        out = np.full((years.size, 12), np.nan)
        out[index] = values
        return out

    texts = {name: common_text(_text(table, name)) for name in TEXTS}
    quality = monthly(1 - data["gap_fill"].to_numpy() / 100)
    unknown = int((data["gap_fill"].isna() & data["nee"].notna()).sum())
    if unknown:
        notes.append(f"gap filling is not stated for {unknown} months of nee: they are kept")
    observed, absent = {}, {}
    for name, column in FLUXES.items():
        values, partition, reason = _flux(name, data, reading.partition)
        if not np.isfinite(values).any():
            absent[name] = reason or f"{column} holds no value for this site"
            continue
        if reason:
            notes.append(reason)
        observed[name] = MonthlyValues(
            monthly(values),
            column,
            quality=None if np.isnan(quality).all() else quality,
            partition=partition,
        )
    climate = {
        name: MonthlyValues(monthly(data[column].to_numpy()), column)
        for name, column in CLIMATE_COLUMNS.items()
        if data[column].notna().any()
    }
    notes.append("ABCflux has no shortwave radiation: it comes from the site file or the history")
    if data["tsoil"].notna().any():
        depth, told = _sensor_depth(data)
        notes += told
        observed["soil_temperature"] = MonthlyValues(
            monthly(data["tsoil"].to_numpy()), "tsoil_surface", depth=depth
        )
    for name in OBSERVED:
        if name not in observed:
            absent.setdefault(name, "tsoil_surface holds no value for this site")
    references = [name for name in dict.fromkeys(data["reference"]) if name]
    if len(references) > 1:
        notes.append(f"rows of {len(references)} references together: {', '.join(references)}")
    if texts["data_usage"]:
        notes.append(f"data usage of this site: {texts['data_usage']}")
    lines = np.zeros((years.size, 12), dtype=int)
    lines[index] = data["line"]
    towers = TOWER_ID.findall(f"{texts['site_reference']} {texts['site_name']}")
    places = {n: data[n].dropna() for n in ("latitude", "longitude", "elevation")}
    return TowerRecord(
        file=table.where,
        product="ABCflux",
        tower=towers[0] if towers else None,
        years=years,
        present=lines > 0,
        climate=climate,
        observed=observed,
        absent=absent,
        notes=tuple(notes),
        location={n: float(values.median()) for n, values in places.items() if len(values)},
        lines=lines,
        time="month",
        sources=(table.source,),
        attributes={name: text for name, text in texts.items() if text},
    )


def _flux(
    name: str, data: pd.DataFrame, wanted: Partition | None
) -> tuple[np.ndarray, Partition | None, str]:
    """Values of a flux, their partition where it is one, and what was left out for it."""
    values, partitions = data[FLUXES[name]].to_numpy(), data["partition"].to_numpy()
    if name == "net_ecosystem_production":
        return -values + 0.0, None, ""
    reason = ""
    if wanted is not None:
        other = np.isfinite(values) & (partitions != "") & (partitions != wanted)
        values = np.where(other, np.nan, values)
        if other.any():
            reason = f"{FLUXES[name]}: {other.sum()} months are not of the {wanted} partition"
    used = {str(p) for p in partitions[np.isfinite(values)]}
    partition = next((p for p in ("DT", "NT") if used == {p}), None)
    return values, partition, reason


def _sensor_depth(data: pd.DataFrame) -> tuple[float | None, list[str]]:
    """Depth of the soil sensor in m, None where it is not stated, and a note where it is."""
    depths = data.loc[data["tsoil"].notna(), "tsoil_depth"].dropna()
    depths = depths[depths.between(*SHALLOW)]
    if depths.empty:
        return None, []
    used = float(depths.median())
    several = (
        f", the median of {depths.min():g}-{depths.max():g} cm" if depths.nunique() > 1 else ""
    )
    return used / 100, [f"tsoil_surface: at {used:g} cm{several}"]

"""FLUXNET2015 / ONEFlux monthly files: units, missing values, quality, uncertainty.

Monthly files give fluxes and precipitation as daily means: they become sums over the calendar
month (29 days in leap Februaries). Net ecosystem production is -NEE. ``*_QC`` of a monthly file
is the fraction of measured and good-quality gap-filled half-hours.
"""

import calendar
import dataclasses
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import jax.numpy as jnp
import numpy as np
import pandas as pd

from sites.entry import Place, SiteEntry, Soil, Vegetation, check_entry, read_entry
from sites.history import Warming, site_forcing
from sites.observations import OBSERVED, MonthlySeries
from sites.site import Site, entry_of_fluxnet, make_site, suspect_months
from temjax.findings import DataError, Finding, raise_findings
from temjax.validation import MISSING_VALUE, check_climate, check_months

Partition = Literal["DT", "NT"]

CLIMATE_COLUMNS = {"air_temperature": "TA_F", "precipitation": "P_F", "shortwave": "SW_IN_F"}
ID_PATTERN = re.compile(r"_?([A-Z]{2}-[A-Za-z0-9]{3})_")
MINIMUM_QUALITY = 0.5  # least share of measured data in a month
SENSOR_DEPTH = 0.05  # m; files do not state it
SPAN_BY_LENGTH = {4: "yearly", 8: "daily or weekly", 12: "half-hourly"}


@dataclasses.dataclass(frozen=True)
class FluxnetTable:
    """A monthly file as whole calendar years.

    Attributes:
        path: the file.
        years: calendar years, consecutive.
        columns: column -> ``(year, 12)``, NaN where -9999 or where the month is not in the file.
        present: months that are in the file, ``(year, 12)``.
        row: line of the file per month, ``(year, 12)``, 0 where absent.
    """

    path: Path
    years: np.ndarray
    columns: Mapping[str, np.ndarray]
    present: np.ndarray
    row: np.ndarray

    @property
    def days(self) -> np.ndarray:
        """Days of each calendar month, ``(year, 12)``."""
        return np.array(
            [[calendar.monthrange(int(y), m)[1] for m in range(1, 13)] for y in self.years]
        )

    def place(self, at: tuple[int, ...]) -> str:
        """Line and time stamp of a month."""
        stamp = f"{self.years[at[0]]}{at[1] + 1:02d}"
        line = int(self.row[at[0], at[1]])
        return f"line {line} (TIMESTAMP {stamp})" if line else f"TIMESTAMP {stamp}"


def fluxnet_id(path: str | Path) -> str | None:
    """Site id in a file name such as ``FLX_CN-HaM_FLUXNET2015_FULLSET_MM_2002-2004_1-4.csv``."""
    match = ID_PATTERN.search(Path(path).name)
    return match.group(1) if match else None


def read_table(path: str | Path) -> tuple[FluxnetTable | None, list[Finding]]:
    """Parse a monthly file; the table is None where it has no usable form.

    Months that are absent inside the span stay NaN in the table (:func:`check_gaps`).
    """
    path = Path(path)

    def fault(variable: str, index: str, message: str, mend: str) -> tuple[None, list[Finding]]:
        return None, [Finding(str(path), variable, index, message, mend)]

    try:
        frame = pd.read_csv(path, dtype=str, skipinitialspace=True)
    except OSError as error:
        return fault("file", "", error.strerror or str(error), "Check the path.")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        return fault("file", "", f"not a CSV table: {error}", "Give the unpacked monthly CSV.")
    if "TIMESTAMP" not in frame:
        kind = "a half-hourly file" if "TIMESTAMP_START" in frame else "no FLUXNET monthly file"
        return fault("TIMESTAMP", "line 1", f"no such column: {kind}", "Give the MM (monthly) CSV.")
    if frame.empty:
        return fault("TIMESTAMP", "line 2", "the file has no rows", "Give a file with data.")
    stamps = frame["TIMESTAMP"].fillna("").str.strip()
    wrong = np.flatnonzero(~stamps.str.fullmatch(r"\d{6}"))
    if wrong.size:
        stamp = stamps.iloc[wrong[0]]
        kind = SPAN_BY_LENGTH.get(len(stamp))
        message = f"{stamp!r} is not YYYYMM" + (f": this is a {kind} file" if kind else "")
        return fault("TIMESTAMP", f"line {wrong[0] + 2}", message, "Give the MM (monthly) CSV.")
    months = [(int(stamp[:4]), int(stamp[4:])) for stamp in stamps]
    findings = check_months(
        months,
        file=str(path),
        variable="TIMESTAMP",
        index_text=lambda record: f"line {record + 2}",
        gaps=False,
    )
    if any(not 1 <= month <= 12 for _, month in months):
        return None, findings
    years = np.arange(min(months)[0], max(months)[0] + 1)
    row = np.zeros((years.size, 12), dtype=int)
    at = tuple(np.array([(year - years[0], month - 1) for year, month in months]).T)
    row[at] = np.arange(len(months)) + 2
    columns = {}
    for name in frame.columns:
        if name == "TIMESTAMP":
            continue
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float)
        text = frame[name].fillna("NaN").str.strip().str.lower()
        broken = np.flatnonzero(np.isnan(values) & ~text.isin(["nan", "", "na"]).to_numpy())
        if broken.size:
            place = f"line {broken[0] + 2} (TIMESTAMP {stamps.iloc[broken[0]]})"
            message = f"{frame[name].iloc[broken[0]]!r} is not a number"
            mend = "Write a number, or -9999 where missing."
            findings.append(Finding(str(path), name, place, message, mend))
        columns[name] = np.full((years.size, 12), np.nan)
        columns[name][at] = np.where(values == MISSING_VALUE, np.nan, values)
    return FluxnetTable(path, years, columns, row > 0, row), findings


def check_gaps(table: FluxnetTable) -> list[Finding]:
    """Months that are not in the file, and -9999 in the climate columns."""
    file = str(table.path)
    held = [(int(table.years[y]), int(m) + 1) for y, m in np.argwhere(table.present)]
    findings = check_months(held, file=file, variable="TIMESTAMP")
    for column in CLIMATE_COLUMNS.values():
        gap = np.isnan(table.columns.get(column, table.days)) & table.present
        if gap.any():
            stamps = [f"{table.years[y]}{m + 1:02d}" for y, m in np.argwhere(gap)]
            more = f" and {len(stamps) - 6} more" if len(stamps) > 6 else ""
            message = f"missing (-9999) in {', '.join(stamps[:6])}{more}"
            mend = "Fill these months, or use --fill-from-climatology (fill_from_climatology=True)."
            place = table.place(tuple(np.argwhere(gap)[0]))
            findings.append(Finding(file, column, place, message, mend))
    return findings


def check_table(table: FluxnetTable, *, latitude: float | None = None) -> list[Finding]:
    """Climate columns: there, and in the right unit."""
    file = str(table.path)
    findings = []
    climate, labels = {}, {}
    for name, column in CLIMATE_COLUMNS.items():
        if column not in table.columns:
            mend = "Give a FULLSET or SUBSET monthly file that has it."
            findings.append(Finding(file, column, "line 1", "no such column", mend))
            continue
        values = table.columns[column]
        days = table.days if name == "precipitation" else 1
        climate[name] = np.where(np.isnan(values), 0.0, values * days)
        labels[name] = column
    return findings + check_climate(
        climate, latitude=latitude, file=file, names=labels, index_text=table.place
    )


def read_fluxnet(
    path: str | Path,
    *,
    elevation: float | None = None,
    texture: tuple[float, float, float] | None = None,
    vegetation: str | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    site: str | Path | SiteEntry | None = None,
    partition: Partition = "DT",
    minimum_quality: float = MINIMUM_QUALITY,
    fill_from_climatology: bool = False,
    co2: Literal["global", "tower"] = "global",
    warming: Warming | None = None,
    first_year: int = 1901,
) -> Site:
    """A site from a FLUXNET2015 or ONEFlux monthly CSV.

    Facts the file does not hold come from the arguments, then from ``site``, then from the
    catalog where it knows the id in the file's name.

    Args:
        elevation: m.
        texture: sand, silt and clay, percent by mass.
        vegetation: name of a parameter set.
        latitude, longitude: degrees.
        site: a site file (docs/sites.md) or its parsed form.
        partition: day-time (DT) or night-time (NT) flux partition of GPP and RECO.
        minimum_quality: observations whose ``_QC`` is below become missing (0-1).
        fill_from_climatology: fill missing months of the climate with the mean of the same month
            in this file; otherwise they are an error.
        co2: the global series, or the tower's CO2_F_MDS with the global series in its gaps (tower
            analysers are often not calibrated for absolute CO2).
        warming: how the climate before the tower is made (``sites.history.site_forcing``); by
            default what the site file says, else ``none``.
        first_year: start of the forcing.

    Raises:
        DataError: every fault found, with file, column, line and mend.
    """
    entry = _site_facts(
        Path(path),
        site,
        elevation=elevation,
        texture=texture,
        vegetation=vegetation,
        latitude=latitude,
        longitude=longitude,
    )
    table, findings = read_table(path)
    findings = [*check_entry(entry, file=str(site or path)), *findings]
    if table is None:
        raise DataError(findings)
    findings += check_table(table, latitude=entry.location.latitude)
    notes: list[str] = []
    if fill_from_climatology:
        raise_findings(findings)
        table, notes, findings = _filled(table)
    else:
        findings += check_gaps(table)
    raise_findings(findings)

    period = (int(table.years[0]), int(table.years[-1]))
    climate = {name: table.columns[column] for name, column in CLIMATE_COLUMNS.items()}
    climate["precipitation"] = climate["precipitation"] * table.days
    if warming is None:
        warming = entry.history.warming if entry.history else "none"
    forcing = site_forcing(
        {name: values.mean(axis=0) for name, values in climate.items()},
        period,
        tower=climate,
        warming=warming,
        first_year=first_year,
    )
    if co2 == "tower" and "CO2_F_MDS" in table.columns:
        measured = table.columns["CO2_F_MDS"]
        rows = np.array(forcing.co2)
        rows[-len(measured) :] = np.where(np.isnan(measured), rows[-len(measured) :], measured)
        forcing = dataclasses.replace(forcing, co2=jnp.asarray(rows))
    notes.append(f"climate before {period[0]}: the file's climatology, warming {warming!r}")
    notes += _quality_notes(table, minimum_quality)
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return make_site(
        entry,
        forcing,
        _observations(table, entry, partition, minimum_quality),
        sources=(f"{Path(path).name} (sha256 {digest})",),
        partition=partition,
        notes=tuple(notes),
    )


def _site_facts(path: Path, site: str | Path | SiteEntry | None, **given) -> SiteEntry:
    """Entry with the given facts on top of the site file's or the catalog's."""
    known = read_entry(site) if isinstance(site, str | Path) else site
    known = known or entry_of_fluxnet(fluxnet_id(path))
    if known is None:
        needed = ("latitude", "elevation", "texture", "vegetation")
        absent = [name for name in needed if given[name] is None]
        if absent:
            message = f"the file does not hold {', '.join(absent)}"
            mend = "Give them as arguments, or a site file (--site SITE.toml, docs/sites.md)."
            raise DataError([Finding(str(path), "site", "", message, mend)])
    told = "given with the file"
    place = known.location.model_dump() if known else {"source": told}
    place |= {k: given[k] for k in ("latitude", "longitude", "elevation") if given[k] is not None}
    parts = {"location": Place(**place)}
    if given["texture"] is not None:
        sand, silt, clay = given["texture"]
        parts["soil"] = Soil(sand=sand, silt=silt, clay=clay, source=told)
    if given["vegetation"] is not None:
        own = known.vegetation.overrides if known else {}
        parts["vegetation"] = Vegetation(
            parameter_set=given["vegetation"], source=told, overrides=own
        )
    if known is not None:
        return known.model_copy(update=parts)
    name = fluxnet_id(path) or path.stem
    return SiteEntry(name=name, title=name, fluxnet_id=fluxnet_id(path), **parts)


def _filled(table: FluxnetTable) -> tuple[FluxnetTable, list[str], list[Finding]]:
    """Climate gaps filled with the mean of the same month in the file."""
    columns, notes, findings = dict(table.columns), [], []
    for column in CLIMATE_COLUMNS.values():
        values = columns[column]
        gap = np.isnan(values)
        count = (~gap).sum(axis=0)
        empty = np.flatnonzero(count == 0)
        if empty.size:
            message = f"no year has a value for month {empty[0] + 1}: nothing to fill from"
            mend = "Give a file with at least one value for every month of the year."
            findings.append(Finding(str(table.path), column, "", message, mend))
            continue
        mean = np.where(gap, 0.0, values).sum(axis=0) / count
        columns[column] = np.where(gap, mean, values)
        if gap.any():
            notes.append(f"{column}: {gap.sum()} months filled from the file's climatology")
    return dataclasses.replace(table, columns=columns), notes, findings


def _observations(
    table: FluxnetTable, entry: SiteEntry, partition: Partition, minimum_quality: float
) -> dict[str, MonthlySeries]:
    """Observed series with quality and uncertainty; a variable without column is left out."""
    period = (int(table.years[0]), int(table.years[-1]))
    quality = table.columns.get("NEE_VUT_REF_QC")
    gpp, reco = f"GPP_{partition}_VUT", f"RECO_{partition}_VUT"
    plan = {
        "net_ecosystem_production": ("NEE_VUT_REF", -table.days, quality),
        "gross_primary_production": (f"{gpp}_REF", table.days, quality),
        "ecosystem_respiration": (f"{reco}_REF", table.days, quality),
        "soil_temperature": ("TS_F_MDS_1", 1, table.columns.get("TS_F_MDS_1_QC")),
    }
    unknown = np.full(table.present.shape, np.nan)
    spread = {
        "net_ecosystem_production": table.columns.get("NEE_VUT_REF_JOINTUNC", unknown),
        "gross_primary_production": _percentile_sd(table, gpp),
        "ecosystem_respiration": _percentile_sd(table, reco),
        "soil_temperature": unknown,
    }
    series = {}
    for name, (column, factor, fraction) in plan.items():
        if column not in table.columns or not np.isfinite(table.columns[column]).any():
            continue
        values = table.columns[column] * factor
        if fraction is not None:
            values = np.where(fraction < minimum_quality, np.nan, values)
        sd = spread[name] * np.abs(factor)
        known = np.isfinite(sd) & (sd > 0)
        if known.any():
            sd = np.where(known, sd, np.median(sd[known]))
        series[name] = MonthlySeries(
            variable=name,
            unit=OBSERVED[name][0],
            period=period,
            values=values,
            sd=sd,
            suspect=suspect_months(entry.traps, name, period, partition=partition),
            source=f"{column} of {table.path.name}",
            depth=SENSOR_DEPTH if name == "soil_temperature" else None,
        )
    return series


def _percentile_sd(table: FluxnetTable, prefix: str) -> np.ndarray:
    """Half of the 16-84 % range over friction-velocity thresholds (no random error in it)."""
    low, high = table.columns.get(f"{prefix}_16"), table.columns.get(f"{prefix}_84")
    if low is None or high is None:
        return np.full(table.present.shape, np.nan)
    return (high - low) / 2


def _quality_notes(table: FluxnetTable, minimum_quality: float) -> list[str]:
    """What was dropped from the observations, and which climate months were not measured."""
    notes = []
    for column in ("NEE_VUT_REF", "TS_F_MDS_1"):
        low = table.columns.get(f"{column}_QC", np.ones(1)) < minimum_quality
        if low.any():
            stamps = ", ".join(f"{table.years[y]}-{m + 1:02d}" for y, m in np.argwhere(low))
            notes.append(f"{column}: quality below {minimum_quality:g}, left out: {stamps}")
    for column in CLIMATE_COLUMNS.values():
        low = table.columns.get(f"{column}_QC", np.ones(1)) < minimum_quality
        if low.any():
            notes.append(f"{column}: {low.sum()} months mostly gap-filled or from reanalysis")
    return notes

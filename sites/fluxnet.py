"""Sites from FLUXNET2015 / ONEFlux monthly files: units, gaps, quality and uncertainty.

Monthly files give fluxes and precipitation as daily means: they become sums over the calendar
month (29 days in leap Februaries). Net ecosystem production is -NEE. ``*_QC`` of a monthly file
is the fraction of measured and good-quality gap-filled half-hours.
"""

import dataclasses
import hashlib
from pathlib import Path
from typing import Literal

import jax.numpy as jnp
import numpy as np

from temjax.files.findings import DataError, Finding, raise_findings
from temjax.forcing import Forcing
from temjax.sites.entry import SiteEntry, SiteLocation, Soil, Vegetation, check_entry, read_entry
from temjax.sites.fluxnet_table import (
    CLIMATE_COLUMNS,
    FluxnetTable,
    check_gaps,
    check_table,
    fluxnet_id,
    read_table,
)
from temjax.sites.history import Warming, site_forcing
from temjax.sites.observations import OBSERVED, MonthlySeries
from temjax.sites.site import Site, entry_of_fluxnet, make_site, suspect_months

Partition = Literal["DT", "NT"]

MINIMUM_QUALITY = 0.5  # least share of measured data in a month
SENSOR_DEPTH = 0.05  # m; files do not state it


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
    """Site of a FLUXNET2015 or ONEFlux monthly CSV file.

    Facts the file does not hold come from the arguments, then from ``site``, then from the
    catalog where it knows the id in the file's name.

    Args:
        path: of the file.
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
        warming: of the climate before the tower's years (``history.site_forcing``); by default
            that of the site file, else ``none``.
        first_year: start of the forcing.

    Raises:
        DataError: every fault found, with file, column, line and mend.
    """
    path = Path(path)
    entry = _site_entry(
        path, site, elevation=elevation, texture=texture, vegetation=vegetation,
        latitude=latitude, longitude=longitude,
    )  # fmt: skip
    table, notes = _checked_table(path, entry, site, fill_from_climatology)
    if warming is None:
        warming = entry.history.warming if entry.history else "none"
    forcing = _tower_forcing(table, warming, first_year, co2)
    notes.append(f"climate before {table.years[0]}: the file's climatology, warming {warming!r}")
    notes += _quality_notes(table, minimum_quality)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return make_site(
        entry,
        forcing,
        _observations(table, entry, partition, minimum_quality),
        sources=(f"{path.name} (sha256 {digest})",),
        partition=partition,
        notes=tuple(notes),
    )


def _checked_table(
    path: Path, entry: SiteEntry, site: str | Path | SiteEntry | None, fill: bool
) -> tuple[FluxnetTable, list[str]]:
    """Table of a file without gaps in the climate, and notes on what was filled.

    Args:
        path: of the file.
        entry: facts of the site.
        site: where they come from.
        fill: whether gaps are filled from the climatology.

    Raises:
        DataError: every fault of the file and of the entry.
    """
    table, table_findings = read_table(path)
    findings = [*check_entry(entry, file=str(site or path)), *table_findings]
    if table is None:
        raise DataError(findings)
    findings += check_table(table, latitude=entry.location.latitude)
    notes: list[str] = []
    if fill:
        raise_findings(findings)
        table, notes, findings = _fill_from_climatology(table)
    else:
        findings += check_gaps(table)
    raise_findings(findings)
    return table, notes


def _tower_forcing(
    table: FluxnetTable, warming: Warming, first_year: int, co2: Literal["global", "tower"]
) -> Forcing:
    """Forcing with the months of the tower in its years and their climatology before."""
    climate = {name: table.columns[column] for name, column in CLIMATE_COLUMNS.items()}
    climate["precipitation"] = climate["precipitation"] * table.days
    forcing = site_forcing(
        {name: values.mean(axis=0) for name, values in climate.items()},
        (int(table.years[0]), int(table.years[-1])),
        tower=climate,
        warming=warming,
        first_year=first_year,
    )
    if co2 == "tower" and "CO2_F_MDS" in table.columns:
        measured = table.columns["CO2_F_MDS"]
        rows = np.array(forcing.co2)
        rows[-len(measured) :] = np.where(np.isnan(measured), rows[-len(measured) :], measured)
        forcing = dataclasses.replace(forcing, co2=jnp.asarray(rows))
    return forcing


def _site_entry(path: Path, site: str | Path | SiteEntry | None, **arguments) -> SiteEntry:
    """Facts of the site: those of the arguments, then of the site file, then of the catalog.

    Raises:
        DataError: facts that none of them has.
    """
    base = read_entry(site) if isinstance(site, str | Path) else site
    base = base or entry_of_fluxnet(fluxnet_id(path))
    if base is None:
        needed = ("latitude", "elevation", "texture", "vegetation")
        absent = [name for name in needed if arguments[name] is None]
        if absent:
            message = f"the file does not hold {', '.join(absent)}"
            mend = "Give them as arguments, or a site file (--site SITE.toml, docs/sites.md)."
            raise DataError([Finding(str(path), "site", "", message, mend)])
    source = "given with the file"
    location = base.location.model_dump() if base else {"source": source}
    location |= {
        name: arguments[name]
        for name in ("latitude", "longitude", "elevation")
        if arguments[name] is not None
    }
    tables = {"location": SiteLocation(**location)}
    if arguments["texture"] is not None:
        sand, silt, clay = arguments["texture"]
        tables["soil"] = Soil(sand=sand, silt=silt, clay=clay, source=source)
    if arguments["vegetation"] is not None:
        overrides = base.vegetation.overrides if base else {}
        tables["vegetation"] = Vegetation(
            parameter_set=arguments["vegetation"], source=source, overrides=overrides
        )
    if base is not None:
        return base.model_copy(update=tables)
    name = fluxnet_id(path) or path.stem
    return SiteEntry(name=name, title=name, fluxnet_id=fluxnet_id(path), **tables)


def _fill_from_climatology(table: FluxnetTable) -> tuple[FluxnetTable, list[str], list[Finding]]:
    """Table with climate gaps filled by the mean of the same month, notes and findings."""
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
    """Monthly series of the observed variables that the file has, with their uncertainty."""
    period = (int(table.years[0]), int(table.years[-1]))
    quality = table.columns.get("NEE_VUT_REF_QC")
    gpp, reco = f"GPP_{partition}_VUT", f"RECO_{partition}_VUT"
    columns = {
        "net_ecosystem_production": ("NEE_VUT_REF", -table.days, quality),
        "gross_primary_production": (f"{gpp}_REF", table.days, quality),
        "ecosystem_respiration": (f"{reco}_REF", table.days, quality),
        "soil_temperature": ("TS_F_MDS_1", 1, table.columns.get("TS_F_MDS_1_QC")),
    }
    missing = np.full(table.present.shape, np.nan)
    uncertainty = {
        "net_ecosystem_production": table.columns.get("NEE_VUT_REF_JOINTUNC", missing),
        "gross_primary_production": _percentile_sd(table, gpp),
        "ecosystem_respiration": _percentile_sd(table, reco),
        "soil_temperature": missing,
    }
    series = {}
    for name, (column, factor, fraction) in columns.items():
        if column not in table.columns or not np.isfinite(table.columns[column]).any():
            continue
        values = table.columns[column] * factor
        if fraction is not None:
            values = np.where(fraction < minimum_quality, np.nan, values)
        sd = uncertainty[name] * np.abs(factor)
        valid = np.isfinite(sd) & (sd > 0)
        if valid.any():
            sd = np.where(valid, sd, np.median(sd[valid]))
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
    """Half the 16-84 % range over friction-velocity thresholds; random error is not in it."""
    low, high = table.columns.get(f"{prefix}_16"), table.columns.get(f"{prefix}_84")
    if low is None or high is None:
        return np.full(table.present.shape, np.nan)
    return (high - low) / 2


def _quality_notes(table: FluxnetTable, minimum_quality: float) -> list[str]:
    """Notes on observations left out and climate months that were not measured."""
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

"""FLUXNET2015 / ONEFlux monthly files: units, missing values, quality, uncertainty.

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
from temjax.sites.entry import Place, SiteEntry, Soil, Vegetation, check_entry, read_entry
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
        warming: how the climate before the tower is made (``history.site_forcing``); by
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

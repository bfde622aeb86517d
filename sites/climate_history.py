"""Climate series that stands in before a tower's record and in its gaps: choice and correction."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from temjax.files.findings import Finding
from temjax.processes.radiation import SHORTWAVE_TO_CALORIES, gross_irradiance
from temjax.runs.validation import SHORTWAVE_MARGIN, check_climate
from temjax.sites.bias import apply_correction, correction, disagreements, on_years
from temjax.sites.entry import SiteEntry
from temjax.sites.gridded import read_gridded
from temjax.sites.readers.reanalysis import (
    find_reanalysis,
    is_reanalysis_path,
    read_reanalysis,
)
from temjax.sites.readers.record import CLIMATE, MonthlyValues, Reading, TowerRecord

FEWEST_COMMON_MONTHS = 12  # that a correction needs
ROUNDING = 1.0  # mm month⁻¹ or W m⁻²; smaller negative values are errors of rounding
UNITS = {"air_temperature": "K"}  # of corrections; factors have none
NETCDF = (".nc", ".nc4", ".cdf")


@dataclass(frozen=True)
class ClimateHistory:
    """Climate series beside a record, corrected to the tower where they share enough months.

    Attributes:
        label: what notes call it; empty where there is none.
        years: consecutive calendar years, ``(year,)``.
        values: variable -> ``(year, 12)`` in the model's units, NaN where missing.
        notes: on its choice, correction and disagreement with the tower.
        sources: name and hash of its files, where they are not the record's own.
    """

    label: str = ""
    years: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def climate_history(
    record: TowerRecord, entry: SiteEntry | None, reading: Reading
) -> tuple[ClimateHistory, list[Finding]]:
    """History of a record, as ``reading`` or the site file choose, corrected, and findings.

    Args:
        record: of the tower.
        entry: facts of the site; ``[history] climate`` counts where ``reading.history`` is
            ``auto``.
        reading: choices.
    """
    choice = reading.history
    if choice == "auto" and entry is not None and entry.history is not None:
        choice = entry.history.climate or "auto"
    if choice == "mean-year":
        unused = record.reanalysis is not None
        notes = (f"{record.reanalysis.file} is not used: history mean-year",) if unused else ()
        return ClimateHistory(notes=notes), []
    if choice == "auto":
        if record.reanalysis is None:
            return ClimateHistory(), []
        series, findings = record.reanalysis, []
    else:
        series, findings = _open(choice, record, entry, reading)
    if series is None:
        return ClimateHistory(), findings
    latitude, _ = _coordinates(record, entry)
    top = extraterrestrial(latitude)
    series, notes = _without_rounding(series)
    notes = [*_other_tower(record, entry, series), *notes]
    findings = _check_values(series, top)
    if findings:
        return ClimateHistory(), findings
    return _corrected(record, series, notes, top=top, asked_for=choice != "auto")


def extraterrestrial(latitude: float | None) -> np.ndarray:
    """Mean shortwave above the atmosphere by month, W m⁻², ``(12,)``; no limit without latitude."""
    if latitude is None or not abs(latitude) <= 90:
        return np.full(12, np.inf)
    gross = gross_irradiance(jnp.asarray(latitude, dtype=float))
    return np.asarray(gross) / SHORTWAVE_TO_CALORIES


def _check_values(series: TowerRecord, top: np.ndarray) -> list[Finding]:
    """Findings in a series' values; shortwave of single months may pass the sun's a little."""
    findings = check_climate(
        {n: np.where(np.isnan(v.values), 0.0, v.values) for n, v in series.climate.items()},
        file=series.file,
        names={name: variable.source for name, variable in series.climate.items()},
        index_text=series.month_text,
    )
    shortwave = series.climate.get("shortwave")
    if shortwave is not None and np.nanmean(shortwave.values) > top.mean():
        message = (
            f"its mean {np.nanmean(shortwave.values):.0f} W m-2 is above the extraterrestrial mean "
            f"({top.mean():.0f} W m-2)"
        )
        mend = "Give monthly mean W m-2: check J, MJ, cal cm-2 d-1 or PAR units, and the latitude."
        findings.append(Finding(series.file, shortwave.source, "", message, mend))
    return findings


def _coordinates(record: TowerRecord, entry: SiteEntry | None) -> tuple[float | None, float | None]:
    """Latitude and longitude of the site file, else of the record."""
    if entry is not None:
        return entry.location.latitude, entry.location.longitude
    return record.location.get("latitude"), record.location.get("longitude")


def _open(
    choice: str, record: TowerRecord, entry: SiteEntry | None, reading: Reading
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of a history file that was asked for."""
    path = Path(choice)
    mend = (
        "Give the CSV of a reanalysis, the archive or folder of a tower that has one, or NetCDF; "
        "or use mean-year or auto."
    )
    if not path.exists():
        return None, [Finding(choice, "history", "", "no such file", mend)]
    if is_reanalysis_path(path):
        member, findings = find_reanalysis(path, _tower(record, entry))
        return (None, findings) if member is None else read_reanalysis(member, reading)
    if path.is_dir() or path.suffix.lower() in NETCDF:
        latitude, longitude = _coordinates(record, entry)
        if latitude is None or longitude is None:
            lacking = "latitude" if latitude is None else "longitude"
            message = f"gridded climate needs the {lacking} of the site"
            mend = f"Give {lacking} under [location] of a site file (--site SITE.toml)."
            return None, [Finding(choice, "history", "", message, mend)]
        return read_gridded(path, latitude, longitude)
    return None, [Finding(choice, "history", "", "neither NetCDF, CSV nor zip", mend)]


def _tower(record: TowerRecord, entry: SiteEntry | None) -> str | None:
    """Id of the tower: of the record, else of the site file."""
    return record.tower or (None if entry is None else entry.fluxnet_id)


def _other_tower(record: TowerRecord, entry: SiteEntry | None, series: TowerRecord) -> list[str]:
    """Note on a reanalysis of another tower than the record's."""
    own = _tower(record, entry)
    if None in (own, series.tower) or own == series.tower:
        return []
    return [f"{series.product} of another tower: of {series.tower}, the record is of {own}"]


def _without_rounding(series: TowerRecord) -> tuple[TowerRecord, list[str]]:
    """Series whose precipitation and shortwave just below 0 are 0, and notes."""
    climate, notes = dict(series.climate), list(series.notes)
    for name, variable in series.climate.items():
        below = (variable.values < 0) & (variable.values > -ROUNDING)
        if name != "air_temperature" and below.any():
            climate[name] = replace(variable, values=np.where(below, 0.0, variable.values))
            notes.append(
                f"{variable.source} of {series.file}: {below.sum()} months just below 0 set to 0"
            )
    return replace(series, climate=climate), notes


def _corrected(
    record: TowerRecord,
    series: TowerRecord,
    notes: list[str],
    *,
    top: np.ndarray,
    asked_for: bool,
) -> tuple[ClimateHistory, list[Finding]]:
    """History from a series: each variable corrected to the tower, used as it is, or left out."""
    name_of_file = Path(series.file.rpartition(":")[2] or series.file).name
    label = series.product
    values, findings, remarks = {}, [], []
    corrections: list[_Correction] = []
    uncorrected: dict[tuple[int, bool], list[str]] = {}  # (common months, used as it is) -> names
    for name in CLIMATE:
        words = name.replace("_", " ")
        if name not in series.climate:
            remarks.append(f"{label} has no {words}: its mean year in every month")
            continue
        modelled = series.climate[name]
        measured = record.climate.get(name)
        if measured is None or not np.isfinite(measured.values).any():
            values[name] = modelled.values
            remarks.append(f"{words} of {label}: the tower has none, so it is used as it is")
            continue
        common = on_years(modelled.values, series.years, record.years)
        both = np.isfinite(common) & np.isfinite(measured.values)
        if both.sum() >= FEWEST_COMMON_MONTHS:
            correct = _correct(name, measured, modelled, common)
            values[name] = correct.values
            corrections.append(correct)
            continue
        if not np.isfinite(measured.values).any(axis=0).all():
            values[name] = modelled.values
        uncorrected.setdefault((int(both.sum()), name in values), []).append(name)
    for (months, used), names in uncorrected.items():
        message = f"{months} months in common with the tower, {FEWEST_COMMON_MONTHS} needed"
        if asked_for and not used:
            mend = "Give a climate that covers the tower's years, or --history mean-year."
            columns = ", ".join(series.climate[name].source for name in names)
            findings.append(Finding(series.file, columns, "", message, mend))
        instead = ", so it is used as it is" if used else ": the mean year in its place"
        words = ", ".join(name.replace("_", " ") for name in names)
        remarks.append(f"{words} of {label}: {message} for a correction{instead}")
    told = [*_correction_notes(label, name_of_file, corrections), *notes, *remarks]
    if findings or not values:
        return ClimateHistory(notes=tuple(told)), findings
    factor, margin = SHORTWAVE_MARGIN
    above = values.get("shortwave", np.zeros((1, 12))) > factor * top + margin
    if above.any():
        values["shortwave"] = np.where(above, top, values["shortwave"])
        told.append(
            f"shortwave of {label}: {above.sum()} months above the extraterrestrial mean, set to it"
        )
    sources = series.sources if asked_for else ()  # those beside the record are in its own
    return ClimateHistory(label, series.years, values, tuple(told), sources), []


@dataclass(frozen=True)
class _Correction:
    """Corrected variable: its values, what was done to it and how far it was off, in words."""

    values: np.ndarray
    months: int
    done: str
    found: str
    limited: str


def _correct(
    name: str, measured: MonthlyValues, modelled: MonthlyValues, common: np.ndarray
) -> _Correction:
    """Correction of a variable to the tower by their common months."""
    months = int((np.isfinite(common) & np.isfinite(measured.values)).sum())
    terms, limited = correction(name, measured.values, common)
    words = name.replace("_", " ")
    by = "by" if name == "air_temperature" else "times"
    unit = f" {UNITS[name]}" if name in UNITS else ""
    found = disagreements(name, measured.values, common)
    return _Correction(
        values=apply_correction(name, modelled.values, terms),
        months=months,
        done=f"{words} {by} {terms.min():.2f} to {terms.max():.2f}{unit}",
        found=f"{words} {', '.join(found)}" if found else "",
        limited=f"{words} in {limited} months" if limited else "",
    )


def _correction_notes(label: str, file: str, corrections: list[_Correction]) -> list[str]:
    """What a history is, how it was corrected, and where it disagrees with the tower; a line each.

    Args:
        label: of the history.
        file: its name.
        corrections: of its variables.
    """
    if not corrections:
        return [f"{label} is {file}"]
    counts = sorted({one.months for one in corrections})
    over = f"{counts[0]}-{counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    done = ", ".join(one.done for one in corrections)
    found = "; ".join(one.found for one in corrections if one.found)
    limited = ", ".join(one.limited for one in corrections if one.limited)
    lines = [f"{label} ({file}) corrected month by month over {over} common months: {done}"]
    lines += [f"{label} disagrees with the tower before the correction: {found}"] if found else []
    return [*lines, *([f"{label}: factors limited, {limited}"] if limited else [])]

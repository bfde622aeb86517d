"""Climate of a tower's site from its first year on: the record, what lies before it, its gaps.

Each variable and month takes the tower's value; else the history's (``climate_history``); else the
mean year: of the tower's months, of the history's first years before it begins, or of the site
file's climatology where neither has the variable.
"""

from collections.abc import Mapping
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from temjax.files.findings import Finding
from temjax.forcing import Forcing
from temjax.sites.bias import on_years
from temjax.sites.climate_history import ClimateHistory
from temjax.sites.entry import SiteEntry
from temjax.sites.history import Warming, co2_years, forcing_of_years, warming_shift
from temjax.sites.readers.record import CLIMATE, Reading, TowerRecord

EARLY_YEARS = 20  # of a history, whose mean stands before it
NAMED = 6  # months that a finding lists


def complete_climate(
    record: TowerRecord,
    entry: SiteEntry,
    reading: Reading,
    history: ClimateHistory,
    *,
    warming: Warming = "none",
    first_year: int = 1901,
) -> tuple[Forcing | None, list[str], list[Finding]]:
    """Forcing of a record without gaps, notes on how it was completed, and findings.

    Args:
        record: of the tower; its climate may be partial or empty.
        entry: facts of the site; its climatology stands in for variables no record has.
        reading: choices: ``co2``.
        history: climate before the record and in its gaps.
        warming: of the mean year before every record.
        first_year: start of the forcing.

    Returns:
        The forcing, None with findings.
    """
    findings = check_first_year(record, first_year)
    if findings:
        return None, [], findings
    years = np.arange(first_year, record.period[1] + 1)
    notes = [*history.notes, *_edge_notes(record, history.label)]
    climate = {}
    lacking: dict[str, np.ndarray] = {}
    for name in CLIMATE:
        climate[name], said, mean = _complete(name, record, entry, history, years, warming)
        notes += said
        if np.isnan(climate[name]).any():
            lacking[name] = mean
    if lacking:
        return None, notes, _nothing_known(record, lacking)
    forcing = forcing_of_years(years, climate)
    if reading.co2 == "tower" and "co2" in record.climate:
        measured = record.climate["co2"].values
        rows = np.array(forcing.co2)
        rows[-len(measured) :] = np.where(np.isnan(measured), rows[-len(measured) :], measured)
        forcing = replace(forcing, co2=jnp.asarray(rows))
    return forcing, [*notes, *_before_notes(record, history, first_year, warming)], []


def check_first_year(record: TowerRecord, first_year: int) -> list[Finding]:
    """Findings of a first year after the record's, and of years without CO2."""
    known = co2_years()
    first, last = record.period
    if first < known[0]:
        message = f"CO2 is known from {known[0]} on, not in {first}"
        return [Finding(record.file, "time", "", message, "Mend or leave out the earlier years.")]
    if first_year > first:
        message = f"{first_year} lies after the tower's first year {first}"
        mend = f"Give {first} or an earlier year."
        return [Finding(record.file, "history.first_year", "", message, mend)]
    if first_year < known[0]:
        message = f"CO2 is known from {known[0]} on, not in {first_year}"
        mend = f"Give {known[0]} or a later year."
        return [Finding(record.file, "history.first_year", "", message, mend)]
    if last > known[1]:
        message = f"CO2 is known to {known[1]}, not in {last}"
        return [Finding(record.file, "time", "", message, "Leave the later years out.")]
    return []


def check_gaps(
    record: TowerRecord, reading: Reading, history: ClimateHistory, entry: SiteEntry | None = None
) -> list[Finding]:
    """Findings of gaps in a record's climate that neither its history nor an option fills.

    Months before the first and after the last month of the record are no gaps. Of a place of which
    nothing is known yet (no entry) only those variables are missed that the files usually have.
    """
    findings = []
    for name in CLIMATE:
        supplied = name in history.values or (entry is not None and name in entry.climatology)
        if not (has_values(record, name) or supplied) and (entry or name in record.usual):
            findings += _nothing_known(record, {name: np.full(12, np.nan)})
    if reading.fill_from_climatology:
        return findings
    inside = recorded_months(record)
    open_gaps = {}
    for name in CLIMATE:
        if not has_values(record, name):
            continue
        gap = inside & np.isnan(record.climate[name].values)
        if name in history.values:
            gap &= np.isnan(on_years(history.values[name], history.years, record.years))
        open_gaps[name] = gap
    absent = np.any([*open_gaps.values(), np.zeros(inside.shape, bool)], axis=0) & ~record.present
    ways = "give a climate with --history, or use --fill-from-climatology"
    if absent.any():
        months = [f"{record.years[y]}-{m + 1:02d}" for y, m in np.argwhere(absent)]
        message = f"months missing: {_listed(months)}"
        mend = (
            f"Give every month from the first to the last; or {ways} (fill_from_climatology=True)."
        )
        findings.append(Finding(record.file, record.time, months[0], message, mend))
    for name, gap in open_gaps.items():
        gap = gap & record.present
        if gap.any():
            stamps = [f"{record.years[y]}{m + 1:02d}" for y, m in np.argwhere(gap)]
            message = f"missing (-9999) in {_listed(stamps)}"
            mend = f"Fill these months, {ways} (fill_from_climatology=True)."
            where = record.month_text(tuple(np.argwhere(gap)[0]))
            source = record.climate[name].source
            findings.append(Finding(record.file, source, where, message, mend))
    return findings


def has_values(record: TowerRecord, name: str) -> bool:
    """Whether the record has any value of a climate variable."""
    variable = record.climate.get(name)
    return variable is not None and bool(np.isfinite(variable.values).any())


def recorded_months(record: TowerRecord) -> np.ndarray:
    """Months from the first to the last of a record, ``(year, 12)``."""
    at = np.flatnonzero(record.present.ravel())
    inside = np.zeros(record.present.size, dtype=bool)
    if at.size:
        inside[at[0] : at[-1] + 1] = True
    return inside.reshape(record.present.shape)


def mean_year(values: np.ndarray) -> np.ndarray:
    """Mean of each calendar month over the years that have it, ``(12,)``, NaN where none has."""
    gap = np.isnan(values)
    count = (~gap).sum(axis=0)
    mean = np.where(gap, 0.0, values).sum(axis=0) / np.maximum(count, 1)
    return np.where(count > 0, np.where(gap, mean, values).mean(axis=0), np.nan)


def _complete(
    name: str,
    record: TowerRecord,
    entry: SiteEntry,
    history: ClimateHistory,
    years: np.ndarray,
    warming: Warming,
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """One variable ``(year, 12)`` of every year, notes, and the mean year that fills it.

    Both are NaN where nothing is known.
    """
    variable = record.climate.get(name)
    measured = np.full(record.present.shape, np.nan) if variable is None else variable.values
    past = history.values.get(name)
    known = on_years(measured, record.years, years)
    if past is not None:
        series = on_years(past, history.years, years)
        known = np.where(np.isnan(known), series, known)
    mean, source = _mean_year(name, measured, past, entry, history.label)
    reference, early = record.period, mean
    if past is not None:
        first = past[:EARLY_YEARS]
        reference = int(history.years[0]), int(history.years[len(first) - 1])
        early = np.where(np.isnan(mean_year(first)), mean, mean_year(first))
    before = years < record.years[0]
    filled = np.tile(mean, (years.size, 1))
    filled[before] = early
    if name == "air_temperature":
        filled[before] += warming_shift(years[before], reference, warming)[:, None]
    gaps = np.isnan(known)
    notes = _gap_notes(name, record, gaps[years >= record.years[0]], source, history.label)
    return np.where(gaps, filled, known), notes, mean


def _mean_year(
    name: str,
    measured: np.ndarray,
    past: np.ndarray | None,
    entry: SiteEntry,
    label: str,
) -> tuple[np.ndarray, str]:
    """First complete mean year: of the tower, the history or the site file; and its name."""
    own = mean_year(measured)
    rows = [(own, "the file's climatology")]
    if past is not None:
        rows.append((mean_year(past), f"the mean year of {label}"))
    if name in entry.climatology:
        rows.append((np.asarray(entry.climatology[name].mean), "the site file's climatology"))
    return next((row for row in rows if np.isfinite(row[0]).all()), rows[0])


def _nothing_known(record: TowerRecord, lacking: Mapping[str, np.ndarray]) -> list[Finding]:
    """Findings of variables, and one of calendar months, that no source has.

    Args:
        lacking: variable -> its mean year, ``(12,)``, NaN where nothing is known.
    """
    source = "Give a climate with --history FILE (NetCDF or reanalysis)"
    findings, partial = [], {}
    for name, mean in lacking.items():
        variable = record.climate.get(name)
        if variable is not None and np.isfinite(mean).any():
            partial[name] = np.isnan(mean)
            continue
        label, where = record.usual.get(name, (variable.source if variable else name, ""))
        reason = f" ({record.absent[name]})" if name in record.absent else ""
        message = f"the record has no {name.replace('_', ' ')}{reason}, nor has anything beside it"
        mend = f"{source}, or [climatology.{name}] in the site file."
        findings.append(Finding(record.file, label, where, message, mend))
    if partial:
        months = np.flatnonzero(np.any(list(partial.values()), axis=0)) + 1
        present = np.argwhere(record.present)
        first, last = (f"{record.years[y]}-{m + 1:02d}" for y, m in present[[0, -1]])
        message = (
            f"{len(present)} months ({first} to {last}): no year has a value for month "
            f"{', '.join(map(str, months))}, nothing to fill from: a run needs each once"
        )
        mend = f"Give a longer record; or {source[0].lower()}{source[1:]} or [climatology.*]."
        columns = ", ".join(record.climate[name].source for name in partial)
        findings.append(Finding(record.file, columns, "", message, mend))
    return findings


def _gap_notes(
    name: str, record: TowerRecord, from_mean: np.ndarray, source: str, label: str
) -> list[str]:
    """How many months inside the record came from the history and from the mean year.

    Args:
        from_mean: months of the record's years without a value of tower or history.
    """
    variable = record.climate.get(name)
    if variable is None or not np.isfinite(variable.values).any():
        count = int(from_mean.sum())
        words = name.replace("_", " ")
        text = f"{count} months of {words} from {source}" if count else ""
        return [f"{text}: the tower has none"] if text else []
    gap = recorded_months(record) & np.isnan(variable.values)
    filled = ((label, gap & ~from_mean), (source, gap & from_mean))
    return [
        f"{variable.source}: {months.sum()} months filled from {text}"
        for text, months in filled
        if months.any()
    ]


def _edge_notes(record: TowerRecord, label: str) -> list[str]:
    """Note on a first and a last calendar year that the record does not fill."""
    months = np.flatnonzero(record.present.ravel())
    notes = []
    for at, text in ((months[:1], "begins"), (months[-1:], "ends")):
        for year, month in zip(record.years[at // 12], at % 12 + 1, strict=True):
            if month == (1 if text == "begins" else 12):
                continue
            side = "earlier" if text == "begins" else "later"
            notes.append(
                f"the record {text} in {year}-{month:02d}: {side} months of that year are no part "
                f"of it, their climate is that of {label or 'the mean year'}"
            )
    return notes


def _before_notes(
    record: TowerRecord, history: ClimateHistory, first_year: int, warming: Warming
) -> list[str]:
    """Where the climate before the record comes from."""
    first = int(record.years[0])
    if not history.values:
        source = "the file's climatology" if record.climate else "the site file's climatology"
        return [f"climate before {first}: {source}, warming {warming!r}"]
    start = int(history.years[0])
    notes = []
    if max(start, first_year) < first:
        notes.append(f"climate {max(start, first_year)}-{first - 1}: {history.label}")
    if first_year < min(start, first):
        last = min(start + EARLY_YEARS, int(history.years[-1]) + 1) - 1
        notes.append(
            f"climate before {min(start, first)}: mean of {start}-{last} of {history.label}, "
            f"warming {warming!r}"
        )
    return notes


def _listed(texts: list[str]) -> str:
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return ", ".join(texts[:NAMED]) + more

"""Observations of a tower's record: months of low quality left out, errors, known doubts."""

from pathlib import Path

import numpy as np

from temjax.sites.entry import SiteEntry
from temjax.sites.observation_checks import quality_form
from temjax.sites.observation_notes import (
    STUCK_MONTHS,
    month_ranges,
    observation_notes,
    stuck_months,
)
from temjax.sites.observations import OBSERVED, MonthlySeries
from temjax.sites.place import place_notes
from temjax.sites.readers.record import MonthlyValues, Reading, TowerRecord
from temjax.sites.traps import doubts, widened

SENSOR_DEPTH = 0.05  # m; assumed where the file does not state it


def tower_observations(
    record: TowerRecord, entry: SiteEntry, reading: Reading
) -> tuple[dict[str, MonthlySeries], dict[str, str], list[str]]:
    """Monthly series of the observed variables, those that are absent with the reason, and notes.

    Months below the least quality become missing; an error that is not stated for a month is the
    median of the others, and known doubts about the data widen it.
    """
    series = {}
    depth, depth_notes = _sensor_depth(record.observed.get("soil_temperature"), entry)
    absent = {name: reason for name, reason in record.absent.items() if name in OBSERVED}
    notes: dict[str, list[str]] = {}  # text -> the columns that it holds for
    for name in OBSERVED:
        variable = record.observed.get(name)
        if variable is None:
            absent.setdefault(name, f"not in {Path(record.file).name}")
            continue
        values = variable.values
        if not np.isfinite(values).any():
            absent[name] = f"{variable.source} has no value"
            continue
        unfit, month_notes = _unfit_months(record, variable, reading)
        values = np.where(unfit, np.nan, values)
        if not np.isfinite(values).any():
            absent[name] = f"no month of {variable.source} is left: {'; '.join(month_notes)}"
            continue
        known = {"partition": variable.partition or "DT", "product": record.product}
        doubt = doubts(entry.traps, name, record.period, **known)
        if (doubt.sd > 0).any():
            month_notes.append(
                f"error widened by a doubt of {doubt.sd.max():.3g} {OBSERVED[name][0]} about "
                f"{record.product} data of this tower"
            )
        for text in month_notes:
            notes.setdefault(text, []).append(variable.source)
        series[name] = MonthlySeries(
            variable=name,
            unit=OBSERVED[name][0],
            period=record.period,
            values=values,
            sd=widened(_whole_sd(variable), doubt.sd),
            suspect=doubt.suspect,
            source=f"{variable.source} of {Path(record.file).name}",
            depth=depth if name == "soil_temperature" else None,
        )
    for name, variable in record.climate.items():
        if name != "co2" and variable.quality is not None:
            low = _quality_share(variable) < reading.least_quality
            if low.any():
                text = f"{low.sum()} months mostly gap-filled or from reanalysis"
                notes.setdefault(text, []).append(variable.source)
    merged = [f"{', '.join(sources)}: {text}" for text, sources in notes.items()]
    return (
        series,
        absent,
        [*place_notes(record, entry), *depth_notes, *merged, *observation_notes(record)],
    )


def _sensor_depth(sensor: MonthlyValues | None, entry: SiteEntry) -> tuple[float | None, list[str]]:
    """Depth of the soil sensor, m: of the site file, else of the tower's file; and a note."""
    if sensor is None:
        return None, []
    own = entry.sensors.soil_temperature.depth
    if own is None and sensor.depth is None:
        text = f"soil temperature: depth of {sensor.source} not stated, {100 * SENSOR_DEPTH:g} cm"
        return SENSOR_DEPTH, [f"{text} assumed"]
    if own is None or own == sensor.depth:
        return sensor.depth, []
    stated = "" if sensor.depth is None else f", the tower's file states {100 * sensor.depth:g} cm"
    return own, [f"soil temperature: {sensor.source} at {100 * own:g} cm by the site file{stated}"]


def _quality_share(variable: MonthlyValues) -> np.ndarray:
    """Quality as a share, 0-1, NaN where not stated."""
    if variable.quality is None:
        return np.full(variable.values.shape, np.nan)
    percent = quality_form(variable.quality) == "percent"
    return variable.quality / 100 if percent else variable.quality


def _unfit_months(
    record: TowerRecord, variable: MonthlyValues, reading: Reading
) -> tuple[np.ndarray, list[str]]:
    """Months to leave out, below the least quality or of one value over a year, and notes."""
    present, share = np.isfinite(variable.values), _quality_share(variable)
    low = present & (share < reading.least_quality)
    notes = []
    if variable.quality is not None and quality_form(variable.quality) == "percent":
        notes.append("quality read as percent")
    if low.any():
        notes.append(
            f"quality below {reading.least_quality:g}, left out: {month_ranges(record.years, low)}"
        )
    stuck = stuck_months(record, variable) & present & ~low
    if stuck.any():
        notes.append(
            f"one value in {STUCK_MONTHS} months on end or more, left out: "
            f"{month_ranges(record.years, stuck)}"
        )
    unknown = int((present & np.isnan(share)).sum())
    if variable.quality is not None and unknown:
        notes.append(f"quality not stated in {unknown} months, kept")
    return low | stuck, notes


def _whole_sd(variable: MonthlyValues) -> np.ndarray:
    """Standard deviation of every month, the median where none above 0 is stated; NaN without."""
    if variable.sd is None:
        return np.full(variable.values.shape, np.nan)
    valid = np.isfinite(variable.sd) & (variable.sd > 0)
    middle = np.median(variable.sd[valid]) if valid.any() else np.nan
    return np.where(valid, variable.sd, middle)

"""Climate of a tower's site from its first year on: the record, what lies before it, its gaps."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from temjax.files.findings import Finding
from temjax.forcing import Forcing
from temjax.runs.validation import check_months
from temjax.sites.entry import SiteEntry
from temjax.sites.history import Warming, site_forcing
from temjax.sites.readers.record import CLIMATE, Reading, TowerRecord


def complete_climate(
    record: TowerRecord,
    entry: SiteEntry,
    reading: Reading,
    *,
    warming: Warming = "none",
    first_year: int = 1901,
) -> tuple[Forcing | None, list[str], list[Finding]]:
    """Forcing of a record without gaps, notes on how it was completed, and findings.

    Args:
        record: of the tower.
        entry: facts of the site.
        reading: choices: ``fill_from_climatology``, ``history`` and ``co2``.
        warming: of the mean year before every record.
        first_year: start of the forcing.

    Returns:
        The forcing, None with findings.
    """
    climate, notes, findings = fill_gaps(record)
    if findings:
        return None, notes, findings
    forcing = site_forcing(
        {name: values.mean(axis=0) for name, values in climate.items()},
        record.period,
        tower=climate,
        warming=warming,
        first_year=first_year,
    )
    if reading.co2 == "tower" and "co2" in record.climate:
        measured = record.climate["co2"].values
        rows = np.array(forcing.co2)
        rows[-len(measured) :] = np.where(np.isnan(measured), rows[-len(measured) :], measured)
        forcing = replace(forcing, co2=jnp.asarray(rows))
    notes.append(f"climate before {record.years[0]}: the file's climatology, warming {warming!r}")
    return forcing, notes, []


def check_gaps(record: TowerRecord, reading: Reading) -> list[Finding]:
    """Findings of months that are absent from a record, and of gaps in its climate."""
    if reading.fill_from_climatology:
        return []
    months = [(int(record.years[y]), int(m) + 1) for y, m in np.argwhere(record.present)]
    findings = check_months(months, file=record.file, variable="TIMESTAMP")
    for name in CLIMATE:
        if name not in record.climate:
            continue
        variable = record.climate[name]
        gap = np.isnan(variable.values) & record.present
        if gap.any():
            stamps = [f"{record.years[y]}{m + 1:02d}" for y, m in np.argwhere(gap)]
            more = f" and {len(stamps) - 6} more" if len(stamps) > 6 else ""
            message = f"missing (-9999) in {', '.join(stamps[:6])}{more}"
            mend = "Fill these months, or use --fill-from-climatology (fill_from_climatology=True)."
            where = record.month_text(tuple(np.argwhere(gap)[0]))
            findings.append(Finding(record.file, variable.source, where, message, mend))
    return findings


def fill_gaps(
    record: TowerRecord,
) -> tuple[dict[str, np.ndarray], list[str], list[Finding]]:
    """Climate with gaps filled by the mean of the same month, notes and findings."""
    climate, notes, findings = {}, [], []
    for name in CLIMATE:
        variable = record.climate[name]
        values = variable.values
        gap = np.isnan(values)
        count = (~gap).sum(axis=0)
        empty = np.flatnonzero(count == 0)
        if empty.size:
            message = f"no year has a value for month {empty[0] + 1}: nothing to fill from"
            mend = "Give a file with at least one value for every month of the year."
            findings.append(Finding(record.file, variable.source, "", message, mend))
            continue
        mean = np.where(gap, 0.0, values).sum(axis=0) / count
        climate[name] = np.where(gap, mean, values)
        if gap.any():
            notes.append(
                f"{variable.source}: {gap.sum()} months filled from the file's climatology"
            )
    return climate, notes, findings

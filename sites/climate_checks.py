"""Levels of a tower's climate that no unit of the model gives: findings of a whole series.

Single values of another unit can lie inside the bounds of their variable (``check_climate``), a
whole series does not.
"""

import numpy as np

from temjax.files.findings import Finding
from temjax.sites.climate_history import extraterrestrial
from temjax.sites.observation_notes import STUCK_MONTHS, stuck_months
from temjax.sites.readers.record import TowerRecord

LEAST_RAIN = 5.0  # mm a year; the driest towers have some tens
LEAST_CLEARNESS = 0.12  # of the extraterrestrial shortwave; overcast coasts have 0.3
AIR_FROM_SOIL = 15.0  # K between the means; snow keeps a soil up to 10 K warmer
FEWEST_MONTHS = 12  # of a mean


def check_levels(record: TowerRecord, latitude: float | None) -> list[Finding]:
    """Findings of climate that does not move, or whose level is that of another unit.

    Args:
        record: of the tower, without codes of missing values.
        latitude: degrees north; None where unknown.
    """
    findings = []
    for name in ("air_temperature", "shortwave"):  # rain is at times known by the year alone
        variable = record.climate.get(name)
        stuck = None if variable is None else stuck_months(record, variable)
        if stuck is not None and stuck.any():
            at = tuple(np.argwhere(stuck)[0])
            message = (
                f"{variable.values[at]:g} in {stuck.sum()} months, {STUCK_MONTHS} on end or more: "
                "a sensor that hangs, or a filled series"
            )
            mend = "Write -9999 for these months, or give the measured values."
            where = record.month_text(at)
            findings.append(Finding(record.file, variable.source, where, message, mend))
    return [*findings, *_rain(record), *_light(record, latitude), *_warmth(record)]


def _mean_year(values: np.ndarray, others: np.ndarray) -> tuple[float, float] | None:
    """Means of two arrays ``(year, 12)`` over their common months; None with few."""
    both = np.isfinite(values) & np.isfinite(others)
    if both.sum() < FEWEST_MONTHS:
        return None
    return float(values[both].mean()), float(others[both].mean())


def _rain(record: TowerRecord) -> list[Finding]:
    """Finding of precipitation in metres or inches, or of a gauge that did not work."""
    variable = record.climate.get("precipitation")
    means = None if variable is None else _mean_year(variable.values, variable.values)
    if means is None or 12 * means[0] >= LEAST_RAIN:
        return []
    message = f"{12 * means[0]:.2g} mm of precipitation a year"
    mend = "Check the unit (metres?); write -9999 where the gauge did not work."
    return [Finding(record.file, variable.source, "", message, mend)]


def _light(record: TowerRecord, latitude: float | None) -> list[Finding]:
    """Finding of shortwave in MJ m-2 d-1, kWh m-2 d-1 or the like."""
    variable = record.climate.get("shortwave")
    top = np.broadcast_to(extraterrestrial(latitude), (record.years.size, 12))
    means = None if variable is None else _mean_year(variable.values, top)
    if means is None or means[0] >= LEAST_CLEARNESS * means[1] or not np.isfinite(means[1]):
        return []
    message = f"its mean {means[0]:.3g} W m-2 is {means[0] / means[1]:.1%} of that above the air"
    mend = "Give monthly mean W m-2: check MJ m-2 d-1 (divide by 0.0864) and kWh m-2 d-1."
    return [Finding(record.file, variable.source, "", message, mend)]


def _warmth(record: TowerRecord) -> list[Finding]:
    """Finding of air far warmer or colder than the soil: Fahrenheit, or another tower's."""
    air, soil = record.climate.get("air_temperature"), record.observed.get("soil_temperature")
    means = None if air is None or soil is None else _mean_year(air.values, soil.values)
    if means is None or abs(means[0] - means[1]) <= AIR_FROM_SOIL:
        return []
    message = (
        f"its mean {means[0]:.1f} °C lies {abs(means[0] - means[1]):.0f} K from that of "
        f"{soil.source}, {means[1]:.1f} °C"
    )
    mend = "Give both in °C: check °F, and whether both are of this tower."
    return [Finding(record.file, air.source, "", message, mend)]

"""Conversion of climate, CO2 and soil units to those of the model, with its findings.

An amount without a time is one of the record's interval.
"""

import numpy as np
from numpy.typing import NDArray

from temjax.conventions.units import QUANTITIES, UNDERSTOOD, known_unit
from temjax.forcing import MONTH_DAYS
from temjax.regional.inputs.grids.files import FileReader
from temjax.runs.validation import MISSING_VALUE
from temjax.units import DAYS_PER_YEAR, SECONDS_PER_DAY

MONTH_LENGTHS = np.array(MONTH_DAYS, dtype=float)

_TAKEN = {  # what values without units are taken for, and the range in which that is certain
    "air_temperature": ("degC", -95.0, 60.0),
    "precipitation": ("mm month-1", 0.0, 3000.0),
    "shortwave": ("W m-2", 0.0, 700.0),
    "co2": ("ppm", 100.0, 5000.0),
}
# a region's mean monthly rain, and its brightest month, in the smaller units that come without a
# name (mm d-1; MJ m-2 d-1) stay below these
_CERTAIN_MEAN_RAIN, _CERTAIN_BRIGHTEST = 10.0, 60.0
_LOOKS_KELVIN = 150.0


def conversion(
    kind: str, units: str, interval: float | None = None
) -> tuple[NDArray | float, float] | None:
    """Factor (a number, or one for each month) and offset from a unit to that of the model.

    Args:
        kind: air_temperature (°C), precipitation (mm month⁻¹), shortwave (W m⁻²), co2 (ppmv),
            elevation (m) or texture (percent).
        units: of the file.
        interval: seconds a record covers, for amounts that come without a time; of those without an
            interval only mm are understood, as sums of the month.

    Returns:
        None where the unit is not understood, or is none of this kind.
    """
    unit = known_unit(units, QUANTITIES[kind])
    if unit is None:
        return None
    if unit.lacks_time and interval is None:
        return (1.0, 0.0) if (unit.quantity, unit.scale) == ("water", 1.0) else None
    step = np.nan if interval is None else interval / SECONDS_PER_DAY
    return unit.monthly_factor(MONTH_LENGTHS, step=step, year=DAYS_PER_YEAR), unit.offset


def to_model_units(
    reader: FileReader,
    path: str,
    label: str,
    name: str,
    units: str,
    values: NDArray,
    interval: float | None = None,
) -> NDArray | None:
    """Convert values to the model's units, float32; None with a finding where that is not possible.

    Values without units are taken to be in the model's own where their size leaves no doubt, with a
    note.

    Args:
        reader: for the finding or note.
        path, label: file and variable.
        name: air_temperature, precipitation, shortwave or co2.
        units: of the file.
        values: ``([year,] 12, cell)`` where the factor depends on the month.
        interval: seconds a record covers, for amounts that come without a time; None for monthly
            sums in mm.
    """
    factor, offset = 1.0, 0.0
    if units.strip():
        found = conversion(name, units, interval)
        if found is None:
            mend = f"Give one of: {_understood(name)}."
            message = f"unit {units!r} is not understood"
            if conversion(name, units, SECONDS_PER_DAY):
                message += ": it names no time, a day or a month"
            reader.add_finding(path, label, message, mend)
            return None
        factor, offset = found
    elif not _told_by_size(reader, path, label, name, values):
        return None
    if isinstance(factor, np.ndarray):
        factor = factor[:, None]
    converted = values * factor
    converted += offset
    np.copyto(converted, values, where=values == MISSING_VALUE)
    return converted.astype(np.float32)


def _understood(name: str) -> str:
    return ", ".join(UNDERSTOOD[QUANTITIES[name]])


def _told_by_size(reader: FileReader, path: str, label: str, name: str, values: NDArray) -> bool:
    """Whether values without units can only be in the model's own; a note, or else a finding."""
    unit, low, high = _TAKEN[name]
    plain = values[np.isfinite(values) & (values != MISSING_VALUE) & (np.abs(values) < 1e15)]
    if not plain.size:
        return True  # nothing but gaps, which are findings of their own
    least, most, mean = float(plain.min()), float(plain.max()), float(plain.mean())
    doubtful = (name == "precipitation" and mean < _CERTAIN_MEAN_RAIN) or (
        name == "shortwave" and most < _CERTAIN_BRIGHTEST
    )
    size = f"no units, and values from {least:.4g} to {most:.4g}"
    if name == "air_temperature" and least > _LOOKS_KELVIN:
        mend = 'They look like kelvin: add the attribute units = "K".'
    elif not low <= mean <= high or doubtful:
        mend = f"Add the attribute units, one of: {_understood(name)}."
    else:
        reader.add_note(path, label, f"no units; taken as {unit}, which the values fit")
        return True
    reader.add_finding(path, label, size, mend)
    return False

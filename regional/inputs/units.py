"""Conversion of climate units to those of the model."""

import numpy as np
from numpy.typing import NDArray

from temjax.forcing import MONTH_DAYS
from temjax.regional.inputs.gridded import Reader
from temjax.units import SECONDS_PER_DAY, ZERO_CELSIUS

MONTH_LENGTHS = np.array(MONTH_DAYS, dtype=float)

# unit -> factor per month and offset that give °C, mm month⁻¹, W m⁻², ppmv
_UNITS: dict[str, dict[str, tuple[NDArray | float, float]]] = {
    "air_temperature": {
        **dict.fromkeys(("celsius", "degc", "c", "degrees_celsius", "degree_celsius"), (1.0, 0.0)),
        **dict.fromkeys(("k", "kelvin"), (1.0, -ZERO_CELSIUS)),
    },
    "precipitation": {
        **dict.fromkeys(("mm month-1", "mm/month", "mm", "kg m-2 month-1"), (1.0, 0.0)),
        **dict.fromkeys(("mm d-1", "mm/day", "mm day-1", "kg m-2 d-1"), (MONTH_LENGTHS, 0.0)),
        **dict.fromkeys(("kg m-2 s-1", "mm s-1"), (SECONDS_PER_DAY * MONTH_LENGTHS, 0.0)),
    },
    "shortwave": dict.fromkeys(("w m-2", "w/m2", "w m**-2", "w m^-2"), (1.0, 0.0)),
    "co2": dict.fromkeys(("ppm", "ppmv", "umol mol-1", "1e-6"), (1.0, 0.0)),
}


def to_model_units(
    reader: Reader, path: str, label: str, name: str, units: str, values: NDArray
) -> NDArray | None:
    """Convert values to the model's units, float32; values without units are not converted."""
    factor, offset = 1.0, 0.0
    if units:
        conversions = _UNITS[name]
        if units.casefold() not in conversions:
            reader.add_finding(path, label, f"unit {units!r} is not understood",
                        f"Give one of: {', '.join(conversions)}.")  # fmt: skip
            return None
        factor, offset = conversions[units.casefold()]
    if isinstance(factor, np.ndarray):
        factor = factor[:, None]
    missing = values == -9999
    return np.where(missing, values, values * factor + offset).astype(np.float32)

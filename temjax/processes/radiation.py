"""Solar radiation at the top of the atmosphere, at the canopy, and its photosynthetic part.

Source: docs/specification/model.md 2. All daily means of a month in cal cm⁻² d⁻¹.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax.forcing import MONTH_DAYS
from temjax.numerics import Cell, CellLike, larger, safe_divide, smaller

SHORTWAVE_TO_CALORIES = 86400.0 / 41868.0
"""cal cm⁻² d⁻¹ per W m⁻² (International Table calorie)."""

_PI = 3.141592654  # as TEM writes it
_SOLAR_CONSTANT = 1368.0 * 3600.0 / 41860.0  # cal cm⁻² h⁻¹
_OBLIQUITY = 23.4856 * _PI / 180.0  # rad


def canopy_irradiance_from_shortwave(shortwave: CellLike) -> Cell:
    """Irradiance at the canopy NIRR (cal cm⁻² d⁻¹) from downwelling shortwave (W m⁻²)."""
    return SHORTWAVE_TO_CALORIES * jnp.asarray(shortwave)


def gross_irradiance(latitude: Cell) -> Float[Array, "12 *cell"]:
    """Extraterrestrial irradiance GIRR of each month (cal cm⁻² d⁻¹).

    Args:
        latitude: Degrees north, `(*cell)`.

    The sum over 24 hour marks of every day of a 365-day year, averaged over each month
    (docs/specification/model.md 2).
    """
    latitude = jnp.asarray(latitude)
    hour_angle = (np.arange(1, 25) - 12.0) * _PI / 12.0
    cos_hour = jnp.asarray(np.cos(hour_angle), latitude.dtype).reshape((24,) + (1,) * latitude.ndim)
    sin_latitude = jnp.sin(latitude * (_PI / 180.0))
    cos_latitude = jnp.cos(latitude * (_PI / 180.0))

    day = np.arange(1, 366)
    declination = -_OBLIQUITY * np.cos(2.0 * _PI * (day + 10.0) / 365.25)
    distance = 1.0 - 0.016729 * np.cos(0.9856 * _PI / 180.0 * (day - 4.0))
    per_day = np.stack([np.sin(declination), np.cos(declination), _SOLAR_CONSTANT / distance**2])

    def daily_sum(terms):
        sin_declination, cos_declination, irradiance = terms
        sin_elevation = sin_latitude * sin_declination + cos_latitude * cos_declination * cos_hour
        return irradiance * jnp.sum(larger(sin_elevation, 0.0), axis=0)

    # One day at a time: a (365, 24, cell) block would not fit for large regions.
    daily = jax.lax.map(daily_sum, jnp.asarray(per_day.T, latitude.dtype))
    month_weights = np.repeat(np.eye(12), MONTH_DAYS, axis=1) / np.array(MONTH_DAYS)[:, None]
    return jnp.tensordot(jnp.asarray(month_weights, latitude.dtype), daily, axes=1)


def canopy_irradiance(gross_irradiance: CellLike, cloudiness: CellLike) -> Cell:
    """Irradiance at the canopy NIRR (cal cm⁻² d⁻¹) below clouds of `cloudiness` per cent."""
    return gross_irradiance * (0.251 + 0.509 * (1.0 - cloudiness / 100.0))


def cloudiness(gross_irradiance: CellLike, canopy_irradiance: CellLike) -> Cell:
    """Cloudiness (%) implied by the canopy irradiance NIRR.

    Zero where NIRR >= 0.71 GIRR (and in the polar night), at most 100. Not the inverse of
    `canopy_irradiance`: TEM's two maps have different coefficients (docs/specification/model.md 2).
    """
    is_clear = canopy_irradiance >= 0.71 * gross_irradiance
    clearness = safe_divide(canopy_irradiance, gross_irradiance, 1.0)
    cloudy = smaller(100.0, 100.0 * (1.0 - (clearness - 0.23) / 0.48))
    return jnp.where(is_clear, 0.0, cloudy)


def photosynthetically_active_radiation(canopy_irradiance: CellLike, cloudiness: CellLike) -> Cell:
    """Photosynthetically active radiation PAR (cal cm⁻² d⁻¹).

    45 % of NIRR under a clear sky, 65 % under full cloud.
    """
    return canopy_irradiance * (0.45 + 0.2 * cloudiness / 100.0)

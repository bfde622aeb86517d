"""Winter of the soil: months under snow, and the zero curtain of autumn.

The zero curtain is the time in which freezing water holds the ground at 0 °C; within ± 0.75 K of it
after Zona et al. (2016, doi:10.1073/pnas.1516017113). They count days of daily temperatures. Here
monthly means are joined by straight lines from mid-month to mid-month, of the observations and of
the run alike, and the days count that these lines spend in the band from mid-August to
mid-February. A curtain shorter than a month is smoothed, so lengths compare with each other, not
with those of daily data. The length is a continuous function of the monthly temperatures.
"""

import numpy as np

from temjax.forcing import MONTH_DAYS
from temjax.runs.simulate import Run
from temjax.sites.observations import MonthlySeries, paired

CURTAIN_BAND = 0.75  # K on both sides of 0 °C
AUTUMN = np.arange(7, 14)  # August to February, months after January of the first year
LEAST_SNOW = 1.0  # mm of water at the end of the month; our choice
ZERO_CURTAIN = "zero_curtain"  # name of the score, days


def time_in_band(
    temperature: np.ndarray, days: np.ndarray, band: float = CURTAIN_BAND
) -> np.ndarray:
    """Days that straight lines between temperatures spend within a band about 0 °C, ``(row,)``.

    Args:
        temperature: °C, ``(row, point)``; a row with a missing value gives NaN.
        days: between the points, ``(point - 1,)``.
        band: half its width, K.
    """
    first, last = temperature[:, :-1], temperature[:, 1:]
    length = np.abs(last - first)
    inside = np.abs(np.clip(last, -band, band) - np.clip(first, -band, band))
    level = length == 0  # a constant temperature is inside all the time or never
    constant = np.where(np.isnan(first), np.nan, np.abs(first) <= band)
    return (np.where(level, constant, inside / np.where(level, 1.0, length)) * days).sum(axis=1)


def zero_curtain(temperature: np.ndarray, *, southern: bool = False) -> np.ndarray:
    """Length of the zero curtain in the autumn that begins in each year, days, ``(year,)``.

    NaN where a month is missing, as in the last year, whose autumn ends in the next. One mean year
    follows itself.

    Args:
        temperature: monthly means of consecutive years, °C, ``(year, 12)``.
        southern: the autumn begins in February.
    """
    years = temperature.shape[0]
    after = temperature[:1] if years == 1 else np.full((1, 12), np.nan)
    months = np.concatenate([temperature, after]).ravel()
    of_window = AUTUMN - 6 * southern
    rows = months[12 * np.arange(years)[:, None] + of_window]
    length = np.asarray(MONTH_DAYS, float)[of_window % 12]
    return time_in_band(rows, 0.5 * (length[:-1] + length[1:]))


def snow_months(series: MonthlySeries, run: Run) -> np.ndarray:
    """True in the months of a series at whose end the run has snow, ``(year, 12)``."""
    _, pack = paired(series, np.asarray(run.monthly.snowpack), np.asarray(run.years))
    return pack > LEAST_SNOW

"""Bias correction of a climate series to a tower, month by month over their common months.

Air temperature moves by the difference of the means of a calendar month, precipitation and
shortwave are multiplied by their ratio, so that the means of the corrected series over the common
months are the tower's (linear scaling; Lenderink et al. 2007, doi:10.5194/hess-11-1145-2007).
"""

import numpy as np

SMALLEST = {"precipitation": 1.0, "shortwave": 1.0}  # mm month⁻¹, W m⁻²: below, the annual ratio
FACTORS = (0.2, 5.0)  # limits of a ratio
LARGEST_DIFFERENCE = 3.0  # K between the means; beyond it, a warning
RATIOS = {"precipitation": (0.5, 2.0), "shortwave": (0.75, 1.33)}  # of the means; likewise
SMALLEST_CORRELATION = 0.9  # of monthly air temperature; likewise


def on_years(values: np.ndarray, years: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Rows of ``values`` for the wanted years, NaN where there is none, ``(wanted, 12)``.

    Args:
        values: ``(year, 12)``.
        years: their calendar years.
        wanted: calendar years.
    """
    rows = np.full((len(wanted), 12), np.nan)
    known = np.isin(wanted, years)
    rows[known] = values[np.searchsorted(years, np.asarray(wanted)[known])]
    return rows


def correction(name: str, measured: np.ndarray, modelled: np.ndarray) -> tuple[np.ndarray, int]:
    """Terms (K) or factors of the twelve months, and the number of factors that were limited.

    A month without common values, or with less than ``SMALLEST`` in the series, takes the term or
    factor of the whole year.

    Args:
        name: of the variable; ``air_temperature`` is corrected by terms.
        measured: by the tower, ``(year, 12)``, NaN where missing.
        modelled: by the series in the same years.
    """
    both = np.isfinite(measured) & np.isfinite(modelled)
    count = both.sum(axis=0)
    tower = np.where(both, measured, 0.0).sum(axis=0)
    series = np.where(both, modelled, 0.0).sum(axis=0)
    known = count > 0
    if name == "air_temperature":
        whole = (tower.sum() - series.sum()) / count.sum()
        return np.where(known, (tower - series) / np.maximum(count, 1), whole), 0
    whole = tower.sum() / series.sum() if series.sum() > 0 else 1.0
    known = known & (series >= SMALLEST[name] * count)
    factors = np.where(known, tower / np.where(known, series, 1.0), whole)
    limited = np.clip(factors, *FACTORS)
    return limited, int((limited != factors).sum())


def apply_correction(name: str, values: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Series ``(year, 12)`` with the terms or factors of :func:`correction`."""
    return values + terms if name == "air_temperature" else values * terms


def disagreements(name: str, measured: np.ndarray, modelled: np.ndarray) -> list[str]:
    """Clauses on how far a series and the tower differ in their common months, with numbers."""
    both = np.isfinite(measured) & np.isfinite(modelled)
    tower, series = measured[both], modelled[both]
    found = []
    if name == "air_temperature":
        difference = series.mean() - tower.mean()
        if abs(difference) > LARGEST_DIFFERENCE:
            found.append(f"mean {difference:+.1f} K from the tower's")
        spread = tower.std() * series.std()
        r = ((tower - tower.mean()) * (series - series.mean())).mean() / spread if spread else 0.0
        if r < SMALLEST_CORRELATION:
            found.append(f"correlation of the months {r:.2f}")
    elif tower.mean() > 0:
        ratio = series.mean() / tower.mean()
        low, high = RATIOS[name]
        if not low <= ratio <= high:
            found.append(f"mean {ratio:.2f} times the tower's")
    return found

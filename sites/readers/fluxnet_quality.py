"""Quality and uncertainty of FLUXNET columns."""

import numpy as np

from temjax.sites.readers.fluxnet_table import FluxnetTable

QUARTILE = 0.674  # of the standard normal distribution, in standard deviations


def quality_of(table: FluxnetTable, column: str) -> np.ndarray | None:
    """Share of measured and good-quality filled data, None where the file has no value of it."""
    return table.columns[f"{column}_QC"] if table.count(f"{column}_QC") else None


def flux_quality(table: FluxnetTable, column: str, threshold: str) -> np.ndarray | None:
    """Quality of a flux: of its own column, else of the reference of its threshold."""
    own = quality_of(table, column)
    return own if own is not None else quality_of(table, f"NEE_{threshold}_REF")


def net_sd(table: FluxnetTable, column: str, prefix: str) -> tuple[np.ndarray | None, str]:
    """Standard deviation of NEE, per day, and its source; None and empty without one.

    The joint error; else the random error and, in quadrature, the range over thresholds.
    """
    if table.count(f"{column}_JOINTUNC"):
        return table.columns[f"{column}_JOINTUNC"], f"{column}_JOINTUNC"
    spread, source = range_sd(table, prefix)
    if not table.count(f"{column}_RANDUNC"):
        return spread, source
    random = table.columns[f"{column}_RANDUNC"]
    if spread is None:
        return random, f"{column}_RANDUNC"
    both = np.hypot(np.nan_to_num(random), np.nan_to_num(spread))
    sd = np.where(np.isnan(random) & np.isnan(spread), np.nan, both)
    return sd, f"{column}_RANDUNC and {source}"


def range_sd(table: FluxnetTable, prefix: str) -> tuple[np.ndarray | None, str]:
    """Standard deviation over friction-velocity thresholds, per day, and its source.

    Half the 16-84 % range, else half the 25-75 % range over ``QUARTILE``; random error is not in
    it.
    """
    for low, high, factor in ((16, 84, 2), (25, 75, 2 * QUARTILE)):
        columns = f"{prefix}_{low}", f"{prefix}_{high}"
        if all(map(table.count, columns)):
            bottom, top = (table.columns[column] for column in columns)
            return (top - bottom) / factor, f"half of {columns[0]} to {columns[1]}"
    return None, ""

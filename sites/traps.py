"""Known faults of a site's data: months to leave out, doubts to widen errors by, notes."""

import numpy as np

from temjax.sites.entry_tables import DataFault


def trap_notes(
    faults: list[DataFault], years: set[int], *, partition: str, product: str = ""
) -> list[str]:
    """Faults that concern the data at hand, in words.

    Args:
        faults: of the site's data.
        years: with observations; empty: every year.
        partition: of GPP and RECO.
        product: of the data; empty: faults of every product.
    """
    return [
        f"{fault.variable}: {fault.text}"
        for fault in faults
        if fault.concerns(product, partition)
        and (not fault.years or not years or years & set(fault.years))
    ]


def suspect_months(
    faults: list[DataFault],
    variable: str,
    period: tuple[int, int],
    *,
    partition: str,
    product: str = "",
    mean: bool = False,
) -> np.ndarray:
    """Mask of months that known faults exclude from fits, ``(year, 12)``.

    Args:
        faults: of the site's data.
        variable: observed.
        period: first and last year.
        partition: of GPP and RECO.
        product: of the data; empty: faults of every product count.
        mean: the period is one mean year ``(1, 12)``: faults of single years do not exclude a
            month, faults of a month in every year do.
    """
    years = np.arange(period[0], period[1] + 1)
    suspect = np.zeros((1 if mean else years.size, 12), dtype=bool)
    for fault in faults:
        touched = fault.suspect and fault.variable == variable
        if touched and fault.concerns(product, partition) and not (mean and fault.years):
            suspect |= _months_of(fault, years, suspect.shape)
    return suspect


def structural_sd(
    faults: list[DataFault],
    variable: str,
    period: tuple[int, int],
    *,
    partition: str,
    product: str = "",
    mean: bool = False,
) -> np.ndarray:
    """Standard deviation of doubts about the data, ``(year, 12)``, 0 where there are none.

    The arguments are those of :func:`suspect_months`.
    """
    years = np.arange(period[0], period[1] + 1)
    variance = np.zeros((1 if mean else years.size, 12))
    for fault in faults:
        doubted = fault.structural_sd is not None and fault.variable == variable
        if doubted and fault.concerns(product, partition) and not (mean and fault.years):
            months = _months_of(fault, years, variance.shape)
            variance += np.where(months, (fault.structural_sd or 0.0) ** 2, 0.0)
    return np.sqrt(variance)


def widened(sd: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """Standard deviation with a doubt in quadrature; the doubt where no error is stated."""
    return np.where(doubt > 0, np.hypot(np.where(np.isnan(sd), 0.0, sd), doubt), sd)


def _months_of(fault: DataFault, years: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Months that a fault touches, ``shape``: of the years, or of one mean year."""
    rows = np.isin(years, fault.years) if fault.years else np.ones(shape[0], dtype=bool)
    months = np.isin(np.arange(1, 13), fault.months) if fault.months else np.ones(12, dtype=bool)
    return rows[:, None] & months

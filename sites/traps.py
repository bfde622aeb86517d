"""Known faults of a site's data: months to leave out, doubts to widen errors by, notes."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Doubts:
    """What known faults say of the months of a variable, ``(year, 12)`` each.

    Attributes:
        suspect: months to leave out of fits.
        sd: standard deviation of doubts about the data, 0 where there are none.
    """

    suspect: np.ndarray
    sd: np.ndarray


def doubts(
    faults: list[DataFault],
    variable: str,
    period: tuple[int, int],
    *,
    partition: str,
    product: str = "",
    mean: bool = False,
) -> Doubts:
    """Months that known faults exclude from fits, and the doubts that widen errors.

    Args:
        faults: of the site's data.
        variable: observed.
        period: first and last year.
        partition: of GPP and RECO.
        product: of the data; empty: faults of every product count.
        mean: the period is one mean year ``(1, 12)``: faults of single years do not touch a month,
            faults of a month in every year do.
    """
    years = np.arange(period[0], period[1] + 1)
    suspect = np.zeros((1 if mean else years.size, 12), dtype=bool)
    variance = np.zeros(suspect.shape)
    for fault in faults:
        if fault.variable != variable or not fault.concerns(product, partition):
            continue
        if mean and fault.years:
            continue
        months = _months_of(fault, years, suspect.shape)
        suspect |= months & fault.suspect
        variance += months * (fault.structural_sd or 0.0) ** 2
    return Doubts(suspect, np.sqrt(variance))


def widened(sd: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """Standard deviation with a doubt in quadrature; the doubt where no error is stated."""
    return np.where(doubt > 0, np.hypot(np.where(np.isnan(sd), 0.0, sd), doubt), sd)


def _months_of(fault: DataFault, years: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Months that a fault touches, ``shape``: of the years, or of one mean year."""
    rows = np.isin(years, fault.years) if fault.years else np.ones(shape[0], dtype=bool)
    months = np.isin(np.arange(1, 13), fault.months) if fault.months else np.ones(12, dtype=bool)
    return rows[:, None] & months

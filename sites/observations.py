"""What was measured at a place: monthly series, stocks, and how well a simulation matches them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from temjax.files.findings import raise_findings
from temjax.outputs import MONTHLY_OUTPUTS
from temjax.validation import check_overlap

# observed output -> (unit, short name)
OBSERVED = {
    name: (MONTHLY_OUTPUTS[name].unit_with_element, MONTHLY_OUTPUTS[name].symbol or "Tsoil")
    for name in (
        "gross_primary_production", "ecosystem_respiration", "net_ecosystem_production",
        "soil_temperature",
    )
}  # fmt: skip
STOCKS = {"soil_organic_carbon": "SOC", "soil_organic_nitrogen": "SON"}


@dataclass(frozen=True)
class MonthlySeries:
    """Monthly observations of one quantity, by year or as one mean year.

    Attributes:
        variable: name as in ``OBSERVED``.
        unit: fluxes are sums over the month.
        period: first and last calendar year of the measurements.
        values: ``(year, 12)``, NaN where missing or below the quality threshold; ``(1, 12)`` for
            a climatology of ``period``.
        sd: standard deviation of each value, same shape, NaN where unknown. Of a climatology: of
            the years about their mean (two or three years: a rough figure).
        suspect: True where a known fault makes the value unfit for fitting; the value stays.
        depth: of a soil sensor, m.
        source: where the figures come from.
    """

    variable: str
    unit: str
    period: tuple[int, int]
    values: np.ndarray
    sd: np.ndarray
    suspect: np.ndarray
    source: str
    depth: float | None = None

    @property
    def is_climatology(self) -> bool:
        """One mean year for a period of several."""
        return self.values.shape[0] != self.years.size

    @property
    def years(self) -> np.ndarray:
        """Calendar years of ``period``, ``(year,)``."""
        return np.arange(self.period[0], self.period[1] + 1)

    @property
    def usable(self) -> np.ndarray:
        """True where a value is present and no known fault touches it."""
        return np.isfinite(self.values) & ~self.suspect

    def climatology(self, *, usable_only: bool = False) -> np.ndarray:
        """Mean year ``(12,)``, NaN where no year has a value."""
        kept = self.usable if usable_only else np.isfinite(self.values)
        total = np.where(kept, self.values, 0.0).sum(axis=0)
        count = kept.sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@dataclass(frozen=True)
class Stock:
    """An observed stock: value and standard deviation in ``unit`` over ``depth``.

    Also the ``[stocks.<pool>]`` table of a site file, where unknown keys are refused.
    """

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid"}

    value: float
    sd: float
    unit: str
    depth: str
    source: str
    assumed: bool = False


@dataclass(frozen=True)
class AnnualFigure:
    """A published or summed annual figure."""

    year: int
    value: float
    unit: str
    source: str


@dataclass(frozen=True)
class Observations:
    """Everything observed at a site.

    Attributes:
        monthly: variable -> series.
        stocks: ``soil_organic_carbon``, ``soil_organic_nitrogen``.
        annual: variable -> figures by year.
    """

    monthly: Mapping[str, MonthlySeries] = field(default_factory=dict)
    stocks: Mapping[str, Stock] = field(default_factory=dict)
    annual: Mapping[str, tuple[AnnualFigure, ...]] = field(default_factory=dict)

    @property
    def period(self) -> tuple[int, int] | None:
        """First and last year with monthly observations."""
        spans = [series.period for series in self.monthly.values()]
        if not spans:
            return None
        return min(first for first, _ in spans), max(last for _, last in spans)


@dataclass(frozen=True)
class Skill:
    """Agreement of paired values; NaN where it is not defined.

    Attributes:
        count: pairs.
        squared_correlation: square of Pearson's r.
        nash_sutcliffe: 1 - sum of squared errors / sum of squares about the observed mean.
        rmse: root mean square error, the unit of the data.
        bias: mean of simulated - observed.
        observed_mean, simulated_mean: over the pairs.
    """

    count: int
    squared_correlation: float
    nash_sutcliffe: float
    rmse: float
    bias: float
    observed_mean: float
    simulated_mean: float


def skill(observed: np.ndarray, simulated: np.ndarray) -> Skill:
    """Skill over the pairs in which both values are finite.

    Raises:
        ValueError: the shapes differ.
    """
    observed, simulated = np.asarray(observed, dtype=float), np.asarray(simulated, dtype=float)
    if observed.shape != simulated.shape:
        raise ValueError(f"observed {observed.shape} and simulated {simulated.shape} differ")
    both = np.isfinite(observed) & np.isfinite(simulated)
    o, s = observed[both], simulated[both]
    if o.size < 2:
        return Skill(o.size, *(np.nan,) * 6)
    error = s - o
    spread, moved = o - o.mean(), s - s.mean()
    variance = float(spread @ spread)
    joint = variance * float(moved @ moved)
    return Skill(
        count=o.size,
        squared_correlation=float(spread @ moved) ** 2 / joint if joint > 0 else np.nan,
        nash_sutcliffe=1 - float(error @ error) / variance if variance > 0 else np.nan,
        rmse=float(np.sqrt(np.mean(error**2))),
        bias=float(error.mean()),
        observed_mean=float(o.mean()),
        simulated_mean=float(s.mean()),
    )


def paired(
    series: MonthlySeries, simulated: np.ndarray, years: np.ndarray, *, usable_only: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Observed and simulated months of the same calendar months.

    A climatology is paired with the mean of the simulated years of its period.

    Args:
        simulated: ``(year, 12)``.
        years: calendar years of ``simulated``.

    Returns:
        Two arrays of one shape; observed is NaN where missing (or suspect, if ``usable_only``).

    Raises:
        DataError: no simulated year was observed.
    """
    years = np.asarray(years)
    spans = {"simulation": years, f"observed {series.variable}": series.years}
    raise_findings(check_overlap(spans))
    rows = np.asarray(simulated)[np.isin(years, series.years)]
    kept = series.usable if usable_only else np.isfinite(series.values)
    observed = np.where(kept, series.values, np.nan)
    if series.is_climatology:
        return observed, rows.mean(axis=0, keepdims=True)
    return observed[np.isin(series.years, years)], rows

"""Observations of a site (monthly series, stocks, annual sums), and skill of a simulation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from temjax.files.findings import raise_findings
from temjax.outputs import MONTHLY_OUTPUTS
from temjax.runs.validation import check_overlap
from temjax.sites.soil_profiles import SoilProfile

# observed output -> (unit, short name)
OBSERVED = {
    name: (MONTHLY_OUTPUTS[name].unit_with_element, MONTHLY_OUTPUTS[name].symbol or "Tsoil")
    for name in (
        "gross_primary_production", "ecosystem_respiration", "net_ecosystem_production",
        "soil_temperature",
    )
}  # fmt: skip
# g C m⁻² d⁻¹, mean of a month; the largest of maize and tropical forest are about 25
LARGEST_FLUX = 40.0
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
        """Whether the values are one mean year of a period of several."""
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
        return mean_over_years(self.values, self.usable if usable_only else None)


def mean_over_years(values: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Mean over the first axis, NaN where it has no value.

    Args:
        values: ``(year, 12)``.
        mask: values to average; by default the finite ones.
    """
    mask = np.isfinite(values) if mask is None else mask
    total = np.where(mask, values, 0.0).sum(axis=0)
    count = mask.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def leave_one_year_out_climatology(values: np.ndarray, available: np.ndarray) -> np.ndarray:
    """Leave-one-year-out climatology: mean of the same month in the other years, ``(year, 12)``.

    Args:
        values: observations.
        available: True where a month may enter the mean.
    """
    own = np.where(available, values, 0.0)
    total = own.sum(axis=0)
    others = available.sum(axis=0) - available
    return np.where(others > 0, (total - own) / np.maximum(others, 1), np.nan)


@dataclass(frozen=True)
class Stock:
    """Observed stock: value and standard deviation in ``unit`` over ``depth``.

    Also the ``[stocks.<pool>]`` and ``[type_stocks.<pool>]`` tables of a site file, where unknown
    keys are refused.
    """

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid"}

    value: float
    sd: float
    unit: str
    depth: str
    source: str
    assumed: bool = False


@dataclass(frozen=True)
class AnnualValue:
    """Published or summed annual value."""

    year: int
    value: float
    unit: str
    source: str


@dataclass(frozen=True)
class Observations:
    """Observations of a site.

    Attributes:
        monthly: variable -> series.
        stocks: of the place, ``soil_organic_carbon``, ``soil_organic_nitrogen``.
        type_stocks: of the place's vegetation type, that is, without what grazing and other history
            did to the soil of this place; same names.
        thaw_depth: largest of a year, mean of recent years, m.
        annual: variable -> values by year.
        profiles: of soil temperature, one a day.
    """

    monthly: Mapping[str, MonthlySeries] = field(default_factory=dict)
    stocks: Mapping[str, Stock] = field(default_factory=dict)
    type_stocks: Mapping[str, Stock] = field(default_factory=dict)
    thaw_depth: Stock | None = None
    annual: Mapping[str, tuple[AnnualValue, ...]] = field(default_factory=dict)
    profiles: tuple[SoilProfile, ...] = ()

    @property
    def period(self) -> tuple[int, int] | None:
        """First and last year with monthly observations."""
        periods = [series.period for series in self.monthly.values()]
        if not periods:
            return None
        return min(first for first, _ in periods), max(last for _, last in periods)

    def covers(self, year: int) -> bool:
        """Whether a year lies in the period of the months, or has a soil temperature profile."""
        period = self.period
        in_months = period is not None and period[0] <= year <= period[1]
        return in_months or any(one.date.year == year for one in self.profiles)


@dataclass(frozen=True)
class Skill:
    """Skill scores of paired values; NaN where not defined.

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
    """Skill scores over the pairs in which both values are finite.

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
    o_anomaly, s_anomaly = o - o.mean(), s - s.mean()
    variance = float(o_anomaly @ o_anomaly)
    joint = variance * float(s_anomaly @ s_anomaly)
    return Skill(
        count=o.size,
        squared_correlation=float(o_anomaly @ s_anomaly) ** 2 / joint if joint > 0 else np.nan,
        nash_sutcliffe=1 - float(error @ error) / variance if variance > 0 else np.nan,
        rmse=float(np.sqrt(np.mean(error**2))),
        bias=float(error.mean()),
        observed_mean=float(o.mean()),
        simulated_mean=float(s.mean()),
    )


def paired(
    series: MonthlySeries, simulated: np.ndarray, years: np.ndarray, *, usable_only: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Observed and simulated values of the same calendar months.

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
    periods = {"simulation": years, f"observed {series.variable}": series.years}
    raise_findings(check_overlap(periods))
    rows = np.asarray(simulated)[np.isin(years, series.years)]
    valid = series.usable if usable_only else np.isfinite(series.values)
    observed = np.where(valid, series.values, np.nan)
    if series.is_climatology:
        return observed, rows.mean(axis=0, keepdims=True)
    return observed[np.isin(series.years, years)], rows

"""Calibration targets: observed values, their errors and weights, and held-out years."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np

from temjax.calibration.gross_flux import GROSS_FLUX, PARTITIONED, join_gross_flux
from temjax.calibration.soil_profile import SOIL_PROFILE, profile_target
from temjax.calibration.target import Target
from temjax.calibration.type_stocks import TYPE_STOCKS, observed_stocks
from temjax.sites import MonthlySeries, Site
from temjax.sites.account import absent_reason

MONTHLY_TARGETS = (
    "net_ecosystem_production",
    "gross_primary_production",
    "ecosystem_respiration",
    "evapotranspiration",
    "soil_temperature",
)
STOCK_TARGETS = ("soil_organic_carbon", "soil_organic_nitrogen", "maximum_thaw_depth")
ALIASES = {
    "nep": "net_ecosystem_production",
    "gpp": "gross_primary_production",
    "reco": "ecosystem_respiration",
    "gross": "gross_flux",
    "eet": "evapotranspiration",
    "soc": "soil_organic_carbon",
    "son": "soil_organic_nitrogen",
    "type_soc": "type_soil_organic_carbon",
    "type_son": "type_soil_organic_nitrogen",
    "alt": "maximum_thaw_depth",
    "profile": SOIL_PROFILE,
}
DEFAULT_TARGETS = ("nep", "gpp", "reco", "soil_temperature", "soc", "son")
DEFAULT_TYPE_STOCKS = ("type_soc", "type_son")
MINIMUM_MONTHS = 12


@dataclass(frozen=True)
class ErrorModel:
    """Error model of the observations: model-error floors, partitioning error and weights.

    They are standard deviations, added in quadrature to the measurement's own uncertainty.

    Attributes:
        flux: floor of monthly NEP, GPP and RECO, g C m⁻² month⁻¹; our choice.
        temperature: floor of soil temperature, of a month or in a profile, K.
        water: floor of monthly evapotranspiration, mm month⁻¹.
        annual_flux: of the annual NEP sum, g C m⁻² yr⁻¹; ``None`` leaves annual sums out.
        partitioning: of GPP and RECO, as a share of their value; our choice, tighter than the
            day-time and night-time partitions of towers agree (docs/calibration.md).
        thaw_depth: of a point beside the cell of a region, m; our choice (docs/calibration.md).
        stock: of soil stocks in a region, as a share of their value; our choice.
        weights: factor on a target's share of the loss, by output name; 1 where not named.

    Raises:
        ValueError: a floor or weight that is not a positive number, or a negative share.
    """

    flux: float = 5.0
    temperature: float = 1.0
    water: float = 10.0
    annual_flux: float | None = None
    partitioning: float = 0.05
    thaw_depth: float = 0.5
    stock: float = 0.15
    weights: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        annual = "not fitted" if self.annual_flux is None else f"{self.annual_flux:g} g C m⁻² yr⁻¹"
        weights = ", ".join(f"{name.replace('_', ' ')} {w:g}" for name, w in self.weights.items())
        return (
            f"monthly fluxes {self.flux:g} g C m⁻² month⁻¹, GPP and RECO also "
            f"{self.partitioning:.0%} of their value, soil temperature "
            f"{self.temperature:g} K, evapotranspiration {self.water:g} mm month⁻¹, in quadrature "
            f"with the measurements' own; annual NEP {annual}; weights {weights or 'all 1'}"
        )

    def __post_init__(self) -> None:
        named = {ALIASES.get(name, name): float(value) for name, value in self.weights.items()}
        object.__setattr__(self, "weights", named)
        floors = {
            name: getattr(self, name)
            for name in ("flux", "temperature", "water", "thaw_depth", "stock")
        }
        for name, value in {**floors, **named}.items():
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"ErrorModel: {name} = {value}; it must be a positive number")
        if not (np.isfinite(self.partitioning) and self.partitioning >= 0):
            raise ValueError(
                f"ErrorModel: partitioning = {self.partitioning}; it must be 0 or a positive share"
            )

    def floor(self, variable: str) -> float:
        """Standard deviation of the model error of a monthly target, in its unit."""
        if variable == "soil_temperature":
            return self.temperature
        return self.water if variable == "evapotranspiration" else self.flux

    def total_sd(self, variable: str, values: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Standard deviation of monthly values from the measurement's own, NaN where unknown."""
        share = self.partitioning if variable in PARTITIONED else 0.0
        known, scaled = np.nan_to_num(own, nan=0.0), share * np.nan_to_num(values, nan=0.0)
        return np.sqrt(known**2 + scaled**2 + self.floor(variable) ** 2)

    def weight(self, variable: str) -> float:
        """Factor on the target's share of the loss."""
        return self.weights.get(variable, 1.0)


DEFAULT_ERRORS = ErrorModel()


def monthly_target(
    series: MonthlySeries,
    years: np.ndarray,
    errors: ErrorModel,
    holdout: tuple[int, ...],
    where: str,
) -> Target:
    """Target of a monthly series.

    Raises:
        ValueError: no overlap with the run, or fewer than 12 months left to fit.
    """
    first, last = overlap(series, years)
    if first > last:
        raise ValueError(
            f"{where}: {series.variable} was observed {series.period[0]}–{series.period[1]}, the "
            f"run covers {years[0]}–{years[-1]}; give forcing for the observed years"
        )
    usable, values, sd = series.usable, series.values, series.sd
    held_out = np.zeros_like(usable)
    if series.is_climatology:
        if holdout:
            raise ValueError(
                f"{where}: {series.variable} is one mean year of {series.period[0]}–"
                f"{series.period[1]}; years can be held out of monthly series only (give the "
                "tower's FLUXNET file, or its folder in TEMJAX_FLUXNET)"
            )
    else:
        inside = (series.years >= first) & (series.years <= last)
        usable, values, sd = usable[inside], values[inside], sd[inside]
        held_out = usable & np.isin(np.arange(first, last + 1), holdout)[:, None]
    used = usable & ~held_out
    if fault := months_fault(int(used.sum())):
        raise ValueError(f"{where}: {series.variable} has {fault}")
    return Target(
        variable=series.variable,
        kind="monthly",
        rows=(int(first - years[0]), int(last - years[0]) + 1),
        mean_year=series.is_climatology,
        weight=errors.weight(series.variable),
        values=jnp.asarray(np.where(usable, values, 0.0)),
        sd=jnp.asarray(errors.total_sd(series.variable, values, sd)),
        used=jnp.asarray(used, float),
        held_out=jnp.asarray(held_out, float),
    )


def overlap(series: MonthlySeries, years: np.ndarray) -> tuple[int, int]:
    """First and last year that both a series and a run cover; none where the first is later."""
    return max(series.period[0], int(years[0])), min(series.period[1], int(years[-1]))


def months_fault(months: int) -> str:
    """What speaks against a target of so many months, empty if nothing does."""
    if months >= MINIMUM_MONTHS:
        return ""
    return f"{months} usable months to fit; a fit needs at least {MINIMUM_MONTHS}"


def annual_target(monthly: Target, sd: float, weight: float) -> Target:
    """Target of annual sums: calendar years with every month used, or every month held out."""
    used = jnp.all(monthly.used > 0, axis=1)
    held_out = jnp.all(monthly.held_out > 0, axis=1)
    values = jnp.where(used | held_out, jnp.sum(monthly.values, axis=1), 0.0)
    return Target(
        variable=monthly.variable,
        kind="annual",
        rows=monthly.rows,
        mean_year=monthly.mean_year,
        weight=weight,
        values=values,
        sd=jnp.full(values.shape, sd),
        used=jnp.asarray(used, float),
        held_out=jnp.asarray(held_out, float),
    )


def stock_target(variable: str, value: float, sd: float, weight: float = 1.0) -> Target:
    """Target of one number: a stock at the end of the run, or the thaw depth.

    Args:
        variable: ``soil_organic_carbon`` or ``soil_organic_nitrogen`` (g m⁻²); these with
            ``type_`` before, in the January in which the disequilibrium factor acts and without it;
            or ``maximum_thaw_depth``, the mean of the last ten years (m).
        value: observed.
        sd: its standard deviation.
        weight: factor on its share of the loss.

    Raises:
        ValueError: unknown variable or a standard deviation that is not positive.
    """
    if variable not in (known := (*STOCK_TARGETS, *TYPE_STOCKS)):
        raise ValueError(f"{variable!r} is no stock; choose {', '.join(known)}")
    if not sd > 0:
        raise ValueError(f"{variable}: standard deviation {sd} must be positive")
    # Through NumPy: a weakly typed scalar would cost a compilation of its own.
    numbers = (jnp.asarray(np.asarray(x, dtype=float)) for x in (value, sd, 1.0, 0.0))
    return Target(variable, "stock", (0, 0), False, weight, *numbers)


def site_targets(
    site: Site, names: tuple[str, ...], errors: ErrorModel, holdout: tuple[int, ...]
) -> tuple[Target, ...]:
    """Targets of a site, by output name or short name.

    Raises:
        ValueError: not observed, named twice, too short, or a hold-out year without data.
    """
    years = np.asarray(site.forcing.years)
    observed = site.observations
    period = observed.period
    for year in holdout:
        if not observed.covers(year):
            span = "no monthly observations" if period is None else f"{period[0]}–{period[1]}"
            raise ValueError(f"{site.name}: hold-out year {year} was not observed ({span})")
    stocks = observed_stocks(site)
    observed_names = [*observed.monthly, *stocks]
    observed_names += [SOIL_PROFILE] if observed.profiles else []
    selected: dict[str, list[Target]] = {}
    for name in names:
        variable = ALIASES.get(name, name)
        if variable in selected:
            raise ValueError(f"target {variable!r} is named twice")
        if variable in observed.monthly:
            series = observed.monthly[variable]
            selected[variable] = [monthly_target(series, years, errors, holdout, site.name)]
            if variable == "net_ecosystem_production" and errors.annual_flux is not None:
                monthly = selected[variable][0]
                selected[variable].append(
                    annual_target(monthly, errors.annual_flux, errors.weight(variable))
                )
        elif variable in stocks:
            stock = stocks[variable]
            weight = errors.weight(variable)
            selected[variable] = [stock_target(variable, stock.value, stock.sd, weight)]
        elif variable == SOIL_PROFILE and observed.profiles:
            weight = errors.weight(variable)
            selected[variable] = [profile_target(site, errors.temperature, weight, holdout)]
        else:
            reason = f": {absent_reason(site, variable)}" if name in DEFAULT_TARGETS else ""
            raise ValueError(
                f"{site.name} has no observations of {name!r}{reason}; it has "
                f"{', '.join(observed_names) or 'none'}"
            )
    targets = join_gross_flux(
        tuple(target for group in selected.values() for target in group),
        errors.weight(GROSS_FLUX),
    )
    unused = set(errors.weights) - {target.variable for target in targets}
    if unused:
        name = sorted(unused)[0]
        joined = name in selected
        raise ValueError(
            f"a weight is given for {name!r}, which is no target of this fit"
            + (f": GPP and RECO count as {GROSS_FLUX}, give it the weight" if joined else "")
        )
    return targets

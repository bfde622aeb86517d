"""Calibration targets: observed values, their errors and weights, and held-out years."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax.sites import MonthlySeries, Site, Stock
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
    "eet": "evapotranspiration",
    "soc": "soil_organic_carbon",
    "son": "soil_organic_nitrogen",
    "alt": "maximum_thaw_depth",
}
DEFAULT_TARGETS = ("nep", "gpp", "reco", "soil_temperature", "soc", "son")
MINIMUM_MONTHS = 12


@dataclass(frozen=True)
class ErrorModel:
    """Error model of the observations: model-error floors and weights.

    Floors are standard deviations, added in quadrature to the measurement's own uncertainty.

    Attributes:
        flux: of monthly NEP, GPP and RECO, g C m⁻² month⁻¹.
        temperature: of monthly soil temperature, K.
        water: of monthly evapotranspiration, mm month⁻¹.
        annual_flux: of the annual NEP sum, g C m⁻² yr⁻¹; ``None`` leaves annual sums out.
        weights: factor on a target's share of the loss, by output name; 1 where not named.

    Raises:
        ValueError: a floor or weight that is not a positive number.
    """

    flux: float = 8.0
    temperature: float = 1.0
    water: float = 10.0
    annual_flux: float | None = None
    weights: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        annual = "not fitted" if self.annual_flux is None else f"{self.annual_flux:g} g C m⁻² yr⁻¹"
        weights = ", ".join(f"{name.replace('_', ' ')} {w:g}" for name, w in self.weights.items())
        return (
            f"monthly fluxes {self.flux:g} g C m⁻² month⁻¹, soil temperature "
            f"{self.temperature:g} K, evapotranspiration {self.water:g} mm month⁻¹, in quadrature "
            f"with the measurements' own; annual NEP {annual}; weights {weights or 'all 1'}"
        )

    def __post_init__(self) -> None:
        named = {ALIASES.get(name, name): float(value) for name, value in self.weights.items()}
        object.__setattr__(self, "weights", named)
        floors = {"flux": self.flux, "temperature": self.temperature, "water": self.water}
        for name, value in {**floors, **named}.items():
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"ErrorModel: {name} = {value}; it must be a positive number")

    def floor(self, variable: str) -> float:
        """Standard deviation of the model error of a monthly target, in its unit."""
        if variable == "soil_temperature":
            return self.temperature
        return self.water if variable == "evapotranspiration" else self.flux

    def weight(self, variable: str) -> float:
        """Factor on the target's share of the loss."""
        return self.weights.get(variable, 1.0)


DEFAULT_ERRORS = ErrorModel()


class Target(eqx.Module):
    """Observations of one quantity with their errors; simulated values may have trailing starts.

    Attributes:
        variable: output name (static).
        kind: ``monthly``, ``annual`` (sums of calendar years) or ``stock`` (static).
        rows: rows of the run's years that the observations cover (static).
        mean_year: whether the observations are one mean year (static).
        weight: factor on its share of the loss (static).
        values: observed, ``(year, 12)``, ``(year,)`` or a scalar stock; 0 where unusable. With a
            trailing axis each start has data of its own (replicates of a twin experiment).
        sd: standard deviation, without that axis.
        used: 1 where a value counts, else 0.
        held_out: 1 where a value is kept back to test the fit, else 0.
    """

    variable: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    rows: tuple[int, int] = eqx.field(static=True)
    mean_year: bool = eqx.field(static=True)
    weight: float = eqx.field(static=True)
    values: Float[Array, "..."]
    sd: Float[Array, "..."]
    used: Float[Array, "..."]
    held_out: Float[Array, "..."]

    @property
    def label(self) -> str:
        """Name in tables; that of annual sums begins with ``annual``."""
        return f"annual {self.variable}" if self.kind == "annual" else self.variable

    @property
    def size(self) -> int:
        """Number of residuals, unused ones included."""
        return int(np.prod(self.sd.shape))

    @property
    def dimensions(self) -> int:
        """Number of axes of one start's values."""
        return {"monthly": 2, "annual": 1, "stock": 0}[self.kind]

    def predicted(self, simulated: Float[Array, "..."]) -> Float[Array, "..."]:
        """Simulated counterpart of ``values``, starts trailing."""
        if self.kind == "stock":
            return simulated
        years = simulated[self.rows[0] : self.rows[1]]
        if self.mean_year:
            years = jnp.mean(years, axis=0, keepdims=True)
        return jnp.sum(years, axis=1) if self.kind == "annual" else years

    def residuals(self, simulated: Float[Array, "..."]) -> Float[Array, "n *start"]:
        """Weighted residuals √weight (simulated − observed)/sd; 0 where unused."""
        predicted = self.predicted(simulated)
        starts = predicted.shape[self.dimensions :]

        def with_starts(array):
            return jnp.reshape(array, (*array.shape, *(1,) * (predicted.ndim - array.ndim)))

        scaled = with_starts(self.used / self.sd) * (predicted - with_starts(self.values))
        return self.weight**0.5 * jnp.reshape(scaled, (self.size, *starts))


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
    floor = errors.floor(series.variable)
    total_sd = np.sqrt(np.where(np.isfinite(sd), sd, 0.0) ** 2 + floor**2)
    return Target(
        variable=series.variable,
        kind="monthly",
        rows=(int(first - years[0]), int(last - years[0]) + 1),
        mean_year=series.is_climatology,
        weight=errors.weight(series.variable),
        values=jnp.asarray(np.where(usable, values, 0.0)),
        sd=jnp.asarray(total_sd),
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
        variable: ``soil_organic_carbon`` or ``soil_organic_nitrogen`` (g m⁻²), or
            ``maximum_thaw_depth``, the mean of the last ten years (m).
        value: observed.
        sd: its standard deviation.
        weight: factor on its share of the loss.

    Raises:
        ValueError: unknown variable or a standard deviation that is not positive.
    """
    if variable not in STOCK_TARGETS:
        raise ValueError(f"{variable!r} is no stock; choose {', '.join(STOCK_TARGETS)}")
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
        if period is None or not period[0] <= year <= period[1]:
            span = "no monthly observations" if period is None else f"{period[0]}–{period[1]}"
            raise ValueError(f"{site.name}: hold-out year {year} was not observed ({span})")
    observed_names = [*observed.monthly, *observed.stocks]
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
        elif variable in observed.stocks:
            stock: Stock = observed.stocks[variable]
            weight = errors.weight(variable)
            selected[variable] = [stock_target(variable, stock.value, stock.sd, weight)]
        else:
            reason = f": {absent_reason(site, variable)}" if name in DEFAULT_TARGETS else ""
            raise ValueError(
                f"{site.name} has no observations of {name!r}{reason}; it has "
                f"{', '.join(observed_names) or 'none'}"
            )
    unused = set(errors.weights) - set(selected)
    if unused:
        raise ValueError(
            f"a weight is given for {sorted(unused)[0]!r}, which is no target of this fit"
        )
    return tuple(target for group in selected.values() for target in group)


def data_summary(site: Site, targets: tuple[Target, ...]) -> list[dict]:
    """Data behind each target, with error and weight: rows of the report."""
    rows = []
    for target in targets:
        row = {
            "target": target.label,
            "weight": target.weight,
            "used": int(np.sum(np.asarray(target.used))),
            "held_out": int(np.sum(np.asarray(target.held_out))),
            "median_sd": float(np.median(np.asarray(target.sd))),
            "missing": 0,
            "suspect": 0,
            "source": "",
        }
        if target.variable in site.observations.monthly:
            series = site.observations.monthly[target.variable]
            if target.kind == "monthly":
                row["missing"] = int(np.sum(~np.isfinite(series.values)))
                row["suspect"] = int(np.sum(series.suspect & np.isfinite(series.values)))
            row["source"] = series.source
        elif target.variable in site.observations.stocks:
            row["source"] = site.observations.stocks[target.variable].source
        rows.append(row)
    return rows

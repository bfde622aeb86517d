"""Residual scales: how much larger than its stated errors the residuals of each series are.

The scale σ of a monthly series is a number of the fit, σ² = Σ r² / (n − h), with the residuals r in
stated errors, their number n and the leverage h, the number of parameters that the series itself
has fixed (restricted maximum likelihood). The errors in the posterior are σ times the stated ones,
so its width is what the residuals ask for. The optimum is that with the stated errors: a scale that
weighted the series anew would take weight from NEP, which is measured, wherever the model fails at
it. Stated errors are what is known of the measurement, so σ is not below 1. One number cannot tell
its own scale: stocks and annual sums keep their errors.

Profiles and draws need one likelihood, whose optimum is that of the fit: there one scale, of all
monthly series together, counts.
"""

from dataclasses import asdict, dataclass, replace

import equinox as eqx
import numpy as np

from temjax.calibration.joint import JointObjective
from temjax.calibration.multistart import FitResult, fit
from temjax.calibration.objective import Objective
from temjax.calibration.uncertainty import Laplace, laplace

STEPS = 12
FEWEST = 6  # residuals less leverage that can tell a scale


@dataclass(frozen=True)
class SeriesScale:
    """Residual scale of one series.

    Attributes:
        site: name of the place.
        target: label of the target.
        count: months fitted.
        leverage: number of parameters that the series has fixed.
        scale: σ, factor on the stated errors; 1 where the residuals are no larger.
        correlation: of the residuals of a month and the next; NaN with fewer than three pairs.
    """

    site: str
    target: str
    count: int
    leverage: float
    scale: float
    correlation: float


@dataclass(frozen=True)
class ResidualScales:
    """Residual scales of a fit.

    Attributes:
        series: one per monthly series.
        common: scale of all of them together.
    """

    series: tuple[SeriesScale, ...]
    common: float = 1.0

    def scale(self, site: str, target: str) -> float:
        """Scale of a target; 1 of one that has none."""
        return self.at(site).get(target, 1.0)

    def at(self, site: str) -> dict[str, float]:
        """Scales of a site, by target."""
        return {one.target: one.scale for one in self.series if one.site == site}

    def lines(self) -> list[str]:
        """What the scales are and where they count, as sentences."""
        several = len({one.site for one in self.series}) > 1
        texts = [
            f"{one.target.replace('_', ' ')}{f' at {one.site}' if several else ''} {one.scale:.2f}"
            for one in self.series
        ]
        if not texts:
            return ["residual scales: not estimated, no monthly series has months enough"]
        return [
            f"residual scales: {', '.join(texts)}; in the intervals errors count so many times the "
            f"stated ones (profiles and draws: {self.common:.2f} times for all monthly series)"
        ]

    def record(self) -> list[dict]:
        """Scales as values of JSON and TOML."""
        return [
            {key: value for key, value in asdict(one).items() if value == value}  # not NaN
            for one in self.series
        ]


def estimate_scales(result: FitResult) -> ResidualScales:
    """Residual scales at the lowest loss of a fit with the stated errors."""
    share = laplace(result).predicted_sd() ** 2
    position, series, squares, freedom = 0, [], 0.0, 0.0
    for part in result.objective.parts:
        for target in part.targets:
            rows = slice(position, position + target.size)
            position += target.size
            count = int(np.sum(np.asarray(target.used)))
            leverage = float(np.sum(share[rows])) / target.weight
            if target.kind != "monthly" or count - leverage < FEWEST:
                continue
            residuals = result.residuals[rows, result.best] / target.weight**0.5
            square, free = float(np.sum(residuals**2)), count - leverage
            squares, freedom = squares + square, freedom + free
            used = np.ravel(np.asarray(target.used)) > 0
            correlation = _next_month(residuals, used)
            scale = max(1.0, (square / free) ** 0.5)
            series.append(SeriesScale(part.name, target.label, count, leverage, scale, correlation))
    common = max(1.0, (squares / freedom) ** 0.5) if freedom else 1.0
    return ResidualScales(tuple(series), common)


def _next_month(residuals: np.ndarray, used: np.ndarray) -> float:
    """Correlation of residuals a month apart; NaN with fewer than three pairs."""
    pairs = used[:-1] & used[1:]
    if pairs.sum() < 3:
        return float("nan")
    first, second = residuals[:-1][pairs], residuals[1:][pairs]
    size = np.sqrt(np.sum(first**2) * np.sum(second**2))
    return float(np.sum(first * second) / size) if size > 0 else float("nan")


def scaled_posterior(result: FitResult, scales: ResidualScales | None) -> Laplace:
    """Laplace's approximation with the errors of every series times its scale."""
    if scales is None:
        return laplace(result)
    return laplace(result, factors=error_factors(result, scales))


def error_factors(result: FitResult, scales: ResidualScales) -> np.ndarray:
    """Errors that count over the stated ones, of every observation of a fit, ``(n,)``."""
    factors = [
        np.full(target.size, scales.scale(part.name, target.label))
        for part in result.objective.parts
        for target in part.targets
    ]
    return np.concatenate(factors)


def fit_with_common_scale(result: FitResult, scales: ResidualScales, steps: int) -> FitResult:
    """Fit with the errors of all monthly series times one scale, from the optimum of a fit.

    Args:
        result: with the stated errors.
        scales: their common scale counts.
        steps: at most, and not more than ``STEPS``.
    """
    best = result.free[:, result.best]
    points = np.where(np.isfinite(result.free), result.free, best[:, None])
    return fit(
        rescaled(result.objective, scales.common), method=result.method, first=points,
        seed=result.seed, steps=min(steps, STEPS),
    )  # fmt: skip


def rescaled(objective: Objective | JointObjective, scale: float) -> Objective | JointObjective:
    """Objective with the stated errors of every monthly series times a scale."""
    parts = tuple(
        replace(
            part,
            targets=tuple(
                eqx.tree_at(lambda one: one.sd, target, target.sd * scale)
                if target.kind == "monthly"
                else target
                for target in part.targets
            ),
        )
        for part in objective.parts
    )
    if isinstance(objective, JointObjective):
        return objective.with_parts(parts)
    return parts[0]

"""Residual scales: how much larger than its stated errors the residuals of each series are.

The scale σ of a monthly series is a number of the fit: its errors are σ times the stated ones, and
σ is the restricted maximum-likelihood estimate σ² = Σ r² / (n − h), with the residuals r in stated
errors, their number n and the leverage h, the number of parameters that the series itself has
fixed. Parameters and scales are found in turn, until neither moves: the optimum is that of the
likelihood with unknown scales, and the posterior has the width that the residuals ask for. Stated
errors are what is known of the measurement, so σ is not below 1. One number cannot tell its own
scale: stocks and annual sums keep their errors.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import equinox as eqx
import numpy as np

from temjax.calibration.joint import JointObjective
from temjax.calibration.multistart import FitResult, fit
from temjax.calibration.objective import Objective
from temjax.calibration.uncertainty import laplace

ROUNDS = 6
STEPS = 12
SETTLED = 0.02  # relative change of every scale below which the rounds end
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
        rounds: fits with new scales that it took.
        settled: whether the scales stopped changing.
    """

    series: tuple[SeriesScale, ...]
    rounds: int = 0
    settled: bool = True
    by_label: dict = field(init=False, repr=False)

    def __post_init__(self) -> None:
        table = {(one.site, one.target): one.scale for one in self.series}
        object.__setattr__(self, "by_label", table)

    def scale(self, site: str, target: str) -> float:
        """Scale of a target; 1 of one that has none."""
        return self.by_label.get((site, target), 1.0)

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
        lines = [
            f"residual scales, estimated with the parameters in {self.rounds} rounds: "
            f"{', '.join(texts)}; errors count so many times the stated ones, in the fit and in "
            "all intervals"
        ]
        if not self.settled:
            lines.append(f"residual scales had not settled after {self.rounds} rounds")
        return lines

    def record(self) -> list[dict]:
        """Scales as values of JSON and TOML."""
        return [
            {key: value for key, value in asdict(one).items() if value == value}
            for one in self.series
        ]


def estimate_scales(result: FitResult, known: ResidualScales | None = None) -> ResidualScales:
    """Residual scales at the lowest loss of a fit.

    Args:
        result: of an objective whose errors are ``known`` times the stated ones.
        known: scales of that objective; all 1 by default.
    """
    known = ResidualScales(()) if known is None else known
    posterior = laplace(result)
    share = posterior.predicted_sd() ** 2
    position, series = 0, []
    for part in result.objective.parts:
        for target in part.targets:
            rows = slice(position, position + target.size)
            position += target.size
            count = int(np.sum(np.asarray(target.used)))
            leverage = float(np.sum(share[rows]))
            if target.kind != "monthly" or count - leverage < FEWEST:
                continue
            residuals = result.residuals[rows, result.best] / target.weight**0.5
            residuals = residuals * known.scale(part.name, target.label)
            square = float(np.sum(residuals**2)) / (count - leverage)
            used = np.ravel(np.asarray(target.used)) > 0
            series.append(
                SeriesScale(
                    site=part.name,
                    target=target.label,
                    count=count,
                    leverage=leverage,
                    scale=max(1.0, square**0.5),
                    correlation=_next_month(residuals, used),
                )
            )
    return ResidualScales(tuple(series))


def _next_month(residuals: np.ndarray, used: np.ndarray) -> float:
    """Correlation of residuals a month apart; NaN with fewer than three pairs."""
    pairs = used[:-1] & used[1:]
    if pairs.sum() < 3:
        return float("nan")
    first, second = residuals[:-1][pairs], residuals[1:][pairs]
    size = np.sqrt(np.sum(first**2) * np.sum(second**2))
    return float(np.sum(first * second) / size) if size > 0 else float("nan")


def rescaled(
    objective: Objective | JointObjective, scales: ResidualScales
) -> Objective | JointObjective:
    """Objective with the stated errors of every target times its scale."""
    parts = tuple(
        replace(
            part,
            targets=tuple(
                eqx.tree_at(
                    lambda one: one.sd, target, target.sd * scales.scale(part.name, target.label)
                )
                for target in part.targets
            ),
        )
        for part in objective.parts
    )
    if isinstance(objective, JointObjective):
        return JointObjective(parts, objective.columns, objective.free)
    return parts[0]


def fit_with_scales(
    result: FitResult, *, steps: int = STEPS, progress: Callable[[int], None] | None = None
) -> tuple[FitResult, ResidualScales]:
    """Fit of parameters and residual scales in turn, from the optimum with the stated errors.

    Args:
        result: of the objective with the stated errors.
        steps: of a round at most, but not more than ``STEPS``.
        progress: called with the number of rounds done.

    Returns:
        The fit of the objective with scaled errors, and the scales.
    """
    stated, best = result.objective, result.free[:, result.best]
    scales, settled = ResidualScales(()), False
    for number in range(ROUNDS + 1):
        following = estimate_scales(result, scales)
        change = [
            abs(np.log(one.scale / scales.scale(one.site, one.target))) for one in following.series
        ]
        settled = max(change, default=0.0) < SETTLED
        if settled or number == ROUNDS:
            break
        scales = following
        points = np.where(np.isfinite(result.free), result.free, best[:, None])
        result = fit(
            rescaled(stated, scales), method=result.method, first=points, seed=result.seed,
            steps=min(steps, STEPS),
        )  # fmt: skip
        if progress is not None:
            progress(number + 1)
        best = result.free[:, result.best]
    in_use = tuple(
        replace(one, scale=scales.scale(one.site, one.target)) for one in following.series
    )
    return result, ResidualScales(in_use, number, settled)


def stated_residuals(result: FitResult, scales: ResidualScales | None) -> np.ndarray:
    """Residuals at the lowest loss in stated errors, those of the prior last, ``(n,)``."""
    factors = [
        np.full(target.size, 1.0 if scales is None else scales.scale(part.name, target.label))
        for part in result.objective.parts
        for target in part.targets
    ]
    residuals = result.residuals[:, result.best]
    every = np.concatenate([*factors, np.ones(residuals.size - sum(map(np.size, factors)))])
    return residuals * every

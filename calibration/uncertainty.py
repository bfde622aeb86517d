"""What a fit knows and what it does not: Laplace's approximation where the prior is Gaussian.

The posterior is taken as Gaussian about the lowest loss with the Gauss–Newton curvature of data and
prior, in prior space measured in prior standard deviations (logarithms of positive parameters):
there the prior itself is the unit Gaussian, so without data the interval is the prior's. Intervals
are cut at the bounds. The data's information is compared with the prior's direction by direction.
"""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from temjax.calibration.fitting import FitResult
from temjax.calibration.targets import Target
from temjax.calibration.transforms import Free
from temjax.calibration.tunables import info_of

INFORMED = 1.0  # data information over prior information along a direction
NEAR_BOUND = 0.02  # share of the range in prior space
WEIGHTY = 0.3  # least coefficient named in a direction


@dataclass(frozen=True)
class Laplace:
    """Gaussian posterior in prior standard deviations about the prior's centre.

    Attributes:
        names: of the free numbers.
        free: transform.
        centre: lowest loss, ``(free,)``.
        covariance: posterior, ``(free, free)``; that of the prior is the identity.
        eigenvalues: information of the data over that of the prior, largest first, ``(free,)``.
        directions: one per column, ``(free, free)``.
        jacobian: of the observations' residuals at the centre, ``(n, free)``.
    """

    names: tuple[str, ...]
    free: Free = field(repr=False)
    centre: np.ndarray
    covariance: np.ndarray = field(repr=False)
    eigenvalues: np.ndarray
    directions: np.ndarray = field(repr=False)
    jacobian: np.ndarray = field(repr=False)

    @property
    def sd(self) -> np.ndarray:
        """Posterior standard deviation in prior standard deviations."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def shrinkage(self) -> np.ndarray:
        """1 − posterior sd / prior sd: 0 where the data say nothing, near 1 where they decide."""
        return 1 - self.sd

    @property
    def correlation(self) -> np.ndarray:
        """Posterior correlation, ``(free, free)``."""
        return self.covariance / np.outer(self.sd, self.sd)

    @property
    def informed(self) -> int:
        """Directions in which the data say more than the prior."""
        return int(np.sum(self.eigenvalues > INFORMED))

    def interval(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Central interval of each number in its unit."""
        reach = norm.ppf(0.5 + level / 2) * self.sd
        return self.free.values_at(self.centre - reach), self.free.values_at(self.centre + reach)

    def prior_interval(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Central interval of the prior, cut at the bounds."""
        reach = np.full(self.centre.size, norm.ppf(0.5 + level / 2))
        return self.free.values_at(-reach), self.free.values_at(reach)

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Draws in free space, ``(free, count)``; those beyond a bound lie just inside it."""
        normal = np.random.default_rng(seed).standard_normal((self.centre.size, count))
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        shift = self.centre[:, None] + root @ normal
        inner = self.free.inside(shift, margin=1e-3)
        return np.asarray(self.free.from_prior_space(jnp.asarray(inner)))

    def at_bounds(self) -> tuple[str, ...]:
        """Numbers whose optimum lies against a bound: they say structure, not an estimate."""
        inner = self.free.inside(self.centre)
        low, high = np.asarray(self.free.lower), np.asarray(self.free.upper)
        share = (inner - low) / (high - low)
        return tuple(
            name
            for name, x in zip(self.names, share, strict=True)
            if x < NEAR_BOUND or x > 1 - NEAR_BOUND
        )

    def unconstrained(self) -> list[str]:
        """Combinations the data do not constrain, weakest first, in words."""
        lines = []
        for column in np.argsort(self.eigenvalues):
            if self.eigenvalues[column] > INFORMED:
                break
            direction = self.directions[:, column]
            order = [i for i in np.argsort(-np.abs(direction)) if abs(direction[i]) >= WEIGHTY]
            terms = " ".join(f"{direction[i]:+.2f} {self.names[i]}" for i in order)
            lines.append(f"{terms} (data/prior information {self.eigenvalues[column]:.2g})")
        return lines

    def table(self) -> list[dict]:
        """Rows of prior, estimate and interval, in units."""
        low, high = self.interval()
        prior_low, prior_high = self.prior_interval()
        start, best = self.free.values_at(0 * self.centre), self.free.values_at(self.centre)
        against = self.at_bounds()
        rows = []
        for i, name in enumerate(self.names):
            info = info_of(name)
            rows.append(
                {
                    "name": name,
                    "symbol": info.symbol,
                    "unit": info.unit,
                    "prior": float(start[i]),
                    "prior_low": float(prior_low[i]),
                    "prior_high": float(prior_high[i]),
                    "estimate": float(best[i]),
                    "low": float(low[i]),
                    "high": float(high[i]),
                    "shrinkage": float(self.shrinkage[i]),
                    "at_bound": name in against,
                    "bounds": list(info.bounds),
                }
            )
        return rows

    def predicted_sd(self) -> np.ndarray:
        """Posterior sd of every residual of the observations, in its standard deviations."""
        return np.sqrt(
            np.maximum(np.einsum("nf,fg,ng->n", self.jacobian, self.covariance, self.jacobian), 0)
        )


def laplace(result: FitResult, start: int | None = None) -> Laplace:
    """Gaussian posterior about the best point of a fit, or of one of its starts."""
    index = result.best if start is None else start
    jacobian = result.jacobian[:, :, index]
    centre = result.free[:, index]
    return laplace_at(result.objective.free, centre, jacobian, result.objective.number_of_residuals)


def laplace_at(free: Free, centre: np.ndarray, jacobian: np.ndarray, observed: int) -> Laplace:
    """Gaussian posterior of a point and its Jacobian.

    Args:
        free: transform.
        centre: in free space, ``(free,)``.
        jacobian: in free space, of the observations' residuals, then others, ``(n, free)``.
        observed: rows of the observations.
    """
    shift, stretch = free.shifts(centre)
    data = jacobian[:observed] / stretch
    values, vectors = np.linalg.eigh(data.T @ data)
    order = np.argsort(-values)
    values, vectors = np.maximum(values[order], 0.0), vectors[:, order]
    return Laplace(
        names=free.names,
        free=free,
        centre=shift,
        covariance=(vectors / (1 + values)) @ vectors.T,
        eigenvalues=values,
        directions=vectors,
        jacobian=data,
    )


@dataclass(frozen=True)
class Band:
    """Posterior predictive band of one target, in its unit.

    Attributes:
        target: what is predicted.
        centre: at the lowest loss.
        parameter_sd: from the parameters alone.
        total_sd: with the measurement and model error of the target.
    """

    target: Target
    centre: np.ndarray
    parameter_sd: np.ndarray
    total_sd: np.ndarray


def linear_bands(result: FitResult, posterior: Laplace) -> dict[str, Band]:
    """Bands of every target by linear propagation of the posterior, by site and target."""
    bands, position = {}, 0
    sd = posterior.predicted_sd()
    for part in result.objective.parts:
        for target in part.targets:
            rows = slice(position, position + target.size)
            residuals = result.residuals[rows, result.best].reshape(target.sd.shape)
            observed_sd = np.asarray(target.sd)
            root = target.weight**0.5
            spread = sd[rows].reshape(target.sd.shape) / root * observed_sd
            centre = np.asarray(target.values) + residuals / root * observed_sd
            known = np.asarray(target.used) > 0
            bands[f"{target.label}@{part.name}"] = Band(
                target=target,
                centre=np.where(known, centre, np.nan),
                parameter_sd=np.where(known, spread, np.nan),
                total_sd=np.where(known, np.hypot(spread, observed_sd), np.nan),
            )
            position += target.size
    return bands


def sampled_outputs(
    result: FitResult, posterior: Laplace, *, draws: int = 32, seed: int = 0
) -> dict[str, dict[str, np.ndarray]]:
    """Model runs at posterior draws, by site and output name, draws trailing.

    Draws whose equilibrium does not converge are left out.
    """
    points = jnp.asarray(posterior.samples(draws, seed))
    outputs = {}
    for part, columns in zip(result.objective.parts, result.objective.columns, strict=True):
        values, converged = jax.jit(part.outputs)(points[jnp.asarray(columns)])
        kept = np.asarray(converged)
        outputs[part.name] = {name: np.asarray(array)[..., kept] for name, array in values.items()}
    return outputs

"""Laplace's approximation of the posterior, in the space where the prior is Gaussian.

The posterior is taken as Gaussian about the lowest loss with the Gauss–Newton curvature of data and
prior, in prior space measured in prior standard deviations (logarithms of positive parameters):
there the prior itself is the unit Gaussian, so without data the interval is the prior's. Intervals
are clipped at the bounds. Eigenvalues compare the data's information with the prior's, direction by
direction.
"""

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from temjax.calibration.gross_flux import GROSS_FLUX, NET, PARTITIONED
from temjax.calibration.multistart import FitResult
from temjax.calibration.objective import Objective
from temjax.calibration.target import Target
from temjax.calibration.transforms import FreeParameters
from temjax.calibration.tunables import parameter_info

INFORMED = 1.0  # data information over prior information along a direction
NEAR_BOUND = 0.02  # share of the range in prior space
LISTED_COEFFICIENT = 0.3  # smallest coefficient named in a direction


@dataclass(frozen=True)
class Laplace:
    """Gaussian posterior, in prior standard deviations from the prior's centre.

    Attributes:
        names: of the free parameters.
        free: free parameters.
        centre: lowest loss, ``(free,)``.
        covariance: posterior, ``(free, free)``; that of the prior is the identity.
        eigenvalues: information of the data over that of the prior, largest first, ``(free,)``.
        directions: one per column, ``(free, free)``.
        jacobian: of the observations' residuals at the centre, in stated errors, ``(n, free)``.
        factors: errors that count over the stated ones, ``(n,)``; ``None``: 1.
        direction_names: of the free numbers that the directions combine; ``None``: ``names``.
    """

    names: tuple[str, ...]
    free: FreeParameters = field(repr=False)
    centre: np.ndarray
    covariance: np.ndarray = field(repr=False)
    eigenvalues: np.ndarray
    directions: np.ndarray = field(repr=False)
    jacobian: np.ndarray = field(repr=False)
    factors: np.ndarray | None = field(default=None, repr=False)
    direction_names: tuple[str, ...] | None = field(default=None, repr=False)

    @property
    def sd(self) -> np.ndarray:
        """Posterior standard deviation in prior standard deviations."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def shrinkage(self) -> np.ndarray:
        """1 − posterior sd / prior sd: 0 without information in the data, near 1 with much."""
        return 1 - self.sd

    @property
    def correlation(self) -> np.ndarray:
        """Posterior correlation, ``(free, free)``."""
        return self.covariance / np.outer(self.sd, self.sd)

    @property
    def informed(self) -> int:
        """Number of directions with more information in the data than in the prior."""
        return int(np.sum(self.eigenvalues > INFORMED))

    def interval(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Central interval of each parameter in its unit."""
        half_width = norm.ppf(0.5 + level / 2) * self.sd
        low, high = self.centre - half_width, self.centre + half_width
        return self.free.values_at(low), self.free.values_at(high)

    def prior_interval(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Central interval of the prior, clipped at the bounds."""
        half_width = np.full(self.centre.size, norm.ppf(0.5 + level / 2))
        return self.free.values_at(-half_width), self.free.values_at(half_width)

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Draws in free space, ``(free, count)``; those beyond a bound are put just inside it."""
        normal = np.random.default_rng(seed).standard_normal((self.centre.size, count))
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        shift = self.centre[:, None] + root @ normal
        inner = self.free.clipped(shift, margin=1e-3)
        return np.asarray(self.free.from_prior_space(jnp.asarray(inner)))

    def at_bounds(self) -> tuple[str, ...]:
        """Parameters whose optimum lies at a bound: a sign of model structure, not an estimate."""
        inner = self.free.clipped(self.centre)
        low, high = np.asarray(self.free.lower), np.asarray(self.free.upper)
        share = (inner - low) / (high - low)
        return tuple(
            name
            for name, x in zip(self.names, share, strict=True)
            if x < NEAR_BOUND or x > 1 - NEAR_BOUND
        )

    def unconstrained(self) -> list[str]:
        """Parameter combinations the data do not constrain, weakest first, as text."""
        lines, names = [], self.direction_names or self.names
        for column in np.argsort(self.eigenvalues):
            if self.eigenvalues[column] > INFORMED:
                break
            direction = self.directions[:, column]
            order = [
                i for i in np.argsort(-np.abs(direction)) if abs(direction[i]) >= LISTED_COEFFICIENT
            ]
            terms = " ".join(f"{direction[i]:+.2f} {names[i]}" for i in order)
            lines.append(f"{terms} (data/prior information {self.eigenvalues[column]:.2g})")
        return lines

    def table(self) -> list[dict]:
        """Prior, estimate and interval of every parameter, in units."""
        low, high = self.interval()
        prior_low, prior_high = self.prior_interval()
        prior, best = self.free.values_at(0 * self.centre), self.free.values_at(self.centre)
        at_bounds = self.at_bounds()
        rows = []
        for i, name in enumerate(self.names):
            info = parameter_info(name)
            rows.append(
                {
                    "name": name,
                    "symbol": info.symbol,
                    "unit": info.unit,
                    "prior": float(prior[i]),
                    "prior_low": float(prior_low[i]),
                    "prior_high": float(prior_high[i]),
                    "estimate": float(best[i]),
                    "low": float(low[i]),
                    "high": float(high[i]),
                    "shrinkage": float(self.shrinkage[i]),
                    "at_bound": name in at_bounds,
                    "bounds": list(info.bounds),
                }
            )
        return rows

    def predicted_sd(self) -> np.ndarray:
        """Posterior sd of every predicted observation, in standard deviations of its error."""
        return np.sqrt(
            np.maximum(np.einsum("nf,fg,ng->n", self.jacobian, self.covariance, self.jacobian), 0)
        )


def laplace(
    result: FitResult, start: int | None = None, factors: np.ndarray | None = None
) -> Laplace:
    """Laplace's approximation at the best point of a fit, or of one of its starts.

    Args:
        result: the fit.
        start: of which the best point is taken.
        factors: errors that count over the stated ones, of every observation; 1 by default.
    """
    index = result.best if start is None else start
    jacobian = result.jacobian[:, :, index]
    centre = result.free[:, index]
    observed = result.objective.number_of_residuals
    return laplace_at(result.objective.free, centre, jacobian, observed, factors)


def laplace_at(
    free: FreeParameters,
    centre: np.ndarray,
    jacobian: np.ndarray,
    observed: int,
    factors: np.ndarray | None = None,
) -> Laplace:
    """Laplace's approximation at a point from the Jacobian there.

    Args:
        free: free parameters.
        centre: in free space, ``(free,)``.
        jacobian: in free space, of the observations' residuals, then others, ``(n, free)``.
        observed: rows of the observations.
        factors: see ``laplace``.
    """
    shift, slope = free.shifts(centre)
    data = jacobian[:observed] / slope
    counted = data if factors is None else data / factors[:, None]
    values, vectors = np.linalg.eigh(counted.T @ counted)
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
        factors=factors,
    )


@dataclass(frozen=True)
class Band:
    """Posterior predictive band of one target, in its unit.

    Attributes:
        target: the observations.
        centre: prediction at the lowest loss.
        parameter_sd: from the parameters alone.
        total_sd: with the measurement and model error of the target.
    """

    target: Target
    centre: np.ndarray
    parameter_sd: np.ndarray
    total_sd: np.ndarray


def linear_bands(result: FitResult, posterior: Laplace) -> dict[str, Band]:
    """Predictive bands of every target by linear propagation of the posterior.

    Where the gross flux is fitted, GPP and RECO have bands too: sum and difference of the gross
    flux and half of NEP, whose errors are independent.

    Returns:
        By ``target@site``.
    """
    bands, position = {}, 0
    count = result.objective.number_of_residuals
    factors = np.ones(count) if posterior.factors is None else posterior.factors
    for part in result.objective.parts:
        rows, predictions = {}, {}
        for target in part.targets:
            rows[target.label] = slice(position, position + target.size)
            position += target.size
            residuals = result.residuals[rows[target.label], result.best]
            scale = np.ravel(np.asarray(target.sd)) / target.weight**0.5
            predictions[target.label] = _Prediction(
                target.predicted_from(residuals),
                posterior.jacobian[rows[target.label]] * scale[:, None],
                np.asarray(target.sd) * factors[rows[target.label]].reshape(target.sd.shape),
                np.asarray(target.used) > 0,
            )
        bands |= {
            f"{target.label}@{part.name}": predictions[target.label].band(target, posterior)
            for target in part.targets
        }
        if GROSS_FLUX in predictions:
            bands |= _partitioned_bands(part, predictions, bands, posterior)
    return bands


@dataclass(frozen=True)
class _Prediction:
    """Prediction of a target, its Jacobian in prior sds, errors and months that count."""

    centre: np.ndarray
    jacobian: np.ndarray
    sd: np.ndarray
    used: np.ndarray

    def band(self, target: Target, posterior: Laplace) -> Band:
        """Band of the months that count."""
        variance = np.einsum("nf,fg,ng->n", self.jacobian, posterior.covariance, self.jacobian)
        parameter_sd = np.sqrt(np.maximum(variance, 0)).reshape(self.sd.shape)
        used = self.used
        return Band(
            target=target,
            centre=np.where(used, self.centre, np.nan),
            parameter_sd=np.where(used, parameter_sd, np.nan),
            total_sd=np.where(used, np.hypot(parameter_sd, self.sd), np.nan),
        )


def _partitioned_bands(
    part: Objective, predictions: dict[str, _Prediction], bands: dict[str, Band], posterior: Laplace
) -> dict[str, Band]:
    """Bands of GPP and RECO of a site from those of the gross flux and NEP.

    In a month without a usable NEP the centre is NaN, and the width leaves out what the parameters
    do to half of NEP.
    """
    gross, net = predictions[GROSS_FLUX], predictions[NET]
    target = next(one for one in part.targets if one.variable == GROSS_FLUX)
    joined = {}
    for name, sign in zip(PARTITIONED, (0.5, -0.5), strict=True):
        both = _Prediction(
            np.where(net.used, gross.centre + sign * net.centre, np.nan),
            gross.jacobian + sign * net.jacobian,
            np.hypot(gross.sd, net.sd / 2),
            gross.used,
        ).band(target, posterior)
        alone = bands.get(f"{name}@{part.name}")
        if alone is not None:
            rest = {
                field: np.where(gross.used, getattr(both, field), getattr(alone, field))
                for field in ("centre", "parameter_sd", "total_sd")
            }
            held_out = target.held_out + alone.target.held_out
            both = Band(target=replace(target, held_out=held_out), **rest)
        joined[f"{name}@{part.name}"] = both
    return joined


def sampled_outputs(
    result: FitResult, posterior: Laplace, *, draws: int = 32, seed: int = 0
) -> dict[str, dict[str, np.ndarray]]:
    """Simulated outputs at posterior draws, by site and output name, draws trailing.

    Draws whose equilibrium does not converge are left out.
    """
    inner = posterior.free.prior_space(jnp.asarray(posterior.samples(draws, seed)))
    outputs = {}
    for part, columns in zip(result.objective.parts, result.objective.columns, strict=True):
        points = part.free.from_prior_space(inner[jnp.asarray(columns)])
        values, converged = jax.jit(part.outputs)(points)
        valid = np.asarray(converged)
        outputs[part.name] = {name: np.asarray(array)[..., valid] for name, array in values.items()}
    return outputs

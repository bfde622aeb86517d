"""Targets of single measurements at places, of which some may be bounds.

A measurement that says only that a value lies beyond a bound has the likelihood Φ(z), where z is
the distance of the simulated value beyond the bound in standard deviations. Its residual is
√(−2 ln Φ(z)), whose square is the deviance: next to nothing well beyond the bound, 1.18 at it, and
−z far on the wrong side, where it is the residual of a measured value. It is smooth everywhere, so
a least-squares fit needs no case distinction (Tobin 1958, doi:10.2307/1907382).
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float

from temjax.calibration.target import Target

POINTS = "points"  # kind of such a target
# Standard deviations beyond a bound from which the residual, 6e-17 there, is 0: its slope is 0/0
# where Φ is 1 to rounding.
BEYOND = 12.0


def one_sided_residual(beyond: Float[Array, "..."]) -> Float[Array, "..."]:
    """Residual √(−2 ln Φ(z)) of a value that lies beyond a bound.

    Args:
        beyond: z, distance of the simulated value beyond the bound in standard deviations,
            negative on the wrong side.
    """
    agrees = beyond >= BEYOND
    inside = jnp.where(agrees, 0.0, beyond)
    # of the lower tail, which log_ndtr gives to rounding; near 1 it has lost what is left of 1 − Φ
    tail = log_ndtr(jnp.where(inside > 0, -inside, inside))
    log_probability = jnp.where(inside > 0, jnp.log1p(-jnp.exp(tail)), tail)
    return jnp.where(agrees, 0.0, jnp.sqrt(-2 * log_probability))


class PointTarget(Target):
    """Measurements at places; see ``Target`` for the fields they share.

    Attributes:
        bounds: of each value: 1 where it is a lower bound, −1 an upper one, 0 measured (static).
    """

    bounds: tuple[int, ...] = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        variable: str,
        values: np.ndarray,
        sd: np.ndarray,
        *,
        used: np.ndarray | None = None,
        bounds: tuple[int, ...] | None = None,
        weight: float = 1.0,
    ) -> "PointTarget":
        """Target of values and their standard deviations; all measured and used by default.

        Raises:
            ValueError: a standard deviation that is not positive.
        """
        values, sd = np.asarray(values, float), np.asarray(sd, float)
        if not np.all(sd > 0):
            raise ValueError(f"{variable}: standard deviations must be positive, got {sd.min()}")
        return cls(
            variable=variable,
            kind=POINTS,
            rows=(0, 0),
            mean_year=False,
            weight=weight,
            values=jnp.asarray(values),
            sd=jnp.asarray(sd),
            used=jnp.asarray(np.ones(values.shape) if used is None else used, float),
            held_out=jnp.asarray(np.zeros(values.shape)),
            bounds=(0,) * values.size if bounds is None else bounds,
        )

    def residuals(self, simulated: Float[Array, "n *start"]) -> Float[Array, "n *start"]:
        """Weighted residuals, one-sided where the value is a bound; 0 where unused."""
        plain = super().residuals(simulated)
        if not any(self.bounds):
            return plain
        trailing = (-1, *(1,) * (plain.ndim - 1))
        sign = jnp.reshape(jnp.asarray(self.bounds, plain.dtype), trailing)
        used = jnp.reshape(self.used, trailing)
        # the plain residual carries the weight, which is a factor on the loss
        beyond = sign * plain / self.weight**0.5
        one_sided = used * self.weight**0.5 * one_sided_residual(beyond)
        return jnp.where(sign == 0, plain, one_sided)

    def predicted_from(self, residuals: np.ndarray) -> np.ndarray:
        """Simulated values of weighted residuals, ``(n,)``; NaN where the value is a bound."""
        measured = np.asarray(self.bounds) == 0
        return np.where(measured, super().predicted_from(residuals), np.nan)

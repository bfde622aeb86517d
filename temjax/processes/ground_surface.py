"""Upper boundary of soil heat: equivalent temperature, interpolated from months to sub-steps."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax.forcing import MONTH_DAYS
from temjax.processes.soil_heat import Surface

SECONDS_PER_DAY = 86400.0


def equivalent_temperature(
    air_temperature: Float[Array, "*shape"],
    shortwave: Float[Array, "*shape"],
    coefficient: Float[Array, "*cell"],
) -> Float[Array, "*shape"]:
    """Equivalent temperature T_eq = T_air + a·SW, °C, a in K per W m⁻².

    Source: docs/specification/plateau.md A1.
    """
    return air_temperature + coefficient * shortwave


def with_neighbours(
    series: Float[Array, "year 12 *cell"],
    before: Float[Array, "*cell"],
    after: Float[Array, "*cell"],
) -> Float[Array, "year 12 3 *cell"]:
    """Three-month stencil: the month before, the month and the month after.

    Args:
        series: monthly values.
        before: value of the month before the first.
        after: value of the month after the last.
    """
    flat = series.reshape((-1, *series.shape[2:]))
    earlier = jnp.concatenate([before[None], flat[:-1]])
    later = jnp.concatenate([flat[1:], after[None]])
    stacked = jnp.stack([earlier, flat, later], axis=1)
    return stacked.reshape((*series.shape[:2], 3, *series.shape[2:]))


def _interpolation(substeps: int) -> np.ndarray:
    """Weights (month, sub-step, 3) of the month before, the month and the month after.

    Linear between month centres, sampled at the middle of each sub-step: with backward Euler the
    end-of-step temperature then stands for the middle of the step, so monthly means carry no lag.
    """
    days = np.array(MONTH_DAYS, float)
    offset = ((np.arange(substeps) + 0.5) / substeps - 0.5) * days[:, None]
    earlier = np.maximum(-offset, 0.0) / (0.5 * (days + np.roll(days, 1)))[:, None]
    later = np.maximum(offset, 0.0) / (0.5 * (days + np.roll(days, -1)))[:, None]
    return np.stack([earlier, 1.0 - earlier - later, later], axis=-1)


def substep_weights(substeps: int, dtype) -> tuple[Array, Array]:
    """Interpolation weights from (before, month, after) to sub-steps, each ``(12, substep, 3)``.

    Returns:
        Two sets: plain linear (snow resistance, never negative), and with the per-month constant
        that restores the monthly mean (air temperature and shortwave).
    """
    plain = _interpolation(substeps)
    conserving = plain - plain.mean(axis=1, keepdims=True) + np.array([0.0, 1.0, 0.0])
    return jnp.asarray(plain, dtype), jnp.asarray(conserving, dtype)


def substep_surface(
    temperature: Float[Array, "3 *cell"],
    snow_resistance: Float[Array, "3 *cell"],
    surface_resistance: Float[Array, "*cell"],
    plain: Float[Array, "substep 3"],
    conserving: Float[Array, "substep 3"],
) -> Surface:
    """Boundary condition of every sub-step of a month, leading axis ``substep``.

    Args:
        temperature: equivalent temperature of the month before, the month, the month after, °C.
        snow_resistance: of the same months, m² K W⁻¹.
        surface_resistance: R_s of plants, litter and boundary layer, m² K W⁻¹.
        plain: linear weights of this month.
        conserving: mean-restoring weights of this month.
    """
    return Surface(
        temperature=jnp.tensordot(conserving, temperature, 1),
        resistance=jnp.tensordot(plain, snow_resistance, 1) + surface_resistance,
    )


def substep_seconds(substeps: int, dtype) -> Float[Array, "12"]:
    """Length of a sub-step of each month, s."""
    return jnp.asarray(np.array(MONTH_DAYS) * SECONDS_PER_DAY / substeps, dtype)

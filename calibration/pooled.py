"""Places around a type: the map from a fit's free numbers to the parameters of each place.

A pooled parameter has one number for the type and one for every place: in prior space, where the
prior is Gaussian, the place has θ_place = θ_type + τ s δ with the prior's standard deviation s, the
pooling strength τ and a deviation δ ~ N(0, 1) (non-centred: the prior of the free numbers is the
unit Gaussian whatever τ, so τ = 0 is one value for all places and a large τ fits each place by
itself; Betancourt & Girolami 2015, https://arxiv.org/abs/1312.0906). Near a bound a deviation is
compressed into the room that the type leaves, so no place crosses it and no derivative vanishes.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from temjax.calibration.transforms import FreeParameters

SHARPNESS = 6  # of the compression: half the room is used to 0.3 %
KEPT_ROOM = 1e-6  # share of the room to a bound that no deviation uses
SMALLEST_ROOM = 1e-9  # share of the range: guards the division where a type lies at a bound
FARTHEST_DEVIATION = 20.0  # bound of δ
DEVIATION = "deviation of "  # before the name of a place's parameter: its free number δ
PRIOR_OF_DEVIATION = (0.0, -FARTHEST_DEVIATION, FARTHEST_DEVIATION, 1.0, False)
DEVIATIONS = FreeParameters(("deviation",), *((part,) for part in PRIOR_OF_DEVIATION))


class Pooling(eqx.Module):
    """Which free numbers are deviations of places from which numbers of the type.

    Attributes:
        strength: τ, standard deviation among places over that of the prior (static).
        places: positions of the deviations in the free vector (static).
        types: position of the type's number for each of them (static).
    """

    strength: float = eqx.field(static=True)
    places: tuple[int, ...] = eqx.field(static=True)
    types: tuple[int, ...] = eqx.field(static=True)

    def parameters(
        self, free: FreeParameters, inner: Float[Array, "free *start"]
    ) -> Float[Array, "free *start"]:
        """Values in prior space of the type's and the places' parameters.

        Args:
            free: transform of the free numbers, deviations among them.
            inner: free numbers in prior space.
        """
        places, types = np.asarray(self.places), np.asarray(self.types)
        shape = (-1,) + (1,) * (inner.ndim - 1)
        low, high, sd = (
            jnp.reshape(jnp.asarray(side)[types], shape)
            for side in (free.lower, free.upper, free.prior_sd)
        )
        step = self.strength * sd * inner[places]
        return inner.at[places].set(deviated(inner[types], step, low, high))

    def part_rows(self, columns: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a part whose parameters are a place's, and positions of the type's numbers."""
        type_of = dict(zip(self.places, self.types, strict=True))
        is_place = np.array([column in type_of for column in columns])
        return is_place, np.array([type_of.get(column, column) for column in columns])


def deviated(
    centre: Float[Array, "..."],
    step: Float[Array, "..."],
    low: Float[Array, "..."],
    high: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Values a step from a centre: the sum well inside the bounds, compressed towards them.

    With the room R to the bound in the step's direction and x = step/R the distance is
    R x / (1 + x⁶)^(1/6): the step where it is small against R, and R where it is large.
    """
    room = jnp.where(step < 0, centre - low, high - centre)
    share = step / jnp.maximum(room, SMALLEST_ROOM * (high - low))
    return centre + (1 - KEPT_ROOM) * room * share / (1 + share**SHARPNESS) ** (1 / SHARPNESS)


class PartPoint(NamedTuple):
    """Free vector of a part at points of a joint fit, and its derivatives.

    Attributes:
        free: ``(part, start)``.
        own: derivative with respect to the number in each row's own column, ``(part, start)``.
        of_type: derivative with respect to the number of the type, 0 where the row has none.
    """

    free: Float[Array, "part start"]
    own: Float[Array, "part start"]
    of_type: Float[Array, "part start"]


def _placed(
    free: FreeParameters,
    strength: Float[Array, ""],
    is_place: Bool[Array, "part"],
    own: Float[Array, "part start"],
    of_type: Float[Array, "part start"],
) -> Float[Array, "part start"]:
    """Free vector of a part; rows that are no deviations stay as they are."""
    low, high, sd = (jnp.asarray(side)[:, None] for side in (free.lower, free.upper, free.prior_sd))
    step = strength * sd * DEVIATIONS.prior_space(own)
    placed = free.from_prior_space(deviated(free.prior_space(of_type), step, low, high))
    return jnp.where(is_place[:, None], placed, own)


@jax.jit
def part_point(
    free: FreeParameters,
    strength: Float[Array, ""],
    is_place: Bool[Array, "part"],
    own: Float[Array, "part start"],
    of_type: Float[Array, "part start"],
) -> PartPoint:
    """Free vector of a part from its own free numbers and those of the type.

    Args:
        free: transform of the part; the type's prior is the same.
        strength: τ.
        is_place: rows whose own number is a deviation from the type's.
        own, of_type: free numbers of the joint fit, of each row.
    """
    ones = jnp.ones_like(own)
    point, own_slope = jax.jvp(
        lambda x: _placed(free, strength, is_place, x, of_type), (own,), (ones,)
    )
    type_slope = jax.jvp(lambda x: _placed(free, strength, is_place, own, x), (of_type,), (ones,))[
        1
    ]
    return PartPoint(point, own_slope, type_slope)

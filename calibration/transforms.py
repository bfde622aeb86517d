"""From bounded parameters to free numbers and back.

A free number of 0 is the centre of the prior; near it, a step of 1 is one standard deviation of the
prior. Bounds are reached only in the limit (a scaled logistic curve in prior space), so no clip
stops a gradient.
"""

import math
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax.calibration.tunables import HISTORY, HISTORY_START, expand_names, info_of
from temjax.parameters.registry import Parameters


class Free(eqx.Module):
    """The numbers a fit may move. Free vectors have shape ``(free,)`` or ``(free, start)``.

    Attributes:
        names: our names, in the order of the free vector.
        start: value in prior space (log of positive parameters, else the value itself).
        lower: bound in prior space.
        upper: bound in prior space.
        prior_sd: standard deviation in prior space.
        is_log: whether prior space is logarithmic.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    start: tuple[float, ...] = eqx.field(static=True)
    lower: tuple[float, ...] = eqx.field(static=True)
    upper: tuple[float, ...] = eqx.field(static=True)
    prior_sd: tuple[float, ...] = eqx.field(static=True)
    is_log: tuple[bool, ...] = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        parameters: Parameters,
        names: tuple[str, ...],
        *,
        centre: Mapping[str, float] | None = None,
        prior_sd: Mapping[str, float] | None = None,
    ) -> "Free":
        """Free some parameters about their present values.

        Args:
            parameters: scalar values; the prior is centred there.
            names: our names, TEM symbols or groups of ``temjax.calibration.tunables``.
            centre: values (in units) that replace those of ``parameters``.
            prior_sd: standard deviations in prior space that replace the registry's.

        Raises:
            ValueError: unknown, repeated or fixed parameter, or a start on or outside its bounds.
        """
        resolved = expand_names(names)
        centre, widths = dict(centre or {}), dict(prior_sd or {})
        start, lower, upper, sd, is_log = [], [], [], [], []
        for name in resolved:
            info = info_of(name)
            if name in centre:
                value = float(centre[name])
            elif name in HISTORY_START:
                value = HISTORY_START[name]
            else:
                value = float(getattr(parameters, name))
            low, high = info.bounds
            if not low < value < high:
                raise ValueError(
                    f"{name} starts at {value:g} {info.unit}, not inside its bounds "
                    f"{low:g} … {high:g}; set it inside first"
                )
            space = math.log if info.transform == "log" else float
            start.append(space(value))
            lower.append(space(low))
            upper.append(space(high))
            width = float(widths.get(name, info.prior_sd))
            if not width > 0:
                raise ValueError(f"{name}: prior standard deviation {width:g} must be positive")
            sd.append(width)
            is_log.append(info.transform == "log")
        fields = (start, lower, upper, sd, is_log)
        return cls(resolved, *(tuple(field) for field in fields))

    def prior_space(self, free: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Values in prior space."""
        low, high = _column(self.lower, free), _column(self.upper, free)
        share = (_column(self.start, free) - low) / (high - low)
        slope = (high - low) * share * (1 - share)
        offset = jnp.log(share) - jnp.log1p(-share)
        step = _column(self.prior_sd, free) / slope
        return low + (high - low) * jax.nn.sigmoid(offset + step * free)

    def values(self, free: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Values in their own units."""
        inner = self.prior_space(free)
        return jnp.where(_column(self.is_log, free), jnp.exp(inner), inner)

    def from_prior_space(self, inner: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Free numbers of values in prior space; values on or beyond a bound give infinity."""
        low, high = _column(self.lower, inner), _column(self.upper, inner)
        start = _column(self.start, inner)
        slope = (start - low) * (high - start) / (high - low)
        share = (inner - low) / (high - low)
        offset = jnp.log(start - low) - jnp.log(high - start)
        logit = jnp.log(share) - jnp.log1p(-share)
        return (logit - offset) * slope / _column(self.prior_sd, inner)

    def from_values(self, values: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Free numbers of values in their own units, the inverse of :meth:`values`.

        Raises:
            ValueError: a value on or outside its bounds.
        """
        values = np.asarray(values, dtype=float)
        for row, name in enumerate(self.names):
            low, high = info_of(name).bounds
            outside = values[row][~((values[row] > low) & (values[row] < high))]
            if outside.size:
                raise ValueError(
                    f"{name} = {outside.flat[0]:g} {info_of(name).unit} is not inside its bounds "
                    f"{low:g} … {high:g}"
                )
        is_log = np.asarray(_column(self.is_log, values))
        inner = np.where(is_log, np.log(np.where(is_log, values, 1.0)), values)
        return self.from_prior_space(jnp.asarray(inner))

    def prior_residuals(self, free: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Distance from the centre in prior standard deviations."""
        centre, sd = _column(self.start, free), _column(self.prior_sd, free)
        return (self.prior_space(free) - centre) / sd

    def shifts(self, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances from the centre in prior standard deviations, and their slope in free space.

        Args:
            free: ``(free, *start)``.
        """
        free = jnp.asarray(free)
        shift, slope = jax.jvp(self.prior_residuals, (free,), (jnp.ones_like(free),))
        return np.asarray(shift), np.asarray(slope)

    def from_shifts(self, shift: np.ndarray) -> np.ndarray:
        """Free numbers of distances from the centre in prior standard deviations."""
        shift = jnp.asarray(shift)
        inner = _column(self.start, shift) + _column(self.prior_sd, shift) * shift
        return np.asarray(self.from_prior_space(inner))

    def inside(self, shift: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Prior-space values of shifts in prior standard deviations, cut at the bounds.

        Args:
            shift: ``(free, *start)``.
            margin: distance kept from the bounds, as a share of their range.
        """
        shift = np.asarray(shift)
        low, high, start, sd = (
            np.reshape(values, (-1,) + (1,) * (shift.ndim - 1))
            for values in (self.lower, self.upper, self.start, self.prior_sd)
        )
        room = margin * (high - low)
        return np.clip(start + sd * shift, low + room, high - room)

    def values_at(self, shift: np.ndarray) -> np.ndarray:
        """Values in units of shifts in prior standard deviations, cut at the bounds.

        Args:
            shift: ``(free, *start)``.
        """
        inner = self.inside(shift)
        is_log = np.reshape(self.is_log, (-1,) + (1,) * (inner.ndim - 1))
        return np.where(is_log, np.exp(np.where(is_log, inner, 0.0)), inner)

    def box(self, margin: float) -> tuple[np.ndarray, np.ndarray]:
        """Bounds as distances from the centre in prior standard deviations, ``(free,)`` each.

        Args:
            margin: distance kept from them, as a share of their range; a centre closer to a
                bound stays inside the box.
        """
        low, high = np.asarray(self.lower), np.asarray(self.upper)
        start, sd = np.asarray(self.start), np.asarray(self.prior_sd)
        room = margin * (high - low)
        return np.minimum(low + room - start, 0) / sd, np.maximum(high - room - start, 0) / sd

    def put(
        self, parameters: Parameters, free: Float[Array, "free *start"]
    ) -> tuple[Parameters, dict[str, Float[Array, "*start"]]]:
        """Parameters with the free ones set, and the free numbers that are none of TEM's."""
        values = dict(zip(self.names, self.values(free), strict=True))
        inside = [name for name in self.names if name not in HISTORY]
        changed = parameters
        if inside:
            changed = eqx.tree_at(
                lambda p: [getattr(p, name) for name in inside],
                parameters,
                [values[name] for name in inside],
            )
        return changed, {name: values[name] for name in self.names if name in HISTORY}


def _column(values: tuple, like: Array) -> Array:
    """One number per free parameter against ``(free, *start)``."""
    column = jnp.asarray(values)
    return jnp.reshape(column, (-1,) + (1,) * (jnp.ndim(like) - 1))

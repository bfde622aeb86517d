"""Transform between bounded parameters and unconstrained (free) ones.

Four coordinates of the same point, each ``(free,)`` or ``(free, start)``:

- *values* in the parameters' own units;
- *prior space*: the logarithm of positive parameters, else the value; the prior is Gaussian there;
- *shifts*: distance from the prior's centre in prior standard deviations;
- *free space*, unconstrained: 0 is the prior's centre, near it a step of 1 is one prior standard
  deviation, and bounds are reached only in the limit (a scaled logistic curve in prior space), so
  no clipping cuts a gradient.
"""

import math
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax.calibration.tunables import (
    GROUPS,
    HISTORY_DEFAULTS,
    HISTORY_PARAMETERS,
    expand_names,
    parameter_info,
)
from temjax.parameters.registry import Parameters


def prior_centre(
    parameters: Parameters, name: str, centre: Mapping[str, float] | None = None
) -> float:
    """Centre of a parameter's prior in its unit.

    Args:
        parameters: scalar values.
        name: of a calibration parameter.
        centre: values that replace those of ``parameters``.
    """
    if centre is not None and name in centre:
        return float(centre[name])
    return HISTORY_DEFAULTS[name] if name in HISTORY_DEFAULTS else float(getattr(parameters, name))


def names_inside_bounds(
    parameters: Parameters, names: tuple[str, ...], centre: Mapping[str, float] | None = None
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Free parameters without those members of groups whose prior would be centred at a bound.

    TEM's own sets have the surface resistance at 0, its lower bound; a group stands for what can
    be freed. A parameter that is named itself stays.

    Args:
        parameters, centre: see ``prior_centre``.
        names: parameter names, TEM symbols or groups.

    Returns:
        The names, and of each that is left out the reason, a clause.

    Raises:
        ValueError: see ``expand_names``, or every member of a group lies at its bound.
    """
    resolved = expand_names(names)
    named = [name for name in names if name not in GROUPS]
    kept = expand_names(tuple(named)) if named else ()
    left_out = {}
    for name in resolved:
        value, info = prior_centre(parameters, name, centre), parameter_info(name)
        low, high = info.bounds
        if name not in kept and not low < value < high:
            left_out[name] = (
                f"its value {value:g} {info.unit} is not inside its bounds {low:g} … {high:g}"
            )
    inside = tuple(name for name in resolved if name not in left_out)
    if not inside:
        raise ValueError(f"no parameter of {', '.join(names)} lies inside its bounds")
    return inside, left_out


class FreeParameters(eqx.Module):
    """Free parameters of a fit: bounds, Gaussian prior and transform.

    Attributes:
        names: parameter names, in the order of the free vector.
        centre: of the prior, in prior space.
        lower: bound in prior space.
        upper: bound in prior space.
        prior_sd: standard deviation in prior space.
        is_log: whether prior space is logarithmic.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    centre: tuple[float, ...] = eqx.field(static=True)
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
    ) -> "FreeParameters":
        """Free parameters with their priors centred at present values.

        Args:
            parameters: scalar values; the prior is centred there.
            names: parameter names, TEM symbols or groups of ``temjax.calibration.tunables``.
            centre: values (in units) that replace those of ``parameters``.
            prior_sd: standard deviations in prior space that replace the registry's.

        Raises:
            ValueError: unknown, repeated or fixed parameter, or a centre on or outside its bounds.
        """
        resolved = expand_names(names)
        widths = dict(prior_sd or {})
        middle, lower, upper, sd, is_log = [], [], [], [], []
        for name in resolved:
            info = parameter_info(name)
            value = prior_centre(parameters, name, centre)
            low, high = info.bounds
            if not low < value < high:
                raise ValueError(
                    f"{name} starts at {value:g} {info.unit}, not inside its bounds "
                    f"{low:g} … {high:g}; set it inside first"
                )
            space = math.log if info.transform == "log" else float
            middle.append(space(value))
            lower.append(space(low))
            upper.append(space(high))
            width = float(widths.get(name, info.prior_sd))
            if not width > 0:
                raise ValueError(f"{name}: prior standard deviation {width:g} must be positive")
            sd.append(width)
            is_log.append(info.transform == "log")
        fields = (middle, lower, upper, sd, is_log)
        return cls(resolved, *(tuple(field) for field in fields))

    def prior_space(self, free: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Values in prior space of free numbers."""
        low, high = _column(self.lower, free), _column(self.upper, free)
        share = (_column(self.centre, free) - low) / (high - low)
        slope = (high - low) * share * (1 - share)
        offset = jnp.log(share) - jnp.log1p(-share)
        step = _column(self.prior_sd, free) / slope
        return low + (high - low) * jax.nn.sigmoid(offset + step * free)

    def values(self, free: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Values in their own units of free numbers."""
        return self.in_units(self.prior_space(free))

    def in_units(self, inner: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Values in their own units of values in prior space."""
        return jnp.where(_column(self.is_log, inner), jnp.exp(inner), inner)

    def from_prior_space(self, inner: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Free numbers of values in prior space; infinite on or beyond a bound."""
        low, high = _column(self.lower, inner), _column(self.upper, inner)
        centre = _column(self.centre, inner)
        slope = (centre - low) * (high - centre) / (high - low)
        share = (inner - low) / (high - low)
        offset = jnp.log(centre - low) - jnp.log(high - centre)
        logit = jnp.log(share) - jnp.log1p(-share)
        return (logit - offset) * slope / _column(self.prior_sd, inner)

    def from_values(self, values: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Free numbers of values in their own units, the inverse of :meth:`values`.

        Raises:
            ValueError: a value on or outside its bounds.
        """
        values = np.asarray(values, dtype=float)
        for row, name in enumerate(self.names):
            low, high = parameter_info(name).bounds
            outside = values[row][~((values[row] > low) & (values[row] < high))]
            if outside.size:
                unit = parameter_info(name).unit
                raise ValueError(
                    f"{name} = {outside.flat[0]:g} {unit} is not inside its bounds "
                    f"{low:g} … {high:g}"
                )
        is_log = np.asarray(_column(self.is_log, values))
        inner = np.where(is_log, np.log(np.where(is_log, values, 1.0)), values)
        return self.from_prior_space(jnp.asarray(inner))

    def prior_residuals(self, free: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Residuals of the prior: shifts from its centre in prior standard deviations."""
        centre, sd = _column(self.centre, free), _column(self.prior_sd, free)
        return (self.prior_space(free) - centre) / sd

    def shifts(self, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shifts of free numbers, and their derivative with respect to each.

        Args:
            free: ``(free, *start)``.
        """
        free = jnp.asarray(free)
        shift, slope = jax.jvp(self.prior_residuals, (free,), (jnp.ones_like(free),))
        return np.asarray(shift), np.asarray(slope)

    def from_shifts(self, shift: np.ndarray) -> np.ndarray:
        """Free numbers of shifts, the inverse of :meth:`shifts`."""
        shift = jnp.asarray(shift)
        inner = _column(self.centre, shift) + _column(self.prior_sd, shift) * shift
        return np.asarray(self.from_prior_space(inner))

    def clipped(self, shift: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Values in prior space of shifts, clipped to the bounds.

        Args:
            shift: ``(free, *start)``.
            margin: distance kept from the bounds, as a share of their range.
        """
        shift = np.asarray(shift)
        low, high, centre, sd = (
            np.reshape(values, (-1,) + (1,) * (shift.ndim - 1))
            for values in (self.lower, self.upper, self.centre, self.prior_sd)
        )
        gap = margin * (high - low)
        return np.clip(centre + sd * shift, low + gap, high - gap)

    def values_at(self, shift: np.ndarray) -> np.ndarray:
        """Values in their own units of shifts, clipped to the bounds.

        Args:
            shift: ``(free, *start)``.
        """
        inner = self.clipped(shift)
        is_log = np.reshape(self.is_log, (-1,) + (1,) * (inner.ndim - 1))
        return np.where(is_log, np.exp(np.where(is_log, inner, 0.0)), inner)

    def shift_bounds(self, margin: float) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds as shifts, ``(free,)`` each.

        Args:
            margin: distance kept from them, as a share of their range; a centre closer to a
                bound stays within.
        """
        low, high = np.asarray(self.lower), np.asarray(self.upper)
        centre, sd = np.asarray(self.centre), np.asarray(self.prior_sd)
        gap = margin * (high - low)
        return np.minimum(low + gap - centre, 0) / sd, np.maximum(high - gap - centre, 0) / sd

    def insert(
        self, parameters: Parameters, free: Float[Array, "free *start"]
    ) -> tuple[Parameters, dict[str, Float[Array, "*start"]]]:
        """Parameters with the free ones replaced, and the free numbers that are none of TEM's."""
        values = dict(zip(self.names, self.values(free), strict=True))
        tem_names = [name for name in self.names if name not in HISTORY_PARAMETERS]
        replaced = parameters
        if tem_names:
            replaced = eqx.tree_at(
                lambda p: [getattr(p, name) for name in tem_names],
                parameters,
                [values[name] for name in tem_names],
            )
        return replaced, {name: values[name] for name in self.names if name in HISTORY_PARAMETERS}


def _column(values: tuple, like: Array) -> Array:
    """One number per free parameter, shaped to broadcast with ``(free, *start)``."""
    column = jnp.asarray(values)
    return jnp.reshape(column, (-1,) + (1,) * (jnp.ndim(like) - 1))

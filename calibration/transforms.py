"""From bounded parameters to free numbers and back.

A free number of 0 is the start; near it, a step of 1 is one standard deviation of the prior. Bounds
are reached only in the limit (a scaled logistic curve in prior space), so no clip stops a gradient.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.parameters import REGISTRY, Parameters, resolve_name


class Free(eqx.Module):
    """The parameters a fit may move.

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
    def of(cls, parameters: Parameters, names: tuple[str, ...]) -> "Free":
        """Free some parameters about their present values.

        Args:
            parameters: scalar values; where the fit starts and the prior is centred.
            names: our names or TEM symbols.

        Raises:
            ValueError: unknown, repeated or fixed parameter, or a start on or outside its bounds.
        """
        resolved = []
        for name in names:
            try:
                resolved.append(resolve_name(name))
            except KeyError as error:
                raise ValueError(error.args[0]) from error
        if len(set(resolved)) != len(resolved):
            twice = next(name for name in resolved if resolved.count(name) > 1)
            raise ValueError(f"parameter {twice!r} is named twice")
        start, lower, upper, prior_sd, is_log = [], [], [], [], []
        for name in resolved:
            info = REGISTRY[name]
            if not info.tunable:
                raise ValueError(
                    f"parameter {name!r} ({info.symbol}) is fixed; tunable are "
                    + ", ".join(n for n, i in REGISTRY.items() if i.tunable)
                )
            value, (low, high) = float(getattr(parameters, name)), info.bounds
            if not low < value < high:
                raise ValueError(
                    f"{name} starts at {value:g} {info.unit}, not inside its bounds "
                    f"{low:g} … {high:g}; set it inside first"
                )
            space = math.log if info.transform == "log" else float
            start.append(space(value))
            lower.append(space(low))
            upper.append(space(high))
            prior_sd.append(info.prior_sd)
            is_log.append(info.transform == "log")
        fields = (start, lower, upper, prior_sd, is_log)
        return cls(tuple(resolved), *(tuple(field) for field in fields))

    def prior_space(self, free: Float[Array, "free"]) -> Float[Array, "free"]:
        """Values in prior space."""
        low, high = jnp.asarray(self.lower), jnp.asarray(self.upper)
        share = (jnp.asarray(self.start) - low) / (high - low)
        slope = (high - low) * share * (1 - share)
        offset = jnp.log(share) - jnp.log1p(-share)
        step = jnp.asarray(self.prior_sd) / slope
        return low + (high - low) * jax.nn.sigmoid(offset + step * free)

    def values(self, free: Float[Array, "free"]) -> Float[Array, "free"]:
        """Values in their own units."""
        inner = self.prior_space(free)
        return jnp.where(jnp.asarray(self.is_log), jnp.exp(inner), inner)

    def prior_residuals(self, free: Float[Array, "free"]) -> Float[Array, "free"]:
        """Distance from the start in prior standard deviations."""
        return (self.prior_space(free) - jnp.asarray(self.start)) / jnp.asarray(self.prior_sd)

    def put(self, parameters: Parameters, free: Float[Array, "free"]) -> Parameters:
        """Parameters with the free ones set."""
        values = self.values(free)
        return eqx.tree_at(
            lambda p: [getattr(p, name) for name in self.names],
            parameters,
            [values[i] for i in range(len(self.names))],
        )

"""A calibration target: observed values of one quantity with their errors."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class Target(eqx.Module):
    """Observations of one quantity with their errors; simulated values may have trailing starts.

    Attributes:
        variable: output name (static).
        kind: ``monthly``, ``annual`` (sums of calendar years), ``stock``, ``profile`` (by depth,
            one day after the other) or ``points`` (one value a place) (static).
        rows: rows of the run's years that the observations cover (static).
        mean_year: whether the observations are one mean year (static).
        weight: factor on its share of the loss (static).
        values: observed, ``(year, 12)``, ``(year,)``, a scalar stock, ``(depth,)`` or
            ``(point,)``; 0 where unusable. With a trailing axis each start has data of its own
            (replicates of a twin experiment).
        sd: standard deviation, without that axis.
        used: 1 where a value counts, else 0.
        held_out: 1 where a value is kept back to test the fit, else 0.
    """

    variable: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    rows: tuple[int, int] = eqx.field(static=True)
    mean_year: bool = eqx.field(static=True)
    weight: float = eqx.field(static=True)
    values: Float[Array, "..."]
    sd: Float[Array, "..."]
    used: Float[Array, "..."]
    held_out: Float[Array, "..."]

    @property
    def label(self) -> str:
        """Name in tables; that of annual sums begins with ``annual``."""
        return f"annual {self.variable}" if self.kind == "annual" else self.variable

    @property
    def size(self) -> int:
        """Number of residuals, unused ones included."""
        return int(np.prod(self.sd.shape))

    @property
    def dimensions(self) -> int:
        """Number of axes of one start's values."""
        return {"monthly": 2, "annual": 1, "stock": 0, "profile": 1, "points": 1}[self.kind]

    @property
    def by_year(self) -> bool:
        """Whether the values belong to rows of the run's years."""
        return self.kind in ("monthly", "annual")

    def predicted(self, simulated: Float[Array, "..."]) -> Float[Array, "..."]:
        """Simulated counterpart of ``values``, starts trailing."""
        if not self.by_year:
            return simulated
        years = simulated[self.rows[0] : self.rows[1]]
        if self.mean_year:
            years = jnp.mean(years, axis=0, keepdims=True)
        return jnp.sum(years, axis=1) if self.kind == "annual" else years

    def residuals(self, simulated: Float[Array, "..."]) -> Float[Array, "n *start"]:
        """Weighted residuals √weight (simulated − observed)/sd; 0 where unused."""
        predicted = self.predicted(simulated)
        starts = predicted.shape[self.dimensions :]

        def with_starts(array):
            return jnp.reshape(array, (*array.shape, *(1,) * (predicted.ndim - array.ndim)))

        scaled = with_starts(self.used / self.sd) * (predicted - with_starts(self.values))
        return self.weight**0.5 * jnp.reshape(scaled, (self.size, *starts))

    def predicted_from(self, residuals: np.ndarray) -> np.ndarray:
        """Simulated values of weighted residuals, ``(n,)``, in the shape of one start's values."""
        scale = np.asarray(self.sd) / self.weight**0.5
        return np.asarray(self.values) + np.reshape(residuals, self.sd.shape) * scale

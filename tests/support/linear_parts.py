"""Parts of a joint fit whose residuals are linear in prior space: everything is known exactly."""

import jax
import jax.numpy as jnp
import numpy as np

from temjax.calibration.part import Linearisation, misfit_by_target
from temjax.calibration.target import Target
from temjax.calibration.transforms import FreeParameters


def wide_free(names: tuple[str, ...]) -> FreeParameters:
    """Parameters with a unit prior about 0 and bounds far away."""
    count = len(names)
    return FreeParameters(
        names, (0.0,) * count, (-60.0,) * count, (60.0,) * count, (1.0,) * count, (False,) * count
    )


class LinearPart:
    """Residuals (matrix · shift − observed) / 1 of one target per row group.

    Attributes:
        is_site: whether it is a place, or another collection of measurements.
    """

    prior_scale = 1.0
    notes, absent, data = (), (), ()

    def __init__(
        self, name: str, free: FreeParameters, matrix, observed, labels=("nep",), is_site=True
    ) -> None:
        self.name, self.free, self.is_site = name, free, is_site
        self.matrix, self.observed = jnp.asarray(matrix), jnp.asarray(observed, float)
        sizes = [len(rows) for rows in np.array_split(np.arange(len(self.observed)), len(labels))]
        ends = np.cumsum([0, *sizes])
        self.targets = tuple(
            Target(
                label, "profile", (0, 0), False, 1.0, self.observed[first:last],
                jnp.ones(last - first), jnp.ones(last - first), jnp.zeros(last - first),
            )
            for label, first, last in zip(labels, ends[:-1], ends[1:], strict=True)
        )  # fmt: skip

    @property
    def site_parts(self) -> tuple:
        return (self,) if self.is_site else ()

    @property
    def number_of_residuals(self) -> int:
        return len(self.observed)

    def identity(self) -> tuple:
        return (np.asarray(self.matrix).tolist(),)

    def residual_vector(self, free):
        shift = self.free.prior_residuals(free)
        return jnp.concatenate([self.matrix @ shift - self.observed[:, None], shift])

    def residuals(self, free):
        return self.residual_vector(free), jnp.ones(free.shape[1], bool)

    def linearise(self, free):
        return _linearise(self.matrix, self.observed, self.free, free)

    def misfit(self, residuals):
        return misfit_by_target(self.targets, np.asarray(residuals))


@jax.jit
def _linearise(matrix, observed, transform, free):
    shift, slope = jax.jvp(transform.prior_residuals, (free,), (jnp.ones_like(free),))
    residuals = jnp.concatenate([matrix @ shift - observed[:, None], shift])
    jacobian = jnp.concatenate([matrix, jnp.eye(len(shift))])[:, :, None] * slope[None]
    return Linearisation(residuals, jacobian, jnp.ones(free.shape[1], bool))


def pooled_posterior(parts, pooled: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of parameters of type and places, by the normal equations.

    Args:
        parts: with the same parameters, the first of them pooled.
        pooled: number of pooled parameters.
        strength: of the pooling.

    Returns:
        In the order: the type's parameters, then those of each place.
    """
    size = parts[0].matrix.shape[1]
    total = pooled + len(parts) * size
    jacobian, to_places = [], np.eye(total)
    for number, part in enumerate(parts):
        own = pooled + number * size
        around = slice(own, own + pooled)
        to_places[around, around] *= strength
        to_places[around, :pooled] = np.eye(pooled)
        jacobian.append(np.asarray(part.matrix) @ to_places[own : own + size])
    observed = np.concatenate([part.observed for part in parts])
    jacobian = np.concatenate(jacobian)
    covariance = np.linalg.inv(jacobian.T @ jacobian + np.eye(total))
    mean = covariance @ jacobian.T @ observed
    return to_places @ mean, to_places @ covariance @ to_places.T

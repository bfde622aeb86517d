"""Part of an objective: the residuals of one place or one collection of measurements."""

from abc import abstractmethod
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from temjax import Parameters
from temjax.calibration.part_table import PartTable
from temjax.calibration.target import Target
from temjax.calibration.transforms import FreeParameters
from temjax.programs.exported import exported_jit


class Linearisation(NamedTuple):
    """Residuals, their Jacobian, and whether every equilibrium that they need converged."""

    residuals: Float[Array, "n start"]
    jacobian: Float[Array, "n free start"]
    converged: Bool[Array, "start"]


class OwnSet(NamedTuple):
    """Parameter set of a vegetation type, and the rows of its free parameters in a free vector."""

    parameters: Parameters
    rows: tuple[int, ...]


class Part(eqx.Module):
    """Residuals of targets and of the prior as a function of the free vector.

    Attributes:
        free: free parameters and their prior.
        targets: observations.
        data: rows of a summary of the targets, each a tuple of its items (static).
        notes: known faults of the data, and choices made while reading them (static).
        absent: targets that a fit takes by default and that are not there, with the reason
            (static).
        name: of the part, unique in a fit (static).
        prior_scale: factor on the residuals of the prior; 1 but in twin experiments.
    """

    free: eqx.AbstractVar[FreeParameters]
    targets: eqx.AbstractVar[tuple[Target, ...]]
    data: eqx.AbstractVar[tuple]
    notes: eqx.AbstractVar[tuple[str, ...]]
    absent: eqx.AbstractVar[tuple[tuple[str, str], ...]]
    name: eqx.AbstractVar[str]
    prior_scale: eqx.AbstractVar[Float[Array, ""]]

    @abstractmethod
    def outputs(
        self, free: Float[Array, "free start"]
    ) -> tuple[dict[str, Float[Array, "..."]], Bool[Array, "start"]]:
        """Simulated counterparts of the targets by variable, starts trailing, and convergence."""

    @abstractmethod
    def identity(self) -> tuple:
        """What its predictions depend on besides the free vector, as values that can be hashed."""

    @abstractmethod
    def first_failure(self, free: Float[Array, "free"]) -> str:
        """Description of the first value that is not finite at one free vector."""

    @property
    def parts(self) -> tuple["Part", ...]:
        """Parts of the objective: only this one."""
        return (self,)

    @property
    def site_parts(self) -> tuple["Part", ...]:
        """Objectives of sites among the parts; none but where it is that of a site."""
        return ()

    @property
    def columns(self) -> tuple[tuple[int, ...], ...]:
        """Positions of the part's parameters in the free vector: all of them."""
        return (tuple(range(len(self.free.names))),)

    def labels(self, target: Target) -> list[str]:
        """Name of each datum of a target, in the order of its residuals; its number by default."""
        if target.size == 1:
            return [target.label]
        return [f"{target.label} {number}" for number in range(1, target.size + 1)]

    def own_sets(self, free: np.ndarray) -> dict[str, OwnSet]:
        """Sets of types at a free vector that no place of the fit has; none of a site."""
        return {}

    def compare(self, free: np.ndarray) -> PartTable | None:
        """Data beside the model at the prior's centre and at a free vector ``(free,)``.

        None of a site, whose scores say it.
        """
        return None

    @property
    def pooling(self) -> None:
        """Pooling of places around a type: none in one part."""
        return None

    @property
    def reported(self) -> FreeParameters:
        """Parameters behind the free numbers: the same."""
        return self.free

    def values(self, free: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Parameters in their units."""
        return self.free.values(free)

    def part_point(self, index: int, free: Float[Array, "free *start"]) -> Array:
        """Free vector of the part, its own."""
        return free

    @property
    def number_of_residuals(self) -> int:
        """Number of residuals of the observations, unused ones included, without the prior's."""
        return sum(target.size for target in self.targets)

    def residual_vector(
        self, free: Float[Array, "free start"]
    ) -> tuple[Float[Array, "n start"], Bool[Array, "start"]]:
        """Residuals of the observations, then of the prior; to be traced."""
        outputs, converged = self.outputs(free)
        parts = [target.residuals(outputs[target.variable]) for target in self.targets]
        prior = self.prior_scale * self.free.prior_residuals(free)
        return jnp.concatenate([*parts, prior]), converged

    @partial(exported_jit, packages=("temjax.sites",))
    def linearise(self, free: Float[Array, "free start"]) -> Linearisation:
        """Residuals and their Jacobian by forward mode, for every start at once.

        With few parameters the whole Jacobian costs about as much as one reverse-mode gradient,
        and gives the curvature as well.
        """
        size, starts = free.shape

        def push_forward(direction):
            tangent = jnp.broadcast_to(direction[:, None], (size, starts))
            return jax.jvp(self.residual_vector, (free,), (tangent,), has_aux=True)

        residuals, columns, converged = jax.vmap(push_forward, out_axes=(None, 1, None))(
            jnp.eye(size)
        )
        return Linearisation(residuals, columns, converged)

    @partial(exported_jit, packages=("temjax.sites",))
    def residuals(
        self, free: Float[Array, "free start"]
    ) -> tuple[Float[Array, "n start"], Bool[Array, "start"]]:
        """Residuals without their Jacobian, compiled."""
        return self.residual_vector(free)

    def misfit(self, residuals: np.ndarray) -> dict[str, float]:
        """Loss (half the sum of squares) by target, the prior's share as ``prior``."""
        return misfit_by_target(self.targets, np.asarray(residuals))


def misfit_by_target(targets: tuple[Target, ...], residuals: np.ndarray) -> dict[str, float]:
    """Loss (half the sum of squares) by target, the prior's share as ``prior``."""
    shares, position = {}, 0
    for target in targets:
        part = residuals[position : position + target.size]
        shares[target.label] = 0.5 * float(np.sum(part**2))
        position += target.size
    shares["prior"] = 0.5 * float(np.sum(residuals[position:] ** 2))
    return shares

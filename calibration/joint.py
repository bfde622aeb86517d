"""Several sites in one fit, with shared numbers and numbers of their own."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax.calibration.objective import Linearised, Objective
from temjax.calibration.transforms import Free
from temjax.calibration.tunables import expand_names


class JointObjective:
    """Residuals of all sites under one free vector; each site is compiled on its own.

    Attributes:
        parts: objective of each site.
        columns: per site, the positions of its numbers in the joint vector.
        free: the joint vector; a number of one site is called ``name@site``.
    """

    def __init__(
        self, parts: tuple[Objective, ...], columns: tuple[tuple[int, ...], ...], free: Free
    ) -> None:
        self.parts, self.columns, self.free = parts, columns, free

    @classmethod
    def of(cls, objectives: tuple[Objective, ...], tied: tuple[str, ...] = ()) -> "JointObjective":
        """Join objectives.

        Args:
            objectives: one per site; a tied number must have the same prior centre in each.
            tied: names (or symbols, groups) that all sites share; others are each site's own.

        Raises:
            ValueError: two sites of one name, a tied parameter that is unknown, tied twice, not
                free at every site, or centred differently.
        """
        names = [part.name for part in objectives]
        if len(objectives) < 2 or len(set(names)) != len(names):
            raise ValueError(f"a joint fit needs two or more different sites, got {names}")
        shared = expand_names(tied) if tied else ()
        for name in shared:
            missing = [part.name for part in objectives if name not in part.free.names]
            if missing:
                raise ValueError(f"tied parameter {name!r} is not free at {missing[0]}")
            lines = {_line(part.free, name) for part in objectives}
            if len(lines) > 1:
                raise ValueError(
                    f"tied parameter {name!r} has different prior centres or widths at the sites; "
                    "give all of them one centre"
                )
        labels: list[str] = []
        fields: list[tuple] = []
        columns = []
        for part in objectives:
            own = []
            for name in part.free.names:
                label = name if name in shared else f"{name}@{part.name}"
                if label not in labels:
                    labels.append(label)
                    fields.append(_line(part.free, name))
                own.append(labels.index(label))
            columns.append(tuple(own))
        free = Free(tuple(labels), *(tuple(column) for column in zip(*fields, strict=True)))
        return cls(tuple(objectives), tuple(columns), free)

    @property
    def prior_scale(self) -> float:
        """Factor on the residuals of the prior."""
        return self.parts[0].prior_scale

    @property
    def number_of_residuals(self) -> int:
        """Residuals of the observations, without those of the prior."""
        return sum(part.number_of_residuals for part in self.parts)

    def linearised(self, free: Float[Array, "free start"]) -> Linearised:
        """Residuals and Jacobian of all sites; the prior counts once per number."""
        residuals, jacobians = [], []
        converged = jnp.ones(free.shape[1], bool)
        for part, columns in zip(self.parts, self.columns, strict=True):
            rows = jnp.asarray(columns)
            local = part.linearised(free[rows])
            count = part.number_of_residuals
            residuals.append(local.residuals[:count])
            wide = jnp.zeros((count, *free.shape))
            jacobians.append(wide.at[:, rows].set(local.jacobian[:count]))
            converged = converged & local.converged
        prior, slope = (self.prior_scale * part for part in prior_rows(self.free, free))
        return Linearised(
            jnp.concatenate([*residuals, prior]), jnp.concatenate([*jacobians, slope]), converged
        )

    def evaluated(self, free: Float[Array, "free start"]) -> tuple[Array, Array]:
        """Residuals alone."""
        residuals, converged = [], jnp.ones(free.shape[1], bool)
        for part, columns in zip(self.parts, self.columns, strict=True):
            local, settled = part.evaluated(free[jnp.asarray(columns)])
            residuals.append(local[: part.number_of_residuals])
            converged = converged & settled
        prior = self.prior_scale * self.free.prior_residuals(free)
        return jnp.concatenate([*residuals, prior]), converged

    def misfit(self, residuals: np.ndarray) -> dict[str, float]:
        """Half the sum of squares by site and target, the prior's share as ``prior``."""
        shares, position = {}, 0
        for part in self.parts:
            count = part.number_of_residuals
            local = part.misfit(np.asarray(residuals)[position : position + count])
            shares |= {f"{name}@{part.name}": v for name, v in local.items() if name != "prior"}
            position += count
        shares["prior"] = 0.5 * float(np.sum(np.asarray(residuals)[position:] ** 2))
        return shares


def prior_rows(free: Free, point: Float[Array, "free start"]) -> tuple[Array, Array]:
    """Residuals of the prior and their (diagonal) Jacobian."""
    residuals, slope = jax.jvp(free.prior_residuals, (point,), (jnp.ones_like(point),))
    return residuals, jnp.eye(point.shape[0])[:, :, None] * slope[:, None, :]


def _line(free: Free, name: str) -> tuple:
    """Everything the transform knows of one number."""
    row = free.names.index(name)
    return tuple(
        getattr(free, field)[row] for field in ("start", "lower", "upper", "prior_sd", "is_log")
    )

"""Joint objective of several parts: sites, and other collections of measurements."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax.calibration.objective import Objective
from temjax.calibration.part import Linearisation, Part
from temjax.calibration.transforms import FreeParameters
from temjax.calibration.tunables import expand_names


class JointObjective:
    """Residuals of several parts as a function of one free vector; each is compiled alone.

    Attributes:
        parts: objective of each site, then of other collections of measurements.
        columns: per part, the positions of its parameters in the joint vector.
        free: the joint free parameters; one of a single site is called ``name@site``.
    """

    def __init__(
        self,
        parts: tuple[Part, ...],
        columns: tuple[tuple[int, ...], ...],
        free: FreeParameters,
    ) -> None:
        self.parts, self.columns, self.free = parts, columns, free

    @classmethod
    def of(cls, objectives: tuple[Objective, ...], tied: tuple[str, ...] = ()) -> "JointObjective":
        """Joint objective of sites.

        Args:
            objectives: one per site; a tied parameter must have the same prior in each.
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
            priors = {_prior_of(part.free, name) for part in objectives}
            if len(priors) > 1:
                raise ValueError(
                    f"tied parameter {name!r} has different prior centres or widths at the sites; "
                    "give all of them one centre"
                )
        labels: list[str] = []
        fields: list[tuple] = []
        columns = []
        for part in objectives:
            positions = []
            for name in part.free.names:
                label = name if name in shared else f"{name}@{part.name}"
                if label not in labels:
                    labels.append(label)
                    fields.append(_prior_of(part.free, name))
                positions.append(labels.index(label))
            columns.append(tuple(positions))
        free = FreeParameters(
            tuple(labels), *(tuple(column) for column in zip(*fields, strict=True))
        )
        return cls(tuple(objectives), tuple(columns), free)

    @classmethod
    def joined(
        cls, objective: "Objective | JointObjective", others: tuple[Part, ...]
    ) -> "JointObjective":
        """Objective of sites and of other collections of measurements.

        Args:
            objective: of the sites.
            others: a parameter of theirs that bears the name of one of the sites' is that one.

        Raises:
            ValueError: two parts of one name, or a shared parameter with another prior.
        """
        names = [part.name for part in (*objective.parts, *others)]
        if len(set(names)) < len(names):
            raise ValueError(f"parts of a fit need names of their own, got {', '.join(names)}")
        priors = {name: _prior_of(objective.free, name) for name in objective.free.names}
        columns = list(objective.columns)
        for part in others:
            for name in part.free.names:
                own = _prior_of(part.free, name)
                if priors.setdefault(name, own) != own:
                    raise ValueError(f"{part.name}: the prior of {name!r} is another there")
            labels = list(priors)
            columns.append(tuple(labels.index(name) for name in part.free.names))
        fields = (tuple(column) for column in zip(*priors.values(), strict=True))
        free = FreeParameters(tuple(priors), *fields)
        return cls((*objective.parts, *others), tuple(columns), free)

    @property
    def site_parts(self) -> tuple[Objective, ...]:
        """Objectives of sites."""
        return tuple(one for part in self.parts for one in part.site_parts)

    @property
    def prior_scale(self) -> float:
        """Factor on the residuals of the prior."""
        return self.parts[0].prior_scale

    @property
    def number_of_residuals(self) -> int:
        """Residuals of the observations, without those of the prior."""
        return sum(part.number_of_residuals for part in self.parts)

    def linearise(self, free: Float[Array, "free start"]) -> Linearisation:
        """Residuals and Jacobian of all sites; the prior counts once per parameter."""
        residuals, jacobians = [], []
        converged = jnp.ones(free.shape[1], bool)
        for part, columns in zip(self.parts, self.columns, strict=True):
            rows = jnp.asarray(columns)
            local = part.linearise(free[rows])
            count = part.number_of_residuals
            residuals.append(local.residuals[:count])
            zeros = jnp.zeros((count, *free.shape))
            jacobians.append(zeros.at[:, rows].set(local.jacobian[:count]))
            converged = converged & local.converged
        prior, slope = (self.prior_scale * part for part in linearise_prior(self.free, free))
        return Linearisation(
            jnp.concatenate([*residuals, prior]), jnp.concatenate([*jacobians, slope]), converged
        )

    def residuals(self, free: Float[Array, "free start"]) -> tuple[Array, Array]:
        """Residuals without their Jacobian."""
        residuals, converged = [], jnp.ones(free.shape[1], bool)
        for part, columns in zip(self.parts, self.columns, strict=True):
            local, site_converged = part.residuals(free[jnp.asarray(columns)])
            residuals.append(local[: part.number_of_residuals])
            converged = converged & site_converged
        prior = self.prior_scale * self.free.prior_residuals(free)
        return jnp.concatenate([*residuals, prior]), converged

    def misfit(self, residuals: np.ndarray) -> dict[str, float]:
        """Loss (half the sum of squares) by target and site, the prior's share as ``prior``."""
        shares, position = {}, 0
        for part in self.parts:
            count = part.number_of_residuals
            local = part.misfit(np.asarray(residuals)[position : position + count])
            shares |= {f"{name}@{part.name}": v for name, v in local.items() if name != "prior"}
            position += count
        shares["prior"] = 0.5 * float(np.sum(np.asarray(residuals)[position:] ** 2))
        return shares


def linearise_prior(free: FreeParameters, point: Float[Array, "free start"]) -> tuple[Array, Array]:
    """Residuals of the prior and their (diagonal) Jacobian."""
    residuals, slope = jax.jvp(free.prior_residuals, (point,), (jnp.ones_like(point),))
    return residuals, jnp.eye(point.shape[0])[:, :, None] * slope[:, None, :]


def _prior_of(free: FreeParameters, name: str) -> tuple:
    """Centre, bounds, standard deviation and scale of one parameter."""
    row = free.names.index(name)
    return tuple(
        getattr(free, field)[row] for field in ("centre", "lower", "upper", "prior_sd", "is_log")
    )

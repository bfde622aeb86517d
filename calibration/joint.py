"""Joint objective of several parts: sites, and other collections of measurements."""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax.calibration.objective import Objective
from temjax.calibration.part import Linearisation, Part
from temjax.calibration.pooled import (
    DEVIATION,
    PRIOR_OF_DEVIATION,
    PartPoint,
    Pooling,
    part_point,
)
from temjax.calibration.transforms import FreeParameters
from temjax.calibration.tunables import expand_names


class JointObjective:
    """Residuals of several parts as a function of one free vector; each is compiled alone.

    Attributes:
        parts: objective of each site, then of other collections of measurements.
        columns: per part, the positions of its parameters in the joint vector.
        free: the joint free numbers; one of a single site is called ``name@site``, one that tells a
            place from its type ``deviation of name@site``.
        pooling: of places around a type; ``None`` without.
        reported: parameters behind the free numbers, in their order, with the prior of each by
            itself; ``free`` without pooling.
    """

    def __init__(
        self,
        parts: tuple[Part, ...],
        columns: tuple[tuple[int, ...], ...],
        free: FreeParameters,
        pooling: Pooling | None = None,
        reported: FreeParameters | None = None,
    ) -> None:
        self.parts, self.columns, self.free = parts, columns, free
        self.pooling = pooling
        self.reported = free if reported is None else reported

    @classmethod
    def of(
        cls,
        objectives: tuple[Part, ...],
        tied: tuple[str, ...] = (),
        *,
        pooled: tuple[str, ...] = (),
        strength: float = 0.0,
    ) -> "JointObjective":
        """Joint objective of sites, and of other parts after them.

        Args:
            objectives: one per site; a tied or pooled parameter must have the same prior in each.
            tied: names (or symbols, groups) that all sites share; others are each site's own.
            pooled: names of which each site has its own around that of the type; other parts than
                sites have the type's.
            strength: pooling strength τ, in standard deviations of the prior; 0 ties.

        Raises:
            ValueError: two sites of one name, a tied or pooled parameter that is unknown, named
                twice, not free at every site, or centred differently, or a negative strength.
        """
        names = [part.name for part in objectives]
        if len(objectives) < 2 or len(set(names)) != len(names):
            raise ValueError(f"a joint fit needs two or more different sites, got {names}")
        shared = _shared(objectives, tied, "tied")
        around = _shared(objectives, pooled, "pooled")
        if both := [name for name in around if name in shared]:
            raise ValueError(f"parameter {both[0]!r} is both tied and pooled")
        if not strength >= 0:
            raise ValueError(f"pooling strength {strength:g}: give 0 or more")
        if strength == 0:
            shared, around = (*shared, *around), ()
        layout = _Layout(strength)
        columns = tuple(layout.columns(part, shared, around) for part in objectives)
        return cls(tuple(objectives), columns, *layout.transforms())

    def with_parts(self, parts: Sequence[Part]) -> "JointObjective":
        """Joint objective with other parts of the same free parameters."""
        return JointObjective(tuple(parts), self.columns, self.free, self.pooling, self.reported)

    def with_strength(self, strength: float) -> "JointObjective":
        """Joint objective with another pooling strength, above 0."""
        pooling = Pooling(strength, self.pooling.places, self.pooling.types)
        widths = np.array(self.reported.prior_sd)
        places, types = list(pooling.places), list(pooling.types)
        widths[places] = widths[types] * np.hypot(1.0, strength)
        reported = dataclasses.replace(self.reported, prior_sd=tuple(widths.tolist()))
        return JointObjective(self.parts, self.columns, self.free, pooling, reported)

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
        known = len(priors)
        columns = list(objective.columns)
        for part in others:
            for name in part.free.names:
                own = _prior_of(part.free, name)
                if priors.setdefault(name, own) != own:
                    raise ValueError(f"{part.name}: the prior of {name!r} is another there")
            labels = list(priors)
            columns.append(tuple(labels.index(name) for name in part.free.names))
        free = _transform(list(priors), list(priors.values()))
        reported = [_prior_of(objective.reported, name) for name in objective.reported.names]
        added = list(priors)[known:]
        reported = _transform(
            [*objective.reported.names, *added], [*reported, *(priors[name] for name in added)]
        )
        parts = (*objective.parts, *others)
        return cls(parts, tuple(columns), free, objective.pooling, reported)

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

    def inner(self, free: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Reported parameters in prior space."""
        inner = self.free.prior_space(free)
        return inner if self.pooling is None else self.pooling.parameters(self.free, inner)

    def values(self, free: Float[Array, "free *start"]) -> Float[Array, "free *start"]:
        """Reported parameters in their units."""
        return self.reported.in_units(self.inner(free))

    def part_point(self, index: int, free: Float[Array, "free *start"]) -> Array:
        """Free vector of one part, by number."""
        wide = jnp.reshape(jnp.asarray(free), (free.shape[0], -1))
        return jnp.reshape(self._part_point(index, wide).free, (-1, *free.shape[1:]))

    def _part_point(self, index: int, free: Float[Array, "free start"]) -> PartPoint:
        """Free vector of one part with its derivatives."""
        own = free[np.asarray(self.columns[index])]
        if self.pooling is None:
            return PartPoint(own, jnp.ones_like(own), jnp.zeros_like(own))
        is_place, types = self.pooling.part_rows(self.columns[index])
        strength = jnp.asarray(np.asarray(self.pooling.strength))
        return part_point(self.parts[index].free, strength, is_place, own, free[types])

    def linearise(self, free: Float[Array, "free start"]) -> Linearisation:
        """Residuals and Jacobian of all parts; the prior counts once per parameter.

        Where a part's equilibrium did not converge its residuals are NaN.
        """
        residuals, jacobians = [], []
        converged = jnp.ones(free.shape[1], bool)
        for index, part in enumerate(self.parts):
            point = self._part_point(index, free)
            local = part.linearise(point.free)
            count = part.number_of_residuals
            residuals.append(jnp.where(local.converged, local.residuals[:count], jnp.nan))
            jacobian = local.jacobian[:count]
            wide = jnp.zeros((count, *free.shape))
            wide = wide.at[:, np.asarray(self.columns[index])].add(jacobian * point.own)
            if self.pooling is not None:
                _, types = self.pooling.part_rows(self.columns[index])
                wide = wide.at[:, types].add(jacobian * point.of_type)
            jacobians.append(wide)
            converged = converged & local.converged
        prior, slope = (self.prior_scale * part for part in linearise_prior(self.free, free))
        return Linearisation(
            jnp.concatenate([*residuals, prior]), jnp.concatenate([*jacobians, slope]), converged
        )

    def residuals(self, free: Float[Array, "free start"]) -> tuple[Array, Array]:
        """Residuals without their Jacobian."""
        residuals, converged = [], jnp.ones(free.shape[1], bool)
        for index, part in enumerate(self.parts):
            local, site_converged = part.residuals(self.part_point(index, free))
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


class _Layout:
    """Columns of a joint vector while its parts are laid out one after the other.

    Attributes:
        strength: of the pooling.
        labels: of the reported parameters.
        free: centre, bounds, width and scale of each free number.
        reported: the same of each reported parameter.
        types: position of the type's number by that of a place's deviation.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self.labels: list[str] = []
        self.free: list[tuple] = []
        self.reported: list[tuple] = []
        self.types: dict[int, int] = {}

    def columns(
        self, part: Part, shared: tuple[str, ...], around: tuple[str, ...]
    ) -> tuple[int, ...]:
        """Positions of a part's parameters."""
        positions = []
        for name in part.free.names:
            prior = _prior_of(part.free, name)
            if name not in shared and name not in around:
                positions.append(self._column(f"{name}@{part.name}", prior))
                continue
            of_type = self._column(name, prior)
            if name in shared or not part.site_parts:
                positions.append(of_type)
                continue
            centre, low, high, sd, is_log = prior
            wide = (centre, low, high, sd * math.hypot(1.0, self.strength), is_log)
            positions.append(self._column(f"{name}@{part.name}", wide, PRIOR_OF_DEVIATION))
            self.types[positions[-1]] = of_type
        return tuple(positions)

    def _column(self, label: str, reported: tuple, free: tuple | None = None) -> int:
        if label not in self.labels:
            self.labels.append(label)
            self.reported.append(reported)
            self.free.append(reported if free is None else free)
        return self.labels.index(label)

    def transforms(self) -> tuple[FreeParameters, Pooling | None, FreeParameters | None]:
        """Free numbers, pooling and reported parameters."""
        if not self.types:
            return _transform(self.labels, self.free), None, None
        names = [
            f"{DEVIATION}{label}" if column in self.types else label
            for column, label in enumerate(self.labels)
        ]
        pooling = Pooling(self.strength, tuple(self.types), tuple(self.types.values()))
        return _transform(names, self.free), pooling, _transform(self.labels, self.reported)


def _transform(names: Sequence[str], fields: Sequence[tuple]) -> FreeParameters:
    return FreeParameters(tuple(names), *(tuple(column) for column in zip(*fields, strict=True)))


def _shared(objectives: Sequence[Part], names: Sequence[str], word: str) -> tuple[str, ...]:
    """Parameters that several sites share, checked.

    Raises:
        ValueError: see ``JointObjective.of``.
    """
    shared = expand_names(tuple(names)) if names else ()
    for name in shared:
        missing = [
            part.name for part in objectives if part.site_parts and name not in part.free.names
        ]
        if missing:
            raise ValueError(f"{word} parameter {name!r} is not free at {missing[0]}")
        priors = {_prior_of(part.free, name) for part in objectives if name in part.free.names}
        if len(priors) > 1:
            raise ValueError(
                f"{word} parameter {name!r} has different prior centres or widths at the sites; "
                "give all of them one centre"
            )
    return shared


@jax.jit
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

"""What a fit minimises: weighted distances to observations, and to the prior.

The run starts from the equilibrium with the climate and CO2 of the first year of the history and
passes through the years up to the measurements: an equilibrium at the tower years would force the
annual NEP to zero, while towers report sinks. Starts of a fit run side by side as cells.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from temjax import Forcing, Location, ModelOptions, Parameters, find_equilibrium
from temjax.calibration.targets import (
    DEFAULT_ERRORS,
    MONTHLY_TARGETS,
    STOCK_TARGETS,
    ErrorModel,
    Target,
    data_use,
    site_targets,
)
from temjax.calibration.transforms import Free
from temjax.calibration.tunables import DISEQUILIBRIUM
from temjax.outputs import FLUXES
from temjax.programs.exported import exported_jit
from temjax.runs.simulate import Run, simulate
from temjax.sites import Site
from temjax.state import EcosystemState, State, pool_index

# Descent runs with coarse sub-steps; what a fit reports is run again with the default ones.
DESCENT = ModelOptions(substeps=16)
Disequilibrium = Literal["observations", "start"]
SENSOR_DEPTH = 0.05
THAW_YEARS = 10


class Linearised(NamedTuple):
    """Residuals, their Jacobian, and whether the equilibrium behind them converged."""

    residuals: Float[Array, "n start"]
    jacobian: Float[Array, "n free start"]
    converged: Bool[Array, "start"]


class Objective(eqx.Module):
    """Residuals of a site as a function of the free vector.

    Attributes:
        free: which numbers move, and their prior.
        parameters: all others.
        location: the place.
        forcing: history and measured years.
        targets: what is compared.
        data: rows of ``targets.data_use`` (static).
        notes: known faults of the data and choices made while reading them (static).
        options: model choices (static).
        name: of the site (static).
        since: row of the forcing whose January the disequilibrium factor acts in; runs, and rows of
            the targets, begin there (static).
        prior_scale: factor on the residuals of the prior; 1 but in twin experiments.
    """

    free: Free
    parameters: Parameters
    location: Location
    forcing: Forcing
    targets: tuple[Target, ...]
    data: tuple = eqx.field(static=True)
    notes: tuple[str, ...] = eqx.field(static=True)
    options: ModelOptions = eqx.field(static=True)
    name: str = eqx.field(static=True)
    since: int = eqx.field(static=True)
    prior_scale: Float[Array, ""]

    @classmethod
    def of(
        cls,
        site: Site,
        names: tuple[str, ...],
        targets: tuple[str, ...],
        *,
        parameters: Parameters | None = None,
        errors: ErrorModel = DEFAULT_ERRORS,
        holdout: tuple[int, ...] = (),
        centre: Mapping[str, float] | None = None,
        prior_sd: Mapping[str, float] | None = None,
        extra_targets: tuple[Target, ...] = (),
        disequilibrium: Disequilibrium = "observations",
        options: ModelOptions = DESCENT,
    ) -> "Objective":
        """Set up a fit.

        Args:
            site: place with forcing and observations.
            names: what to free: our names, TEM symbols or groups.
            targets: output names or nep, gpp, reco, soil_temperature, soc, son.
            parameters: where the prior is centred; the site's own by default.
            errors: model-error floors and weights.
            holdout: calendar years kept back to test the fit.
            centre: prior centres that replace those of ``parameters``.
            prior_sd: prior widths that replace the registry's.
            extra_targets: targets the site does not carry (``targets.stock_target``).
            disequilibrium: where ``disequilibrium_factor`` is free, whether it acts when the
                monthly observations begin, or at the start of the history, a century before, most
                of which is forgotten by then.
            options: model choices.

        Raises:
            ValueError: a parameter that cannot be freed or a target the site does not have.
        """
        parameters = site.parameters() if parameters is None else parameters
        chosen = (*site_targets(site, targets, errors, holdout), *extra_targets)
        if not chosen:
            raise ValueError(f"{site.name}: no target given")
        free = Free.of(parameters, names, centre=centre, prior_sd=prior_sd)
        first = [target.rows[0] for target in chosen if target.kind != "stock"]
        acts = DISEQUILIBRIUM in free.names and disequilibrium == "observations"
        since = min(first) if acts and first else 0
        chosen = tuple(
            target
            if target.kind == "stock"
            else replace(target, rows=tuple(row - since for row in target.rows))
            for target in chosen
        )
        return cls(
            free=free,
            parameters=parameters,
            location=site.location,
            forcing=site.forcing,
            targets=chosen,
            data=tuple(tuple(row.items()) for row in data_use(site, chosen)),
            notes=site.notes,
            options=options,
            name=site.name,
            since=since,
            prior_scale=jnp.asarray(np.asarray(1.0)),
        )

    @property
    def parts(self) -> tuple["Objective", ...]:
        """Objectives of the sites: this one."""
        return (self,)

    @property
    def columns(self) -> tuple[tuple[int, ...], ...]:
        """Positions of the site's numbers in the free vector: all of them."""
        return (tuple(range(len(self.free.names))),)

    @property
    def number_of_residuals(self) -> int:
        """Residuals of the observations, unused ones included, without those of the prior."""
        return sum(target.size for target in self.targets)

    def simulated(self, free: Float[Array, "free start"]) -> tuple[Run, Bool[Array, "start"]]:
        """Equilibrium of the first year, then every year; starts are cells."""
        starts = free.shape[1]
        parameters, history = self.free.put(self.parameters, free)
        location, forcing = as_cells(self.location, self.forcing, starts)
        return history_run(
            parameters, location, forcing, history.get(DISEQUILIBRIUM), self.since, self.options
        )

    def outputs(
        self, free: Float[Array, "free start"]
    ) -> tuple[dict[str, Float[Array, "..."]], Bool[Array, "start"]]:
        """Everything targets can be compared with, by output name, starts trailing."""
        run, converged = self.simulated(free)
        depth = run.soil.depths.index(SENSOR_DEPTH)
        outputs = {name: getattr(run.monthly, name) for name in MONTHLY_TARGETS[:4]}
        outputs["soil_temperature"] = run.monthly.soil_temperature[:, :, depth]
        outputs |= {name: getattr(run.state, name) for name in STOCK_TARGETS[:2]}
        outputs["maximum_thaw_depth"] = jnp.mean(
            run.annual.maximum_thaw_depth[-THAW_YEARS:], axis=0
        )
        return outputs, converged

    def predictions(
        self, free: Float[Array, "free start"]
    ) -> tuple[Float[Array, "n start"], Bool[Array, "start"]]:
        """Residuals of the observations, those of the prior after them."""
        outputs, converged = self.outputs(free)
        parts = [target.residuals(outputs[target.variable]) for target in self.targets]
        prior = self.prior_scale * self.free.prior_residuals(free)
        return jnp.concatenate([*parts, prior]), converged

    @partial(exported_jit, packages=("temjax.sites",))
    def linearised(self, free: Float[Array, "free start"]) -> Linearised:
        """Residuals and their Jacobian by forward mode, for every start at once.

        Few parameters: the whole Jacobian costs about what one reverse gradient does, and gives
        the curvature as well.
        """
        size, starts = free.shape

        def push(direction):
            tangent = jnp.broadcast_to(direction[:, None], (size, starts))
            return jax.jvp(self.predictions, (free,), (tangent,), has_aux=True)

        residuals, columns, converged = jax.vmap(push, out_axes=(None, 1, None))(jnp.eye(size))
        return Linearised(residuals, columns, converged)

    @partial(exported_jit, packages=("temjax.sites",))
    def evaluated(
        self, free: Float[Array, "free start"]
    ) -> tuple[Float[Array, "n start"], Bool[Array, "start"]]:
        """Residuals alone."""
        return self.predictions(free)

    def misfit(self, residuals: np.ndarray) -> dict[str, float]:
        """Half the sum of squares by target, the prior's share as ``prior``."""
        return misfit_of(self.targets, np.asarray(residuals))


def misfit_of(targets: tuple[Target, ...], residuals: np.ndarray) -> dict[str, float]:
    """Half the sum of squares by target, the prior's share as ``prior``."""
    shares, position = {}, 0
    for target in targets:
        part = residuals[position : position + target.size]
        shares[target.label] = 0.5 * float(np.sum(part**2))
        position += target.size
    shares["prior"] = 0.5 * float(np.sum(residuals[position:] ** 2))
    return shares


def as_cells(location: Location, forcing: Forcing, starts: int) -> tuple[Location, Forcing]:
    """One place repeated along a trailing axis."""

    def wide(leaf):
        return jnp.broadcast_to(jnp.asarray(leaf)[..., None], (*jnp.shape(leaf), starts))

    cells = eqx.tree_at(
        lambda f: (f.air_temperature, f.precipitation, f.shortwave),
        forcing,
        replace_fn=wide,
    )
    return jax.tree.map(wide, location), cells


def history_run(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    factor: Float[Array, "*start"] | None,
    since: int,
    options: ModelOptions,
) -> tuple[Run, Bool[Array, "*start"]]:
    """Equilibrium of the first year and the years that follow.

    Args:
        parameters: scalar or per start.
        location: the place, or one per start.
        forcing: history and measured years.
        factor: on soil organic carbon and nitrogen in the January of row ``since``; ``None``: 1.
        since: first row of the run that is returned; earlier ones only lead to it.
        options: model choices.

    Returns:
        The run from ``since`` on, and whether the equilibrium converged.
    """
    found = find_equilibrium(parameters, location, forcing, climate="first", options=options)
    state = found.state
    if since:
        state = simulate(
            parameters, location, forcing, initial=state, options=options, stop=since
        ).state
    initial = disequilibrated(state, factor)
    run = simulate(parameters, location, forcing, initial=initial, options=options, start=since)
    return run, found.converged


def disequilibrated(state: State, factor: Float[Array, "*start"] | None) -> State:
    """State with soil organic carbon and nitrogen multiplied by a factor."""
    if factor is None:
        return state
    rows = jnp.asarray([pool_index("soil_organic_carbon"), pool_index("soil_organic_nitrogen")])
    pools = state.ecosystem.pools
    pools = pools.at[rows].set(pools[rows] * factor)
    return eqx.tree_at(lambda s: s.ecosystem, state, EcosystemState(pools))


def first_failure(objective: Objective, free: Float[Array, "free"]) -> str:
    """Which process and month is the first that is not finite, in words."""
    run, converged = objective.simulated(jnp.asarray(free)[:, None])
    fluxes = np.asarray(run.monthly.fluxes)[..., 0]
    broken = ~np.isfinite(fluxes)
    if broken.any():
        year, month, flux = np.argwhere(np.moveaxis(broken, 0, -1))[0]
        when = f"{int(run.years[year])}-{month + 1:02d}"
        return f"{FLUXES[flux].replace('_', ' ')} in {when}"
    soil = ~np.isfinite(np.asarray(run.monthly.soil_temperature)[..., 0])
    if soil.any():
        year, month, _ = np.argwhere(soil)[0]
        return f"soil temperature in {int(run.years[year])}-{month + 1:02d}"
    if not bool(converged[0]):
        return "the equilibrium of the first year did not converge"
    return "the derivative alone: every simulated value is finite"

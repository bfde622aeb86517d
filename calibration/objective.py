"""Objective of a calibration: weighted residuals of the observations and of the prior.

The run starts from the equilibrium with the climate and CO2 of the first year of the history and
passes through the years up to the measurements: an equilibrium at the tower years would force the
annual NEP to zero, while towers report sinks. Starts of a fit are the cells of one run.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from temjax import Forcing, Location, ModelOptions, Parameters
from temjax.calibration.default_targets import default_targets
from temjax.calibration.gross_flux import GROSS_FLUX
from temjax.calibration.history import HistoryRun, broadcast_to_cells, run_history
from temjax.calibration.part import Part
from temjax.calibration.soil_profile import (
    SOIL_PROFILE,
    THAW_YEARS,
    fitted_days,
    heat_outputs,
    heat_suffices,
)
from temjax.calibration.target import Target
from temjax.calibration.target_data import data_summary
from temjax.calibration.targets import (
    DEFAULT_ERRORS,
    MONTHLY_TARGETS,
    STOCK_TARGETS,
    ErrorModel,
    site_targets,
)
from temjax.calibration.transforms import FreeParameters, names_inside_bounds
from temjax.calibration.tunables import DISEQUILIBRIUM
from temjax.calibration.type_stocks import TYPE_STOCKS
from temjax.heat.profiles import ProfileDay
from temjax.outputs import FLUXES
from temjax.sites import Site
from temjax.sites.compare import temperature_at
from temjax.sites.place_numbers import with_place_numbers
from temjax.sites.provenance import forcing_hash, parameter_hash

# A fit runs with coarse sub-steps; its results are computed again with the default ones.
DESCENT = ModelOptions(substeps=16)
Disequilibrium = Literal["observations", "start"]
SENSOR_DEPTH = 0.05  # m, where no soil temperature was observed


class Objective(Part):
    """Residuals of a site as a function of the free vector.

    Attributes:
        free: free parameters and their prior.
        parameters: values of all others.
        location: of the site.
        forcing: history and measured years.
        targets: observations.
        data: rows of ``targets.data_summary`` (static).
        notes: known faults of the data and choices made while reading them, and parameters of a
            group that are not free (static).
        absent: targets that a fit takes by default and the site lacks, with the reason (static).
        options: model choices (static).
        name: of the site (static).
        first_row: year of the forcing, as a row, in whose January the disequilibrium factor acts;
            runs, and rows of the targets, begin there (static).
        sensor_depth: of the soil temperature sensor, m (static).
        profile_days: days and depths of soil temperature profiles (static).
        prior_scale: factor on the residuals of the prior; 1 but in twin experiments.
    """

    free: FreeParameters
    parameters: Parameters
    location: Location
    forcing: Forcing
    targets: tuple[Target, ...]
    data: tuple = eqx.field(static=True)
    notes: tuple[str, ...] = eqx.field(static=True)
    absent: tuple[tuple[str, str], ...] = eqx.field(static=True)
    options: ModelOptions = eqx.field(static=True)
    name: str = eqx.field(static=True)
    first_row: int = eqx.field(static=True)
    sensor_depth: float = eqx.field(static=True)
    profile_days: tuple[ProfileDay, ...] = eqx.field(static=True)
    prior_scale: Float[Array, ""]

    @classmethod
    def of(
        cls,
        site: Site,
        names: tuple[str, ...],
        targets: tuple[str, ...] | None,
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
        """Objective of one site.

        Args:
            site: its forcing and observations.
            names: free parameters, by name, TEM symbol or group; a group is without those of its
                members that lie at a bound.
            targets: output names or those of ``targets.ALIASES``; None: those that the site has.
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
        absent: dict[str, str] = {}
        if targets is None:
            targets, absent = default_targets(site, holdout)
        fitted = (*site_targets(site, targets, errors, holdout), *extra_targets)
        if not fitted:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in absent.items())
            tail = f"to fit: {reasons}" if reasons else "given"
            raise ValueError(f"{site.name}: no target {tail}")
        if disequilibrium not in get_args(Disequilibrium):
            choices = " or ".join(map(repr, get_args(Disequilibrium)))
            raise ValueError(f"disequilibrium={disequilibrium!r}: choose {choices}")
        inside, left_out = names_inside_bounds(parameters, names, centre)
        free = FreeParameters.of(parameters, inside, centre=centre, prior_sd=prior_sd)
        observed_from = [target.rows[0] for target in fitted if target.by_year]
        delayed = DISEQUILIBRIUM in free.names and disequilibrium == "observations"
        first_row = min(observed_from) if delayed and observed_from else 0
        fitted = tuple(
            replace(target, rows=tuple(row - first_row for row in target.rows))
            if target.by_year
            else target
            for target in fitted
        )
        return cls(
            free=free,
            parameters=parameters,
            location=site.location,
            forcing=site.forcing,
            targets=fitted,
            data=tuple(tuple(row.items()) for row in data_summary(site, fitted)),
            notes=(*site.notes, *_notes_of_fixed(left_out, site)),
            absent=tuple(absent.items()),
            options=options,
            name=site.name,
            first_row=first_row,
            sensor_depth=_sensor_depth(site),
            profile_days=fitted_days(site, fitted),
            prior_scale=jnp.asarray(np.asarray(1.0)),
        )

    @property
    def site_parts(self) -> tuple["Objective", ...]:
        """Objectives of sites: only this one."""
        return (self,)

    @property
    def heat_suffices(self) -> bool:
        """Whether soil heat alone decides every target."""
        return heat_suffices(self.free.names, self.targets)

    def heat_outputs(self, free: Float[Array, "free start"], variables: Sequence[str]):
        """Outputs of soil heat alone by name, starts trailing, and whether it converged."""
        parameters, place = self.free.insert(self.parameters, free)
        location, forcing = broadcast_to_cells(self.location, self.forcing, free.shape[1])
        parameters, forcing = with_place_numbers(parameters, forcing, place)
        return heat_outputs(
            parameters, location, forcing, variables, self.profile_days, self.sensor_depth,
            self.options,
        )  # fmt: skip

    def simulate(self, free: Float[Array, "free start"]) -> HistoryRun:
        """Run from the equilibrium of the first year through every year; starts are cells."""
        parameters, place = self.free.insert(self.parameters, free)
        location, forcing = broadcast_to_cells(self.location, self.forcing, free.shape[1])
        return run_history(parameters, location, forcing, place, self.first_row, self.options)

    def outputs(
        self, free: Float[Array, "free start"]
    ) -> tuple[dict[str, Float[Array, "..."]], Bool[Array, "start"]]:
        """Simulated outputs that targets can be compared with, by name, starts trailing."""
        if self.heat_suffices:
            return self.heat_outputs(free, [target.variable for target in self.targets])
        run, before, converged = self.simulate(free)
        outputs = {name: getattr(run.monthly, name) for name in MONTHLY_TARGETS[:4]}
        outputs[GROSS_FLUX] = 0.5 * (
            run.monthly.gross_primary_production + run.monthly.ecosystem_respiration
        )
        outputs["soil_temperature"] = temperature_at(
            run.monthly.soil_temperature, run.soil.depths, self.sensor_depth
        )
        outputs |= {name: getattr(run.state, name) for name in STOCK_TARGETS[:2]}
        outputs |= {target: getattr(before, name) for target, name in TYPE_STOCKS.items()}
        outputs["maximum_thaw_depth"] = jnp.mean(
            run.annual.maximum_thaw_depth[-THAW_YEARS:], axis=0
        )
        if self.profile_days:
            outputs |= self.heat_outputs(free, (SOIL_PROFILE,))[0]
        return outputs, converged

    def identity(self) -> tuple:
        """Options, forcing and parameters."""
        return (
            dataclasses.astuple(self.options),
            forcing_hash(self.forcing),
            parameter_hash(self.parameters),
        )

    def first_failure(self, free: Float[Array, "free"]) -> str:
        """Description of the first flux and month that is not finite."""
        run, _, converged = self.simulate(jnp.asarray(free)[:, None])
        fluxes = np.asarray(run.monthly.fluxes)[..., 0]
        invalid = ~np.isfinite(fluxes)
        if invalid.any():
            year, month, flux = np.argwhere(np.moveaxis(invalid, 0, -1))[0]
            when = f"{int(run.years[year])}-{month + 1:02d}"
            return f"{FLUXES[flux].replace('_', ' ')} in {when}"
        soil = ~np.isfinite(np.asarray(run.monthly.soil_temperature)[..., 0])
        if soil.any():
            year, month, _ = np.argwhere(soil)[0]
            return f"soil temperature in {int(run.years[year])}-{month + 1:02d}"
        if not bool(converged[0]):
            return "the equilibrium of the first year did not converge"
        return "the derivative alone: every simulated value is finite"


def _notes_of_fixed(left_out: Mapping[str, str], site: Site) -> list[str]:
    """Notes on members of a group that are not free, from the reason of each."""
    return [
        f"{name} is not fitted: {reason} in the parameter set {site.parameter_set}; a value in "
        f"[vegetation.overrides.{name}] of the site file frees it"
        for name, reason in left_out.items()
    ]


def _sensor_depth(site: Site) -> float:
    """Depth of the soil temperature sensor of a site, m."""
    series = site.observations.monthly.get("soil_temperature")
    return SENSOR_DEPTH if series is None or series.depth is None else float(series.depth)

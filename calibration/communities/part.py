"""Part of an objective: target values of a community against the equilibrium with a climate.

Groups that calibrate TEM to target values take them as those of a steady state: the model repeats
one mean year, at one CO2 concentration, until nothing changes, and the sums of that year are laid
beside the targets. Production "without nitrogen limitation" is the model's INGPP and INNPP, what
the vegetation of that steady state would do with ample nitrogen (the calibration outputs of
dvm-dos-tem are the same quantities). Stocks are means of the twelve months.
"""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from temjax import Forcing, Location, ModelOptions, Parameters, find_equilibrium, simulate
from temjax.calibration.communities.target_values import FLUXES, TARGETS, Community
from temjax.calibration.history import broadcast_to_cells
from temjax.calibration.objective import DESCENT
from temjax.calibration.part import Part
from temjax.calibration.target import Target
from temjax.calibration.transforms import FreeParameters, names_inside_bounds
from temjax.calibration.tunables import COMMUNITY, THAW, parameter_info
from temjax.forcing import select_years
from temjax.parameters.files import load_parameters, replace_parameters
from temjax.parameters.registry import REGISTRY
from temjax.sites import Site
from temjax.sites.provenance import forcing_hash, parameter_hash

CLIMATE_YEARS = 30  # the last ones, whose mean is repeated
THAW_DEPTH = "maximum_thaw_depth"
# Prior standard deviations in prior space, in place of the registry's: these are widths for one
# type of vegetation between its sites, while a community may be another type than the base set's.
PRIOR_SD = {
    "cmax_scale": 0.8,
    "respiration_rate_log": 1.0,
    "litterfall_rate_carbon": 1.0,
    "litterfall_rate_nitrogen": 1.0,
    "kdc_scale": 0.8,
    "nmax_scale": 1.0,
    "nup_scale": 0.6,
    "production_carbon_to_nitrogen": 0.5,
    "vegetation_carbon_to_nitrogen_intercept": 0.5,
    "soil_carbon_to_nitrogen": 0.4,
    "conductivity_scale": 0.5,
    "mat_thickness": 0.4,
    "upper_water": 0.6,
}


class CommunityPart(Part):
    """Residuals of the target values of a community as a function of the free vector.

    Attributes:
        free: free parameters and their prior.
        parameters: values of all others.
        location: of the climate.
        forcing: the mean year, twice.
        targets: target values.
        data: of the targets (static).
        notes: what was chosen and assumed (static).
        absent: none (static).
        options: model choices (static).
        name: of the community (static).
        prior_scale: factor on the residuals of the prior.
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
    prior_scale: Float[Array, ""]

    @classmethod
    def of(
        cls,
        community: Community,
        site: Site,
        names: tuple[str, ...] = (),
        options: ModelOptions = DESCENT,
    ) -> "CommunityPart":
        """Part of a community in the climate of a site.

        The base set is the community's; parameter values of the site go on top of it, those of the
        community on top of both.

        Args:
            community: targets, base set and priors.
            site: its location and climate; its observations are not used.
            names: free parameters by name, TEM symbol or group; by default those of the
                community's file, else the group ``community`` and, with a thaw depth among the
                targets, conductivity, mat and water of the soil.
            options: model choices.

        Raises:
            LookupError: years that the climate lacks.
            ValueError: a parameter that cannot be freed.
        """
        parameters = base_parameters(community, site)
        names = names or community.free or usual_names(community)
        inside, left_out = names_inside_bounds(parameters, names)
        widths = {name: PRIOR_SD[name] for name in inside if name in PRIOR_SD}
        widths |= {k: sd for k, sd in community.prior_sd.items() if k in inside}
        forcing, climate_note = stationary_forcing(site, community)
        return cls(
            free=FreeParameters.of(parameters, inside, prior_sd=widths),
            parameters=parameters,
            location=site.location,
            forcing=forcing,
            targets=tuple(
                _target(one.variable, one.value, one.sd) for one in community.targets
            ),
            data=tuple(
                tuple(
                    {
                        "target": one.variable, "weight": 1.0, "used": 1, "held_out": 0,
                        "median_sd": one.sd, "missing": 0, "suspect": 0,
                        "source": f"{one.source} (error: {one.sd_source})",
                    }.items()
                )
                for one in community.targets
            ),
            notes=(climate_note, *community.notes, *_notes(community, site, left_out, widths)),
            absent=(),
            options=options,
            name=community.name,
            prior_scale=jnp.asarray(np.asarray(1.0)),
        )  # fmt: skip

    def outputs(
        self, free: Float[Array, "free start"]
    ) -> tuple[dict[str, Float[Array, "start"]], Bool[Array, "start"]]:
        """Annual values of the steady state by output name, starts trailing, and convergence."""
        parameters = self.free.insert(self.parameters, free)[0]
        place = broadcast_to_cells(self.location, self.forcing, free.shape[1])
        return stationary_outputs(parameters, *place, self.options)

    def identity(self) -> tuple:
        """Options, climate and parameters."""
        return (
            dataclasses.astuple(self.options),
            forcing_hash(self.forcing),
            parameter_hash(self.parameters),
        )

    def first_failure(self, free: Float[Array, "free"]) -> str:
        """Description of the first annual value that is not finite."""
        outputs, converged = self.outputs(jnp.asarray(free)[:, None])
        for name, value in outputs.items():
            if not bool(np.isfinite(value[0])):
                return f"{name.replace('_', ' ')} of the steady state"
        if not bool(converged[0]):
            return "the equilibrium with the climate did not converge, or carries no vegetation"
        return "the derivative alone: every simulated value is finite"


def base_parameters(community: Community, site: Site) -> Parameters:
    """Base set of a community with the values of the site, then those of the community, on top."""
    parameters = site.parameters(load_parameters(community.parameter_set))
    scaled = {}
    for symbol, factor in community.factors.items():
        lines = tuple(f"{symbol.lower()}_{part}" for part in ("slope", "intercept"))
        for name in (name for name in REGISTRY if name.startswith(lines)):
            scaled[name] = factor * getattr(parameters, name)
    return replace_parameters(parameters, **scaled, **community.overrides)


def usual_names(community: Community) -> tuple[str, ...]:
    """Free parameters of a community whose file names none."""
    with_thaw = any(one.variable == THAW_DEPTH for one in community.targets)
    return (*COMMUNITY, *THAW) if with_thaw else COMMUNITY


def stationary_forcing(site: Site, community: Community) -> tuple[Forcing, str]:
    """Mean year of a site's climate, twice, at one CO2 concentration; and a note on both.

    Raises:
        LookupError: years that the climate lacks.
    """
    years = np.asarray(site.forcing.years)
    first, last = community.years or (max(int(years[-1]) - CLIMATE_YEARS + 1, int(years[0])),
                                      int(years[-1]))  # fmt: skip
    if first < years[0] or last > years[-1]:
        raise LookupError(
            f"years {first}-{last}, but the climate of {site.name} has {years[0]}-{years[-1]}"
        )
    rows = select_years(site.forcing, first - int(years[0]), last - int(years[0]) + 1)
    mean_co2 = community.co2 is None
    co2 = float(np.mean(np.asarray(rows.co2))) if mean_co2 else community.co2

    def twice(values: Array) -> Array:
        mean = np.mean(np.asarray(values), axis=0)
        return jnp.asarray(np.stack([mean, mean]))

    forcing = Forcing(
        years=jnp.asarray(np.asarray([last, last + 1])),
        air_temperature=twice(rows.air_temperature),
        precipitation=twice(rows.precipitation),
        shortwave=twice(rows.shortwave),
        co2=jnp.full_like(rows.co2[:2], co2),
    )
    return forcing, (
        f"steady state with the mean climate of {first}-{last} of {site.title}, CO2 {co2:.1f} ppmv"
        + (", the mean of these years" if mean_co2 else ", as the file says")
        + ": the community is taken as in equilibrium with it"
    )


def stationary_outputs(
    parameters: Parameters, location: Location, forcing: Forcing, options: ModelOptions
) -> tuple[dict[str, Float[Array, "*start"]], Bool[Array, "*start"]]:
    """Annual fluxes, mean stocks and thaw depth of the steady state with a repeated year.

    Args:
        parameters, location: scalar or per start.
        forcing: the year, twice, so that the months before January are December's.
        options: model choices.
    """
    equilibrium = find_equilibrium(parameters, location, forcing, climate="first", options=options)
    run = simulate(
        parameters, location, forcing, initial=equilibrium.state, options=options,
        exposure=False, start=1,
    )  # fmt: skip
    outputs = {
        name: getattr(run.annual, name)[0]
        if short in FLUXES or name == THAW_DEPTH
        else jnp.mean(getattr(run.monthly, name)[0], axis=0)
        for short, name in TARGETS.items()
    }
    return outputs, equilibrium.converged


def _target(variable: str, value: float, sd: float) -> Target:
    """One number."""
    # Through NumPy: a weakly typed scalar would cost a compilation of its own.
    numbers = (jnp.asarray(np.asarray(x, dtype=float)) for x in (value, sd, 1.0, 0.0))
    return Target(variable, "stock", (0, 0), False, 1.0, *numbers)


def _notes(
    community: Community, site: Site, left_out: dict[str, str], widths: dict[str, float]
) -> list[str]:
    """What the site adds, what is not fitted, and priors other than the registry's."""
    own = [name for name in site.parameter_overrides if name not in community.overrides]
    lines = [f"parameter values of {site.name} on top of {community.parameter_set}: "
             + ", ".join(own)] if own else []  # fmt: skip
    lines += [f"{name} is not fitted: {reason}" for name, reason in left_out.items()]
    wider = [
        f"{name} {sd:g} ({parameter_info(name).prior_sd:g})"
        for name, sd in widths.items()
        if sd != parameter_info(name).prior_sd and name not in community.prior_sd
    ]
    if wider:
        lines.append(
            "prior widths of a community in prior space, in place of the registry's (in brackets): "
            + ", ".join(wider)
        )
    return lines

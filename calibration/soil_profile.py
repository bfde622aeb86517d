"""Soil temperature profiles as a target, and fits that need no more than soil heat."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from temjax import Forcing, Location, ModelOptions, Parameters
from temjax.calibration.target import Target
from temjax.forcing import mean_year
from temjax.heat.climate import HEAT_PARAMETERS, equilibrate_heat, soil_climate
from temjax.heat.equilibrium import tolerance
from temjax.heat.profiles import ProfileDay, temperature_profiles
from temjax.sites import Site
from temjax.sites.account import SOIL_PROFILE, THAW_DEPTH
from temjax.sites.compare import temperature_at
from temjax.sites.place_numbers import PLACE_NUMBERS
from temjax.sites.profile_comparison import days_of, inside
from temjax.sites.soil_profiles import SoilProfile

OF_HEAT = ("soil_temperature", THAW_DEPTH, SOIL_PROFILE)
THAW_YEARS = 10  # the last ones, whose mean a thaw depth is compared with


def fitted_profiles(site: Site) -> tuple[SoilProfile, ...]:
    """Measured profiles of a site in the years of its forcing."""
    years = site.forcing.years
    return inside(site.observations.profiles, (int(years[0]), int(years[-1])))


def fitted_days(site: Site, targets: Sequence[Target]) -> tuple[ProfileDay, ...]:
    """Days and depths of the profiles that a site's targets count; none without such a target."""
    if all(target.variable != SOIL_PROFILE for target in targets):
        return ()
    return days_of(fitted_profiles(site), int(site.forcing.years[0]))


def profile_target(site: Site, floor: float, weight: float, holdout: Sequence[int]) -> Target:
    """Target of the soil temperature profiles of a site, one after the other.

    Args:
        site: its profiles and forcing.
        floor: standard deviation of the model error, K, in quadrature with the measurement's own.
        weight: factor on its share of the loss.
        holdout: calendar years whose profiles are kept back.

    Raises:
        ValueError: every profile lies outside the run, or is kept back.
    """
    profiles = fitted_profiles(site)
    if not profiles:
        years, days = site.forcing.years, [str(one.date) for one in site.observations.profiles]
        raise ValueError(
            f"{site.name}: soil temperature profiles of {', '.join(days)} lie outside the run, "
            f"{years[0]}–{years[-1]}; give forcing for these years"
        )
    held_out = np.concatenate(
        [np.full(one.depths.shape, one.date.year in tuple(holdout)) for one in profiles]
    )
    if held_out.all():
        raise ValueError(f"{site.name}: every soil temperature profile is held out")
    sd = np.nan_to_num(np.concatenate([one.sd for one in profiles]), nan=0.0)
    return Target(
        variable=SOIL_PROFILE,
        kind="profile",
        rows=(0, 0),
        mean_year=False,
        weight=weight,
        values=jnp.asarray(np.concatenate([one.values for one in profiles])),
        sd=jnp.asarray(np.hypot(sd, floor)),
        used=jnp.asarray(~held_out, float),
        held_out=jnp.asarray(held_out, float),
    )


def heat_suffices(names: Sequence[str], targets: Sequence[Target]) -> bool:
    """Whether soil heat alone decides every target of a fit: no carbon, nitrogen or water runs."""
    of_heat = {*HEAT_PARAMETERS, *PLACE_NUMBERS}  # the snow pack follows the forcing alone
    return set(names) <= of_heat and all(one.variable in OF_HEAT for one in targets)


def heat_outputs(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    variables: Sequence[str],
    days: tuple[ProfileDay, ...],
    sensor_depth: float,
    options: ModelOptions,
) -> tuple[dict[str, Float[Array, "..."]], Bool[Array, "*start"]]:
    """Outputs of ``OF_HEAT`` by a run of heat alone, from the equilibrium with the first year.

    Args:
        parameters: scalar or per start.
        location, forcing: of the site, one per start.
        variables: those asked for.
        days: of the profiles.
        sensor_depth: of soil temperature, m.
        options: heat sub-steps and iterations.

    Returns:
        Outputs by name, starts trailing, and whether the equilibrium of heat converged.
    """
    first_year = mean_year(forcing, 0, 1)
    heat, snowpack, residual = equilibrate_heat(parameters, location, first_year, options=options)
    start = (parameters, location, forcing, heat)
    outputs = {}
    if SOIL_PROFILE in variables:
        profiles = temperature_profiles(*start, snowpack, days, options=options)
        outputs[SOIL_PROFILE] = jnp.concatenate(profiles)
    if {"soil_temperature", THAW_DEPTH} & set(variables):
        soil = soil_climate(*start, snowpack=snowpack, options=options)
        outputs["soil_temperature"] = temperature_at(
            soil.soil_temperature, soil.depths, sensor_depth
        )
        outputs[THAW_DEPTH] = jnp.mean(soil.maximum_thaw_depth[-THAW_YEARS:], axis=0)
    return outputs, residual <= tolerance(residual.dtype)

"""Thaw exposure over the years of a run: the rule, the switch, and what each year is given."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.ecosystem.year import YearInputs
from temjax.forcing import Forcing
from temjax.heat.climate import SoilClimate
from temjax.options import ModelOptions
from temjax.parameters.cell import CellConstants
from temjax.parameters.registry import Parameters
from temjax.processes.thaw_exposure import (
    accessible_nitrogen_fraction,
    active_layer_by_rule,
    exposed_thickness,
    exposure_factor,
)
from temjax.runs.lagged_forcing import LaggedForcing
from temjax.state import ExposureState

FIRST_EXPOSURE_YEAR = 1901


class ExposureHistory(eqx.Module):
    """Thicknesses and factors of every year, ``(year, *cell)``; inside a scan of one."""

    active_layer_thickness: Float[Array, "*year_cell"]
    exposed_thickness: Float[Array, "*year_cell"]
    factor: Float[Array, "*year_cell"]
    accessible_nitrogen_fraction: Float[Array, "*year_cell"]


def exposure_history(
    parameters: Parameters,
    constants: CellConstants,
    options: ModelOptions,
    soil: SoilClimate,
    exposed: Float[Array, "year"],
    before: ExposureState,
    reference_thickness: Float[Array, "*cell"] | None,
) -> ExposureHistory:
    """Apply the active-layer rule year by year (docs/specification/protocol.md 2).

    Args:
        exposed: 1 in the years in which exposure acts, else 0.
        before: state at the start; holds last year's thickness.
        reference_thickness: thickness of 2020 for ``root_zone_nitrogen = "const2020"``.
    """
    cell = jnp.shape(constants.rooting_depth)
    depth_scale = jnp.broadcast_to(parameters.soil_carbon_depth_scale, cell)

    def year(carry, inputs):
        thickness_before, pools_thickness = carry
        maximum, minimum, degree_days, permafrost, switch = inputs
        thickness = active_layer_by_rule(
            options,
            maximum_thaw_depth=maximum,
            minimum_thaw_depth=minimum,
            thawing_degree_days=degree_days,
            permafrost=permafrost,
            stefan_coefficient=parameters.stefan_coefficient,
            previous=thickness_before,
        )
        factor = exposure_factor(
            thickness=thickness, previous=thickness_before, depth_scale=depth_scale, exposed=switch
        )
        pools_thickness = exposed_thickness(
            thickness=thickness, last=pools_thickness, exposed=switch
        )
        accessible = accessible_nitrogen_fraction(
            options,
            rooting_depth=constants.rooting_depth,
            thickness=pools_thickness,
            depth_scale=depth_scale,
            reference_thickness=reference_thickness,
        )
        return (thickness, pools_thickness), ExposureHistory(
            thickness, pools_thickness, factor, accessible
        )

    start = (before.active_layer_thickness, before.exposed_thickness)
    inputs = (
        soil.maximum_thaw_depth,
        soil.minimum_thaw_depth,
        soil.thawing_degree_days,
        soil.permafrost,
        exposed,
    )
    return jax.lax.scan(year, start, inputs)[1]


def year_inputs(
    options: ModelOptions, lagged: LaggedForcing, soil: SoilClimate, history: ExposureHistory
) -> YearInputs:
    """Inputs of ``ecosystem_year``, a leading year axis in front."""
    temperature = (
        soil.soil_temperature[:, :, soil.depths.index(0.2)]
        if options.respiration_depth == "20cm"
        else soil.soil_temperature_top
    )
    return YearInputs(
        air_temperature=lagged.air_temperature,
        previous_air_temperature=lagged.previous_air_temperature,
        second_previous_air_temperature=lagged.second_previous_air_temperature,
        shortwave=lagged.shortwave,
        co2=lagged.co2,
        rainfall=soil.rainfall,
        snowfall=soil.snowfall,
        snowmelt=soil.snowmelt,
        soil_temperature=temperature,
        thaw_fraction=soil.thaw_fraction,
        exposure_factor=history.factor,
        accessible_nitrogen_fraction=history.accessible_nitrogen_fraction,
    )


def check_stefan(parameters: Parameters, options: ModelOptions) -> None:
    """Refuse the rule ``stefan`` with parameters that have no coefficient.

    Raises:
        ValueError: that.
    """
    coefficient = parameters.stefan_coefficient
    if options.active_layer_rule != "stefan" or isinstance(coefficient, jax.core.Tracer):
        return
    if bool(jnp.any(jnp.isnan(coefficient))):
        raise ValueError(
            "active_layer_rule = 'stefan' needs a Stefan coefficient, and this parameter set has "
            "none; choose 'hold' or 'literal', or set stefan_coefficient"
        )


def exposure_switch(
    forcing: Forcing, exposure: bool | Sequence[bool] | Array | None, start: int, stop: int
) -> Float[Array, "year"]:
    """One number per year: 1 where thaw exposure acts. ``None`` means from 1901 on.

    Raises:
        ValueError: a sequence whose length is not the number of years of the forcing.
    """
    dtype = forcing.air_temperature.dtype
    if exposure is None:
        switch = forcing.years >= FIRST_EXPOSURE_YEAR
    else:
        switch = jnp.asarray(exposure)
        if switch.ndim == 0:
            switch = jnp.broadcast_to(switch, (forcing.number_of_years,))
        if switch.shape != (forcing.number_of_years,):
            raise ValueError(
                f"exposure has shape {switch.shape}; give one value or one per year of the "
                f"forcing ({forcing.number_of_years})"
            )
    return switch[start:stop].astype(dtype)

"""Transient run over years and cells: soil climate first, then carbon, nitrogen and water."""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax.ecosystem.year import YearCarry, YearInputs, ecosystem_year
from temjax.forcing import Forcing, Location
from temjax.heat.climate import SoilClimate, soil_climate
from temjax.options import ModelOptions
from temjax.outputs import AnnualOutput, MonthlyOutput
from temjax.parameters.cell import CellConstants, cell_constants
from temjax.parameters.registry import Parameters
from temjax.processes.radiation import gross_irradiance
from temjax.processes.thaw_exposure import (
    accessible_nitrogen_fraction,
    active_layer_by_rule,
    exposed_thickness,
    exposure_factor,
)
from temjax.programs.exported import exported_jit
from temjax.runs.lagged_forcing import LaggedForcing, lagged_forcing
from temjax.runtime.blocks import map_blocks
from temjax.state import ExposureState, State

FIRST_EXPOSURE_YEAR = 1901


class Run(eqx.Module):
    """Result of ``simulate``.

    Attributes:
        years: calendar years, ``(year,)``.
        monthly: fluxes and pools, ``(year, 12, *cell)``.
        annual: thaw, exposure, annual sums, year-end pools, ``(year, *cell)``.
        soil: the soil climate of the run.
        state: where a following run starts.
        finite: false where a cell produced a value that is not finite; such a cell is to be
            masked and named, never averaged.
    """

    years: Array
    monthly: MonthlyOutput
    annual: AnnualOutput
    soil: SoilClimate
    state: State
    finite: Bool[Array, "*cell"]


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


def _check_stefan(parameters: Parameters, options: ModelOptions) -> None:
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


def simulate(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    *,
    initial: State,
    options: ModelOptions = ModelOptions(),
    exposure: bool | Sequence[bool] | Array | None = None,
    start: int = 0,
    stop: int | None = None,
    soil: SoilClimate | None = None,
    reference_thickness: Float[Array, "*cell"] | None = None,
) -> Run:
    """Run the model over the years ``start`` to ``stop`` of a forcing.

    On CPUs more than ``blocks.BLOCK`` cells run in blocks, one after the other. A long run
    may be cut in time: each part gets the full forcing and its (start, stop), so that
    months on either side of a cut are the true ones and the parts equal one run.

    Args:
        parameters: scalar or per-cell values.
        location: one cell or many.
        forcing: climate and CO2 of all years.
        initial: state at the start, from ``find_equilibrium`` or an earlier run.
        options: model choices.
        exposure: whether thaw exposure acts: one value, or one per year of the forcing (S_R is
            ``False`` after the branch year). ``None``: from 1901 on.
        start: first row of the forcing to run.
        stop: row after the last one; ``None``: to the end.
        soil: soil climate of the same years, if it is known already.
        reference_thickness: active layer of 2020, m, for ``root_zone_nitrogen = "const2020"``.

    Raises:
        ValueError: rule or options that this parameter set cannot serve, wrong lengths.
    """
    stop = forcing.number_of_years if stop is None else stop
    if not 0 <= start < stop <= forcing.number_of_years:
        raise ValueError(
            f"start = {start}, stop = {stop} do not select years of a forcing with "
            f"{forcing.number_of_years} years"
        )
    _check_stefan(parameters, options)
    switch = exposure_switch(forcing, exposure, start, stop)
    if soil is None:
        soil = soil_climate(
            parameters,
            location,
            forcing,
            initial=initial.heat,
            options=options,
            start=start,
            stop=stop,
            snowpack=initial.ecosystem.snowpack,
        )
    lagged = lagged_forcing(forcing, start, stop)
    return _ecosystem_run(
        parameters, location, lagged, initial, soil, switch, reference_thickness, options
    )


@exported_jit
def _ecosystem_run(
    parameters: Parameters,
    location: Location,
    lagged: LaggedForcing,
    initial: State,
    soil: SoilClimate,
    switch: Float[Array, "year"],
    reference_thickness: Float[Array, "*cell"] | None,
    options: ModelOptions,
) -> Run:
    """A run on a known soil climate, in blocks of cells."""
    per_cell, shared = eqx.partition(lagged, lambda leaf: jnp.ndim(leaf) > 2)

    def run(arguments):
        parameters, location, per_cell, initial, soil, thickness = arguments
        lagged = eqx.combine(per_cell, shared)
        return _run_cells(parameters, location, lagged, initial, soil, switch, thickness, options)

    arguments = (parameters, location, per_cell, initial, soil, reference_thickness)
    cells = jnp.shape(initial.heat.snow_resistance)
    return Run(lagged.years, *map_blocks(run, arguments, cells))


def _ledger_rows(exposure: ExposureState) -> Float[Array, "ledger *cell"]:
    """Ledgers of thaw exposure in the order of ``AnnualOutput.ledgers``."""
    return jnp.stack(
        [
            exposure.inaccessible_inorganic_nitrogen,
            exposure.frozen_carbon,
            exposure.frozen_organic_nitrogen,
            exposure.frozen_inorganic_nitrogen,
            exposure.frozen_water,
        ]
    )


def _run_cells(
    parameters: Parameters,
    location: Location,
    lagged: LaggedForcing,
    initial: State,
    soil: SoilClimate,
    switch: Float[Array, "year"],
    reference_thickness: Float[Array, "*cell"] | None,
    options: ModelOptions,
) -> tuple[MonthlyOutput, AnnualOutput, SoilClimate, State, Bool[Array, "*cell"]]:
    """All fields of a ``Run`` that have a cell axis."""
    constants = cell_constants(parameters, location)
    irradiance = gross_irradiance(location.latitude)
    history = exposure_history(
        parameters, constants, options, soil, switch, initial.exposure, reference_thickness
    )
    inputs = year_inputs(options, lagged, soil, history)

    @jax.checkpoint
    def year(carry, this_year):
        carry, (fluxes, pools, exposed) = ecosystem_year(
            parameters, constants, options, irradiance, carry, this_year
        )
        return carry, (fluxes, pools, exposed, _ledger_rows(carry.exposure))

    carry = YearCarry(initial.ecosystem, initial.memory, initial.exposure)
    carry, (fluxes, pools, exposed, ledgers) = jax.lax.scan(year, carry, inputs)
    fluxes = jnp.moveaxis(fluxes, 2, 0)
    pools = jnp.moveaxis(pools, 2, 0)
    exposure = dataclasses.replace(
        carry.exposure,
        active_layer_thickness=history.active_layer_thickness[-1],
        exposed_thickness=history.exposed_thickness[-1],
    )
    state = State(carry.ecosystem, carry.memory, soil.final, exposure)
    active_layer = jnp.where(
        soil.permafrost & (history.active_layer_thickness > 0),
        history.active_layer_thickness,
        jnp.nan,
    )
    # of sums: a test of every value takes a seventh of the months' time
    annual_fluxes = jnp.sum(fluxes, axis=2)
    finite = jnp.isfinite(jnp.sum(annual_fluxes, axis=(0, 1))) & jnp.isfinite(
        jnp.sum(soil.soil_temperature, axis=(0, 1, 2))
    )
    return (
        MonthlyOutput(
            fluxes=fluxes,
            pools=pools,
            soil_temperature=soil.soil_temperature,
            thaw_fraction=soil.thaw_fraction,
            thaw_depth=soil.thaw_depth,
        ),
        AnnualOutput(
            maximum_thaw_depth=soil.maximum_thaw_depth,
            minimum_thaw_depth=soil.minimum_thaw_depth,
            active_layer_thickness=active_layer,
            mean_annual_ground_temperature=soil.mean_annual_ground_temperature,
            permafrost=soil.permafrost,
            talik=soil.talik,
            exposure_factor=history.factor,
            exposed_carbon=exposed.carbon,
            exposed_nitrogen=exposed.organic_nitrogen,
            exposed_inorganic_nitrogen=exposed.inorganic_nitrogen,
            exposed_water=exposed.water,
            ledgers=jnp.moveaxis(ledgers, 1, 0),
            fluxes=annual_fluxes,
            pools=pools[:, :, 11],
        ),
        soil,
        state,
        finite,
    )

"""Transient run over years and cells: soil climate first, then carbon, nitrogen and water."""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax.ecosystem.year import YearCarry, ecosystem_year
from temjax.forcing import Forcing, Location
from temjax.heat.climate import SoilClimate, soil_climate
from temjax.options import ModelOptions
from temjax.outputs import AnnualOutput, MonthlyOutput
from temjax.parameters.cell import cell_constants
from temjax.parameters.registry import Parameters
from temjax.processes.radiation import gross_irradiance
from temjax.programs.exported import exported_jit
from temjax.runs.exposure import check_stefan, exposure_history, exposure_switch, year_inputs
from temjax.runs.lagged_forcing import LaggedForcing, lagged_forcing
from temjax.runs.layered_run import check_layers, layered_run
from temjax.runs.result import Run, ledger_rows, put_together
from temjax.runtime.blocks import map_blocks
from temjax.state import State


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
            ``False`` after the branch year). ``None``: from 1901 on. Of soil in layers: whether
            the permafrost table follows thaw.
        start: first row of the forcing to run.
        stop: row after the last one; ``None``: to the end.
        soil: soil climate of the same years, if it is known already.
        reference_thickness: active layer of 2020, m, for ``root_zone_nitrogen = "const2020"``.

    Raises:
        ValueError: rule or options that this parameter set cannot serve, wrong lengths, or a state
            or soil climate of other options.
    """
    stop = forcing.number_of_years if stop is None else stop
    if not 0 <= start < stop <= forcing.number_of_years:
        raise ValueError(
            f"start = {start}, stop = {stop} do not select years of a forcing with "
            f"{forcing.number_of_years} years"
        )
    check_stefan(parameters, options)
    check_layers(options, initial, soil)
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
        if options.soil_layers is not None:
            return layered_run(parameters, location, lagged, initial, soil, switch, options)
        return _run_cells(parameters, location, lagged, initial, soil, switch, thickness, options)

    arguments = (parameters, location, per_cell, initial, soil, reference_thickness)
    cells = jnp.shape(initial.heat.snow_resistance)
    return Run(lagged.years, *map_blocks(run, arguments, cells))


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
        return carry, (fluxes, pools, exposed, ledger_rows(carry.exposure))

    carry = YearCarry(initial.ecosystem, initial.memory, initial.exposure)
    carry, (fluxes, pools, exposed, ledgers) = jax.lax.scan(year, carry, inputs)
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
    monthly, annual, finite = put_together(
        soil,
        fluxes,
        pools,
        ledgers,
        active_layer_thickness=active_layer,
        exposure_factor=history.factor,
        exposed_carbon=exposed.carbon,
        exposed_nitrogen=exposed.organic_nitrogen,
        exposed_inorganic_nitrogen=exposed.inorganic_nitrogen,
        exposed_water=exposed.water,
    )
    return monthly, annual, soil, state, finite

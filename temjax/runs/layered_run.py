"""Runs with soil carbon in layers: thaw and inputs of the years, then the years themselves.

Source: docs/specification/layered_soil.md 3, 6, 7.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax.ecosystem.layered_year import (
    LayeredCarry,
    LayeredInputs,
    LayerSetting,
    layer_setting,
    layered_year,
)
from temjax.forcing import Location
from temjax.heat.climate import SoilClimate
from temjax.numerics import larger, smaller
from temjax.options import LOWEST_INTERFACE, ModelOptions
from temjax.outputs import AnnualOutput, LayerOutput, MonthlyOutput
from temjax.parameters.cell import cell_constants
from temjax.parameters.registry import Parameters
from temjax.processes.active_layer import DEPTH_CUT
from temjax.processes.radiation import gross_irradiance
from temjax.processes.soil_layers import layer_bounds, permafrost_table, stock_between
from temjax.runs.exposure import ExposureHistory, year_inputs
from temjax.runs.lagged_forcing import LaggedForcing
from temjax.runs.result import ledger_rows, put_together
from temjax.soil_column import soil_column
from temjax.state import LayeredSoil, State

Annual = Float[Array, "year *cell"]


def thaw_depths(soil: SoilClimate) -> Annual:
    """D of every year: the maximum thaw depth, at most 10 m."""
    return smaller(soil.maximum_thaw_depth, DEPTH_CUT)


def deepest(depths: Annual) -> Float[Array, "*cell"]:
    """First table of a reference climate: the deepest thaw of its years, m."""
    return jax.lax.scan(lambda deep, depth: (larger(deep, depth), None), depths[0], depths[1:])[0]


def with_reference_thaw(state: State, soil: SoilClimate, *, whole: bool) -> State:
    """A state whose tables are at the deepest thaw of a reference climate.

    Args:
        state: with soil in layers.
        soil: climate of the reference years.
        whole: they are a whole cycle; else a deeper table of the state stays.
    """
    table = deepest(thaw_depths(soil))
    if not whole:
        table = larger(table, state.layers.first_table)
    layers = dataclasses.replace(state.layers, permafrost_table=table, first_table=table)
    return dataclasses.replace(state, layers=layers)


def tables(
    depths: Annual, exposed: Float[Array, "year"], before: Float[Array, "*cell"]
) -> tuple[Annual, Annual]:
    """Permafrost table before and after the thaw of every year, m.

    Args:
        depths: D, m.
        exposed: 1 in the years in which the table follows thaw, else 0.
        before: table at the start, m.
    """

    def year(table, given):
        depth, switch = given
        after = permafrost_table(table, thaw_depth=depth, exposed=switch)
        return after, (table, after)

    return jax.lax.scan(year, before, (depths, exposed))[1]


def layered_inputs(
    options: ModelOptions,
    lagged: LaggedForcing,
    soil: SoilClimate,
    exposed: Float[Array, "year"],
    before: LayeredSoil,
) -> LayeredInputs:
    """Inputs of ``layered_year``, a leading year axis in front.

    Args:
        options: of the model.
        lagged: forcing of the years.
        soil: climate of the years.
        exposed: 1 in the years in which the table follows thaw, else 0.
        before: table and thaw depth at the start.
    """
    depths = thaw_depths(soil)
    table_before, table = tables(depths, exposed, before.permafrost_table)
    one = jnp.ones_like(depths)
    # of the bulk soil, and not read: no factor, all nitrogen within reach
    year = year_inputs(options, lagged, soil, ExposureHistory(table, table, one, one))
    return LayeredInputs(
        **{field.name: getattr(year, field.name) for field in dataclasses.fields(year)},
        layer_temperature=soil.layer_temperature,
        layer_liquid_fraction=soil.layer_liquid_fraction,
        thaw_depth_before=jnp.concatenate([before.thaw_depth[None], depths[:-1]]),
        table_before=table_before,
        table=table,
    )


def setting_of(
    parameters: Parameters, options: ModelOptions, shape: tuple[int, ...]
) -> LayerSetting:
    """What is fixed in the layers.

    Args:
        parameters: scalar or per-cell values.
        options: ``soil_layers``.
        shape: number of heat layers, then of cells.
    """
    return layer_setting(parameters, options, soil_column(parameters, shape[1:], shape[0]))


def cyclic_layers(
    parameters: Parameters,
    options: ModelOptions,
    lagged: LaggedForcing,
    soil: SoilClimate,
    table: Float[Array, "*cell"] | None,
) -> tuple[LayeredInputs, LayeredSoil]:
    """Inputs of the years of a cycle, and layers that hold the observed carbon above the table.

    Args:
        parameters, options: of the cells.
        lagged: forcing of the cycle.
        soil: climate of the cycle.
        table: permafrost table, m; ``None``: the deepest thaw of the cycle.
    """
    depths = thaw_depths(soil)
    table = jnp.broadcast_to(deepest(depths) if table is None else table, depths.shape[1:])
    active = stock_between(
        layer_bounds(options.soil_layers, table.ndim, table.dtype),
        jnp.zeros_like(table),
        table,
        stock=parameters.old_carbon_stock,
        depth_scale=parameters.soil_carbon_depth_scale,
    )
    layers = LayeredSoil(active, jnp.zeros_like(active), table, table, depths[-1])
    off = jnp.zeros(depths.shape[0], depths.dtype)
    return layered_inputs(options, lagged, soil, off, layers), layers


def check_layers(options: ModelOptions, initial: State, soil: SoilClimate | None) -> None:
    """Refuse a state or a soil climate that was made with other options.

    Raises:
        ValueError: layers in one and not in the other, or another number of them.
    """
    layers = 0 if initial.layers is None else initial.layers.active_carbon.shape[0]
    wanted = 0 if options.soil_layers is None else len(options.soil_layers) - 1
    if layers != wanted:
        raise ValueError(
            f"the initial state has {layers} soil layers, ModelOptions.soil_layers asks for "
            f"{wanted}; start from find_equilibrium with the same options"
        )
    if wanted and soil is not None and soil.layer_temperature is None:
        raise ValueError(
            "soil has no temperature by layer; take soil_climate with the same soil_layers"
        )


def frozen_carbon(
    parameters: Parameters, options: ModelOptions, table: Float[Array, "year *cell"]
) -> Float[Array, "year layer *cell"]:
    """Old carbon F that is still frozen under a table, g C m⁻².

    Args:
        parameters: observed stock and its depth scale.
        options: ``soil_layers``.
        table: m.
    """
    bounds = layer_bounds(options.soil_layers, table.ndim - 1, table.dtype)
    return jax.vmap(
        lambda depth: stock_between(
            bounds,
            depth,
            jnp.asarray(LOWEST_INTERFACE, table.dtype),
            stock=parameters.old_carbon_stock,
            depth_scale=parameters.soil_carbon_depth_scale,
        )
    )(table)


def layered_run(
    parameters: Parameters,
    location: Location,
    lagged: LaggedForcing,
    initial: State,
    soil: SoilClimate,
    switch: Float[Array, "year"],
    options: ModelOptions,
) -> tuple[MonthlyOutput, AnnualOutput, SoilClimate, State, Bool[Array, "*cell"], LayerOutput]:
    """All fields of a ``Run`` that have a cell axis; arguments as for ``simulate``."""
    constants = cell_constants(parameters, location)
    irradiance = gross_irradiance(location.latitude)
    inputs = layered_inputs(options, lagged, soil, switch, initial.layers)
    setting = setting_of(parameters, options, inputs.layer_temperature.shape[2:])

    @jax.checkpoint
    def year(carry, this_year):
        carry, (fluxes, pools, report) = layered_year(
            parameters, constants, options, setting, irradiance, carry, this_year
        )
        layers = carry.layers
        stocks = layers.active_carbon, layers.thawed_carbon
        return carry, (fluxes, pools, report, ledger_rows(carry.exposure), stocks)

    start = LayeredCarry(initial.ecosystem, initial.memory, initial.exposure, initial.layers)
    carry, (fluxes, pools, report, ledgers, (active, thawed)) = jax.lax.scan(year, start, inputs)
    depths = thaw_depths(soil)
    exposed = jnp.sum(report.exposed, axis=1)
    none = jnp.zeros_like(exposed)
    monthly, annual, finite = put_together(
        soil,
        fluxes,
        pools,
        ledgers,
        active_layer_thickness=jnp.where(soil.permafrost, soil.maximum_thaw_depth, jnp.nan),
        exposure_factor=jnp.ones_like(exposed),
        exposed_carbon=exposed,
        exposed_nitrogen=exposed / parameters.old_carbon_to_nitrogen,
        exposed_inorganic_nitrogen=none,
        exposed_water=none,
    )
    layers = dataclasses.replace(carry.layers, thaw_depth=depths[-1])
    state = State(carry.ecosystem, carry.memory, soil.final, carry.exposure, layers)
    output = LayerOutput(
        active_carbon_by_layer=active,
        thawed_carbon_by_layer=thawed,
        frozen_carbon_by_layer=frozen_carbon(parameters, options, inputs.table),
        exposed_carbon_by_layer=report.exposed,
        heterotrophic_respiration_by_layer=report.respiration,
        thawed_carbon_respiration_by_layer=report.old_respiration,
        permafrost_table=inputs.table,
        thawed_nitrogen_to_roots=report.nitrogen_to_roots,
        thawed_nitrogen_below_roots=report.nitrogen_below_roots,
    )
    return monthly, annual, soil, state, finite, output

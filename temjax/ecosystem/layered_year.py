"""One year of a cell with soil carbon in layers: thaw in January, twelve months, yearly memory.

Source: docs/specification/layered_soil.md 3, 5. TEM's month runs unchanged; layers give it one
response of decomposition and take its respiration and litterfall.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.ecosystem.drivers import MonthDrivers
from temjax.ecosystem.imex import integrate_month
from temjax.ecosystem.year import YearInputs, month_drivers, next_memory
from temjax.numerics import Cell
from temjax.options import ModelOptions
from temjax.outputs import flux_index
from temjax.parameters.cell import CellConstants
from temjax.parameters.registry import Parameters
from temjax.processes import layer_carbon, soil_layers
from temjax.processes.soil_layers import Bounds
from temjax.soil_column import SoilColumn
from temjax.state import EcosystemState, ExposureState, LayeredSoil, Memory, pool_index

WATER = pool_index("available_water")
CARBON, NITROGEN = map(pool_index, ("soil_organic_carbon", "soil_organic_nitrogen"))

Layers = Float[Array, "layer *cell"]
MonthlyLayers = Float[Array, "12 layer *cell"]


class LayerSetting(NamedTuple):
    """What is fixed in the layers of a cell.

    Attributes:
        bounds: of the layers, m.
        heat: bounds of the layers of soil heat, m.
        attenuation: d of active carbon (–).
        old_attenuation: d° of old carbon (–).
        water: of the heat horizons, m³ m⁻³.
    """

    bounds: Bounds
    heat: Bounds
    attenuation: Layers
    old_attenuation: Layers
    water: Layers


class LayeredInputs(YearInputs):
    """Inputs of a year with soil in layers; with a further leading axis, of many years.

    Attributes:
        layer_temperature: monthly mean of the layers of soil heat, °C, ``(12, heat, *cell)``.
        layer_liquid_fraction: likewise (–).
        thaw_depth_before: D of the year before, m, ``(*cell)``.
        table_before: permafrost table of the year before, m.
        table: that of the year, m.
    """

    layer_temperature: Float[Array, "*months_of_heat_layers"]
    layer_liquid_fraction: Float[Array, "*months_of_heat_layers"]
    thaw_depth_before: Float[Array, "*years_of_cells"]
    table_before: Float[Array, "*years_of_cells"]
    table: Float[Array, "*years_of_cells"]


class LayeredCarry(eqx.Module):
    """State that is carried from year to year, without soil heat and thaw."""

    ecosystem: EcosystemState
    memory: Memory
    exposure: ExposureState
    layers: LayeredSoil


class LayerYear(NamedTuple):
    """What the layers report of a year.

    Attributes:
        respiration: of active and old carbon, g C m⁻² month⁻¹.
        old_respiration: of thawed old carbon, g C m⁻² year⁻¹.
        exposed: old carbon that thawed for the first time, g C m⁻².
        nitrogen_to_roots: nitrogen of decayed old carbon that joined SOLN, g N m⁻² year⁻¹.
        nitrogen_below_roots: that joined the store out of reach, g N m⁻² year⁻¹.
    """

    respiration: MonthlyLayers
    old_respiration: Layers
    exposed: Layers
    nitrogen_to_roots: Cell
    nitrogen_below_roots: Cell


class _Year(NamedTuple):
    """What is constant in a year."""

    litter_shares: Layers
    conductance: Float[Array, "face *cell"]
    thickness: Layers
    root_share: Layers


class _MonthState(NamedTuple):
    """What goes from month to month."""

    pools: Float[Array, "pool *cell"]
    leaf: Cell
    active: Layers
    thawed: Layers
    inaccessible: Cell


def layer_setting(
    parameters: Parameters, options: ModelOptions, column: SoilColumn
) -> LayerSetting:
    """What is fixed in the layers of the cells of a column.

    Args:
        parameters: scalar or per-cell values.
        options: ``soil_layers``.
        column: of soil heat.
    """
    cells = column.thickness.shape[1:]
    bounds = soil_layers.layer_bounds(options.soil_layers, len(cells), column.thickness.dtype)

    def layers(values):
        return jnp.broadcast_to(values, (bounds.top.shape[0], *cells))

    return LayerSetting(
        bounds=bounds,
        heat=soil_layers.heat_bounds(column),
        attenuation=layers(soil_layers.attenuation(parameters.decomposition_attenuation, bounds)),
        old_attenuation=layers(soil_layers.attenuation(parameters.old_carbon_attenuation, bounds)),
        water=soil_layers.layer_water(bounds, column),
    )


def roots_of(constants: CellConstants, options: ModelOptions, thaw_depth: Cell) -> Cell:
    """Depth of the roots in a year, m, from the thaw depth of the year before."""
    return soil_layers.rooting_limit(
        rooting_depth=constants.rooting_depth,
        thaw_depth=thaw_depth,
        follows_thaw=options.rooting_depth == "thaw",
    )


def _constant_in_year(
    parameters: Parameters,
    constants: CellConstants,
    options: ModelOptions,
    setting: LayerSetting,
    inputs: LayeredInputs,
) -> _Year:
    """Litter, mixing, thickness and roots of a year."""
    p, bounds, before = parameters, setting.bounds, inputs.thaw_depth_before
    roots = roots_of(constants, options, before)
    return _Year(
        litter_shares=soil_layers.litter_shares(
            bounds, litter_depth=p.litter_depth, rooting_depth=roots, thaw_depth=before
        ),
        conductance=soil_layers.mixing_conductance(
            bounds, mixing=p.soil_mixing, mixing_limit=p.mixing_limit, thaw_depth=before
        ),
        thickness=soil_layers.active_thickness(bounds, inputs.table),
        root_share=soil_layers.share_above(bounds, roots),
    )


def _responses(
    parameters: Parameters,
    setting: LayerSetting,
    year: _Year,
    inputs: LayeredInputs,
    first_table: Cell,
) -> tuple[MonthlyLayers, MonthlyLayers]:
    """Responses of active and of thawed old carbon in every month."""
    climate = dict(
        temperature=inputs.layer_temperature,
        liquid_fraction=inputs.layer_liquid_fraction,
        q10=parameters.heterotrophic_q10,
    )
    active = soil_layers.active_response(
        setting.bounds,
        setting.heat,
        year.thickness,
        frozen_decomposition=parameters.frozen_decomposition,
        **climate,
    )
    old = soil_layers.old_response(
        setting.bounds, setting.heat, first_table=first_table, table=inputs.table, **climate
    )
    return active, old


def _add_respiration(fluxes: Float[Array, "flux *cell"], lost: Cell) -> Float[Array, "flux *cell"]:
    """Fluxes of a month with the respiration of old carbon."""
    rows = jnp.asarray(
        [flux_index("heterotrophic_respiration"), flux_index("net_ecosystem_production")]
    )
    return fluxes.at[rows].add(jnp.stack([lost, -lost]))


def layered_month(
    parameters: Parameters,
    constants: CellConstants,
    options: ModelOptions,
    setting: LayerSetting,
    year: _Year,
    memory: Memory,
    state: _MonthState,
    drivers: MonthDrivers,
    response: Layers,
    old_response: Layers,
) -> tuple[_MonthState, tuple[Array, Array, Layers, Layers, Cell, Cell]]:
    """Advance pools and layers by one month.

    Returns:
        The state at its end, and fluxes, pools, respiration of layers, that of thawed old carbon,
        and nitrogen of the latter to roots and below them.
    """
    p = parameters
    moisture = layer_carbon.layer_moisture(
        available_water=state.pools[WATER],
        wilting_point=constants.wilting_point,
        rooting_depth=constants.rooting_depth,
        root_share=year.root_share,
        layer_water=setting.water,
        moisture_minimum=p.moisture_minimum,
        moisture_optimum=p.moisture_optimum,
        moisture_maximum=p.moisture_maximum,
    )
    rates = layer_carbon.relative_rates(
        response=response,
        attenuation=setting.attenuation,
        moisture=moisture,
        scale=p.surface_decomposition_scale,
    )
    pools, fluxes = integrate_month(
        parameters,
        constants,
        drivers,
        dataclasses.replace(memory, unnormalised_leaf=state.leaf),
        state.pools,
        substeps=options.substeps,
        freezing_cutoff=options.freezing_cutoff,
        decomposition_response=layer_carbon.effective_response(rates, state.active),
    )
    active = layer_carbon.advance_layers(
        carbon=state.active,
        rates=rates,
        litter_shares=year.litter_shares,
        conductance=year.conductance,
        thickness=year.thickness,
        litterfall=fluxes[flux_index("litterfall_carbon")],
        respiration=fluxes[flux_index("heterotrophic_respiration")],
        total=pools[CARBON],
    )
    lost = layer_carbon.old_carbon_loss(
        carbon=state.thawed,
        rate=p.old_carbon_rate,
        attenuation=setting.old_attenuation,
        moisture=moisture,
        response=old_response,
    )
    nitrogen = lost / p.old_carbon_to_nitrogen
    to_roots = jnp.sum(year.root_share * nitrogen, axis=0)
    below = jnp.sum((1.0 - year.root_share) * nitrogen, axis=0)
    leaf = fluxes[flux_index("unnormalised_leaf")]
    fluxes = _add_respiration(fluxes, jnp.sum(lost, axis=0))
    pools = pools.at[NITROGEN].add(to_roots)
    after = _MonthState(pools, leaf, active.carbon, state.thawed - lost, state.inaccessible + below)
    return after, (fluxes, pools, active.respiration + lost, lost, to_roots, below)


def layered_year(
    parameters: Parameters,
    constants: CellConstants,
    options: ModelOptions,
    setting: LayerSetting,
    gross_irradiance: Float[Array, "12 *cell"],
    carry: LayeredCarry,
    inputs: LayeredInputs,
) -> tuple[
    LayeredCarry, tuple[Float[Array, "12 flux *cell"], Float[Array, "12 pool *cell"], LayerYear]
]:
    """Advance carbon, nitrogen and water by one year.

    Returns:
        The carry of the next year (its thaw depth is that of the year before: the caller knows the
        next), and the monthly flux integrals, month-end pools and what the layers report.
    """
    p, layers = parameters, carry.layers
    year = _constant_in_year(p, constants, options, setting, inputs)
    active_response, old_response = _responses(p, setting, year, inputs, layers.first_table)
    exposed = soil_layers.stock_between(
        setting.bounds,
        inputs.table_before,
        inputs.table,
        stock=p.old_carbon_stock,
        depth_scale=p.soil_carbon_depth_scale,
    )

    def month(state, given):
        return layered_month(p, constants, options, setting, year, carry.memory, state, *given)

    exposure = carry.exposure
    start = _MonthState(
        carry.ecosystem.pools,
        carry.memory.unnormalised_leaf,
        layers.active_carbon,
        layers.thawed_carbon + exposed,
        exposure.inaccessible_inorganic_nitrogen,
    )
    drivers = month_drivers(inputs, gross_irradiance)
    end, (fluxes, pools, respiration, lost, to_roots, below) = jax.lax.scan(
        month, start, (drivers, active_response, old_response)
    )
    thawed = jnp.sum(exposed, axis=0)
    exposure = dataclasses.replace(
        exposure,
        inaccessible_inorganic_nitrogen=end.inaccessible,
        frozen_carbon=exposure.frozen_carbon - thawed,
        frozen_organic_nitrogen=exposure.frozen_organic_nitrogen
        - thawed / p.old_carbon_to_nitrogen,
        active_layer_thickness=inputs.table,
        exposed_thickness=inputs.table,
    )
    layers = dataclasses.replace(
        layers, active_carbon=end.active, thawed_carbon=end.thawed, permafrost_table=inputs.table
    )
    memory = next_memory(parameters, constants, inputs, fluxes)
    report = LayerYear(
        respiration=respiration,
        old_respiration=jnp.sum(lost, axis=0),
        exposed=exposed,
        nitrogen_to_roots=jnp.sum(to_roots, axis=0),
        nitrogen_below_roots=jnp.sum(below, axis=0),
    )
    carry = LayeredCarry(EcosystemState(end.pools), memory, exposure, layers)
    return carry, (fluxes, pools, report)

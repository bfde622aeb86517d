"""The soil climate of a run: snow, soil temperature, thaw depth, permafrost.

Heat depends on neither carbon nor water, so it runs first: the same soil climate serves every run
that differs in biogeochemistry alone.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax.forcing import Forcing, Location, mean_year
from temjax.heat.equilibrium import periodic_enthalpy
from temjax.heat.surface import (
    SurfaceSeries,
    WeatherWindow,
    cyclic_window,
    surface_series,
    weather_window,
)
from temjax.heat.year import DEPTHS, NO_SEASON, NO_SEASON_DEPTH, REPORTED, observe_year
from temjax.numerics import largest
from temjax.options import ModelOptions
from temjax.parameters.registry import REGISTRY, Parameters
from temjax.processes import active_layer, snow
from temjax.processes.soil_heat import heat_content, heat_gain
from temjax.processes.soil_profile import depth_shares
from temjax.programs.exported import exported_jit
from temjax.runtime.blocks import map_blocks
from temjax.soil_column import LAYERS, SoilColumn, soil_column
from temjax.state import SoilHeatState

# parameters that the soil climate depends on
HEAT_PARAMETERS = tuple(
    name
    for name in REGISTRY
    if name.startswith(("mat_", "upper_", "lower_", "snow_", "surface_"))
    or name in ("conductivity_scale", "freezing_range", "geothermal_flux")
)
Monthly = Float[Array, "year 12 *cell"]
Annual = Float[Array, "year *cell"]


class SoilClimate(eqx.Module):
    """Soil temperature, thaw and snow as the rest of the model takes them.

    Attributes:
        soil_temperature: monthly mean at ``depths``, °C, ``(year, 12, depth, *cell)``.
        soil_temperature_top: mean of 0–20 cm, °C.
        thaw_fraction: F, share of photosynthesis the thawed ground allows (–).
        thaw_depth: U at the end of the month, m.
        rainfall: mm month⁻¹.
        snowfall: mm month⁻¹.
        snowmelt: SNOWINF, mm month⁻¹.
        snowpack: at the end of the month, mm.
        maximum_thaw_depth: L, annual maximum of U over the sub-steps, m, ``(year, *cell)``.
        minimum_thaw_depth: R, annual minimum of U, m.
        mean_annual_ground_temperature: at 12 m, °C.
        thawing_degree_days: of T_air + a·SW, K d.
        permafrost: some layer stayed frozen this year and the year before.
        talik: R above the residual-thaw limit.
        energy_residual: energy not closed over the year, relative to Σ|H|Δz (–).
        heat_imbalance: largest flux imbalance that Newton's method left in a layer, W m⁻².
        final: heat state at the end of the last year.
        layer_temperature: monthly mean of the layers of soil heat, °C; only with
            ``ModelOptions.soil_layers``, as the next.
        layer_liquid_fraction: monthly mean of their liquid fraction (–).
        depths: m (static).
    """

    soil_temperature: Float[Array, "year 12 depth *cell"]
    soil_temperature_top: Monthly
    thaw_fraction: Monthly
    thaw_depth: Monthly
    rainfall: Monthly
    snowfall: Monthly
    snowmelt: Monthly
    snowpack: Monthly
    maximum_thaw_depth: Annual
    minimum_thaw_depth: Annual
    mean_annual_ground_temperature: Annual
    thawing_degree_days: Annual
    permafrost: Bool[Array, "year *cell"]
    talik: Bool[Array, "year *cell"]
    energy_residual: Annual
    heat_imbalance: Annual
    final: SoilHeatState
    layer_temperature: Float[Array, "year 12 layer *cell"] | None = None
    layer_liquid_fraction: Float[Array, "year 12 layer *cell"] | None = None
    depths: tuple[float, ...] = eqx.field(static=True, default=DEPTHS)


def cell_shape(
    parameters: Parameters, location: Location, window: WeatherWindow
) -> tuple[int, ...]:
    """Common cell shape of parameters, location and weather."""
    return jnp.broadcast_shapes(
        jnp.shape(parameters.mat_thickness),
        jnp.shape(location.elevation),
        window.air_temperature_before.shape,
    )


def run_column(
    column: SoilColumn,
    options: ModelOptions,
    series: SurfaceSeries,
    initial: SoilHeatState,
) -> SoilClimate:
    """Run a soil column through the years of ``series``.

    Args:
        column: soil column, any number of layers.
        options: heat sub-steps and iterations, thaw width, residual-thaw limit.
        series: drivers and snow.
        initial: heat state before the first January.
    """
    shares = depth_shares(column, (*DEPTHS, NO_SEASON_DEPTH))

    def year(carry, drivers):
        enthalpy, frozen_before = carry
        after, months = observe_year(column, shares, options, enthalpy, drivers)
        frozen = active_layer.stays_frozen(jnp.max(months.largest_liquid_fraction, axis=0))
        gain = jnp.sum(heat_gain(column, enthalpy, after), axis=0)
        content = jnp.sum(heat_content(column, after), axis=0)
        lowest = -largest(-months.minimum_thaw_depth)
        report = {
            "soil_temperature": months.soil_temperature[:, REPORTED],
            "soil_temperature_top": months.soil_temperature_top,
            "thaw_fraction": months.thaw_fraction,
            "thaw_depth": months.thaw_depth,
            "maximum_thaw_depth": largest(months.maximum_thaw_depth),
            "minimum_thaw_depth": lowest,
            "mean_annual_ground_temperature": jnp.mean(
                months.soil_temperature[:, NO_SEASON], axis=0
            ),
            "permafrost": active_layer.has_permafrost(frozen, frozen_before),
            "talik": active_layer.has_talik(lowest, options.residual_thaw_limit),
            "energy_residual": (gain - jnp.sum(months.heat_input, axis=0)) / content,
            "heat_imbalance": jnp.max(months.imbalance, axis=0),
        }
        if options.soil_layers is not None:
            report |= {
                "layer_temperature": months.layer_temperature,
                "layer_liquid_fraction": months.layer_liquid_fraction,
            }
        return (after, frozen), report

    start = (initial.enthalpy, initial.frozen_all_year)
    (enthalpy, frozen), report = jax.lax.scan(
        jax.checkpoint(year, prevent_cse=False), start, series.drivers
    )
    return SoilClimate(
        **report,
        thawing_degree_days=jax.vmap(active_layer.thawing_degree_days)(series.temperature),
        rainfall=series.snow.rainfall,
        snowfall=series.snow.snowfall,
        snowmelt=series.snow.snowmelt,
        snowpack=series.snow.snowpack,
        final=SoilHeatState(enthalpy, series.snow_resistance[-1, -1], frozen),
    )


@exported_jit
def _equilibrate(
    parameters: Parameters,
    location: Location,
    window: WeatherWindow,
    options: ModelOptions,
    layers: int,
) -> tuple[SoilHeatState, Array, Array]:
    shape = cell_shape(parameters, location, window)
    months = 12 * window.number_of_years

    def flat(series):
        series = series[:-1].reshape((months, *series.shape[2:]))
        return jnp.broadcast_to(series, (months, *shape))

    air = flat(window.air_temperature)
    elevation = jnp.broadcast_to(jnp.asarray(location.elevation, air.dtype), shape)
    snowpack = snow.periodic_snowpack(flat(window.precipitation), air, elevation)
    series = surface_series(parameters, location, window, shape, snowpack, None)
    column = soil_column(parameters, shape, layers)
    enthalpy, residual, _ = periodic_enthalpy(options, column, series.drivers)
    state = SoilHeatState(
        enthalpy=enthalpy,
        snow_resistance=series.snow_resistance[-1, -1],
        frozen_all_year=jnp.zeros_like(enthalpy),
    )
    frozen = run_column(column, options, series, state).final.frozen_all_year
    state = eqx.tree_at(lambda s: s.frozen_all_year, state, frozen)
    return state, snowpack, residual


@exported_jit
def _climate(
    parameters: Parameters,
    location: Location,
    window: WeatherWindow,
    initial: SoilHeatState,
    snowpack: Array,
    options: ModelOptions,
) -> SoilClimate:
    shape = cell_shape(parameters, location, window)

    def run(inputs):
        parameters, location, window, initial, snowpack = inputs
        here = cell_shape(parameters, location, window)
        series = surface_series(
            parameters, location, window, here, snowpack, initial.snow_resistance
        )
        column = soil_column(parameters, here, initial.enthalpy.shape[0])
        return run_column(column, options, series, initial)

    return map_blocks(run, (parameters, location, window, initial, snowpack), shape)


def equilibrate_heat(
    parameters: Parameters,
    location: Location,
    cycle: Forcing,
    *,
    options: ModelOptions = ModelOptions(),
    layers: int = LAYERS,
) -> tuple[SoilHeatState, Float[Array, "*cell"], Float[Array, "*cell"]]:
    """Equilibrium of heat and snow with a repeated year or cycle of years.

    Args:
        parameters: thermal, surface and snow parameters.
        location: elevation.
        cycle: forcing that is repeated, all its years; ``temjax.forcing.mean_year`` makes one year
            of many.
        options: heat sub-steps and iterations.
        layers: soil layers; ``soil_climate`` takes the number from the state it is given.

    Returns:
        Heat state and snowpack (mm) before the first January, and the relative residual
        Σ|ΔH|Δz / Σ|H|Δz of one more cycle per cell. It is not above
        ``heat.equilibrium.tolerance`` where Newton's method converged; differentiable by the
        implicit function theorem.
    """
    return _equilibrate(parameters, location, cyclic_window(cycle), options, layers)


def cyclic_climate(
    parameters: Parameters,
    location: Location,
    cycle: Forcing,
    initial: SoilHeatState,
    snowpack: Float[Array, "*cell"],
    *,
    options: ModelOptions = ModelOptions(),
) -> SoilClimate:
    """Soil climate of the years of a cycle from its ``equilibrate_heat``; its end is its start."""
    return _climate(parameters, location, cyclic_window(cycle), initial, snowpack, options)


def soil_climate(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    initial: SoilHeatState | None = None,
    *,
    options: ModelOptions = ModelOptions(),
    start: int = 0,
    stop: int | None = None,
    snowpack: Float[Array, "*cell"] | None = None,
) -> SoilClimate:
    """Soil climate of the years ``start`` to ``stop`` of a forcing: snow, soil temperature, thaw.

    Always pass the whole forcing with ``start`` and ``stop``, never a part of it: months are
    interpolated with their neighbours, across the block's edge too.

    Args:
        parameters: scalar or ``(*cell)``.
        location: elevation.
        forcing: whole forcing, ``(year, 12, *cell)``.
        initial: heat state before the first January; ``None`` equilibrates heat and snow with the
            mean year of the whole forcing first.
        options: heat sub-steps and iterations, thaw width, residual-thaw limit.
        start: first year (index).
        stop: one past the last year; ``None`` is the end.
        snowpack: SWE before the first January, mm; needed with ``initial``.

    Raises:
        ValueError: ``initial`` without ``snowpack`` or the reverse, or an empty span of years.
    """
    stop = forcing.number_of_years if stop is None else stop
    if not 0 <= start < stop <= forcing.number_of_years:
        raise ValueError(
            f"soil_climate was called for years {start} to {stop} of a forcing with "
            f"{forcing.number_of_years}; need 0 <= start < stop <= number of years"
        )
    if (initial is None) != (snowpack is None):
        raise ValueError(
            "soil_climate needs initial and snowpack together: the pack is part of the state "
            "before the first January"
        )
    if initial is None:
        initial, snowpack, _ = equilibrate_heat(
            parameters, location, mean_year(forcing), options=options
        )
    window = weather_window(forcing, start, stop)
    return _climate(parameters, location, window, initial, snowpack, options)

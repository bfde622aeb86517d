"""What measurements at cells of a region would give, with derivatives, by a run of the model.

Cells run through equilibrium, spin-up and history as the region does, then through the first years
of S_T, in forward mode with one direction for each parameter and one for a factor on the soil
organic matter of the place, which is a state of the place and not of the region.
"""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpy.typing import NDArray

from temjax.forcing import Forcing, Location
from temjax.numerics import Cell
from temjax.options import ModelOptions
from temjax.parameters.registry import Parameters
from temjax.processes.thaw_exposure import cumulative_fraction
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.timeline import Timeline, block_forcing
from temjax.regional.run.cells import Cells
from temjax.regional.studies.design.kinds import SOIL_TEMPERATURE_DEPTH
from temjax.regional.studies.sensitivity import Branch, Dual, apply_dual
from temjax.runs.simulate import simulate
from temjax.runs.soil_matter import scale_soil_matter
from temjax.state import State

DEPTH_WITHOUT_LAYER = 1.0  # m that soil pools stand for where no year had an active layer


class Fluxes(NamedTuple):
    """Series of the years measured, by name as ``kinds.SERIES``; cells are the last axis.

    Attributes:
        net_ecosystem_production: g C m⁻² month⁻¹, ``(year, 12, cell)``.
        gross_flux: (GPP + RECO)/2, g C m⁻² month⁻¹.
        soil_temperature: °C, ``(year, 12, cell)``.
        thaw_depth: largest of the year, m, ``(year, cell)``.
        mineralisation: net, g N m⁻² yr⁻¹, ``(year, cell)``.
        tissue_carbon_to_nitrogen: mean of the year, g C g⁻¹ N, ``(year, cell)``.
    """

    net_ecosystem_production: Float[Array, "year 12 cell"]
    gross_flux: Float[Array, "year 12 cell"]
    soil_temperature: Float[Array, "year 12 cell"]
    thaw_depth: Float[Array, "year cell"]
    mineralisation: Float[Array, "year cell"]
    tissue_carbon_to_nitrogen: Float[Array, "year cell"]


class Stocks(NamedTuple):
    """Soil organic matter at the branch.

    Attributes:
        carbon, nitrogen: pools with the place's factor, g m⁻², ``(cell,)``.
        thickness: of the active layer that they stand for, m.
        depth_scale: b, m.
    """

    carbon: Float[Array, "cell"]
    nitrogen: Float[Array, "cell"]
    thickness: Float[Array, "cell"]
    depth_scale: Float[Array, "cell"]


class Layers(NamedTuple):
    """Stocks by layer, g m⁻², ``(layer, cell)``."""

    soil_carbon: Float[Array, "layer cell"]
    soil_nitrogen: Float[Array, "layer cell"]


def _measured(
    location: Location, forcing: Forcing, switch: Array, options: ModelOptions,
    parameters: Parameters, state: State, log_factor: Float[Array, "cell"],
) -> tuple[Fluxes, Stocks]:  # fmt: skip
    """Years of S_T from the branch on, the place's factor acting in their first January."""
    state = scale_soil_matter(state, jnp.exp(log_factor))
    run = simulate(
        parameters, location, forcing, initial=state, options=options, exposure=switch, start=1,
        stop=forcing.number_of_years - 1,
    )  # fmt: skip
    monthly = run.monthly
    nitrogen = monthly.structural_nitrogen + monthly.labile_nitrogen
    living = nitrogen > 0
    ratio = jnp.where(living, monthly.vegetation_carbon / jnp.where(living, nitrogen, 1.0), 0.0)
    gross = (monthly.gross_primary_production + monthly.ecosystem_respiration) / 2
    pools, cell = state.ecosystem, jnp.shape(log_factor)
    depth = run.soil.depths.index(SOIL_TEMPERATURE_DEPTH)
    return Fluxes(
        net_ecosystem_production=monthly.net_ecosystem_production,
        gross_flux=gross,
        soil_temperature=monthly.soil_temperature[:, :, depth],
        thaw_depth=run.annual.maximum_thaw_depth,
        mineralisation=jnp.sum(monthly.net_nitrogen_mineralisation, axis=1),
        tissue_carbon_to_nitrogen=jnp.mean(ratio, axis=1),
    ), Stocks(
        carbon=pools.soil_organic_carbon,
        nitrogen=pools.soil_organic_nitrogen,
        thickness=jnp.broadcast_to(state.exposure.exposed_thickness, cell),
        depth_scale=jnp.broadcast_to(parameters.soil_carbon_depth_scale, cell),
    )


def measured(
    experiment: Experiment, timeline: Timeline, cells: Cells, branch: Branch, years: int,
    log_factor: NDArray | None = None,
) -> tuple[Dual, Dual]:  # fmt: skip
    """Series and stocks of cells with their derivatives.

    Args:
        experiment: of the region.
        timeline: of the run.
        cells: that were differentiated to the branch.
        branch: their state there.
        years: measured after it.
        log_factor: logarithm of the factor on soil matter, ``(position,)``; 0 where not given.

    Returns:
        ``Fluxes`` and ``Stocks``; the last of their directions is the logarithm of the factor on
        soil matter.
    """
    first = timeline.future[0]
    block = first, first + years
    forcing, indices = block_forcing(timeline, cells.climate, block, "float64")
    switch = jnp.asarray(timeline.exposure_switch("S_T")[indices])
    step = eqx.Partial(_measured, branch.location, forcing, switch, experiment.options)
    size, directions = cells.latitude.size, len(branch.names)
    factor = jnp.zeros(size) if log_factor is None else jnp.asarray(log_factor)
    tangents = jnp.zeros((directions + 1, size)).at[-1].set(1.0)
    result = apply_dual(
        step, (_one_more(branch.parameters), _one_more(branch.state), Dual(factor, tangents))
    )
    fluxes, stocks = (
        Dual(value, tangent) for value, tangent in zip(result.value, result.tangents, strict=True)
    )
    return fluxes, stocks


def _one_more(dual: Dual) -> Dual:
    """The value with a further direction along which it does not change."""
    tangents = jax.tree.map(
        lambda leaf: jnp.concatenate([leaf, jnp.zeros_like(leaf[:1])]), dual.tangents
    )
    return Dual(dual.value, tangents)


def _share_above(depth: float, thickness: Cell, depth_scale: Cell) -> Cell:
    """Stock above a depth over that of the active layer, by the profile of docs/exposure.md."""
    whole = cumulative_fraction(thickness, depth_scale)
    if depth == 0:
        return jnp.zeros_like(whole)
    return cumulative_fraction(jnp.full_like(whole, depth), depth_scale) / whole


def _layers(depths: tuple[tuple[float, float], ...], stocks: Stocks) -> Layers:
    valid = stocks.thickness > 0
    thickness = jnp.where(valid, stocks.thickness, DEPTH_WITHOUT_LAYER)
    shares = jnp.stack(
        [
            _share_above(bottom, thickness, stocks.depth_scale)
            - _share_above(top, thickness, stocks.depth_scale)
            for top, bottom in depths
        ]
    )
    return Layers(shares * stocks.carbon, shares * stocks.nitrogen)


def stocks_by_layer(depths: Sequence[tuple[float, float]], stocks: Dual) -> Dual:
    """``Layers`` of ``Stocks`` with their derivatives, frozen layers included.

    A pool is the stock of the active layer; what lies above a depth is p(depth)/p(active layer) of
    it (docs/specification/protocol.md 2.1).
    """
    chosen = tuple((float(top), float(bottom)) for top, bottom in depths)
    return apply_dual(eqx.Partial(_layers, chosen), (stocks,))

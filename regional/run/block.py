"""One block of years of a tile, its cells spread over the devices of this machine.

The forcing of a block carries a neighbour year on each side (``protocol.block_forcing``), which is
not run.
"""

from jaxtyping import Array, Bool, Float

from temjax.forcing import Forcing, Location
from temjax.heat.climate import SoilClimate, soil_climate
from temjax.options import ModelOptions
from temjax.parameters.registry import Parameters
from temjax.regional.inputs.climate import VARIABLES
from temjax.runs.quality import RunQuality, run_quality
from temjax.runs.simulate import Run, simulate
from temjax.runtime.devices import map_devices
from temjax.state import State


def run_block(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    state: State,
    exposure: Bool[Array, "year"],
    *,
    soil: SoilClimate | None,
    reference: Float[Array, "cell"] | None,
    options: ModelOptions,
) -> tuple[Run, RunQuality]:
    """The block's run and what it says of itself; ``soil`` if its soil climate is known.

    Args:
        parameters, location: per cell.
        forcing: with the neighbour years; CO2 shared by all cells.
        state: at the block's start.
        exposure: 1 in the years in which thaw exposure acts, neighbours included.
        soil: of the block's years.
        reference: active layer of 2020 for ``const2020``, m.
        options: model choices.
    """
    climate, time = _split(forcing)
    celled = (parameters, location, climate, state, soil, reference)
    *parts, sound = map_devices(_run, celled, (*time, exposure), (options,))
    return Run(forcing.years[1:-1], *parts), sound


def soil_of_block(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    state: State,
    options: ModelOptions,
) -> SoilClimate:
    """The block's soil climate; arguments as for ``run_block``."""
    climate, time = _split(forcing)
    return map_devices(_soil, (parameters, location, climate, state), time, (options,))


def _split(forcing: Forcing) -> tuple[tuple[Array, ...], tuple[Array, Array]]:
    """What differs between the cells of a forcing, and its years and CO2."""
    return tuple(getattr(forcing, name) for name in VARIABLES), (forcing.years, forcing.co2)


def _joined(climate: tuple[Array, ...], years: Array, co2: Array) -> Forcing:
    return Forcing(years=years, co2=co2, **dict(zip(VARIABLES, climate, strict=True)))


def _run(celled: tuple, shared: tuple, options: ModelOptions) -> tuple:
    """The fields of a ``Run`` but its years, which belong to no cell, and its quality."""
    parameters, location, climate, state, soil, reference = celled
    years, co2, exposure = shared
    run = simulate(
        parameters, location, _joined(climate, years, co2), initial=state, options=options,
        exposure=exposure, start=1, stop=len(years) - 1, soil=soil, reference_thickness=reference,
    )  # fmt: skip
    return run.monthly, run.annual, run.soil, run.state, run.finite, run_quality(run)


def _soil(celled: tuple, shared: tuple, options: ModelOptions) -> SoilClimate:
    parameters, location, climate, state = celled
    years, co2 = shared
    return soil_climate(
        parameters, location, _joined(climate, years, co2), initial=state.heat, options=options,
        start=1, stop=len(years) - 1, snowpack=state.ecosystem.snowpack,
    )  # fmt: skip

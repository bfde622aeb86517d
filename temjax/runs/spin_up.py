"""Spin-up by integration: a cycle of years, repeated for a stated number of years."""

from jaxtyping import Array, Float

from temjax.forcing import Forcing, Location, concatenate, select_years
from temjax.heat.climate import soil_climate
from temjax.options import ModelOptions
from temjax.parameters.registry import Parameters
from temjax.runs.equilibrium import CLIMATE_YEARS, equilibrium_climate
from temjax.runs.layered_run import with_reference_thaw
from temjax.runs.simulate import simulate
from temjax.state import State


def spin_up(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    initial: State,
    *,
    years: int,
    climate_years: int = CLIMATE_YEARS,
    options: ModelOptions = ModelOptions(),
    reference_thickness: Float[Array, "*cell"] | None = None,
) -> State:
    """State after ``years`` years of a repeated cycle, thaw exposure off (Liu et al. 2022: 200).

    ``find_equilibrium(..., climate="cycle")`` is where this leads if it goes on for ever. With soil
    in layers the permafrost table is the deepest thaw of the last cycle.

    Args:
        parameters: scalar or per-cell values.
        location: one cell or many.
        forcing: its first years make the cycle; CO2 is that of its first January.
        initial: state at the start, from ``find_equilibrium``.
        years: length; cut within a cycle if need be.
        climate_years: years of the cycle (fewer if the forcing is shorter).
        options: model choices.
        reference_thickness: for ``root_zone_nitrogen = "const2020"``, m.

    Raises:
        ValueError: a negative number of years.
    """
    if years < 0:
        raise ValueError(f"years = {years}; a spin-up cannot be shorter than 0 years")
    cycle = equilibrium_climate(forcing, "cycle", climate_years)
    length = cycle.number_of_years
    last, first = select_years(cycle, length - 1, length), select_years(cycle, 0, 1)
    # with the years before and after it: lags and interpolation cross the cycle's ends
    padded = concatenate(last, cycle, first)
    state = initial
    for done in range(0, years, length):
        stop, soil = 1 + min(length, years - done), None
        if options.soil_layers is not None:
            soil = soil_climate(
                parameters, location, padded, state.heat, options=options, start=1, stop=stop,
                snowpack=state.snowpack,
            )  # fmt: skip
            state = with_reference_thaw(state, soil, whole=stop > length)
        state = simulate(
            parameters,
            location,
            padded,
            initial=state,
            options=options,
            exposure=False,
            start=1,
            stop=stop,
            soil=soil,
            reference_thickness=reference_thickness,
        ).state
    return state

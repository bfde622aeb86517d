"""Numbers of a place: by how much its rain gauge, its snow and its thermometer differ.

Gauges lose snow to the wind: corrections raise the annual precipitation of Siberian stations by
10 to 65 % (A Bias-Corrected Siberian Regional Precipitation Climatology), that of Barrow and Nome
by 70 and 130 % (Adjustment of Daily Precipitation Data at Barrow and Nome, Alaska, 2005). The
resistance of a pack is water / (density · conductivity): how dense and how conductive the snow of
a place is and how much of the ground it covers enter as one product, so one number stands for all
three. A thermometer above a canopy, or in the next valley, is off by a constant.

The numbers act on the whole history of a place, its equilibrium included. They are none of a
vegetation type: a region never has them.
"""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.forcing import Forcing
from temjax.parameters.registry import Parameters

PRECIPITATION, SNOW, WARMTH = (
    "precipitation_factor",
    "snow_conductivity_factor",
    "air_temperature_offset",
)
PLACE_NUMBERS = {PRECIPITATION: 1.0, SNOW: 1.0, WARMTH: 0.0}  # and where they change nothing

Value = Float[Array, "*cell"] | float


def with_place_numbers(
    parameters: Parameters, forcing: Forcing, numbers: Mapping[str, Value]
) -> tuple[Parameters, Forcing]:
    """Parameters and forcing of a run with the numbers of its place.

    Args:
        parameters: of the vegetation type.
        forcing: as measured, cells trailing where the numbers have cells.
        numbers: of ``PLACE_NUMBERS``; other names are passed over, those that lack change nothing.
    """
    if PRECIPITATION in numbers:
        more = forcing.precipitation * numbers[PRECIPITATION]
        forcing = eqx.tree_at(lambda f: f.precipitation, forcing, more)
    if WARMTH in numbers:
        warmer = forcing.air_temperature + numbers[WARMTH]
        forcing = eqx.tree_at(lambda f: f.air_temperature, forcing, warmer)
    if SNOW in numbers:
        # the resistance is min(fraction · pack, cap) / (ρ k): dividing both divides it
        cap, factor = parameters.snow_cap, numbers[SNOW]
        limited = jnp.isfinite(cap)
        finite_cap = jnp.where(limited, cap, 1.0) / factor  # of inf / factor no derivative is left
        parameters = eqx.tree_at(
            lambda p: (p.snow_fraction, p.snow_cap),
            parameters,
            (parameters.snow_fraction / factor, jnp.where(limited, finite_cap, jnp.inf)),
        )
    return parameters, forcing


def numbers_text(numbers: Mapping[str, float]) -> str:
    """Numbers of a place in words; empty of none."""
    words = {
        PRECIPITATION: "{:.4g} times the precipitation",
        SNOW: "{:.4g} times the conductivity of the snow",
        WARMTH: "{:+.3g} K of air temperature",
    }
    return ", ".join(words[name].format(numbers[name]) for name in words if name in numbers)

"""Declaration of a parameter: what the registry holds of it, and how it is written down."""

from dataclasses import dataclass
from typing import Literal

import equinox as eqx

Transform = Literal["identity", "log"]

TEM = "TEM 4.2.3 parameter files"
ENVELOPE = "envelope of the TEM 4.2.3 grass, tundra and shrub sets"
OURS = "our assumption"


@dataclass(frozen=True)
class ParameterInfo:
    """Entry of the registry.

    Attributes:
        name: field of ``Parameters``.
        symbol: TEM's own symbol.
        unit: unit of the value.
        description: meaning of the parameter.
        bounds: lower and upper limit of a fit; infinite for fixed parameters.
        prior_sd: standard deviation of the Gaussian prior about the set's value, in log space for
            positive parameters (``transform = "log"``), in units otherwise; ``None`` if fixed.
        transform: space in which prior and optimiser work.
        source: of bounds and prior.
        tunable: whether a calibration may estimate it.
        default: value of sets that give none, for parameters that only an option uses.
    """

    name: str
    symbol: str
    unit: str
    description: str
    bounds: tuple[float, float]
    prior_sd: float | None
    transform: Transform
    source: str
    tunable: bool
    default: float | None = None


_ANY = (float("-inf"), float("inf"))


def fixed(
    symbol: str, unit: str, description: str, source: str = TEM, default: float | None = None
):
    """Declare a parameter that a fit cannot free; arguments as attributes of ``ParameterInfo``."""
    return eqx.field(
        metadata={
            "symbol": symbol,
            "unit": unit,
            "description": description,
            "bounds": _ANY,
            "prior_sd": None,
            "transform": "identity",
            "source": source,
            "tunable": False,
            "default": default,
        }
    )


def tunable(
    symbol: str,
    unit: str,
    description: str,
    bounds: tuple[float, float],
    prior_sd: float,
    transform: Transform = "log",
    source: str = ENVELOPE,
    default: float | None = None,
):
    """Declare a parameter that a fit may free; arguments as attributes of ``ParameterInfo``."""
    return eqx.field(
        metadata={
            "symbol": symbol,
            "unit": unit,
            "description": description,
            "bounds": bounds,
            "prior_sd": prior_sd,
            "transform": transform,
            "source": source,
            "tunable": True,
            "default": default,
        }
    )

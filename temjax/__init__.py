"""temjax: the Terrestrial Ecosystem Model in JAX."""

from importlib.metadata import version as _version
from typing import TYPE_CHECKING

from temjax.lazy import export as _export

if TYPE_CHECKING:
    from temjax.compiler import compile_for_few_cells
    from temjax.equilibrium import Equilibrium, find_equilibrium
    from temjax.forcing import Forcing, Location
    from temjax.options import ModelOptions
    from temjax.parameter_files import (
        ParameterError,
        gather_parameters,
        load_parameters,
        parameter_set_names,
        read_parameters,
        replace_parameters,
        write_parameters,
    )
    from temjax.parameters import REGISTRY, Parameters, tunable_names
    from temjax.simulate import Run, simulate
    from temjax.soil_climate import SoilClimate, equilibrate_heat, soil_climate
    from temjax.spin_up import spin_up
    from temjax.state import State

_export(
    __name__,
    {
        "compiler": ("compile_for_few_cells",),
        "equilibrium": ("Equilibrium", "find_equilibrium"),
        "forcing": ("Forcing", "Location"),
        "options": ("ModelOptions",),
        "parameter_files": (
            "ParameterError", "gather_parameters", "load_parameters", "parameter_set_names",
            "read_parameters", "replace_parameters", "write_parameters",
        ),
        "parameters": ("REGISTRY", "Parameters", "tunable_names"),
        "simulate": ("Run", "simulate"),
        "soil_climate": ("SoilClimate", "equilibrate_heat", "soil_climate"),
        "spin_up": ("spin_up",),
        "state": ("State",),
    },
)  # fmt: skip

__version__ = _version("temjax")

__all__ = [
    "REGISTRY",
    "Equilibrium",
    "Forcing",
    "Location",
    "ModelOptions",
    "ParameterError",
    "Parameters",
    "Run",
    "SoilClimate",
    "State",
    "compile_for_few_cells",
    "equilibrate_heat",
    "find_equilibrium",
    "gather_parameters",
    "load_parameters",
    "parameter_set_names",
    "read_parameters",
    "replace_parameters",
    "simulate",
    "soil_climate",
    "spin_up",
    "tunable_names",
    "write_parameters",
]

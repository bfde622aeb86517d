"""temjax: the Terrestrial Ecosystem Model in JAX."""

from importlib.metadata import version as _version
from typing import TYPE_CHECKING

from temjax.runtime.lazy import lazy_names as _lazy_names

if TYPE_CHECKING:
    from temjax.forcing import Forcing, Location
    from temjax.heat.climate import SoilClimate, equilibrate_heat, soil_climate
    from temjax.options import ModelOptions
    from temjax.parameters.files import (
        ParameterError,
        gather_parameters,
        load_parameters,
        parameter_set_names,
        read_parameters,
        replace_parameters,
        write_parameters,
    )
    from temjax.parameters.registry import REGISTRY, Parameters, tunable_names
    from temjax.runs.equilibrium import Equilibrium, find_equilibrium
    from temjax.runs.result import Run
    from temjax.runs.simulate import simulate
    from temjax.runs.spin_up import spin_up
    from temjax.runtime.configure import configure
    from temjax.runtime.xla_flags import compile_for_few_cells
    from temjax.state import State

__getattr__, __dir__ = _lazy_names(
    __name__,
    {
        "forcing": ("Forcing", "Location"),
        "heat.climate": ("SoilClimate", "equilibrate_heat", "soil_climate"),
        "options": ("ModelOptions",),
        "parameters.files": (
            "ParameterError", "gather_parameters", "load_parameters", "parameter_set_names",
            "read_parameters", "replace_parameters", "write_parameters",
        ),
        "parameters.registry": ("REGISTRY", "Parameters", "tunable_names"),
        "runs.equilibrium": ("Equilibrium", "find_equilibrium"),
        "runs.result": ("Run",),
        "runs.simulate": ("simulate",),
        "runs.spin_up": ("spin_up",),
        "runtime.configure": ("configure",),
        "runtime.xla_flags": ("compile_for_few_cells",),
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
    "configure",
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

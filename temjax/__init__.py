"""temjax: the Terrestrial Ecosystem Model in JAX."""

from importlib.metadata import version as _version

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
from temjax.state import State

__version__ = _version("temjax")

__all__ = [
    "REGISTRY",
    "Forcing",
    "Location",
    "ModelOptions",
    "ParameterError",
    "Parameters",
    "State",
    "gather_parameters",
    "load_parameters",
    "parameter_set_names",
    "read_parameters",
    "replace_parameters",
    "tunable_names",
    "write_parameters",
]

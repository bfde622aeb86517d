"""The fitted sets that come with the package."""

import tomllib
from importlib.resources import files

import pytest

from temjax import read_parameters
from temjax.calibration import fitted_set_names, fitted_set_path
from temjax.calibration.tunables import HISTORY_PARAMETERS
from temjax.parameters.registry import REGISTRY


def test_the_three_towers_are_there():
    names = {"haibei-meadow-fitted", "haibei-shrubland-fitted", "damxung-steppe-fitted"}
    assert set(fitted_set_names()) == names


def test_an_unknown_set_is_refused():
    with pytest.raises(ValueError, match="no fitted set 'tundra'; there are damxung"):
        fitted_set_path("tundra")


@pytest.mark.parametrize(
    "name", sorted(p.name[:-5] for p in (files("temjax.calibration") / "fitted").iterdir())
)
def test_a_set_reads_back_with_what_made_it(name):
    path = fitted_set_path(name)
    parameters = read_parameters(path)
    made = tomllib.loads(path.read_text(encoding="utf-8"))["provenance"]
    assert made["command"].startswith("temjax calibrate")
    assert made["loss"] < made["loss_at_prior_centre"]
    for key in ("forcing_hash", "data_hash", "parameter_hash"):
        assert len(made[key]) == 16
    assert set(made["interval_90"]) == set(made["fitted"])
    for parameter, (low, high) in made["interval_90"].items():
        if parameter in HISTORY_PARAMETERS:
            value = made["disequilibrium_factor"]
            bounds = HISTORY_PARAMETERS[parameter].bounds
        else:
            value, bounds = float(getattr(parameters, parameter)), REGISTRY[parameter].bounds
        slack = 2e-3 * (bounds[1] - bounds[0])
        assert bounds[0] - slack <= low - slack <= value <= high + slack

"""The fitted sets that come with the package."""

import tomllib
from importlib.resources import files

import pytest

from temjax import read_parameters
from temjax.calibration import (
    community_names,
    fitted_set_names,
    fitted_set_path,
    open_community,
)
from temjax.calibration.tunables import HISTORY_PARAMETERS
from temjax.parameters.posterior import read_posterior
from temjax.parameters.registry import REGISTRY
from temjax.sites.place_state import read_place_state

TOWERS = {"haibei-meadow-fitted", "haibei-shrubland-fitted", "damxung-steppe-fitted"}
COMMUNITIES = {f"{name}-fitted" for name in community_names()}


def test_the_three_towers_and_the_communities_are_there():
    assert set(fitted_set_names()) == TOWERS | COMMUNITIES


@pytest.mark.parametrize("name", sorted(COMMUNITIES))
def test_every_target_of_a_community_is_met_or_has_its_reason(name):
    path = fitted_set_path(name)
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    rows = document["fit"]["target_values"]
    stated = {one.name: one.value for one in open_community(document["place"]["name"]).targets}
    assert {row["target"]: row["value"] for row in rows} == pytest.approx(stated)
    for row in rows:
        low, high = row["interval_90"]
        assert low <= row["fitted"] <= high
        assert (abs(row["difference"]) <= 0.1) == (row["reason"] == "")
    assert sum(row["reason"] == "" for row in rows) >= len(rows) - 1
    posterior = read_posterior(path)
    assert list(posterior.names) == document["posterior"]["names"]
    assert read_place_state(path) is None


def test_an_unknown_set_is_refused():
    with pytest.raises(ValueError, match="no fitted set 'tundra'; there are black-spruce"):
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
        assert bounds[0] - slack <= low <= value + slack <= high + 2 * slack

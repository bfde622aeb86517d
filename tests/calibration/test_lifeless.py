"""A parameter set that cannot live in the climate is told before the fit."""

import dataclasses

import pytest

import temjax.calibration.candidate_fit
from temjax.calibration import FitError, Objective, stock_target
from temjax.calibration.run import run_calibration
from temjax.calibration.sensitivity import sensitivities
from tests.support.short_site import OPTIONS, short_site


@pytest.fixture(scope="module")
def frozen():
    """The meadow at −60 °C."""
    site = short_site()
    cold = dataclasses.replace(site.forcing, air_temperature=site.forcing.air_temperature - 60.0)
    return dataclasses.replace(site, forcing=cold)


def test_a_fit_ends_before_its_first_step_and_says_why(frozen, monkeypatch, tmp_path):
    def never(*_, **__):
        raise AssertionError("the fit was started")

    monkeypatch.setattr(temjax.calibration.candidate_fit, "fit", never)
    objective = Objective.of(frozen, ("cmax_scale",), None, options=OPTIONS)
    (tmp_path / "checkpoint.npz").write_bytes(b"of an earlier fit")
    with pytest.raises(FitError, match=r"haibei-meadow: the parameter set .alpine-meadow. cannot"):
        run_calibration([frozen], objective, command="", out=tmp_path)
    assert (tmp_path / "checkpoint.npz").exists()


@pytest.mark.slow
def test_sensitivities_of_bare_ground_are_refused(frozen):
    unused = stock_target("soil_organic_carbon", 1.0, 1.0)
    objective = Objective.of(frozen, ("cmax_scale",), (), extra_targets=(unused,), options=OPTIONS)
    with pytest.raises(FitError, match="cannot live in this climate"):
        sensitivities(objective, ("nep",), points=1, site=frozen)

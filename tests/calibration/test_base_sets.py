"""Base sets compared: which wins, by how much, and what cannot be fitted."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from temjax.calibration import FitError, Objective
from temjax.calibration.base_sets import BaseComparison, candidates, compare_bases
from tests.support.short_site import short_site


def objective_of(sites) -> Objective:
    return Objective.of(sites[0], ("cmax",), ("gpp",))


def test_a_fit_is_made_from_every_set():
    site = dataclasses.replace(short_site(), parameter_overrides={"cmax_scale": 0.9})
    made = candidates([site], ("moist-tundra", "grassland"), objective_of)
    assert [one.base for one in made] == ["moist-tundra", "grassland"]
    assert [one.sites[0].parameter_set for one in made] == ["moist-tundra", "grassland"]
    # the place's own values stay on top
    assert [one.objective.free.centre for one in made] == [(np.log(0.9),)] * 2
    (own,) = candidates([site], (), objective_of)
    assert own.base == site.parameter_set and own.sites == (site,)


@pytest.mark.parametrize(
    ("bases", "message"),
    [
        (("grassland", "grassland"), "base set 'grassland' is named twice"),
        (("grasland",), "unknown parameter set 'grasland'; choose one of"),
    ],
)
def test_sets_that_cannot_be_compared(bases, message):
    with pytest.raises(ValueError, match=message):
        candidates([short_site()], bases, objective_of)


def fitted(losses: dict):
    """A fit that ends at a known loss, or in an error."""

    def fit_one(candidate):
        loss = losses[candidate.base]
        if isinstance(loss, FitError):
            raise loss
        result = SimpleNamespace(
            loss=np.array([loss + 1, loss]), best=1, losses=np.array([[100.0, 200.0]])
        )
        return result, []

    return fit_one


def test_the_lowest_loss_wins_and_the_others_are_told():
    made = candidates([short_site()], ("moist-tundra", "grassland", "boreal-forest"), objective_of)
    losses = {"moist-tundra": 30.0, "grassland": 21.5, "boreal-forest": FitError("it freezes")}
    chosen, result, _, comparison = compare_bases(made, fitted(losses))
    assert chosen.base == comparison.best == "grassland" and result.loss[1] == 21.5
    assert comparison.lead == 8.5
    assert comparison.lines() == [
        "base sets compared: grassland has the lowest loss, 8.5 below the next (grassland 100.0 → "
        "21.5, moist-tundra 100.0 → 30.0)",
        "base set boreal-forest left out: it freezes",
    ]
    assert comparison.record()["left_out"] == {"boreal-forest": "it freezes"}


def test_one_set_is_no_comparison():
    made = candidates([short_site()], (), objective_of)
    (name,) = {one.base for one in made}
    *_, comparison = compare_bases(made, fitted({name: 3.0}))
    assert comparison.lines() == [] and comparison.record() == {}
    assert BaseComparison().lines() == []


def test_no_set_can_be_fitted():
    made = candidates([short_site()], ("moist-tundra", "grassland"), objective_of)
    losses = {"moist-tundra": FitError("first"), "grassland": FitError("second")}
    with pytest.raises(FitError, match="first"):
        compare_bases(made, fitted(losses))

"""Levels of the factors and groups of parameters."""

import numpy as np
import pytest

from temjax.files.findings import DataError
from temjax.parameters.files import load_parameters
from temjax.parameters.posterior import Gaussian
from temjax.parameters.registry import tunable_names
from temjax.regional.studies.parameter_sources import Source
from temjax.regional.studies.variance.design import (
    DEPTH_SCALE,
    GROUP_OF,
    GROUPS,
    DepthScale,
    choices,
    groups_of_source,
    with_options,
    without_depth_scale,
)
from tests.support.small_region import small_experiment

TYPES = ("alpine-tundra", "moist-tundra")


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    return small_experiment(tmp_path_factory.mktemp("design"))


def b_of(sets):
    return {name: float(getattr(parameters, DEPTH_SCALE)) for name, parameters in sets.items()}


def test_every_tunable_parameter_is_in_one_group():
    assert sorted(GROUP_OF) == sorted(tunable_names())
    assert sum(len(names) for names in GROUPS.values()) == len(GROUP_OF)


def test_the_defaults_say_what_they_leave_out(experiment):
    chosen = choices(experiment, TYPES)
    assert chosen.rules == ("hold",)
    assert chosen.nitrogen == ("pulse_only", "p_ratio")
    assert [level.label for level in chosen.depth_scales] == ["−1 SD", "+1 SD"]
    assert "no Stefan coefficient for alpine-tundra, moist-tundra" in " ".join(chosen.notes)
    assert "prior" in chosen.notes[0]


def test_levels_of_the_prior_have_its_mean_and_variance():
    """In the logarithm, the prior's space: SD 0.6."""
    sets = {"alpine-meadow": load_parameters("alpine-meadow")}
    own = b_of(sets)["alpine-meadow"]
    spread = np.exp(0.6)
    logs = [
        np.log(b_of(DepthScale("", factor).apply(sets))["alpine-meadow"] / own)
        for factor in (1 / spread, spread)
    ]
    assert np.mean(logs) == pytest.approx(0.0, abs=1e-12)
    assert np.std(logs) == pytest.approx(0.6)


def test_b_stays_within_the_bounds_of_a_fit():
    sets = {"alpine-meadow": load_parameters("alpine-meadow")}
    assert b_of(DepthScale("", 1e3).apply(sets)) == {"alpine-meadow": 8.0}
    assert b_of(DepthScale("", 1e-3).apply(sets)) == {"alpine-meadow": 0.4}
    assert b_of(DepthScale("", value=2.5).apply(sets)) == {"alpine-meadow": 2.5}
    assert b_of(DepthScale("").apply(sets)) == b_of(sets)


def test_given_levels_are_taken(experiment):
    chosen = choices(experiment, TYPES, ["hold", "literal"], ["uniform"], ["1.3", "8"])
    assert chosen.rules == ("hold", "literal") and chosen.nitrogen == ("uniform",)
    assert [level.value for level in chosen.depth_scales] == [1.3, 8.0]
    assert len(choices(experiment, TYPES, depth_scales=["own"]).depth_scales) == 1


def test_every_wrong_name_is_a_finding(experiment):
    with pytest.raises(DataError) as error:
        choices(experiment, TYPES, ["holt"], ["puls"], ["9", "deep"])
    lines = [str(finding) for finding in error.value.findings]
    assert len(lines) == 4
    assert "hold" in lines[0] and "pulse_only" in lines[1] and "0.4 to 8 m" in lines[2]


def test_an_option_changes_the_model_alone(experiment):
    other = with_options(experiment, "literal", "p_ratio")
    assert other.options.active_layer_rule == "literal"
    assert other.options.root_zone_nitrogen == "p_ratio"
    assert other.hash != experiment.hash and other.protocol == experiment.protocol


def source(names, correlation=0.0, columns=None):
    covariance = np.full((len(names), len(names)), correlation * 0.04)
    np.fill_diagonal(covariance, 0.04)
    size = len(names)
    gaussian = Gaussian(
        tuple(names), np.zeros(size, dtype=bool), np.full(size, -9.0), np.full(size, 9.0),
        np.zeros(size), covariance,
    )  # fmt: skip
    return Source(gaussian, columns or {"a": {name: n for n, name in enumerate(names)}})


def test_b_is_not_drawn_where_it_is_a_factor():
    fitted, alone = source(["kdc_scale", DEPTH_SCALE], 0.5), source([DEPTH_SCALE])
    kept, notes = without_depth_scale([fitted, alone])
    assert [of.columns for of in kept] == [{"a": {"kdc_scale": 0}}]
    assert len(notes) == 2
    assert "up to 0.50, do not count" in notes[0] and "correlation" not in notes[1]
    kept, notes = without_depth_scale([source(["kdc_scale"])])
    assert len(kept) == 1 and notes == []


def test_types_that_share_a_number_share_its_group():
    columns = {"a": {"kdc_scale": 0, "cmax_scale": 1}, "b": {"kdc_scale": 0, "cmax_scale": 2}}
    joint = source(["kdc_scale", "cmax_scale@a", "cmax_scale@b"], columns=columns)
    assert groups_of_source(joint) == {
        "photosynthesis and leaves": [1, 2], "decomposition": [0]
    }  # fmt: skip

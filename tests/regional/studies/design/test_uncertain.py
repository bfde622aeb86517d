"""Derivatives of a run folder, and the uncertain numbers of its types as one Gaussian."""

import json
from pathlib import Path

import numpy as np
import pytest

from temjax.files.findings import DataError
from temjax.parameters.files import load_parameters
from temjax.parameters.registry import REGISTRY
from temjax.regional.experiment.experiment import parse_experiment
from temjax.regional.studies.design.targets import (
    Derivatives,
    read_derivatives,
    target_outputs,
)
from temjax.regional.studies.design.uncertain import joined, uncertain_numbers
from temjax.regional.studies.parameter_sources import Source
from tests.regional.studies.test_uncertainty import gaussian
from tests.support.fitted_set import write_fitted_set

MEADOW, STEPPE = "alpine-meadow", "alpine-steppe"
NAMES = ("kdc_scale", "cmax_scale", "soil_carbon_depth_scale", "stefan_coefficient")


def experiment(files=None):
    document = {
        "name": "made", "title": "SYNTHETIC made", "region": "made",
        "domain": {"kind": "synthetic-plateau"}, "climate": {"kind": "synthetic-plateau"},
        "protocol": {
            "equilibrium_years": [1901, 1910], "spin_up_years": [1901, 1910],
            "spin_up_length": 10, "historical": [1901, 1920], "future": [1921, 1930],
        },
        "parameters": {k: str(v) for k, v in (files or {}).items()},
    }  # fmt: skip
    return parse_experiment(document, Path(), "made")


def record(names=NAMES, scale=1.0, **changes):
    values = {
        kind: {name: float(getattr(load_parameters(kind), name)) for name in names}
        for kind in (MEADOW, STEPPE)
    }
    slopes = {kind: {name: scale * (n + 1) for n, name in enumerate(names)} for kind in values}
    return {
        "member": "A", "scenario": "rcp85", "configuration_hash": experiment().hash,
        "totals": {"delta_nep": -100.0 * scale, "exposed_carbon": 500.0},
        "parameters": values,
        "derivatives": {"delta_nep": slopes, "exposed_carbon": slopes},
    } | changes  # fmt: skip


def write(folder, *records):
    for number, one in enumerate(records):
        path = folder / f"sensitivity_{number}.json"
        path.write_text(json.dumps(one), encoding="utf-8")


def test_the_target_is_the_mean_over_members(tmp_path):
    names = NAMES[:2]
    write(tmp_path, record(names), record(names, 3.0, member="B"))
    found = read_derivatives(tmp_path, experiment())
    assert found.members == (("A", "rcp85"), ("B", "rcp85"))
    assert found.totals["delta_nep"] == pytest.approx(-200)
    assert found.by_output["delta_nep"][MEADOW] == {"kdc_scale": 2.0, "cmax_scale": 4.0}
    only = read_derivatives(tmp_path, experiment(), [("B", "rcp85")])
    assert only.totals["delta_nep"] == pytest.approx(-300)


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([], "holds no derivatives"),
        ([{"member": "A"}], "is no record"),
        ([record(derivatives=None)], "no derivatives by vegetation type"),
        ([record(configuration_hash="other")], "other cells or settings"),
        ([record(parameters={MEADOW: {"kdc_scale": 9.0}})], "was taken at 9"),
        ([record(), record(NAMES[:2], member="B")], "other parameters or values"),
    ],
)
def test_what_is_lacking_comes_with_the_command(tmp_path, records, said):
    write(tmp_path, *records)
    with pytest.raises(DataError, match=said) as error:
        read_derivatives(tmp_path, experiment())
    (finding,) = error.value.findings
    assert "Run temjax region-sensitivity" in finding.mend
    assert "--parameters fitted,soil_carbon_depth_scale" in finding.mend


def test_targets_by_name():
    assert target_outputs(["soc_pf", "nep", "nep"]) == ("exposed_carbon", "delta_nep")
    with pytest.raises(DataError, match=r"'npe' is no target\. Did you mean"):
        target_outputs(["npe"])
    with pytest.raises(DataError, match="names no target"):
        target_outputs([])


def test_fits_keep_their_correlations_and_tied_types_their_number():
    fit = Source(
        gaussian([0.0, 0.0], [0.1, 0.2], 0.5, is_log=True),
        {MEADOW: {"kdc_scale": 0, "cmax_scale": 1}, STEPPE: {"kdc_scale": 0}},
    )
    other = Source(gaussian([2.0], [0.3]), {"alpine-forest": {"kdc_scale": 0}})
    numbers = joined([fit, other])
    assert numbers.labels == (
        f"{MEADOW}+{STEPPE}: kdc_scale", f"{MEADOW}: cmax_scale", "alpine-forest: kdc_scale"
    )  # fmt: skip
    assert numbers.covariance == pytest.approx(
        np.array([[0.01, 0.01, 0], [0.01, 0.04, 0], [0, 0, 0.09]])
    )
    slopes = {MEADOW: {"kdc_scale": 1.0, "cmax_scale": 5.0}, STEPPE: {"kdc_scale": 10.0}}
    derivatives = Derivatives((), {}, {}, {"delta_nep": slopes})
    assert numbers.gradient(derivatives, "delta_nep") == pytest.approx([11.0, 5.0, 0.0])
    with_places = numbers.with_places(["here"], 0.15)
    assert with_places.covariance[3, 3] == pytest.approx(0.0225)
    assert with_places.gradient(derivatives, "delta_nep")[3] == 0


def test_what_no_fit_freed_varies_by_its_prior(tmp_path):
    sd = {"kdc_scale": 0.1, "cmax_scale": 0.05}
    path = write_fitted_set(tmp_path / "meadow.toml", MEADOW, sd, 0.5)
    made = experiment({MEADOW: path})
    write(tmp_path, record())
    derivatives = read_derivatives(tmp_path, made)
    numbers, notes = uncertain_numbers(tmp_path, made, derivatives, "prior")
    assert set(numbers.columns[MEADOW]) == set(NAMES[:3])
    assert numbers.columns[MEADOW].keys() == numbers.columns[STEPPE].keys()
    column = numbers.columns[MEADOW]["soil_carbon_depth_scale"]
    prior_sd = REGISTRY["soil_carbon_depth_scale"].prior_sd
    assert numbers.covariance[column, column] == pytest.approx(prior_sd**2)
    fitted = numbers.columns[MEADOW]["kdc_scale"]
    assert numbers.covariance[fitted, fitted] == pytest.approx(0.01)
    text = "; ".join(notes)
    assert f"{MEADOW}: stefan_coefficient cannot be tuned; taken as exact" in text
    assert "exact in all types, as no derivatives are here: conductivity_scale" in text
    exact, _ = uncertain_numbers(tmp_path, made, derivatives, "exact")
    assert set(exact.columns) == {MEADOW}


def test_a_parameter_of_a_fit_needs_its_derivative(tmp_path):
    sd = {"kdc_scale": 0.1, "heterotrophic_q10": 0.05}
    made = experiment({MEADOW: write_fitted_set(tmp_path / "meadow.toml", MEADOW, sd)})
    write(tmp_path, record())
    derivatives = read_derivatives(tmp_path, made)
    with pytest.raises(DataError, match="no derivative of alpine-meadow: heterotrophic_q10"):
        uncertain_numbers(tmp_path, made, derivatives, "prior")

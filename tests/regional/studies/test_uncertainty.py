"""Uncertainty of fitted parameters: read, propagated linearly, sampled."""

import numpy as np
import pytest

from temjax.files.findings import DataError
from temjax.parameters.files import load_parameters
from temjax.regional.command.choices import names, parse_box
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.run.cells import Cells
from temjax.regional.studies.sensitivity import Outputs, Sensitivity
from temjax.regional.studies.uncertainty import (
    ParameterUncertainty,
    fitted_uncertainties,
    linear_propagation,
    repeated_cells,
    sample_sets,
    sample_totals,
)

EXPERIMENT = "regional/experiments/qtp-analogue.toml"


def test_uncertainties_come_from_the_fitted_files(pytestconfig):
    experiment = read_experiment(pytestconfig.rootpath / EXPERIMENT)
    uncertainties = fitted_uncertainties(experiment)
    assert {parameter.vegetation for parameter in uncertainties} == set(experiment.parameters)
    assert all(
        parameter.sd > 0 and parameter.low <= parameter.value <= parameter.high
        for parameter in uncertainties
    )
    freed = {parameter.name for parameter in uncertainties}
    assert "kdc_scale" in freed
    assert "disequilibrium_factor" not in freed  # no parameter of the model
    assert "surface_resistance" not in freed  # left to the bundled set
    own = experiment.model_copy(update={"keep_ground_surface": False})
    assert "surface_resistance" in {parameter.name for parameter in fitted_uncertainties(own)}


def test_a_file_without_intervals_is_named(tmp_path, pytestconfig):
    experiment = read_experiment(pytestconfig.rootpath / EXPERIMENT)
    plain = tmp_path / "plain.toml"
    plain.write_text('base = "alpine-meadow"\n[values]\n', encoding="utf-8")
    other = experiment.model_copy(update={"parameters": {"alpine-meadow": plain}})
    with pytest.raises(DataError, match=r"plain.toml.*holds no 90 % intervals"):
        fitted_uncertainties(other)


UNCERTAINTIES = [
    ParameterUncertainty("alpine-meadow", "kdc_scale", 1.0, 0.1, 0.1, 3.0),
    ParameterUncertainty("alpine-steppe", "kdc_scale", 1.2, 0.2, 0.1, 3.0),
]
VEGETATION = np.array(["alpine-meadow", "alpine-steppe", "alpine-steppe"])
AREA = np.array([1e6, 2e6, 0.0])  # km²: g m⁻² times 1e6 km² is Tg


def known():
    values = Outputs(*(np.array([1.0, 2.0, np.nan]) for _ in range(4)))
    slopes = Outputs(*(np.array([[10.0, 20.0, np.nan]]) for _ in range(4)))
    return Sensitivity(("kdc_scale",), np.ones((1, 3)), values, slopes, np.ones(3, dtype=bool))


def test_linear_propagation_adds_types_in_squares():
    totals, parts = linear_propagation(known(), VEGETATION, AREA, UNCERTAINTIES)
    assert totals["delta_nep"].value == pytest.approx(1 + 2 * 2)
    alone = parts["delta_nep"]
    assert alone["alpine-meadow", "kdc_scale"] == pytest.approx(10 * 0.1)
    assert alone["alpine-steppe", "kdc_scale"] == pytest.approx(2 * 20 * 0.2)
    assert totals["delta_nep"].sd == pytest.approx(np.hypot(1, 8))
    # a thickness is a mean over the area, not a total
    assert totals["thickness"].value == pytest.approx((1 + 2 * 2) / 3)


def test_samples_have_the_spread_they_were_drawn_with():
    sets = {name: load_parameters(name) for name in ("alpine-meadow", "alpine-steppe")}
    drawn = sample_sets(sets, UNCERTAINTIES, 150, seed=3)
    values = np.array([[float(s[g.vegetation].kdc_scale) for s in drawn] for g in UNCERTAINTIES])
    assert values.mean(axis=1) == pytest.approx([1.0, 1.2], abs=0.03)
    assert values.std(axis=1) == pytest.approx([0.1, 0.2], rel=0.15)
    assert abs(np.corrcoef(values)[0, 1]) < 0.25
    tight = [ParameterUncertainty("alpine-meadow", "kdc_scale", 1.0, 1.0, 0.9, 1.1)]
    cut = [float(s["alpine-meadow"].kdc_scale) for s in sample_sets(sets, tight, 50, seed=3)]
    assert 0.9 <= min(cut) <= max(cut) <= 1.1


def test_samples_share_the_cells_and_point_into_their_own_sets():
    cells = Cells(
        number=0, index=np.arange(2), latitude=np.array([1.0, 2.0, 9.0]),
        elevation=np.zeros(3), silt_plus_clay=np.zeros(3), parameter_index=np.array([0, 1, 0]),
        climate={"air_temperature": np.arange(6.0).reshape(1, 2, 3)},
    )  # fmt: skip
    names_ = ["alpine-meadow", "alpine-steppe"]
    sets = {name: load_parameters(name) for name in names_}
    repeated, flat = repeated_cells(cells, names_, sample_sets(sets, UNCERTAINTIES, 3, seed=1))
    assert repeated.latitude.tolist() == [1, 2] * 3  # without the padding
    assert repeated.parameter_index.tolist() == [0, 1, 2, 3, 4, 5]
    assert len(flat) == 6
    assert repeated.climate["air_temperature"].shape == (1, 2, 6)


def test_sample_totals_are_over_samples():
    values = Outputs(*(np.array([1.0, 2.0, np.nan, 3.0, 2.0, np.nan]) for _ in range(4)))
    totals = sample_totals(values, AREA, samples=2)
    assert totals["nep"].value == pytest.approx((5 + 7) / 2)
    assert totals["nep"].sd == pytest.approx(np.sqrt(2))


def test_options_of_the_commands():
    assert names(None) is None and names(" a, b,") == ["a", "b"]
    assert parse_box(None) is None
    assert parse_box("bbox:90,33,94,36") == (90, 33, 94, 36)
    with pytest.raises(DataError, match="is not understood"):
        parse_box("90,33,94,36")

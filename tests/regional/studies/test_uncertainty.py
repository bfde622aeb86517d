"""Uncertainty of regional totals from parameters: linear propagation and samples."""

from importlib.resources import as_file, files
from types import SimpleNamespace

import numpy as np
import pytest

from temjax.files.findings import DataError
from temjax.parameters.files import load_parameters
from temjax.parameters.posterior import Gaussian
from temjax.regional.command.choices import names, parse_box
from temjax.regional.run.cells import Cells
from temjax.regional.studies.parameter_sources import Source, draw_sets
from temjax.regional.studies.sensitivity import LABELS, Outputs, Sensitivity
from temjax.regional.studies.sensitivity_run import RegionSensitivity, by_type
from temjax.regional.studies.uncertainty import (
    linear_propagation,
    repeated_cells,
    sample_totals,
    without_correlations,
)
from tests.support.command import called

MEADOW, STEPPE = "alpine-meadow", "alpine-steppe"


def gaussian(mean, sd, correlation=0.0, is_log=False):
    sd = np.asarray(sd, dtype=float)
    shape = np.full((sd.size, sd.size), correlation)
    np.fill_diagonal(shape, 1.0)
    return Gaussian(
        names=("kdc_scale", "cmax_scale")[: sd.size],
        is_log=np.full(sd.size, is_log),
        lower=np.full(sd.size, -9.0),
        upper=np.full(sd.size, 9.0),
        mean=np.asarray(mean, dtype=float),
        covariance=shape * np.outer(sd, sd),
    )


SOURCES = [
    Source(gaussian([1.0], [0.1]), {MEADOW: {"kdc_scale": 0}}),
    Source(gaussian([1.2], [0.2]), {STEPPE: {"kdc_scale": 0}}),
]
VEGETATION = np.array([MEADOW, STEPPE, STEPPE])
AREA = np.array([1e6, 2e6, 0.0])  # km²: g m⁻² times 1e6 km² is Tg


def known():
    values = Outputs(*(np.array([1.0, 2.0, np.nan]) for _ in LABELS))
    slopes = Outputs(*(np.array([[10.0, 20.0, np.nan]]) for _ in LABELS))
    return Sensitivity(("kdc_scale",), np.ones((1, 3)), values, slopes, np.ones(3, dtype=bool))


def test_linear_propagation_adds_types_in_squares():
    totals, parts = linear_propagation(known(), VEGETATION, AREA, SOURCES)
    assert totals["delta_nep"].value == pytest.approx(1 + 2 * 2)
    alone = parts["delta_nep"]
    assert alone[MEADOW, "kdc_scale"] == pytest.approx(10 * 0.1)
    assert alone[STEPPE, "kdc_scale"] == pytest.approx(2 * 20 * 0.2)
    assert totals["delta_nep"].sd == pytest.approx(np.hypot(1, 8))
    # a thickness is a mean over the area, not a total
    assert totals["thickness"].value == pytest.approx((1 + 2 * 2) / 3)


def test_derivatives_of_totals_are_kept_by_type():
    result = RegionSensitivity(
        SimpleNamespace(vegetation=VEGETATION), AREA, known(), {}, {}, {}, {}
    )  # fmt: skip
    record = by_type(result)
    assert record["totals"]["delta_nep"] == pytest.approx(1 + 2 * 2)
    assert record["derivatives"]["delta_nep"] == {
        MEADOW: {"kdc_scale": pytest.approx(10)}, STEPPE: {"kdc_scale": pytest.approx(40)}
    }  # fmt: skip
    assert record["parameters"] == {MEADOW: {"kdc_scale": 1.0}, STEPPE: {"kdc_scale": 1.0}}


def test_linear_propagation_takes_correlations():
    values = Outputs(*(np.array([1.0, 2.0, np.nan]) for _ in LABELS))
    slopes = Outputs(*(np.array([[10.0, 0.0, np.nan], [-6.0, 0.0, np.nan]]) for _ in LABELS))
    derivatives = Sensitivity(
        ("kdc_scale", "cmax_scale"), np.ones((2, 3)), values, slopes, np.ones(3, dtype=bool)
    )
    columns = {MEADOW: {"kdc_scale": 0, "cmax_scale": 1}}
    for correlation in (0.0, 0.9):
        source = Source(gaussian([1.0, 1.0], [0.1, 0.2], correlation), columns)
        totals, _ = linear_propagation(derivatives, VEGETATION, AREA, [source])
        expected = np.sqrt(1.0 + 1.2**2 - 2 * correlation * 1.0 * 1.2)
        assert totals["nep"].sd == pytest.approx(expected)


def test_linear_propagation_of_logarithms_is_in_the_parameters_unit():
    source = Source(gaussian([np.log(2.0)], [0.1], is_log=True), {MEADOW: {"kdc_scale": 0}})
    totals, _ = linear_propagation(known(), VEGETATION, AREA, [source])
    assert totals["nep"].sd == pytest.approx(10 * 2.0 * 0.1)


def test_types_of_one_fit_add_up_before_squares():
    source = Source(gaussian([1.0], [0.1]), {MEADOW: {"kdc_scale": 0}, STEPPE: {"kdc_scale": 0}})
    totals, _ = linear_propagation(known(), VEGETATION, AREA, [source])
    assert totals["nep"].sd == pytest.approx((10 + 2 * 20) * 0.1)


def test_parameters_of_types_that_were_fitted_together_are_correlated():
    """Numbers of their own, tied by the joint posterior: 8² + 1² + 2 · .9 · 8."""
    columns = {MEADOW: {"kdc_scale": 0}, STEPPE: {"kdc_scale": 1}}
    source = Source(gaussian([1.0, 1.2], [0.1, 0.2], 0.9), columns)
    totals, _ = linear_propagation(known(), VEGETATION, AREA, [source])
    assert totals["delta_nep"].sd == pytest.approx(np.sqrt(64 + 1 + 2 * 0.9 * 8))
    totals, _ = linear_propagation(known(), VEGETATION, AREA, without_correlations([source]))
    assert totals["delta_nep"].sd == pytest.approx(np.hypot(8, 1))


def test_samples_share_the_cells_and_point_into_their_own_sets():
    cells = Cells(
        number=0, index=np.arange(2), latitude=np.array([1.0, 2.0, 9.0]),
        elevation=np.zeros(3), silt_plus_clay=np.zeros(3), parameter_index=np.array([0, 1, 0]),
        climate={"air_temperature": np.arange(6.0).reshape(1, 2, 3)},
    )  # fmt: skip
    names_ = ["alpine-meadow", "alpine-steppe"]
    sets = {name: load_parameters(name) for name in names_}
    drawn = draw_sets(SOURCES, sets, 3, seed=1)
    repeated, flat = repeated_cells(cells, names_, drawn, shared_heat=True)
    assert repeated.latitude.tolist() == [1, 2, 9] * 3  # with the padding
    assert repeated.parameter_index.tolist() == [0, 1, 0, 2, 3, 2, 4, 5, 4]
    assert len(flat) == 6
    assert repeated.climate["air_temperature"].shape == (1, 2, 9)
    assert repeated.copies == 3
    assert repeated_cells(cells, names_, drawn)[0].copies == 1


def test_sample_totals_are_over_samples():
    values = Outputs(*(np.array([1.0, 2.0, np.nan, 3.0, 2.0, np.nan]) for _ in LABELS))
    totals = sample_totals(values, AREA, samples=2)
    assert totals["nep"].value == pytest.approx((5 + 7) / 2)
    assert totals["nep"].sd == pytest.approx(np.sqrt(2))


def test_an_unknown_parameter_is_wrong_use(restored_settings):
    with as_file(files("temjax.regional") / "experiments" / "qtp-synthetic-demo.toml") as path:
        result = called("region-sensitivity", path, "--out", "x", "--parameters", "fitted,kcd")
    assert result.exit_code == 2
    assert "--parameters: unknown parameter 'kcd'; did you mean KC, KDC" in result.output


def test_options_of_the_commands():
    assert names(None) is None and names(" a, b,") == ["a", "b"]
    assert parse_box(None) is None
    assert parse_box("bbox:90,33,94,36") == (90, 33, 94, 36)
    with pytest.raises(DataError, match="is not understood"):
        parse_box("90,33,94,36")

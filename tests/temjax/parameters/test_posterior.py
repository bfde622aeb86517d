"""Gaussian distributions of parameters: reading, drawing, priors."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from temjax.files.findings import DataError
from temjax.parameters.files import load_parameters
from temjax.parameters.posterior import posterior_arrays, prior, read_intervals, read_posterior
from temjax.parameters.registry import REGISTRY
from tests.support.fitted_set import write_fitted_set

SD = {"kdc_scale": 0.2, "moisture_optimum": 0.02, "cmax_scale": 0.1}


@pytest.fixture
def path(tmp_path):
    return write_fitted_set(tmp_path / "fitted.toml", "alpine-meadow", SD, 0.9)


def test_draws_have_the_covariance_of_the_posterior(path):
    posterior = read_posterior(path)
    drawn = posterior.draws(4000, 3)
    points = np.where(posterior.is_log, np.log(drawn), drawn)
    assert posterior.is_log.tolist() == [True, False, True]
    assert points.mean(axis=0) == pytest.approx(posterior.mean, abs=0.01)
    assert points.std(axis=0) == pytest.approx(list(SD.values()), rel=0.05)
    assert np.corrcoef(points.T)[np.triu_indices(3, 1)] == pytest.approx(0.9, abs=0.02)


def test_more_draws_begin_with_the_same_ones(path):
    posterior = read_posterior(path)
    assert np.array_equal(posterior.draws(3, 1), posterior.draws(8, 1)[:3])
    assert not np.array_equal(posterior.draws(3, 1), posterior.draws(3, 2))


def test_draws_stay_inside_the_bounds(tmp_path):
    wide = write_fitted_set(tmp_path / "wide.toml", "alpine-meadow", {"heterotrophic_q10": 2.0})
    drawn = read_posterior(wide).draws(200, 1)[:, 0]
    low, high = REGISTRY["heterotrophic_q10"].bounds
    assert low < drawn.min() < drawn.max() < high


def test_slopes_are_those_of_the_values(path):
    posterior = read_posterior(path)
    step = 1e-6
    low, high = (posterior.values(posterior.mean + sign * step) for sign in (-1, 1))
    assert posterior.slopes() == pytest.approx((high - low) / (2 * step))


def test_priors_are_those_of_the_registry():
    parameters = load_parameters("alpine-steppe")
    gaussian = prior(parameters, ("kdc_scale", "respiration_rate_log"))
    drawn = gaussian.draws(4000, 1)
    sd = REGISTRY["kdc_scale"].prior_sd
    low = np.log(np.array(REGISTRY["kdc_scale"].bounds))
    assert (gaussian.lower[0], gaussian.upper[0]) == pytest.approx(tuple(low))
    assert np.median(drawn[:, 0]) == pytest.approx(float(parameters.kdc_scale), rel=0.05)
    assert np.sqrt(gaussian.covariance[0, 0]) == sd
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.05


def test_a_set_without_posterior_has_its_intervals(pytestconfig, tmp_path):
    bundled = pytestconfig.rootpath / "calibration/fitted/damxung-steppe-fitted.toml"
    document = tomllib.loads(bundled.read_text(encoding="utf-8"))
    del document["posterior"]
    path = tmp_path / "old.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    assert read_posterior(path) is None and posterior_arrays(path) is None
    gaussian = read_intervals(path)
    column = gaussian.names.index("kdc_scale")
    low, high = tomllib.loads(path.read_text())["provenance"]["interval_90"]["kdc_scale"]
    sd = np.sqrt(gaussian.covariance[column, column])
    ends = np.exp(gaussian.mean[column] + np.array([-1, 1]) * 1.6449 * sd)
    assert ends == pytest.approx([low, high], rel=1e-4)


WRONG = {
    "names": ([], "holds no names"),
    "transform": (["log", "root", "log"], "is not 'log' or 'identity'"),
    "mean": ([0.0, 1.0], r"is not an array \(3,\)"),
    "lower": (["a", 1, 1], "holds no numbers"),
    "upper": ([-9.0, 1.0, 1.0], "is not below posterior.upper"),
    "covariance": ([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]], "is no covariance"),
}


@pytest.mark.parametrize("key", WRONG)
def test_a_posterior_that_is_none_is_a_finding(path: Path, key):
    value, message = WRONG[key]
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    document["posterior"][key] = value
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_posterior(path)

"""Elasticities against finite differences."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from temjax.calibration import Objective, stock_target
from temjax.calibration.sensitivity import (
    Sensitivity,
    expand_outputs,
    mean_over_points,
    output_derivatives,
    output_scales,
    sensitivities,
    unit_of,
)
from temjax.calibration.sensitivity_cli import climate_table, ranking_table, write_sensitivity
from tests.support.command import printed
from tests.support.short_site import OPTIONS, short_site

NAMES = ("cmax_scale", "respiration_rate_log", "kdc_scale", "surface_shortwave_coefficient")
OUTPUTS = ("nep", "gpp", "soc", "alt")
STEP = 1e-4


@pytest.fixture(scope="module")
def objective():
    unused = stock_target("soil_organic_carbon", 1.0, 1.0)
    return Objective.of(short_site(), NAMES, (), extra_targets=(unused,), options=OPTIONS)


def test_outputs_open_into_seasons():
    labels = [label for label, _, _ in expand_outputs(("gpp", "soc"))]
    assert labels == ["gpp", "gpp DJF", "gpp MAM", "gpp JJA", "gpp SON", "soc"]
    assert unit_of("gpp JJA") == "g C m-2 season-1" and unit_of("alt") == "m"
    with pytest.raises(ValueError, match="unknown output 'lai'"):
        expand_outputs(("lai",))


def test_nep_is_scaled_by_annual_gpp_and_nothing_by_next_to_nothing():
    rows = expand_outputs(("nep", "gpp", "alt"))
    values = dict.fromkeys((label for label, _, _ in rows), 2.0)
    values |= {"nep": 3.0, "nep DJF": -1e-9, "gpp": 500.0, "gpp DJF": 0.4, "gpp JJA": 480.0}
    values |= {"gpp MAM": 6.0, "alt": 0.0}
    sizes = output_scales(rows, np.array(list(values.values()))[:, None])[:, 0]
    scale = dict(zip(values, sizes, strict=True))
    assert all(size == 500.0 for label, size in scale.items() if label.startswith("nep"))
    assert (scale["gpp"], scale["gpp JJA"], scale["gpp MAM"]) == (500.0, 480.0, 6.0)
    assert np.isnan([scale["gpp DJF"], scale["gpp SON"], scale["alt"]]).all()
    bare = output_scales(rows, np.zeros((len(rows), 1)))
    assert np.isnan(bare).all()


def test_points_without_a_scale_do_not_count():
    effect = np.array([[[1.0, np.nan, 3.0], [np.nan] * 3]])
    np.testing.assert_array_equal(mean_over_points(effect), [[2.0, np.nan]])


def undefined() -> Sensitivity:
    """Sensitivities with an output that is next to nothing."""
    return Sensitivity(
        site="here", outputs=("gpp", "alt"), units=("g", "m"), names=("cmax_scale",),
        values=np.array([500.0, 0.0]), scale=np.array([500.0, np.nan]),
        elasticity=np.array([[0.5], [np.nan]]), per_prior_sd=np.array([[0.2], [np.nan]]),
        mean_effect=np.array([[0.3], [np.nan]]), climate=np.array([[1e-15, 2.0, -3.0], [0.0] * 3]),
        per_sd=(), points=1, model_years=1,
    )  # fmt: skip


def test_no_number_above_sense_is_shown(tmp_path):
    found = undefined()
    told = printed(ranking_table(found, "alt"))
    assert told.split("cmax_scale")[1].split()[:3] == ["–", "–", "–"] and "next to nothing" in told
    assert "next to nothing" not in printed(ranking_table(found, "gpp"))
    (row,) = (line for line in printed(climate_table(found)).splitlines() if "gpp" in line)
    assert row.split()[-3:] == ["0", "+2", "-3"]
    table, record, _ = write_sensitivity(found, tmp_path, command="temjax sensitivity here")
    assert table.read_text(encoding="utf-8").splitlines()[2] == "alt,cmax_scale,CMAX,,,"
    assert json.loads(record.read_text(encoding="utf-8"))["outputs"]["alt"]["scale"] is None


@pytest.mark.slow
def test_elasticities_are_those_of_central_differences(objective, tmp_path):
    size = len(NAMES)
    points = np.zeros((size, 1 + 2 * size))
    prior = np.asarray(objective.free.centre)[:, None] + np.zeros_like(points)
    for i in range(size):
        for sign, column in ((1, 1 + 2 * i), (-1, 2 + 2 * i)):
            prior[i, column] += sign * STEP * objective.free.prior_sd[i]
    draws = np.asarray(objective.free.from_prior_space(jnp.asarray(prior)))
    found = sensitivities(objective, OUTPUTS, draws=draws)
    outputs = np.asarray(
        output_derivatives(objective, expand_outputs(OUTPUTS), jnp.asarray(draws)).outputs
    )
    for i in range(size):
        change = (outputs[:, 1 + 2 * i] - outputs[:, 2 + 2 * i]) / (2 * STEP)
        np.testing.assert_allclose(
            found.per_prior_sd[:, i], change / found.scale, rtol=2e-3, atol=2e-5
        )
    alone = sensitivities(objective, ("nep",), draws=draws[:, :1])
    rows = [found.outputs.index(label) for label in alone.outputs]
    np.testing.assert_allclose(alone.elasticity, found.elasticity[rows], rtol=1e-6, atol=1e-12)
    # GPP is proportional to CMAX at fixed nitrogen and light, so its elasticity is of order one.
    row = found.outputs.index("gpp")
    assert 0.1 < found.elasticity[row, 0] < 1.5
    assert found.per_sd == ("respiration_rate_log", "surface_shortwave_coefficient")
    # Soil heat reads no carbon; the surface reaches carbon through soil temperature.
    np.testing.assert_array_equal(found.per_prior_sd[found.outputs.index("alt"), :3], 0.0)
    assert abs(found.per_prior_sd[found.outputs.index("soc"), 3]) > 1e-4
    paths = write_sensitivity(found, tmp_path, command="temjax sensitivity short")
    assert all(path.stat().st_size > 0 for path in paths)
    text = paths[0].read_text(encoding="utf-8").splitlines()
    assert len(text) == 1 + len(found.outputs) * size

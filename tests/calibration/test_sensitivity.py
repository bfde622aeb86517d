"""Elasticities against finite differences."""

import jax.numpy as jnp
import numpy as np
import pytest

from temjax.calibration import Objective, stock_target
from temjax.calibration.sensitivity import (
    expand_outputs,
    output_derivatives,
    sensitivities,
    unit_of,
)
from temjax.calibration.sensitivity_cli import write_sensitivity
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
    assert labels == ["gpp", "gpp winter", "gpp spring", "gpp summer", "gpp autumn", "soc"]
    assert unit_of("gpp summer") == "g C m-2 season-1" and unit_of("alt") == "m"
    with pytest.raises(ValueError, match="unknown output 'lai'"):
        expand_outputs(("lai",))


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

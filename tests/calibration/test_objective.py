"""What a fit minimises: targets, their errors and bad input."""

import dataclasses

import numpy as np
import pytest

import sites
from calibration import ErrorModel, Objective


@pytest.fixture(scope="module")
def meadow():
    return sites.load("haibei-meadow")


def test_a_target_that_was_not_observed(meadow):
    monthly = dict(meadow.observations.monthly)
    del monthly["net_ecosystem_production"]
    site = dataclasses.replace(
        meadow, observations=dataclasses.replace(meadow.observations, monthly=monthly)
    )
    with pytest.raises(ValueError, match=r"no observations of 'nep'; it has gross_primary"):
        Objective.of(site, ("cmax",), ("nep",))


def test_fewer_than_twelve_months(meadow):
    series = meadow.observations.monthly["gross_primary_production"]
    short = dataclasses.replace(series, suspect=np.arange(12)[None] < 3)
    monthly = {**meadow.observations.monthly, "gross_primary_production": short}
    site = dataclasses.replace(
        meadow, observations=dataclasses.replace(meadow.observations, monthly=monthly)
    )
    with pytest.raises(ValueError, match="9 usable months"):
        Objective.of(site, ("cmax",), ("gpp",))


def test_the_error_floor_adds_in_quadrature(meadow):
    objective = Objective.of(
        meadow, ("cmax",), ("gpp", "soc"), errors=ErrorModel(flux=5.0, temperature=1.0)
    )
    by_name = {target.variable: target for target in objective.targets}
    measured = meadow.observations.monthly["gross_primary_production"].sd
    np.testing.assert_allclose(
        by_name["gross_primary_production"].sd, np.sqrt(measured**2 + 25.0), rtol=1e-12
    )
    assert float(by_name["soil_organic_carbon"].sd) == 5000.0

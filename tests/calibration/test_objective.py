"""What a fit minimises: targets, their errors and bad input."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from temjax import sites
from temjax.calibration import ErrorModel, Objective
from tests.support.short_site import NAMES, OPTIONS, TARGETS, short_objective, short_site


@pytest.fixture(scope="module")
def meadow():
    return sites.load("haibei-meadow")


def test_a_target_that_was_not_observed(meadow):
    monthly = dict(meadow.observations.monthly)
    del monthly["net_ecosystem_production"]
    site = dataclasses.replace(
        meadow, observations=dataclasses.replace(meadow.observations, monthly=monthly)
    )
    with pytest.raises(ValueError, match=r"no observations of 'nep': .*; it has gross_primary"):
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


def test_floor_and_share_add_in_quadrature(meadow):
    errors = ErrorModel(flux=5.0, temperature=1.0, partitioning=0.2)
    objective = Objective.of(meadow, ("cmax",), ("gpp", "soc"), errors=errors)
    by_name = {target.variable: target for target in objective.targets}
    series = meadow.observations.monthly["gross_primary_production"]
    expected = np.sqrt(series.sd**2 + 25.0 + (0.2 * series.values) ** 2)
    np.testing.assert_allclose(by_name["gross_primary_production"].sd, expected, rtol=1e-12)
    assert float(by_name["soil_organic_carbon"].sd) == 5000.0


def test_rows_begin_where_the_disequilibrium_acts():
    later = Objective.of(short_site(), NAMES, TARGETS, options=OPTIONS)
    sooner = short_objective()
    without = Objective.of(short_site(), NAMES[:3], TARGETS, options=OPTIONS)
    assert (later.first_row, sooner.first_row, without.first_row) == (1, 0, 0)
    for target, same in zip(later.targets, sooner.targets, strict=True):
        if target.kind == "monthly":
            assert [row + later.first_row for row in target.rows] == list(same.rows)


@pytest.mark.slow
def test_the_disequilibrium_acts_when_the_observations_begin():
    objective = Objective.of(short_site(), NAMES, TARGETS, options=OPTIONS)
    free = np.zeros((len(NAMES), 2))
    free[NAMES.index("disequilibrium_factor"), 1] = 1.0
    run, before, converged = objective.simulate(jnp.asarray(free))
    assert converged.all() and run.years[0] == objective.forcing.years[1]
    factor = float(objective.free.values(jnp.asarray(free))[-1, 1])
    # the month after: nearly the factor, less what decomposition took
    first = run.monthly.soil_organic_carbon[0, 0]
    assert first[1] / first[0] == pytest.approx(factor, rel=2e-3)
    np.testing.assert_allclose(before.soil_organic_carbon, before.soil_organic_carbon[0])
    whole, *_ = short_objective().simulate(jnp.asarray(free))
    np.testing.assert_allclose(run.monthly.fluxes[..., 0], whole.monthly.fluxes[:, 1:, :, 0])


def test_soil_temperature_is_fitted_at_the_depth_of_its_sensor():
    site = short_site()
    series = site.observations.monthly["soil_temperature"]

    def objective(depth: float) -> Objective:
        monthly = {"soil_temperature": dataclasses.replace(series, depth=depth)}
        observed = dataclasses.replace(site.observations, monthly=monthly)
        site_at = dataclasses.replace(site, observations=observed)
        return Objective.of(site_at, ("cmax_scale",), ("soil_temperature",), options=OPTIONS)

    centre = jnp.zeros((1, 1))
    shallow, deep, between = (
        np.asarray(objective(depth).outputs(centre)[0]["soil_temperature"])
        for depth in (0.05, 0.1, 0.075)
    )
    assert np.abs(shallow - deep).max() > 0.1
    np.testing.assert_allclose(between, (shallow + deep) / 2)

"""Hold-out years, weights, annual sums and the climatology beside a fit."""

import dataclasses
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from temjax.calibration import ErrorModel, Objective, stock_target
from temjax.calibration.scores import Score, merged_scores, score_site
from temjax.calibration.scores import _annual as annual_sums
from temjax.calibration.tables import skill_table
from temjax.sites.observations import MonthlySeries, Skill, leave_one_year_out_climatology
from temjax.sites.winter import zero_curtain
from tests.support.command import printed
from tests.support.short_site import short_site

YEARS = 3


@pytest.fixture(scope="module")
def monthly_site():
    """Three years of invented NEP, in which each year is shifted from the last."""
    site = short_site()
    season = np.linspace(-10.0, 10.0, 12)
    values = season[None] + np.arange(YEARS)[:, None]
    series = MonthlySeries(
        variable="net_ecosystem_production",
        unit="g C m-2 month-1",
        period=(2002, 2004),
        values=values,
        sd=np.full(values.shape, 3.0),
        suspect=np.zeros(values.shape, bool),
        source="invented",
    )
    observations = dataclasses.replace(
        site.observations, monthly={"net_ecosystem_production": series}
    )
    return dataclasses.replace(site, observations=observations)


def test_a_held_out_year_is_not_fitted(monthly_site):
    objective = Objective.of(monthly_site, ("cmax",), ("nep",), holdout=(2003,))
    (target,) = objective.targets
    np.testing.assert_array_equal(np.asarray(target.used).sum(axis=1), [12, 0, 12])
    np.testing.assert_array_equal(np.asarray(target.held_out).sum(axis=1), [0, 12, 0])
    off = jnp.asarray(target.values)[..., None] + 100.0
    simulated = jnp.concatenate([jnp.zeros((1, 12, 1)), off])  # 2001 is not observed
    residuals = np.asarray(target.residuals(simulated)).reshape(3, 12)
    assert np.all(residuals[1] == 0) and np.all(residuals[[0, 2]] > 0)


def test_a_hold_out_year_must_have_been_observed(monthly_site):
    with pytest.raises(ValueError, match=r"hold-out year 1999 was not observed \(2002–2004\)"):
        Objective.of(monthly_site, ("cmax",), ("nep",), holdout=(1999,))


def test_one_mean_year_cannot_be_split():
    with pytest.raises(ValueError, match="one mean year"):
        Objective.of(short_site(), ("cmax",), ("gpp",), holdout=(2004,))


def test_a_weight_multiplies_the_share_of_the_loss(monthly_site):
    simulated = jnp.zeros((4, 12, 1))
    shares = []
    for weights in ({}, {"nep": 4.0}):
        objective = Objective.of(
            monthly_site, ("cmax",), ("nep",), errors=ErrorModel(weights=weights)
        )
        residuals = np.asarray(objective.targets[0].residuals(simulated))[:, 0]
        shares.append(objective.misfit(residuals)["net_ecosystem_production"])
    assert shares[1] == pytest.approx(4 * shares[0])


def test_annual_sums_are_a_target_of_their_own(monthly_site):
    objective = Objective.of(monthly_site, ("cmax",), ("nep",), errors=ErrorModel(annual_flux=20.0))
    monthly, annual = objective.targets
    np.testing.assert_allclose(annual.values, np.asarray(monthly.values).sum(axis=1))
    residuals = annual.residuals(jnp.zeros((4, 12, 2)))
    np.testing.assert_allclose(residuals, -np.asarray(annual.values)[:, None] / 20.0 * np.ones(2))
    assert annual.label == "annual net_ecosystem_production"


def test_partial_years_have_no_annual_sum(monthly_site):
    """A record from June 2002 to March 2004: its months count, 2003 alone is a whole year."""
    series = monthly_site.observations.monthly["net_ecosystem_production"]
    values = series.values.copy()
    values[0, :5] = values[2, 3:] = np.nan
    partial = dataclasses.replace(series, values=values)
    observations = dataclasses.replace(
        monthly_site.observations, monthly={"net_ecosystem_production": partial}
    )
    site = dataclasses.replace(monthly_site, observations=observations)
    objective = Objective.of(site, ("cmax",), ("nep",), errors=ErrorModel(annual_flux=20.0))
    monthly, annual = objective.targets
    assert np.asarray(monthly.used).sum(axis=1).tolist() == [7, 12, 3]
    assert np.asarray(annual.used).tolist() == [0, 1, 0]
    residuals = np.asarray(annual.residuals(jnp.zeros((4, 12, 1))))[:, 0]
    assert residuals[0] == residuals[2] == 0
    assert residuals[1] == pytest.approx(-values[1].sum() / 20)
    rows = annual_sums(partial, values, np.zeros_like(values), np.isfinite(values))
    assert rows == ((2003, pytest.approx(values[1].sum()), 0.0),)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": {"soc": 1.0}}, "which is no target of this fit"),
        ({"weights": {"nep": 0.0}}, "must be a positive number"),
        ({"flux": -1.0}, "flux = -1.0; it must be a positive number"),
    ],
)
def test_errors_and_weights_that_cannot_work(monthly_site, arguments, message):
    with pytest.raises(ValueError, match=message):
        Objective.of(monthly_site, ("cmax",), ("nep",), errors=ErrorModel(**arguments))


def test_a_stock_of_ones_own(monthly_site):
    thaw = stock_target("maximum_thaw_depth", 2.0, 0.5)
    objective = Objective.of(monthly_site, ("cmax",), ("nep",), extra_targets=(thaw,))
    assert objective.targets[-1].label == "maximum_thaw_depth"
    np.testing.assert_allclose(thaw.residuals(jnp.asarray([3.0, 1.5])), [[2.0, -1.0]])
    with pytest.raises(ValueError, match="is no stock"):
        stock_target("gross_primary_production", 1.0, 1.0)


def test_the_climatology_leaves_the_scored_year_out():
    values = np.arange(3.0)[:, None] * np.ones(12)
    given = np.ones(values.shape, bool)
    given[2] = False  # held out: it informs nobody
    found = leave_one_year_out_climatology(values, given)
    np.testing.assert_allclose(found[:, 0], [1.0, 0.0, 0.5])


def test_winters_are_scored_beside_the_months(monthly_site):
    """The run is the observations a degree warmer, its prior two; three years make two autumns."""
    warmth = -12 * np.cos(2 * np.pi * (np.arange(12) - 0.5) / 12) - np.arange(YEARS)[:, None]
    series = dataclasses.replace(
        monthly_site.observations.monthly["net_ecosystem_production"],
        variable="soil_temperature", unit="degC", values=warmth, depth=0.05,
    )  # fmt: skip
    objective = Objective.of(monthly_site, ("cmax",), ("nep",))
    runs = [winter_run(series, offset) for offset in (1.0, 2.0)]
    only = dataclasses.replace(monthly_site.observations, monthly={"soil_temperature": series})
    site = dataclasses.replace(monthly_site, observations=only)
    scores = {score.months: score for score in score_site(site, objective, *runs)}
    snow, curtain = scores["under snow"], scores["autumns"]
    assert snow.model.count == 4 * YEARS
    assert (snow.model.bias, snow.prior.bias) == (pytest.approx(1.0), pytest.approx(2.0))
    assert curtain.variable == "zero_curtain" and curtain.unit == "d"
    expected = zero_curtain(series.values)
    assert [row[1] for row in curtain.annual] == pytest.approx(expected[:-1].tolist())
    assert curtain.model.count == YEARS - 1
    shifted = zero_curtain(series.values + 1.0)[:-1] - expected[:-1]
    assert curtain.model.bias == pytest.approx(shifted.mean())


def winter_run(series: MonthlySeries, offset: float) -> SimpleNamespace:
    """A run with a soil temperature that is off, and snow from December to March."""
    snow = np.tile(np.where((np.arange(12) < 3) | (np.arange(12) > 10), 30.0, 0.0), (YEARS, 1))
    monthly = SimpleNamespace(soil_temperature=(series.values + offset)[..., None], snowpack=snow)
    soil = SimpleNamespace(depths=(series.depth,))
    return SimpleNamespace(years=series.years, monthly=monthly, soil=soil)


def score_of(months: str, count: int) -> Score:
    values = Skill(count, 0.5, 0.5, 1.0, 0.0, 1.0, 1.0)
    return Score("net_ecosystem_production", "g", months, values, None, None, None, ())


@pytest.mark.parametrize(
    ("counts", "labels"),
    [
        ({"fitted": 24, "usable": 24, "all": 35}, ["fitted, usable", "all"]),
        (
            {"fitted": 24, "held out": 12, "usable": 36, "all": 36},
            ["fitted", "held out", "usable, all"],
        ),
        ({"not fitted": 12, "usable": 12, "all": 12}, ["not fitted, usable, all"]),
    ],
)
def test_scores_of_the_same_months_are_told_once(counts, labels):
    merged = [score.months for score in merged_scores([score_of(*one) for one in counts.items()])]
    assert merged == labels


def test_the_table_of_skill_has_every_group_and_the_years():
    score = dataclasses.replace(score_of("fitted", 24), annual=((2003, 127.4, 24.2),))
    table = skill_table(short_site(), [score, score_of("usable", 24), score_of("all", 35)])
    text = printed(table)
    assert "fitted, usable" in text and "2003: 127 → 24" in text
    assert "all" in text and "35" in text

"""NEP, GPP and RECO as two independent series."""

import dataclasses

import numpy as np
import pytest

from temjax.calibration import ErrorModel, Objective
from temjax.calibration.gross_flux import GROSS_FLUX, NET, PARTITIONED, counted_as, months_of
from temjax.calibration.multistart import FitResult
from temjax.calibration.uncertainty import laplace, linear_bands
from temjax.sites.observations import MonthlySeries
from tests.support.short_site import short_site

YEARS = 2
SEASON = 60.0 * np.sin(np.linspace(0, np.pi, 12)) + np.arange(YEARS)[:, None]
VALUES = {NET: SEASON - 20.0, PARTITIONED[0]: 2 * SEASON, PARTITIONED[1]: SEASON + 20.0}


def series(variable: str, *, missing=()) -> MonthlySeries:
    values = VALUES[variable].copy()
    for place in missing:
        values[place] = np.nan
    return MonthlySeries(
        variable, "g C m-2 month-1", (2003, 2004), values,
        np.full(values.shape, 3.0), np.zeros(values.shape, bool), "invented",
    )  # fmt: skip


def site_with(*monthly: MonthlySeries):
    site = short_site()
    observed = dataclasses.replace(site.observations, monthly={s.variable: s for s in monthly})
    return dataclasses.replace(site, observations=observed)


def objective_of(*monthly: MonthlySeries, targets=("nep", "gpp", "reco"), **arguments) -> Objective:
    return Objective.of(site_with(*monthly), ("cmax", "kdc"), targets, **arguments)


@pytest.fixture(scope="module")
def whole() -> Objective:
    return objective_of(*map(series, VALUES))


def test_three_series_of_partitioned_data_count_as_two(whole):
    net, gross = whole.targets
    assert (net.variable, gross.variable) == (NET, GROSS_FLUX)
    np.testing.assert_allclose(gross.values, (VALUES[PARTITIONED[0]] + VALUES[PARTITIONED[1]]) / 2)
    # errors that move together: the mean of the two, each 3 measured, 5 of the model, 5 % of it
    own = [np.sqrt(9 + 25 + (0.05 * VALUES[name]) ** 2) for name in PARTITIONED]
    np.testing.assert_allclose(gross.sd, sum(own) / 2, rtol=1e-12)
    np.testing.assert_allclose(net.sd, np.sqrt(34.0), rtol=1e-12)
    assert "(GPP + RECO)/2, 24 months, count as two" in counted_as(whole.targets)
    rows = [dict(row) for row in whole.data]
    assert [(row["target"], row["used"]) for row in rows] == [(NET, 24), (GROSS_FLUX, 24)]
    assert rows[1]["source"] == "invented; invented"


def test_a_month_counts_what_it_has():
    """Without NEP the gross flux alone, without GPP RECO alone."""
    monthly = (series(NET, missing=[(0, 0)]), series(PARTITIONED[0], missing=[(1, 6)]),
               series(PARTITIONED[1]))  # fmt: skip
    objective = objective_of(*monthly)
    used = {target.variable: np.asarray(target.used) for target in objective.targets}
    together = np.ones((YEARS, 12))
    together[1, 6] = 0
    np.testing.assert_array_equal(used[GROSS_FLUX], together)
    assert PARTITIONED[0] not in used
    assert [tuple(place) for place in np.argwhere(used[PARTITIONED[1]])] == [(1, 6)]
    assert used[NET].sum() == 23
    fitted, _ = months_of(objective.targets, PARTITIONED[0])
    np.testing.assert_array_equal(fitted, np.isfinite(monthly[1].values))
    assert counted_as(objective.targets).endswith(
        "as their difference is NEP; ecosystem respiration by itself in 1 months"
    )


@pytest.mark.parametrize("targets", [("nep", "gpp"), ("gpp", "reco"), ("reco",)])
def test_without_all_three_each_counts_alone(targets):
    objective = objective_of(*map(series, VALUES), targets=targets)
    assert len(objective.targets) == len(targets) and not counted_as(objective.targets)
    assert GROSS_FLUX not in {target.variable for target in objective.targets}


def test_held_out_years_are_held_out_of_the_gross_flux():
    objective = objective_of(*map(series, VALUES), holdout=(2004,))
    _, gross = objective.targets
    np.testing.assert_array_equal(np.asarray(gross.used).sum(axis=1), [12, 0])
    np.testing.assert_array_equal(np.asarray(gross.held_out).sum(axis=1), [0, 12])


def test_the_gross_flux_has_a_weight_of_its_own():
    (_, gross) = objective_of(
        *map(series, VALUES), errors=ErrorModel(weights={"gross": 2.0})
    ).targets
    assert gross.weight == 2.0
    with pytest.raises(ValueError, match="GPP and RECO count as gross_flux, give it the weight"):
        objective_of(*map(series, VALUES), errors=ErrorModel(weights={"gpp": 2.0}))


def test_a_share_of_the_flux_that_cannot_be():
    with pytest.raises(ValueError, match=r"partitioning = -0\.1; it must be 0 or a positive share"):
        ErrorModel(partitioning=-0.1)


def result_of(objective: Objective, jacobian: np.ndarray, residuals: np.ndarray) -> FitResult:
    """Made-up fit of one start at the prior's centre."""
    size = len(objective.free.names)
    return FitResult(
        objective, "lm", 0, objective.free.names, np.zeros((1, 1)), np.zeros((1, size, 1)),
        np.zeros((1, size, 1)), np.zeros((size, 1)), np.zeros(1), residuals[:, None],
        jacobian[:, :, None], ("",), {}, np.zeros(1),
    )  # fmt: skip


def test_gpp_and_reco_have_bands_from_the_gross_flux_and_nep(whole):
    """GPP = G + NEP/2: by hand, from what one parameter does to each."""
    net, gross = whole.targets
    slopes = {NET: 4.0, GROSS_FLUX: 10.0}  # g C m⁻² per prior sd of CMAX
    jacobian = np.zeros((50, 2))
    for rows, target in zip((slice(0, 24), slice(24, 48)), whole.targets, strict=True):
        jacobian[rows, 0] = slopes[target.variable] / np.ravel(target.sd)
    result = result_of(whole, jacobian, np.zeros(50))
    posterior = laplace(result)
    bands = linear_bands(result, posterior)
    sd = posterior.sd[0]
    for name, slope in zip(PARTITIONED, (12.0, 8.0), strict=True):
        band = bands[f"{name}@{whole.name}"]
        np.testing.assert_allclose(band.centre, VALUES[name], atol=1e-9)
        np.testing.assert_allclose(band.parameter_sd, slope * sd, rtol=1e-9)
        expected = np.sqrt((slope * sd) ** 2 + gross.sd**2 + net.sd**2 / 4)
        np.testing.assert_allclose(band.total_sd, expected, rtol=1e-9)

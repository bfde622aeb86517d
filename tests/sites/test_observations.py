"""Skill figures and the pairing of observed and simulated months."""

import numpy as np
import pytest

from temjax.files.findings import DataError
from temjax.sites.observations import MonthlySeries, paired, skill


def series(values, period, suspect=None) -> MonthlySeries:
    values = np.asarray(values, dtype=float)
    return MonthlySeries(
        variable="net_ecosystem_production",
        unit="g C m-2 month-1",
        period=period,
        values=values,
        sd=np.ones_like(values),
        suspect=np.zeros(values.shape, dtype=bool) if suspect is None else suspect,
        source="test",
    )


def test_skill_of_known_pairs():
    observed = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    simulated = np.array([2.0, 3.0, 4.0, 5.0, 100.0])
    figures = skill(observed, simulated)
    assert figures.count == 4
    assert figures.squared_correlation == pytest.approx(1.0)
    assert figures.rmse == pytest.approx(1.0)
    assert figures.bias == pytest.approx(1.0)
    # squared errors 4, squares about the mean 5
    assert figures.nash_sutcliffe == pytest.approx(1 - 4 / 5)
    # r of (1 2 3 4) and (2 1 4 3) is 0.6
    assert skill(observed[:4], np.array([2.0, 1, 4, 3])).squared_correlation == pytest.approx(0.36)


def test_skill_without_spread_is_not_defined():
    assert np.isnan(skill(np.ones(3), np.arange(3.0)).nash_sutcliffe)
    assert skill(np.array([np.nan, 1.0]), np.ones(2)).count == 1
    with pytest.raises(ValueError, match="differ"):
        skill(np.ones(3), np.ones(4))


def test_pairs_are_of_the_same_months():
    simulated = np.arange(48.0).reshape(4, 12)
    observed, rows = paired(
        series(np.ones((2, 12)), (2002, 2003)), simulated, np.arange(2000, 2004)
    )
    np.testing.assert_array_equal(rows, simulated[2:])
    assert observed.shape == rows.shape
    observed, rows = paired(
        series(np.ones((2, 12)), (2003, 2004)), simulated, np.arange(2000, 2004)
    )
    np.testing.assert_array_equal(rows, simulated[3:])


def test_a_climatology_is_paired_with_the_mean_of_its_years():
    simulated = np.arange(48.0).reshape(4, 12)
    climatology = series(np.ones((1, 12)), (2001, 2003))
    assert climatology.is_climatology
    observed, rows = paired(climatology, simulated, np.arange(2000, 2004))
    np.testing.assert_array_equal(rows, simulated[1:].mean(axis=0, keepdims=True))
    assert observed.shape == (1, 12)


def test_suspect_months_are_left_out():
    suspect = np.zeros((1, 12), dtype=bool)
    suspect[0, 3] = True
    given = series(np.ones((1, 12)), (2000, 2000), suspect)
    simulated = np.zeros((1, 12))
    assert np.isnan(paired(given, simulated, [2000])[0][0, 3])
    assert np.isfinite(paired(given, simulated, [2000], usable_only=False)[0]).all()


def test_years_that_do_not_overlap():
    with pytest.raises(DataError, match="do not overlap"):
        paired(series(np.ones((1, 12)), (2010, 2010)), np.zeros((2, 12)), [2000, 2001])

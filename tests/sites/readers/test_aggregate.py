"""Calendar-month means: exact against sums done by hand, coverage, gaps, leap years, speed."""

import numpy as np
import pytest

from temjax.sites.readers.aggregate import monthly_means, overlapping_rows
from temjax.sites.readers.record import days_of_months


def _rows(first: str, last: str, minutes: int) -> tuple[np.ndarray, np.ndarray]:
    begin = np.arange(np.datetime64(first, "m"), np.datetime64(last, "m"), minutes)
    return begin, begin + np.timedelta64(minutes, "m")


def _month_of(begin: np.ndarray) -> np.ndarray:
    return begin.astype("datetime64[M]").astype(int) % 12


@pytest.mark.parametrize("minutes", [30, 60, 1440])
def test_a_mean_is_that_of_the_rows_of_the_month(minutes):
    begin, end = _rows("2003-01-01", "2005-01-01", minutes)
    rng = np.random.default_rng(1)
    values = rng.normal(size=begin.size)
    result = monthly_means(begin, end, {"x": values}, 0.8)
    assert result.years.tolist() == [2003, 2004]
    stamps = begin.astype("datetime64[M]")
    expected = [values[stamps == month].mean() for month in np.unique(stamps)]
    np.testing.assert_allclose(result.means["x"].ravel(), expected, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(result.coverage["x"], 1.0)
    assert result.present.all()
    np.testing.assert_array_equal(result.first_row.ravel()[:2], [0, 31 * 1440 // minutes])


def test_sums_of_a_daily_series_are_exact_over_a_leap_february():
    begin, end = _rows("2004-02-01", "2004-03-01", 1440)
    day = np.arange(1.0, 30.0)
    result = monthly_means(begin, end, {"day": day}, 1.0)
    assert result.means["day"][0, 1] * days_of_months(result.years)[0, 1] == 29 * 30 / 2
    assert result.present.sum() == 1
    assert (result.first_row[~result.present] == -1).all()


def test_a_week_over_a_month_end_is_split_by_days():
    # 2003-01-27 .. 2003-02-03: five days of January, two of February
    begin = np.array(["2003-01-01", "2003-01-27", "2003-02-03"], dtype="datetime64[D]")
    end = np.array(["2003-01-27", "2003-02-03", "2003-03-01"], dtype="datetime64[D]")
    result = monthly_means(begin, end, {"x": np.array([1.0, 10.0, 4.0])}, 1.0)
    assert result.means["x"][0, 0] == (26 * 1 + 5 * 10) / 31
    assert result.means["x"][0, 1] == (2 * 10 + 26 * 4) / 28
    np.testing.assert_array_equal(result.first_row[0, :3], [0, 1, -1])


def test_a_row_longer_than_a_month_counts_in_each():
    begin, end = (
        np.array(["2002-11-15"], "datetime64[D]"),
        np.array(["2003-02-01"], "datetime64[D]"),
    )
    result = monthly_means(begin, end, {"x": np.array([3.0])}, 0.0)
    np.testing.assert_array_equal(result.years, [2002, 2003])
    assert result.present.sum() == 3
    assert result.coverage["x"][0, 10] == 16 / 30
    assert result.means["x"][1, 0] == 3.0
    assert not result.present[1, 1]  # the end is the first moment after the row


def test_months_below_the_least_coverage_are_missing_column_by_column():
    begin, end = _rows("2003-06-01", "2003-07-01", 1440)
    gaps = np.ones(30)
    gaps[:6] = np.nan  # 24 of 30 days: exactly 0.8
    more = gaps.copy()
    more[6] = np.inf  # not a value
    result = monthly_means(begin, end, {"six": gaps, "seven": more, "none": gaps * np.nan}, 0.8)
    assert result.coverage["six"][0, 5] == 0.8
    assert result.means["six"][0, 5] == 1.0
    assert result.coverage["seven"][0, 5] == 23 / 30
    assert np.isnan(result.means["seven"][0, 5])
    assert np.isnan(monthly_means(begin, end, {"x": gaps * np.nan}, 0.0).means["x"]).all()


def test_rows_that_are_absent_lower_the_coverage_too():
    begin, end = _rows("2003-06-01", "2003-07-01", 30)
    keep = begin < np.datetime64("2003-06-16")
    result = monthly_means(begin[keep], end[keep], {"x": np.ones(keep.sum())}, 0.6)
    assert result.coverage["x"][0, 5] == 0.5
    assert np.isnan(result.means["x"][0, 5])


def test_order_of_the_rows_does_not_matter():
    begin, end = _rows("2003-01-01", "2004-01-01", 1440)
    values = np.arange(365.0)
    order = np.random.default_rng(2).permutation(365)
    straight = monthly_means(begin, end, {"x": values}, 0.8)
    mixed = monthly_means(begin[order], end[order], {"x": values[order]}, 0.8)
    np.testing.assert_allclose(mixed.means["x"], straight.means["x"], rtol=1e-15)
    first = [np.flatnonzero(_month_of(begin[order]) == month)[0] for month in range(12)]
    np.testing.assert_array_equal(mixed.first_row[0], first)


def test_rows_that_share_time_are_named_and_never_counted_twice():
    begin, end = _rows("2003-01-01", "2003-01-05", 1440)
    begin, end = np.append(begin, begin[1]), np.append(end, end[1])
    np.testing.assert_array_equal(overlapping_rows(begin, end), [4])
    with pytest.raises(ValueError, match="twice"):
        monthly_means(begin, end, {"x": np.ones(5)}, 0.8)
    long_one = np.append(begin[:4], np.datetime64("2002-12-31")), np.append(end[:4], end[2])
    np.testing.assert_array_equal(overlapping_rows(*long_one), [0, 1, 2])


@pytest.mark.parametrize("end", ["2003-01-01", "2002-12-31", "NaT"])
def test_an_interval_that_does_not_end_after_its_begin_is_refused(end):
    begin = np.array(["2003-01-01"], "datetime64[m]")
    with pytest.raises(ValueError, match="end after its begin"):
        monthly_means(begin, np.array([end], "datetime64[m]"), {"x": np.ones(1)}, 0.8)

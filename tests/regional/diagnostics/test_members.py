"""Numbers over draws."""

import numpy as np
import pytest

from temjax.regional.diagnostics.members import interval


@pytest.mark.parametrize("count", [19, 39, 64])
def test_the_band_of_draws_holds_a_further_value_nine_times_in_ten(count):
    """The place of a further value among n draws is any of n + 1, each as likely."""
    band = interval(np.arange(1.0, count + 1))
    assert (band.high - band.low) / (count + 1) == pytest.approx(0.9)
    assert band.median == (count + 1) / 2


def test_ends_of_few_draws_are_the_smallest_and_the_largest():
    band = interval(np.array([3.0, np.nan, 1.0, 2.0]))
    assert (band.low, band.median, band.high) == (1.0, 2.0, 3.0)

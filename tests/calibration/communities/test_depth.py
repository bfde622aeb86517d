"""Soil carbon above a depth."""

import pytest

from temjax.calibration.communities.depth import Horizon, carbon_above, share_above

PROFILE = (Horizon(3000.0, 0.1), Horizon(8000.0, 0.2), Horizon(40000.0, 1.0, 0.5))


@pytest.mark.parametrize(
    ("depth", "carbon"),
    [
        (0.0, 0.0),
        (0.05, 1500.0),  # half of the first
        (0.2, 7000.0),  # and half of the second
        (0.55, 31000.0),  # and √0.25 of the third
        (1.3, 51000.0),
        (9.0, 51000.0),
    ],
)
def test_carbon_accumulates_as_the_horizons_say(depth, carbon):
    assert carbon_above(PROFILE, depth) == pytest.approx(carbon)
    assert share_above(PROFILE, depth) == pytest.approx(carbon / 51000.0)

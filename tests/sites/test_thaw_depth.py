"""``[thaw_depth]`` of a site file."""

import pytest
from pydantic import ValidationError

from temjax.sites.entry_tables import ThawDepth


def test_a_depth_in_cm_is_a_target_in_m():
    stock = ThawDepth(value=38, sd=12, unit="cm", source="probe").stock
    assert (stock.value, stock.sd) == pytest.approx((0.38, 0.12))


def test_a_depth_in_another_unit_is_told():
    with pytest.raises(ValidationError, match="38 m is deeper than any active layer"):
        ThawDepth(value=38, sd=12, unit="m", source="probe")

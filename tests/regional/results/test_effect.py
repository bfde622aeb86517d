"""Share of area whose active layer stands still to the end of the run."""

import numpy as np
import pytest

from temjax.options import ModelOptions
from temjax.regional.results.effect import STILL_ROW, early_year, standing_still, summarise
from tests.support.made_member import made_member, made_region


def test_hold_stands_still_where_no_later_winter_refreezes_the_ground():
    minimum = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.4, 0.5]])
    still = standing_still({"S_T/minimum_thaw_depth": minimum}, ModelOptions())
    assert still.tolist() == [[False, False, True], [True, False, True], [True, True, True]]


@pytest.mark.parametrize("rule", ["literal", "stefan"])
def test_other_rules_stand_still_where_permafrost_is_lost(rule):
    permafrost = np.array([[1.0, 0.0], [0.0, 0.0]])
    options = ModelOptions(active_layer_rule=rule)
    still = standing_still({"S_T/permafrost": permafrost}, options)
    assert still.tolist() == [[False, True], [True, True]]


def test_the_early_year_is_twenty_after_the_branch_or_the_last():
    assert early_year(2021, 2099) == 2040
    assert early_year(2021, 2030) == 2030


def test_the_summary_has_the_share_beside_the_exposed_carbon(tmp_path):
    experiment = made_region(tmp_path)
    result = made_member(experiment)
    minimum = result.products["S_T/minimum_thaw_depth"]
    minimum[:] = 0.5
    minimum[-1, 0] = 0.1  # one of the four cells in use
    rows = summarise(experiment, result)
    names = [row.name for row in rows]
    (position,) = [number for number, name in enumerate(names) if name.startswith(STILL_ROW)]
    assert names[position - 1] == "SOC_PF 1996-1999, total"
    assert rows[position].name == "area where 'hold' stands still by 1999"
    assert (rows[position].value, rows[position].unit) == (pytest.approx(75.0), "% of the area")

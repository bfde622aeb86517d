"""Data of parts besides the sites, in the report."""

import numpy as np

from temjax.calibration.part_figure import part_figure
from temjax.calibration.part_table import PartTable
from temjax.calibration.report import other_data


def table(count=70):
    rows = tuple(
        {
            "variable": "maximum_thaw_depth" if i % 2 else "soil_organic_carbon", "label": f"p{i}",
            "unit": "m", "observed": 1.0 + i, "sd": 0.1, "prior": 2.0 + i, "fitted": 1.1 + i,
            "counts": i > 3,
        }
        for i in range(count)
    )  # fmt: skip
    return PartTable("plateau", rows, ("thaw depths of plateau: 35 measured",), {})


def test_a_panel_for_each_variable():
    axes = part_figure(table()).axes
    assert [axis.get_title() for axis in axes] == ["soil organic carbon", "maximum thaw depth"]
    prior, shown = axes[1].lines[0], [line.get_label() for line in axes[1].lines]
    np.testing.assert_allclose(prior.get_ydata() - prior.get_xdata(), 1.0)
    assert "not fitted" in shown


def test_the_page_shows_the_first_rows_and_says_how_many_more():
    (section,) = other_data((table(),))
    assert len(section["rows"]) == 60 and section["more"] == 10
    assert section["columns"][:2] == ["variable", "label"] and section["figure"]

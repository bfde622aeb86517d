"""Maps of regions across the date line and of curvilinear grids with gaps."""

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from temjax.regional.figures.maps import draw_map
from temjax.regional.inputs.domain import load_domain
from temjax.regional.inputs.grids.gridded import Grid
from tests.support.small_region import small_experiment


def span(domain):
    axes = Figure().subplots()
    draw_map(axes, domain, np.arange(float(domain.size)), {})
    low, high = axes.get_xlim()
    return high - low


def test_a_region_across_the_date_line_is_drawn_whole(tmp_path):
    domain = load_domain(small_experiment(tmp_path))
    longitude = np.array([178.5, 179.5, -179.5, -178.5, -177.5])
    grid = Grid(("lat", "lon"), np.array([62.5, 63.5]), longitude)
    assert span(replace(domain, grid=grid)) == 5


def test_cells_without_coordinates_are_nothing_to_fall_over(tmp_path):
    domain = load_domain(small_experiment(tmp_path))
    longitude, latitude = np.meshgrid(np.arange(10.0, 15.0), [60.0, 61.0])
    latitude[1, 4] = longitude[1, 4] = np.nan
    assert span(replace(domain, grid=Grid(("y", "x"), latitude, longitude))) == 5

"""The present active layer of the synthetic plateau; slow.

Source: docs/specification/plateau.md B3.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from temjax.forcing import Forcing, Location, mean_year
from temjax.heat.climate import equilibrate_heat, soil_climate
from temjax.parameters.files import gather_parameters, load_parameters
from temjax.regional.inputs import synthetic

PRESENT = {  # mean ALT m, mean MAGT °C, both over area
    "all": (2.64, -1.28),
    "alpine-meadow": (2.19, -0.92),
    "alpine-steppe": (2.92, -1.37),
    "alpine-shrubland": (1.84, -0.58),
    "alpine-cushion": (2.79, -1.73),
    "alpine-desert": (2.96, -1.84),
}
TILE, BLOCK = 53, 31


@pytest.fixture(scope="module")
def present():
    """Mean literal thaw depth and MAGT of 2006-2015 per cell, without noise."""
    cells = synthetic.plateau(0.5, forest=False)
    names = sorted(set(cells.vegetation))
    sets = [load_parameters(name) for name in names]
    thaw, ground = np.empty(cells.row.size), np.empty(cells.row.size)
    for start in range(0, cells.row.size, TILE):
        index = np.arange(start, start + TILE)
        part = cells.select(index)
        climate = synthetic.climate(part, "A", "rcp85", with_noise=False)
        used = climate.years <= 2015
        forcing = Forcing(
            years=jnp.asarray(climate.years[used]),
            air_temperature=jnp.asarray(climate.air_temperature[used]),
            precipitation=jnp.asarray(climate.precipitation[used]),
            shortwave=jnp.asarray(climate.shortwave[used]),
            co2=jnp.full((used.sum(), 12), 300.0),
        )
        parameters = gather_parameters(sets, jnp.asarray(np.searchsorted(names, part.vegetation)))
        location = Location(
            latitude=jnp.asarray(part.latitude), elevation=jnp.asarray(part.elevation),
            silt_plus_clay=jnp.asarray((part.silt + part.clay) / 100),
        )  # fmt: skip
        heat, snowpack, _ = equilibrate_heat(parameters, location, mean_year(forcing, 0, 40))
        for first in range(0, forcing.number_of_years, BLOCK):
            soil = soil_climate(
                parameters, location, forcing, initial=heat, snowpack=snowpack,
                start=first, stop=first + BLOCK,
            )  # fmt: skip
            heat, snowpack = soil.final, soil.snowpack[-1, -1]
        thaw[index] = np.asarray(soil.maximum_thaw_depth[-10:]).mean(axis=0)
        ground[index] = np.asarray(soil.mean_annual_ground_temperature[-10:]).mean(axis=0)
    return cells, thaw, ground


@pytest.mark.slow
def test_present_active_layer_and_ground_temperature(present):
    cells, thaw, ground = present
    gaps = {}
    for name, (layer, temperature) in PRESENT.items():
        chosen = np.ones(thaw.size, bool) if name == "all" else cells.vegetation == name
        weight = cells.area[chosen]
        gaps[name] = (
            np.average(thaw[chosen], weights=weight) - layer,
            np.average(ground[chosen], weights=weight) - temperature,
        )
    print({name: (round(a, 3), round(b, 3)) for name, (a, b) in gaps.items()})
    assert all(abs(a) <= 0.08 and abs(b) <= 0.15 for a, b in gaps.values()), gaps

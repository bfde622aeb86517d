"""Steps in which Newton cycles: two of the meadow tower's 7 488, two of the Toolik grid's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import ModelOptions, load_parameters, sites
from temjax.heat import newton
from temjax.heat.step import heat_step
from temjax.processes import soil_heat
from temjax.processes.soil_heat import Surface
from temjax.soil_column import soil_column

SECONDS = jnp.asarray(5 * 86400.0)
# MJ m-3 from the surface down, in autumn: the top freezes over thawed ground
BEFORE = {
    1903: [118.3353, 119.3205, 120.3063, 66.9927, 68.0255, 69.056, 70.0624, 71.0185, 71.8943,
           72.6566, 73.2705, 73.7019, 73.9215, 112.9861, 111.8832, 110.0567, 108.1972, 107.0171,
           106.7491, 107.0226, 107.3678, 107.6541, 107.9621, 108.343, 108.8123],
    1984: [-0.2691, 95.8424, 118.3339, 65.5124, 66.6412, 67.824, 69.0388, 70.2567, 71.4427,
           72.5562, 73.5529, 74.3875, 75.0175, 115.0536, 114.6439, 113.1595, 111.2099, 109.6065,
           108.8582, 108.8054, 108.9419, 109.027, 109.1257, 109.3229, 109.6724],
}  # fmt: skip
# in early summer: a thawing top over a layer that is still freezing from below
TUNDRA = {
    2.604701679261: (0.538685286223867, [
        122.8331, 120.8533, 118.6857, 33.7032, 4.5109, -0.199, -0.3747, -0.557, -0.7461, -0.942,
        -1.1448, -1.3547, -1.5715, -3.2129, -4.9117, -6.7141, -8.3918, -9.6365, -10.182, -10.0127,
        -9.4697, -9.0249, -8.8343, -8.6784, -8.3908]),
    1.746721393749: (0.0, [
        121.4092, 120.1632, 118.7297, 34.1288, 33.7177, 6.162, -0.1949, -0.3723, -0.5568, -0.7485,
        -0.9476, -1.1541, -1.3682, -2.9151, -4.6486, -6.5621, -8.446, -9.9739, -10.7916, -10.7537,
        -10.1604, -9.5975, -9.3685, -9.3179, -9.1939]),
}  # fmt: skip
PARAMETERS = sites.load("haibei-meadow").parameters()
ABOVE = {1903: -2.3594485842026836, 1984: -3.8634426229508216}


def step(year, warmer=0.0):
    """Enthalpy after the meadow's step, and the largest imbalance of a layer, W m⁻²."""
    surface = Surface(jnp.asarray(ABOVE[year]) + warmer, jnp.asarray(0.1))
    return solve(soil_column(PARAMETERS, ()), 1e6 * jnp.asarray(BEFORE[year]), surface)


def solve(column, before, surface):
    after = heat_step(ModelOptions().heat_iterations, column, before, surface, SECONDS).enthalpy
    imbalance = soil_heat.step_imbalance(column, after, before, surface, SECONDS)
    return after / column.melt_enthalpy, jnp.max(jnp.abs(imbalance)) / SECONDS


@pytest.mark.parametrize("year", BEFORE)
def test_a_cycling_step_is_solved_and_has_its_derivative(year):
    _, imbalance = jax.jit(lambda: step(year))()
    assert float(imbalance) < 1e-6
    after = jax.jit(lambda warmer: step(year, warmer)[0])
    _, slope = jax.jvp(after, (jnp.asarray(0.0),), (jnp.asarray(1.0),))
    differences = (after(jnp.asarray(1e-5)) - after(jnp.asarray(-1e-5))) / 2e-5
    np.testing.assert_allclose(slope, differences, atol=1e-6 * float(jnp.max(jnp.abs(slope))))


@pytest.mark.parametrize("above", TUNDRA)
def test_a_long_exact_step_that_failed_is_not_repeated_for_ever(above):
    """Newton cycles if only the Jacobian of the next update decides, not that of the last."""
    resistance, before = TUNDRA[above]
    surface = Surface(jnp.asarray(above), jnp.asarray(resistance))
    column = soil_column(load_parameters("moist-tundra"), ())
    _, imbalance = jax.jit(lambda old: solve(column, old, surface))(1e6 * jnp.asarray(before))
    assert float(imbalance) < 1e-6


def test_without_a_restart_newton_cycles_for_ever(monkeypatch):
    monkeypatch.setattr(newton, "RESTART_AFTER", 1000)
    assert float(jax.jit(lambda: step(1984))()[1]) > 1.0

"""The GPU's kernel of a heat step beside the program of arrays it stands in for.

Interpreted on CPUs, so that its arithmetic is tested everywhere; run as it is where there is a GPU.
"""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import load_parameters
from temjax.heat import step as heat_step
from temjax.kernels.gpu.heat_step import BLOCK, StepProblem, solve_cells_apart
from temjax.native import accelerate
from temjax.processes.soil_heat import Surface, enthalpy
from temjax.soil_column import SoilColumn, soil_column, thermal_properties

SECONDS = 5 * 86400.0
ITERATIONS = 40
CELLS = BLOCK + 5  # the last block is not full


def _problem(dtype) -> tuple[SoilColumn, StepProblem, jax.Array]:
    """Columns from frozen through melting to thawed under surfaces from −30 to 30 °C."""
    parameters = jax.tree.map(lambda x: jnp.asarray(x, dtype), load_parameters("moist-tundra"))
    column = soil_column(parameters, (CELLS,))
    start = jnp.linspace(-12.0, 8.0, CELLS, dtype=dtype)
    profile = start * jnp.exp(-jnp.arange(25.0, dtype=dtype) / 8.0)[:, None]
    old = enthalpy(column, profile).at[:, 0].set(0.0)  # at 0 °C, without any enthalpy
    driver = Surface(
        temperature=jnp.linspace(30.0, -30.0, CELLS, dtype=dtype).at[1].set(0.0),
        resistance=jnp.full(CELLS, 0.1, dtype).at[2].set(0.0),
    )
    seconds = jnp.asarray(SECONDS, dtype)
    problem = StepProblem(thermal_properties(column), column.geothermal_flux, old, driver)
    return column, problem, seconds


@lru_cache
def _kernel(interpret: bool):
    return jax.jit(partial(solve_cells_apart, iterations=ITERATIONS, interpret=interpret))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-5)])
def test_kernel_solves_what_the_search_does(dtype, tolerance):
    column, problem, seconds = _problem(dtype)
    arrays = jax.jit(partial(heat_step.heat_steps.arrays, ITERATIONS))
    surfaces = jax.tree.map(lambda leaf: leaf[None], problem.surface)
    rows = arrays(column, problem.old, surfaces, seconds[None])
    expected = jax.tree.map(lambda leaf: leaf[0], rows)
    result, flux = _kernel(interpret=jax.default_backend() == "cpu")(problem, seconds)
    scale = jnp.max(jnp.abs(expected.enthalpy), axis=0)
    np.testing.assert_array_less(jnp.abs(result - expected.enthalpy) / scale, tolerance)
    np.testing.assert_allclose(flux, expected.surface_flux, rtol=tolerance, atol=50 * tolerance)


def test_a_cell_does_not_know_its_block():
    _, problem, seconds = _problem("float64")
    poisoned = problem._replace(old=problem.old.at[:, 3].set(jnp.nan))
    kernel = _kernel(interpret=jax.default_backend() == "cpu")
    whole, spoilt = kernel(problem, seconds)[0], kernel(poisoned, seconds)[0]
    others = np.arange(CELLS) != 3
    np.testing.assert_array_equal(whole[:, others], spoilt[:, others])
    assert np.isnan(spoilt[:, 3]).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_kernel_is_lowered_for_nvidia(dtype):
    _, problem, seconds = _problem(dtype)
    lowered = _kernel(interpret=False).trace(problem, seconds).lower(lowering_platforms=("cuda",))
    assert "triton" in lowered.as_text()


@pytest.mark.skipif(
    jax.__version_info__ < accelerate.PLATFORM_BRANCHES_SINCE,
    reason="this JAX is too old for the kernel",
)
def test_step_takes_the_kernel_on_nvidia_and_not_on_cpus(monkeypatch):
    column, problem, seconds = _problem("float64")
    monkeypatch.setattr(accelerate, "computes_on_cpus", lambda: False)
    jax.clear_caches()

    def step(old):
        return heat_step.heat_step(ITERATIONS, column, old, problem.surface, seconds)

    traced = jax.jit(step).trace(problem.old)
    assert "triton" in traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "triton" not in traced.lower(lowering_platforms=("cpu",)).as_text()
    slopes = jax.jit(jax.grad(lambda old: jnp.sum(step(old).surface_flux))).trace(problem.old)
    assert "triton" in slopes.lower(lowering_platforms=("cuda",)).as_text()
    jax.clear_caches()

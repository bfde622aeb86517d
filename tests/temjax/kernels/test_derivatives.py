"""Kernels of derivatives, of a year of heat and of a month, beside the arrays' derivatives."""

import dataclasses
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import ModelOptions, simulate
from temjax.command.benchmark.cases import gradient, synthetic_inputs
from temjax.ecosystem import imex as month_module
from temjax.heat import year as heat_year
from temjax.heat.step import heat_steps
from temjax.heat.year import YearDrivers, year_and_jacobian
from temjax.native.accelerate import load
from temjax.numerics import value_and_jacobian
from temjax.processes.soil_profile import depth_shares
from tests.support.heat_cases import random_year
from tests.support.kernels import cast, needs_kernels, without_kernels
from tests.support.random_cases import month_of, spun_up_cells

pytestmark = needs_kernels

OPTIONS = ModelOptions()


def weights(like, seed):
    """Random cotangents, of the size of the inverse of what they belong to."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda x: jnp.asarray(
            rng.standard_normal(x.shape).astype(x.dtype) / (1e-6 + np.max(np.abs(x))), x.dtype
        ),
        like,
    )


@partial(jax.jit, static_argnums=0)
def pulled(function, given, cotangents):
    return jax.vjp(function, given)[1](cotangents)[0]


def close(found, expected, tolerance):
    """Leaf by leaf, of a cell relative to the largest of the leaf."""
    pairs = zip(jax.tree_util.tree_leaves_with_path(found), jax.tree.leaves(expected), strict=True)
    for (path, one), other in pairs:
        if one.dtype == jax.dtypes.float0:
            continue
        scale = float(np.max(np.abs(other))) + 1e-30
        np.testing.assert_allclose(
            one, other, rtol=0, atol=tolerance * scale, err_msg=jax.tree_util.keystr(path)
        )


def reported(given):
    """What of a year has derivatives."""
    column, old, surfaces, seconds = given
    shallow = depth_shares(column, (0.05,))
    after, seen = heat_year.diagnose_year(OPTIONS, column, shallow, old, surfaces, seconds)
    of_steps = seen.shallow_temperature, seen.thaw_depth, seen.surface_flux
    return after, seen.mean, seen.mean_liquid_fraction, *of_steps


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 0.02)])
@pytest.mark.parametrize("cells", [5, 21])
def test_back_through_a_year_of_heat(cells, dtype, tolerance):
    *given, seconds = cast(random_year(cells, 12 * OPTIONS.heat_substeps), dtype)

    def year(given):
        return reported((*given, seconds))

    cotangents = weights(jax.jit(year)(tuple(given)), cells)

    def back():
        return pulled(year, tuple(given), cotangents)

    close(back(), without_kernels(back), tolerance)


def test_lengths_of_steps_have_their_derivative_too():
    """The kernel has none: the arrays' is taken."""
    *given, seconds = random_year(3, 12 * OPTIONS.heat_substeps)

    def deepest(seconds):
        return jnp.sum(reported((*given, seconds))[4])

    def back():
        return jax.jit(jax.grad(deepest))(seconds)

    found, expected = back(), without_kernels(back)
    assert np.max(np.abs(expected)) > 0
    close(found, expected, 1e-7)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 1e-3)])
def test_the_jacobian_of_a_year(dtype, tolerance):
    column, old, surfaces, seconds = cast(random_year(21, 72), dtype)

    def last(enthalpy):
        return heat_steps(100, column, enthalpy, surfaces, seconds).enthalpy[-1]

    kernel = partial(load("cpu", "heat_year.jacobian"), 100)
    found = jax.jit(kernel)(column, old, surfaces, seconds)
    expected = without_kernels(lambda: jax.jit(partial(value_and_jacobian, last))(old))
    close(found, expected, tolerance)


def test_the_jacobian_of_a_year_has_derivatives():
    """Beyond the first they are those of the arrays."""
    column, old, surfaces, _ = random_year(3, 12 * OPTIONS.heat_substeps)
    drivers = YearDrivers(
        jnp.stack([surfaces.temperature[:12]] * 3, axis=1),
        jnp.zeros((12, 3, 3)),
        0.1 + surfaces.resistance[0],
    )

    def trace(scale):
        moved = dataclasses.replace(column, latent_heat=scale * column.latent_heat)
        return jnp.sum(year_and_jacobian(OPTIONS, moved, old, drivers)[1])

    def slope():
        return jax.jit(jax.grad(trace))(1.0)

    found, expected = slope(), without_kernels(slope)
    assert float(jnp.abs(expected)) > 0
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def month(cells, index, dtype, freezing_cutoff=False):
    """What is given in a month of random cells, and their pools."""
    parameters, constants, drivers, memory, pools = cast(
        month_of(spun_up_cells(cells), index), dtype
    )
    # where roots reach all nitrogen they may take all: whether some is left is rounding
    drivers = dataclasses.replace(drivers, accessible_nitrogen_fraction=jnp.asarray(0.9, dtype))
    factors = month_module.month_factors(parameters, constants, drivers, memory, freezing_cutoff)
    return month_module.MonthContext(parameters, constants, drivers, memory, factors), pools


def integrate(at):
    return month_module.imex_steps(16, *at)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 0.02)])
@pytest.mark.parametrize(("index", "freezing_cutoff"), [(0, True), (6, False)])
def test_back_through_a_month(index, freezing_cutoff, dtype, tolerance):
    given, pools = month(37, index, dtype, freezing_cutoff)
    cotangents = weights(jax.jit(integrate)((given, pools)), index)

    def back():
        return pulled(integrate, (given, pools), cotangents)

    close(back(), without_kernels(back), tolerance)


@jax.jit
def along_directions(given, pools):
    def integrate(memory, pools):
        return month_module.imex_steps(16, given._replace(memory=memory), pools)

    def slope(direction):
        tangents = jax.tree.map(lambda leaf: 0.1 * leaf, given.memory), direction
        return jax.jvp(integrate, (given.memory, pools), tangents)[1]

    return jax.vmap(slope)(jnp.stack([0.1 * pools, 0.2 * pools]))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 0.02)])
@pytest.mark.parametrize("index", [0, 6])
def test_along_tangents_of_a_month(index, dtype, tolerance):
    """Of the pools and some of what is given, two directions at once."""
    given, pools = month(37, index, dtype)

    def along():
        return along_directions(given, pools)

    close(along(), without_kernels(along), tolerance)


def test_of_a_number_for_all_cells_it_is_the_sum_over_them():
    given, pools = month(5, 6, "float64")

    def pools_after(value, given):
        parameters = dataclasses.replace(given.parameters, nitrogen_loss_rate=value)
        end, _ = month_module.imex_steps(16, given._replace(parameters=parameters), pools)
        return jnp.sum(end)

    value = given.parameters.nitrogen_loss_rate
    of_each = jax.grad(pools_after)(jnp.full(5, jnp.mean(value)), given)
    of_all = jax.grad(pools_after)(jnp.mean(value), given)
    assert of_all.shape == () and float(jnp.abs(of_all)) > 0
    np.testing.assert_allclose(of_all, jnp.sum(of_each), rtol=1e-12)


def test_the_gradient_of_a_run_goes_back_by_kernels():
    case = gradient(5, 1)
    text = jax.jit(case.function).lower(*case.arguments).as_text()
    for name in ("heat_year_float64_100", "heat_year_vjp_float64_100_12", "month_float64_48_"):
        assert f"temjax_{name}" in text
    assert re.search(r"temjax_month_float64_48_[0-9a-f]+_vjp_", text)
    assert "heat_steps" not in text  # no step is kept for the way back


@pytest.mark.slow
def test_a_run_has_second_derivatives():
    """Where JAX cuts a program in two, the kernels are differentiated as the arrays are: the slope
    of the gradient is that of its differences."""
    given = synthetic_inputs(3, 1)
    names = ("respiration_rate_log", "nitrogen_loss_rate")
    options = ModelOptions(substeps=8, heat_substeps=3)

    def productive(scale):
        moved = {n: scale * getattr(given.parameters, n) for n in names}
        parameters = dataclasses.replace(given.parameters, **moved, mat_thickness=scale * 0.1)
        run = simulate(
            parameters, given.location, given.forcing, initial=given.initial, options=options
        )
        annual = run.annual
        return jnp.sum(annual.net_primary_production) + jnp.sum(annual.maximum_thaw_depth)

    slope = jax.jit(jax.grad(productive))
    first, second = jax.jit(lambda s: jax.jvp(jax.grad(productive), (s,), (1.0,)))(1.0)
    np.testing.assert_allclose(first, slope(1.0), rtol=1e-9)
    step = 3e-5
    near, far = (float(slope(1.0 + h)) - float(slope(1.0 - h)) for h in (step, 2 * step))
    np.testing.assert_allclose(second, (8 * near - far) / (12 * step), rtol=1e-6)

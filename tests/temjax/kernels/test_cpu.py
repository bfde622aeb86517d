"""Kernels for CPUs beside XLA's programs: a year of heat, a month, a run, and their derivatives."""

import dataclasses
import importlib
import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import ModelOptions, simulate
from temjax.command.benchmark.cases import synthetic_inputs
from temjax.ecosystem import imex as month_module
from temjax.ecosystem.months import integrate_months
from temjax.heat import year as heat_year
from temjax.heat.monthly import monthly_temperatures
from temjax.heat.step import heat_steps
from temjax.native.accelerate import load
from temjax.processes.soil_profile import Profile, depth_shares, shares_above
from tests.support.heat_cases import random_year
from tests.support.hidden_kernels import numbers
from tests.support.kernels import cast, needs_kernels, without_kernels
from tests.support.random_cases import month_of, random_cells, spun_up_cells

pytestmark = needs_kernels

ITERATIONS = 100
OPTIONS = ModelOptions()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 1e-4)])
@pytest.mark.parametrize("cells", [1, 5, 16, 37])
def test_steps_are_those_of_the_arrays(cells, dtype, tolerance):
    given = cast(random_year(cells), dtype)
    expected = jax.jit(partial(heat_steps.arrays, ITERATIONS))(*given)
    found = jax.jit(partial(load("cpu", "heat_steps"), ITERATIONS))(*given)
    scale = float(np.max(np.abs(expected.enthalpy)))
    np.testing.assert_allclose(found.enthalpy, expected.enthalpy, rtol=0, atol=tolerance * scale)
    np.testing.assert_allclose(
        found.surface_flux, expected.surface_flux, rtol=tolerance, atol=30 * tolerance
    )


def test_steps_of_a_cell_do_not_depend_on_others_to_the_last_bit():
    column, old, surfaces, seconds = random_year(40)
    kernel = jax.jit(partial(load("cpu", "heat_steps"), ITERATIONS))

    def enthalpy(*given):
        return kernel(*given).enthalpy

    whole = enthalpy(column, old, surfaces, seconds)
    spoilt = enthalpy(column, old.at[:, 3].set(jnp.nan), surfaces, seconds)
    others = np.arange(40) != 3
    np.testing.assert_array_equal(whole[..., others], spoilt[..., others])
    assert np.isnan(spoilt[..., 3]).all()
    few = jax.tree.map(lambda leaf: leaf[..., 11:14], (column, old, surfaces))
    np.testing.assert_array_equal(enthalpy(*few, seconds), whole[..., 11:14])


def observed(given):
    column, old, surfaces, seconds = given
    shallow = depth_shares(column, (0.05,))
    return heat_year.diagnose_year(OPTIONS, column, shallow, old, surfaces, seconds)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 2e-3)])
def test_diagnostics_of_a_year_are_those_of_the_arrays(dtype, tolerance):
    given = cast(random_year(21, 12 * OPTIONS.heat_substeps), dtype)
    after, seen = jax.jit(observed)(given)
    expected, arrays = without_kernels(lambda: jax.jit(observed)(given))
    np.testing.assert_allclose(after, expected, rtol=tolerance, atol=tolerance * 1e8)
    for name in (field.name for field in dataclasses.fields(arrays)):
        pair = getattr(seen, name), getattr(arrays, name)
        for found, kept in zip(*map(jax.tree.leaves, pair), strict=True):
            assert found.shape == kept.shape
            if name == "imbalance":  # what is left is rounding, which is another in each program
                np.testing.assert_array_less(found, 1e-5 if dtype == "float64" else 1.0)
            else:
                np.testing.assert_allclose(
                    found, kept, rtol=tolerance, atol=tolerance, err_msg=name
                )


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-5)])
@pytest.mark.parametrize("cells", [3, 21])
def test_monthly_soil_temperatures_are_those_of_the_arrays(cells, dtype, tolerance):
    column, old, *_ = cast(random_year(cells), dtype)
    rng = np.random.default_rng(cells)
    mean = Profile(*(jnp.asarray(rng.normal(size=(12, *old.shape)), dtype) for _ in range(2)))
    given = depth_shares(column, (0.05, 1.0, 12.0)), shares_above(column, 0.2), mean

    def report():
        return jax.jit(monthly_temperatures)(*given)

    found, expected = report(), without_kernels(report)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape and one.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)

    def total(in_top):
        return jnp.sum(monthly_temperatures(given[0], in_top, mean)[1])

    slope = jax.jit(jax.grad(total))(given[1])
    np.testing.assert_allclose(slope, np.sum(mean.centre, axis=0), rtol=1e-4, atol=1e-4)


def test_a_function_that_ran_by_kernels_is_traced_anew_without_them():
    column, old, *_ = random_year(3)
    mean = Profile(jnp.ones((12, *old.shape)), jnp.ones((12, *old.shape)))
    given = depth_shares(column, (0.05,)), shares_above(column, 0.2), mean
    report = jax.jit(monthly_temperatures)
    report(*given)
    text = report.lower(*given).as_text()
    plain = without_kernels(lambda: report.lower(*given).as_text())
    assert "temjax_" in text and "temjax_" not in plain


def test_an_imbalance_is_seen():
    """With two iterations a step is not solved: both programs say by how much."""
    options = ModelOptions(heat_iterations=2)
    column, old, surfaces, seconds = random_year(9, 12 * options.heat_substeps)
    shallow = depth_shares(column, (0.05,))

    def look():
        run = jax.jit(partial(heat_year.diagnose_year, options))
        return run(column, shallow, old, surfaces, seconds)[1].imbalance

    seen, expected = look(), without_kernels(look)
    assert np.max(expected) > 1.0
    np.testing.assert_allclose(seen, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 1e-3)])
@pytest.mark.parametrize("index", [0, 6])
def test_a_month_is_that_of_the_arrays(index, dtype, tolerance):
    cells = spun_up_cells(37)
    parameters, constants, drivers, memory, pools = cast(month_of(cells, index), dtype)
    factors = month_module.month_factors(parameters, constants, drivers, memory)
    given = month_module.MonthContext(parameters, constants, drivers, memory, factors)
    expected = jax.jit(partial(month_module.imex_steps.arrays, 16))(given, pools)
    found = jax.jit(partial(load("cpu", "month"), 16))(given, pools)
    for native_rows, rows in zip(found, expected, strict=True):
        native_rows, rows = np.asarray(native_rows), np.asarray(rows)
        scale = np.max(np.abs(rows), axis=1, keepdims=True) + 1e-6
        np.testing.assert_array_less(np.abs(native_rows - rows) / scale, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 5e-3)])
@pytest.mark.parametrize(("cells", "freezing_cutoff"), [(3, False), (37, True)])
def test_the_months_of_a_year_are_those_of_the_arrays(cells, freezing_cutoff, dtype, tolerance):
    """Each begins with the pools and the leaf area of the one before it."""
    state = spun_up_cells(cells)
    drivers = dataclasses.replace(state.drivers, co2=jnp.linspace(300.0, 311.0, 12))
    given = cast((state.parameters, state.constants, drivers, state.memory, state.pools), dtype)

    def year():
        integrate = partial(integrate_months, substeps=16, freezing_cutoff=freezing_cutoff)
        return jax.jit(integrate)(*given)

    for found, expected in zip(year(), without_kernels(year), strict=True):
        assert found.shape == expected.shape and found.dtype == dtype
        found, expected = np.asarray(found), np.asarray(expected)
        scale = np.max(np.abs(expected), axis=(0, 2), keepdims=True) + 1e-6
        np.testing.assert_array_less(np.abs(found - expected) / scale, tolerance)


def test_months_without_an_instruction_run_one_by_one(monkeypatch):
    months_kernel = importlib.import_module("temjax.kernels.cpu.months")
    month_factors = months_kernel.month_factors

    def with_a_sine(*given):
        factors = month_factors(*given)
        return factors._replace(light_response=jnp.sin(factors.light_response))

    state = random_cells(3, 5, published=True)
    given = state.parameters, state.constants, state.drivers, state.memory, state.pools
    expected = jax.jit(partial(integrate_months, substeps=5))(*given)
    monkeypatch.setattr(months_kernel, "month_factors", with_a_sine)
    months_kernel._trace_year.cache_clear()
    with pytest.warns(UserWarning, match="months runs without its kernel.*'sin'"):
        found = jax.jit(partial(integrate_months, substeps=5))(*given)
    months_kernel._trace_year.cache_clear()
    for rows, plain in zip(found, expected, strict=True):
        np.testing.assert_allclose(rows, plain, rtol=1e-9, atol=1e-9)


def test_a_process_without_an_instruction_runs_as_arrays(monkeypatch):
    month_kernel = importlib.import_module("temjax.kernels.cpu.month")
    imex_stage = month_module.imex_stage

    def with_a_sine(substeps, given, carry, is_second):
        after = imex_stage(substeps, given, carry, is_second)
        return after._replace(guess=after.guess + 0.0 * jnp.sin(after.guess))

    cells = spun_up_cells(3)
    arguments = month_of(cells, 6)

    def month():
        """The month, its slope along the pools, and its gradient in them."""
        *given, pools = arguments
        integrate = jax.jit(lambda pools: month_module.integrate_month(*given, pools, substeps=5))
        end, pull = jax.vjp(integrate, pools)
        return *jax.jvp(integrate, (pools,), (0.1 * pools,)), pull(end)

    expected = month()
    monkeypatch.setattr(month_kernel, "imex_stage", with_a_sine)
    month_kernel.trace_stage.cache_clear()
    with pytest.warns(UserWarning, match="'sin'"):
        found = month()
    month_kernel.trace_stage.cache_clear()
    for rows, plain in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        scale = float(np.max(np.abs(plain)))
        np.testing.assert_allclose(rows, plain, rtol=1e-8, atol=1e-11 * scale)


def outputs(parameters, given, options=OPTIONS):
    run = simulate(
        parameters, given.location, given.forcing, initial=given.initial, options=options
    )
    annual = run.annual
    return annual.net_primary_production, annual.maximum_thaw_depth, annual.available_nitrogen


@pytest.mark.parametrize("freezing_cutoff", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_run_and_its_derivatives_are_those_of_xla(freezing_cutoff):
    given = synthetic_inputs(5, 2)
    tangent = jax.tree.map(lambda x: 1e-3 * x, given.parameters)
    run = partial(outputs, given=given, options=ModelOptions(freezing_cutoff=freezing_cutoff))

    def along():
        return jax.jit(lambda p, t: jax.jvp(run, (p,), (t,)))(given.parameters, tangent)

    def backward():
        return jax.jit(jax.grad(lambda p: sum(jnp.sum(value) for value in run(p))))(
            given.parameters
        )

    slopes = backward()
    for name in ("heterotrophic_freezing_q10", "respiration_freezing_q10"):
        assert bool(np.any(getattr(slopes, name) != 0)) == freezing_cutoff
    arrays = without_kernels(along)
    for kernels, expected in (
        (jax.jit(run)(given.parameters), arrays[0]),
        (along(), arrays),
        (slopes, without_kernels(backward)),
    ):
        pairs = zip(jax.tree.leaves(kernels), jax.tree.leaves(expected), strict=True)
        for found, plain in pairs:
            scale = float(np.max(np.abs(plain))) + 1e-12
            np.testing.assert_allclose(found, plain, rtol=0, atol=1e-9 * scale)


def test_a_program_with_kernels_calls_them_and_keeps_their_names():
    """Names decide what the cache of compiled programs finds again."""
    given = synthetic_inputs(5, 2)
    texts = []
    for _ in range(2):
        jax.clear_caches()
        texts.append(jax.jit(partial(outputs, given=given)).lower(given.parameters).as_text())
    assert "temjax_heat_year_float64_100" in texts[0] and "temjax_months_float64_48_" in texts[0]
    assert texts[0] == texts[1]


def test_a_cell_has_the_same_numbers_without_the_kernels(tmp_path):
    file = tmp_path / "arrays.npz"
    command = (sys.executable, "-m", "tests.support.hidden_kernels", str(file))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    expected, found = np.load(file), numbers()
    assert set(found) == set(expected.files)
    for name, values in found.items():
        scale = np.max(np.abs(expected[name]), initial=1e-30)
        np.testing.assert_allclose(values, expected[name], rtol=0, atol=1e-11 * scale, err_msg=name)

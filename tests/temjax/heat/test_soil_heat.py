"""One heat step: enthalpy, Jacobian, energy, derivatives, shapes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import temjax
from temjax.heat import batch, linearisation
from temjax.heat import step as solver
from temjax.heat.step import HeatStep
from temjax.heat.tridiagonal import newton_change
from temjax.processes import soil_heat
from temjax.processes.soil_heat import Surface
from temjax.processes.soil_profile import depth_shares, profile, temperature_at
from temjax.soil_column import SoilColumn, soil_column
from tests.support.heat_cases import random_year

heat_step = jax.jit(solver.heat_step, static_argnums=0)
SECONDS = jnp.asarray(5 * 86400.0)
CONVERGED = 60


def _column(name="moist-tundra", shape=(), dtype=jnp.float64):
    parameters = jax.tree.map(lambda x: jnp.asarray(x, dtype), temjax.load_parameters(name))
    return soil_column(parameters, shape)


def _thawing(dtype=jnp.float64):
    """Four cells in spring: warm air or cold air over profiles that straddle 0 °C."""
    column = _column(shape=(4,), dtype=dtype)
    depth = column.centre
    start = jnp.stack(
        [
            -4.0 + 1.5 * jnp.exp(-depth[:, 0]),
            3.0 - 4.5 * jnp.tanh(depth[:, 1]),
            -0.05 - 0.3 * depth[:, 2] / 10.0,
            2.0 - 0.08 * depth[:, 3],
        ],
        axis=1,
    ).astype(dtype)
    surface = Surface(
        jnp.array([6.0, -9.0, 4.0, -12.0], dtype), jnp.array([0.1, 0.6, 0.05, 2.0], dtype)
    )
    return column, soil_heat.enthalpy(column, start), surface


def test_enthalpy_and_temperature_are_inverse():
    column = _column()
    temperature = jnp.linspace(-30.0, 20.0, 25)
    there = soil_heat.enthalpy(column, temperature)
    np.testing.assert_allclose(soil_heat.temperature(column, there), temperature, atol=1e-12)
    melt = column.melt_enthalpy
    np.testing.assert_allclose(soil_heat.temperature(column, 0.0 * melt), -0.1, atol=1e-14)
    np.testing.assert_allclose(soil_heat.temperature(column, melt), 0.0, atol=1e-14)
    np.testing.assert_allclose(
        melt - column.latent_heat,
        0.05 * (column.heat_capacity_thawed + column.heat_capacity_frozen),
        rtol=1e-7,
    )


@pytest.mark.parametrize("cells", [(), (3,)])
def test_newton_change_matches_automatic_differentiation_and_a_dense_solve(cells):
    column = _column(shape=cells)
    rng = np.random.default_rng(2)
    # every layer somewhere else: frozen, melting, thawed
    enthalpy = column.melt_enthalpy * jnp.asarray(rng.uniform(-0.5, 1.5, (25, *cells)))
    old = 0.9 * enthalpy
    surface = Surface(jnp.full(cells, 5.0), jnp.full(cells, 0.1))

    def imbalance(h):
        return soil_heat.step_imbalance(column, h, old, surface, SECONDS)

    fluxes = linearisation.linearised_fluxes(column, enthalpy, surface, exact=True)
    gain = soil_heat.heat_gain(column, old, enthalpy)
    change, total = newton_change(column, fluxes, SECONDS, gain, -column.geothermal_flux)
    dense = np.asarray(jax.jacfwd(imbalance)(enthalpy)).reshape(change.size, change.size)
    expected = -np.linalg.solve(dense, np.ravel(imbalance(enthalpy))).reshape(change.shape)
    np.testing.assert_allclose(change, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    np.testing.assert_allclose(total, np.sum(np.abs(imbalance(enthalpy)), axis=0), rtol=1e-12)


def test_layers_of_one_phase_have_the_fluxes_of_any_to_the_last_bit():
    """Some of them border on the other phase, some have just thawed or frozen."""
    column, *_ = random_year(64, 1)
    rng = np.random.default_rng(3)
    kind = rng.integers(0, 4, column.thickness.shape)
    far, melt = rng.uniform(1e5, 5e7, kind.shape), column.melt_enthalpy * (1.0 + 1e-15)
    enthalpy = jnp.choose(kind, [-far, melt + far, jnp.zeros_like(melt), melt], mode="clip")
    assert not soil_heat.is_melting(column, enthalpy).any()
    layers = soil_heat.single_phase_state(column, enthalpy)
    plain = linearisation.single_phase_flux(*soil_heat.sides(layers))
    for exact in (True, False):
        sides = soil_heat.sides(soil_heat.with_front(layers))
        expected = linearisation.flux_between(*sides, exact)
        for one, other in zip(plain, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_truncated_jacobian_is_diagonally_dominant():
    column, _, surface = _thawing()
    rng = np.random.default_rng(3)
    enthalpy = column.melt_enthalpy * jnp.asarray(rng.uniform(-0.5, 1.5, (25, 4)))
    fluxes = linearisation.linearised_fluxes(column, enthalpy, surface, exact=False)
    assert (fluxes.by_upper >= 0).all() and (fluxes.by_lower <= 0).all()


def _closure(column, old, step, seconds) -> float:
    """Energy not accounted for in a step, relative to Σ|H|Δz."""
    gain = jnp.sum((step.enthalpy - old) * column.thickness, axis=0)
    input_ = (step.surface_flux + column.geothermal_flux) * seconds
    content = jnp.sum(jnp.abs(old) * column.thickness, axis=0)
    return float(jnp.max(jnp.abs(gain - input_) / content))


@pytest.mark.parametrize("iterations", [1, 2, 5])
@pytest.mark.parametrize(("dtype", "limit"), [(jnp.float64, 1e-13), (jnp.float32, 1e-6)])
def test_energy_closes_to_rounding_at_any_iteration_count(iterations, dtype, limit):
    column, old, surface = _thawing(dtype)
    seconds = SECONDS.astype(dtype)
    step = heat_step(iterations, column, old, surface, seconds)
    assert step.enthalpy.dtype == dtype
    assert _closure(column, old, step, seconds) <= limit


def test_energy_test_sees_a_lost_flux():
    column, old, surface = _thawing()
    step = heat_step(5, column, old, surface, SECONDS)
    flux = soil_heat.boundary_fluxes(column, step.enthalpy, surface)
    lost = step.enthalpy.at[3].add(-1e-3 * flux[3] * SECONDS / column.thickness[3])
    mutant = HeatStep(lost, step.surface_flux)
    assert _closure(column, old, mutant, SECONDS) > 1e-10


def test_iteration_solves_the_step():
    column, old, surface = _thawing()
    for iterations, limit in ((5, 3.0), (10, 1e-2), (CONVERGED, 1e-10)):
        new = heat_step(iterations, column, old, surface, SECONDS).enthalpy
        imbalance = soil_heat.step_imbalance(column, new, old, surface, SECONDS)
        flux = float(jnp.max(jnp.abs(imbalance))) / float(SECONDS)
        print(f"{iterations} iterations leave {flux:.1e} W m-2")
        assert flux <= limit


def test_step_derivatives():
    """jvp = vjp to 1e-10 and central differences to 1e-6, in the column, the state and the top."""
    column, old, surface = _thawing()
    inputs = (column, old, surface, SECONDS)
    rng = np.random.default_rng(4)

    @jax.jit
    def step(*inputs):
        result = heat_step(CONVERGED, *inputs)
        return jnp.concatenate([result.enthalpy / 1e7, result.surface_flux[None]])

    push = jax.jit(lambda inputs, tangents: jax.jvp(step, inputs, tangents)[1])
    weights = jnp.asarray(rng.normal(size=(26, 4)))
    value, pull = jax.vjp(step, *inputs)
    gradient = pull(weights)
    assert np.isfinite(value).all()
    for index, leaf in enumerate(jax.tree.leaves(inputs)):
        scale = float(jnp.max(jnp.abs(leaf)))
        direction = jnp.asarray(rng.normal(size=leaf.shape)) * scale * 1e-2
        zeros = [jnp.zeros_like(other) for other in jax.tree.leaves(inputs)]
        zeros[index] = direction
        tangent_inputs = jax.tree.unflatten(jax.tree.structure(inputs), zeros)
        tangent = push(inputs, tangent_inputs)
        forward = float(jnp.sum(weights * tangent))
        reverse = float(jnp.sum(jax.tree.leaves(gradient)[index] * direction))
        np.testing.assert_allclose(forward, reverse, rtol=1e-10, atol=1e-13)

        def shifted(amount, tangent_inputs=tangent_inputs):
            return step(*jax.tree.map(lambda x, d: x + amount * d, inputs, tangent_inputs))

        near, far = shifted(2e-4) - shifted(-2e-4), shifted(4e-4) - shifted(-4e-4)
        central = (8 * near - far) / (12 * 2e-4)
        size = np.maximum(np.abs(tangent), 1e-3 * np.linalg.norm(tangent))
        # rounding of H, 1e-15 of it, over the step
        error = np.max(np.maximum(np.abs(central - tangent) - 2e-11, 0.0) / size)
        assert error <= 1e-6, (index, error)


def _total(column, old, surface):
    step = heat_step(5, column, old, surface, SECONDS)
    here = profile(column, step.enthalpy, surface)
    shallow = temperature_at(depth_shares(column, (0.05, 1.0)), here)
    return jnp.sum(step.enthalpy) / 1e7 + jnp.sum(step.surface_flux) + jnp.sum(shallow)


def test_finite_at_edges():
    """0 °C everywhere, exactly melted, bare surface, no water: values and both derivatives."""
    column = _column(shape=(4,))
    column = SoilColumn(**(vars(column) | {"latent_heat": column.latent_heat.at[:, 3].set(0.0)}))
    old = jnp.zeros((25, 4)).at[:, 1].set(column.melt_enthalpy[:, 1])
    surface = Surface(jnp.zeros(4), jnp.array([0.1, 0.1, 0.0, 0.1]))
    inputs = (column, old, surface)
    value, gradient = jax.jit(jax.value_and_grad(_total, argnums=(0, 1, 2)))(*inputs)
    ones = jax.tree.map(jnp.ones_like, inputs)
    tangent = jax.jit(lambda x, t: jax.jvp(_total, x, t)[1])(inputs, ones)
    assert np.isfinite(value) and np.isfinite(tangent)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_scalar_vmap_and_batch_agree():
    column, old, surface = _thawing()
    batch = heat_step(5, column, old, surface, SECONDS)
    mapped = jax.vmap(lambda c, h, s: heat_step(5, c, h, s, SECONDS), in_axes=-1, out_axes=-1)(
        column, old, surface
    )
    np.testing.assert_allclose(mapped.enthalpy, batch.enthalpy, rtol=1e-12, atol=1e-4)
    for cell in range(4):
        one = heat_step(
            5, *jax.tree.map(lambda x, cell=cell: x[..., cell], (column, old, surface)), SECONDS
        )
        np.testing.assert_allclose(one.enthalpy, batch.enthalpy[:, cell], rtol=1e-12, atol=1e-4)
        np.testing.assert_allclose(one.surface_flux, batch.surface_flux[cell], rtol=1e-10)


def test_profile_is_linear_in_a_uniform_steady_column():
    """A steady geothermal gradient is read back exactly at any depth."""
    column = _column("alpine-desert")
    column = SoilColumn(
        **(
            vars(column)
            | {
                "conductivity_frozen": jnp.full(25, 2.0),
                "conductivity_thawed": jnp.full(25, 2.0),
            }
        )
    )
    gradient = column.geothermal_flux / 2.0
    enthalpy = soil_heat.enthalpy(column, -5.0 + gradient * column.centre)
    surface = Surface(jnp.asarray(-5.0), jnp.asarray(0.0))
    depths = (0.005, 0.05, 0.2, 1.0, 2.0, 12.0)
    result = temperature_at(depth_shares(column, depths), profile(column, enthalpy, surface))
    np.testing.assert_allclose(result, -5.0 + gradient * jnp.array(depths), atol=1e-12)


def test_successive_steps_equal_single_ones_whatever_the_neighbours():
    column, old, surfaces, seconds = random_year()
    steps = jax.jit(solver.heat_steps, static_argnums=0)(100, column, old, surfaces, seconds)
    before = old
    for step, length in enumerate(seconds):
        surface = jax.tree.map(lambda leaf, step=step: leaf[step], surfaces)
        one = heat_step(100, column, before, surface, length)
        # two programs: the compiler rounds differently
        np.testing.assert_allclose(steps.enthalpy[step], one.enthalpy, rtol=1e-11, atol=1e-3)
        np.testing.assert_allclose(steps.surface_flux[step], one.surface_flux, rtol=1e-9, atol=1e-8)
        before = one.enthalpy
    bad = jnp.arange(old.shape[1]) % 7 == 0
    with_nan = jnp.where(bad, jnp.nan, old)
    beside = jax.jit(solver.heat_steps, static_argnums=0)(100, column, with_nan, surfaces, seconds)
    np.testing.assert_array_equal(beside.enthalpy[..., ~bad], steps.enthalpy[..., ~bad])
    assert np.isnan(beside.enthalpy[..., bad]).all()


def test_how_far_ahead_a_cell_may_be_changes_no_result(monkeypatch):
    column, old, surfaces, seconds = random_year()
    results = []
    for ahead in (1, 4, 6, 100):
        monkeypatch.setattr(batch, "MAX_STEPS_AHEAD", ahead)
        results.append(jax.jit(lambda *arguments: batch.solve_steps(100, *arguments))(
            column, old, surfaces, seconds
        ))  # fmt: skip
    for other in results[1:]:
        np.testing.assert_array_equal(other[0], results[0][0])
        np.testing.assert_array_equal(other[1], results[0][1])


def test_boundaries_all_at_once_or_one_by_one_give_the_same_steps(monkeypatch):
    column, old, surfaces, seconds = random_year(cells=7)
    results = []
    for few in (0, 100):
        monkeypatch.setattr(batch, "FEW_CELLS", few)
        results.append(jax.jit(lambda *arguments: batch.solve_steps(100, *arguments))(
            column, old, surfaces, seconds
        ))  # fmt: skip
    layer_by_layer, at_once = results
    np.testing.assert_allclose(at_once[0], layer_by_layer[0], rtol=1e-11, atol=1e-3)
    np.testing.assert_allclose(at_once[1], layer_by_layer[1], rtol=1e-9, atol=1e-8)


def test_derivatives_of_successive_steps():
    """jvp = vjp = the steps one by one, through the state from step to step too."""
    column, old, surfaces, seconds = random_year(cells=3, steps=4)
    inputs = column, old, surfaces, seconds
    rng = np.random.default_rng(6)
    weights = jnp.asarray(rng.normal(size=(4, 25, 3)))

    def total(*inputs):
        return jnp.sum(weights * solver.heat_steps(CONVERGED, *inputs).enthalpy) / 1e7

    def one_by_one(column, old, surfaces, seconds):
        total = 0.0
        for step in range(4):
            surface = jax.tree.map(lambda leaf, step=step: leaf[step], surfaces)
            old = solver.heat_step(CONVERGED, column, old, surface, seconds[step]).enthalpy
            total += jnp.sum(weights[step] * old) / 1e7
        return total

    direction = jax.tree.map(lambda x: x * jnp.asarray(rng.normal(size=x.shape)), inputs)
    slope = jax.jit(lambda x, t: jax.jvp(total, x, t)[1])(inputs, direction)
    expected = jax.jit(lambda x, t: jax.jvp(one_by_one, x, t)[1])(inputs, direction)
    gradient = jax.jit(jax.grad(total, argnums=(0, 1, 2, 3)))(*inputs)
    pulled = sum(
        float(jnp.sum(g * d))
        for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    )
    np.testing.assert_allclose(float(slope), float(expected), rtol=1e-10)
    np.testing.assert_allclose(pulled, float(slope), rtol=1e-10)

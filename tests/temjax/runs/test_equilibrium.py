"""The fixed point: certificate, brute force, derivatives, cells without vegetation."""

import dataclasses
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import temjax
from temjax import Location, find_equilibrium, gather_parameters, load_parameters
from temjax.forcing import mean_year, select_years
from temjax.runs.annual_map import SLOW_ROWS, pack_state, relative_change, total_nitrogen
from temjax.runs.equilibrium import METHODS, YEAR_SCHEDULE, cyclic_map
from temjax.runs.fixed_point import fixed_point
from tests.support.soil_cases import forcing

TOLERANCE = 1e-8
TYPES = ("alpine-meadow", "alpine-steppe", "grassland", "moist-tundra")
CELLS = (len(TYPES) + 1,)


@cache
def case():
    """Four vegetation types on one climate, and a cell too cold for any."""
    sets = [load_parameters(name) for name in TYPES]
    parameters = gather_parameters(sets, np.array([0, 1, 2, 3, 0]))
    place = Location(
        jnp.full(CELLS, 37.6), jnp.full(CELLS, 3216.0), jnp.array([0.65, 0.33, 0.5, 0.6, 0.65])
    )
    climate = forcing(3, CELLS)
    shift = jnp.array([0.0, 0.0, 2.0, 0.0, -25.0])
    climate = dataclasses.replace(climate, air_temperature=climate.air_temperature + shift)
    return parameters, place, climate, find_equilibrium(parameters, place, climate)


def test_certificate():
    *_, found = case()
    names = [METHODS[int(code)] for code in found.method]
    assert set(names[:4]) <= {"broyden", "newton"} and names[4] == "no vegetation"
    np.testing.assert_array_equal(found.converged, [True] * 4 + [False])
    assert float(found.residual[:4].max()) <= TOLERANCE
    assert float(found.heat_residual.max()) <= TOLERANCE
    assert np.all((found.spectral_radius[:4] > 0.5) & (found.spectral_radius[:4] < 1.0))
    assert int(np.median(found.evaluations[:4])) < 50


def test_nitrogen_follows_the_baseline_rule():
    parameters, _, _, found = case()
    np.testing.assert_allclose(
        found.state.soil_organic_nitrogen[:4],
        (found.state.soil_organic_carbon / parameters.soil_carbon_to_nitrogen)[:4],
        rtol=1e-12,
    )


def test_a_further_year_changes_nothing():
    """Run the mean year from the equilibrium; the pools come back, exposure on."""
    parameters, place, climate, found = case()
    year = mean_year(climate)
    run = temjax.simulate(parameters, place, year, initial=found.state, exposure=True)
    before = found.state.ecosystem.pools[:, :4]
    after = run.state.ecosystem.pools[:, :4]
    scale = jnp.maximum(jnp.abs(before), 1e-2)
    # the nitrogen cycle is closed here: the fixed point of the baseline rule is one of it as well
    assert float(jnp.max(jnp.abs(after - before) / scale)) < 1e-6
    np.testing.assert_allclose(run.annual.exposure_factor[:, :4], 1.0, atol=1e-9)


MANY = 40
COARSE = temjax.ModelOptions(substeps=8)


@cache
def many_cells():
    """Forty cells of four types from cold to mild, on one year."""
    sets = [load_parameters(name) for name in TYPES]
    parameters = gather_parameters(sets, np.arange(MANY) % len(TYPES))
    place = Location(
        jnp.linspace(30.0, 60.0, MANY), jnp.linspace(100.0, 4000.0, MANY),
        jnp.linspace(0.2, 0.8, MANY),
    )  # fmt: skip
    climate = forcing(1, (MANY,))
    warmth = jnp.linspace(-4.0, 6.0, MANY)
    climate = dataclasses.replace(climate, air_temperature=climate.air_temperature + warmth)
    return parameters, place, climate, find_equilibrium(parameters, place, climate, options=COARSE)


def scaled_equilibrium(name, factor, guess=None):
    parameters, place, climate, _ = many_cells()
    parameters = dataclasses.replace(parameters, **{name: getattr(parameters, name) * factor})
    return find_equilibrium(parameters, place, climate, options=COARSE, guess=guess)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("kdc_scale", 1.001),
        ("kdc_scale", 0.999),
        ("kdc_scale", 1.1),
        ("vegetation_carbon_to_nitrogen_intercept", 1.001),
        ("temperature_optimum_minimum", 1.02),
        ("cmax_scale", 1.001),
    ],
)
def test_a_guess_of_other_parameters_is_left(name, factor):
    """These act through the yearly memory, that of the guess in the first year."""
    *_, near = many_cells()
    cold, warm = scaled_equilibrium(name, factor), scaled_equilibrium(name, factor, near.state)
    good = np.asarray(near.converged & cold.converged & warm.converged)
    assert good.sum() >= 0.9 * MANY
    old, expected, pools = (
        np.asarray(found.state.ecosystem.pools[:6, good]) for found in (near, cold, warm)
    )
    scale = np.maximum(np.abs(expected), 0.1)
    gap, moved = (np.max(np.abs(x - expected) / scale, axis=0) for x in (pools, old))
    # a residual of 1e-8 is up to 1/(1 - spectral radius) times as far from the fixed point
    assert gap.max() < 4e-8 / (1.0 - float(cold.spectral_radius[good].max()))
    assert gap.max() < 1e-2 * moved.max()
    assert warm.iterations[good].max() < cold.iterations[good].min()


@pytest.mark.slow
def test_a_guess_does_not_change_the_derivative():
    *_, near = many_cells()

    def carbon(guess):
        def function(factor):
            return scaled_equilibrium("kdc_scale", factor, guess).state.soil_organic_carbon

        return jax.jvp(function, (jnp.asarray(1.001),), (jnp.asarray(1.0),))[1]

    cold, warm = carbon(None), carbon(near.state)
    good = near.converged & (cold != 0.0) & (warm != 0.0)
    assert int(good.sum()) >= 0.9 * MANY
    np.testing.assert_allclose(warm[good], cold[good], rtol=1e-4)


@eqx.filter_jit
def many_cycles(cycle, start, count):
    """Plain cycles, and the relative change over each."""

    def one(carry, _):
        after = cycle(carry)
        return after, relative_change(carry, after)

    return jax.lax.scan(one, start, None, length=count)


@pytest.mark.slow
def test_brute_force_reaches_the_same_point(capsys):
    """4 000 plain years from TEM's initial pools, counted against the search."""
    parameters, place, climate, found = case()
    cycle, start, _ = cyclic_map(parameters, place, mean_year(climate))
    end, changes = many_cycles(cycle, pack_state(start.ecosystem, start.memory), 4000)
    here = pack_state(found.state.ecosystem, found.state.memory)
    gap = jnp.abs(end[:5, :4] - here[:5, :4]) / jnp.abs(here[:5, :4])
    years = np.argmax(np.asarray(changes[:, :4]) <= TOLERANCE, axis=0)
    with capsys.disabled():
        print(
            f"\nplain years to 1e-8: {years}; search: {found.iterations[:4]}, with Jacobians "
            f"{found.evaluations[:4]}; gap {gap.max():.1e}"
        )
    assert float(gap.max()) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["newton", "anderson"])
def test_later_solvers_find_the_same_point(solver):
    """The solvers after Broyden's method, each on its own."""
    parameters, place, climate, found = case()
    cycle, start, _ = cyclic_map(parameters, place, mean_year(climate))
    begin = pack_state(start.ecosystem, start.memory)
    alone = YEAR_SCHEDULE._replace(broyden=0, newton=0, anderson=0, picard=0)
    result = eqx.filter_jit(fixed_point)(
        cycle,
        begin,
        ~found.converged,
        alone._replace(**{solver: {"newton": 15, "anderson": 80}[solver]}),
    )
    assert (np.asarray(result.solver[:4]) == METHODS.index(solver)).all(), result.solver
    here = found.state.ecosystem.pools
    np.testing.assert_allclose(result.state[:5, :4], here[:5, :4], rtol=1e-5)
    assert int(result.cycles[:4].max()) < 500


@pytest.mark.slow
def test_a_cycle_of_years_comes_back():
    """State before the first January of three unlike years, repeated; not that of their mean."""
    parameters, place, climate, _ = case()
    warmth = jnp.array([0.0, 2.0, -1.5]).reshape((3, 1, 1))
    climate = dataclasses.replace(climate, air_temperature=climate.air_temperature + warmth)
    cyclic = find_equilibrium(parameters, place, climate, climate="cycle")
    np.testing.assert_array_equal(cyclic.converged, [True] * 4 + [False])
    cycle, _, _ = cyclic_map(
        parameters, place, temjax.runs.equilibrium.equilibrium_climate(climate, "cycle", 30)
    )
    before = pack_state(cyclic.state.ecosystem, cyclic.state.memory)
    _, changes = many_cycles(cycle, before, 2)
    assert float(changes[:, :4].max()) <= 2 * TOLERANCE
    mean = find_equilibrium(parameters, place, climate).state.ecosystem.pools
    difference = jnp.abs(before[:5, :4] / mean[:5, :4] - 1)
    assert 1e-4 < float(difference.max()) < 0.5
    assert SLOW_ROWS == (0, 1, 2, 3, 4)


@pytest.mark.slow
def test_a_closed_nitrogen_cycle_keeps_its_total():
    parameters, place, climate, found = case()
    total = total_nitrogen(found.state.ecosystem.pools)
    same = find_equilibrium(parameters, place, climate, nitrogen=total)
    np.testing.assert_allclose(
        same.state.ecosystem.pools[:5, :4], found.state.ecosystem.pools[:5, :4], rtol=1e-6
    )
    more = find_equilibrium(parameters, place, climate, nitrogen=1.1 * total)
    assert more.converged[:4].all()
    kept = total_nitrogen(more.state.ecosystem.pools)
    np.testing.assert_allclose(kept[:4], 1.1 * total[:4], rtol=1e-12)
    assert (more.state.vegetation_carbon[:4] > found.state.vegetation_carbon[:4]).all()


# a compilation of their own for tests that search closer than to 1e-8
OWN = temjax.ModelOptions(heat_iterations=41)


@pytest.fixture
def closer(monkeypatch):
    """Differences of a search to 1e-8 would see the slow deep heat that is left."""
    for module in (temjax.heat.equilibrium, temjax.runs.fixed_point, temjax.runs.equilibrium):
        monkeypatch.setattr(module, "tolerance", lambda dtype: 1e-12)


def _stocks(scale, guess):
    parameters, place, climate, _ = case()
    cmax, kdc, water = scale
    parameters = dataclasses.replace(
        parameters,
        cmax_scale=parameters.cmax_scale * cmax,
        kdc_scale=parameters.kdc_scale * kdc,
        upper_water=parameters.upper_water * water,
    )
    found = find_equilibrium(parameters, place, climate, guess=guess, options=OWN)
    return found.state.ecosystem.pools[:5, :4]


@pytest.mark.slow
def test_implicit_derivative_matches_central_differences(closer):
    *_, found = case()
    one = jnp.ones(3)

    @jax.jit
    def stocks(scale):
        return _stocks(scale, found.state)

    forward = jax.jit(jax.jacfwd(lambda s: _stocks(s, found.state)))(one)
    step = 1e-5
    central = jnp.stack(
        [(stocks(one + step * e) - stocks(one - step * e)) / (2 * step) for e in jnp.eye(3)], -1
    )
    scale = jnp.max(jnp.abs(central), axis=-1, keepdims=True)
    np.testing.assert_allclose(forward / scale, central / scale, atol=1e-5)
    reverse = jax.jit(jax.grad(lambda s: jnp.sum(_stocks(s, found.state)[3])))(one)
    np.testing.assert_allclose(reverse, jnp.sum(forward[3], axis=0), rtol=1e-9)
    assert np.all(np.isfinite(reverse))


@pytest.mark.slow
def test_second_derivative_through_the_equilibrium(closer):
    """Hessian-vector product against central differences of the gradient."""
    *_, found = case()
    one, direction = jnp.ones(3), jnp.array([0.3, -0.5, 0.2])

    def carbon(scale):
        return jnp.sum(_stocks(scale, found.state)[3])

    gradient = jax.jit(jax.grad(carbon))
    product = jax.jit(lambda s: jax.jvp(jax.grad(carbon), (s,), (direction,))[1])(one)
    step = 1e-5  # TEM has kinks (jumps of the gradient) 3e-5 and 1e-4 away along cmax
    central = (gradient(one + step * direction) - gradient(one - step * direction)) / (2 * step)
    assert np.all(np.isfinite(product))
    np.testing.assert_allclose(product, central, atol=1e-4 * float(jnp.max(jnp.abs(central))))


def test_a_spin_up_repeats_its_years():
    """Seven years of a three-year cycle are these seven years, neighbours and all."""
    parameters, place, climate, found = case()
    warmth = jnp.array([0.0, 2.0, -1.5]).reshape((3, 1, 1))
    climate = dataclasses.replace(climate, air_temperature=climate.air_temperature + warmth)
    state = temjax.spin_up(parameters, place, climate, found.state, years=7)
    cycle = temjax.runs.equilibrium.equilibrium_climate(climate, "cycle", 30)
    rows = [2, 0, 1, 2, 0, 1, 2, 0, 1]
    long = jax.tree.map(lambda x: x[jnp.array(rows)], cycle)
    run = temjax.simulate(
        parameters, place, long, initial=found.state, exposure=False, start=1, stop=8
    )
    expected = run.state.ecosystem.pools[:, :4]
    np.testing.assert_allclose(state.ecosystem.pools[:, :4], expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(state.heat.enthalpy, run.state.heat.enthalpy, rtol=1e-9)
    with pytest.raises(ValueError, match="shorter than 0"):
        temjax.spin_up(parameters, place, climate, found.state, years=-1)


def test_climate_choices():
    parameters, place, climate, _ = case()
    with pytest.raises(ValueError, match="choose 'mean', 'first' or 'cycle'"):
        find_equilibrium(parameters, place, climate, climate="median")
    with pytest.raises(ValueError, match="at least 1"):
        find_equilibrium(parameters, place, climate, climate_years=0)
    first = temjax.runs.equilibrium.equilibrium_climate(climate, "first", 30)
    np.testing.assert_array_equal(
        first.air_temperature, select_years(climate, 0, 1).air_temperature
    )

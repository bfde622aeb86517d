"""One month: layouts agree, pools and fluxes balance, derivatives hold, edges are finite."""

import dataclasses
from functools import partial
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.ecosystem import imex as month_module
from temjax.ecosystem.imex import integrate_month
from temjax.ecosystem.month import right_hand_side
from temjax.native.availability import disabled
from temjax.outputs import FLUXES
from temjax.state import POOLS, pool_index
from tests.support.random_cases import month_of, random_cells, spin_up

SUBSTEPS = 8  # of the derivative tests: the same program, less to run
DIRECT = (
    "half_saturation_co2",
    "half_saturation_light",
    "temperature_minimum",
    "temperature_maximum",
    "foliage_exponent",
    "leaf_evapotranspiration",
    "leaf_persistence",
    "leaf_intercept",
    "respiration_biomass_slope",
    "respiration_rate_log",
    "litterfall_rate_carbon",
    "litterfall_rate_nitrogen",
    "heterotrophic_q10",
    "moisture_optimum",
    "soil_carbon_to_nitrogen",
)
RESOLVED = (
    "maximum_photosynthesis",
    "maximum_nitrogen_uptake",
    "microbial_nitrogen_uptake",
)
# What each pool's change must equal, in the monthly integrals of the fluxes.
BUDGET = {
    "vegetation_carbon": {"net_primary_production": 1, "litterfall_carbon": -1},
    "structural_nitrogen": {
        "structural_nitrogen_uptake": 1,
        "nitrogen_mobilisation": 1,
        "litterfall_nitrogen": -1,
        "nitrogen_resorption": -1,
    },
    "labile_nitrogen": {
        "labile_nitrogen_uptake": 1,
        "nitrogen_resorption": 1,
        "nitrogen_mobilisation": -1,
    },
    "soil_organic_carbon": {"litterfall_carbon": 1, "heterotrophic_respiration": -1},
    "soil_organic_nitrogen": {"litterfall_nitrogen": 1, "net_nitrogen_mineralisation": -1},
    "available_nitrogen": {
        "net_nitrogen_mineralisation": 1,
        "nitrogen_input": 1,
        "nitrogen_uptake": -1,
        "nitrogen_loss": -1,
    },
    "available_water": {
        "rainfall": 1,
        "snowmelt": 1,
        "evapotranspiration": -1,
        "rain_percolation": -1,
        "snow_percolation": -1,
    },
    "rain_runoff_store": {"rain_percolation": 1, "rain_runoff": -1},
    "snow_runoff_store": {"snow_percolation": 1, "snow_runoff": -1},
    "snowpack": {"snowfall": 1, "snowmelt": -1},
}
ELEMENTS = {
    "carbon": ("vegetation_carbon", "soil_organic_carbon"),
    "nitrogen": (
        "structural_nitrogen",
        "labile_nitrogen",
        "soil_organic_nitrogen",
        "available_nitrogen",
    ),
    "water": ("available_water", "rain_runoff_store", "snow_runoff_store", "snowpack"),
}


@pytest.fixture(scope="module")
def cells():
    """Forty cells with published parameters after three years."""
    return jax.jit(partial(spin_up, years=3))(random_cells(40, 5, published=True))


def residuals(before, after, fluxes) -> dict[str, np.ndarray]:
    """Unexplained change per element relative to its total stock, summed over its pools."""
    flux = dict(zip(FLUXES, np.asarray(fluxes, np.float64), strict=True))
    change = dict(zip(POOLS, np.asarray(after - before, np.float64), strict=True))
    stock = dict(zip(POOLS, np.abs(np.asarray(before, np.float64)), strict=True))
    result = {}
    for element, pools in ELEMENTS.items():
        missing = sum(
            np.abs(change[pool] - sum(sign * flux[name] for name, sign in BUDGET[pool].items()))
            for pool in pools
        )
        result[element] = missing / np.maximum(sum(stock[pool] for pool in pools), 1.0)
    return result


def test_names_of_the_budget_are_complete():
    assert set(BUDGET) == set(POOLS)
    assert sum(len(pools) for pools in ELEMENTS.values()) == len(POOLS)


@pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float64, 1e-10), (jnp.float32, 1e-5)])
def test_pools_change_by_what_flows(cells, dtype, tolerance):
    integrate = jax.jit(integrate_month)
    worst = {}
    for index in range(12):
        arguments = jax.tree.map(lambda x: jnp.asarray(x, dtype), month_of(cells, index))
        after, fluxes = integrate(*arguments)
        assert after.dtype == dtype and fluxes.dtype == dtype
        for element, value in residuals(arguments[-1], after, fluxes).items():
            worst[element] = max(worst.get(element, 0.0), float(value.max()))
        rows = dict(zip(FLUXES, np.asarray(fluxes), strict=True))
        assert not rows["nitrogen_input"].any() and not rows["nitrogen_loss"].any()
    print({element: f"{value:.1e}" for element, value in worst.items()})
    assert max(worst.values()) <= tolerance


def test_a_lost_flux_is_noticed(cells):
    """Mutation: litterfall that never reaches the soil must break the carbon budget."""
    whole = month_module.pool_tendency

    def leaking(drivers, fluxes):
        tendency = whole(drivers, fluxes)
        return tendency | {"soil_organic_carbon": -fluxes["heterotrophic_respiration"]}

    arguments = month_of(cells, 6)
    with mock.patch.object(month_module, "pool_tendency", leaking):
        with disabled():  # a kernel is compiled once and would not be the leaking one
            after, fluxes = jax.jit(lambda *a: integrate_month(*a))(*arguments)
    assert residuals(arguments[-1], after, fluxes)["carbon"].max() > 1e-5


def test_scalar_mapped_and_native_cells_agree(cells):
    arguments = month_of(cells, 6)
    native = jax.jit(integrate_month)(*arguments)
    last = jax.tree.map(lambda x: -1 if jnp.ndim(x) else None, arguments)
    mapped = jax.jit(jax.vmap(integrate_month, in_axes=last, out_axes=-1))(*arguments)
    one = jax.jit(integrate_month)
    for index in (0, 7, 21):
        single = one(*jax.tree.map(lambda x, i=index: x[..., i] if jnp.ndim(x) else x, arguments))
        for alone, many in zip(single, native, strict=True):
            np.testing.assert_allclose(alone, many[:, index], rtol=1e-9, atol=1e-12)
    for left, right in zip(native, mapped, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-12)


def test_tendencies_balance(cells):
    arguments = month_of(cells, 6)
    tendency, fluxes = jax.jit(right_hand_side)(*arguments)
    rows = dict(zip(FLUXES, np.asarray(fluxes), strict=True))
    for pool, rate in zip(POOLS, np.asarray(tendency), strict=True):
        expected = sum(sign * rows[name] for name, sign in BUDGET[pool].items())
        np.testing.assert_allclose(rate, expected, rtol=1e-10, atol=1e-10, err_msg=pool)
    net = rows["gross_primary_production"] - rows["autotrophic_respiration"]
    np.testing.assert_allclose(net, rows["net_primary_production"], rtol=0, atol=1e-10)


def test_inaccessible_nitrogen_limits_plants_not_microbes(cells):
    parameters, constants, drivers, memory, pools = month_of(cells, 6)
    half = dataclasses.replace(drivers, accessible_nitrogen_fraction=jnp.asarray(0.3))
    rows = [
        dict(zip(FLUXES, right_hand_side(parameters, constants, d, memory, pools)[1], strict=True))
        for d in (drivers, half)
    ]
    microbes = "microbial_uptake_saturation"
    np.testing.assert_array_equal(rows[0][microbes], rows[1][microbes])
    uptake = "potential_nitrogen_uptake"
    assert (rows[1][uptake] <= rows[0][uptake]).all() and (rows[1][uptake] < rows[0][uptake]).any()


@pytest.mark.parametrize("empty", ["soil_organic_carbon", "soil_organic_nitrogen"])
def test_saturation_is_reported_as_zero_without_organic_matter(cells, empty):
    """As TEM does (docs/specification/model.md 5.4); no other flux but mineralisation minds."""
    parameters, constants, drivers, memory, pools = month_of(cells, 6)
    row = FLUXES.index("microbial_uptake_saturation")

    def saturation(available, pools):
        pools = pools.at[pool_index("available_nitrogen")].set(available)
        return right_hand_side(parameters, constants, drivers, memory, pools)[1][row]

    available = pools[pool_index("available_nitrogen")]
    bare = pools.at[pool_index(empty)].set(0.0)
    assert (saturation(available, pools) > 0).all()
    value, slope = jax.jvp(lambda x: saturation(x, bare), (available,), (jnp.ones_like(available),))
    assert (value == 0).all() and (slope == 0).all()


def response(arguments, substeps=SUBSTEPS):
    """Pools and fluxes of a month as a function of relative changes `(change, cell)`."""
    parameters, constants, drivers, memory, pools = arguments
    names = (*DIRECT, *RESOLVED)

    def changed(module, its_names, rows):
        pairs = zip(its_names, rows, strict=True)
        return dataclasses.replace(
            module, **{name: getattr(module, name) * (1.0 + row) for name, row in pairs}
        )

    def outputs(change):
        after, fluxes = integrate_month(
            changed(parameters, DIRECT, change[: len(DIRECT)]),
            changed(constants, RESOLVED, change[len(DIRECT) : len(names)]),
            drivers,
            memory,
            pools * (1.0 + change[len(names) :]),
            substeps=substeps,
        )
        return jnp.concatenate([after, fluxes])

    return outputs, jnp.zeros((len(names) + len(POOLS), pools.shape[1]), pools.dtype)


def test_derivatives(cells):
    outputs, zero = response(month_of(cells, 6))
    units = jnp.eye(len(zero))[:, :, None] * jnp.ones(zero.shape[1])

    @jax.jit
    def slope(change, unit):
        return jax.jvp(outputs, (change,), (unit,))

    @jax.jit
    def adjoint(change, weight):
        return jax.vjp(outputs, change)[1](weight)[0]

    # (change, output, cell)
    forward = np.stack([np.asarray(slope(zero, unit)[1]) for unit in units])
    assert np.isfinite(forward).all()
    generator = np.random.default_rng(0)
    for _ in range(3):
        weight = generator.normal(size=forward.shape[1:]) / (1e-3 + np.abs(forward).max(axis=0))
        reverse = np.asarray(adjoint(zero, jnp.asarray(weight)))
        expected = np.einsum("coi,oi->ci", forward, weight)
        scale = np.einsum("coi,oi->ci", np.abs(forward), np.abs(weight))
        # Derivatives that vanish are only zero to rounding, hence the floor (weights are scaled).
        assert (np.abs(reverse - expected) / np.maximum(scale, 1e-3)).max() <= 1e-10

    step = 1e-5
    sensitive = np.linalg.norm(forward, axis=2) > 0
    kinked, error = np.zeros(forward.shape, bool), np.zeros(forward.shape)
    norm = np.linalg.norm(forward, axis=0, keepdims=True)
    # The rounding of the values themselves bounds what a difference can resolve.
    resolved = 1e-4 * np.abs(slope(zero, units[0])[0]) + 1e-5
    scale = np.maximum(np.maximum(np.abs(forward), 1e-3 * norm), resolved)
    for row, unit in enumerate(units):
        up, down = slope(step * unit, unit)[0], slope(-step * unit, unit)[0]
        central = np.asarray((up - down) / (2.0 * step))
        error[row] = np.abs(central - forward[row]) / scale[row]
        # Within ten steps of a kink the slopes to both sides do not average to that between.
        beside = slope(10.0 * step * unit, unit)[1] + slope(-10.0 * step * unit, unit)[1]
        kinked[row] = np.abs(0.5 * np.asarray(beside) - forward[row]) > 2e-7 * scale[row]
    print(f"smooth {1 - kinked.mean():.3f}, central {error[~kinked].max():.1e}")
    assert sensitive.any(axis=1).all(), np.flatnonzero(~sensitive.any(axis=1))
    assert kinked.mean() <= 0.1
    assert error[~kinked].max() <= 1e-6


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_edges_are_finite(cells, dtype):
    parameters, constants, drivers, memory, pools = month_of(cells, 6)

    def edge(drivers=drivers, memory=memory, **changed):
        state = pools
        for name, value in changed.items():
            state = state.at[pool_index(name)].set(value)
        return drivers, memory, state

    none = jnp.zeros_like(pools[0])
    replace = dataclasses.replace
    cases = {
        "0 degC": edge(drivers=replace(drivers, air_temperature=none, soil_temperature=none)),
        "no snow": edge(
            drivers=replace(drivers, snowmelt=none), snowpack=0.0, snow_runoff_store=0.0
        ),
        "no light, no production": edge(
            drivers=replace(drivers, photosynthetically_active_radiation=none, thaw_fraction=none)
        ),
        "dry soil": edge(
            drivers=replace(drivers, rainfall=none, snowmelt=none), available_water=0.0
        ),
        "soil above its capacity": edge(available_water=2.0 * constants.available_water_capacity),
        "no mineral nitrogen": edge(available_nitrogen=0.0),
        "hardly any mineral nitrogen": edge(available_nitrogen=1e-12),
        "no storage": edge(labile_nitrogen=0.0),
        "no vegetation": edge(vegetation_carbon=0.0, structural_nitrogen=0.0, labile_nitrogen=0.0),
        "no soil": edge(soil_organic_carbon=0.0, soil_organic_nitrogen=0.0),
        "no memory": edge(
            memory=replace(memory, leaf_maximum=none, evapotranspiration_maximum=none)
        ),
    }

    @jax.jit
    def slopes(arguments):
        outputs, zero = response(arguments, substeps=2)
        forward = jax.jvp(outputs, (zero,), (jnp.ones_like(zero),))
        if dtype == jnp.float32:  # reverse mode is compiled once, in double precision
            return forward
        return (*forward, jax.grad(lambda change: jnp.sum(outputs(change)))(zero))

    for name, (drivers_now, memory_now, state) in cases.items():
        arguments = (parameters, constants, drivers_now, memory_now, state)
        arguments = jax.tree.map(lambda x: jnp.asarray(x, dtype), arguments)
        for result in slopes(arguments):
            assert np.isfinite(result).all(), name

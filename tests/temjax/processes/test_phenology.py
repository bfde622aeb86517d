import jax
import jax.numpy as jnp
import numpy as np

from temjax.numerics import largest
from temjax.processes import phenology
from tests.support.derivatives import assert_finite_derivatives, check_derivatives

RANDOM = np.random.default_rng(4)
SHAPE = {"leaf_evapotranspiration": 0.8, "leaf_persistence": 0.47, "leaf_intercept": -0.03}


def canopy(evapotranspiration, evapotranspiration_maximum, leaf_maximum, previous, vegetation):
    terms = phenology.leaf_terms(
        evapotranspiration_maximum=evapotranspiration_maximum,
        leaf_maximum=leaf_maximum,
        previous_unnormalised_leaf=previous,
        minimum_leaf=0.05,
        **SHAPE,
    )
    unnormalised = phenology.unnormalised_leaf(terms=terms, evapotranspiration=evapotranspiration)
    leaf = phenology.leaf(terms=terms, unnormalised_leaf=unnormalised)
    foliage = phenology.foliage(
        vegetation_carbon=vegetation, foliage_coefficient=1.67, foliage_exponent=-0.007
    )
    area = phenology.leaf_area_index(
        foliage=foliage, leaf=leaf, leaf_carbon_maximum=126.0, specific_leaf_area=0.0072
    )
    return unnormalised, leaf, foliage, area, phenology.projective_cover(area)


def year_end(unnormalised_leaf, air_temperature, evapotranspiration=None, **changes):
    arguments = SHAPE | changes
    return phenology.update_leaf_memory(
        evapotranspiration=jnp.arange(12.0) if evapotranspiration is None else evapotranspiration,
        unnormalised_leaf=unnormalised_leaf,
        air_temperature=air_temperature,
        temperature_optimum_minimum=5.5,
        temperature_optimum_maximum=20.0,
        **arguments,
    )


def test_derivatives():
    count = 200
    check_derivatives(
        canopy,
        {
            "evapotranspiration": RANDOM.uniform(0.1, 120.0, count),
            "evapotranspiration_maximum": RANDOM.uniform(60.0, 140.0, count),
            "leaf_maximum": RANDOM.uniform(0.8, 1.5, count),
            "previous": RANDOM.uniform(0.0, 1.2, count),
            "vegetation": RANDOM.uniform(5.0, 3000.0, count),
        },
    )


def test_edges_are_finite():
    # Year maxima of zero and below, no water, no vegetation.
    assert_finite_derivatives(
        canopy,
        {
            "evapotranspiration": [0.0, 0.0, 10.0],
            "evapotranspiration_maximum": [0.0, -1.0, 50.0],
            "leaf_maximum": [0.0, -1.0, 1.0],
            "previous": [0.0, 0.0, 0.0],
            "vegetation": [0.0, 0.0, -1.0],
        },
    )


def test_year_end_takes_the_first_month_of_the_largest_leaf():
    leaf = jnp.zeros(12).at[jnp.asarray([5, 7])].set(1.2)
    air = jnp.arange(12.0) + 3.0
    leaf_maximum, evapotranspiration_maximum, optimum = year_end(leaf, air)
    assert (leaf_maximum, evapotranspiration_maximum, optimum) == (1.2, 11.0, 8.0)
    assert year_end(leaf, air - 30.0)[2] == 5.5 and year_end(leaf, air + 30.0)[2] == 20.0
    evergreen = {
        "leaf_evapotranspiration": 0.0, "leaf_persistence": 0.0, "leaf_intercept": 1.0
    }  # fmt: skip
    assert year_end(leaf, air, **evergreen)[2] == 14.0


def test_year_end_for_many_cells():
    leaf = jnp.asarray(RANDOM.uniform(0.0, 1.0, (12, 5)))
    air = jnp.asarray(RANDOM.uniform(6.0, 19.0, (12, 5)))
    water = jnp.asarray(RANDOM.uniform(0.0, 90.0, (12, 5)))
    cells = year_end(leaf, air, water)
    single = [year_end(leaf[:, i], air[:, i], water[:, i]) for i in range(5)]
    for field, column in zip(cells, zip(*single, strict=True), strict=True):
        np.testing.assert_array_equal(field, jnp.stack(column))


def test_optimum_follows_the_temperature_of_its_month():
    """The index carries no derivative (it jumps); the temperature of its month does."""
    leaf = jnp.zeros(12).at[6].set(1.0)
    slope = jax.grad(lambda air: year_end(leaf, air)[2])(jnp.full(12, 10.0))
    np.testing.assert_array_equal(slope, jnp.zeros(12).at[6].set(1.0))
    assert not jax.grad(lambda unl: year_end(unl, jnp.full(12, 10.0))[2])(leaf).any()


def test_the_derivative_of_the_largest_goes_to_one_row():
    rows = jnp.array([[1.0, 5.0, -2.0], [3.0, 5.0, -2.0], [2.0, 4.0, -3.0]])
    found, back = jax.vjp(largest, rows)
    np.testing.assert_array_equal(found, [3.0, 5.0, -2.0])
    (slopes,) = back(jnp.ones(3))
    np.testing.assert_array_equal(slopes, [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert np.isnan(largest(rows.at[2, 0].set(jnp.nan))[0])

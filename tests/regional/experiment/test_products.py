"""Products of a short run are its outputs in other units, and by month they agree with the year."""

import jax.numpy as jnp
import numpy as np
import pytest

from temjax.forcing import MONTH_DAYS
from temjax.outputs import MONTHLY_OUTPUTS
from temjax.parameters.cell import cell_constants
from temjax.parameters.files import load_parameters
from temjax.regional.experiment.products import (
    MONTHLY_PREFIX,
    MONTHLY_PRODUCTS,
    PRODUCTS,
    annual_products,
    monthly_products,
)
from tests.support.cf import CELL_METHODS, ISIMIP_UNITS, conversion_factor
from tests.support.soil_cases import location
from tests.temjax.runs.test_conservation import CELLS, YEARS
from tests.temjax.runs.test_conservation import run as short_run

SECONDS = 86400.0 * np.array(MONTH_DAYS)


@pytest.fixture(scope="module")
def run():
    return short_run("p_ratio", jnp.float64, True)[1]


@pytest.fixture(scope="module")
def constants():
    return cell_constants(load_parameters("alpine-meadow"), location(CELLS))


def added(product, constants):
    """What is added after the change of unit."""
    zero = 273.15 if product.unit == "K" else 0.0
    return zero + (constants.wilting_point if product.name == "soilmoist" else 0.0)


def month_mean(values):
    """Mean over axis 1, weighted by days."""
    return np.average(values, axis=1, weights=MONTH_DAYS)


@pytest.mark.parametrize("name", PRODUCTS)
def test_annual_product_is_the_output_times_its_factor(name, run, constants):
    product = PRODUCTS[name]
    values = annual_products(run, constants)[name]
    info = product.output
    if product.isimip is None:
        assert np.array_equal(values, getattr(run.annual, info.name), equal_nan=True)
        return
    amount = product.unit.removesuffix(" s-1")
    factor = conversion_factor(info.unit.removesuffix(" month-1"), amount)
    if info.is_sum:
        expected = np.sum(getattr(run.monthly, info.name), axis=1) * factor / SECONDS.sum()
    elif product.cell_methods == "time: mean":
        expected = month_mean(getattr(run.monthly, info.name)) * factor
    else:
        expected = getattr(run.annual, info.name) * factor
    np.testing.assert_allclose(values, expected + added(product, constants), rtol=1e-12)


@pytest.mark.parametrize("name", MONTHLY_PRODUCTS)
def test_monthly_product_is_the_output_times_its_factor(name, run, constants):
    product = PRODUCTS[name]
    (values,) = monthly_products(run, constants, (name,)).values()
    info = product.output
    factor = conversion_factor(
        info.unit.removesuffix(" month-1"), product.unit.removesuffix(" s-1")
    )
    seconds = SECONDS[:, None] if info.is_sum else 1.0
    expected = getattr(run.monthly, info.name) * factor / seconds + added(product, constants)
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert values.shape[:2] == (YEARS, 12)


def test_months_agree_with_the_year(run, constants):
    annual = annual_products(run, constants)
    monthly = monthly_products(run, constants, MONTHLY_PRODUCTS)
    for name in MONTHLY_PRODUCTS:
        months, product = monthly[MONTHLY_PREFIX + name], PRODUCTS[name]
        mean = product.cell_methods == "time: mean"
        expected = month_mean(months) if mean else months[:, -1]
        np.testing.assert_allclose(annual[name], expected, rtol=1e-12)


def test_metadata():
    assert {name for name, product in PRODUCTS.items() if product.isimip} == set(ISIMIP_UNITS)
    assert {product.cell_methods for product in PRODUCTS.values()} <= CELL_METHODS
    for name in MONTHLY_PRODUCTS:
        assert PRODUCTS[name].output.name in MONTHLY_OUTPUTS
        assert PRODUCTS[name].monthly_cell_methods in CELL_METHODS
    for name, product in PRODUCTS.items():
        assert product.name == name and product.long_name and product.unit
    water = PRODUCTS["soilmoist"]
    assert (water.cell_methods, water.monthly_cell_methods) == ("time: mean", "time: point")
    flux = PRODUCTS["nitrogen_uptake"]  # a sum over the year has no standard name
    assert (flux.unit, flux.cell_methods, flux.standard_name) == ("g m-2", "time: sum", "")

"""Places of candidates, and what they would give: errors, Jacobians, stocks by depth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.regional.studies.design.candidate_file import SOIL_MATTER_SD, Candidate
from temjax.regional.studies.design.kinds import SERIES
from temjax.regional.studies.design.measured import Fluxes, Layers, Stocks, stocks_by_layer
from temjax.regional.studies.design.places import Site, climate_cell
from temjax.regional.studies.design.predictions import Places, errors, predictions
from temjax.regional.studies.design.uncertain import Uncertain
from temjax.regional.studies.sensitivity import Dual

MEADOW = "alpine-meadow"
NAMES = ("kdc_scale", "cmax_scale")


@pytest.fixture(autouse=True)
def double():
    jax.config.update("jax_enable_x64", True)


def candidate(kind, **keys):
    return Candidate(name="a", kind=kind, type=MEADOW, **keys)


def places(years=2):
    """Two places; directions kdc_scale, cmax_scale and the place's factor."""
    rng = np.random.default_rng(3)
    monthly, annual = (years, 12, 2), (years, 2)
    shapes = Fluxes(monthly, monthly, monthly, annual, annual, annual)
    fluxes = Dual(
        Fluxes(*(rng.standard_normal(shape) for shape in shapes)),
        Fluxes(*(rng.standard_normal((3, *shape)) for shape in shapes)),
    )
    stocks = Dual(
        Stocks(*(jnp.array(v) for v in ([9e3, 8e3], [600.0, 500.0], [2.0, 0.0], [1.5, 1.0]))),
        Stocks(*(jnp.zeros((3, 2)) for _ in range(4)))._replace(
            carbon=jnp.array([[-9e3, 0.0], [4e3, 0.0], [9e3, 8e3]])
        ),
    )
    sites = tuple(Site(cell, MEADOW, 34.0, 92.0, -4.0) for cell in (10, 20))
    return Places(
        sites, NAMES, np.array([[0.8, 0.8], [1.1, 1.1]]), fluxes, stocks, np.ones(2, dtype=bool),
        np.array([False, True]),
    )  # fmt: skip


UNCERTAIN = Uncertain(
    ("a", "b"), {MEADOW: {"cmax_scale": 0, "kdc_scale": 1}},
    {MEADOW: {"cmax_scale": 1.1, "kdc_scale": 0.8}}, np.diag([0.04, 0.09]),
)  # fmt: skip


def given(one, uncertain=UNCERTAIN, cell=10):
    made = places()
    site = next(site for site in made.sites if site.cell == cell)
    return {p.series: p for p in predictions(one, site, made, uncertain, UNCERTAIN.size)}, made


def test_a_tower_sees_its_own_place_and_factor():
    numbers = UNCERTAIN.with_places(["first", "second"], SOIL_MATTER_SD)
    of_series, made = given(candidate("tower", years=2), numbers, cell=20)
    nep = of_series["net_ecosystem_production"]
    assert nep.jacobian.shape == (24, 4)
    tangents = made.fluxes.tangents.net_ecosystem_production[..., 1].reshape(3, 24)
    assert nep.jacobian[:, 1] == pytest.approx(tangents[0] * 0.8)  # per unit of prior space
    assert nep.jacobian[:, 0] == pytest.approx(tangents[1] * 1.1)
    assert nep.jacobian[:, 3] == pytest.approx(tangents[2])
    assert not nep.jacobian[:, 2].any()
    assert (nep.independent == 10.0).all()
    assert not nep.common.any()
    assert (of_series["soil_temperature"].common == 0.5).all()
    gross = of_series["gross_flux"]
    assert gross.independent == pytest.approx(np.hypot(10.0, 0.1 * np.abs(gross.values)))


def test_years_are_the_first_of_those_run():
    of_series, made = given(candidate("transect", years=1))
    thaw = of_series["thaw_depth"]
    assert thaw.values == pytest.approx(made.fluxes.value.thaw_depth[:1, 0])
    assert thaw.independent == pytest.approx(0.15 / np.sqrt(50))
    assert thaw.common == pytest.approx(0.05)
    shared = thaw.independent[0] ** 2 + thaw.common[0] ** 2
    assert thaw.information == pytest.approx(thaw.jacobian.T @ thaw.jacobian / shared)


def test_an_incubation_observes_parameters():
    of_series, _ = given(candidate("incubation"))
    rate = of_series["decomposition_rate"]
    assert rate.values == pytest.approx([0.8])
    # ln KDC with 30 %: information 1/0.3² about the number, none about the others
    assert rate.information == pytest.approx(np.diag([0, 1 / 0.09]))
    # Q10 is no uncertain number here
    assert not of_series["decomposition_q10"].information.any()


def test_errors_of_the_file_replace_the_defaults():
    own = {"thaw_depth": {"value": 20.0, "unit": "cm", "common": 1.0}}
    one = candidate("transect", points=4, errors=own)
    independent, common = errors("thaw_depth", one, np.array([1.0, 2.0]))
    assert independent == pytest.approx([0.1, 0.1])
    assert common == pytest.approx([0.01, 0.01])
    one = candidate("core", errors={"soil_carbon": {"value": 50.0, "unit": "percent"}}, points=1)
    independent, common = errors("soil_carbon", one, np.array([1e3, 2e3]))
    assert independent == pytest.approx([500.0, 1000.0])
    assert not common.any()
    assert SERIES["soil_nitrogen"].share == 0.3


def test_stocks_by_layer_follow_the_profile_and_its_derivative():
    """z/(b + z) with b 1.5 m and an active layer of 2 m; 1 m where there is none."""
    _, made = given(candidate("core"))
    depths = ((0.0, 0.5), (0.5, 2.0), (0.0, 1.0))

    def p(z, b):
        return z / (b + z)

    stocks = made.stocks
    layers = stocks_by_layer(depths, stocks)
    whole = p(2.0, 1.5)
    carbon = np.asarray(layers.value.soil_carbon)
    assert carbon[0, 0] == pytest.approx(9e3 * p(0.5, 1.5) / whole)
    assert carbon[:2, 0].sum() == pytest.approx(9e3)
    assert carbon[2, 1] == pytest.approx(8e3)
    assert np.asarray(layers.tangents.soil_carbon)[1, 0, 0] == pytest.approx(
        4e3 * p(0.5, 1.5) / whole
    )
    along_b = Stocks(*(jnp.zeros((1, 2)) for _ in range(4)))._replace(depth_scale=jnp.ones((1, 2)))
    slope = stocks_by_layer(depths, Dual(stocks.value, along_b)).tangents
    step = 1e-6
    low, high = (p(0.5, b) / p(2.0, b) for b in (1.5 - step, 1.5 + step))
    assert isinstance(slope, Layers)
    assert np.asarray(slope.soil_carbon)[0, 0, 0] == pytest.approx(
        9e3 * (high - low) / (2 * step), rel=1e-6
    )
    assert np.isfinite(np.asarray(slope.soil_carbon)).all()


def test_the_cell_of_a_climate():
    temperature, area = np.array([-8.0, -3.0, -5.0, -6.0, 0.0]), np.array([1, 1, 1, 1, 0.1])
    assert climate_cell(temperature, area, "mean") == 2  # −5.4 °C
    assert climate_cell(temperature, area, "cold") == 0
    assert climate_cell(temperature, area, "warm") == 1  # the small warm cell is beyond 90 %

"""Units of tower data: spellings, factors by hand, and those that are refused."""

import numpy as np
import pytest

from temjax.sites.readers.record import days_of_months
from temjax.sites.readers.units import canonical_unit, conversion, unit_examples

YEARS = np.array([2003, 2004])
ONE = np.ones((2, 12))


@pytest.mark.parametrize(
    "spellings",
    [
        ("umol m-2 s-1", "umol/m2/s", "µmol m⁻² s⁻¹", "μmolCO2 m-2 s-1", "umol CO2 m^-2 s^-1",
         "umol m**-2 s**-1", "s-1 umol m-2", "umol.m-2.s-1", "umol per m2 per s"),
        ("gC m-2 d-1", "gC/m2/d", "g C m-2 day-1", "g_C m-2 d-1", "gC/m2/day", "g C m⁻² d⁻¹"),
        ("W m-2", "W/m2", "w m**-2", "W m^-2", "Watts/m2"),
        ("kg m-2 s-1", "kg/m2/s", "kg m^-2 s^-1", "KG/M2/S"),
        ("degC", "C", "°C", "Celsius", "degrees_C", "degree Celsius", "deg C", "degrees_celsius"),
        ("K", "kelvin", "degK", "Kelvin"),
        ("mm month-1", "mm/month", "mm mon-1", "mm per month"),
    ],
)  # fmt: skip
def test_spellings_of_a_unit_are_one(spellings):
    assert len({canonical_unit(text) for text in spellings}) == 1


@pytest.mark.parametrize(
    ("variable", "unit", "value", "expected"),
    [
        ("air_temperature", "K", 273.15, 0.0),
        ("air_temperature", "degC", -5.0, -5.0),
        ("precipitation", "kg/m2/s", 1 / 86400, 1.0),
        ("precipitation", "mm h-1", 1 / 24, 1.0),
        ("precipitation", "mm/day", 1.0, 1.0),
        ("shortwave", "MJ m-2 day-1", 8.64, 100.0),
        ("co2", "umolCO2/mol", 400.0, 400.0),
        ("co2", "mol mol-1", 4e-4, 400.0),
        ("net_ecosystem_production", "umol/m2/s", 1.0, 1.03772448),  # CO2TOC of ONEFlux
        ("net_ecosystem_production", "kgC m-2 s-1", 1e-3 / 86400, 1.0),
        ("gross_primary_production", "gCO2 m-2 d-1", 44.0095, 12.0107),
        ("ecosystem_respiration", "mg C m-2 s-1", 1e3 / 86400, 1.0),
    ],
)
def test_factors(variable, unit, value, expected):
    rule = conversion(variable, unit)
    per_day = expected * (days_of_months(YEARS) if rule.daily else 1)
    np.testing.assert_allclose(rule.convert(value * ONE, YEARS), per_day * ONE, atol=1e-12)
    assert rule.daily == (variable not in ("air_temperature", "shortwave", "co2"))


def test_a_unit_of_a_month_is_no_daily_mean():
    for variable, unit in (
        ("precipitation", "mm/month"),
        ("ecosystem_respiration", "g C m-2 month-1"),
    ):
        np.testing.assert_array_equal(conversion(variable, unit).convert(ONE, YEARS), ONE)


@pytest.mark.parametrize(
    ("variable", "unit"),
    [
        ("precipitation", "mm"),  # in which time
        ("net_ecosystem_production", "g m-2 d-1"),  # of what
        ("net_ecosystem_production", "kg/m2/s"),
        ("net_ecosystem_production", "W m-2"),
        ("air_temperature", "F"),
        ("shortwave", "umol m-2 s-1"),  # photons
        ("co2", ""),
        ("shortwave", "J m-2"),
    ],
)
def test_units_that_could_mean_two_things_or_another_quantity_are_refused(variable, unit):
    assert conversion(variable, unit) is None
    for example in unit_examples(variable).replace(" or ", ", ").split(", "):
        assert conversion(variable, example) is not None

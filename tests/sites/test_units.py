"""Units as people write them."""

import numpy as np
import pytest

from temjax.sites.entry_values import monthly_conversion, single_conversion
from temjax.sites.readers.record import days_of_months
from temjax.sites.units import (
    CARBON_MASS,
    CO2_MASS,
    QUANTITIES,
    UNDERSTOOD,
    known_unit,
    unit_with_time,
)

YEARS = np.array([2003, 2004])
MICROMOL = CARBON_MASS * 1e-6 * 86400  # g C m⁻² d⁻¹ per µmol m⁻² s⁻¹
SOIL = {"C": "soil_organic_carbon", "N": "soil_organic_nitrogen"}
VARIABLE = {
    "temperature": "air_temperature", "water": "precipitation", "radiation": "shortwave",
    "carbon flux": "net_ecosystem_production", "annual carbon flux": "net_ecosystem_production",
}  # fmt: skip


def conversion(unit, measured):
    """Conversion of a value of a site file by what it measures."""
    if measured in SOIL:
        return single_conversion(unit, SOIL[measured])
    of = single_conversion if measured.startswith("annual") else monthly_conversion
    return of(unit, VARIABLE[measured])


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("g C m-2", 1.0),
        ("gC/m2", 1.0),
        ("kg C m-2", 1000.0),
        ("kgC m-2", 1000.0),
        ("KgC/m^2", 1000.0),
        ("kg C m⁻²", 1000.0),
        ("kg C per m2", 1000.0),
        ("kg·m**-2", 1000.0),
        ("hg C m-2", 100.0),
        ("t C ha-1", 100.0),
        ("Mg C ha-1", 100.0),
        ("MgC/ha", 100.0),
        ("mg C cm-2", 10.0),
        ("mol C m-2", CARBON_MASS),
        ("kg CO2 m-2", 1000 * CARBON_MASS / CO2_MASS),
    ],
)
def test_carbon_stocks(unit, factor):
    assert conversion(unit, "C").factor == pytest.approx(factor)


@pytest.mark.parametrize(
    "unit",
    ["", "%", "kg C", "g C m-3", "g C m-2 yr-1", "g N m-2", "kg SOM m-2", "kg C m-2 (0-1 m)"],
)
def test_what_is_no_carbon_stock(unit):
    assert conversion(unit, "C") is None


def test_nitrogen_is_not_carbon():
    assert conversion("kg N m-2", "N").factor == 1000
    assert conversion("t N ha-1", "N").factor == 100
    assert conversion("kg C m-2", "N") is None
    assert conversion("kg CO2 m-2", "N") is None


@pytest.mark.parametrize(
    ("quantity", "unit", "january", "february"),
    [
        ("water", "mm", 1, 1),
        ("water", "mm/month", 1, 1),
        ("water", "mm d-1", 31, 28),
        ("water", "kg m-2 s-1", 31 * 86400, 28 * 86400),
        ("water", "cm month-1", 10, 10),
        ("water", "mm yr-1", 31 / 365, 28 / 365),
        ("radiation", "W/m2", 1, 1),
        ("radiation", "Wm-2", 1, 1),
        ("radiation", "MJ m-2 day-1", 1e6 / 86400, 1e6 / 86400),
        ("radiation", "MJ m-2 month-1", 1e6 / 86400 / 31, 1e6 / 86400 / 28),
        ("carbon flux", "gC m-2 mon-1", 1, 1),
        ("carbon flux", "g C m-2 d-1", 31, 28),
        (
            "carbon flux",
            "umolCO2 m-2 s-1",
            CARBON_MASS * 1e-6 * 86400 * 31,
            CARBON_MASS * 1e-6 * 86400 * 28,
        ),
        ("carbon flux", "kg C m-2 s-1", 1000 * 86400 * 31, 1000 * 86400 * 28),
        ("carbon flux", "t C ha-1 yr-1", 100 * 31 / 365, 100 * 28 / 365),
        ("annual carbon flux", "t C ha-1 yr-1", 100, 100),
        ("annual carbon flux", "g C m-2 d-1", 365, 365),
    ],
)
def test_rates(quantity, unit, january, february):
    factor = np.broadcast_to(conversion(unit, quantity).factor, 12)
    np.testing.assert_allclose(factor[:2], [january, february])


@pytest.mark.parametrize(
    ("unit", "value", "celsius"),
    [("degC", 5, 5), ("°C", 5, 5), ("ºC", 5, 5), ("deg C", 5, 5), ("K", 273.15, 0), ("°F", 50, 10)],
)
def test_temperatures(unit, value, celsius):
    scale = conversion(unit, "temperature")
    assert float(scale.apply(value)) == pytest.approx(celsius)
    assert float(scale.apply_sd(1.8)) == pytest.approx(1.0 if unit == "°F" else 1.8)


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        ("temperature", "m"),
        ("water", "W m-2"),
        ("radiation", "J m-2"),
        ("carbon flux", "g C m-2"),
        ("carbon flux", "g N m-2 d-1"),
        ("annual carbon flux", "g C m-2 month-1"),
    ],
)
def test_another_quantity_is_not_understood(quantity, unit):
    assert conversion(unit, quantity) is None


def test_what_findings_list_is_understood():
    for quantity, examples in UNDERSTOOD.items():
        for unit in examples:
            assert unit_with_time(unit, quantity) is not None, (quantity, unit)


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
    quantity = next(q for q in UNDERSTOOD if known_unit(spellings[0], q) is not None)
    first, *others = (known_unit(text, quantity) for text in spellings)
    assert all(other.same_as(first) for other in others)


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
def test_factors_of_towers(variable, unit, value, expected):
    rule, month = unit_with_time(unit, QUANTITIES[variable]), days_of_months(YEARS)
    per_day = rule.daily(np.full((2, 12), value), month=month)
    np.testing.assert_allclose(per_day, expected, atol=1e-12)
    summed = variable not in ("air_temperature", "shortwave", "co2")
    factor = month if summed else 1
    np.testing.assert_allclose(rule.monthly(per_day, month), expected * factor, atol=1e-12)


def test_a_unit_of_a_month_is_no_daily_mean():
    month = days_of_months(YEARS)
    for unit, quantity in (("mm/month", "water"), ("g C m-2 month-1", "carbon")):
        rule = known_unit(unit, quantity)
        values = rule.monthly(rule.daily(np.ones((2, 12)), month=month), month)
        np.testing.assert_allclose(values, 1, rtol=1e-15)


@pytest.mark.parametrize(
    ("variable", "unit"),
    [
        ("precipitation", "mm"),  # in which time
        ("net_ecosystem_production", "g m-2 d-1"),  # of what
        ("net_ecosystem_production", "kg/m2/s"),
        ("net_ecosystem_production", "W m-2"),
        ("shortwave", "umol m-2 s-1"),  # photons
        ("co2", ""),
        ("shortwave", "J m-2"),
    ],
)
def test_units_that_could_mean_two_things_or_another_quantity_are_refused(variable, unit):
    assert unit_with_time(unit, QUANTITIES[variable]) is None

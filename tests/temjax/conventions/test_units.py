"""Units as people and files write them: every spelling is one unit."""

import numpy as np
import pytest

from temjax.conventions.unit_text import parse_product
from temjax.conventions.units import (
    QUANTITIES,
    UNDERSTOOD,
    UnitError,
    known_unit,
    parse_unit,
    unit_with_time,
)
from temjax.sites.readers.record import days_of_months

YEARS = np.array([2003, 2004])


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


@pytest.mark.parametrize(
    ("quantity", "spellings"),
    [
        ("water", ("m d-1", "m of water equivalent per day", "m w.e. d-1", "m (day)-1")),
        ("water", ("kg m-2 s-1", "kgm-2s-1", "kg/(m2 s)", "kg m^{-2} s^{-1}", "kg H2O m-2 s-1")),
        ("water", ("mm (half hour)-1", "mm per 30 min", "mm/30min", "2 mm h-1", "mm hh-1")),
        ("water", ("25.4 mm d-1", "in d-1", "inches per day")),
        ("carbon", ("g C m-2 month-1", "gC/(m2 month)", "g m-2 C mon-1", "gC m -2 mo -1")),
        ("carbon", ("umol m-2 s-1", "1e-6 mol m-2 s-1", "10^-6 mol m-2 s-1", "umol/(m2*s)")),
        ("co2", ("ppm", "umol mol-1", "umolCO2/mol", "1e-6", "10-6", "1000 ppb")),
        ("energy", ("W m-2", "0.001 kW m-2", "J m-2 s-1", "J/(m2 s)", "W/m 2")),
        ("nitrogen", ("g N m-2 yr-1", "gN/m2/year", "10 kg N ha-1 yr-1", "1000 mg N m-2 a-1")),
        ("carbon stock", ("kg C m-2", "10 t C ha-1", "kgC/m2", "1000 gm C per m2")),
        ("share", ("percent", "%", "0.01", "10 g kg-1")),
    ],
)  # fmt: skip
def test_what_people_and_files_write_is_one(quantity, spellings):
    first, *others = (parse_unit(text, quantity) for text in spellings)
    assert all(other.same_as(first) for other in others)


@pytest.mark.parametrize(
    "text",
    ["", "(", "m)", "mm /", "0 mm", "m**13", "(1e59 m)**12", "(" * 81, "furlong", "m2 (0-1 m)"],
)
def test_what_is_no_unit(text):
    assert parse_product(text) is None


@pytest.mark.parametrize(
    ("text", "quantity", "words"),
    [
        ("furlong", "water", "'furlong' is not understood; understood: mm month-1"),
        ("degC", "water", "is that of a temperature, not of an amount of water"),
        ("ppm", "water", "is that of a mole fraction"),
        ("umol m-2 s-1", "energy", "a flux of photons"),
        ("g m-2 d-1", "carbon", "it does not say of what"),
    ],
)
def test_what_is_refused_says_why(text, quantity, words):
    with pytest.raises(UnitError) as error:
        parse_unit(text, quantity)
    assert words in str(error.value)


def test_a_factor_of_months_is_exact_where_the_unit_has_months():
    month = days_of_months(YEARS)
    assert parse_unit("mm month-1", "water").monthly_factor(month) == 1
    assert (parse_unit("mm d-1", "water").monthly_factor(month) == month).all()
    np.testing.assert_allclose(
        parse_unit("mm yr-1", "water").monthly_factor(month, year=365.0), month / 365
    )
    assert parse_unit("W m-2", "energy").monthly_factor(month) == 1
    half_hours = parse_unit("mm", "water").monthly_factor(month, step=1 / 48)
    np.testing.assert_allclose(half_hours, 48 * month)

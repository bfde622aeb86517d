"""Units of the values of a site file."""

import numpy as np
import pytest

from temjax.conventions.units import CARBON_MASS, CO2_MASS
from temjax.sites.entry_values import monthly_conversion, single_conversion

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

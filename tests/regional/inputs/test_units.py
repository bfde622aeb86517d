"""Units in every spelling give one factor; what is in doubt is asked, not guessed."""

import numpy as np
import pytest

from temjax.forcing import MONTH_DAYS
from temjax.regional.inputs.grids.gridded import Reader
from temjax.regional.inputs.units import conversion, to_model_units

DAYS = np.array(MONTH_DAYS, dtype=float)
SPELLINGS = {
    ("air_temperature", 1.0, 0.0): "degC C celsius Celsius degrees_Celsius deg_C °C ℃ "
                                   "degrees|Celsius degree|C deg|C degree_celsius",
    ("air_temperature", 1.0, -273.15): "K kelvin Kelvin degK degrees|K",
    ("precipitation", 1.0, 0.0): "mm|month-1 mm/month mm/mon mm|mon-1 mm kg|m-2|month-1 MM/MONTH",
    ("precipitation", "days", 0.0): "mm|d-1 mm/day mm|day**-1 kg|m-2|d-1 mm.day-1 mmd-1 mm|per|day",
    ("precipitation", "1000 days", 0.0): "m|d-1 m|day**-1 m|of|water|equivalent|per|day",
    ("precipitation", "86400 days", 0.0): "kg|m-2|s-1 kg|m**-2|s**-1 kg/m2/s kg/(m2|s) mm|s-1 "
                                          "kg|m^-2|s^-1 kg|m⁻²|s⁻¹ kgm-2s-1 kg|m^{-2}|s^{-1}",
    ("shortwave", 1.0, 0.0): "W|m-2 W/m2 w|m**-2 W/m^2 W|m^-2 Wm-2 W|/|m2 W|m⁻² watt|m-2 WM-2",
    ("shortwave", 1 / 86400, 0.0): "J|m-2|d-1 J|m**-2|day**-1",
    ("shortwave", 1e6 / 86400, 0.0): "MJ|m-2|d-1 MJ/m2/day",
    ("co2", 1.0, 0.0): "ppm ppmv umol|mol-1 µmol/mol 1e-6 1.e-6 1E-06 10^-6",
    ("co2", 1e6, 0.0): "mol|mol-1 mol/mol 1",
    ("texture", 1.0, 0.0): "% percent pct",
    ("texture", 0.1, 0.0): "g|kg-1 g/kg",
    ("elevation", 1000.0, 0.0): "km kilometers",
}  # fmt: skip


@pytest.mark.parametrize("expected", SPELLINGS)
def test_spellings(expected):
    kind, factor, offset = expected
    if isinstance(factor, str):
        factor = float(factor.removesuffix("days") or 1) * DAYS
    for spelling in SPELLINGS[expected].split():
        units = spelling.replace("|", " ")
        found = conversion(kind, units)
        assert found is not None, units
        assert np.array_equal(found[0], factor) and found[1] == offset, units


@pytest.mark.parametrize(
    ("kind", "units"),
    [
        ("precipitation", "inches"), ("precipitation", "W m-2"), ("precipitation", "g C m-2 d-1"),
        ("precipitation", "1"), ("shortwave", "mm"), ("shortwave", "W m-2 sr-1"),
        ("air_temperature", "degR"), ("co2", "kg kg-1"), ("co2", "g/m3"),
        ("precipitation", "mm**99999999"), ("precipitation", "1e99999999 mm"),
        ("precipitation", "("), ("precipitation", "0-1 mm"), ("precipitation", "(" * 5000),
    ],
)  # fmt: skip
def test_what_is_no_unit_of_the_kind_is_not_understood(kind, units):
    assert conversion(kind, units) is None


def test_units_of_towers_are_read_too():
    factor, offset = conversion("air_temperature", "°F")
    assert 50 * factor + offset == pytest.approx(10)
    np.testing.assert_allclose(conversion("precipitation", "mm yr-1")[0], DAYS / 365)
    np.testing.assert_allclose(conversion("precipitation", "in d-1")[0], 25.4 * DAYS)
    np.testing.assert_allclose(conversion("precipitation", "mm (half hour)-1")[0], 48 * DAYS)
    assert conversion("precipitation", "in", 86400.0)[0] == pytest.approx(25.4 * DAYS)
    assert conversion("co2", "umolCO2/mol") == (1.0, 0.0)


def convert(tmp_path, kind, units, values, **options):
    reader = Reader(tmp_path)
    values = np.broadcast_to(np.asarray(values, float), (12,))[:, None]
    return reader, to_model_units(reader, "a.nc", "v", kind, units, values, **options)


def test_amounts_of_a_record_need_its_interval(tmp_path):
    for kind, units in (("precipitation", "m"), ("shortwave", "J m**-2")):
        reader, values = convert(tmp_path, kind, units, 1.0)
        assert values is None
        assert "names no time, a day or a month" in str(reader.findings[0])
    _, values = convert(tmp_path, "precipitation", "m", 0.002, interval=86400)
    assert values[:, 0] == pytest.approx(2 * DAYS)
    _, values = convert(tmp_path, "precipitation", "mm", 1.0, interval=6 * 3600)
    assert values[:, 0] == pytest.approx(4 * DAYS)
    _, values = convert(tmp_path, "shortwave", "J m-2", 864e4, interval=86400)
    assert values == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("air_temperature", np.linspace(-30, 10, 12), "taken as degC"),
        ("air_temperature", np.linspace(243, 283, 12), "look like kelvin"),
        ("precipitation", np.linspace(5, 90, 12), "taken as mm month-1"),
        ("precipitation", np.linspace(0.2, 3, 12), "mm d-1"),
        ("precipitation", np.linspace(1e-6, 3e-5, 12), "kg m-2 s-1"),
        ("shortwave", np.linspace(0, 250, 12), "taken as W m-2"),
        ("shortwave", np.linspace(0, 22, 12), "MJ m-2 d-1"),
        ("co2", 380.0, "taken as ppm"),
        ("co2", 3.8e-4, "mol mol-1"),
    ],
)
def test_values_without_units_are_taken_only_where_their_size_is_certain(
    tmp_path, kind, values, words
):
    reader, converted = convert(tmp_path, kind, "", values)
    if "taken" in words:
        assert np.allclose(converted[:, 0], values) and not reader.findings
        assert words in reader.notes[0]
    else:
        assert converted is None
        (finding,) = reader.findings
        assert words in finding.mend and "no units" in finding.message

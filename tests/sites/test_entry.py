"""Site files: units, values, names, and what is said of them."""

import numpy as np
import pytest

from temjax import sites
from temjax.files.findings import DataError
from temjax.files.names import name_of
from temjax.sites.entry import parse_entry, read_entry
from tests.support.tower_files import site_text

STOCK = """
[stocks.soil_organic_{element}]
value = {value}
sd = {sd}
unit = "{unit}"
depth = "0-1 m"
source = "test"
"""
MEAN_YEAR = """
[climatology.{name}]
unit = "{unit}"
mean = {mean}
{sd}
source = "test"
"""


def place(name="hill", title="Hill") -> str:
    return site_text(
        name, title=title, head="period = [2001, 2010]", vegetation="boreal-forest",
        texture=(50, 35, 15), latitude=64.0, elevation=200,
    )  # fmt: skip


def parse(tmp_path, text, name="hill", title="Hill"):
    path = tmp_path / "site.toml"
    path.write_text(place(name, title) + text, encoding="utf-8")
    return parse_entry(path)


def stock(value=12.5, sd=4.0, unit="kg C m-2", element="carbon") -> str:
    return STOCK.format(element=element, value=value, sd=sd, unit=unit)


@pytest.mark.parametrize(
    ("unit", "scale"), [("kg C m-2", 1000), ("gC/m2", 1), ("t C ha-1", 100), ("hg C m-2", 100)]
)
def test_stocks_are_in_the_models_unit(tmp_path, unit, scale):
    entry, findings = parse(tmp_path, stock(12500 / scale, 4000 / scale, unit))
    assert findings == []
    soil = entry.stocks["soil_organic_carbon"]
    assert (soil.value, soil.sd) == (pytest.approx(12500), pytest.approx(4000))
    assert (soil.unit, soil.depth) == ("g C m-2", "0-1 m")
    again = type(entry).model_validate(entry)  # a converted entry stays as it is
    assert again.stocks == entry.stocks


def test_the_target_of_a_fit_is_converted(tmp_path):
    text = stock(12.5, 4) + stock(0.8, 0.2, "kg N m-2", "nitrogen")
    for name, unit, value in (
        ("air_temperature", "degC", 0.0), ("precipitation", "mm", 40.0), ("shortwave", "W/m2", 0.0),
    ):  # fmt: skip
        text += MEAN_YEAR.format(name=name, unit=unit, mean=[value] * 12, sd="")
    assert parse(tmp_path, text)[1] == []
    stocks = sites.read_site(tmp_path / "site.toml").observations.stocks
    assert stocks["soil_organic_carbon"].value == pytest.approx(12500)
    assert stocks["soil_organic_nitrogen"].value == pytest.approx(800)
    assert stocks["soil_organic_nitrogen"].unit == "g N m-2"


@pytest.mark.parametrize(
    ("text", "key", "message", "mend"),
    [
        (stock(unit="% by mass"), "unit", "not understood", "kg C m-2, hg C m-2"),
        (stock(unit="kg N m-2"), "unit", "not understood for soil organic carbon", "g C m-2"),
        (stock("nan"), "value", "nan", "remove the table"),
        (stock("-inf"), "value", "-inf", "remove the table"),
        (stock(-12.5), "value", "-12500 g C m-2", "remove the table"),
        (stock(0), "value", "0 g C m-2", "remove the table"),
        (stock(sd="nan"), "sd", "nan", "standard deviation"),
        (stock(sd="inf"), "sd", "inf", "standard deviation"),
        (stock(sd=-4), "sd", "-4000", "standard deviation"),
        (stock(sd=0), "sd", "0 g C m-2 is not a positive", "divides"),
        (stock(12.5, 4, "g C m-2"), "value", "less than 50", 'unit = "kg C m-2"'),
        (stock(12500, 4000), "value", "more than 400000", 'unit = "g C m-2"'),
        (stock(12.5, 4000), "sd", "beside the value 12500", "same unit"),
        (stock(12500, 4, "g C m-2"), "sd", "beside the value 12500", "same unit"),
    ],
)
def test_faults_of_a_stock(tmp_path, text, key, message, mend):
    _, findings = parse(tmp_path, text)
    assert [fault.variable for fault in findings] == [f"stocks.soil_organic_carbon.{key}"]
    assert message in findings[0].message
    assert mend in findings[0].mend


def test_stocks_of_the_type_are_beside_those_of_the_place(tmp_path):
    of_type = stock(16, 3).replace("[stocks.", "[type_stocks.")
    entry, findings = parse(tmp_path, stock() + of_type)
    assert findings == []
    assert entry.stocks["soil_organic_carbon"].value == pytest.approx(12500)
    assert entry.type_stocks["soil_organic_carbon"].value == pytest.approx(16000)
    _, findings = parse(tmp_path, of_type.replace("sd = 3", "sd = 0"))
    assert [fault.variable for fault in findings] == ["type_stocks.soil_organic_carbon.sd"]


def test_every_fault_of_a_stock_is_told(tmp_path):
    text = stock("nan", 0) + stock(0.9, 0.3, "g N m-2", "nitrogen")
    keys = [fault.variable for fault in parse(tmp_path, text)[1]]
    assert keys == [
        "stocks.soil_organic_carbon.value",
        "stocks.soil_organic_carbon.sd",
        "stocks.soil_organic_nitrogen.value",
    ]


def climate(**changed) -> str:
    rows = {
        "air_temperature": ("K", [268.15] * 12, ""),
        "precipitation": ("mm/day", [1.0] * 12, ""),
        "shortwave": ("MJ m-2 d-1", [0.0] * 12, ""),
        "gross_primary_production": (
            "g C m-2 d-1",
            [2.0] * 12,
            "sd = [0.5{}]".format(", 0.5" * 11),
        ),
    } | changed
    return "".join(
        MEAN_YEAR.format(name=name, unit=unit, mean=mean, sd=sd)
        for name, (unit, mean, sd) in rows.items()
    )


def test_mean_years_are_converted(tmp_path):
    entry, findings = parse(tmp_path, climate())
    assert findings == []
    tables = entry.climatology
    np.testing.assert_allclose(tables["air_temperature"].mean, -5.0)
    assert tables["precipitation"].mean[:2] == [31.0, 28.0]
    assert tables["gross_primary_production"].mean[:2] == [62.0, 56.0]
    assert tables["gross_primary_production"].sd[:2] == [15.5, 14.0]
    assert tables["gross_primary_production"].unit == "g C m-2 month-1"


@pytest.mark.parametrize(
    ("changed", "key", "index", "message"),
    [
        ({"shortwave": ("lux", [0.0] * 12, "")}, "climatology.shortwave.unit", "", "'lux'"),
        (
            {"air_temperature": ("degC", [0.0, "nan", "nan", *[0.0] * 9], "")},
            "climatology.air_temperature.mean", "value 2", "(2 such values)",
        ),
        (
            {"precipitation": ("mm", [1.0] * 11, "")},
            "climatology.precipitation.mean", "", "11 values, not 12",
        ),
        (
            {"precipitation": ("mm", [1.0] * 12, "sd = [1.0, -2.0{}]".format(", 1.0" * 10))},
            "climatology.precipitation.sd", "month 2", "negative standard deviation -2",
        ),
        (
            {"gross_primary_production": ("g C m-2 d-1", [2.0, 205.0, *[2.0] * 10], "")},
            "gross_primary_production", "month 2", "beyond any flux",
        ),
    ],
)  # fmt: skip
def test_faults_of_a_mean_year(tmp_path, changed, key, index, message):
    text = climate(**changed).replace("'nan'", "nan")
    _, findings = parse(tmp_path, text)
    assert [(fault.variable, fault.index) for fault in findings] == [(key, index)]
    assert message in findings[0].message


SINGLE = '\n[[{}]]\nvariable = "{}"\nvalue = {}\nunit = "{}"\nyear = 2003\nsource = "test"\n'


def test_single_values_are_converted(tmp_path):
    text = SINGLE.format("annual", "gross_primary_production", 6.5, "t C ha-1 yr-1")
    text += SINGLE.format("published", "soil_organic_matter", 1.85, "%")  # not compared: as it is
    entry, findings = parse(tmp_path, text)
    assert findings == []
    assert entry.annual[0].value == pytest.approx(650)
    assert entry.annual[0].unit == "g C m-2 yr-1"
    assert entry.published[0].unit == "%"
    text += SINGLE.format("annual", "net_ecosystem_production", 6.5, "g C")
    _, findings = parse(tmp_path, text)
    assert [fault.variable for fault in findings] == ["annual[2].unit"]


@pytest.mark.parametrize("name", ["US-ICs", "a", "my_site.v2", "x" * 64])
def test_names(tmp_path, name):
    assert parse(tmp_path, "", name=name)[1] == []


@pytest.mark.parametrize(
    "name",
    ["", "../../etc", "a/b", ".hidden", "-x", "a b", "tab\\t", "x" * 65, "ü", "a\\\\b", "a\\n"],
)
def test_names_that_are_no_names_of_files(tmp_path, name):
    _, findings = parse(tmp_path, "", name=name)
    assert [fault.variable for fault in findings] == ["name"]
    assert findings[0].mend


@pytest.mark.parametrize("title", ["two\\nlines", "bell\\u0007", "colour \\u001b[31m", "x" * 201])
def test_titles_of_one_line(tmp_path, title):
    _, findings = parse(tmp_path, "", title=title)
    assert [fault.variable for fault in findings] == ["title"]


def test_text_becomes_a_name():
    assert name_of("My tower (2003)/new") == "My-tower-2003-new"
    assert name_of("../..") == "unnamed"
    assert len(name_of("x" * 300)) == 64


def test_a_fault_of_form_is_in_our_words(tmp_path):
    path = tmp_path / "site.toml"
    text = place().replace("sand = 50", 'sand = "50 %"')
    path.write_text(text + "\n[[traps]]\nvariable = 3\ntext = 't'\nsource = 's'\nmonths = [13]\n")
    with pytest.raises(DataError) as error:
        read_entry(path)
    said = {fault.variable: fault.message for fault in error.value.findings}
    assert said["soil.sand"] == "'50 %' is not a number"
    assert said["traps[1].variable"] == "3 is not a text"
    assert set(said) == {"soil.sand", "traps[1].variable", "traps[1].months"}

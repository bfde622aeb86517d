"""Tables of soil stocks by vegetation type or point."""

import numpy as np
import pytest

from temjax.files.findings import DataError
from temjax.sites.stock_table import read_stocks

HEAD = "vegetation,lat,lon,variable,value,sd,unit,depth,years,source\n"


def stocks_of(folder, text):
    path = folder / "soc.csv"
    path.write_text(text, encoding="utf-8")
    return read_stocks(path)


def test_types_points_units_ranges_and_depths(tmp_path):
    (by_type, at_point, nitrogen), notes = stocks_of(
        tmp_path,
        HEAD + "alpine-meadow,,,SOC,14.4-17.5,,kg C m-2,0-2 m,2005-2007,Mu et al. 2020\n"
        ",34.5,92.5,soil_organic_carbon,120,12,t C ha-1,30-100 cm,,\n"
        "alpine-steppe,,,SON,0.6,0.1,kg N m-2,,,\n",
    )
    assert by_type.value == pytest.approx(15950) and by_type.sd == pytest.approx(1550)
    assert by_type.depths == (0.0, 2.0) and by_type.years == (2005, 2006, 2007)
    assert by_type.where == "alpine-meadow" and by_type.source == "Mu et al. 2020"
    assert (at_point.value, at_point.sd) == pytest.approx((12000, 1200))
    assert at_point.depths == (0.3, 1.0) and at_point.where == "34.5 N 92.5 E"
    assert nitrogen.variable == "soil_organic_nitrogen" and nitrogen.value == pytest.approx(600)
    assert nitrogen.depths is None and nitrogen.years == ()
    assert notes == ["1 stocks are ranges: their middle counts, with half as the error"]


def test_an_error_that_is_not_given_is_not_a_number(tmp_path):
    (stock,), _ = stocks_of(tmp_path, HEAD + "alpine-meadow,,,SOC,15,,kg C m-2,1 m,,\n")
    assert np.isnan(stock.sd) and stock.depths == (0.0, 1.0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("alpine-medow,,,SOC,15,,kg C m-2,,,", "vegetation at line 2: 'alpine-medow' is no vege"),
        ("alpine-meadow,,,SOD,15,,kg C m-2,,,", "variable at line 2: 'SOD' is no stock"),
        ("alpine-meadow,,,SOC,15,,kg N m-2,,,", "'kg N m-2' is no unit of soil organic carbon"),
        ("alpine-meadow,,,SON,1,,kg C m-2,,,", "soil organic nitrogen. Write kg N m-2, t N ha-1"),
        ("alpine-meadow,,,SOC,much,,kg C m-2,,,", "'much' is no stock"),
        ("alpine-meadow,,,SOC,>15,,kg C m-2,,,", "a bound is no stock"),
        ("alpine-meadow,,,SOC,15,,kg C m-2,2-1 m,,", "'2-1 m' ends above its top"),
        ("alpine-meadow,,,SOC,15,,kg C m-2,deep,,", "'deep' is no depth"),
        ("alpine-meadow,,,SOC,15,,kg C m-2,0-30,,", "'0-30' is 30 m deep. Write 0-30 cm"),
        ("alpine-meadow,,,SOC,-15,,kg C m-2,,,", "-15 is no stock"),
        ("alpine-meadow,,,SOC,15 t ha-1,,kg C m-2,,,", "'15 t ha-1' has a unit of its own"),
        ("alpine-meadow,,,SOC,15,-2,kg C m-2,,,", "'-2' is no standard deviation"),
        ("alpine-meadow,,,SOC,14-16,2,kg C m-2,,,", "both a range and an sd are given"),
        ("alpine-meadow,,,SOC,15,,kg C m-2,,lately,", "'lately' names no year"),
        (",345,92,SOC,15,,kg C m-2,,,", "lat at line 2: 345 lies outside -90 to 90 degrees"),
        (",,,SOC,15,,kg C m-2,,,", "neither a type nor a point"),
    ],
)
def test_faults_name_line_and_mend(tmp_path, row, message):
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        stocks_of(tmp_path, HEAD + row + "\n")


def test_a_stock_that_stands_twice_is_told(tmp_path):
    row = "alpine-meadow,,,SOC,{},,kg C m-2,0-1 m,,\n"
    stocks, notes = stocks_of(tmp_path, HEAD + row.format(14) + row.format(15))
    assert len(stocks) == 2 and "stand above (first: line 3): each counts by itself" in notes[0]


def test_a_table_of_another_form_is_told_what_is_needed(tmp_path):
    with pytest.raises(DataError, match="variable at header: the column is missing"):
        stocks_of(tmp_path, "quantity,value,unit\nSOC stock,17.3 +- 5.3,Pg C\n")

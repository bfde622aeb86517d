"""Tables of thaw depths at points, as people have them."""

import numpy as np
import pytest

from temjax.files.findings import DataError
from temjax.sites.plain_table import read_range, read_value, read_years
from temjax.sites.thaw_points import read_thaw_points


def points_of(folder, text):
    path = folder / "alt.csv"
    path.write_text(text, encoding="utf-8")
    return read_thaw_points(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lat,lon,thaw_depth_cm\n34,92,180\n", (1.8, "")),
        ("Latitude;Longitude;ALT (m)\n34;92;>2,6\n", (2.6, ">")),
        ("lat,lon,thaw_depth,unit\n34,92,<40,cm\n", (0.4, "<")),
        ("lat,lon,thaw_depth\n34,92,≥2.6 m\n", (2.6, ">")),
        ("lat\tlon\tactive_layer_thickness_m\n34\t92\t1.2\n", (1.2, "")),
    ],
)
def test_depths_units_and_bounds(tmp_path, text, expected):
    points, notes = points_of(tmp_path, text)
    assert [(point.observed, point.bound) for point in points] == [expected]
    assert points[0].latitude == 34 and points[0].longitude == 92 and notes == []


def test_years_errors_and_names(tmp_path):
    (first, second, third), _ = points_of(
        tmp_path,
        "name,lat,lon,years,thaw_depth_cm,sd,elev_m,source\n"
        "a,34,92,2006-2009,180,20,4600,CALM\nb,34,92,2006; 2009,170,,,\nc,34,93,,170,,,\n",
    )
    assert (first.name, first.years, first.sd) == ("a", (2006, 2007, 2008, 2009), 0.2)
    assert (first.elevation, first.source) == (4600, "CALM")
    assert second.years == (2006, 2009) and np.isnan(second.sd)
    assert third.years == ()


def test_a_table_with_a_column_for_each_year(tmp_path):
    points, notes = points_of(
        tmp_path,
        "name,lat_published,lat_suggested,lon_suggested,alt_m_2006,alt_m_2007,alt_m_2008,"
        "alt_m_2009,alt_m_mean_2006_2009,alt_m_1998_2005_mean,years,flags\n"
        'a,1,34.7,92.9,2.79,2.74,2.73,,2.753,2.62,1998-2009,"1998 = 260, 2001 >"\n'
        "b,1,31.8,91.7,,,,,,,2000-2005,only lower bound ALT > 2.35 m in every year\n"
        "c,1,31.8,91.8,,,,,,,,lost\n",
    )
    assert [(p.latitude, p.observed, p.bound, p.years) for p in points] == [
        (34.7, 2.753, "", (2006, 2007, 2008)),  # the years that were observed
        (31.8, 2.35, ">", tuple(range(2000, 2006))),
    ]
    assert notes == [
        "coordinates are those of the columns lat_suggested and lon_suggested",
        "1 of 3 rows left out: without a thaw depth (line 4)",
    ]


def test_what_is_left_out_is_counted(tmp_path):
    points, notes = points_of(
        tmp_path,
        "lat,lon,year,alt,unit\n34,92,2006,1.8,m\n34,92,2006,1.9,m\n,92,2006,1.9,m\n"
        "35,92,2006,1.9,parsec\n36,92,2006,1.9,parsec\n34,92,2007,NA,m\n34,92,2008,1.7,m\n",
    )
    assert [point.observed for point in points] == [1.8, 1.7]
    assert notes == [
        "1 of 7 rows left out: of a place and years that stand above (line 3)",
        "1 of 7 rows left out: without coordinates (line 4)",
        "2 of 7 rows left out: with a unit that is not understood ('parsec') (line 5, 6)",
        "1 of 7 rows left out: without a thaw depth (line 7)",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lat,lon,thaw_depth\n34,92,1.8\n", "the unit is missing"),
        ("lat,lon,depth_of_sensor\n34,92,1.8\n", "thaw depth at header: the column is missing"),
        ("lon,thaw_depth_m\n92,1.8\n", "latitude at header: the column is missing"),
        ("lat,lon,thaw_depth_m\n34,92,deep\n", "thaw_depth_m at line 2: 'deep' is no thaw depth"),
        ("lat,lon,thaw_depth_m\n34,92,-1\n", "'-1' is no depth"),
        ("lat,lon,thaw_depth_m\nnorth,92,1\n", "'north' is no number"),
        ("lat,lon,thaw_depth_m\n345,92,1\n", "lat at line 2: 345 lies outside -90 to 90 degrees"),
        ("lat,lon,thaw_depth_m\n34,92,180\n", "180 m is deeper than any active layer"),
        ("lat,lon,thaw_depth_m,sd\n34,92,1.8,-1\n", "sd at line 2: '-1' is no standard deviation"),
        ("lat,lon,thaw_depth_m,sd\n34,92,1.8,0\n", "'0' is no standard deviation"),
        ("lat,lon,thaw_depth_m,year\n34,92,1.8,199x\n", "year at line 2: '199x' names no year"),
        ("lat,lon,lat\n34,92,1\n", "column 'lat' stands twice"),
        ("lat,lon,thaw_depth_m\n", "has no rows"),
        ("", "has no header"),
    ],
)
def test_faults_name_file_line_and_mend(tmp_path, text, message):
    with pytest.raises(DataError) as caught:
        points_of(tmp_path, text)
    assert message in str(caught.value) and str(tmp_path / "alt.csv") in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_thaw_points(tmp_path / "none.csv")


def test_texts_of_values():
    assert read_value(" > 2.6 m") == (2.6, ">", "m")
    assert read_range("14.4–17.5") == (14.4, 17.5) and read_range("14.4") is None
    assert read_years("1998-2000") == (1998, 1999, 2000) and read_years("July 2004") == (2004,)
    with pytest.raises(ValueError):
        read_value("about 2")

"""Faults of input: each is found, named with its first place, and given a mend."""

import pickle

import jax.numpy as jnp
import numpy as np
import pytest

from temjax.files.findings import DataError, Finding, raise_findings
from temjax.forcing import Forcing, Location
from temjax.runs.validation import (
    check_forcing,
    check_location,
    check_months,
    check_overlap,
    check_texture,
    check_vegetation,
    check_years,
)

CELLS = (2, 3)


def place(**changes) -> Location:
    values = {
        "latitude": np.full(CELLS, 35.0),
        "elevation": np.full(CELLS, 4500.0),
        "silt_plus_clay": np.full(CELLS, 0.4),
        **changes,
    }
    vegetation = values.pop("vegetation", None)
    return Location(**{k: jnp.asarray(v) for k, v in values.items()}, vegetation=vegetation)


def forcing(**changes) -> Forcing:
    shape = (3, 12, *CELLS)
    values = {
        "air_temperature": np.full(shape, -5.0),
        "precipitation": np.full(shape, 30.0),
        "shortwave": np.full(shape, 150.0),
        "co2": np.full(shape[:2], 300.0),
        "years": np.arange(1901, 1904),
        **changes,
    }
    return Forcing(**{k: jnp.asarray(v) for k, v in values.items()})


def spoiled(value: float, at=(1, 3, 0, 2)) -> np.ndarray:
    """Values of 30 with a single fault."""
    values = np.full((3, 12, *CELLS), 30.0)
    values[at] = value
    return values


def test_sound_input_has_no_findings():
    assert check_location(place(vegetation="alpine-meadow")) == []
    assert check_forcing(forcing(), place()) == []


@pytest.mark.parametrize(
    ("variable", "value", "message", "mend"),
    [
        ("air_temperature", 268.15, "beyond", "kelvin"),
        ("air_temperature", 600.0, "beyond", "scale"),
        ("air_temperature", -120.0, "beyond", "scale"),
        ("air_temperature", -9999.0, "-9999", "gap"),
        ("air_temperature", np.nan, "nan", "gap"),
        ("air_temperature", np.inf, "inf", "gap"),
        ("air_temperature", 1e20, "fill value", "Mask"),
        ("precipitation", -1.0, "negative", "0"),
        ("precipitation", 3001.0, "3000", "mm per month"),
        ("shortwave", -0.5, "negative", "0"),
        ("shortwave", 900.0, "extraterrestrial", "W m-2"),
    ],
)
def test_a_fault_is_named_with_its_first_place(variable, value, message, mend):
    findings = check_forcing(forcing(**{variable: spoiled(value)}), place(), file="climate.nc")
    assert len(findings) == 1
    (fault,) = findings
    assert (fault.file, fault.variable) == ("climate.nc", variable)
    assert fault.index == "year 1902, April, cell (0, 2)"
    assert message in fault.message
    assert mend in fault.mend
    for part in ("climate.nc", variable, "year 1902, April", fault.mend):
        assert part in str(fault)


def test_all_faults_come_in_one_pass_and_are_counted():
    temperature = spoiled(300.0)
    temperature[2] = 290.0
    findings = check_forcing(
        forcing(
            air_temperature=temperature, precipitation=spoiled(-3.0), co2=np.full((3, 12), 0.03)
        ),
        place(latitude=np.full(CELLS, 35.0)),
    )
    assert [fault.variable for fault in findings] == ["air_temperature", "precipitation", "co2"]
    assert f"({1 + 12 * 6} such values)" in findings[0].message


@pytest.mark.parametrize("coldest", [-71.5, -76.0])
def test_the_antarctic_plateau_is_no_kelvin(coldest):
    assert check_forcing(forcing(air_temperature=spoiled(coldest)), place()) == []


def test_precipitation_as_a_rate_is_found():
    findings = check_forcing(forcing(precipitation=np.full((3, 12, *CELLS), 3e-5)), place())
    assert len(findings) == 1
    assert "86400" in findings[0].mend


def test_a_dry_month_is_no_fault():
    assert check_forcing(forcing(precipitation=spoiled(0.0)), place()) == []


@pytest.mark.parametrize(("factor", "faulty"), [(0.99, False), (1.1, True)])
def test_shortwave_is_held_against_the_top_of_the_atmosphere(factor, faulty):
    # June mean at 35 N is 481 W m-2 (FAO-56 table 2.6 interpolated: 41.6 MJ m-2 d-1)
    shortwave = np.full((3, 12, *CELLS), 30.0)
    shortwave[0, 5] = 481.0 * factor
    assert bool(check_forcing(forcing(shortwave=shortwave), place())) is faulty


def test_polar_night_allows_a_trace():
    shortwave = np.full((3, 12, *CELLS), 30.0)
    shortwave[:, [0, 1, 10, 11]] = [[[1.5]], [[10.0]], [[1.5]], [[1.5]]]
    polar = place(latitude=np.full(CELLS, 72.0))
    assert check_forcing(forcing(shortwave=shortwave), polar) == []
    shortwave[:, 11] = 30.0
    assert "December" in check_forcing(forcing(shortwave=shortwave), polar)[0].index


@pytest.mark.parametrize(
    ("variable", "value"),
    [("latitude", 91.0), ("latitude", np.nan), ("elevation", 12000.0), ("silt_plus_clay", 40.0),
     ("silt_plus_clay", -0.1)],
)  # fmt: skip
def test_places(variable, value):
    values = np.asarray(getattr(place(), variable)).copy()
    values[1, 2] = value
    (fault,) = check_location(place(**{variable: values}))
    assert (fault.variable, fault.index) == (variable, "cell (1, 2)")


def test_a_single_cell():
    here = Location(jnp.asarray(100.0), jnp.asarray(0.0), jnp.asarray(0.4))
    (fault,) = check_location(here, file="site.toml")
    assert str(fault).startswith("site.toml: latitude: value 100")


@pytest.mark.parametrize(
    ("texture", "message"),
    [((40, 30, 20), "not 100"), ((0.4, 0.4, 0.2), "not 100"), ((-10, 90, 20), "percentage"),
     ((np.nan, 50, 50), "percentage")],
)  # fmt: skip
def test_textures(texture, message):
    (fault,) = check_texture(*texture)
    assert message in fault.message


def test_texture_of_fractions_says_so():
    assert "multiply by 100" in check_texture(0.4, 0.4, 0.2)[0].mend
    assert check_texture(33.3, 33.3, 33.3) == []


def test_unknown_vegetation_names_the_nearest():
    (fault,) = check_vegetation("alpine-medow")
    assert "alpine-meadow" in fault.mend
    assert check_vegetation("alpine-meadow") == []


@pytest.mark.parametrize(
    ("years", "index"),
    [
        ([1901, 1902, 1904], "year 1902"),
        ([1901, 1901, 1902], "year 1901"),
        ([1905, 1904], "year 1905"),
    ],
)
def test_years_follow_each_other(years, index):
    (fault,) = check_years(years)
    assert fault.index == index
    assert check_years([1901, 1902]) == []


def months(first: int, last: int) -> list[tuple[int, int]]:
    return [(year, month) for year in range(first, last + 1) for month in range(1, 13)]


def test_missing_months_are_listed():
    held = [pair for pair in months(2001, 2002) if pair not in ((2001, 3), (2002, 12))]
    (fault,) = check_months(held, file="f.csv")
    assert fault.index == "2001-03"
    assert "2001-03, 2002-12" in fault.message
    assert check_months(held, file="f.csv", gaps=False) == []
    assert check_months(months(2001, 2002), file="f.csv") == []


def test_a_whole_missing_year_is_found():
    (fault,) = check_months(months(2001, 2001) + months(2003, 2003), file="f.csv")
    assert fault.index == "2002-01"
    assert "and 6 more" in fault.message


def test_repeated_and_impossible_months():
    (fault,) = check_months([*months(2001, 2001), (2001, 12)], file="f.csv")
    assert "repeated" in fault.message
    assert fault.index == "record 12"
    (fault,) = check_months([(2001, 13)], file="f.csv")
    assert "month 13" in fault.message


def test_years_that_do_not_overlap():
    (fault,) = check_overlap({"climate": np.arange(1901, 2000), "co2.txt": [2006, 2099]})
    assert fault.file == "co2.txt"
    assert "1901-1999" in fault.message
    assert "2006-2099" in fault.message
    assert check_overlap({"a": [1901, 2000], "b": [2000, 2010]}) == []


def test_errors_carry_every_finding():
    faults = [Finding("f", "a", "row 1", "wrong", "Mend."), Finding("f", "b", "", "bad", "Mend.")]
    with pytest.raises(DataError) as caught:
        raise_findings(faults)
    assert caught.value.findings == faults
    assert str(caught.value) == "f: a at row 1: wrong. Mend.\nf: b: bad. Mend."
    raise_findings([])


def test_an_error_from_another_process_says_the_same():
    error = DataError([Finding("a.nc", "tas", "cell 3", "is missing", "Add it.")])
    there = pickle.loads(pickle.dumps(error))
    assert str(there) == str(error) and there.findings == error.findings

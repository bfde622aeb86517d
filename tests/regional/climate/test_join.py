"""Files in any cut: breaks inside a year, a driver a file, overlaps, gaps, repeated months."""

import numpy as np
import pytest
import xarray as xr

from temjax.files.findings import DataError
from temjax.forcing import MONTH_DAYS
from temjax.regional.climate.load import load_climate
from temjax.regional.experiment.experiment import parse_experiment
from temjax.regional.inputs.domain import load_domain
from tests.support.project_files import FIRST, LAST, rates, small_climate, write_project
from tests.support.small_region import change


def read(document, tmp_path, **changes):
    document["climate"] |= changes
    experiment = parse_experiment(document, tmp_path, "test")
    domain = load_domain(experiment)
    climate = load_climate(experiment, domain, *experiment.members[0])
    return climate, climate.load(np.arange(domain.size))


@pytest.fixture
def whole(tmp_path):
    """Experiment over a file for every driver, and its months."""
    document = write_project(tmp_path, "netcdf")
    return document, tmp_path / "climate", read(document, tmp_path)[1]


def part(path, name, months):
    """Copy some records of a file."""
    with xr.open_dataset(path, decode_times=False) as opened:
        opened.load().isel(time=months).to_netcdf(path.with_name(name))
    return name


def assert_same(loaded, expected):
    for name, values in expected.items():
        assert np.array_equal(loaded[name], values), name


def test_files_may_break_inside_a_year_and_come_in_any_order(tmp_path, whole):
    document, folder, expected = whole
    files = ["pr.nc", "rsds.nc"]
    for name, months in (("b.nc", slice(23, None)), ("a.nc", slice(0, 23))):
        files.append({"file": part(folder / "tas.nc", name, months), "label": name})
    climate, loaded = read(document, tmp_path, files=files)
    assert_same(loaded, expected)
    assert [segment.label for segment in climate.segments] == ["a.nc", "b.nc"]
    assert not climate.notes


def test_every_driver_may_name_its_files(tmp_path, whole):
    document, folder, expected = whole
    (folder / "pr.nc").rename(folder / "rain.nc")
    later = [part(folder / "tas.nc", "t1.nc", slice(0, 30)),
             part(folder / "tas.nc", "t2.nc", slice(30, None))]  # fmt: skip
    del document["climate"]["files"]
    _, loaded = read(
        document, tmp_path, precipitation={"file": "rain.nc"}, shortwave={"file": "rsds.nc"},
        air_temperature={"file": later, "variable": "tas"},
    )  # fmt: skip
    assert_same(loaded, expected)


def test_an_overlap_of_equal_months_is_read_once(tmp_path, whole):
    document, folder, expected = whole
    files = ["pr.nc", "rsds.nc", part(folder / "tas.nc", "a.nc", slice(0, 30)),
             part(folder / "tas.nc", "b.nc", slice(20, None))]  # fmt: skip
    climate, loaded = read(document, tmp_path, files=files)
    assert_same(loaded, expected)
    (note,) = climate.notes
    assert "b.nc: tas: 10 months are in two files with one value (a.nc)" in note


def test_an_overlap_of_other_values_is_one_finding(tmp_path, whole):
    document, folder, _ = whole
    files = ["pr.nc", "rsds.nc", part(folder / "tas.nc", "a.nc", slice(0, 30)),
             part(folder / "tas.nc", "b.nc", slice(20, None))]  # fmt: skip
    change(folder / "b.nc", "tas", lambda values: values + 0.5)
    with pytest.raises(DataError) as error:
        read(document, tmp_path, files=files)
    (finding,) = error.value.findings
    assert finding.file.endswith("b.nc") and finding.variable == "tas"
    assert "overlaps a.nc with other values in 10 of 10 months" in finding.message
    assert finding.index.startswith(f"{FIRST + 1}-09: ")


FAULTS = {
    "gap of a year": (lambda n: np.r_[0:12, 24:n], "a gap after tas.nc: a year absent"),
    "gap of months": (lambda n: np.r_[0:14, 30:n], "months missing: 2014-03"),
    "repeated month": (lambda n: np.r_[0:14, 13:n], "repeated in 2014-02"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_gaps_and_repetitions_are_one_finding(tmp_path, whole, fault):
    document, folder, _ = whole
    records, words = FAULTS[fault]
    number = 12 * (LAST - FIRST + 1)
    part(folder / "tas.nc", "new.nc", records(number))
    (folder / "new.nc").rename(folder / "tas.nc")
    with pytest.raises(DataError) as error:
        read(document, tmp_path)
    (finding,) = error.value.findings
    assert words in finding.message


def test_a_year_cut_at_the_end_is_left_out_and_told(tmp_path, whole):
    document, folder, expected = whole
    document["protocol"] |= {"historical": [FIRST, FIRST + 1], "future": [FIRST + 2, LAST - 1]}
    part(folder / "tas.nc", "new.nc", slice(0, -2))
    (folder / "new.nc").rename(folder / "tas.nc")
    climate, loaded = read(document, tmp_path)
    assert climate.years[-1] == LAST - 1
    assert_same(loaded, {name: values[:-1] for name, values in expected.items()})
    assert any(f"ends inside {LAST}: that year is left out" in note for note in climate.notes)
    assert any(f"{FIRST}-{LAST - 1} is used" in note for note in climate.notes)


def test_an_absent_driver_is_one_finding(tmp_path, whole):
    document, _, _ = whole
    with pytest.raises(DataError) as error:
        read(document, tmp_path, files=["tas.nc", "pr.nc"])
    (finding,) = error.value.findings
    assert finding.variable == "shortwave"
    assert "variable is not in the file nor in 1 other" in finding.message


def test_a_file_without_a_driver_is_told(tmp_path, whole):
    document, folder, expected = whole
    xr.Dataset({"wind": ("time", [1.0])}).to_netcdf(folder / "wind.nc")
    files = ["tas.nc", "pr.nc", "rsds.nc", "wind.nc"]
    climate, loaded = read(document, tmp_path, files=files)
    assert_same(loaded, expected)
    assert climate.notes == ("wind.nc: holds no driver of the model; not used",)


def test_years_that_one_driver_lacks_are_one_finding_that_names_it(tmp_path, whole):
    document, folder, _ = whole
    part(folder / "pr.nc", "rain.nc", slice(12, None))
    with pytest.raises(DataError) as error:
        read(document, tmp_path, files=["tas.nc", "rain.nc", "rsds.nc"])
    (finding,) = error.value.findings
    assert finding.index == f"year {FIRST}"
    assert f"(tas {FIRST}-{LAST}, pr {FIRST + 1}-{LAST}, rsds" in finding.message


def test_millimetres_of_daily_files_are_a_day(tmp_path):
    """A daily sum of one millimetre is 365 mm a year, not 12."""
    document = write_project(tmp_path, "isimip3b")
    for path in (tmp_path / "climate").glob("*_pr_*"):
        with xr.open_dataset(path, decode_times=False) as opened:
            dataset = opened.load()
        dataset["pr"] = (dataset["pr"] * 0 + 1).assign_attrs(units="mm")
        dataset.to_netcdf(path)
    _, loaded = read(document, tmp_path)
    assert loaded["precipitation"].sum(axis=1) == pytest.approx(365)


def test_a_missing_day_is_told(tmp_path):
    document = write_project(tmp_path, "isimip3b")
    (path,) = (tmp_path / "climate").glob("*historical_tas*")
    part(path, "new.nc", np.delete(np.arange(730), 45))
    path.with_name("new.nc").rename(path)
    with pytest.raises(DataError, match="days are missing in 2013-02") as error:
        read(document, tmp_path)
    assert len(error.value.findings) == 1


def test_a_fault_of_every_file_is_one_finding(tmp_path, whole):
    document, folder, _ = whole
    for name in rates(small_climate()):
        with xr.open_dataset(folder / f"{name}.nc", decode_times=False) as opened:
            dataset = opened.load()
        dataset.assign_coords(lat=dataset.lat + 1).to_netcdf(folder / f"{name}.nc")
    with pytest.raises(DataError) as error:
        read(document, tmp_path)
    (finding,) = error.value.findings
    assert "3 such files" in finding.message


def test_a_month_may_lie_in_two_daily_files(tmp_path):
    document = write_project(tmp_path, "isimip3b")
    expected = read(document, tmp_path)[1]
    (path,) = (tmp_path / "climate").glob("*historical_tas*")
    part(path, path.name.replace("2013_2014", "2013_2013"), slice(0, 45))
    part(path, "new.nc", slice(45, None))
    path.with_name("new.nc").rename(path)
    _, loaded = read(document, tmp_path)
    for name, values in expected.items():
        assert loaded[name] == pytest.approx(values, abs=1e-5)


def test_a_few_absent_records_are_filled_and_counted(tmp_path, whole):
    document, folder, expected = whole
    part(folder / "pr.nc", "new.nc", np.delete(np.arange(12 * (LAST - FIRST + 1)), [14, 30]))
    (folder / "new.nc").rename(folder / "pr.nc")
    climate, loaded = read(document, tmp_path)
    assert climate.repairs["filled_months"] == 12  # two months of six cells
    others = np.delete(np.arange(LAST - FIRST + 1), 1)
    mean = expected["precipitation"][others, 2].mean(axis=0)
    assert loaded["precipitation"][1, 2] == pytest.approx(mean)
    with pytest.raises(DataError, match="months missing: 2014-03, 2015-07"):
        read(document, tmp_path, repair={"strict": True})


def test_records_at_the_turn_of_months_are_one_finding(tmp_path, whole):
    """From the middle of one month to that of the next: April has two middles, March none."""
    document, folder, _ = whole
    with xr.open_dataset(folder / "tas.nc", decode_times=False) as opened:
        dataset = opened.load()
    time = dataset["time"]
    number = time.size
    starts = np.concatenate([[0], np.cumsum(np.tile(MONTH_DAYS, number // 12 + 1))])
    middles = (starts[:number] + starts[1 : number + 1]) / 2 + 14
    attributes = {"units": f"days since {FIRST}-01-01", "calendar": "noleap"}
    dataset.assign_coords(time=("time", middles, attributes)).to_netcdf(folder / "tas.nc")
    with pytest.raises(DataError) as error:
        read(document, tmp_path)
    (finding,) = error.value.findings
    assert "they lie at the turn of months" in finding.message

"""Result files in both formats: one content, one reader, whole or not there."""

import os

import numpy as np
import pytest
import xarray as xr

import temjax.regional.results.ensemble_files
import temjax.regional.results.formats
from temjax.command.main import main
from temjax.files.findings import DataError
from temjax.regional.command.check import check
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.report.member import write_summary
from temjax.regional.report.page import write_report
from temjax.regional.results.effect import summarise
from temjax.regional.results.ensemble_files import submit_ensemble
from temjax.regional.results.formats import FILL, open_dataset, require_format, write_dataset
from temjax.regional.results.member_files import submit_member_files
from temjax.regional.results.read_back import read_run
from tests.support.made_member import made_member
from tests.support.small_region import small_experiment

needs_zarr = "the package zarr is not installed: pip install 'temjax[zarr]'"


def write(experiment, member, number, out):
    result = made_member(experiment, member, number)
    submit_member_files(experiment, result, out)
    write_summary(experiment, result, summarise(experiment, result), out)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same two members as NetCDF and as Zarr, with the ensemble files of the difference."""
    pytest.importorskip("zarr", reason=needs_zarr)
    folder = tmp_path_factory.mktemp("formats")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(temjax.regional.results.ensemble_files, "FILE_NAMES", {})
        for name in ("netcdf", "zarr"):
            experiment = small_experiment(folder / name, f'[output]\nformat = "{name}"')
            for number, member in enumerate(("toy", "toy2")):
                write(experiment, member, number, folder / name / "out")
            submit_ensemble(read_run(folder / name / "out"), folder / name / "out")
    return folder


def test_both_formats_hold_the_same(runs):
    files = sorted((runs / "netcdf" / "out").glob("*.nc"))
    assert len(files) == 2 * 4 + 2
    assert not [*runs.rglob("*.partial"), *runs.rglob("*.old")]
    for file in files[::3]:
        with (
            open_dataset(file) as plain,
            open_dataset(runs / "zarr" / "out" / f"{file.stem}.zarr") as other,
        ):
            xr.testing.assert_equal(plain, other)
            assert plain.attrs == other.attrs
            for name, variable in plain.variables.items():
                copy = other[name]
                assert variable.attrs.keys() == copy.attrs.keys()
                assert all(np.all(copy.attrs[k] == v) for k, v in variable.attrs.items())
                assert copy.encoding.get("_FillValue") == variable.encoding.get("_FillValue")
                if variable.ndim >= 3:
                    assert copy.encoding["chunks"] == variable.encoding["chunksizes"]
                    assert copy.encoding["_FillValue"] == FILL


def test_members_are_read_back_alike(runs):
    members = read_run(runs / "netcdf" / "out"), read_run(runs / "zarr" / "out")
    assert [member.suffix for member in members[1]] == [".zarr"] * 2
    for one, other in zip(*members, strict=True):
        assert one.label == other.label
        assert np.array_equal(one.status, other.status)
        assert one.status.tolist() == [0, 4, 0, 0, 0]
        for key in ("S_T/npp", "S_R/tsl", "historical/csoil"):
            assert np.array_equal(one.products[key], other.products[key], equal_nan=True)
        assert set(one.products) == set(other.products)
        assert len(other.products) == len(set(other.products))
        with pytest.raises(KeyError):
            one.products["S_T/none"]


@pytest.mark.slow
def test_the_report_reads_zarr(runs):
    texts = [
        write_report(runs / name / "out").read_text(encoding="utf-8").split("<h2>How it was made")
        for name in ("netcdf", "zarr")
    ]
    assert texts[0][0] == texts[1][0]


@pytest.mark.parametrize("name", ["netcdf", "zarr"])
def test_the_same_member_is_written_to_the_same_bytes(runs, name):
    """So that a run that was killed and resumed leaves the files of one that was not."""

    def content():
        return {p: p.read_bytes() for p in sorted((runs / name / "out").rglob("*")) if p.is_file()}

    before = content()
    write(read_experiment(runs / name / "small.toml"), "toy", 0, runs / name / "out")
    assert content() == before


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_large_files_are_written_in_parts(tmp_path, monkeypatch, suffix):
    if suffix == ".zarr":
        pytest.importorskip("zarr", reason=needs_zarr)
    rng = np.random.default_rng(0)
    axes = ("time", "lat", "lon")
    variables = [("lat", xr.Variable("lat", np.arange(3.0), {"units": "degrees_north"}))]
    variables += [
        (name, xr.Variable(axes, rng.random((50, 3, 4)), {}, {"_FillValue": FILL, "dtype": "f4"}))
        for name in "abc"
    ]
    write_dataset(tmp_path / f"whole{suffix}", {"title": "t"}, iter(variables))
    monkeypatch.setattr(temjax.regional.results.formats, "_BATCH_BYTES", 1000)
    write_dataset(tmp_path / f"parts{suffix}", {"title": "t"}, iter(variables))
    with (
        open_dataset(tmp_path / f"whole{suffix}") as whole,
        open_dataset(tmp_path / f"parts{suffix}") as parts,
        open_dataset(tmp_path / f"parts{suffix}", without=["a", "b"]) as rest,
    ):
        assert set(parts.variables) == {"lat", *"abc"}
        assert set(rest.variables) == {"lat", "c"}
        xr.testing.assert_identical(whole, parts)


def test_format_is_no_part_of_what_restart_points_depend_on(tmp_path):
    one = small_experiment(tmp_path / "a")
    assert one.hash == small_experiment(tmp_path / "b", '[output]\nformat = "zarr"').hash


def test_without_zarr_the_run_is_refused_before_it_starts(tmp_path, monkeypatch, capsys):
    small_experiment(tmp_path, '[output]\nformat = "zarr"')
    monkeypatch.setattr(temjax.regional.results.formats, "find_spec", lambda name: None)
    (finding,) = check(tmp_path / "small.toml")
    assert "pip install 'temjax[zarr]'" in finding.mend
    with pytest.raises(SystemExit) as outcome:
        main(
            ["--no-cache", "project", str(tmp_path / "small.toml"), "--out", str(tmp_path / "out")]
        )
    assert outcome.value.code == 1
    assert "package is not installed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match=r"temjax\[zarr\]"):
        open_dataset(tmp_path / "x.zarr")
    require_format("netcdf")


def test_an_unknown_format_is_a_finding(tmp_path):
    with pytest.raises(DataError, match=r"output\.format.*'netcdf' or 'zarr'"):
        small_experiment(tmp_path, '[output]\nformat = "csv"')


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_failed_write_leaves_the_older_file(tmp_path, monkeypatch, suffix):
    if suffix == ".zarr":
        pytest.importorskip("zarr", reason=needs_zarr)
    path = tmp_path / f"x{suffix}"
    write_dataset(path, {}, [("x", xr.Variable("n", np.arange(3.0)))])

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write_dataset(path, {}, [("x", xr.Variable("n", np.arange(4.0)))])
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    with open_dataset(path) as dataset:
        assert dataset["x"].values.tolist() == [0, 1, 2]


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "x.nc"
    write_dataset(path, {}, [("x", xr.Variable("n", np.arange(1000.0)))])
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"x\.nc.*cannot be read"):
        open_dataset(path)

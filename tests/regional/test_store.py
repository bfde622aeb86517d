"""Result files in both formats: one content, one reader, whole or not there."""

import numpy as np
import pytest
import xarray as xr
from made_member import made_member, made_region

import regional.store
from regional.checks import check
from regional.ensemble import write_ensemble
from regional.output import write_member
from regional.page import write_report
from regional.report import finish_member
from regional.store import open_dataset, require_format, write_dataset
from regional.stored import read_run
from temjax.cli import main
from temjax.validation import DataError


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same two members as NetCDF and as Zarr, with their ensemble files."""
    pytest.importorskip("zarr", reason="the package zarr is not installed")
    folder = tmp_path_factory.mktemp("formats")
    for name in ("netcdf", "zarr"):
        experiment = made_region(folder / name, f'format = "{name}"')
        finish_member(experiment, made_member(experiment), folder / name / "out")
        finish_member(experiment, made_member(experiment, "toy2", 2), folder / name / "out")
        write_ensemble(read_run(folder / name / "out"), folder / name / "out")
    return folder


def test_both_formats_hold_the_same(runs):
    files = sorted((runs / "netcdf" / "out").glob("*.nc"))
    assert len(files) == 2 * 4 + 2 * 3 + 2 * 4
    assert not [*runs.rglob("*.partial"), *runs.rglob("*.old")]
    for file in files:
        with (
            open_dataset(file) as plain,
            open_dataset(runs / "zarr" / "out" / f"{file.stem}.zarr") as other,
        ):
            xr.testing.assert_equal(plain, other)
            assert plain.attrs == other.attrs
            for name, variable in plain.variables.items():
                told, given = dict(variable.attrs), dict(other[name].attrs)
                assert list(map(str, told.items())) or not given
                assert told.keys() == given.keys()
                if variable.ndim >= 3:
                    assert other[name].encoding["chunks"] == variable.encoding["chunksizes"]
                    assert other[name].encoding["_FillValue"] == np.float32(1e20)


def test_members_are_read_back_alike(runs):
    told = read_run(runs / "netcdf" / "out"), read_run(runs / "zarr" / "out")
    assert [member.suffix for member in told[1]] == [".zarr"] * 2
    for one, other in zip(*told, strict=True):
        assert one.label == other.label
        assert np.array_equal(one.status, other.status)
        assert one.status.tolist() == [0, 4, 0, 0, 0]
        for key in ("S_T/npp", "S_R/tsl", "historical/csoil"):
            assert np.array_equal(one.products[key], other.products[key], equal_nan=True)
        assert set(one.products) == set(other.products)
        with pytest.raises(KeyError):
            one.products["S_T/none"]


def test_the_report_reads_zarr(runs):
    texts = [
        write_report(runs / name / "out").read_text(encoding="utf-8").split("<h2>How it was made")
        for name in ("netcdf", "zarr")
    ]
    assert texts[0][0] == texts[1][0]


def test_format_is_no_part_of_what_restart_points_depend_on(tmp_path):
    one = made_region(tmp_path / "a")
    assert one.hash == made_region(tmp_path / "b", 'format = "zarr"').hash


def test_without_zarr_the_run_is_refused_before_it_starts(tmp_path, monkeypatch, capsys):
    made_region(tmp_path, 'format = "zarr"')
    monkeypatch.setattr(regional.store, "find_spec", lambda name: None)
    (finding,) = check(tmp_path / "small.toml")
    assert "pip install 'temjax[zarr]'" in finding.mend
    with pytest.raises(SystemExit) as outcome:
        main(["project", str(tmp_path / "small.toml"), "--out", str(tmp_path / "out")])
    assert outcome.value.code == 1
    assert "package is not installed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    require_format("netcdf")


def test_an_unknown_format_is_a_finding(tmp_path):
    with pytest.raises(DataError, match=r"output\.format.*'netcdf' or 'zarr'"):
        made_region(tmp_path, 'format = "csv"')


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_failed_write_leaves_the_older_file(tmp_path, monkeypatch, suffix):
    pytest.importorskip("zarr", reason="the package zarr is not installed")
    path = tmp_path / f"x{suffix}"
    write_dataset(xr.Dataset({"x": ("n", np.arange(3.0))}), path)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(regional.store.os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write_dataset(xr.Dataset({"x": ("n", np.arange(4.0))}), path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    with open_dataset(path) as kept:
        assert kept["x"].values.tolist() == [0, 1, 2]


def test_a_damaged_file_is_named(tmp_path):
    experiment = made_region(tmp_path)
    files = write_member(experiment, made_member(experiment), tmp_path / "out")
    files["S_T"].write_bytes(files["S_T"].read_bytes()[:2000])
    with pytest.raises(DataError, match=r"transient.*cannot be read"):
        open_dataset(files["S_T"])

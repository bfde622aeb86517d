"""Hostile experiment, site and parameter files and NetCDF: one clear error each, no surprise."""

import errno
import re
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from temjax import regional
from temjax.command import main as cli
from temjax.files.findings import DataError
from temjax.parameters.files import ParameterError, read_parameters
from temjax.regional.climate.load import load_climate
from temjax.regional.command.check import check
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.sites.entry import parse_entry
from tests.support.small_region import write_experiment

ROOT = Path(regional.__file__).parents[1]
DEMO = (ROOT / "regional" / "experiments" / "qtp-synthetic-demo.toml").read_text(encoding="utf-8")
TOOLIK = (ROOT / "regional" / "experiments" / "toolik.toml").read_text(encoding="utf-8")


def test_no_code_is_executed_from_data():
    """No pickle, eval, exec or yaml.load; every np.load says so."""
    forbidden = re.compile(r"\b(c?pickle|dill|marshal|shelve|joblib)\b|\b(eval|exec)\(|yaml\.load")
    for package in ("temjax", "sites", "calibration", "regional"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
            code = re.sub(r'""".*?"""', "", "\n".join(lines), flags=re.DOTALL)
            assert not forbidden.search(code), path
            for call in re.findall(r"np\.load\(.*", code):
                assert "allow_pickle=False" in call, (path, call)


def findings(folder, text):
    path = folder / "hostile.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_experiment(path)
    return [str(finding) for finding in error.value.findings]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('folder = "toolik"', 'folder = "../x"', "domain.folder"),
        ('folder = "toolik"', 'folder = "a/../../x"', "domain.folder"),
        ('"vegetation.nc"', '"../x.nc"', "domain.vegetation.file"),
        ('"historic-climate.nc"', '"../x.nc"', "climate.files.0.file"),
        ("[protocol]", '[parameters]\nmoist-tundra = "../x.toml"\n[protocol]',
         "parameters.moist-tundra"),
    ],
)  # fmt: skip
def test_a_path_that_leaves_its_folder_is_refused_by_key(tmp_path, old, new, key):
    assert old in TOOLIK
    found = findings(tmp_path, TOOLIK.replace(old, new, 1))
    assert len(found) == 1
    assert f": {key}: " in found[0] and "leaves" in found[0] and "absolute" in found[0]


@pytest.mark.parametrize("name", ["../../etc/x", "a/b", ".hidden", "", "x" * 300])
def test_a_member_cannot_name_a_file_elsewhere(tmp_path, name):
    found = findings(tmp_path, TOOLIK.replace('member = "ccsm4"', f'member = "{name}"'))
    assert len(found) == 1 and "climate.member" in found[0]


def test_absolute_paths_are_taken_as_they_are(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text(TOOLIK.replace('folder = "toolik"', 'folder = "/data/toolik"'), "utf-8")
    assert read_experiment(path).domain.folder == Path("/data/toolik")


HOSTILE = {
    "number for a table": ("[run]", "[protocol2]\n[run]", "protocol2"),
    "table for a number": ("stride = 3", "stride = { a = 1 }", "domain.stride"),
    "text for a number": ("stride = 3", 'stride = "many"', "domain.stride"),
    "NaN": ("resolution = 0.5", "resolution = nan", "domain.resolution"),
    "infinite": ("resolution = 0.5", "resolution = inf", "domain.resolution"),
    "tiny": ("resolution = 0.5", "resolution = 1e-9", "domain.resolution"),
    "enormous": ("spin_up_length = 200", "spin_up_length = 9999999999", "spin_up_length"),
    "beyond 64 bits": ("tile_cells = 22", f"tile_cells = {10**30}", "run.tile_cells"),
    "beyond the digits": ("tile_cells = 22", f"tile_cells = 1{'0' * 5000}", "digits"),
    "year": ("future = [2021, 2099]", f"future = [2021, {10**12}]", "protocol.future"),
    "offset": ("offset = [2, 0]", "offset = [2, 7]", "domain"),
    "parameters": ("[run]", "[run]\n[[parameters]]\nx = 1\n[more]", "parameters"),
    "deep": ("[run]", f"deep = {'[' * 5000}{']' * 5000}\n[run]", "nested too deep"),
    "model": ("[run]", "[model]\nthaw_width = -1.0\n[run]", "thaw_width"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_experiments_are_findings(tmp_path, kind):
    old, new, words = HOSTILE[kind]
    assert old in DEMO
    text = DEMO.replace(old, new, 1)
    if kind == "model":
        text = DEMO.replace("[model]", "[model]\nthaw_width = -1.0", 1)
    assert any(words in line for line in findings(tmp_path, text))


def test_whatever_the_bytes_the_reader_says_so(tmp_path):
    path = tmp_path / "bytes.toml"
    for content in (b"\xff\xfe\x00", b"a = 1\x00", b"[" * 10):
        path.write_bytes(content)
        for read in (read_experiment, read_parameters):
            with pytest.raises((DataError, ParameterError), match=r"bytes\.toml"):
                read(path)
        assert parse_entry(path)[1]


@pytest.mark.parametrize(
    "text",
    [
        "values = 3\n",
        'base = "moist-tundra"\n[values]\ncmax_scale = { a = 1 }\n',
        'base = "moist-tundra"\n[values]\ncmax_scale = nan\n',
        f'base = "moist-tundra"\n[values]\ncmax_scale = 1{"0" * 400}\n',
        'base = "../../etc/passwd"\n[values]\n',
        'base = ["moist-tundra"]\n[values]\n',
    ],
)
def test_hostile_parameter_files(tmp_path, text):
    path = tmp_path / "set.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=r"set\.toml"):
        read_parameters(path)


def test_hostile_site_files(tmp_path):
    path = tmp_path / "site.toml"
    text = "name = 3\ntitle = {}\n[location]\nlatitude = nan\nelevation = inf\nsource = ''\n"
    path.write_text(text, encoding="utf-8")
    entry, found = parse_entry(path)
    assert entry is None
    assert {"name", "title", "location.latitude", "location.elevation"} <= {
        finding.variable for finding in found
    }


def rewritten(path, edit):
    with xr.open_dataset(path, decode_times=False) as opened:
        dataset = opened.load()
    edit(dataset).to_netcdf(path)


def text_values(name):
    def edit(path):
        rewritten(path, lambda d: d.assign({name: d[name].astype(str)}))

    return edit


def truncated(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def corrupt(path):
    """Random bytes where the values are."""
    content = bytearray(path.read_bytes())
    content[200:] = np.random.default_rng(3).bytes(len(content) - 200)
    path.write_bytes(content)


def huge(path):
    """A field that declares 10 TB and holds nothing."""
    with netCDF4.Dataset(path, "w") as file:
        for name in ("Y", "X"):
            file.createDimension(name, 1_600_000)
        file.createVariable("veg", "f4", ("Y", "X"), chunksizes=(1000, 1000))


def huge_axis(path):
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("lat", 2_000_000_000_000)
        file.createVariable("lat", "f8", ("lat",), chunksizes=(1000,))


def attribute(name, key, value):
    def edit(dataset):
        dataset[name].attrs[key] = value
        return dataset

    return lambda path: rewritten(path, edit)


FILES = {
    "text for numbers": ("past.nc", text_values("tair"), "not numbers"),
    "text for classes": ("vegetation.nc", text_values("veg"), "not numbers"),
    "text for latitude": ("vegetation.nc", text_values("lat"), "not numbers"),
    "truncated": ("future.nc", truncated, "not readable as NetCDF"),
    "corrupt": ("past.nc", corrupt, "not readable as NetCDF"),
    "no NetCDF": ("co2.nc", lambda path: path.write_text("year,co2\n"), "not readable as NetCDF"),
    "huge": ("vegetation.nc", huge, "of memory are available"),
    "huge axis": ("elevation.nc", huge_axis, "of memory are available"),
    "no time": ("past.nc", lambda path: rewritten(path, lambda d: d.isel(time=0)), "time"),
    "no coordinates and other dimensions": (
        "past.nc",
        lambda path: rewritten(path, lambda d: d.drop_vars(["lat", "lon"]).isel(X=slice(3))),
        "no latitude and longitude",
    ),
    "cells in a list": (
        "vegetation.nc",
        lambda path: rewritten(
            path, lambda d: d.set_coords(["lat", "lon"]).isel(Y=0).expand_dims(band=2)
        ),
        "along one dimension",
    ),
    "strange time": ("past.nc", attribute("time", "units", "days since yesterday"), "no dates"),
    "strange calendar": ("past.nc", attribute("time", "calendar", "mayan"), "no dates"),
    "wrong rank": (
        "texture.nc", lambda path: rewritten(path, lambda d: d.expand_dims(level=3)), "has shape",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_hostile_netcdf_is_one_clear_error(tmp_path, kind):
    """The checker of experiments, that of folders, and a run: findings, never a traceback."""
    name, spoil, words = FILES[kind]
    path = write_experiment(tmp_path)
    spoil(tmp_path / "data" / name)
    found = [str(finding) for finding in check(path)]
    assert len(found) <= 3
    assert any(words in line and name in line for line in found), found
    assert check(tmp_path / "data") is not None
    experiment = read_experiment(path)
    with pytest.raises(DataError):
        load_climate(experiment, load_domain(experiment), "toy", "rcp85")


def test_the_command_ends_with_one_line(tmp_path, capsys):
    path = write_experiment(tmp_path)
    truncated(tmp_path / "data" / "past.nc")
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--no-cache", "project", str(path), "--out", str(tmp_path / "out")])
    assert stopped.value.code == cli.DATA_ERROR
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / 'data' / 'past.nc'}: ")
    assert not (tmp_path / "out" / "inputs").exists()


def test_markup_in_a_title_is_text(tmp_path, capsys, monkeypatch):
    """What a title says is printed, not interpreted."""
    import temjax.regional.report.pipeline

    path = write_experiment(tmp_path)
    text = path.read_text(encoding="utf-8").replace('"Small region"', '"[/bold] [red]x"')
    path.write_text(text, encoding="utf-8")

    def stop(*_, **__):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(temjax.regional.report.pipeline, "run_projection", stop)
    with pytest.raises(SystemExit):
        cli.main(["--no-cache", "project", str(path), "--out", str(tmp_path / "out")])
    assert "[/bold] [red]x" in capsys.readouterr().out

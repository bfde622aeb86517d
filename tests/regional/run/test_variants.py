"""Other ways to run the same region: real data, processes, precisions, block lengths, options."""

import os
import signal
import subprocess
import sys
import time

import netCDF4
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import temjax.regional.run.members
from temjax import regional
from temjax.files.findings import DataError
from temjax.regional.command.main import project_command
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.member import INVALID_INPUT, OK
from temjax.regional.run.members import run_experiment
from tests.support import small_region
from tests.support.small_region import small_experiment, write_experiment


def with_settings(experiment, **sections):
    """The experiment with some keys of some sections replaced."""
    return experiment.model_copy(
        update={
            name: getattr(experiment, name).model_copy(update=values)
            for name, values in sections.items()
        }
    )


def same(one, other):
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


@pytest.fixture
def toolik(shared, monkeypatch):
    """The real Toolik grid, its south-western 2 x 2 cells, few years."""
    path = os.path.join(os.path.dirname(regional.__file__), "experiments", "toolik.toml")
    experiment = read_experiment(path)
    folder = shared / "data" / "toolik"
    small = with_settings(
        experiment,
        domain={"folder": folder},
        climate={"folder": folder},
        protocol={"spin_up_length": 6, "historical": (2012, 2017), "future": (2018, 2021)},
        run={"tile_cells": 2, "block_years": 3, "workers": 1},
    )
    corner = np.array([0, 1, 10, 11])
    monkeypatch.setattr(
        temjax.regional.run.members,
        "load_domain",
        lambda experiment: load_domain(experiment).select(corner),
    )
    return small


def test_real_toolik_cells_run_from_one_source_of_climate_into_the_other(toolik, tmp_path):
    (result,) = run_experiment(toolik, tmp_path)
    assert np.all(result.status == OK)
    (seam,) = result.seams
    assert seam.temperature == pytest.approx(0.35, abs=0.15)
    assert seam.precipitation == pytest.approx(0.145, abs=0.02)
    assert seam.shortwave == pytest.approx(-0.075, abs=0.01)
    thaw = result.products["historical/thawdepth"]
    assert np.all((thaw > 0.1) & (thaw < 1.0))
    assert np.all(result.products["historical/permafrost"] == 1)


def test_the_command_writes_everything_and_names_it(tmp_path):
    app = typer.Typer()
    app.command("other")(lambda: None)
    app.command("project")(project_command)
    path = write_experiment(tmp_path)
    out = tmp_path / "out"
    outcome = CliRunner().invoke(app, ["project", str(path), "--out", str(out)])
    assert outcome.exit_code == 0, outcome.output
    assert "Forcing seam" in outcome.output
    assert "SOC_PF 1996-1999, logged" in outcome.output
    for file in (*out.glob("*.nc"), *out.glob("*.png"), *out.glob("*.json")):
        assert file.name in outcome.output.replace("\n", "")
    assert len(list(out.glob("*.nc"))) == 4
    again = CliRunner().invoke(app, ["project", str(path), "--out", str(out), "--resume"])
    assert again.exit_code == 0, again.output
    assert "0 cell-years/s" in again.output


def test_stefan_rule_without_coefficient_is_refused(tmp_path):
    experiment = with_settings(small_experiment(tmp_path), model={"active_layer_rule": "stefan"})
    with pytest.raises(DataError, match="no Stefan coefficient for alpine-tundra, moist-tundra"):
        run_experiment(experiment, tmp_path)


def test_absent_data_folder_is_one_clear_finding(tmp_path):
    experiment = small_experiment(tmp_path)
    gone = tmp_path / "gone"
    experiment = with_settings(experiment, domain={"folder": gone}, climate={"folder": gone})
    with pytest.raises(DataError, match=r"gone: .*folder does not exist"):
        run_experiment(experiment, tmp_path)


@pytest.mark.slow
def test_processes_give_the_same_bits(tmp_path):
    experiment = small_experiment(tmp_path)
    (alone,) = run_experiment(experiment, tmp_path / "one")
    (together,) = run_experiment(with_settings(experiment, run={"workers": 2}), tmp_path / "two")
    assert same(alone.products, together.products)
    assert together.cell_years == alone.cell_years


@pytest.mark.slow
def test_block_length_does_not_matter(tmp_path):
    """Blocks with their neighbour years equal the run in one piece."""
    experiment = small_experiment(tmp_path)
    (blocks,) = run_experiment(experiment, tmp_path / "blocks")
    (whole,) = run_experiment(with_settings(experiment, run={"block_years": 6}), tmp_path / "whole")
    for name, values in blocks.products.items():
        assert whole.products[name] == pytest.approx(values, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.slow
def test_float32_transients_stay_close(tmp_path):
    experiment = small_experiment(tmp_path)
    (double,) = run_experiment(experiment, tmp_path / "double")
    (single,) = run_experiment(
        with_settings(experiment, run={"precision": "float32"}), tmp_path / "one"
    )
    assert same(
        {k: v for k, v in double.products.items() if k.startswith("equilibrium")},
        single.products,
    )
    for name in ("historical/npp", "S_T/csoil", "S_T/thawdepth"):
        assert single.products[name] == pytest.approx(double.products[name], rel=2e-3)
        assert not np.array_equal(single.products[name], double.products[name])


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["const2020", "p_ratio", "uniform"])
def test_root_zone_options_run(tmp_path, mode):
    experiment = with_settings(small_experiment(tmp_path), model={"root_zone_nitrogen": mode})
    (result,) = run_experiment(experiment, tmp_path / "out")
    assert np.all(result.status == OK)
    assert np.isfinite(result.products["S_T/npp"]).all()


@pytest.mark.slow
def test_killed_run_resumes_to_the_same_bits(tmp_path):
    """kill -9 once the first tile has a restart point, then --resume."""
    experiment = small_experiment(tmp_path)
    (whole,) = run_experiment(experiment, tmp_path / "whole")
    out = tmp_path / "killed"
    command = "from temjax.regional.experiment.experiment import *; "
    command += "from temjax.regional.run.members import run_experiment; import pathlib"
    command += f"; run_experiment(read_experiment({str(tmp_path / 'small.toml')!r}), "
    command += f"pathlib.Path({str(out)!r}))"
    process = subprocess.Popen([sys.executable, "-c", command])
    restart = out / "restart" / "toy_rcp85"
    while process.poll() is None and not (restart / "tile0001_equilibrium.npz").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (restart / "tile0000_future.npz").exists()
    assert not (restart / "tile0002_future.npz").exists()
    (again,) = run_experiment(experiment, out, resume=True)
    assert same(whole.products, again.products)


@pytest.mark.slow
def test_toolik_grid_as_a_whole(shared, tmp_path):
    """All 100 cells, 1901-2100; the figures are compared in docs/fidelity.md."""
    path = os.path.join(os.path.dirname(regional.__file__), "experiments", "toolik.toml")
    folder = shared / "data" / "toolik"
    experiment = with_settings(
        read_experiment(path), domain={"folder": folder}, climate={"folder": folder}
    )
    (result,) = run_experiment(experiment, tmp_path)
    assert np.all(result.status == OK)
    recent = result.products["historical/thawdepth"][-30:].mean()
    assert 0.2 < recent < 1.0


def test_demo_grid_is_labelled_synthetic(tmp_path):
    from temjax.regional.member import MemberResult
    from temjax.regional.results.member_files import global_attributes

    path = os.path.join(
        os.path.dirname(regional.__file__), "experiments", "qtp-synthetic-demo.toml"
    )
    experiment = read_experiment(path)
    domain = load_domain(experiment)
    result = MemberResult(
        member="A", scenario="rcp85", domain=domain, timeline=None, products={},
        status=np.zeros(domain.size, dtype=int), findings={}, segments=(), seams=[],
        parameter_hashes={}, climate={}, cell_years=0, seconds=1.0,
    )  # fmt: skip
    attributes = global_attributes(experiment, result, "S_T")
    assert attributes["title"].startswith("SYNTHETIC")
    assert "not a projection" in attributes["comment"]
    with netCDF4.Dataset(tmp_path / "x.nc", "w") as file:
        file.setncatts(attributes)


WIDE = 100  # cells, of which five are poisoned, each in another way
POISON = (
    ("past.nc", "tair", np.nan), ("past.nc", "precip", -9999.0), ("future.nc", "tair", 280.0),
    ("past.nc", "precip", -3.0), ("vegetation.nc", "veg", 42),
)  # fmt: skip


@pytest.mark.slow
def test_five_percent_of_poisoned_cells_leave_the_rest_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(small_region, "COLUMNS", WIDE)
    monkeypatch.setattr(small_region, "CLASSES", np.tile([[4, 7]], (1, WIDE // 2)))
    wide = small_region.TOML.replace("tile_cells = 2\n", "tile_cells = 50\n")
    monkeypatch.setattr(small_region, "TOML", wide)
    (clean,) = run_experiment(small_experiment(tmp_path / "clean"), tmp_path / "clean" / "out")
    assert np.sum(clean.status != OK) <= 1  # one cell's equilibrium is not found, and is named
    experiment = small_experiment(tmp_path / "poisoned")
    cells = np.random.default_rng(20).choice(WIDE, len(POISON), replace=False).tolist()
    for cell, (file, variable, value) in zip(cells, POISON, strict=True):

        def poison(values, cell=cell, value=value):
            months = slice(30, 44)  # more than are repaired
            values[(months, 0, cell) if values.ndim == 3 else (0, cell)] = value
            return values

        small_region.change(tmp_path / "poisoned" / "data" / file, variable, poison)
    (result,) = run_experiment(experiment, tmp_path / "poisoned" / "out")
    assert sorted(set(result.findings) - set(clean.findings)) == sorted(cells)
    assert np.flatnonzero(result.status == INVALID_INPUT).tolist() == sorted(cells)
    rest = np.setdiff1d(np.arange(WIDE), cells)
    np.testing.assert_array_equal(clean.status[rest], result.status[rest])
    assert same(
        {name: values[..., rest] for name, values in clean.products.items()},
        {name: values[..., rest] for name, values in result.products.items()},
    )

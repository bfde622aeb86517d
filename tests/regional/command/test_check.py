"""``temjax check`` of an experiment tells the seams of its climate as the run does."""

import io

from rich.console import Console

from temjax.regional.climate.monthly import MonthlyClimate
from temjax.regional.command.check import check
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs import climate as blocks
from temjax.regional.inputs.domain import load_domain
from temjax.regional.run.member_group import prepare_group
from tests.support.small_region import change, write_experiment


def test_a_seam_is_one_note_of_check_and_run_and_read_by_blocks(tmp_path, monkeypatch, capsys):
    path = write_experiment(tmp_path)
    change(tmp_path / "data" / "future.nc", "tair", lambda values: values + 3)
    change(tmp_path / "data" / "future.nc", "nirr", lambda values: values * 0.9)
    read, load = [], MonthlyClimate.load
    monkeypatch.setattr(blocks, "BLOCK_CELLS", 2)
    monkeypatch.setattr(
        MonthlyClimate, "load", lambda self, cells: read.append(cells.size) or load(self, cells)
    )
    assert check(path) == []
    (told,) = (line for line in capsys.readouterr().err.splitlines() if "seam" in line)
    assert told.startswith("note: forcing seam: past 1990-1994 to model 1995-1999: air temper")
    assert "shortwave -10.0%" in told and read == [2, 2, 1]
    experiment = read_experiment(path)
    domain = load_domain(experiment)
    console = Console(width=400, record=True, file=io.StringIO())
    prepare_group(experiment, domain, "toy", ["rcp85"], tmp_path / "restart", console)
    (run,) = (line for line in console.export_text().splitlines() if "seam" in line)
    assert run.split("seam")[1].strip(": ") == told.split("seam")[1].strip(": ")


def test_a_climate_without_rain_or_valid_cells_is_no_error(tmp_path, capsys):
    path = write_experiment(tmp_path)
    change(tmp_path / "data" / "past.nc", "precip", lambda values: values * 0)
    check(path)
    assert "precipitation +inf%" in capsys.readouterr().err
    change(tmp_path / "data" / "future.nc", "precip", lambda values: values * 0)
    check(path)
    assert "precipitation +0.0%" in capsys.readouterr().err
    change(tmp_path / "data" / "past.nc", "tair", lambda values: values + 300)
    assert check(path) and "seam" not in capsys.readouterr().err

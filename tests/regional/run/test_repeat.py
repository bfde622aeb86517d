"""A run folder is enough to repeat its run, bit by bit; what changed since is named."""

import json
import shutil

import netCDF4
import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from temjax.files.findings import DataError
from temjax.parameters.files import load_parameters, replace_parameters, write_parameters
from temjax.parameters.posterior import posterior_arrays
from temjax.regional.command.choices import choose_draws, select_experiment
from temjax.regional.command.main import project_command
from temjax.regional.run.provenance import (
    DrawRecord,
    data_hashes,
    read_record,
    write_draw_record,
    write_record,
)
from tests.support.fitted_set import write_fitted_set
from tests.support.small_region import change, write_experiment

PARAMETERS = '[parameters]\nalpine-tundra = "mine.toml"\n'


@pytest.fixture(scope="module")
def app():
    app = typer.Typer()
    app.command("other")(lambda: None)
    app.command("project")(project_command)
    return app


def written(folder):
    """A region with a parameter file of its own, and its experiment cut to three cells."""
    path = write_experiment(folder, PARAMETERS)
    values = replace_parameters(load_parameters("alpine-tundra"), cmax_scale=1.05)
    write_parameters(values, folder / "mine.toml", name="mine")
    return path


def arrays(folder):
    content = {}
    for path in sorted(folder.glob("*.nc")):
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            content |= {f"{path.name}:{n}": np.asarray(v[...]).tobytes()
                      for n, v in file.variables.items()}  # fmt: skip
    for path in sorted((folder / "restart").rglob("*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                content[f"{path.relative_to(folder)}:{name}"] = archive[name].tobytes()
    return content


@pytest.mark.slow
def test_a_repeated_run_has_the_same_bits(app, tmp_path):
    """The repetition needs neither the experiment file nor the parameter file."""
    path = written(tmp_path)
    first, second = tmp_path / "first", tmp_path / "second"
    box = "bbox:210.39,68,210.43,69"  # two of the five cells
    arguments = ["project", str(path), "--out", str(first), "--cells", box]
    outcome = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    path.unlink()
    (tmp_path / "mine.toml").unlink()
    again = ["project", "--from", str(first), "--out", str(second)]
    outcome = CliRunner().invoke(app, again, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    one, other = arrays(first), arrays(second)
    assert len(one) > 100
    assert one == other
    assert "differs" not in outcome.output


@pytest.fixture
def recorded(tmp_path):
    path = written(tmp_path)
    experiment = select_experiment(path, None, None, "bbox:210.39,68,210.43,69")
    write_record(experiment, tmp_path / "run")
    return experiment, tmp_path


def test_the_record_holds_the_experiment_as_resolved(recorded):
    experiment, folder = recorded
    read, notes = read_record(folder / "run")
    assert notes == []
    assert read.hash == experiment.hash
    assert read.cells == experiment.cells
    assert read.domain == experiment.domain and read.climate == experiment.climate
    copy = read.parameters["alpine-tundra"]
    assert copy.parent == (folder / "run" / "inputs" / "parameters")
    assert copy.read_bytes() == (folder / "mine.toml").read_bytes()
    record = json.loads((folder / "run" / "inputs" / "record.json").read_text())
    assert set(record["data"]) == {
        "domain/vegetation.nc", "domain/texture.nc", "domain/elevation.nc",
        "climate/past.nc", "climate/future.nc", "climate/co2.nc",
    }  # fmt: skip
    assert {"jax", "jaxlib", "temjax", "numpy"} <= set(record["versions"])


def test_changed_and_absent_data_are_named(recorded):
    _, folder = recorded
    change(folder / "data" / "past.nc", "tair", lambda values: values + 0.1)
    (folder / "data" / "co2.nc").unlink()
    with pytest.raises(DataError) as error:
        read_record(folder / "run")
    assert len(error.value.findings) == 2
    gone, changed = map(str, error.value.findings)
    assert "co2.nc" in gone and "was read by the run and is gone" in gone
    assert "past.nc" in changed and "has changed since the run" in changed


def test_moved_data_are_found_with_the_option(recorded):
    experiment, folder = recorded
    shutil.move(folder / "data", folder / "elsewhere")
    with pytest.raises(DataError, match="is gone"):
        read_record(folder / "run")
    read, _ = read_record(folder / "run", folder / "elsewhere")
    assert list(data_hashes(read)) == list(data_hashes(experiment))
    assert all(data_hashes(read).values())


def test_other_versions_are_said(recorded):
    _, folder = recorded
    path = folder / "run" / "inputs" / "record.json"
    record = json.loads(path.read_text())
    record["versions"]["jax"] = "0.0.1"
    path.write_text(json.dumps(record))
    (note,) = read_record(folder / "run")[1]
    assert "jax 0.0.1" in note


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "an experiment file, or --from"),
        (("x.toml", "--from", "run"), "an experiment file, or --from"),
        (("--from", "run", "--cells", "bbox:0,0,1,1"), "repeats the run as it was"),
        (("--from", "out"), "not the repeated run's"),
    ],
)
def test_wrong_use(app, arguments, words):
    outcome = CliRunner().invoke(app, ["project", *arguments, "--out", "out"])
    assert outcome.exit_code == 2
    assert words in outcome.output


def test_a_folder_without_a_record(app, tmp_path):
    with pytest.raises(DataError, match="no record of a run"):
        read_record(tmp_path)


def with_joint_fits(folder):
    """An experiment whose two types come from two fits whose arrays have one name."""
    lines = ["[parameters]"]
    for number, base in enumerate(("moist-tundra", "alpine-tundra")):
        place = folder / f"fit{number}"
        place.mkdir()
        write_fitted_set(place / "mine.toml", base, {"kdc_scale": 0.2}, arrays="posterior.nc")
        (place / "posterior.nc").write_bytes(bytes([number]))
        lines.append(f'{base} = "fit{number}/mine.toml"')
    return select_experiment(write_experiment(folder, "\n".join(lines)), None, None, None)


def test_arrays_of_fits_are_copied_with_their_sets(tmp_path):
    experiment = with_joint_fits(tmp_path)
    for _ in range(2):  # into a folder that has them, too
        write_record(experiment, tmp_path / "run")
    read, _ = read_record(tmp_path / "run")
    contents = [posterior_arrays(read.parameters[name]).read_bytes()
                for name in ("moist-tundra", "alpine-tundra")]  # fmt: skip
    assert contents == [b"\x00", b"\x01"]
    assert all((tmp_path / "run") in path.parents for path in read.parameters.values())
    write_record(read, tmp_path / "again")
    again, _ = read_record(tmp_path / "again")
    assert posterior_arrays(again.parameters["alpine-tundra"]).read_bytes() == b"\x01"


def choose(choices, repeat, experiment):
    console = Console(record=True, width=200)
    chosen = choose_draws(choices, repeat, experiment, console)
    return *chosen, console.export_text()


def test_draws_of_a_run_are_repeated(recorded):
    experiment, folder = recorded
    out = folder / "run"
    nothing = None, None, None
    assert choose(nothing, None, experiment)[0] == 0
    assert choose((8, None, None), None, experiment)[:2] == (
        8, {"seed": 1, "unfitted": "prior", "repeated": None}
    )  # fmt: skip
    assert choose(nothing, out, experiment)[0] == 0  # a run without draws
    record = DrawRecord(64, 7, "exact", [{"types": ["moist-tundra"]}], experiment.hash)
    write_draw_record(record, out)
    draws, arguments, text = choose(nothing, out, experiment)
    assert draws == 64
    assert arguments == {"seed": 7, "unfitted": "exact", "repeated": record}
    assert "64, seed 7, unfitted exact" in text and "here" not in text
    draws, arguments, text = choose((0, None, "prior"), out, experiment)
    assert draws == 0 and arguments["repeated"] is None
    assert "here 0, seed 7, unfitted prior" in text


def test_draws_of_another_configuration_are_not_repeated(recorded):
    experiment, folder = recorded
    write_draw_record(DrawRecord(64, 7, "exact", [], "another"), folder / "run")
    draws, arguments, text = choose((None, None, None), folder / "run", experiment)
    assert draws == 0 and arguments["seed"] == 1
    assert "another configuration" in text


def test_a_damaged_record_of_draws_is_told(recorded):
    experiment, folder = recorded
    (folder / "run" / "inputs" / "draws.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="no record of draws"):
        choose((None, None, None), folder / "run", experiment)

"""The command line: exit codes, one-line errors, and a whole site run."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import temjax
from temjax import sites
from temjax.calibration import fitted_set_path
from temjax.command import main as cli
from temjax.files.findings import DataError
from temjax.parameters.files import load_parameters, write_parameters
from temjax.runtime.configure import cache_folder
from temjax.runtime.machine import GC_THRESHOLDS
from temjax.sites.cli import open_sites
from temjax.sites.place_state import read_place_state
from temjax.sites.provenance import parameter_hash
from temjax.sites.sources import open_site
from tests.support.tower_files import site_text

ROOT = Path(__file__).resolve().parents[3]
FLUXNET_HEADER = "TIMESTAMP,TA_F,P_F,SW_IN_F\n"


pytestmark = pytest.mark.usefixtures("restored_settings")


def run(*arguments):
    given = ["--no-cache", *map(str, arguments)]
    return CliRunner().invoke(cli.build_app(given), given)


def fluxnet_file(path, value="5"):
    rows = [
        f"2001{month:02d},{value if month == 3 else 5 + month / 10},1,{100 + month}"
        for month in range(1, 13)
    ]
    path.write_text(FLUXNET_HEADER + "\n".join(rows) + "\n")
    return path


def test_version():
    result = run("--version")
    assert result.exit_code == 0
    assert temjax.__version__ in result.output


def test_sites_lists_the_catalog():
    result = run("sites")
    assert result.exit_code == 0
    for name in sites.names():
        assert name in result.output
    assert "2002-2004" in result.output


def test_check_of_clean_files(tmp_path):
    fluxnet = fluxnet_file(tmp_path / "tower.csv")
    parameters = tmp_path / "set.toml"
    write_parameters(load_parameters("moist-tundra"), parameters, name="mine")
    result = run("check", fluxnet, parameters)
    assert result.exit_code == 0, result.output
    assert result.output.count("no findings") == 2


def test_check_names_every_fault_of_every_file(tmp_path):
    fluxnet = fluxnet_file(tmp_path / "tower.csv", value="268.0")
    site = tmp_path / "site.toml"
    site.write_text("[location]\nlatitude = 10\n[soil]\nsand = 1\n")
    parameters = tmp_path / "set.toml"
    parameters.write_text('base = "moist-tundra"\n[values]\ncmaxx = 1.0\n')
    strange = tmp_path / "notes.txt"
    strange.write_text("hello")
    result = run("check", fluxnet, site, parameters, strange, tmp_path / "absent.nc")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert any("tower.csv: TA_F at line 4" in line and "kelvin" in line for line in lines)
    assert sum("site.toml: " in line for line in lines) >= 5
    assert any("set.toml: parameters" in line and "cmaxx" in line for line in lines)
    assert any("notes.txt: file" in line for line in lines)
    assert any("absent.nc: file" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("simulate", "haibei-medow", "--out", "x.nc"), 1, "haibei-meadow"),
        (("simulate", "absent.csv", "--out", "x.nc"), 1, "absent.csv"),
        (
            ("simulate", "haibei-meadow", "--out", "x.nc", "--parameters", "absent.toml"),
            1,
            "absent",
        ),
        (("simulate", "haibei-meadow", "--out", "x.nc", "--stop", "2050"), 1, "1901-2004"),
        (("simulate", "haibei-meadow"), 2, "--out"),
        (("simulate", "haibei-meadow", "--out", "no/such/folder/x.nc"), 2, "no such folder"),
        (("simulate", "haibei-meadow", "--out", "x.nc", "--site", "s.toml"), 2, "--site"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(arguments, code, text, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--no-cache", *arguments])
    assert stopped.value.code == code
    said = capsys.readouterr().err
    assert text in said
    if code == 1:
        assert sum("error:" in line for line in said.splitlines()) == 1


def test_a_fault_ends_the_process_without_traceback():
    program = "from temjax.command.main import main; "
    program += "main(['--no-cache', 'simulate', 'x', '--out', 'x.nc'])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1
    assert "unknown site 'x'" in done.stderr
    assert "Traceback" not in done.stderr


def temjax_process(*arguments, **environment):
    """A command as a process of its own, with changed environment variables."""
    program = "import sys; from temjax.command.main import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", *arguments],
        env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("platforms", ["nonsense", "cuda,nonsense"])
def test_a_platform_that_is_not_there_is_one_line(platforms):
    """Also in single precision, which the default device does not decide."""
    done = temjax_process(
        "--precision", "float32", "simulate", "haibei-meadow", "--out", "x.nc",
        JAX_PLATFORMS=platforms,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = (line for line in done.stderr.splitlines() if "error:" in line)
    assert "JAX_PLATFORMS" in line and platforms in line and "cpu" in line
    assert "Traceback" not in done.stderr


def test_commands_that_compute_nothing_need_no_device(tmp_path):
    done = temjax_process("sites", JAX_PLATFORMS="nonsense")
    assert done.returncode == 0 and "haibei-meadow" in done.stdout, done.stderr
    file = fluxnet_file(tmp_path / "tower.csv")
    done = temjax_process("check", str(file), JAX_PLATFORMS="nonsense")
    assert done.returncode == 0 and "no findings" in done.stdout, done.stderr


def test_the_oldest_typer_allowed_knows_literal_options():
    """Options are annotated with Literal, which typer takes from 0.19 on."""
    annotations = [str(value) for value in cli.common.__annotations__.values()]
    assert any("Literal" in annotation for annotation in annotations)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (bound,) = (text for text in settings["project"]["dependencies"] if text.startswith("typer"))
    assert tuple(map(int, bound.removeprefix("typer>=").split("."))) >= (0, 19)


def test_a_command_ends_without_going_through_what_stays():
    """A million objects of JAX, at the end of the process."""
    program = (
        "import atexit, gc\n"
        "atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() > 10_000))\n"
        "from temjax.command.main import main; main(['--version'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.splitlines()[-1] == f"{GC_THRESHOLDS[0]} True"


def test_places_are_opened_by_kind(tmp_path):
    fluxnet, facts = fluxnet_file(tmp_path / "tower.csv"), tmp_path / "site.toml"
    facts.write_text(site_text())
    (site,) = open_sites([str(fluxnet)], [facts])
    assert (site.name, site.parameter_set) == ("here", "moist-tundra")
    assert np.asarray(site.forcing.years).tolist() == list(range(1901, 2002))
    with pytest.raises(DataError, match="no climate given"):
        open_sites([str(facts)], None)


def test_towers_of_the_catalog_are_their_monthly_files_where_a_folder_has_them(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("TEMJAX_FLUXNET", str(tmp_path / "none"))
    with pytest.raises(DataError, match="no such folder"):
        open_site("haibei-meadow")
    monkeypatch.setenv("TEMJAX_FLUXNET", str(tmp_path))
    assert open_site("haibei-meadow").observations.monthly  # the folder is empty: the mean year
    fluxnet_file(tmp_path / "FLX_CN-HaM_FLUXNET2015_FULLSET_MM_2001-2001_1-4.csv")
    site = open_site("haibei-meadow")
    assert site.name == "haibei-meadow"
    assert any("MM_2001-2001_1-4.csv" in source for source in site.sources)
    assert open_site("toolik-tundra").name == "toolik-tundra"
    fluxnet_file(tmp_path / "FLX_CN-HaM_FLUXNET2015_FULLSET_MM_2002-2002_1-4.csv")
    with pytest.raises(DataError, match="several files of CN-HaM"):
        open_site("haibei-meadow")


def test_entry_points_are_declared():
    for group in ("temjax.commands", "temjax.checkers", "temjax.demo"):
        assert "temjax.sites" in {
            point.value.rpartition(".")[0] for point in cli.entry_points(group=group)
        }


COMMANDS = sorted(point.name for point in cli.entry_points(group="temjax.commands"))
LIGHT = """
import sys
from temjax.command.main import main
try:
    main(sys.argv[1:])
finally:
    names = "jax", "numpy", "pandas", "temjax.regional.command.main"
    print(*[name for name in names if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("asked", [("--help",), ("--version",)])
def test_help_and_version_import_no_jax(asked):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, *asked], capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1:] in ([], [""]), done.stderr
    if asked != ("--version",):
        for point in cli.entry_points(group="temjax.commands"):
            line = re.search(rf"^  {point.name} +(\S.*)$", done.stdout, re.MULTILINE)
            assert line, point.name
            assert cli.summary(point).startswith(line[1].removesuffix("..."))
    assert "\x1b" not in done.stdout  # no colours in a pipe


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples_and_options_spelt_alike(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    text = " ".join(result.output.split())
    assert f"Examples: temjax {command}" in text or f"Example: temjax {command}" in text
    options = re.findall(r"^  (--\S+)", result.output, re.MULTILINE)
    assert all(re.fullmatch(r"--[a-z][a-z-]*", option.rstrip(",")) for option in options)


def test_a_command_is_offered_to_the_shell():
    """Completion of commands and of a command's options, as the shell asks for it."""
    for words, wanted in (
        ("temjax pro", "project"),
        ("temjax simulate --act", "--active-layer-rule"),
    ):
        asked = {"_TEMJAX_COMPLETE": "complete_bash", "COMP_WORDS": words,
                 "COMP_CWORD": str(len(words.split()) - 1)}  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", "import sys; sys.argv[0] = 'temjax'\n"
             "from temjax.command.main import main; main()"],
            env=os.environ | asked, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert wanted in done.stdout, done.stderr


def test_cache_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("TEMJAX_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TEMJAX_CACHE")
    assert cache_folder().parts[-3:] == (".cache", "temjax", "jax")


def test_simulate_a_site_end_to_end(tmp_path):
    out = tmp_path / "run.nc"
    result = run("simulate", "toolik-tundra", "--out", out, "--start", 1902, "--stop", 1903)
    assert result.exit_code == 0, result.output
    site = sites.load("toolik-tundra")
    with xr.open_dataset(out) as data:
        assert data.year.values.tolist() == [1902, 1903]
        assert data.sizes["time"] == 24
        assert data.attrs["equilibrium_converged"] == "true"
        assert data.attrs["observations_used"] == data.attrs["observations_product"] == "none"
        assert "soil_organic_carbon: no [stocks." in data.attrs["observations_absent"]
        assert data.attrs["equilibrium_residual"] < 1e-8
        assert abs(float(data.attrs["nitrogen_drift"].split()[0])) < 1e-8
        assert data.attrs["parameter_hash"] == parameter_hash(site.parameters())
        assert data.attrs["temjax_version"] == temjax.__version__
        # near a steady state: two years on, vegetation takes up what soil gives off
        npp, rh = (float(data[f"annual_{name}"].mean()) for name in
                   ("net_primary_production", "heterotrophic_respiration"))  # fmt: skip
        assert npp > 10
        assert abs(npp - rh) < 0.05 * npp
        temperature = data.air_temperature.values.reshape(2, 12)
        np.testing.assert_allclose(temperature[0], np.asarray(site.forcing.air_temperature)[1])
        # twelve months make the annual sum
        np.testing.assert_allclose(
            data.gross_primary_production.values.reshape(2, 12).sum(axis=1),
            data.annual_gross_primary_production,
            rtol=1e-5,
        )
        assert 0.2 < float(data.maximum_thaw_depth[0]) < 2.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--soil", "layered", "--active-layer-rule", "literal"), "no meaning with --soil layered"),
        (("--rooting-depth", "thaw"), "acts with --soil layered only"),
    ],
)
def test_choices_without_meaning_for_the_soil_are_refused(tmp_path, given, words):
    result = run("simulate", "toolik-tundra", "--out", tmp_path / "run.nc", *given)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_a_set_names_the_state_of_its_place(tmp_path):
    state = read_place_state(fitted_set_path("haibei-meadow-fitted"))
    assert state.soil_matter_factor == pytest.approx(0.76, abs=0.01)
    assert (state.place, state.year) == ("haibei-meadow", 2002)
    path = tmp_path / "set.toml"
    for text in ("", "place = 3\n", '[place]\nname = "here"\n'):
        path.write_text(text)
        assert read_place_state(path) is None

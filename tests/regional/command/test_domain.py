"""``temjax domain``: maps on three grids to the climate's, written, drawn and read back."""

import csv
import tomllib

import matplotlib.image
import numpy as np
import pytest
import tomli_w
import xarray as xr

from temjax.regional.experiment.experiment import parse_experiment, read_experiment
from temjax.regional.figures.domain_figure import domain_figure
from temjax.regional.inputs.domain import load_domain
from temjax.regional.run.members import run_experiment
from temjax.regional.run.provenance import data_files
from tests.support.command import called
from tests.support.map_files import save
from tests.support.project_files import write_project

CLASSES = {"0": "none", "4": "moist-tundra", "7": "alpine-tundra"}
CELLS = ("latitude", "longitude", "elevation", "silt_plus_clay", "area", "row", "column")


def write(folder, kind="netcdf", **changes):
    """An experiment over a climate of 2 x 3 cells of half a degree, and maps on three grids."""
    document = write_project(folder, kind)
    rng = np.random.default_rng(3)
    classes = np.kron(np.array([[4, 7, 4], [7, 4, 4]]), np.ones((5, 5), dtype=int))
    classes[0, :8] = 0  # water, a fifth of two cells
    soil = {"sand": 48 + rng.uniform(-9, 9, (6, 6)), "silt": np.full((6, 6), 40.0)}
    soil["clay"] = 100 - soil["sand"] - soil["silt"]
    domain = {
        "kind": "maps", "folder": "maps", "classes": CLASSES,
        "vegetation": save(folder, "veg", classes, 67.0, -150.5, 0.1, "", east_360=True),
        "elevation": save(
            folder, "dem", 0.7 + rng.uniform(0, 0.2, (9, 13)), 66.6, -151.1, 0.2, "km"
        ),
        **{
            name: save(folder, name, 10 * field, 66.9, -150.6, 0.25, "g kg-1", north_first=True)
            for name, field in soil.items()
        },
    }  # fmt: skip
    document["domain"] = domain | changes
    path = folder / "region.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_back(printed, path, folder):
    """The experiment with the printed table in the place of its maps."""
    table = tomllib.loads(printed[printed.index("[domain]") :])["domain"]
    document = tomllib.loads(path.read_text(encoding="utf-8")) | {"domain": table}
    return parse_experiment(document, folder, "test")


def test_a_domain_of_maps_is_written_and_read_back(tmp_path):
    path, out = write(tmp_path), tmp_path / "domain.nc"
    assert called("check", path).exit_code == 0
    result = called("domain", path, "--out", out)
    assert result.exit_code == 0, result.output
    domain = load_domain(read_experiment(path))
    assert domain.size == 6 and domain.findings == {}
    assert (domain.texture.sum(axis=1) - 100) == pytest.approx(np.zeros(6), abs=1e-9)
    assert "What the maps became" in result.stdout
    assert "note: tas.nc: lat, lon: the run's grid is that of this file, (2, 3)" in result.stderr
    again = load_domain(read_back(result.stdout, path, tmp_path))
    for name in CELLS:
        assert np.array_equal(getattr(again, name), getattr(domain, name)), name
    assert again.vegetation.tolist() == domain.vegetation.tolist()
    with xr.open_dataset(out) as written:
        assert written.vegetation.attrs["flag_meanings"].split() == [
            "unmapped", "alpine-tundra", "moist-tundra"
        ]  # fmt: skip
        assert written.elevation.attrs["standard_name"] == "surface_altitude"
        assert written[written.lat.attrs["bounds"]].shape == (2, 2)
        assert set(written.data_vars) >= {"vegetation", "vegetation_share", "sand", "elevation"}
        assert "mean" in written.attrs["input_notes"]
        assert float(written.vegetation_share.min()) == pytest.approx(0.8, abs=0.01)
    table = rows_of(tmp_path / "domain.csv")
    (water,) = [row for row in table if row["entry"] == "left out (0)"]
    assert float(water["in_the_region"]) > 0 and float(water["in_the_run"]) == 0
    heights = [row for row in table if row["variable"] == "elevation" and row["entry"] == "mean"]
    assert 700 < float(heights[0]["in_the_run"]) < 900


def test_masked_cells_are_grey_in_the_figure(tmp_path):
    path = write(tmp_path, classes={"4": "moist-tundra", "0": "none"})
    result = called("domain", path, "--out", tmp_path / "domain.nc")
    assert result.exit_code == 0
    assert "class 7 is in no entry of domain.classes" in result.stderr
    assert "6 cells" in result.stdout and "2 are masked" in result.stdout
    assert called("check", path).exit_code == 1
    domain = load_domain(read_experiment(path))
    figure = domain_figure(domain)
    panel = next(axes for axes in figure.axes if axes.get_title() == "Elevation")
    drawn = panel.collections[1].get_array()
    assert np.ma.getmaskarray(drawn).sum() == 2  # over the grey of all cells, not at zero
    image = matplotlib.image.imread(tmp_path / "domain.png")
    assert image.std() > 0.05
    with xr.open_dataset(tmp_path / "domain.nc") as written:
        assert (written.vegetation == 0).sum() == 2


@pytest.mark.parametrize("kind", ["cmip", "era5-land"])
def test_the_grid_is_that_of_the_projects_climate(tmp_path, kind):
    domain = load_domain(read_experiment(write(tmp_path, kind)))
    assert domain.grid.shape == (2, 3) and domain.size == 6
    assert any("the run's grid is that of this file" in note for note in domain.notes)


def test_a_name_that_is_no_netcdf_is_refused(tmp_path):
    result = called("domain", write(tmp_path), "--out", tmp_path / "domain.csv")
    assert result.exit_code == 2 and "ends in .nc" in result.output


def test_the_synthetic_plateau_is_drawn_as_well(tmp_path):
    result = called(
        "domain", "regional/experiments/qtp-synthetic-demo.toml", "--out", tmp_path / "p.nc"
    )
    assert result.exit_code == 0, result.output
    assert (tmp_path / "p.png").is_file() and not (tmp_path / "p.csv").exists()


def test_a_run_on_maps_is_a_run_on_their_domain(tmp_path):
    path = write(tmp_path, "isimip3b")
    experiment = read_experiment(path)
    assert {"domain/veg.nc", "domain/dem.nc", "domain/clay.nc"} <= set(data_files(experiment))
    (result,) = run_experiment(experiment, tmp_path / "maps-run")
    assert (result.status == 0).all()
    printed = called("domain", path, "--out", tmp_path / "domain.nc").stdout
    (again,) = run_experiment(read_back(printed, path, tmp_path), tmp_path / "file-run")
    for name in ("S_T/npp", "S_T/csoil"):
        assert np.isfinite(result.products[name]).all()
        assert np.array_equal(result.products[name], again.products[name])

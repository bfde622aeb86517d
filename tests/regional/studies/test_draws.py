"""Runs of a small region with parameters drawn from a made fitted set and from priors."""

import json
import shutil

import netCDF4
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from temjax.files.findings import DataError
from temjax.regional.diagnostics.drawn import read_draws
from temjax.regional.diagnostics.totals import REGION, member_totals
from temjax.regional.report.draws import run_parameter_draws
from temjax.regional.report.member import write_member_output
from temjax.regional.results.read_back import read_run
from temjax.regional.run.members import run_experiment
from temjax.regional.run.workers import SERIAL
from temjax.regional.studies import draw_run, draw_statistics
from temjax.regional.studies.draw_run import run_draws
from temjax.regional.studies.draw_statistics import statistics
from temjax.regional.studies.parameter_sources import parameter_sources
from tests.support.fitted_set import write_fitted_set
from tests.support.small_region import small_experiment

TYPES = ("alpine-tundra", "moist-tundra")
QUIET = Console(quiet=True)
DRAWS = 6


def experiment_with(folder, sd, correlation=0.0):
    write_fitted_set(folder / "fitted.toml", "moist-tundra", sd, correlation)
    return small_experiment(folder, '[parameters]\nmoist-tundra = "fitted.toml"')


def run(experiment, out, unfitted="exact", draws=DRAWS, resume=False):
    sources, _ = parameter_sources(experiment, TYPES, unfitted)
    (member,) = run_draws(
        experiment, out, SERIAL, sources, draws=draws, seed=1, resume=resume, console=QUIET
    )
    return member


@pytest.fixture(scope="module", autouse=True)
def small_tiles():
    """Several tiles; with two draws as large as those of the ordinary run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draw_run, "LEAST_CELLS", 1)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("draws")


@pytest.fixture(scope="module")
def experiment(folder):
    return experiment_with(folder, {"kdc_scale": 0.2, "cmax_scale": 0.2}, 0.9)


@pytest.fixture(scope="module")
def ordinary(experiment, folder):
    (result,) = run_experiment(experiment, folder / "out")
    write_member_output(experiment, result, folder / "out")
    return result


@pytest.fixture(scope="module")
def member(experiment, folder):
    return run(experiment, folder / "alone")


def drawn(member, name):
    """A product by draw, ``(year, draw, domain cell)``."""
    parts = {}
    for tile in member.tiles:
        values = tile.products[name]
        values = values.reshape(values.shape[0], member.draws, -1)
        parts |= {int(cell): values[..., n] for n, cell in enumerate(tile.index)}
    return np.stack([parts[cell] for cell in sorted(parts)], axis=-1)


def test_a_draw_without_spread_is_the_ordinary_run_to_the_last_bit(tmp_path):
    experiment = experiment_with(tmp_path, {"kdc_scale": 0.0, "cmax_scale": 0.0})
    (ordinary,) = run_experiment(experiment, tmp_path / "ordinary")
    member = run(experiment, tmp_path / "draws", draws=2)
    assert member.shared_heat == 1.0
    for name in ("S_T/npp", "S_R/csoil", "S_T/thawdepth", "S_T/exposed_carbon", "S_T/tsl"):
        values = ordinary.products[name]
        for tile in member.tiles:
            size = tile.index.size
            of_tile = tile.products[name].reshape(*values.shape[:-1], 2, -1)[..., :size]
            for draw in range(2):
                assert np.array_equal(
                    of_tile[..., draw, :], values[..., tile.index], equal_nan=True
                ), name


def test_only_the_fitted_type_varies_where_others_are_exact(ordinary, member):
    npp = drawn(member, "S_T/npp")
    spread = npp[-1].std(axis=0)
    assert np.all(spread[[0, 2, 4]] > 1e-3 * npp[-1].mean())
    assert np.all(spread[[1, 3]] == 0)
    # another tile size: the same to rounding
    known = ordinary.products["S_T/npp"][:, [1, 3]]
    assert npp[:, 0, [1, 3]] == pytest.approx(known, rel=1e-13)


def test_soil_heat_is_the_same_in_all_draws(ordinary, member):
    depth = drawn(member, "S_T/thawdepth")
    assert np.array_equal(depth, np.repeat(depth[:, :1], DRAWS, axis=1))
    assert np.array_equal(depth[:, 0], ordinary.products["S_T/thawdepth"])


def test_drawn_thermal_parameters_move_soil_heat(tmp_path):
    experiment = experiment_with(tmp_path, {"conductivity_scale": 0.2})
    member = run(experiment, tmp_path / "draws", draws=2)
    assert 0 < member.shared_heat < 1  # one tile in three is of the exact type alone
    depth = drawn(member, "S_T/thawdepth")
    assert np.all(depth[:, 0, [0, 2, 4]] != depth[:, 1, [0, 2, 4]])
    assert np.array_equal(depth[:, 0, [1, 3]], depth[:, 1, [1, 3]])


def test_correlation_changes_the_regional_sd(member, folder, tmp_path):
    """More photosynthesis feeds the soil what faster decay takes: correlated draws offset."""
    independent = experiment_with(tmp_path, {"kdc_scale": 0.2, "cmax_scale": 0.2})
    other = statistics(run(independent, tmp_path / "draws"))
    correlated = statistics(member)

    def sd(of, name):
        return of.numbers["moist-tundra"][name].std(ddof=1)

    assert sd(correlated, "SOC S_T") != pytest.approx(sd(other, "SOC S_T"), rel=0.05)


def test_unfitted_types_vary_by_their_priors(experiment, tmp_path):
    npp = drawn(run(experiment, tmp_path, "prior", draws=4), "S_T/npp")
    assert np.all(npp[-1].std(axis=0)[[1, 3]] > 1e-3 * npp[-1].mean())


def test_regional_series_are_the_sums_of_the_cells(member):
    result = statistics(member)
    area = member.domain.area
    carbon = drawn(member, "S_T/csoil") * 1000
    region = result.groups[REGION]
    assert region.runs["S_T"]["SOC"] == pytest.approx(carbon @ area * 1e6 / 1e12, rel=1e-12)
    assert region.area == pytest.approx(area.sum())
    assert result.groups["moist-tundra"].area == pytest.approx(area[[0, 2, 4]].sum())
    exposed = (drawn(member, "S_T/exposed_carbon")).sum(axis=0)
    expected = np.quantile(exposed, (0.05, 0.5, 0.95), axis=0, method="weibull")
    assert result.maps["SOC_PF"] == pytest.approx(expected, rel=1e-9)
    assert result.above_zero["SOC_PF"] == pytest.approx((exposed > 0).mean(axis=0))
    assert not result.failed.any() and np.all(result.used == DRAWS)


def test_bands_of_latitude_add_up_to_the_region(member, monkeypatch):
    halves = {"west": np.arange(5) < 2, "east": np.arange(5) >= 2}
    monkeypatch.setattr(draw_statistics, "latitude_bands", lambda _: halves)
    result = statistics(member)
    assert set(result.bands) == {"west", "east"} and "west" not in result.groups
    assert "west" not in result.numbers
    soil = sum(band.runs["S_T"]["SOC"] for band in result.bands.values())
    assert soil == pytest.approx(result.groups[REGION].runs["S_T"]["SOC"])


def test_a_draw_that_is_not_finite_is_told_and_left_out(member):
    tile = member.tiles[0]
    size = tile.index.size
    broken = {name: values.copy() for name, values in tile.by_cell.items()}
    broken["finite"][2 * size] = 0  # first cell of the third draw
    failing = type(tile)(tile.index, tile.domain, broken, tile.files)
    other = type(member)(**(vars(member) | {"tiles": [failing, *member.tiles[1:]]}))
    result = statistics(other)
    assert np.flatnonzero(result.failed).tolist() == [2]
    assert result.missing.tolist() == pytest.approx([0, 0, 0.2, 0, 0, 0])  # cells of one size
    assert result.flagged["not_finite"] == 1
    assert np.isnan(result.numbers[REGION]["SOC_PF"][2])
    assert np.isfinite(result.numbers[REGION]["SOC_PF"][[0, 1, 3, 4, 5]]).all()
    assert result.used.tolist() == [DRAWS - 1, *[DRAWS] * 4]


def test_totals_of_a_draw_that_lacks_a_cell_are_scaled_to_the_area(member, monkeypatch):
    monkeypatch.setattr(draw_statistics, "MISSING", 0.5)
    tile = member.tiles[0]
    broken = {name: values.copy() for name, values in tile.by_cell.items()}
    broken["finite"][2 * tile.index.size] = 0
    failing = type(tile)(tile.index, tile.domain, broken, tile.files)
    other = type(member)(**(vars(member) | {"tiles": [failing, *member.tiles[1:]]}))
    result, whole = statistics(other), statistics(member)
    assert not result.failed.any()
    carbon = drawn(member, "S_T/csoil")[:, 2] * 1000
    rest = carbon[:, 1:] @ member.domain.area[1:] * 1e6 / 1e12
    soil = result.groups[REGION].runs["S_T"]["SOC"]
    assert soil[:, 2] == pytest.approx(rest * 5 / 4)
    assert np.array_equal(soil[:, 3], whole.groups[REGION].runs["S_T"]["SOC"][:, 3])


def test_resume_computes_only_what_is_lost_and_refuses_other_draws(
    experiment, member, folder, tmp_path
):
    shutil.copytree(folder / "alone" / "restart", tmp_path / "restart")
    points = sorted((tmp_path / "restart" / "draws").rglob("*_future.npz"))
    assert len(points) == len(member.tiles)
    points[0].unlink()
    again = run(experiment, tmp_path, resume=True)
    assert 0 < again.cell_years < member.cell_years
    assert np.array_equal(drawn(again, "S_T/npp"), drawn(member, "S_T/npp"))
    with pytest.raises(DataError, match="another configuration"):
        run(experiment, tmp_path, "prior", resume=True)


def test_the_command_writes_what_it_found(experiment, ordinary, folder):
    out = folder / "out"
    console = Console(record=True, width=160)
    run_parameter_draws(experiment, out, console, draws=DRAWS, seed=1, unfitted="exact")
    text = console.export_text()
    assert "alpine-tundra: no fit; taken as exact" in text
    assert "0 of 6 draws failed" in text
    summary = json.loads((out / "draws_toy_rcp85.json").read_text(encoding="utf-8"))
    assert summary["draws"] == DRAWS and summary["failed"] == []
    number = summary["numbers"]["region"]["NPP S_T"]
    assert number["q05"] < number["q50"] < number["q95"]
    totals = pd.read_csv(out / "draws_toy_rcp85_totals.csv", index_col="draw")
    assert totals["NPP S_T"].mean() == pytest.approx(number["mean"])
    (stored,) = read_run(out)
    assert stored.label == "toy rcp85"
    assert number["ordinary_run"] == pytest.approx(number["mean"], rel=0.3)
    parameters = pd.read_csv(out / "draws_parameters.csv", index_col="draw")
    assert json.loads((out / "inputs" / "draws.json").read_text())["seed"] == 1
    drawn_members, left_out = read_draws(out, [member_totals(stored)])
    assert left_out == []
    group = drawn_members[0].groups[REGION]
    npp = group.runs["S_T"]["NPP"][-10:].mean(axis=0)
    assert npp == pytest.approx(totals["NPP S_T"], rel=1e-6)
    assert list(parameters) == ["moist-tundra:kdc_scale", "moist-tundra:cmax_scale"]
    assert parameters.index.tolist() == list(range(1, DRAWS + 1))
    series = pd.read_csv(out / "draws_toy_rcp85_series.csv")
    rows = series.query("group == 'region' and run == 'S_T' and series == 'NPP'")
    assert rows["year"].tolist() == [1996, 1997, 1998, 1999]
    with netCDF4.Dataset(out / "draws_toy_rcp85.nc") as file:
        low, middle, high = file["NPP_end"][:, 0]
        assert np.all(low <= middle) and np.all(middle <= high)
        assert file["NPP_end"].units == "g m-2 yr-1"
        assert np.all(file["draws_used"][:] == DRAWS)
    assert (out / "draws_toy_rcp85.png").stat().st_size > 10_000

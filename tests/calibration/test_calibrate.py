"""Calibration in one call: result, files, requests that cannot work."""

import dataclasses
import json
import tomllib

import jax
import matplotlib.figure
import numpy as np
import pytest

import temjax.calibration
import temjax.calibration.cli
import temjax.calibration.run
from temjax import read_parameters
from temjax.calibration import Calibration, FitError, JointObjective, calibrate
from temjax.calibration.checkpoint import CHECKPOINT
from temjax.calibration.left_out import LeftOut
from temjax.calibration.part_table import PartTable
from temjax.calibration.places import open_sites
from temjax.calibration.report import calibration_record, report_page
from temjax.calibration.run import _call_text
from temjax.sites import open_site
from tests.support.command import ended
from tests.support.short_site import NAMES, OPTIONS, TARGETS, short_site

ARGUMENTS = {
    "free": NAMES,
    "targets": TARGETS,
    "starts": 4,
    "disequilibrium": "start",
    "options": OPTIONS,
    "progress": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("calibration") / "fit"


@pytest.fixture(scope="module")
def calibration(folder) -> Calibration:
    return calibrate(short_site(), steps=3, seed=3, out=folder, **ARGUMENTS)


def test_parameters_and_run_are_those_of_the_optimum(calibration):
    best = dict(zip(calibration.names, calibration.result.values, strict=True))
    assert float(calibration.parameters.cmax_scale) == pytest.approx(best["cmax_scale"])
    assert calibration.disequilibrium_factor() == pytest.approx(best["disequilibrium_factor"])
    assert calibration.site_parameters("haibei-meadow") == calibration.parameters
    assert calibration.run().years[-1] == short_site().forcing.years[-1]
    with pytest.raises(ValueError, match="site 'x'; fitted were haibei-meadow"):
        calibration.run("x")


def test_tables(calibration):
    table = calibration.table()
    assert list(table.index) == list(NAMES)
    assert (table["low"] < table["estimate"]).all() and (table["estimate"] < table["high"]).all()
    scores = calibration.scores().set_index("variable")
    groups = scores.loc["soil_temperature", "months"].tolist()
    assert sorted(groups) == ["not fitted, usable, all", "under snow"]
    score = next(s for s in calibration.site_scores[0] if s.variable.startswith("gross"))
    row = scores.loc["gross_primary_production"]
    assert row["nash_sutcliffe"] == score.model.nash_sutcliffe
    assert row["nash_sutcliffe_before"] == score.prior.nash_sutcliffe
    assert row["count"] == 12


def test_the_result_explains_itself(calibration):
    text, html = repr(calibration), calibration._repr_html_()
    for name in NAMES:
        assert name in text and name in html
    before, after = calibration.result.losses[0, 0], calibration.result.loss.min()
    assert f"loss {before:.2f} → {after:.2f}" in text and f"{before:.2f} → {after:.2f}" in html
    assert any(line.startswith("residual scales: ") for line in calibration.account())
    told = (*calibration.warnings(), *calibration.account(), *calibration.posterior.unconstrained())
    for line in told:
        assert line in text
    assert "gross_primary_production (fitted, usable, all)" in text
    assert "gross primary production (g C m-2 month-1)" in html
    assert html.count("<table>") == 2


@pytest.mark.parametrize("kind", ["months", "parameters", "loss", "spectrum", "correlation"])
def test_plots(calibration, kind):
    figure = calibration.plot(kind)
    assert isinstance(figure, matplotlib.figure.Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_plots_that_cannot_be(calibration):
    with pytest.raises(ValueError, match="unknown plot 'map'; choose months, parameters"):
        calibration.plot("map")
    with pytest.raises(ValueError, match="no profile likelihoods"):
        calibration.plot("profiles")


def test_files_are_written(calibration, folder, tmp_path):
    stems = ("fitted.toml", "fit.json", "fit.html", "posterior.nc", "pulls.csv")
    names = {f"haibei-meadow-{stem}" for stem in stems}
    assert {path.name for path in folder.iterdir()} == {*names, CHECKPOINT}
    paths = calibration.save(tmp_path / "again")
    for name in names - {"haibei-meadow-fit.html"}:
        again = (tmp_path / "again" / name).read_bytes()
        assert again == (folder / name).read_bytes()
    fitted = read_parameters(paths["parameters"])
    assert float(fitted.kdc_scale) == float(calibration.parameters.kdc_scale)
    record = json.loads(paths["record"].read_text(encoding="utf-8"))
    assert record["command"] == calibration.command
    assert record["absent"] == {"haibei-meadow": {}}  # the targets were named
    scales = {row["target"]: row["scale"] for row in record["residual_scales"]}
    assert set(scales) == {"net_ecosystem_production", "gross_flux"} and min(scales.values()) >= 1
    written = tomllib.loads(paths["parameters"].read_text(encoding="utf-8"))
    assert written["posterior"]["residual_scales"] == scales == written["fit"]["residual_scales"]
    assert "(GPP + RECO)/2" in written["fit"]["counted"] and not written["fit"]["base_sets"]
    assert record["observations"]["haibei-meadow"]["observations_used"].count(";") >= 5
    assert "Absent: none" in paths["report"].read_text(encoding="utf-8")
    assert calibration.command.startswith("temjax.calibration.calibrate('haibei-meadow', targets=")


def test_the_page_of_a_joint_fit_has_other_data_and_places_left_out(calibration):
    row = {"place": "haibei-meadow", "variable": "gross_primary_production", "count": 12}
    skills = ("prior", "own", "joint", "left_out", "other_years")
    row |= {f"nash_sutcliffe_{name}": 0.75 for name in skills} | {"nash_sutcliffe_own": np.nan}
    datum = {"variable": "maximum_thaw_depth", "label": "P1", "unit": "m", "observed": 1.5,
             "sd": 0.1, "prior": 2.0, "fitted": 1.25, "counts": True}  # fmt: skip
    joint = dataclasses.replace(
        calibration,
        tables=(PartTable("plateau", (datum,) * 61, ("thaw depths of plateau",), {}),),
        left_out=LeftOut((row,), ("second, own fit: it failed",), 12, 3.0),
    )
    page = report_page(joint, calibration_record(joint))
    assert "<h3>plateau</h3>" in page and "1 more in the file ending in" in page
    assert "<td>P1</td><td>m</td><td>1.5</td>" in page
    assert "second, own fit: it failed." in page and "<td>0.75</td>" in page


def test_a_calibration_is_resumed(calibration, folder):
    longer = calibrate(short_site(), steps=4, seed=3, out=folder, resume=True, **ARGUMENTS)
    np.testing.assert_array_equal(longer.result.losses[:3], calibration.result.losses)
    assert len(longer.result.losses) == 4
    with pytest.raises(FitError, match="belongs to another fit"):
        calibrate(short_site(), steps=4, seed=4, out=folder, resume=True, **ARGUMENTS)


def test_several_sites_are_fitted_together(monkeypatch):
    requests = {}

    def record(sites, objective, **arguments):
        requests.update(sites=sites, objective=objective, **arguments)

    monkeypatch.setattr(temjax.calibration.run, "run_calibration", record)
    other = dataclasses.replace(short_site(), name="second")
    arguments = ARGUMENTS | {"free": "cmax, kdc", "targets": "gpp"}
    calibrate([short_site(), other], tied=("cmax",), profiles="all", **arguments)
    objective = requests["objective"]
    assert isinstance(objective, JointObjective)
    assert objective.free.names == ("cmax_scale", "kdc_scale@haibei-meadow", "kdc_scale@second")
    assert requests["profiles"] == objective.free.names
    assert requests["command"].startswith(
        "temjax.calibration.calibrate(['haibei-meadow', 'second'], targets='gpp'"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"free": ("cmx",)}, "unknown parameter 'cmx'"),
        ({"targets": ("lai",)}, "no observations of 'lai'"),
        ({"holdout": (1999,)}, "hold-out year 1999 was not observed"),
        ({"tied": ("cmax",)}, "two or more sites"),
        ({"profiles": ("moistopt",)}, "'moisture_optimum' is not fitted"),
        ({"draws": 2}, "at least 4 draws"),
        ({"resume": True}, "give out"),
        ({"disequilibrium": "begin"}, "choose 'observations' or 'start'"),
        ({"starts": "8"}, "starts='8': give a whole number from 1 on"),
        ({"seed": -1}, "seed=-1: give a whole number from 0 on"),
        ({"holdout": 2004}, "holdout=2004: give a list of calendar years"),
        ({"free": 3}, "free=3: give a list of names"),
        ({"errors": 8.0}, "give a temjax.calibration.ErrorModel"),
    ],
)
def test_requests_that_cannot_work(arguments, message):
    with pytest.raises(ValueError, match=message):
        calibrate(short_site(), progress=False, **arguments)


def test_float32_is_warned_of(restored_settings):
    jax.config.update("jax_enable_x64", False)
    with pytest.warns(UserWarning, match="calibration in float32"):
        with pytest.raises(ValueError, match="two or more sites"):
            calibrate("haibei-meadow", tied=("cmax",), progress=False)


def test_sources_of_sites(tmp_path):
    site = short_site()
    assert open_sites(site) == (site,)
    assert [one.name for one in open_sites(["haibei-meadow", site])] == ["haibei-meadow"] * 2
    with pytest.raises(ValueError, match="no site given"):
        open_sites([])
    with pytest.raises(ValueError, match="unknown site 'haibei-medow'"):
        open_sites("haibei-medow")
    with pytest.raises(ValueError, match="goes with a tower's file"):
        open_site("haibei-meadow", site_file=tmp_path / "site.toml")


def test_the_call_in_words():
    defaults = {
        name: parameter.default
        for name, parameter in temjax.calibration.run.inspect.signature(
            calibrate
        ).parameters.items()
    }
    text = _call_text(defaults | {"sites": "haibei-meadow", "starts": 2})
    assert text == "temjax.calibration.calibrate('haibei-meadow', starts=2)"


@pytest.mark.slow
def test_the_command_writes_the_same_set(tmp_path, monkeypatch, capsys, restored_settings):
    """Everything but the line that says how it was made, bit for bit."""
    monkeypatch.setattr(temjax.calibration.cli, "open_sites", lambda *_: (short_site(),))
    options = ("--starts", "2", "--steps", "2", "--tunable", "cmax,kdc", "--targets", "nep,gpp")
    code, errors = ended(monkeypatch, capsys, "calibrate", "x", "--out", tmp_path / "a", *options)
    assert code == 0, errors
    calibrate(
        short_site(), starts=2, steps=2, free="cmax,kdc", targets="nep,gpp", out=tmp_path / "b"
    )
    first, second = (
        tomllib.loads((tmp_path / name / "haibei-meadow-fitted.toml").read_text("utf-8"))
        for name in "ab"
    )
    assert first["provenance"].pop("command").startswith("temjax --no-cache calibrate x")
    assert second["provenance"].pop("command").startswith("temjax.calibration.calibrate(")
    assert first == second

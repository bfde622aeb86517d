"""A type and its places: what is asked for, what is pooled, and the set that a region reads."""

import dataclasses
import tomllib

import numpy as np
import pytest

import temjax.calibration.cli
from temjax import ModelOptions, load_parameters, read_parameters
from temjax.calibration import (
    Calibration,
    ErrorModel,
    FreeParameters,
    JointObjective,
    calibrate,
    fit,
)
from temjax.calibration.assembly import make_objective
from temjax.calibration.fitted_file import write_posterior
from temjax.calibration.hierarchy import Hierarchy, TypeRequest, of_one_base, type_request
from temjax.calibration.pooled_posterior import reported_posterior
from temjax.calibration.pooling_strength import evidence_of
from temjax.calibration.type_set import write_type_set
from temjax.calibration.uncertainty import laplace
from temjax.parameters.posterior import read_posterior
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.studies.parameter_sources import draw_sets, parameter_sources
from tests.support.command import called
from tests.support.linear_parts import LinearPart
from tests.support.short_site import OPTIONS, short_site

pytestmark = pytest.mark.usefixtures("restored_settings")
NAMES = ("cmax_scale", "kdc_scale", "disequilibrium_factor")


def two_sites():
    return short_site(), dataclasses.replace(
        short_site(), name="second", title="Second", parameter_set="alpine-steppe"
    )


@pytest.mark.parametrize(
    ("name", "pooling", "message"),
    [
        (None, "0.3", "add --type NAME"),
        ("a/b", None, "give a name of letters"),
        ("tundra", "much", "give 'fitted', or a number from 0 on"),
        ("tundra", "-1", "give 'fitted', or a number from 0 on"),
        ("tundra", "nan", "give 'fitted', or a number from 0 on"),
    ],
)
def test_what_cannot_be_asked_for(name, pooling, message):
    with pytest.raises(ValueError, match=message):
        type_request(name, pooling)


def test_what_can_be_asked_for():
    assert type_request(None, None) is None
    assert type_request("tundra", None).strength is None
    assert type_request("tundra", "fitted").strength is None
    assert type_request("tundra", "0.3") == TypeRequest("tundra", 0.3)


def test_places_of_a_type_start_from_one_set_and_say_so():
    first, second = of_one_base(two_sites(), TypeRequest("steppe"), ())
    assert first.parameter_set == second.parameter_set == "alpine-meadow"
    assert not first.notes or first.notes == short_site().notes
    assert "its own is alpine-steppe" in second.notes[-1]
    assert of_one_base(two_sites(), None, ())[1].parameter_set == "alpine-steppe"


def test_all_but_the_numbers_of_a_place_and_tied_ones_are_pooled():
    sites = of_one_base(two_sites(), TypeRequest("steppe"), ())
    free = ("cmax", "kdc", "krb", "disequilibrium_factor")
    joint = make_objective(
        sites, free=free, tied=("krb",), targets=("gpp",), of_type=TypeRequest("steppe", 0.3)
    )
    assert [n for n in joint.reported.names if "@" not in n] == [
        "cmax_scale", "kdc_scale", "respiration_rate_log",
    ]  # fmt: skip
    own = {name for name in joint.free.names if name.startswith("deviation of ")}
    assert own == {
        f"deviation of {p}@{s}"
        for p in ("cmax_scale", "kdc_scale")
        for s in ("haibei-meadow", "second")
    }
    assert joint.pooling.strength == 0.3
    tied = make_objective(sites, free=free, targets=("gpp",), of_type=TypeRequest("steppe", 0.0))
    assert tied.pooling is None and "kdc_scale" in tied.free.names
    with pytest.raises(ValueError, match="pooled parameters need two or more sites"):
        make_objective(sites[:1], free=free, targets=("gpp",), of_type=TypeRequest("steppe"))
    with pytest.raises(ValueError, match="steppe: no free parameter belongs to a type"):
        make_objective(sites, free=("place",), targets=("gpp",), of_type=TypeRequest("steppe"))
    with pytest.raises(ValueError, match="is the name of a place"):
        make_objective(sites, free=free, targets=("gpp",), of_type=TypeRequest("second"))


def test_the_command_asks_for_it(tmp_path, monkeypatch):
    request = {}

    def stop(sites, objective, **arguments):
        request.update(sites=sites, objective=objective, **arguments)
        raise temjax.calibration.cli.FitError("stopped here")

    monkeypatch.setattr(temjax.calibration.cli, "run_calibration", stop)
    words = ("haibei-meadow", "damxung-steppe", "--type", "plateau", "--tunable", "cmax")
    result = called("calibrate", *words, "--pooling", "0.3", "--out", tmp_path / "fit")
    assert "stopped here" in result.output, result.output
    told = " ".join(result.output.split())
    assert "note: fitted from the set alpine-meadow of haibei-meadow, as a place of plateau" in told
    assert request["of_type"] == TypeRequest("plateau", 0.3)
    assert request["objective"].pooling.strength == 0.3
    wrong = called("calibrate", "haibei-meadow", "--pooling", "1", "--out", tmp_path / "b")
    assert wrong.exit_code == 2 and "--type NAME" in wrong.output


@pytest.fixture(scope="module")
def calibration():
    """A fit of two places with known residuals, as if the model had made them."""
    sites = of_one_base(two_sites(), TypeRequest("steppe"), ())
    rng = np.random.default_rng(0)
    free = FreeParameters.of(load_parameters("alpine-meadow"), NAMES)
    parts = []
    for site in sites:
        parts.append(LinearPart(site.name, free, rng.normal(size=(8, 3)), rng.normal(size=8)))
        parts[-1].options = ModelOptions()
    joint = JointObjective.of(tuple(parts), pooled=NAMES[:2], strength=0.4)
    result = fit(joint, starts=2, steps=20)
    return Calibration(
        sites, result, reported_posterior(result, laplace(result)), (), (), ErrorModel(), "test",
        hierarchy=Hierarchy.of(
            TypeRequest("steppe"), sites, result, evidence_of(result, residual_scale=True)
        ),
    )  # fmt: skip


def test_the_set_of_a_type_has_its_posterior_and_no_place(calibration, tmp_path):
    path = tmp_path / "steppe-fitted.toml"
    write_type_set(calibration, path)
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    assert "place" not in document and document["posterior"]["names"] == list(NAMES[:2])
    assert document["fit"]["pooling_strength"] == 0.4
    assert document["fit"]["places"] == ["haibei-meadow", "second"]
    values = dict(zip(calibration.result.names, calibration.result.values, strict=True))
    assert float(read_parameters(path).kdc_scale) == pytest.approx(values["kdc_scale"])
    posterior = read_posterior(path)
    rows = {row["name"]: row for row in calibration.posterior.table()}
    spread = 1.6449 * np.sqrt(posterior.covariance[1, 1])
    assert rows["kdc_scale"]["low"] == pytest.approx(np.exp(posterior.mean[1] - spread), rel=1e-4)


def test_a_region_draws_from_the_posterior_of_the_type(calibration, tmp_path, pytestconfig):
    path = tmp_path / "steppe-fitted.toml"
    write_type_set(calibration, path)
    write_posterior(calibration, tmp_path / calibration_arrays(path))
    experiment = read_experiment(
        pytestconfig.rootpath / "regional" / "experiments" / "qtp-analogue.toml"
    ).model_copy(update={"parameters": {"alpine-steppe": path}})
    sources, notes = parameter_sources(experiment, ["alpine-steppe"])
    (source,) = sources
    assert source.kind == "posterior" and set(source.columns["alpine-steppe"]) == set(NAMES[:2])
    assert not any("not the centre" in note for note in notes)
    sets = draw_sets(sources, {"alpine-steppe": read_parameters(path)}, 3, seed=0)
    drawn = [float(one["alpine-steppe"].cmax_scale) for one in sets]
    assert len(set(drawn)) == 3


def calibration_arrays(path):
    """Name of the arrays that a set names."""
    return tomllib.loads(path.read_text(encoding="utf-8"))["posterior"]["arrays"]


def test_what_was_pooled_in_words(calibration):
    hierarchy = calibration.hierarchy
    (line,) = hierarchy.lines()
    assert "steppe: 2 parameters of the type, with 2 of them places vary around it" in line
    assert "pooling strength 0.4 prior sd, by the evidence, about 90 %" in line
    tied = dataclasses.replace(hierarchy, pooled=(), strength=0.0)
    assert "the same at all 2 places" in tied.lines()[0]
    apart = dataclasses.replace(hierarchy, strength=1.8)
    assert "may be of several types" in apart.lines()[1]
    alike = dataclasses.replace(hierarchy, strength=0.02)
    assert "no difference among the places" in alike.lines()[1]


@pytest.mark.slow
def test_a_type_from_two_places_to_the_report(tmp_path):
    """The model itself, from the call to the files; a second call takes what is there."""
    site, second = short_site(), dataclasses.replace(short_site(), name="second")
    warmer = dataclasses.replace(
        second.forcing, air_temperature=second.forcing.air_temperature + 1.0
    )
    arguments = {
        "free": ("cmax_scale", "kdc_scale", "disequilibrium_factor"), "targets": ("gpp", "soc"),
        "starts": 2, "steps": 6, "options": OPTIONS, "disequilibrium": "start",
        "vegetation_type": "meadow", "leave_one_out": True, "out": tmp_path, "progress": False,
    }  # fmt: skip
    sites = [site, dataclasses.replace(second, forcing=warmer)]
    found = calibrate(sites, **arguments)
    names = {path.name for path in tmp_path.iterdir()}
    stem = "haibei-meadow-second"
    assert {
        "meadow-fitted.toml", "second-fitted.toml", "haibei-meadow-fitted.toml",
        f"{stem}-left-out.csv", f"{stem}-pulls.csv", f"{stem}-fit.html", f"{stem}-posterior.nc",
    } < names  # fmt: skip
    table = found.table()
    of_type, places = (
        table.loc["cmax_scale"],
        table.loc[["cmax_scale@haibei-meadow", "cmax_scale@second"]],
    )
    # places that are alike: the type is among them, a little nearer to its prior
    assert of_type["estimate"] == pytest.approx(places["estimate"].mean(), rel=0.02)
    for site_name, row in zip(("haibei-meadow", "second"), places["estimate"], strict=True):
        assert float(found.site_parameters(site_name).cmax_scale) == pytest.approx(row)
    by_place = {(row["place"], row["variable"]): row for row in found.left_out.rows}
    row = by_place["second", "gross_primary_production"]
    assert np.isfinite([row[f"nash_sutcliffe_{n}"] for n in ("own", "joint", "left_out")]).all()
    # places whose climate alone differs lie together: the others' fit does nearly as well
    assert row["nash_sutcliffe_left_out"] > row["nash_sutcliffe_prior"] - 0.05
    assert not found.left_out.notes
    again = calibrate(sites, **arguments, resume=True)
    np.testing.assert_array_equal(again.result.losses, found.result.losses)
    assert again.left_out.steps == found.left_out.steps

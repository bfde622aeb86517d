"""The options of a tower in ``temjax calibrate`` and ``sensitivity``; tables of joint fits."""

import numpy as np
import pytest

import temjax.calibration.cli
import temjax.calibration.sensitivity_cli
from temjax.calibration import calibrate
from temjax.calibration.checkpoint import FitError
from temjax.calibration.places import open_sites
from temjax.calibration.run import _call_text
from temjax.calibration.tables import parameter_table
from temjax.files.findings import DataError, Finding
from tests.support.command import called, printed
from tests.support.tower_files import columns, months, site_file, tower_file, write

pytestmark = pytest.mark.usefixtures("restored_settings")


@pytest.fixture
def fitted(monkeypatch) -> dict:
    """What a call would fit; the fit itself is not made."""
    request = {}

    def stop(sites, objective, **_):
        request.update(sites=sites, objective=objective)
        raise FitError("stopped here")

    monkeypatch.setattr(temjax.calibration.cli, "run_calibration", stop)
    return request


def test_a_tower_as_the_how_to_fits_it(tmp_path, fitted):
    """No targets and no parameters are named; the set is one of TEM's own."""
    tower, facts = tower_file(tmp_path), site_file(tmp_path, "mine", vegetation="grassland")
    result = called("calibrate", tower, "--site", facts, "--out", tmp_path / "fit")
    assert "stopped here" in result.output, result.output
    assert "fitted: nep, gpp, reco, soil_temperature\n" in result.output
    assert "absent: SOC (no [stocks.soil_organic_carbon] in the site file), SON (" in result.output
    assert "note: surface_resistance is not fitted: " in result.output
    assert len(fitted["objective"].free.names) == 13


def test_several_own_towers_and_one_of_the_catalog(tmp_path, fitted):
    towers = [tower_file(tmp_path, name) for name in ("XX-One", "XX-Two")]
    files = [site_file(tmp_path, name, fluxnet_id=f"XX-{name}") for name in ("Two", "One")]
    words = (towers[0], "haibei-meadow", towers[1], "--out", tmp_path / "fit", "--tunable", "cmax")
    called("calibrate", *words, "--site", files[0], "--site", files[1])
    assert [site.name for site in fitted["sites"]] == ["One", "haibei-meadow", "Two"]
    assert fitted["objective"].free.names == tuple(
        f"cmax_scale@{name}" for name in ("One", "haibei-meadow", "Two")
    )
    result = called("calibrate", *words, "--site", files[0])
    assert result.exit_code == 2
    assert "--site" in result.output and "XX-One" in result.output


def test_a_gap_is_filled_and_a_partition_chosen_as_in_simulate(tmp_path, fitted):
    """A record that begins in June, rain missing for a year; NT; a quality."""
    table = columns(months()[5:])
    table["P_F"] = ["-9999"] * 7 + table["P_F"][7:]
    tower, facts = tower_file(tmp_path), site_file(tmp_path, "mine")
    write(tower, table)
    words = ("calibrate", tower, "--site", facts, "--out", tmp_path / "fit", "--tunable", "cmax")
    assert called(*words).exception.__class__ is DataError and not fitted
    called(*words, "--fill-from-climatology", "--partition", "NT", "--quality", "0.85")
    (site,) = fitted["sites"]
    gpp, nep = (
        site.observations.monthly.get(f"{name}_production")
        for name in ("gross_primary", "net_ecosystem")
    )
    assert gpp is None and nep is None and "quality" in site.absent["gross_primary_production"]
    called(*words, "--fill-from-climatology", "--partition", "NT")
    (site,) = fitted["sites"]
    assert site.observations.monthly["gross_primary_production"].source.startswith("GPP_NT")
    assert any("filled" in note for note in fitted["objective"].notes)


def test_sensitivity_takes_the_same_options(tmp_path, monkeypatch):
    given = {}

    def stop(place, site_files, reading):
        given.update(place=place, site_files=site_files, reading=reading)
        raise DataError([Finding("x", "y", "", "stopped", "Here.")])

    monkeypatch.setattr(temjax.calibration.sensitivity_cli, "open_sites", stop)
    called(
        "sensitivity", "t.csv", "--site", "s.toml", "--out", tmp_path, "--partition", "DT",
        "--threshold", "CUT", "--quality", "0.7", "--fill-from-climatology", "--history",
        "mean-year", "--site-id", "23",
    )  # fmt: skip
    reading = given["reading"]
    assert (reading.partition, reading.threshold, reading.minimum_quality) == ("DT", "CUT", 0.7)
    assert reading.fill_from_climatology and reading.history == "mean-year"
    assert reading.site_id == "23" and [p.name for p in given["site_files"]] == ["s.toml"]


@pytest.mark.parametrize("command", ["simulate", "calibrate", "sensitivity", "check"])
def test_every_command_that_opens_a_tower_has_them(command):
    text = called(command, "--help").output
    for option in ("site", "partition", "threshold", "quality", "fill-from-climatology", "history",
                   "site-id"):  # fmt: skip
        assert f"--{option}" in text, option


def test_pairs_of_a_file_and_its_site_file_in_python(tmp_path):
    names = ("XX-One", "XX-Two")
    pairs = [(tower_file(tmp_path, name), site_file(tmp_path, name)) for name in names]
    opened = open_sites([*pairs, "toolik-tundra"])
    assert [site.name for site in opened] == [*names, "toolik-tundra"]
    with pytest.raises(ValueError, match=r"a pair \(file, site file\)"):
        open_sites([("a.csv", "a.toml", "b.toml")])
    with pytest.raises(ValueError, match="both called 'XX-One'"):
        calibrate([pairs[0], pairs[0]], free="cmax", progress=False)
    defaults = {name: p.default for name, p in
                temjax.calibration.run.inspect.signature(calibrate).parameters.items()}  # fmt: skip
    text = _call_text(defaults | {"sites": [("a.csv", "a.toml"), "damxung-steppe"]})
    assert text == "temjax.calibration.calibrate([('a.csv', 'a.toml'), 'damxung-steppe'])"


class Posterior:
    """Rows of a joint fit with long names and wide intervals."""

    def table(self) -> list[dict]:
        names = ("cmax_scale@haibei-meadow", "cmax_scale@haibei-shrubland")
        return [
            {"name": name, "symbol": "CMAX", "unit": "g C m-2 month-1", "prior": np.pi,
             "estimate": np.e, "at_bound": True, "low": -1.234e-5, "high": 9876.5,
             "shrinkage": 0.5}
            for name in names
        ]  # fmt: skip


@pytest.mark.parametrize("terminal", [False, True])
def test_joint_names_and_intervals_are_whole(terminal):
    lines = printed(parameter_table(Posterior()), width=80, terminal=terminal).splitlines()
    for name in ("cmax_scale@haibei-meadow", "cmax_scale@haibei-shrubland"):
        (line,) = (line for line in lines if f" {name} " in line)
        assert "-1.234e-05 … 9876" in line and "2.718 (bound)" in line

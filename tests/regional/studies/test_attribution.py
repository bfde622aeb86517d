"""Drivers one at a time: held timelines, the run with all drivers, the table of effects."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from temjax.files.findings import DataError
from temjax.regional.diagnostics.totals import REGION
from temjax.regional.inputs.timeline import Timeline
from temjax.regional.report.member import write_member_output
from temjax.regional.run.members import run_experiment
from temjax.regional.studies import attribution
from temjax.regional.studies.attribution import ALL, BASELINE, RUNS, attribute, hold_drivers
from temjax.regional.studies.attribution_report import (
    INTERACTION,
    SINGLE,
    drivers_figure,
    drivers_table,
    effects,
    read_attributions,
)
from temjax.units import grams_per_year
from tests.support.made_member import attribution_record
from tests.support.small_region import small_experiment


def test_held_drivers_repeat_the_last_years_and_the_last_concentration():
    timeline = Timeline(
        years=np.arange(10), rows=np.arange(10), co2=np.arange(120.0).reshape(10, 12),
        exposed=np.ones(10, dtype=bool), spin_up=(0, 2), past=(2, 2), historical=(2, 6),
        future=(6, 10), equilibrium_rows=np.arange(2), equilibrium_co2=280.0,
    )  # fmt: skip
    fixed = hold_drivers(timeline, 3, climate=False, co2=False)
    assert fixed.rows.tolist() == [0, 1, 2, 3, 4, 5, 3, 4, 5, 3]
    assert np.array_equal(fixed.co2[6:], np.tile(timeline.co2[5], (4, 1)))
    assert np.array_equal(fixed.co2[:6], timeline.co2[:6])
    free = hold_drivers(timeline, 3, climate=True, co2=True)
    assert np.array_equal(free.rows, timeline.rows)
    assert np.array_equal(free.co2, timeline.co2)


def test_effects_add_up_with_their_interaction():
    by_driver = effects(attribution_record())
    assert by_driver["climate"]["ΣNEP"].tolist() == [1, 2, 3, 4]
    assert by_driver[INTERACTION]["ΣNEP"][-1] == 4 * (3 - (1 + 2 - 1))
    summed = sum(by_driver[name]["ΣNEP"] for name in (*SINGLE, INTERACTION))
    assert np.array_equal(summed, by_driver[ALL]["ΣNEP"])
    table = drivers_table([attribution_record(), attribution_record(member="B")])
    assert [row[1] for row in table.rows] == [
        "climate alone", "CO2 alone", "exposure alone", "interaction", "all together",
    ]  # fmt: skip
    assert table.rows[0][4] == "4 ± 0"
    small = drivers_table([attribution_record() | {"area": 100.0}])
    assert small.head[2] == "ΣNPP, Mg C"
    assert small.rows[0][4] == "4000000"
    assert len(drivers_figure([attribution_record(), attribution_record("rcp45")]).axes) == 2


def test_a_region_that_was_not_run_is_named(tmp_path):
    experiment = small_experiment(tmp_path)
    with pytest.raises(DataError, match="holds no results"):
        list(attribute(experiment, tmp_path / "out", Console(quiet=True)))


@pytest.mark.slow
def test_all_drivers_together_are_the_run_with_exposure(tmp_path, monkeypatch):
    experiment = small_experiment(tmp_path)
    out = tmp_path / "out"
    (result,) = run_experiment(experiment, out)
    write_member_output(experiment, result, out)
    runs = {}
    original = attribution.attribute_tile

    def recorded(run, constant_years):
        runs[run.cells.number] = result = original(run, constant_years)
        return result

    monkeypatch.setattr(attribution, "attribute_tile", recorded)
    (path,) = attribute(experiment, out, Console(quiet=True), constant_years=2)
    assert path == Path(out / "attribution_toy_rcp85.json")
    assert set(runs[0]) == set(RUNS)
    first = runs[0]
    assert np.array_equal(first[ALL]["NPP"], grams_per_year(result.products["S_T/npp"][:, :2]))
    assert np.array_equal(first[ALL]["SOC"], 1000.0 * result.products["S_T/csoil"][:, :2])
    for name in ("climate", "CO2", "exposure"):
        assert not np.array_equal(first[name]["SOC"], first[BASELINE]["SOC"]), name
    (read,) = read_attributions(out)
    assert read["years"] == [1996, 1997, 1998, 1999]
    area = 5.0  # km²
    mean = read["groups"][REGION][ALL]["SOC"][-1] * 1e12 / (area * 1e6)
    assert mean == pytest.approx(1000 * result.products["S_T/csoil"][-1].mean(), rel=1e-6)

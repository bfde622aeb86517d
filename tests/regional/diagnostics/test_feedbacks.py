"""β and γ of series made by hand, of runs with and without permafrost carbon, and their files."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from temjax.regional.diagnostics.feedbacks import (
    ModelFeedbacks,
    feedbacks,
    model_feedbacks,
    trailing_mean,
)
from temjax.regional.diagnostics.totals import REGION, GroupTotals, MemberTotals
from temjax.regional.figures.feedback_figure import feedback_figure
from temjax.regional.report.feedbacks import (
    feedbacks_of,
    parameter_table,
    uptake_table,
    write_feedbacks,
)

YEARS = np.arange(1850, 1992)
CO2 = 280 * 1.01 ** np.arange(YEARS.size)
WARMING = 0.0401 * np.arange(YEARS.size)
BETA, GAMMA, GAMMA_RAD, DRIFT = 900.0, -50_000.0, -40_000.0, -7.0  # Tg
PERMAFROST = -10_000.0  # of γ, in all runs that warm
AREA = 2e6  # km²


def uptake(run, permafrost):
    """Cumulative uptake in which β, γ and what does not add up are known."""
    drift = DRIFT * (1 + np.arange(YEARS.size))
    changing = {
        "ctrl": 0.0,
        "bgc": BETA * (CO2 - CO2[0]),
        "rad": (GAMMA_RAD + permafrost) * WARMING,
        "cou": BETA * (CO2 - CO2[0]) + (GAMMA + permafrost) * WARMING,
    }[run]
    return drift + changing


def member(run, model="ESM"):
    """Totals of a run as they are read back."""
    branches = {
        branch: {"NEP": np.diff(uptake(run, permafrost), prepend=0.0)}
        for branch, permafrost in (("S_T", PERMAFROST), ("S_R", 0.0))
    }
    group = GroupTotals(
        area=AREA, delta={}, runs=branches, still=np.zeros(0), reference_exposure=0.0
    )  # fmt: skip
    before = np.arange(YEARS[0] - 5, YEARS[0])
    temperature = -9.0 + (WARMING if run in ("rad", "cou") else 0 * WARMING)
    co2 = CO2 if run in ("bgc", "cou") else np.full(YEARS.size, CO2[0])
    climate = {
        "years": np.concatenate([before, YEARS]),
        "air_temperature": np.concatenate([np.full(5, 99.0), temperature]),
        "co2": np.concatenate([np.full(5, CO2[0]), co2]),
    }
    stored = SimpleNamespace(attributes={"protocol": "one_percent"})
    return MemberTotals(
        member=model, scenario=run, years={"historical": before, "future": YEARS},
        climate=climate, groups={REGION: group}, bands={}, maps={}, stored=stored,
    )  # fmt: skip


@pytest.fixture(scope="module")
def model():
    models, texts = feedbacks_of([member(run) for run in ("ctrl", "bgc", "rad", "cou")])
    assert texts == []
    (found,) = models
    return found


def test_trailing_mean_is_of_the_years_up_to_each():
    values = np.arange(1.0, 7.0)
    assert trailing_mean(values, 3) == pytest.approx([1.0, 1.5, 2.0, 3.0, 4.0, 5.0])
    assert trailing_mean(values, 10) == pytest.approx([1.0, 1.5, 2.0, 2.5, 3.0, 3.5])


def test_parameters_are_those_the_series_were_made_with(model):
    with_carbon, without = (model.groups[REGION][name] for name in ("with", "without"))
    assert np.isnan(without.beta[0])
    assert without.beta[1:] == pytest.approx(np.full(YEARS.size - 1, BETA))
    told = trailing_mean(WARMING) >= 0.5
    assert np.isnan(without.gamma[~told]).all() and told.sum() == 125
    for parameter, value in (("gamma", GAMMA), ("gamma_rad", GAMMA_RAD)):
        assert getattr(without, parameter)[told] == pytest.approx(value)
        assert getattr(with_carbon, parameter)[told] == pytest.approx(value + PERMAFROST)
    assert without.additivity == pytest.approx((GAMMA - GAMMA_RAD) * WARMING)
    assert with_carbon.change("cou")[-1] == pytest.approx(
        BETA * (CO2[-1] - CO2[0]) + (GAMMA + PERMAFROST) * WARMING[-1]
    )


def test_co2_reaches_four_times_after_140_years(model):
    assert model.years[model.row_of_multiple()] == 1990
    assert model.multiple() == pytest.approx(1.01**141)
    short = ModelFeedbacks("ESM", model.years[:50], model.co2[:50], model.areas, model.groups)
    assert short.row_of_multiple() is None


def test_missing_runs_leave_out_what_needs_them():
    ctrl, bgc = member("ctrl"), member("bgc")
    found = model_feedbacks({"ctrl": ctrl, "bgc": bgc}).groups[REGION]["without"]
    assert found.beta[-1] == pytest.approx(BETA)
    assert np.isnan(found.gamma).all() and np.isnan(found.additivity).all()
    assert model_feedbacks({"bgc": bgc}) is None
    models, texts = feedbacks_of([ctrl, bgc])
    assert texts == ["ESM has no run rad, cou: what needs it is left out."]
    assert "–" in {cell for row in parameter_table(models).rows for cell in row}
    assert feedbacks_of([SimpleNamespace(stored=SimpleNamespace(attributes={}))]) == ([], [])


def test_a_warming_of_nothing_gives_no_gamma():
    flat = {run: np.zeros(3) for run in ("ctrl", "bgc", "rad", "cou")}
    found = feedbacks(flat, np.zeros(3), np.zeros(3))
    assert np.isnan(found.gamma).all() and np.isnan(found.beta).all()


def test_tables_tell_petagrams_and_densities(model):
    rows = {row[:2]: row[2:] for row in parameter_table([model]).rows}
    at_four = rows["1990 (4.03 × CO2)", "γ (cou − bgc)"]
    assert at_four[:4] == ("Pg C K⁻¹", "−60.0", "−50.0", "−10.0")
    assert at_four[4:] == ("−30,000", "−25,000", "g C m⁻² K⁻¹")
    assert rows["1991 (4.07 × CO2)", "β (bgc)"][:4] == ("Pg C ppm⁻¹", "0.900", "0.900", "0.00")
    uptakes = {row[0]: row[1:4] for row in uptake_table([model]).rows}
    assert uptakes["ctrl"][1] == "−0.994"
    assert uptakes["not additive: cou − bgc − rad"][1] == "−56.5"
    note = parameter_table([model]).note
    assert "10.1175/JCLI3800.1" in note and "not of the globe" in note


def test_several_models_have_a_spread(model):
    table = parameter_table([model, model])
    assert table.rows[0][3] == "0.900 ± 0.000" and "over climate models" in table.note


def test_files_hold_the_series(model, tmp_path):
    names = ("title", "institution", "contact", "source", "region", "configuration_hash")
    netcdf, table = write_feedbacks([model], tmp_path, dict.fromkeys(names, "x"))
    with xr.open_dataset(netcdf) as file:
        chosen = file.sel(climate_model="ESM", group=REGION, permafrost_carbon="with", year=1990)
        assert float(chosen["beta"]) == pytest.approx(BETA / 1000)
        assert file["gamma"].units == "Pg K-1"
        assert float(chosen["land_uptake"].sel(run="ctrl")) == pytest.approx(DRIFT * 141 / 1000)
    rows = pd.read_csv(table)
    assert len(rows) == 2 * YEARS.size
    last = rows[(rows.permafrost_carbon == "without") & (rows.year == 1991)].iloc[0]
    assert last["gamma_Pg_K-1"] == pytest.approx(GAMMA / 1000)
    assert last["uptake_ctrl_Pg"] == pytest.approx(DRIFT * 142 / 1000)
    assert last["area_km2"] == AREA


def test_the_figure_has_every_run_and_one_dashed_entry(model):
    axes = feedback_figure([model]).axes
    shown = [[text.get_text() for text in panel.get_legend().get_texts()] for panel in axes]
    assert shown[0] == ["ctrl", "bgc", "rad", "cou", "without permafrost carbon"]
    assert shown[2] == ["γ (cou − bgc)", "γ (rad)", "without permafrost carbon"]
    assert all(len(panel.lines) >= 3 for panel in axes)

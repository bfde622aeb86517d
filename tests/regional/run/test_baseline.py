"""Branch baseline: S_R held at the mean active layer of years instead of that of the branch."""

import numpy as np
import pytest
from rich.console import Console

from temjax.files.findings import DataError
from temjax.parameters.files import load_parameters
from temjax.processes.thaw_exposure import cumulative_fraction
from temjax.regional.diagnostics.comparison import comparison_of
from temjax.regional.diagnostics.totals import REGION, diagnostics, member_totals
from temjax.regional.diagnostics.words import summary_words
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.report.member import write_member_output
from temjax.regional.results.effect import delta_fluxes, delta_stocks, residual_exposure
from temjax.regional.results.read_back import read_run
from temjax.regional.run.members import run_experiment
from temjax.regional.studies.sensitivity_run import region_sensitivity
from tests.support.small_region import small_experiment, write_experiment

YEARS = 3


def with_baseline(folder, years):
    path = write_experiment(folder)
    text = path.read_text(encoding="utf-8")
    line = "exposure_from = 1992"
    path.write_text(
        text.replace(line, f"{line}\nbranch_baseline_years = {years}"), encoding="utf-8"
    )
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baseline")
    (branch,) = run_experiment(small_experiment(folder / "one"), folder / "one" / "out")
    experiment = read_experiment(with_baseline(folder / "mean", YEARS))
    (mean,) = run_experiment(experiment, folder / "mean" / "out")
    write_member_output(experiment, mean, folder / "mean" / "out")
    return branch.products, mean, folder / "mean" / "out"


def test_a_mean_of_years_moves_the_reference_alone(results):
    branch, mean, _ = results
    for name in ("historical/csoil", "S_T/csoil", "S_T/exposed_carbon", "S_T/frozen_carbon"):
        assert np.array_equal(branch[name], mean.products[name]), name
    assert not np.array_equal(branch["S_R/csoil"], mean.products["S_R/csoil"])


def test_the_reference_has_the_pools_of_the_mean_layer(results):
    branch, mean, _ = results
    layers = mean.products["historical/active_layer_thickness"]
    for cell, name in enumerate(mean.domain.vegetation):
        scale = float(load_parameters(str(name)).soil_carbon_depth_scale)
        held, last = (
            float(cumulative_fraction(z, scale))
            for z in (layers[-YEARS:, cell].mean(), layers[-1, cell])
        )
        factor = mean.products["S_R/exposure_factor"][:, cell]
        assert factor == pytest.approx([held / last, 1, 1, 1], rel=1e-9)
        before = 1000 * branch["historical/csoil"][-1, cell]
        exposed = mean.products["S_R/exposed_carbon"][:, cell]
        assert exposed == pytest.approx([(held / last - 1) * before, 0, 0, 0], rel=1e-6, abs=1e-9)
    assert np.abs(mean.products["S_R/exposed_carbon"][0]).min() > 1e-3


def test_exposed_carbon_is_still_what_the_soil_budget_leaves(results):
    _, mean, _ = results
    stocks, fluxes = delta_stocks(mean), delta_fluxes(mean)
    residual = residual_exposure(stocks, fluxes)
    assert residual == pytest.approx(stocks["SOC_PF"], abs=1e-6 * 1e4)


def test_the_report_tells_the_baseline_and_its_effect(results):
    branch, _, out = results
    stored = read_run(out)[0]
    assert stored.attributes["branch_baseline"] == "active layer of 1993-1995"
    members = [member_totals(stored)]
    group = members[0].groups[REGION]
    without = group.delta["SOC_PF"][-1] + group.reference_exposure
    assert without == pytest.approx(float(np.sum(branch["S_T/exposed_carbon"])) * 1e-6, rel=1e-4)
    assert diagnostics(group)["SOC_PF"] != pytest.approx(without, rel=1e-3)
    text = " ".join(summary_words(members, comparison_of(members)))
    shift = f"{-group.density(group.reference_exposure):.0f}".replace("-", "−")
    assert (
        "mean active layer of 1993–1995, at which S_R is held. Against the layer of 1995 " in text
    )
    assert f"adds {shift} g C m⁻² to SOC_PF" in text


@pytest.mark.parametrize("years", [0, 7])
def test_a_baseline_longer_than_the_history_is_refused(tmp_path, years):
    with pytest.raises(DataError, match="branch_baseline_years"):
        read_experiment(with_baseline(tmp_path, years))


def test_derivatives_refuse_a_mean_of_years(tmp_path):
    experiment = read_experiment(with_baseline(tmp_path, YEARS))
    with pytest.raises(DataError, match="branch year alone"):
        next(region_sensitivity(experiment, ("cmax_scale",), [], 0, Console(quiet=True)))

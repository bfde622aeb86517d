"""Tables and walks from made results, and files, report and a whole run of a small region."""

from pathlib import Path
from types import SimpleNamespace

import netCDF4
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from temjax.files.findings import DataError
from temjax.regional.diagnostics.totals import REGION
from temjax.regional.report.page import _extra_sections
from temjax.regional.run.member_group import parameter_set
from temjax.regional.run.workers import SERIAL
from temjax.regional.studies.parameter_sources import draw_sets
from temjax.regional.studies.variance import run as variance_run
from temjax.regional.studies.variance.analysis import HIGHER
from temjax.regional.studies.variance.design import choices, source_walks
from temjax.regional.studies.variance.figure import variance_figure, write_figure
from temjax.regional.studies.variance.files import Result, read_variance, write_variance
from temjax.regional.studies.variance.linear import why_not
from temjax.regional.studies.variance.run import (
    NITROGEN,
    PARAMETERS,
    QUANTITIES,
    RULE,
    B,
    plan,
    run_table,
    run_walks,
)
from tests.support.command import called, ended
from tests.support.fitted_set import write_fitted_set
from tests.support.small_region import small_experiment, write_experiment

FITTED, OTHER = "moist-tundra", "alpine-tundra"
FITTED_SET = f'[parameters]\n{FITTED} = "fitted.toml"'
RULES = {"hold": 1.0, "literal": 3.0}
DRAWS = 12
OPTIONS = {"resume": False, "console": Console(quiet=True)}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variance")
    write_fitted_set(folder / "fitted.toml", FITTED, {"kdc_scale": 0.2, "cmax_scale": 0.1}, 0.5)
    return small_experiment(folder, FITTED_SET)


def study_of(experiment, draws=DRAWS, b=("1", "4"), rules=tuple(RULES)):
    chosen = choices(experiment, (OTHER, FITTED), rules, ["pulse_only"], b)
    return plan(experiment, chosen, draws, 1, "prior")


def number(parameters):
    """Of a type: what walks and tables have to find again."""
    return 5 * float(parameters.kdc_scale) + 2 * float(parameters.cmax_scale)


def made_runs(experiment, folder, workers, samples, label, **options):
    """In place of runs: numbers from parameters, b, rule and sample."""
    ordinary = {name: parameter_set(experiment, name) for name in (OTHER, FITTED)}
    rule = RULES[experiment.model.active_layer_rule]
    sets = samples.sets(ordinary)
    assert len(sets) == samples.number
    numbers = {
        name: np.array([number(of[name]) for of in sets]) for name in (OTHER, FITTED)
    }  # fmt: skip
    depth = np.array([float(of[FITTED].soil_carbon_depth_scale) for of in sets])
    numbers[REGION] = numbers[OTHER] + numbers[FITTED] + rule * depth
    numbers = {name: dict.fromkeys(QUANTITIES, of) for name, of in numbers.items()}
    yield (
        SimpleNamespace(member="toy", scenario="rcp85"),
        SimpleNamespace(numbers=numbers, flagged={"negative_pool": 1}),
    )


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(variance_run, "_run", made_runs)


def test_the_table_has_every_run_in_its_place(experiment, tmp_path, made):
    study = study_of(experiment)
    table = run_table(study, tmp_path, SERIAL, **OPTIONS)
    values = table.values["SOC_PF"]
    assert values.shape == (DRAWS, 1, 1, 2, 1, 2)
    ordinary = {name: parameter_set(experiment, name) for name in (OTHER, FITTED)}
    drawn = draw_sets(study.sources, ordinary, DRAWS, 1)
    expected = sum(np.array([number(of[name]) for of in drawn]) for name in ordinary)
    for rule, factor in enumerate(RULES.values()):
        for level, depth in enumerate((1.0, 4.0)):
            assert values[:, 0, 0, rule, 0, level] == pytest.approx(expected + factor * depth)
    terms = table.terms()["SOC_PF"]
    # factor·b of levels 1, 3 and 1, 4: effects of half the differences of means
    known = {(RULE,): 2.5**2, (B,): 3.0**2, (RULE, B): 1.5**2, (PARAMETERS,): expected.var()}
    for term, variance in terms.terms.items():
        assert variance == pytest.approx(known.get(term, 0.0), abs=1e-12)
    assert table.flagged == {"negative_pool": 2}  # once per rule
    assert HIGHER in terms.terms and (NITROGEN,) not in terms.terms


def test_b_shares_the_soil_climate_of_the_draws(experiment):
    samples = variance_run._crossed_samples(study_of(experiment))
    assert samples.number == samples.copies([FITTED]) == 2 * DRAWS


def test_single_levels_are_said(experiment):
    notes = " ".join(study_of(experiment).notes)
    assert "climate model does not vary (toy)" in notes
    assert "nitrogen option does not vary (pulse_only)" in notes


def test_nothing_that_varies_is_refused(tmp_path):
    experiment = small_experiment(tmp_path)
    chosen = choices(experiment, (OTHER, FITTED), ["hold"], ["pulse_only"], ["own"])
    with pytest.raises(DataError, match="no factor has two levels"):
        plan(experiment, chosen, 8, 1, "exact")
    more = choices(experiment, (OTHER, FITTED), ["hold", "literal"], ["pulse_only"], ["own"])
    study = plan(experiment, more, 8, 1, "exact")
    assert study.draws == 1 and "no parameter is uncertain" in " ".join(study.notes)
    assert why_not(study) == "no parameter is uncertain"


def test_walks_split_the_parameters_of_every_type(experiment, tmp_path, made):
    study = study_of(experiment)
    split = run_walks(study, tmp_path, SERIAL, **OPTIONS)
    groups = ("photosynthesis and leaves", "decomposition")
    assert split.players == [(name, group) for name in (FITTED, OTHER) for group in groups]
    effects = split.effects["SOC_PF"]
    for place, source in zip((0, 2), study.sources, strict=True):
        values = source_walks(source, DRAWS, 1).values
        decay, growth = (source.gaussian.names.index(n) for n in ("kdc_scale", "cmax_scale"))
        ends = [5 * values[step][:, decay] + 2 * values[step][:, growth] for step in (0, -1)]
        of_type = effects[:, place : place + 2].sum(axis=1)
        assert of_type == pytest.approx((ends[0] - ends[1]) ** 2 / 2)


def test_a_draw_that_failed_is_left_out_and_told(experiment, tmp_path, monkeypatch):
    def failing(*arguments, **options):
        for member, of_region in made_runs(*arguments, **options):
            for numbers in of_region.numbers.values():
                for name, values in numbers.items():
                    numbers[name] = np.where(np.arange(values.size) == 2, np.nan, values)
            yield member, of_region

    monkeypatch.setattr(variance_run, "_run", failing)
    study = study_of(experiment)
    table = run_table(study, tmp_path, SERIAL, **OPTIONS)
    assert table.failed == [3] and table.values["SOC_PF"].shape[0] == DRAWS - 1
    split = run_walks(study, tmp_path, SERIAL, **OPTIONS)
    assert split.failed == [3] and len(split.effects["SOC_PF"]) == DRAWS - 1
    with pytest.raises(DataError, match="1 of 2 draws have results"):
        variance_run._require_draws(study, np.array([True, False]), "draws")


@pytest.fixture(scope="module")
def result(experiment):
    study = study_of(experiment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variance_run, "_run", made_runs)
        table = run_table(study, Path(), SERIAL, **OPTIONS)
        split = run_walks(study, Path(), SERIAL, **OPTIONS)
    linear = {name: np.array([1.0, 2.0, 3.0, 4.0]) for name in QUANTITIES}
    return Result(study, table, table.terms(), split, linear)


def test_files_hold_runs_and_shares(result, tmp_path):
    write_variance(result, tmp_path)
    rows = pd.read_csv(tmp_path / "variance.csv")
    for (_, _), of_part in rows.groupby(["quantity", "part"]):
        assert of_part["share"].sum() == pytest.approx(1.0)
    by_type = rows.query("quantity == 'SOC_PF' and part == 'vegetation type'")
    assert by_type["term"].tolist() == [FITTED, OTHER]
    assert by_type["linear_share"].tolist() == pytest.approx([0.3, 0.7])
    with netCDF4.Dataset(tmp_path / "variance.nc") as file:
        assert file["SOC_PF"].dimensions[0] == "parameters"
        assert file["SOC_PF"].shape == (DRAWS, 1, 1, 2, 1, 2)
        assert file["SOC_PF"].units == "Tg" and file["NPP_S_T"].units == "Tg yr-1"
        assert file["NPP_S_T_runs_variance"].units == "Tg2 yr-2"
        assert file["SOC_PF_runs_share"][:].sum() == pytest.approx(1.0)
        assert "climate model does not vary" in file.choices
        assert file.Conventions == "CF-1.8"


def test_the_page_shows_whose_uncertainty_it_is(result, tmp_path):
    assert _extra_sections(tmp_path, synthetic=False, drawn=[]) == []
    write_variance(result, tmp_path)
    stored = read_variance(tmp_path)
    paths = write_figure(stored.rows, stored.attributes["title"], tmp_path)
    assert [path.suffix for path in paths] == [".png", ".svg"]
    stored.rows.loc[stored.rows["part"] == "parameter group", "share"] = 1.5
    axes = variance_figure(stored.rows, "").axes
    assert [panel.get_ylim()[1] for panel in axes] == pytest.approx([300, 300, 300])
    (section,) = _extra_sections(tmp_path, synthetic=False, drawn=[])
    runs, by_type, by_group = section.tables
    assert runs.rows[0][0] == "mean of all runs"
    terms = {row[0]: row[1:] for row in runs.rows}
    assert f"{RULE} × {B}" in terms and f"{PARAMETERS} × {B}" not in terms
    assert "Not shown: 2 interactions of two, together at most 0.0 %" in runs.note
    assert by_type.rows[0][1].endswith("| 30.0")
    assert [row[0] for row in by_group.rows][-1] == "SD from parameters"
    assert len(section.pictures) == 1 and "does not vary" in section.texts[0]
    (section,) = _extra_sections(tmp_path, synthetic=False, configuration="of a box")
    assert "other cells or settings" in section.texts[1]


def test_the_command_tells_wrong_levels(tmp_path, monkeypatch, capsys):
    path = write_experiment(tmp_path)
    words = ("variance", path, "--out", tmp_path / "out", "--rules", "holt", "--b", "20")
    code, text = ended(monkeypatch, capsys, *words)
    assert code == 1
    assert "--rules: holt" in text and "mean hold" in text
    assert "--b: 20" in text and "0.4 to 8 m" in text


@pytest.mark.slow
def test_a_region_from_the_command_to_its_files(tmp_path):
    """Runs of a small region; a second time from the restart points, with the same numbers."""
    path = write_experiment(tmp_path, FITTED_SET)
    write_fitted_set(tmp_path / "fitted.toml", FITTED, {"kdc_scale": 0.2, "cmax_scale": 0.2}, 0.9)
    words = (
        "variance", path, "--out", tmp_path / "out", "--draws", 3, "--rules", "hold,literal",
        "--nitrogen", "pulse_only,uniform", "--b", "1,4", "--unfitted", "exact",
    )  # fmt: skip
    run = called(*words)
    assert run.exit_code == 0, run.output
    assert "alpine-tundra: no fit; taken as exact" in run.output
    first = pd.read_csv(tmp_path / "out" / "variance.csv")
    for (_, _), of_part in first.groupby(["quantity", "part"]):
        assert of_part["share"].sum() == pytest.approx(1.0)
    npp = first.query("quantity == 'NPP S_T' and part == 'runs'").set_index("term")["share"]
    assert npp[PARAMETERS] > 0.5
    again = called(*words, "--resume")
    assert again.exit_code == 0, again.output
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "variance.csv"), first)

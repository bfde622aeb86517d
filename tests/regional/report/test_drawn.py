"""A page of a run with drawn parameters: brackets, bands, maps, whose uncertainty it is."""

import html
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from temjax.regional.diagnostics import state_tables, tables
from temjax.regional.diagnostics.comparison import Comparison
from temjax.regional.diagnostics.drawn import read_draws
from temjax.regional.diagnostics.members import Interval, interval
from temjax.regional.diagnostics.totals import REGION, diagnostics
from temjax.regional.figures.draw_maps import draw_maps, map_statistics
from temjax.regional.report import drawn_section
from temjax.regional.report.drawn_section import drawn_sections, signs_table, sources_table
from temjax.regional.report.drawn_words import band_words
from temjax.regional.report.linear_table import linear_tables
from temjax.regional.report.member import write_member_output
from temjax.regional.report.page import write_report
from tests.support.fitted_set import write_fitted_set
from tests.support.made_draws import FACTORS, made_member_draws, write_made_draws
from tests.support.made_member import made_member, made_region

QUANTILES = np.quantile(FACTORS, (0.05, 0.5, 0.95), method="weibull")
ELSEWHERE = Comparison(False, False, "nowhere")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two climate models, each with draws of known numbers; one type is fitted."""
    folder = tmp_path_factory.mktemp("drawn")
    sd = {"kdc_scale": 0.2, "soil_carbon_depth_scale": 0.1}
    write_fitted_set(folder / "fitted.toml", "moist-tundra", sd, 0.5)
    experiment = made_region(folder, '[parameters]\nmoist-tundra = "fitted.toml"\n')
    out = folder / "out"
    for seed, member in enumerate(("a", "b")):
        write_member_output(experiment, made_member(experiment, member, seed), out)
    members = write_made_draws(experiment, out)
    drawn, left_out = read_draws(out, members)
    assert left_out == []
    return out, members, drawn


def text_numbers(text):
    return [float(number) for number in re.findall(r"[\d.]+", text)]


def test_series_come_back_as_they_were(run):
    _, members, drawn = run
    assert [m.member for m in drawn] == ["a", "b"]
    for member, totals in zip(drawn, members, strict=True):
        assert set(member.groups) == set(totals.groups)
        assert member.years["future"].tolist() == totals.years["future"].tolist()
        for name, group in totals.groups.items():
            read = member.groups[name]
            assert read.area == pytest.approx(group.area)
            assert set(read.runs) == {"historical", "S_R", "S_T"}
            expected = np.outer(group.delta["SOC_PF"], FACTORS)
            assert read.delta["SOC_PF"] == pytest.approx(expected, rel=1e-6)
            expected = np.outer(group.runs["historical"]["ALT"], FACTORS)
            assert read.runs["historical"]["ALT"] == pytest.approx(expected, rel=1e-6)


def test_numbers_of_draws_are_those_of_each_draw(run):
    _, _, drawn = run
    group = drawn[0].groups[REGION]
    together = diagnostics(group)
    for draw in range(len(FACTORS)):
        alone = diagnostics(replace(
            group,
            delta={label: values[:, draw] for label, values in group.delta.items()},
        ))  # fmt: skip
        for name, value in alone.items():
            assert together[name][draw] == pytest.approx(value), name


def test_intervals_are_over_the_draws_of_all_models(run):
    _, members, drawn = run
    both = np.concatenate([
        np.array(FACTORS) * diagnostics(member.groups[REGION])["ΣΔNEP"] for member in members
    ])  # fmt: skip
    known = interval(both)
    table = tables.balance_table(members, ELSEWHERE, drawn)
    assert table.head == ("quantity", "RCP8.5 this run", "RCP8.5 5 draws × 2 climate models")
    (row,) = (row for row in table.rows if row[0].startswith("ΣΔNEP"))
    size = 1e-6  # Tg: the region has 5 km², so totals are told in Mg
    expected = np.array([known.median, known.low, known.high]) / size
    assert text_numbers(row[2].replace("−", "")) == pytest.approx(abs(expected), rel=1e-5)
    assert {len(row) for row in table.rows} == {3}


def test_every_table_has_rows_of_equal_length_and_no_gap(run):
    _, members, drawn = run
    for table in (
        tables.flux_table(members, ELSEWHERE, drawn),
        tables.type_table(members, ELSEWHERE, drawn),
        state_tables.present_state(members, ELSEWHERE, drawn),
        sources_table(members, drawn), signs_table(drawn),
    ):  # fmt: skip
        assert {len(row) for row in table.rows} == {len(table.head)}, table.caption
        assert not any("nan" in cell for row in table.rows for cell in row), table.caption
    present = state_tables.present_state(members, ELSEWHERE, drawn).rows
    assert present[1][0] == "region, 5 draws × 2 climate models"


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((-0.001, 0.5, 1.0), "0.50 [0.00, 1.00]"),
        ((-4.0, -2.0, 12.0), "−2.0 [−4.0, 12.0]"),
        ((-348.81, -221.13, -136.82), "−221 [−349, −137]"),
        ((np.nan, np.nan, np.nan), "–"),
    ],
)
def test_text_of_an_interval(ends, text):
    assert Interval(*ends).text() == text


def test_draws_that_failed_are_left_out_and_told(run):
    _, members, drawn = run
    record = drawn[0].record | {"failed": [5]}
    failing = made_member_draws(members[0], (*FACTORS[:4], np.nan), record)
    rows = dict(signs_table([failing]).rows)
    assert rows["NEP of S_T, last decade"].endswith("of 4")
    assert "failed and are left out: 1 of a RCP8.5" in " ".join(band_words(members, [failing]))
    assert np.isfinite(interval(failing.groups[REGION].delta["SOC_PF"][-1]).median)


def test_sign_is_the_share_of_draws_above_zero(run):
    _, members, drawn = run
    made = made_member_draws(members[0], (-1.0, 1.0, 1.0, 1.0), drawn[0].record)
    positive = diagnostics(members[0].groups[REGION])["ΣΔNEP"] > 0
    assert dict(signs_table([made]).rows)["ΣΔNEP"] == f"{0.75 if positive else 0.25:.0%} of 4"


def test_whose_uncertainty_it_is(run):
    _, members, drawn = run
    table = sources_table(members, drawn)
    rows = {row[0]: row for row in table.rows}
    assert rows["moist-tundra"][2] == "posterior of its fit, with covariance"
    assert rows["alpine-tundra"][2] == "priors, no fit"
    assert rows["moist-tundra"][3] == "2"
    sd = [np.std(np.array(FACTORS) * diagnostics(m.groups[REGION])["ΣΔNEP"], ddof=1)
          for m in members]  # fmt: skip
    expected = np.sqrt(np.mean(np.square(sd))) / 1e-6
    assert float(rows[REGION][-1]) == pytest.approx(expected, rel=1e-5)
    assert "5 draws, seed 1" in table.note and "kdc_scale" in table.note
    words = " ".join(band_words(members, drawn))
    for part in ("rule 'hold'", "from priors about a set", "with its covariance",
                 "soil carbon, which decides what a deeper layer exposes, is among the drawn",
                 "No parameter of soil heat is drawn in every type",
                 "climate models other than these"):  # fmt: skip
        assert part in words, part


def test_maps_are_means_over_models_and_shares_those_of_all_draws(run):
    _, members, drawn = run
    domain = members[0].stored.domain
    median, width, share = map_statistics(drawn, domain, "SOC_PF")
    own = np.mean([member.maps["SOC_PF"] for member in members], axis=0)
    spans = np.mean([abs(member.maps["SOC_PF"]) for member in members], axis=0)
    known = np.isfinite(own)
    assert known.sum() == 4  # one cell is masked
    assert median[known] == pytest.approx(own[known] * QUANTILES[1], rel=1e-5)
    assert width[known] == pytest.approx(spans[known] * (QUANTILES[2] - QUANTILES[0]), rel=1e-5)
    positive = np.mean([member.maps["SOC_PF"] > 0 for member in members], axis=0)
    assert share[known] == pytest.approx(positive[known])
    FigureCanvasAgg(draw_maps(drawn, domain)).draw()


def test_the_page_has_it_all(run):
    out, _, _ = run
    page = write_report(out)
    text = html.unescape(re.sub(r'src="data:[^"]*"', "", page.read_text(encoding="utf-8")))
    for words in ("Uncertainty of parameters", "What each vegetation type was drawn from",
                  "do not contain",
                  "shade 5–95 % and thin line median of 5 draws × 2 climate models",
                  "draws_a_rcp85_series.nc", "Runs in their last decades, RCP8.5"):  # fmt: skip
        assert words in text, words
    assert not re.search(r"\bnan\b", text)
    assert text.count("<img") == 13  # of an ordinary page 12, and the maps of draws


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"configuration_hash": "other"}, "another configuration"),
        ({"seed": 2}, "other draws than those of the other members"),
        ({"member": "c"}, "the run has no such member"),
    ],
)
def test_draws_of_another_run_are_not_shown(run, tmp_path, monkeypatch, change, words):
    monkeypatch.setattr(drawn_section, "draw_maps", lambda *_: Figure(layout="constrained"))
    out, members, _ = run
    for path in out.glob("draws_*"):
        shutil.copy(path, tmp_path)
    path = tmp_path / "draws_b_rcp85.json"
    record = json.loads(path.read_text(encoding="utf-8")) | change
    path.write_text(json.dumps(record), encoding="utf-8")
    drawn, left_out = read_draws(tmp_path, members)
    assert [member.member for member in drawn] == ["a"]
    assert any(words in note for note in left_out)
    assert any(note.startswith("b rcp85: has no draws") for note in left_out)
    (section,) = drawn_sections(members, drawn, left_out, synthetic=False)
    assert any(words in text for text in section.texts)


def test_a_summary_without_series_is_told(run, tmp_path):
    out, members, _ = run
    shutil.copy(out / "draws_a_rcp85.json", tmp_path)
    drawn, left_out = read_draws(tmp_path, members)
    assert drawn == [] and "older version" in left_out[0] and "--resume" in left_out[0]
    (section,) = drawn_sections(members, drawn, left_out, synthetic=False)
    assert section.texts[0].startswith("Not shown: draws_a_rcp85.json")


def test_linear_propagation_stands_beside_the_draws(run, tmp_path):
    _, members, drawn = run
    total = {"delta_nep": {"value": -1.0, "sd": 0.5}}
    record = {"member": "a", "scenario": "rcp85", "linear": total, "samples": {},
              "configuration_hash": "of the run",
              "linear_without_correlations": {"delta_nep": {"value": -1.0, "sd": 0.7}}}  # fmt: skip
    path = tmp_path / "sensitivity_a_rcp85.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    (table,) = linear_tables(tmp_path, drawn, "of the run")
    (row,) = table.rows
    own = np.array(FACTORS) * diagnostics(members[0].groups[REGION])["ΣΔNEP"]
    assert row[:4] == ("a RCP8.5: ΣΔNEP, Tg C", "−1.00 ± 0.50", "−1.00 ± 0.70", "–")
    assert row[4] == f"{own.mean():.2f} ± {own.std(ddof=1):.2f}".replace("-", "−")
    assert "other cells" not in table.note
    (table,) = linear_tables(tmp_path, drawn, "of a box")  # region-sensitivity --cells
    assert table.rows == [(*row[:4], "–")]
    assert table.note.endswith("not beside its draws: a RCP8.5.")
    assert linear_tables(tmp_path / "none", drawn, "of the run") == []

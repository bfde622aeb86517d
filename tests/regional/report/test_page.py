"""Pages of regions: what they compare, call things and leave out, by place, members, scenarios."""

import html
import re
from dataclasses import replace
from importlib.resources import as_file, files

import numpy as np
import pytest

from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.report.member import write_member_output
from temjax.regional.report.page import write_report
from tests.support.browser_checks import check_page
from tests.support.made_member import made_member, made_region

ELSEWHERE = ("plateau", "qinghai", "meadow", "steppe", "liu", "the paper")


def write(experiment, out, members=("toy",), scenarios=("rcp85",)):
    for scenario in scenarios:
        for seed, member in enumerate(members):
            result = replace(made_member(experiment, member, seed), scenario=scenario)
            write_member_output(experiment, result, out)
    return write_report(out)


def words(page):
    """What a reader of the page sees and hears, without pictures."""
    text = re.sub(r'src="data:[^"]*"', "", page.read_text(encoding="utf-8"))
    return html.unescape(text)


@pytest.fixture(scope="module")
def alaska(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alaska")
    return write(made_region(folder), folder / "out", scenarios=("ssp370",))


def test_a_page_from_alaska_knows_nothing_of_the_plateau(alaska):
    text = words(alaska)
    for word in ELSEWHERE:
        assert word not in text.lower(), word
    assert "temjax holds none for 68.6° N, 149.5–149.6° W" in text
    for heading in ("Regional carbon fluxes", "By vegetation type", "Direction of the effect",
                    "moist-tundra: SOC_PF, Gg C", "Effect through time."):  # fmt: skip
        assert heading in text


def test_one_member_has_no_spread_and_scenarios_have_their_names(alaska):
    text = words(alaska)
    assert "±" not in text and not re.search(r"\bnan\b", text)
    assert "one climate model, so no spread" in text and "One climate model." in text
    assert "SSP3-7.0" in text and "RCP" not in text and "ssp370" not in text


def test_the_page_from_alaska_reads_on_a_phone(alaska, tmp_path):
    check_page(alaska, tmp_path)


def test_two_members_have_a_spread(tmp_path):
    page = write(made_region(tmp_path), tmp_path / "out", ("a", "b"), ("ssp126", "rcp45"))
    text = words(page)
    assert "shade ± 1 SD" in text and "bars ± 1 SD" in text and "mean ± SD" in text
    assert "scenarios RCP4.5, SSP1-2.6" in text


def demonstration(box=None):
    with as_file(files("temjax.regional") / "experiments" / "qtp-synthetic-demo.toml") as path:
        return read_experiment(path).select(cells=box)


def test_the_plateau_has_the_papers_numbers_beside_it(tmp_path):
    text = words(write(demonstration(), tmp_path, members=("A",)))
    for word in ("Liu et al. 2022", "188.3", "194.2", "1.93 ± 0.31", "Table 3.", "Figure S5.",
                 "meadows respond more than steppes", "Mu et al. 2020"):  # fmt: skip
        assert word in text, word


def test_a_part_of_the_plateau_has_no_totals_beside_it(tmp_path):
    text = words(write(demonstration((85.0, 30.0, 93.0, 36.0)), tmp_path, members=("A",)))
    assert "but no totals" in text
    for word, shown in (("188.3", False), ("1.93 ± 0.31", False), ("194.2", True),
                        ("0.22 ± 0.07", True)):  # fmt: skip
        assert (word in text) is shown, word


def test_bands_of_latitude_stand_in_the_page_of_a_wider_region(tmp_path):
    from_north_to_south = demonstration()
    result = made_member(from_north_to_south, "A")
    vegetation = np.where(result.domain.vegetation == "alpine-desert", "grassland", "moist-tundra")
    result = replace(result, domain=replace(result.domain, vegetation=vegetation, synthetic=False))
    experiment = from_north_to_south.model_copy(update={"title": "Elsewhere"})
    write_member_output(experiment, result, tmp_path)
    text = words(write_report(tmp_path))
    assert "By latitude band" in text and re.search(r"3\d–3\d° N", text)
    for word in ELSEWHERE:
        assert word not in text.lower(), word

"""The file of candidates: what is written can be read, and every fault is one finding."""

import pytest
import tomli_w

from temjax.files.findings import DataError
from temjax.files.toml import parse_toml
from temjax.regional.studies.design.candidate_file import (
    Place,
    read_candidates,
    require_region,
)
from temjax.regional.studies.design.default_candidates import candidates_text
from temjax.regional.studies.design.kinds import KINDS, SERIES

TYPES = ("alpine-meadow", "alpine-steppe")
TOWER = {"name": "a", "kind": "tower", "type": "alpine-meadow"}


def written(folder, *candidates, **keys):
    path = folder / "candidates.toml"
    document = {"version": 1, "candidates": list(candidates), **keys}
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path


def test_the_written_list_has_every_kind_of_every_type(tmp_path):
    path = tmp_path / "candidates.toml"
    path.write_text(candidates_text(TYPES), encoding="utf-8")
    content = read_candidates(path)
    assert {(one.type, one.kind) for one in content.candidates} == {
        (vegetation, kind) for vegetation in TYPES for kind in KINDS
    }
    assert not content.has_costs
    require_region(path, content, TYPES, 10)
    text = path.read_text(encoding="utf-8")
    assert all(name in text and series.source in text for name, series in SERIES.items())
    # what stands behind a # is right too
    lines = [line.removeprefix("# ") for line in text.splitlines() if "cost" in line]
    assert parse_toml("\n".join(lines[:1]))["cost_unit"]


def test_keys_are_read(tmp_path):
    path = written(
        tmp_path,
        TOWER | {"climate": {"latitude": 34.0, "longitude": 92.0}, "cost": 20, "years": 5},
        {"name": "b", "kind": "core", "type": "alpine-steppe", "depths": [[0, 0.5], [0.5, 3.0]],
         "points": 12, "series": ["soil_carbon"], "climate": "cold", "cost": 1.5},
        soil_matter_sd=0.0, cost_unit="kEUR",
    )  # fmt: skip
    content = read_candidates(path)
    tower, core = content.candidates
    assert tower.climate == Place(latitude=34.0, longitude=92.0)
    assert tower.measured == KINDS["tower"].series
    assert core.measured == ("soil_carbon",)
    assert core.number_of_points == 12
    assert content.has_costs


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "balloon"}, r"candidates\[1\].kind: 'balloon' is not a choice"),
        ({"height": 2}, r"candidates\[1\].height: unknown key"),
        ({"climate": "hot"}, "'hot' is no climate; choose mean, cold, warm"),
        ({"climate": {"latitude": 95.0, "longitude": 0.0}}, "latitude"),
        ({"years": 0}, r"candidates\[1\].years: 0 is below 1"),
        ({"points": 3}, "points has no meaning for kind 'tower'"),
        ({"depths": [[0.0, 0.3]]}, "depths has no meaning for kind 'tower'"),
        ({"series": ["thaw_depth"]}, "'thaw_depth' is no series of kind 'tower'"),
        ({"errors": {"nep": {"value": 1.0, "unit": "m"}}}, "'nep' is no series"),
        (
            {"errors": {"soil_temperature": {"value": 1.0, "unit": "m"}}},
            r"candidates\[1\]: .* not of a temperature",
        ),
        ({"errors": {"soil_temperature": {"value": -1.0, "unit": "K"}}}, "-1.0 is not above 0"),
        ({"cost": 0}, "0 is not above 0"),
        ({"kind": "core", "depths": [[0.3, 0.1]]}, "is no layer"),
        ({"kind": "core", "depths": []}, "is empty"),
    ],
)
def test_each_fault_is_one_finding_in_our_words(tmp_path, change, said):
    with pytest.raises(DataError, match=said) as error:
        read_candidates(written(tmp_path, TOWER | change))
    (finding,) = error.value.findings
    assert "docs/sites.md" not in str(finding)
    assert "pydantic" not in str(finding) and "Value error" not in str(finding)


def test_faults_of_several_candidates_are_all_told(tmp_path):
    wrong = TOWER | {"points": 3}, TOWER | {"name": "b", "depths": [[0.0, 0.3]]}
    with pytest.raises(DataError) as error:
        read_candidates(written(tmp_path, *wrong))
    assert [finding.variable for finding in error.value.findings] == [
        "candidates[1]", "candidates[2]"
    ]  # fmt: skip


def test_faults_of_the_whole_file(tmp_path):
    with pytest.raises(DataError, match="two candidates are called 'a'"):
        read_candidates(written(tmp_path, TOWER, TOWER))
    with pytest.raises(DataError, match="version: 2 is not a choice"):
        read_candidates(written(tmp_path, TOWER, version=2))
    with pytest.raises(DataError, match="it names no candidate"):
        read_candidates(written(tmp_path))
    with pytest.raises(DataError, match=r"cannot be read .*--write-candidates"):
        read_candidates(tmp_path / "none.toml")


def test_types_and_years_are_those_of_the_region(tmp_path):
    path = written(tmp_path, TOWER | {"type": "alpine-tundra"}, TOWER | {"name": "b", "years": 9})
    with pytest.raises(DataError) as error:
        require_region(path, read_candidates(path), TYPES, 5)
    assert [finding.variable for finding in error.value.findings] == [
        "candidates[1].type", "candidates[2].years"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("series", "value", "unit", "expected"),
    [
        ("net_ecosystem_production", 1.0, "g C m-2 d-1", (365 / 12, 0.0)),
        ("net_ecosystem_production", 5.0, "g C m-2 month-1", (5.0, 0.0)),
        ("soil_temperature", 2.0, "K", (2.0, 0.0)),
        ("soil_temperature", 1.8, "degF", (1.0, 0.0)),
        ("thaw_depth", 10.0, "cm", (0.1, 0.0)),
        ("soil_carbon", 1.0, "kg C m-2", (1000.0, 0.0)),
        ("mineralisation", 20.0, "percent", (0.0, 0.2)),
    ],
)
def test_errors_have_units(series, value, unit, expected):
    assert SERIES[series].errors(value, unit) == pytest.approx(expected)

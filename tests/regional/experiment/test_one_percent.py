"""The protocol one_percent: its periods, its runs as scenarios, what it refuses."""

import pytest

from temjax.files.findings import DataError
from temjax.regional.experiment.experiment import parse_experiment
from temjax.regional.experiment.one_percent import OnePercent
from temjax.regional.experiment.settings import Protocol

VARIABLE = {"file": "maps.nc", "variable": "v"}
MAPS = dict.fromkeys(("vegetation", "sand", "silt", "clay", "elevation"), VARIABLE)


def document(protocol=None, climate=None, **changes):
    return {
        "name": "x", "title": "X", "region": "x",
        "domain": {"kind": "gridded", "folder": "d", "classes": {4: "moist-tundra"}, **MAPS},
        "climate": {"kind": "cmip", "folder": "c", "members": ["ESM"]} | (climate or {}),
        "protocol": {"kind": "one_percent", "years": [1850, 1999], "control_years": [1850, 1869]}
        | (protocol or {}),
    } | changes  # fmt: skip


def parsed(tmp_path, *tables):
    return parse_experiment(document(*tables), tmp_path, "x.toml")


def fault(tmp_path, *tables):
    with pytest.raises(DataError) as error:
        parsed(tmp_path, *tables)
    (finding,) = error.value.findings
    return f"{finding.variable}: {finding.message} {finding.mend}"


def test_periods_follow_from_the_years_of_the_rise(tmp_path):
    protocol = parsed(tmp_path).protocol
    assert isinstance(protocol, OnePercent)
    assert protocol.equilibrium_years == protocol.spin_up_years == (1830, 1849)
    assert protocol.historical == (1809, 1849) and protocol.future == (1850, 1999)
    assert protocol.simulated == (1809, 1999)
    assert protocol.first_exposure_year == 1850 and protocol.branch_baseline == (1849, 1849)
    assert protocol.warming_span == (1850, 1999)


def test_the_runs_are_the_scenarios(tmp_path):
    assert parsed(tmp_path).members == tuple(("ESM", r) for r in ("ctrl", "bgc", "rad", "cou"))
    some = parsed(tmp_path, None, {"scenarios": ["ctrl", "bgc"]})
    assert some.members == (("ESM", "ctrl"), ("ESM", "bgc"))
    assert some.select(scenarios=["bgc"]).members == (("ESM", "bgc"),)


def test_sources_of_projects(tmp_path):
    protocol = parsed(tmp_path).protocol
    assert protocol.sources("cmip", "ESM", "bgc") == [("ESM", "piControl")]
    assert protocol.sources("cmip", "ESM", "cou") == [("ESM", "piControl"), ("ESM", "1pctCO2")]
    assert protocol.sources("wie-mip", "ESM", "ctrl") == [("stable", "ctrl")]
    other = parsed(tmp_path, {"control": "esm-piControl", "warming": "1pctCO2-rad"}).protocol
    assert other.sources("cmip", "ESM", "rad") == [
        ("ESM", "esm-piControl"), ("ESM", "1pctCO2-rad")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "climate", "words"),
    [
        ({"years": [1999, 1850]}, None, "ends before it begins"),
        ({"warming_years": [1, 100]}, None, "differ in length"),
        ({"years": [1, 150]}, None, "name the years of the results"),
        ({"branch_baseline_years": 50}, None, "control_length is 41"),
        ({"control_yers": 1}, None, "unknown key"),
        ({"kind": "one-percent"}, None, "kind is 'one_percent' or 'exposure'"),
        (None, {"scenarios": ["bgc", "cou"]}, "ctrl is missing"),
        (None, {"scenarios": ["ctrl", "ssp370"]}, "'ssp370' is none of the runs"),
        (None, {"kind": "isimip3b"}, "kinds that do: cmip, wie-mip"),
        (None, {"kind": "wie-mip", "members": ["wie-mip"]}, "for example UKESM1-0-LL"),
        ({"warming": "x"}, {"kind": "wie-mip"}, "chosen by climate.members"),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path, protocol, climate, words):
    assert words in fault(tmp_path, protocol, climate)


def test_the_other_protocol_needs_no_kind_and_keeps_its_hash(tmp_path):
    periods = {
        "equilibrium_years": [1850, 1860], "spin_up_years": [1850, 1860],
        "historical": [1850, 1900], "future": [1901, 1902],
    }  # fmt: skip
    table = document(climate={"scenarios": ["ssp370"]}) | {"protocol": periods}
    plain = parse_experiment(table, tmp_path, "x.toml")
    named = parse_experiment(
        table | {"protocol": periods | {"kind": "exposure"}}, tmp_path, "x.toml"
    )
    assert isinstance(plain.protocol, Protocol)
    assert plain.hash == named.hash
    assert "kind" not in plain.protocol.model_dump()

"""Climate and CO2 of the four runs of one_percent; what is absent or contradicts is told."""

import numpy as np
import pytest

from temjax.files.findings import DataError
from temjax.regional.climate.load import load_climate
from temjax.regional.climate.one_percent import one_percent_files
from temjax.regional.experiment.experiment import parse_experiment
from temjax.regional.experiment.one_percent import RUNS
from temjax.regional.inputs.domain import load_domain
from temjax.regional.inputs.timeline import build_timeline
from tests.support.one_percent_files import WARMER, write_cmip, write_co2, write_wiemip
from tests.support.project_files import FIRST, LAST


def climates(document, tmp_path, runs=RUNS):
    experiment = parse_experiment(document, tmp_path, "test")
    domain = load_domain(experiment)
    member = experiment.climate.members[0]
    return {run: load_climate(experiment, domain, member, run) for run in runs}


def fault(document, tmp_path, run="cou"):
    with pytest.raises(DataError) as error:
        climates(document, tmp_path, (run,))
    (finding,) = error.value.findings
    return finding


@pytest.fixture
def cmip(tmp_path):
    return write_cmip(tmp_path)


def test_runs_differ_in_climate_and_co2_from_the_first_year_of_the_rise(cmip, tmp_path):
    of_run = climates(cmip, tmp_path)
    cells = np.arange(6)
    temperature = {run: climate.load(cells)["air_temperature"] for run, climate in of_run.items()}
    rise = 284.3 * 1.01 ** np.arange(4)
    for run, climate in of_run.items():
        assert climate.years.tolist() == list(range(FIRST - 3, LAST + 1))
        assert climate.co2[:3] == pytest.approx([284.3] * 3)
        assert climate.co2[3:] == pytest.approx(rise if run in ("bgc", "cou") else [284.3] * 4)
        assert climate.common_until == FIRST - 1
        assert any("no CO2 file was read" in note for note in climate.notes)
    np.testing.assert_array_equal(temperature["ctrl"], temperature["bgc"])
    np.testing.assert_array_equal(temperature["rad"], temperature["cou"])
    np.testing.assert_array_equal(temperature["ctrl"][:3], temperature["cou"][:3])
    control = temperature["ctrl"]
    np.testing.assert_array_equal(control[3:5], control[1:3])  # two years repeat
    np.testing.assert_array_equal(control[0], control[2])
    np.testing.assert_allclose(temperature["cou"][3:5], control[3:5] + WARMER, atol=1e-4)
    assert [s.label for s in of_run["ctrl"].segments] == [f"piControl (its {FIRST}-{FIRST + 1}, "
                                                          "repeated)"]  # fmt: skip
    assert [(s.first, s.last) for s in of_run["rad"].segments] == [
        (FIRST - 3, FIRST - 1), (FIRST, LAST)
    ]  # fmt: skip


def test_runs_share_what_lies_before_the_rise_and_expose_from_it_on(cmip, tmp_path):
    experiment = parse_experiment(cmip, tmp_path, "test")
    for climate in climates(cmip, tmp_path, ("ctrl", "cou")).values():
        timeline = build_timeline(experiment.protocol, climate, 2)
        assert timeline.past == (4, 6)  # spin-up, then one block; the year before the rise is own
        assert timeline.exposed.tolist() == [False] * 7 + [True] * 4
        assert not timeline.exposure_switch("S_R").any()
        assert timeline.years[timeline.future[0]] == FIRST
        np.testing.assert_allclose(timeline.co2[:6], 284.3)


def test_names_of_files_may_be_other_years_than_those_of_the_results(cmip, tmp_path):
    cmip["protocol"] |= {"years": [1850, 1853], "warming_years": [FIRST, LAST], "co2_start": 280.0}
    climate = climates(cmip, tmp_path, ("cou",))["cou"]
    assert climate.years[-1] == 1853
    assert climate.co2[-2:] == pytest.approx([280 * 1.01**2, 280 * 1.01**3])
    assert any("280 ppm (protocol.co2_start)" in note for note in climate.notes)


def test_an_absent_control_climate_is_told(cmip, tmp_path):
    for path in list((tmp_path / "climate").glob("*piControl*")):
        path.unlink()
    finding = fault(cmip, tmp_path, "ctrl")
    assert finding.message == "no files of MYESM piControl: the control climate is missing"
    assert "name others in protocol.control" in finding.mend


def test_fewer_years_are_told(cmip, tmp_path):
    cmip["protocol"]["years"] = [FIRST, LAST + 2]
    finding = fault(cmip, tmp_path)
    asked, there = f"{FIRST}-{LAST + 2}", f"{FIRST}-{LAST}"
    assert finding.message == f"{asked} is asked for, the climate of rising CO2 has {there}"
    assert finding.mend.endswith(f"shorten years to [{FIRST}, {LAST}].")
    assert (finding.variable, finding.index) == ("protocol.years", f"year {LAST + 1}")
    cmip["protocol"] |= {"years": [FIRST, LAST], "control_years": [FIRST, FIRST + 5]}
    assert "the control climate has" in fault(cmip, tmp_path, "ctrl").message


def test_co2_of_a_file_is_taken_if_it_rises_one_percent(cmip, tmp_path):
    name = f"co2_1pctCO2_annual_{FIRST}_{LAST}.txt"
    values = np.round(280 * 1.01 ** np.arange(4))
    write_co2(tmp_path, values, name)
    climate = climates(cmip, tmp_path, ("bgc",))["bgc"]
    assert climate.co2.tolist() == [280.0] * 3 + values.tolist()
    assert any(name in note and "280 ppm" in note for note in climate.notes)
    write_co2(tmp_path, 280 * 1.02 ** np.arange(4), name)
    finding = fault(cmip, tmp_path, "ctrl")
    assert finding.message == (
        "CO2 does not rise 1 % a year: 285.6 ppm, where 282.8 ppm follow from 280 ppm in "
        f"{FIRST}; so in 3 of 4 years"
    )
    assert finding.index == f"year {FIRST + 1}"
    cmip["protocol"]["co2_start"] = 290.0
    assert "begins with 280 ppm, protocol.co2_start is 290" in fault(cmip, tmp_path).message
    write_co2(tmp_path, values[:2], name)
    assert "CO2 lacks 2 of the climate's years" in fault(cmip, tmp_path).message


def test_wiemip_control_and_pattern_are_told_apart_by_their_names(tmp_path):
    document = write_wiemip(tmp_path)
    of_run = climates(document, tmp_path, ("bgc", "rad"))
    warm, cold = (of_run[run].load(np.arange(6))["air_temperature"][-1] for run in ("rad", "bgc"))
    np.testing.assert_allclose(warm, cold + WARMER, atol=1e-4)
    assert of_run["rad"].co2[-1] == 280
    experiment = parse_experiment(document, tmp_path, "test")
    read = {
        run: {p.name.split(".")[0] for p in one_percent_files(
            experiment.climate, experiment.protocol, "UKESM1-0-LL", run)}
        for run in ("ctrl", "cou")
    }  # fmt: skip
    assert read["ctrl"] == {"stable", "WIEMIP_1pctco2"}
    assert read["cou"] == read["ctrl"] | {"UKESM1-0-LL_clim3_50perc_1pctCO2"}
    document["climate"]["members"] = ["GFDL-ESM4"]
    finding = fault(document, tmp_path)
    assert finding.message == "no files of GFDL-ESM4: the climate of rising CO2 is missing"
    assert "climate.members" in finding.mend

"""Targets and parameters of a fit that names none: what the place has, and the reasons."""

import numpy as np
import pytest

from temjax.calibration.assembly import make_objective
from temjax.calibration.default_targets import default_targets
from temjax.calibration.objective import Objective
from temjax.calibration.tables import data_lines
from temjax.calibration.targets import ErrorModel, site_targets
from temjax.calibration.transforms import names_inside_bounds
from temjax.calibration.tunables import DEFAULT
from temjax.parameters.files import load_parameters
from temjax.sites import Reading, load
from temjax.sites.account import account
from temjax.sites.sources import open_places
from tests.support.tower_files import columns, months, site_file, tower_file, write

STOCK = """
[stocks.soil_organic_carbon]
value = 9000
sd = 3000
unit = "g C m-2"
depth = "0-2 m"
source = "test"
"""


def tower(folder, *, fluxnet_id="XX-Abc", name="mine", more="", spoil=lambda table: None, **facts):
    """Site of a made-up tower whose table ``spoil`` changes."""
    table = columns(months())
    spoil(table)
    path = tower_file(folder, fluxnet_id)
    write(path, table)
    (site,) = open_places([path], [site_file(folder, name, more=more, **facts)], Reading())
    return site


def without_soil(table):
    del table["TS_F_MDS_1"], table["TS_F_MDS_1_QC"]


def few_months(table):
    """Ten months of good NEE, and GPP and RECO with it."""
    table["NEE_VUT_REF_QC"] = ["0.9"] * 10 + ["0.1"] * 14


def test_every_target_that_the_place_has_and_the_reasons_of_the_others(tmp_path):
    targets, absent = default_targets(tower(tmp_path, more=STOCK, spoil=without_soil))
    assert targets == ("nep", "gpp", "reco", "soc")
    assert list(absent) == ["soil_temperature", "son"]
    assert absent["son"] == "no [stocks.soil_organic_nitrogen] in the site file"
    assert absent["soil_temperature"]  # the reader's own words


def test_a_thaw_depth_counts_where_the_site_file_gives_it(tmp_path):
    thaw = '[thaw_depth]\nvalue = 38\nsd = 12\nunit = "cm"\nsource = "test"\n'
    site = tower(tmp_path, more=thaw, spoil=without_soil)
    assert default_targets(site)[0] == ("nep", "gpp", "reco", "alt")
    (target,) = site_targets(site, ("alt",), ErrorModel(), ())
    assert (target.variable, target.kind) == ("maximum_thaw_depth", "stock")
    np.testing.assert_allclose([target.values, target.sd], [0.38, 0.12])
    assert "thaw depth (0.38 m)" in account(site)[0]


def test_stocks_of_the_type_count_where_the_site_file_gives_them(tmp_path):
    of_type = STOCK.replace("[stocks.", "[type_stocks.").replace("9000", "16000")
    site = tower(tmp_path, more=STOCK + of_type, spoil=without_soil)
    assert default_targets(site)[0] == ("nep", "gpp", "reco", "soc", "type_soc")
    objective = Objective.of(site, ("cmax_scale", "disequilibrium_factor"), None)
    stocks = {target.variable: target for target in objective.targets if target.kind == "stock"}
    assert float(stocks["soil_organic_carbon"].values) == 9000
    assert float(stocks["type_soil_organic_carbon"].values) == 16000
    assert {dict(row)["source"] for row in objective.data[-2:]} == {"test"}


def test_a_target_of_too_few_months_is_left_out_unless_it_is_asked_for(tmp_path):
    site = tower(tmp_path, spoil=few_months)
    targets, absent = default_targets(site)
    assert targets == ("soil_temperature",)
    assert absent["nep"] == "10 usable months to fit; a fit needs at least 12"
    with pytest.raises(ValueError, match="net_ecosystem_production has 10 usable months"):
        make_objective([site], targets=("nep",), free=("cmax",))
    lines = data_lines([site], make_objective([site], free=("cmax",)))
    (line,) = (line for line in lines if line.startswith("not fitted"))
    assert "nep (10 usable months" in line


def test_years_kept_back_count(tmp_path):
    def gaps(table):
        table["TS_F_MDS_1"][12:15] = ["-9999"] * 3

    site = tower(tmp_path, spoil=gaps)
    assert "soil_temperature" in default_targets(site, (2002,))[0]
    assert default_targets(site, (2001,))[1]["soil_temperature"].startswith("9 usable months")
    objective = make_objective([site], free=("cmax",), holdout=(2001,))
    assert "soil_temperature" in dict(objective.absent)


def test_what_is_asked_for_and_absent_is_an_error_with_its_reason(tmp_path):
    site = tower(tmp_path)
    with pytest.raises(ValueError, match=r"'soc': no \[stocks.soil_organic_carbon\] in the site"):
        make_objective([site], targets=("nep", "soc"), free=("cmax",))


def test_a_place_without_any_target_says_why():
    with pytest.raises(ValueError, match=r"toolik-tundra: no target to fit: nep: .*; soc: no \[st"):
        make_objective([load("toolik-tundra")], free=("cmax",))


def test_places_of_a_joint_fit_have_targets_of_their_own(tmp_path):
    own = tower(tmp_path)
    joint = make_objective([own, load("damxung-steppe")], free=("cmax",))
    variables = [{target.variable for target in part.targets} for part in joint.parts]
    assert "soil_organic_carbon" not in variables[0] and "soil_organic_carbon" in variables[1]
    assert dict(joint.parts[0].absent).keys() == {"soc", "son"} and not joint.parts[1].absent
    lines = data_lines([own, load("damxung-steppe")], joint)
    assert any(line.startswith("mine: absent: SOC (no [stocks.") for line in lines)
    assert (
        "damxung-steppe: fitted: nep, gpp, reco, soil_temperature, soc, son, type_soc, type_son"
        in lines
    )
    # a weight of a target that one of the places has
    weighted = make_objective(
        [own, load("damxung-steppe")], free=("cmax",), errors=ErrorModel(weights={"soc": 2.0})
    )
    weights = {target.variable: target.weight for target in weighted.parts[1].targets}
    assert [name for name, weight in weights.items() if weight == 2] == ["soil_organic_carbon"]
    with pytest.raises(ValueError, match="'soil_organic_carbon', which is no target"):
        make_objective([own], free=("cmax",), errors=ErrorModel(weights={"soc": 2.0}))


def test_two_places_of_one_name_are_told_apart_by_nobody(tmp_path):
    first, second = (tower(tmp_path, fluxnet_id=name) for name in ("XX-One", "XX-Two"))
    with pytest.raises(ValueError, match="places 1 and 2 of the joint fit are both called 'mine'"):
        make_objective([first, second], free=("cmax",))


@pytest.mark.parametrize("name", ["grassland", "moist-tundra", "boreal-forest"])
def test_members_of_a_group_at_a_bound_are_left_out(name):
    parameters = load_parameters(name)
    names, left_out = names_inside_bounds(parameters, ("default",))
    assert set(names) | set(left_out) == set(DEFAULT)
    assert "surface_resistance" in left_out and "0 m2 K W-1" in left_out["surface_resistance"]
    centre = {"surface_resistance": 0.05}
    assert names_inside_bounds(parameters, ("default",), centre) == (DEFAULT, {})


def test_a_named_parameter_at_a_bound_stays_an_error(tmp_path):
    site = tower(tmp_path, vegetation="grassland")
    objective = make_objective([site])
    assert "surface_resistance" not in objective.free.names
    (note,) = (note for note in objective.notes if note.startswith("surface_resistance"))
    assert "grassland" in note and "[vegetation.overrides.surface_resistance]" in note
    with pytest.raises(ValueError, match="surface_resistance starts at 0"):
        make_objective([site], free=("cmax", "surface_resistance"))
    override = '[vegetation.overrides.surface_resistance]\nvalue = 0.05\nsource = "test"\n'
    opened = make_objective([tower(tmp_path, vegetation="grassland", more=override)])
    assert opened.free.names == DEFAULT and not any("not fitted" in n for n in opened.notes)


def test_targets_that_are_given_leave_nothing_absent(tmp_path):
    site = tower(tmp_path)
    objective = Objective.of(site, ("cmax",), ("nep",))
    assert objective.absent == ()
    np.testing.assert_array_equal(
        [t.variable for t in objective.targets], ["net_ecosystem_production"]
    )


def test_a_tied_parameter_of_two_values_is_named(tmp_path):
    places = [tower(tmp_path), load("damxung-steppe")]
    joint = make_objective(places, free=("krb", "cmax"), tied=("krb",), targets=("nep",))
    first, second = (place.parameters().respiration_rate_log for place in places)
    assert first != second
    notes = [line for line in data_lines(places, joint) if "tied" in line]
    assert notes == [
        f"note: respiration_rate_log is tied: its prior is that of mine, {first:.4g} "
        f"(by their own sets damxung-steppe {second:.4g})"
    ]

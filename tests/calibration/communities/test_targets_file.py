"""Files of target values: units, depth, errors, and one finding a fault."""

from pathlib import Path

import pytest

from temjax.calibration.communities.target_values import TARGETS
from temjax.calibration.communities.targets_file import (
    community_names,
    open_community,
    read_community,
)
from temjax.conventions.units import QUANTITIES
from temjax.files.findings import DataError

FILE = """
format = "temjax community targets 1"
name = "mine"
title = "My tundra"
source = "my own table"
parameter_set = "moist-tundra"

[targets.npp]
value = 1.4
unit = "t C ha-1 yr-1"
sd = 0.2

[targets.nitrogen_uptake]
value = 24
unit = "kg N ha-1 yr-1"

[targets.soil_organic_carbon]
value = 50
unit = "kg C m-2"
relative_error = 0.3

[targets.soil_organic_nitrogen]
value = 2000
unit = "g N m-2"

[soil]
depth = 0.5
unit = "kg C m-2"
source = "thaw depth"
horizons = [
    {name = "organic", carbon = 10, thickness = 0.25},
    {name = "mineral", carbon = 40, thickness = 1.0},
]

[factors.NUP]
value = 0.1
source = "balance"

[overrides.CNSOIL]
value = 25.0
source = "targets"
assumed = true

[prior_sd]
kdc_scale = 1.5
"""


def written(tmp_path, text: str):
    path = tmp_path / "targets.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(tmp_path, text: str) -> list[str]:
    with pytest.raises(DataError) as error:
        read_community(written(tmp_path, text))
    return [f"{one.variable}: {one.message}" for one in error.value.findings]


def test_values_are_in_the_units_of_the_model_and_above_the_stated_depth(tmp_path):
    community = read_community(written(tmp_path, FILE))
    rows = {one.name: one for one in community.targets}
    assert list(rows) == [name for name in TARGETS if name in rows]
    assert (rows["npp"].value, rows["npp"].sd) == pytest.approx((140.0, 20.0))
    assert rows["nitrogen_uptake"].value == pytest.approx(2.4)
    assert rows["nitrogen_uptake"].sd == pytest.approx(0.24)
    assert rows["nitrogen_uptake"].sd_source == "10% of the value, by default, our choice"
    carbon, nitrogen = rows["soil_organic_carbon"], rows["soil_organic_nitrogen"]
    assert (carbon.value, carbon.stated) == pytest.approx((20000.0, 50000.0))
    assert carbon.sd == pytest.approx(0.3 * 20000.0)
    assert nitrogen.value == pytest.approx(800.0)
    assert community.overrides == {"soil_carbon_to_nitrogen": 25.0}
    assert community.factors == {"NUP": 0.1} and community.prior_sd == {"kdc_scale": 1.5}
    text = "\n".join(community.notes)
    assert "40.0% of the soil stocks count, what lies above 0.5 m of a profile of 1.25 m" in text
    assert "NUP 0.1 times that of moist-tundra: balance" in text
    assert "prior width of kdc_scale 1.5 in prior space (registry 0.4)" in text


def test_without_a_depth_stocks_count_whole_and_that_is_said(tmp_path):
    whole = FILE[: FILE.index("[soil]")] + FILE[FILE.index("[factors.NUP]") :]
    community = read_community(written(tmp_path, whole))
    assert community.targets[-1].value == 2000.0
    assert any("count whole: the file states no depth" in note for note in community.notes)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("[targets.npp]", "[targets.nep]", "targets.nep: unknown target 'nep'"),
        ('"t C ha-1 yr-1"', '"t C ha-1"', "targets.npp.unit: unit 't C ha-1' is not understood"),
        ('"t C ha-1 yr-1"', '"kg N ha-1 yr-1"', "targets.npp.unit: unit 'kg N ha-1 yr-1' is not"),
        ("value = 1.4", "value = -1.4", "targets.npp.value: -1.4 is not a positive number"),
        ("sd = 0.2", "sd = 200", "targets.npp.sd: sd 200 beside the value 1.4 t C ha-1 yr-1"),
        ("sd = 0.2", "sd = 0.2\nrelative_error = 0.1", "targets.npp: both sd and relative_error"),
        ("depth = 0.5", "depth = 0.5\nshare = 0.5", "soil: both share and depth are given"),
        ("carbon = 40", "carbon = 4", "soil.horizons: horizons hold 14000 g C m-2, the target is"),
        ("moist-tundra", "tundra", "parameter_set: unknown parameter set 'tundra'"),
        ("value = 25.0", "value = 99", "overrides.CNSOIL.value: 99 is outside its bounds 8 … 40"),
        ("kdc_scale", "kcd_scale", "prior_sd.kcd_scale: unknown parameter 'kcd_scale'"),
        ("= 1.5", "= 0", "prior_sd.kdc_scale: 0 is not a positive number"),
        ("targets 1", "targets 2", "format: 'temjax community targets 2' is not a choice"),
        ('title = "', 'colour = "green"\ntitle = "', "colour: unknown key"),
        ("[factors.NUP]", "[factors.NOP]", "factors.NOP: 'NOP' is not a choice"),
        ("[prior_sd]", "[climate]\nyears = [2000, 1990]\n[prior_sd]", "climate.years: years 2000-"),
    ],
)
def test_a_fault_is_one_finding(tmp_path, before, after, fault):
    assert before in FILE
    (found,) = faults(tmp_path, FILE.replace(before, after))
    assert found.startswith(fault), found


def test_a_file_that_is_none_and_a_name_that_is_near(tmp_path):
    assert faults(tmp_path, "name = [")[0].startswith("file: not valid TOML")
    with pytest.raises(DataError, match=r"no such file.*Did you mean .*tussock-tundra"):
        open_community("tusock-tundra")


def test_the_example_of_the_documentation_can_be_read(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "communities.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    community = read_community(written(tmp_path, example))
    assert [one.name for one in community.targets] == ["npp", "soil_organic_carbon"]
    assert community.prior_sd == {"kdc_scale": 1.2} and community.years == (1986, 2015)


def test_the_communities_of_the_catalog():
    names = community_names()
    assert len(names) == 7
    for name in names:
        community = open_community(name)
        assert community.name == name and "MIT licence" in community.source
        rows = {one.name: one for one in community.targets}
        assert rows["npp"].value < rows["npp_without_n_limit"].value
        carbon = rows["soil_organic_carbon"]
        share = carbon.value / carbon.stated
        assert 0.3 < share <= 1.0
        assert rows["soil_organic_nitrogen"].value == pytest.approx(
            share * rows["soil_organic_nitrogen"].stated
        )
    tussock = {one.name: one for one in open_community("tussock-tundra").targets}
    # by hand: fibric and humic, and (0.2383 m)^0.8239 of the mineral carbon
    assert tussock["soil_organic_carbon"].value == pytest.approx(24097, rel=1e-3)


def test_outputs_of_targets_have_a_quantity():
    assert set(TARGETS.values()) <= set(QUANTITIES)

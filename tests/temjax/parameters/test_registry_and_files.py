"""The registry, the bundled sets, and parameter files."""

import csv
import dataclasses
import math

import numpy as np
import pytest

import temjax
from temjax.options import SOIL_LAYERS
from temjax.parameters.files import read_fit_options
from temjax.parameters.idle import FREEZING, LAYERED, idle_parameters
from temjax.parameters.registry import REGISTRY, resolve_name

TEM_COLUMNS = {
    "alpine-tundra": "alpine_tundra_polar_desert",
    "moist-tundra": "wet_moist_tundra",
    "boreal-forest": "boreal_forest",
    "grassland": "grassland",
    "xeric-shrubland": "xeric_shrubland",
}
PLATEAU = ("meadow", "steppe", "shrubland", "cushion", "desert", "forest")


def test_every_set_is_there_and_complete():
    expected = {*TEM_COLUMNS, *(f"alpine-{kind}" for kind in PLATEAU)}
    assert set(temjax.parameter_set_names()) == expected
    for name in expected:
        parameters = temjax.load_parameters(name)
        for field in dataclasses.fields(parameters):
            value = float(getattr(parameters, field.name))
            open_ended = field.name in ("stefan_coefficient", "snow_cap")
            assert math.isfinite(value) or open_ended, (name, field.name)


def test_registry_lines_are_complete():
    for info in REGISTRY.values():
        assert info.unit and info.description and info.source, info.name
        assert info.tunable == (info.prior_sd is not None)
        if info.tunable:
            assert math.isfinite(info.bounds[0]) and info.bounds[0] < info.bounds[1]
        if info.transform == "log":
            assert info.bounds[0] > 0, info.name


@pytest.mark.parametrize("name", TEM_COLUMNS)
def test_tem_values_are_those_of_the_original(shared, name):
    with open(shared / "data" / "tem423_params_by_biome.csv", newline="") as file:
        table = {row["param"]: row[TEM_COLUMNS[name]] for row in csv.DictReader(file)}
    parameters = temjax.load_parameters(name)
    compared = 0
    for info in REGISTRY.values():
        if info.symbol in table and not info.name.endswith("_scale"):
            assert float(getattr(parameters, info.name)) == float(table[info.symbol]), info.name
            compared += 1
    assert compared > 60
    assert float(parameters.mat_water) == float(table["WATER1"])
    assert float(parameters.upper_heat_capacity_thawed) == 1e3 * float(table["spht_thawed2"])


def test_plateau_sets_inherit_what_they_do_not_list():
    meadow, tundra = map(temjax.load_parameters, ("alpine-meadow", "moist-tundra"))
    assert float(meadow.cmax_slope_fine) == float(tundra.cmax_slope_fine)
    assert float(meadow.upper_water) != float(tundra.upper_water)


def test_toml_round_trip_is_exact(tmp_path):
    for name in ("alpine-steppe", "grassland"):
        before = temjax.load_parameters(name)
        path = tmp_path / f"{name}.toml"
        temjax.write_parameters(before, path, name=name, provenance={"command": "test"})
        after = temjax.read_parameters(path)
        for field in dataclasses.fields(before):
            np.testing.assert_array_equal(
                getattr(before, field.name), getattr(after, field.name), err_msg=field.name
            )


def test_parameters_of_options_have_defaults_and_fits_name_their_options(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('base = "grassland"\n[values]\nRMFQ10 = 3.0\n[options]\nfreezing_cutoff = true')
    own, plain = temjax.read_parameters(path), temjax.load_parameters("grassland")
    assert float(own.respiration_freezing_q10) == 3.0
    assert float(plain.respiration_freezing_q10) == 20.0
    assert float(own.heterotrophic_freezing_q10) == 20.0
    assert read_fit_options(path) == {"freezing_cutoff": True}


def test_names_by_symbol():
    assert resolve_name("RHQ10") == "heterotrophic_q10"
    assert resolve_name("cmax") == "cmax_scale"
    with pytest.raises(KeyError, match="did you mean"):
        resolve_name("cmx")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[values]\nRHQ10 = 2.0", "parameters missing"),
        ('base = "tundra"', "unknown parameter set 'tundra'"),
        ('base = "grassland"\n[values]\nRHQ11 = 2.0', "did you mean RHQ10"),
        ('base = "grassland"\n[values]\nRHQ10 = 9.0', "outside its bounds"),
        ('base = "grassland"\n[values]\nRHQ10 = "two"', "not a number"),
        ('base = "grassland"\n[values]\nRHQ10 = nan', "not finite"),
        ('base = "grassland"\n[vales]\nRHQ10 = 2.0', "unknown key 'vales'"),
        ("base = ", "not valid TOML"),
        ('base = "grassland"\noptions = 3', "write .options"),
        ('base = "grassland"\n[options]\nfreezing = true', "unknown key 'freezing'"),
        ('base = "grassland"\n[options]\nfreezing_cutoff = 1', "write true or false"),
    ],
)
def test_bad_files_name_the_file_and_the_fault(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(temjax.ParameterError, match=message) as error:
        temjax.read_parameters(path)
    assert "mine.toml" in str(error.value)


def test_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(temjax.ParameterError, match="cannot be read"):
        temjax.read_parameters(tmp_path / "none.toml")


def test_gathered_sets_have_one_value_per_cell():
    sets = [temjax.load_parameters(name) for name in ("grassland", "boreal-forest")]
    gathered = temjax.gather_parameters(sets, np.array([1, 0, 1]))
    np.testing.assert_allclose(
        gathered.soil_carbon_to_nitrogen, [29.73, 11.12, 29.73], rtol=0, atol=1e-12
    )


@pytest.mark.parametrize(("factor", "fits"), [(1 - 1e-15, True), (1 - 1e-9, False)])
def test_a_value_at_its_bound_survives_log_space(tmp_path, factor, fits):
    low = REGISTRY["half_saturation_co2"].bounds[0]
    path = tmp_path / "set.toml"
    path.write_text(f'base = "grassland"\n[values]\nKC = {low * factor!r}\n')
    if fits:
        assert float(temjax.read_parameters(path).half_saturation_co2) == pytest.approx(low)
    else:
        with pytest.raises(temjax.ParameterError, match="outside its bounds"):
            temjax.read_parameters(path)


def test_parameters_of_layers_are_idle_without_them():
    """What a fit frees and a study draws leaves them out unless the option is set."""
    bulk, layered = (temjax.ModelOptions(soil_layers=layers) for layers in (None, SOIL_LAYERS))
    assert set(idle_parameters(bulk)) == {*FREEZING, *LAYERED}
    assert set(idle_parameters(layered)) == set(FREEZING)
    assert all(REGISTRY[name].default is not None for name in LAYERED)

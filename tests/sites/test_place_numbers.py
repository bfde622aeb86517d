"""Numbers of a place: precipitation, snow and air temperature, where they act and where not."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import sites
from temjax.calibration import Objective
from temjax.files.findings import DataError
from temjax.forcing import select_years
from temjax.parameters.files import load_parameters, replace_parameters
from temjax.processes.snow import snow_resistance
from temjax.sites.place_numbers import PLACE_NUMBERS, numbers_text, with_place_numbers
from temjax.sites.place_state import read_place_state

NUMBERS = {
    "precipitation_factor": 1.5,
    "snow_conductivity_factor": 0.8,
    "air_temperature_offset": -0.5,
}


@pytest.fixture(scope="module")
def ivotuk() -> sites.Site:
    """Two years of tundra with snow and permafrost."""
    site = sites.load("us-ivo")
    years = site.forcing.number_of_years
    return dataclasses.replace(site, forcing=select_years(site.forcing, years - 2, years))


def resistance(parameters):
    """Of 80 mm of water in a pack of 225 kg m⁻³."""
    return float(snow_resistance(80.0, 225.0, parameters.snow_fraction, parameters.snow_cap))


def test_each_number_changes_its_own_alone(ivotuk):
    parameters, forcing = ivotuk.parameters(), ivotuk.forcing
    same = with_place_numbers(parameters, forcing, {})
    assert same == (parameters, forcing)
    made, climate = with_place_numbers(parameters, forcing, NUMBERS)
    np.testing.assert_allclose(climate.precipitation, 1.5 * forcing.precipitation)
    np.testing.assert_allclose(climate.air_temperature, forcing.air_temperature - 0.5)
    np.testing.assert_array_equal(climate.shortwave, forcing.shortwave)
    assert resistance(made) == pytest.approx(resistance(parameters) / 0.8)
    others = dataclasses.fields(parameters)
    changed = {f.name for f in others if getattr(made, f.name) is not getattr(parameters, f.name)}
    assert changed == {"snow_fraction", "snow_cap"}


@pytest.mark.parametrize("cap", [20.0, 60.0, np.inf])
def test_a_cap_of_the_pack_is_no_way_round(cap):
    tundra = load_parameters("moist-tundra")
    parameters = replace_parameters(tundra, snow_fraction=0.5, snow_cap=cap)
    forcing = sites.load("us-ivo").forcing

    def with_factor(factor):
        made, _ = with_place_numbers(parameters, forcing, {"snow_conductivity_factor": factor})
        return snow_resistance(80.0, 225.0, made.snow_fraction, made.snow_cap)

    assert float(with_factor(0.8)) == pytest.approx(resistance(parameters) / 0.8)
    slope = -resistance(parameters) / 0.8**2
    assert float(jax.grad(with_factor)(0.8)) == pytest.approx(slope)
    assert float(jax.jacfwd(with_factor)(0.8)) == pytest.approx(slope)


@pytest.mark.slow  # two programs of soil heat with their derivatives
def test_soil_temperature_follows_them_with_derivatives(ivotuk):
    """Forward = reverse = differences of soil heat; more snow water, less conductive: warmer."""
    objective = Objective.of(ivotuk, tuple(PLACE_NUMBERS), ("soil_temperature",))
    assert objective.heat_suffices

    @jax.jit
    def mean_winter(free):
        values, _ = objective.outputs(free[:, None])
        return jnp.mean(values["soil_temperature"][1, :4, 0])

    at = jnp.asarray([0.1, -0.2, 0.15])
    reverse = np.asarray(jax.jit(jax.grad(mean_winter))(at))
    forward = np.asarray(jax.jit(jax.jacfwd(mean_winter))(at))
    np.testing.assert_allclose(forward, reverse, rtol=1e-9)
    step = 1e-4
    apart = [mean_winter(at + step * unit) - mean_winter(at - step * unit) for unit in np.eye(3)]
    np.testing.assert_allclose(forward, np.asarray(apart) / (2 * step), rtol=1e-6)
    more_snow, better_conducting, warmer_air = forward
    assert more_snow > 0.1 and better_conducting < -0.1 and warmer_air > 0.1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("snow_conductivity_factor = -1.0", "place.snow_conductivity_factor: -1.0 is not above 0"),
        ("precipitation_factor = nan", "place.precipitation_factor: nan is not a finite number"),
        ('air_temperature_offset = "warm"', "place.air_temperature_offset: 'warm' is not a number"),
        ("soil_matter_factor = 0", "place.soil_matter_factor: 0 is not above 0"),
    ],
)
def test_numbers_of_a_set_that_cannot_be(tmp_path, line, message):
    path = tmp_path / "set.toml"
    path.write_text(f'[place]\nname = "us-ivo"\n{line}\n', encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_place_state(path)


def test_in_words_and_in_a_set(tmp_path, ivotuk):
    text = "1.5 times the precipitation, 0.8 times the conductivity of the snow, -0.5 K"
    assert numbers_text(NUMBERS).startswith(text)
    path = tmp_path / "set.toml"
    lines = "\n".join(f"{name} = {value}" for name, value in NUMBERS.items())
    at = f"latitude = {float(ivotuk.location.latitude)}\nlongitude = {ivotuk.longitude}"
    path.write_text(f'base = "moist-tundra"\n[place]\nname = "us-ivo"\n{at}\n{lines}\n')
    state = read_place_state(path)
    assert state.numbers == NUMBERS and state.soil_matter_factor is None
    assert state.row(ivotuk) is None and text in state.note(ivotuk)
    parameters = ivotuk.parameters()
    made, forcing = state.adjusted(ivotuk, parameters)
    assert resistance(made) == pytest.approx(resistance(parameters) / 0.8)
    for state_here, site in (
        (dataclasses.replace(state, left_out=True), ivotuk),
        (state, dataclasses.replace(ivotuk, name="elsewhere")),
    ):
        assert state_here.adjusted(site, parameters) == (parameters, site.forcing)
    assert "not applied at elsewhere" in state.note(dataclasses.replace(ivotuk, name="elsewhere"))
    np.testing.assert_allclose(forcing.precipitation, 1.5 * ivotuk.forcing.precipitation)

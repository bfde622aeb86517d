"""What a region leaves out of fitted sets is named: other options, states of places."""

from types import SimpleNamespace

import pytest

from temjax import ModelOptions
from temjax.regional.run.member_group import fitted_set_notes

NAMES = ["alpine-meadow", "boreal-forest", "grassland"]


@pytest.fixture
def experiment(tmp_path):
    files = {}
    for name, line in (("grassland", "true"), ("alpine-meadow", "false")):
        files[name] = tmp_path / f"{name}.toml"
        files[name].write_text(f'base = "{name}"\n[options]\nfreezing_cutoff = {line}\n')
    return SimpleNamespace(parameters=files, options=ModelOptions())


def test_a_set_fitted_with_another_option_is_named(experiment):
    (note,) = fitted_set_notes(experiment, NAMES)
    assert note.startswith("grassland: grassland.toml was fitted with model.freezing_cutoff = true")
    experiment.options = ModelOptions(freezing_cutoff=True)
    (note,) = fitted_set_notes(experiment, NAMES)
    assert note.startswith("alpine-meadow")


def test_a_state_that_is_not_applied_is_named_with_its_size(experiment):
    file = experiment.parameters["alpine-meadow"]
    place = '[place]\nname = "haibei"\nsoil_matter_factor = 0.76\nyear = 2002\n'
    file.write_text(file.read_text() + place)
    (note, _) = fitted_set_notes(experiment, NAMES)
    assert note == (
        "alpine-meadow: alpine-meadow.toml was fitted at haibei with 0.76 times the soil organic "
        "matter of the history from January 2002 on: a state of that place, not applied in a region"
    )


def test_numbers_of_a_place_are_named_and_not_applied(experiment):
    file = experiment.parameters["alpine-meadow"]
    place = '[place]\nname = "haibei"\nprecipitation_factor = 1.3\nair_temperature_offset = 0.4\n'
    file.write_text(file.read_text() + place)
    (note, _) = fitted_set_notes(experiment, NAMES)
    assert "at haibei with 1.3 times the precipitation, +0.4 K of air temperature: a state" in note
    assert note.endswith("not applied in a region")

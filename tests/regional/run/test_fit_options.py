"""Sets that were fitted with another option than a run has are named."""

from types import SimpleNamespace

from temjax import ModelOptions
from temjax.regional.run.member_group import fit_option_notes


def test_a_set_fitted_with_another_option_is_named(tmp_path):
    files = {}
    for name, line in (("grassland", "true"), ("alpine-meadow", "false")):
        files[name] = tmp_path / f"{name}.toml"
        files[name].write_text(f'base = "{name}"\n[options]\nfreezing_cutoff = {line}\n')
    experiment = SimpleNamespace(parameters=files, options=ModelOptions())
    names = ["alpine-meadow", "boreal-forest", "grassland"]
    (note,) = fit_option_notes(experiment, names)
    assert note.startswith("grassland: grassland.toml was fitted with model.freezing_cutoff = true")
    experiment.options = ModelOptions(freezing_cutoff=True)
    (note,) = fit_option_notes(experiment, names)
    assert note.startswith("alpine-meadow")

"""Which distribution the parameters of each vegetation type are drawn from."""

import numpy as np
import pytest
import xarray as xr

from temjax.files.findings import DataError
from temjax.heat.climate import HEAT_PARAMETERS
from temjax.parameters.files import load_parameters
from temjax.parameters.idle import FREEZING, LAYERED
from temjax.parameters.posterior import read_posterior
from temjax.parameters.registry import REGISTRY
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.run.provenance import file_hash
from temjax.regional.studies.parameter_sources import (
    draw_sets,
    heat_is_shared,
    parameter_sources,
    source_records,
)
from tests.support.fitted_set import write_fitted_set

EXPERIMENT = "regional/experiments/qtp-analogue.toml"
MEADOW, STEPPE, DESERT = "alpine-meadow", "alpine-steppe", "alpine-desert"
SETS = {name: load_parameters(name) for name in (MEADOW, STEPPE, DESERT)}
SD = {"kdc_scale": 0.2, "cmax_scale": 0.1}


@pytest.fixture
def experiment(pytestconfig):
    return read_experiment(pytestconfig.rootpath / EXPERIMENT)


def with_files(experiment, **files):
    return experiment.model_copy(
        update={"parameters": {f"alpine-{name}": path for name, path in files.items()}}
    )


def drawn(sources, vegetation, name, number=200):
    samples = draw_sets(sources, SETS, number, seed=1)
    return np.array([float(getattr(sample[vegetation], name)) for sample in samples])


def test_bundled_fits_leave_the_place_and_its_surface_alone(experiment):
    sources, notes = parameter_sources(experiment, list(experiment.parameters))
    by_type = {source.label: source.columns[source.label] for source in sources}
    assert set(by_type) == set(experiment.parameters)
    for columns in by_type.values():
        assert "kdc_scale" in columns
        assert "disequilibrium_factor" not in columns and "surface_resistance" not in columns
    assert {source.kind for source in sources} == {"posterior"}
    assert not any("no covariance" in note for note in notes)
    assert any("not drawn: disequilibrium_factor, surface_shortwave" in note for note in notes)
    own = experiment.model_copy(update={"keep_ground_surface": False})
    sources, _ = parameter_sources(own, [MEADOW])
    assert "surface_resistance" in sources[0].columns[MEADOW]


def test_draws_keep_the_correlation_and_types_are_independent(experiment, tmp_path):
    files = {
        name: write_fitted_set(tmp_path / f"{name}.toml", f"alpine-{name}", SD, 0.9)
        for name in ("meadow", "steppe")
    }
    sources, notes = parameter_sources(with_files(experiment, **files), [MEADOW, STEPPE])
    assert notes == []
    decay, growth = (np.log(drawn(sources, MEADOW, name)) for name in SD)
    assert np.corrcoef(decay, growth)[0, 1] == pytest.approx(0.9, abs=0.05)
    other = np.log(drawn(sources, STEPPE, "kdc_scale"))
    assert abs(np.corrcoef(decay, other)[0, 1]) < 0.2


def test_types_that_share_a_file_share_its_draws(experiment, tmp_path):
    file = write_fitted_set(tmp_path / "both.toml", MEADOW, SD, 0.5)
    sources, notes = parameter_sources(
        with_files(experiment, meadow=file, steppe=file), [MEADOW, STEPPE]
    )
    assert len(sources) == 1 and "drawn together, from one fit" in notes[0]
    assert np.array_equal(drawn(sources, MEADOW, "kdc_scale"), drawn(sources, STEPPE, "kdc_scale"))


def joint_files(folder, names, chains=None):
    """Two sets of one fit: KDC is tied, CMAX is each place's own, correlated across places."""
    files = {}
    for place in ("meadow", "steppe"):
        files[place] = write_fitted_set(
            folder / f"{place}.toml", f"alpine-{place}", SD, 0.5,
            names={"cmax_scale": f"cmax_scale@{place}"}, arrays="joint.nc",
        )  # fmt: skip
    spread = np.array([0.2, 0.1, 0.1])
    correlation = np.array([[1, 0.5, 0.5], [0.5, 1, 0.8], [0.5, 0.8, 1]])
    one = read_posterior(files["meadow"])
    pick = [0, 1, 1]
    xr.Dataset(
        {
            "mean": ("parameter", one.mean[pick]),
            "lower": ("parameter", one.lower[pick]),
            "upper": ("parameter", one.upper[pick]),
            "is_log": ("parameter", np.ones(3, dtype="i1")),
            "covariance": (("parameter", "parameter_2"), correlation * np.outer(spread, spread)),
            **({} if chains is None else {"draws": (("chain", "draw", "parameter"), chains)}),
        },
        coords={"parameter": names, "parameter_2": names},
    ).to_netcdf(folder / "joint.nc")
    return files


def test_types_of_a_joint_fit_have_its_joint_posterior(experiment, tmp_path):
    files = joint_files(tmp_path, ["kdc_scale", "cmax_scale@meadow", "cmax_scale@steppe"])
    sources, _ = parameter_sources(with_files(experiment, **files), [MEADOW, STEPPE])
    assert len(sources) == 1
    assert np.array_equal(drawn(sources, MEADOW, "kdc_scale"), drawn(sources, STEPPE, "kdc_scale"))
    pair = [np.log(drawn(sources, name, "cmax_scale")) for name in (MEADOW, STEPPE)]
    assert np.corrcoef(pair)[0, 1] == pytest.approx(0.8, abs=0.08)
    # one of them alone is drawn from its own table
    (alone,), _ = parameter_sources(with_files(experiment, meadow=files["meadow"]), [MEADOW])
    assert alone.gaussian.names == ("kdc_scale", "cmax_scale@meadow")


def test_the_record_says_what_each_type_is_drawn_from(experiment, tmp_path):
    files = joint_files(tmp_path, ["kdc_scale", "cmax_scale@meadow", "cmax_scale@steppe"])
    types = [MEADOW, STEPPE, DESERT]
    sources, _ = parameter_sources(with_files(experiment, **files), types)
    fitted, prior = source_records(sources, types)
    assert fitted["types"] == [MEADOW, STEPPE] and fitted["kind"] == "posterior"
    assert fitted["parameters"][STEPPE] == ["kdc_scale", "cmax_scale"]
    assert fitted["sha256"][MEADOW] == file_hash(files["meadow"])
    assert prior["types"] == [DESERT] and prior["kind"] == "prior" and prior["sha256"] == {}
    sources, _ = parameter_sources(with_files(experiment, **files), types, "exact")
    assert source_records(sources, types)[1]["kind"] == "exact"
    sources, _ = parameter_sources(experiment, [MEADOW])
    assert sources[0].kind in ("intervals", "posterior")  # as the bundled set has it


def test_draws_of_nuts_are_drawn_from_where_a_fit_has_them(experiment, tmp_path):
    chains = np.random.default_rng(1).uniform(0.5, 1.5, (2, 10, 3))
    names = ["kdc_scale", "cmax_scale@meadow", "cmax_scale@steppe"]
    files = joint_files(tmp_path, names, chains)
    sources, notes = parameter_sources(with_files(experiment, **files), [MEADOW, STEPPE])
    assert "alpine-meadow, alpine-steppe: drawn from 20 draws of NUTS" in notes
    rows = {tuple(row) for row in chains.reshape(-1, 3).tolist()}
    samples = [drawn(sources, MEADOW, name, 20).tolist() for name in SD]
    samples.append(drawn(sources, STEPPE, "cmax_scale", 20).tolist())
    assert set(zip(*samples, strict=True)) == rows  # every row once, whole
    assert drawn(sources, MEADOW, "kdc_scale", 25)[20:].tolist() == samples[0][:5]


def test_files_of_different_fits_are_told(experiment, tmp_path):
    files = joint_files(tmp_path, ["kdc_scale", "cmax_scale@meadow", "cmax_scale@elsewhere"])
    with pytest.raises(DataError, match=r"joint.nc.*has no cmax_scale@steppe"):
        parameter_sources(with_files(experiment, **files), [MEADOW, STEPPE])


def test_arrays_of_another_fit_are_told(experiment, tmp_path):
    files = joint_files(tmp_path, ["kdc_scale", "cmax_scale@meadow", "cmax_scale@steppe"])
    with xr.open_dataset(tmp_path / "joint.nc") as file:
        other = file.load()
    other["mean"][2] += 0.1
    other.to_netcdf(tmp_path / "joint.nc")
    with pytest.raises(DataError, match=r"joint.nc.*cmax_scale@steppe.*not of one fit"):
        parameter_sources(with_files(experiment, **files), [MEADOW, STEPPE])


def test_what_is_lost_with_absent_arrays_is_said(experiment, tmp_path):
    files = joint_files(tmp_path, ["kdc_scale", "cmax_scale@meadow", "cmax_scale@steppe"])
    (tmp_path / "joint.nc").unlink()
    chosen = with_files(experiment, **files)
    assert parameter_sources(chosen, [MEADOW, STEPPE])[1] == []  # tables hold it all
    text = files["steppe"].read_text().replace("[posterior]", "[posterior]\ndraws = 80", 1)
    files["steppe"].write_text(text + '\n[fit]\ntied = ["kdc_scale"]\n')
    (note,) = parameter_sources(chosen, [MEADOW, STEPPE])[1]
    assert note.startswith("alpine-steppe: joint.nc, which steppe.toml names, is not beside it")
    assert "without the 80 draws of NUTS and what ties it to the other places" in note


def test_values_that_are_not_the_centre_of_the_posterior_are_said(experiment, tmp_path):
    file = write_fitted_set(tmp_path / "meadow.toml", MEADOW, SD)
    edited = file.read_text()
    for name in SD:
        edited = edited.replace(f"\n{name} = 1.0", f"\n{name} = 1.25")
    file.write_text(edited)
    (note,) = parameter_sources(with_files(experiment, meadow=file), [MEADOW])[1]
    assert note.endswith("kdc_scale is 1.25 and 1, 1 more differ")


def test_unfitted_types_take_the_priors_of_what_others_fitted(experiment, tmp_path):
    file = write_fitted_set(tmp_path / "meadow.toml", MEADOW, SD)
    chosen = with_files(experiment, meadow=file)
    sources, notes = parameter_sources(chosen, [DESERT, MEADOW])
    assert notes == ["alpine-desert: no fit; 2 parameters from their priors"]
    for name in SD:
        values = np.log(drawn(sources, DESERT, name, 1000))
        assert values.std() == pytest.approx(REGISTRY[name].prior_sd, rel=0.1)
        centre = np.log(float(getattr(SETS[DESERT], name)))
        assert values.mean() == pytest.approx(centre, abs=0.05)
    exact, notes = parameter_sources(chosen, [DESERT, MEADOW], "exact")
    assert notes == ["alpine-desert: no fit; taken as exact"]
    assert set(drawn(exact, DESERT, "kdc_scale", 3)) == {float(SETS[DESERT].kdc_scale)}


def test_without_any_fit_all_tunable_parameters_are_uncertain(experiment):
    sources, _ = parameter_sources(with_files(experiment), [DESERT])
    names = set(sources[0].columns[DESERT])
    assert {"kdc_scale", "nup_scale", "conductivity_scale"} <= names
    assert "surface_resistance" not in names  # the ground surface is kept
    assert all(REGISTRY[name].tunable for name in names)
    assert not names & {*FREEZING, *LAYERED}  # they do nothing without their options


def test_heat_is_shared_unless_a_thermal_parameter_is_drawn(experiment, tmp_path):
    plain = write_fitted_set(tmp_path / "meadow.toml", MEADOW, SD)
    thermal = write_fitted_set(tmp_path / "steppe.toml", STEPPE, {"conductivity_scale": 0.1})
    chosen = with_files(experiment, meadow=plain, steppe=thermal)
    sources, _ = parameter_sources(chosen, [MEADOW, STEPPE], "exact")
    assert heat_is_shared(sources, [MEADOW])
    assert not heat_is_shared(sources, [MEADOW, STEPPE])
    assert "conductivity_scale" in HEAT_PARAMETERS and "cmax_scale" not in HEAT_PARAMETERS


def test_a_file_without_anything_to_draw_from_is_named(experiment, tmp_path):
    plain = tmp_path / "plain.toml"
    plain.write_text('base = "alpine-meadow"\n[values]\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"plain.toml.*neither a posterior nor 90 % intervals"):
        parameter_sources(with_files(experiment, meadow=plain), [MEADOW])

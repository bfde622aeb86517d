"""What candidates measure, with derivatives, and the command on a small region."""

import jax
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from temjax.parameters.files import replace_parameters
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.run.member_group import prepare_group
from temjax.regional.run.provenance import write_record
from temjax.regional.studies.design.candidate_file import read_candidates
from temjax.regional.studies.design.places import Site
from temjax.regional.studies.design.predictions import differentiated_cells
from temjax.regional.studies.sensitivity import Dual
from tests.support.command import called
from tests.support.fitted_set import write_fitted_set
from tests.support.small_region import small_experiment, write_experiment

NAMES = ("kdc_scale", "soil_carbon_depth_scale", "conductivity_scale")


def arrays(dual: Dual, of: str) -> dict[str, np.ndarray]:
    return {name: np.asarray(v) for name, v in getattr(dual, of)._asdict().items()}


@pytest.mark.slow
def test_derivatives_of_series_agree_with_differences(tmp_path):
    jax.config.update("jax_enable_x64", True)
    experiment = small_experiment(tmp_path)
    domain = load_domain(experiment)
    group = prepare_group(experiment, domain, "toy", ["rcp85"], tmp_path, Console(quiet=True))
    _, timeline, cells, _ = group.tile_work(0).scenarios[0]
    sites = tuple(
        Site(int(cell), str(domain.vegetation[cell]), 68.6, 210.4, -7.0) for cell in cells.index
    )
    size = cells.latitude.size

    def run(sets, log_factor):
        factor = np.full(size, log_factor)
        return differentiated_cells(
            experiment, timeline, cells, sets, sites, NAMES, 2, factor
        )  # fmt: skip

    centre = run(group.sets, 0.0)
    assert centre.sound.all()
    step = 1e-5
    for direction, name in enumerate((*NAMES, "")):
        shifted = []
        for sign in (-1, 1):
            sets = [
                replace_parameters(p, **{name: getattr(p, name) * (1 + sign * step)})
                if name else p
                for p in group.sets
            ]  # fmt: skip
            shifted.append(run(sets, 0.0 if name else sign * step))
        width = 2 * step * (centre.parameters[direction] if name else 1.0)
        for part in ("fluxes", "stocks"):
            tangents = arrays(getattr(centre, part), "tangents")
            low, high = (arrays(getattr(one, part), "value") for one in shifted)
            for series, tangent in tangents.items():
                expected = (high[series] - low[series])[..., : len(sites)] / width
                scale = np.abs(tangent).max() + 1e-6
                assert tangent[direction][..., : len(sites)] == pytest.approx(
                    expected, rel=2e-3, abs=2e-4 * scale
                ), (name, series)


@pytest.mark.slow
def test_the_command_ranks_candidates_of_a_region(tmp_path, restored_settings):
    path, out = write_experiment(tmp_path), tmp_path / "run"
    sd = {"kdc_scale": 0.1, "cmax_scale": 0.1}
    fitted = {
        kind: write_fitted_set(tmp_path / f"{kind}.toml", kind, sd, 0.5)
        for kind in ("moist-tundra", "alpine-tundra")
    }
    experiment = read_experiment(path).with_parameters(fitted)
    write_record(experiment, out)
    candidates = tmp_path / "candidates.toml"
    assert called("design", out, "--write-candidates", candidates).exit_code == 0
    assert {one.type for one in read_candidates(candidates).candidates} == set(fitted)
    ask = ("design", out, "--candidates", candidates, "--best", "2")
    result = called(*ask)
    assert "--parameters fitted,soil_carbon_depth_scale" in str(result.exception)
    inputs = out / "inputs" / "experiment.toml"
    result = called(
        "region-sensitivity", inputs, "--out", out, "--parameters", "fitted,b,conductivity_scale"
    )
    assert result.exit_code == 0, result.output
    result = called(*ask)
    assert result.exit_code == 0, result.output
    assert "exact in all types, as no derivatives are here: mat_thickness" in result.output
    rows = pd.read_csv(out / "design.csv")
    assert rows["worth"].between(-1e-9, 1).all()
    assert rows["worth"].max() > 0.05
    assert (out / "design.png").is_file()
    assert "One after the other" in result.output

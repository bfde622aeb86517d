"""Derivatives of a region's results along parameters: forward mode against differences of runs."""

import jax
import numpy as np
import pytest
from rich.console import Console

from temjax.parameters.files import replace_parameters
from temjax.regional.inputs.domain import load_domain
from temjax.regional.run.member_group import prepare_group
from temjax.regional.run.restart import NoRestartPoints
from temjax.regional.run.tile import TileRun
from temjax.regional.studies.sensitivity import sensitivity_of_tile
from temjax.regional.studies.sensitivity_run import outputs_of
from tests.support.small_region import small_experiment


def of_sets(experiment, group, sets, names):
    work = group.tile_work(0)
    _, timeline, cells, _ = work.scenarios[0]
    return sensitivity_of_tile(experiment, timeline, cells, sets, names)


@pytest.mark.slow
def test_forward_mode_agrees_with_differences(tmp_path):
    jax.config.update("jax_enable_x64", True)
    experiment = small_experiment(tmp_path)
    domain = load_domain(experiment)
    group = prepare_group(experiment, domain, "toy", ["rcp85"], tmp_path, Console(quiet=True))
    names = ("kdc_scale", "conductivity_scale")
    sensitivity = of_sets(experiment, group, group.sets, names)
    assert sensitivity.converged.all()
    assert sensitivity.parameters.shape == (2, 2)
    work = group.tile_work(0)
    _, timeline, cells, _ = work.scenarios[0]
    none = NoRestartPoints()
    run = TileRun(experiment, timeline, cells, work.sets, none, none, lambda *_: None)
    for output, values in outputs_of(run.run())._asdict().items():
        of_tile = getattr(sensitivity.values, output)
        assert of_tile == pytest.approx(values[: cells.index.size], rel=1e-6), output
    step = 1e-5
    for number, name in enumerate(names):
        shifted = []
        for sign in (-1, 1):
            sets = [
                replace_parameters(p, **{name: getattr(p, name) * (1 + sign * step)})
                for p in group.sets
            ]
            shifted.append(of_sets(experiment, group, sets, names).values)
        width = 2 * step * sensitivity.parameters[number]
        for output, derivatives in sensitivity.derivatives._asdict().items():
            low, high = (np.asarray(getattr(values, output)) for values in shifted)
            scale = np.abs(sensitivity.derivatives._asdict()[output]).max() + 1e-6
            assert derivatives[number] == pytest.approx(
                (high - low) / width, rel=2e-3, abs=2e-4 * scale
            ), (name, output)

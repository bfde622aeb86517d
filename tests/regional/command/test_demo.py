"""The demo command's frame, and how the regional stage uses a fitted set."""

import numpy as np
import pytest
from rich.console import Console

import temjax.command.demo
from temjax.parameters.files import load_parameters, replace_parameters, write_parameters
from temjax.regional.command.demo import FITTED_TYPE, stage, with_fitted_meadow
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.run.member_group import parameter_set
from tests.support.small_region import write_experiment


def make_stage(order, rows, log):
    def run(out, console, context):
        log.append((order, dict(context)))
        context[f"stage {order}"] = order
        return rows

    run.order = order
    return run


def test_stages_run_in_order_and_hand_on_their_context(tmp_path):
    log = []
    stages = [make_stage(30, [("b", "2")], log), make_stage(10, [("a", "1")], log)]
    console = Console(record=True, width=100)
    rows = temjax.command.demo.run_demo(tmp_path / "new", stages, console)
    assert [order for order, _ in log] == [10, 30]
    assert log[1][1] == {"stage 10": 10}
    names = [name for name, _ in rows]
    assert names.index("a") < names.index("b")
    assert dict(rows)["everything is in"] == str((tmp_path / "new").resolve())
    assert "float64" in dict(rows)["device"]
    assert "temjax demo on" in console.export_text()


def test_fitted_set_keeps_the_ground_surface_of_its_type(tmp_path):
    """A tower's own air-to-ground offset would thaw the permafrost of every meadow cell."""
    bundled = load_parameters(FITTED_TYPE)
    fitted = replace_parameters(bundled, cmax_scale=1.3, surface_shortwave_coefficient=0.030)
    write_parameters(fitted, tmp_path / "fit.toml", name="fit")
    experiment = read_experiment(write_experiment(tmp_path))
    experiment = with_fitted_meadow(experiment, tmp_path / "fit.toml")
    fitted = parameter_set(experiment, FITTED_TYPE)
    assert float(fitted.cmax_scale) == pytest.approx(1.3)
    name = "surface_shortwave_coefficient"
    assert np.array_equal(getattr(fitted, name), getattr(bundled, name))


@pytest.mark.slow
def test_stage_projects_the_synthetic_plateau(tmp_path):
    console = Console(record=True, width=120)
    rows = dict(stage(tmp_path, console, {}))
    assert "SYNTHETIC" in rows["projected"]
    assert len(list(tmp_path.glob("*.nc"))) == 4
    assert len(list(tmp_path.glob("*.png"))) == 2
    assert "not a projection" in console.export_text()

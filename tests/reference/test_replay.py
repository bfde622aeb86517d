"""Complete Arctic run of TEM 4.2.3, replayed from its starting pools."""

from functools import partial

import numpy as np
import pytest

from temjax.ecosystem.imex import integrate_month
from tests.support.replay import Run, replay
from tests.support.step_control import original_month
from tests.support.tables import deviation

POOL_COLUMNS = {
    "soil_organic_carbon": "solc",
    "soil_organic_nitrogen": "soln",
    "vegetation_carbon": "vegc",
}


def summary(run: Run) -> dict[str, np.ndarray]:
    """Differences of a replay from the reference, one value per cell."""
    gpp = run.ours["gross_primary_production"] - run.reference["gpp"]
    ours = run.ours["net_primary_production"].sum(axis=1)
    theirs = run.reference["npp"].sum(axis=1)
    result = {
        "rms GPP (g C m-2 month-1)": np.sqrt((gpp**2).mean(axis=(0, 1))),
        "mean GPP": run.reference["gpp"].mean(axis=(0, 1)),
        "mean NPP (relative)": ours.mean(axis=0) / theirs.mean(axis=0) - 1.0,
        "worst year NPP (relative)": np.abs(ours / theirs - 1.0).max(axis=0),
    }
    for name, column in POOL_COLUMNS.items():
        result[f"final {column} (relative)"] = (
            run.ours[name][-1, -1] / run.reference[column][-1, -1] - 1.0
        )
    for name, value in result.items():
        print(f"{name:28s}", np.array2string(value, precision=5))
    return result


def check(result: dict[str, np.ndarray]) -> None:
    assert result["rms GPP (g C m-2 month-1)"].max() <= 1.5
    assert np.abs(result["mean NPP (relative)"]).max() <= 0.03
    assert result["worst year NPP (relative)"].max() <= 0.05
    for column in POOL_COLUMNS.values():
        assert np.abs(result[f"final {column} (relative)"]).max() <= 0.03


def test_alpine_tundra_equilibrium_and_spin_up(shared):
    """Cell 3, the quickest to its equilibrium: 28 years and 20 of the spin-up."""
    check(summary(replay(shared, integrate_month, cells=(2,), years=20)))


@pytest.mark.slow
def test_three_cells_with_the_default_integrator(shared):
    check(summary(replay(shared, integrate_month)))


@pytest.mark.slow
@pytest.mark.parametrize("substeps", [16])
def test_three_cells_with_other_steps(shared, substeps):
    check(summary(replay(shared, partial(integrate_month, substeps=substeps))))


@pytest.mark.slow
def test_original_step_control_reproduces_the_run(shared):
    run = replay(shared, original_month)
    off = {}
    for name, column in POOL_COLUMNS.items():
        off[column] = deviation(run.ours[name], run.reference[column])
    off["gpp"] = np.abs(run.ours["gross_primary_production"] - run.reference["gpp"]).max()
    print({name: f"{value:.1e}" for name, value in off.items()})
    assert max(off.values()) <= 1e-6

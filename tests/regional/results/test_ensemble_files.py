"""Members and scenarios together: the shared past, resuming, kill, poison; slow."""

from importlib.resources import files

import numpy as np
import pytest

import temjax.regional.run.member_group
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.run.members import run_experiment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def experiment():
    whole = read_experiment(files("temjax.regional") / "experiments" / "qtp-analogue.toml")
    protocol = whole.protocol.model_copy(
        update={
            "equilibrium_years": (1970, 1972), "spin_up_years": (1970, 1972), "spin_up_length": 6,
            "historical": (1980, 2010), "future": (2011, 2016), "exposure_from": 1980,
        }
    )  # fmt: skip
    run = whole.run.model_copy(update={"tile_cells": 2, "workers": 1, "block_years": 6})
    cut = whole.select(["A"], cells=(91.9, 33.4, 92.9, 34.4))
    return cut.model_copy(update={"protocol": protocol, "run": run})


@pytest.fixture(scope="module")
def results(experiment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    return run_experiment(experiment, folder), folder


def equal(a, b):
    return a.keys() == b.keys() and all(
        np.array_equal(a[name], b[name], equal_nan=True) for name in a
    )


def test_scenarios_share_their_past(results):
    both, folder = results
    assert [(result.member, result.scenario) for result in both] == [("A", "rcp45"), ("A", "rcp85")]
    shared = {path.name.split("_")[1] for path in (folder / "restart" / "a").glob("*.npz")}
    assert shared == {"equilibrium.npz", "spin-up.npz", "past.npz"}
    assert both[1].cell_years < both[0].cell_years
    first, second = (result.products["historical/csoil"] for result in both)
    assert np.array_equal(first[:12], second[:12])
    assert not np.array_equal(first[-1], second[-1])


def test_a_scenario_alone_is_the_same_to_the_last_bit(experiment, results, tmp_path):
    (alone,) = run_experiment(experiment.select(scenarios=["rcp85"]), tmp_path)
    assert equal(alone.products, results[0][1].products)


def test_a_scenario_is_added_from_the_shared_past(experiment, results, tmp_path):
    run_experiment(experiment.select(scenarios=["rcp45"]), tmp_path)
    added = run_experiment(experiment, tmp_path, resume=True)
    assert all(equal(a.products, b.products) for a, b in zip(added, results[0], strict=True))
    assert added[0].cell_years == 0


def test_history_without_sharing_is_the_same_to_the_last_bit(
    experiment, results, tmp_path, monkeypatch
):
    original = temjax.regional.run.member_group.build_timeline
    monkeypatch.setattr(
        temjax.regional.run.member_group,
        "build_timeline",
        lambda *arguments, share: original(*arguments, share=False),
    )
    for ours, theirs in zip(run_experiment(experiment, tmp_path), results[0], strict=True):
        assert equal(ours.products, theirs.products)

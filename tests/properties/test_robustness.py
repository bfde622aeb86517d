"""The sweep: thousands of random site-years with extremes; counts of tried, refused, failed.

``python -m pytest -m slow -s -n 0 tests/properties/test_robustness.py`` prints the counts.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.runs.quality import LARGEST_IMBALANCE
from temjax.runs.validation import check_forcing, check_location
from tests.support.random_world import (
    FASTEST_DECOMPOSITION,
    PLACE,
    QUANTITIES,
    World,
    budget_errors,
    fastest_decomposition,
    least_pools,
    random_world,
    run_world,
)

CELLS = 400
CENTURIES = 200  # years of the long run
FORCED = {name: index for index, name in enumerate(QUANTITIES)}


def uniform(seed: int, cells: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=(len(QUANTITIES), cells))


def extreme(seed: int, cells: int) -> np.ndarray:
    """Half of all numbers at one of their limits."""
    wide = np.random.default_rng(seed).uniform(-0.5, 1.5, size=(len(QUANTITIES), cells))
    return np.clip(wide, 0.0, 1.0)


def faults(world: World) -> np.ndarray:
    """Cells that are refused, with a message that names variable and mend."""
    cells = world.location.latitude.shape[0]
    refused = np.zeros(cells, bool)
    for cell in range(cells):
        one = jax.tree.map(
            lambda x, cell=cell: x[..., cell], (world.location, world.forcing.air_temperature,
            world.forcing.precipitation, world.forcing.shortwave, world.forcing.co2),
        )  # fmt: skip
        location, air, rain, sun, co2 = one
        forcing = dataclasses.replace(
            world.forcing, air_temperature=air, precipitation=rain, shortwave=sun, co2=co2
        )
        findings = check_location(location) + check_forcing(forcing, location)
        assert all(finding.message and finding.mend for finding in findings)
        refused[cell] = bool(findings)
    return refused


def sweep(units: np.ndarray, years: int) -> dict[str, int]:
    """Counts of one batch; a cell fails if any of its values is wrong in silence."""
    world = random_world(units, years)
    refused = faults(world)
    run = run_world(world)
    finite = np.asarray(run.finite) & np.isfinite(np.asarray(run.monthly.pools)).all(axis=(0, 1, 2))
    closed = np.all([error <= 1e-9 for error in budget_errors(world.initial, run).values()], axis=0)
    positive = (least_pools(world.initial, run) >= -1e-9).all(axis=0)
    fast = fastest_decomposition(world, run) > FASTEST_DECOMPOSITION
    unbalanced = np.asarray(run.soil.heat_imbalance.max(axis=0)) > LARGEST_IMBALANCE
    tried = ~refused
    return {
        "cells": tried.size,
        "site-years": tried.size * years,
        "refused": int(refused.sum()),
        "not finite": int((tried & ~finite).sum()),
        "budget open": int((tried & ~closed).sum()),
        "negative pool": int((tried & ~positive & ~fast).sum()),
        "beyond 1 per month": int((tried & fast).sum()),
        "negative pool there": int((tried & ~positive & fast).sum()),
        "heat step not converged": int((tried & unbalanced).sum()),
    }


def report(title: str, counts: dict[str, int]) -> None:
    print(f"\n{title}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))


def check(counts: dict[str, int]) -> None:
    assert counts["not finite"] == 0
    assert counts["budget open"] == 0
    assert counts["negative pool"] == 0
    assert counts["refused"] < counts["cells"] // 4  # the sweep is not empty


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "seed"), [(uniform, 11), (uniform, 12), (extreme, 13)])
def test_site_years(draw, seed):
    counts = sweep(draw(seed, CELLS), 4)
    report(f"{draw.__name__} {seed}", counts)
    check(counts)


@pytest.mark.slow
def test_two_centuries_of_warming():
    """+0.1 K a year from means of −15 to −2 °C, texture from sand to clay, any organic layer."""
    units = uniform(14, 16)
    units[FORCED["trend"]] = 1.0
    units[FORCED["mean"]] = np.linspace(35.0, 48.0, 16) / 85.0
    units[FORCED["mat_thickness"]] = np.tile([0.0, 1.0], 8)
    for name in PLACE[2:]:
        units[FORCED[name]] = np.repeat([0.0, 1.0], 8)
    counts = sweep(units, CENTURIES)
    report("two centuries", counts)
    check(counts)


BAD = {
    "air_temperature": (283.15, -9999.0, np.nan, np.inf),
    "precipitation": (-1.0, 3500.0, -9999.0, np.nan),
    "shortwave": (-5.0, 900.0, np.nan),
    "co2": (0.0, 60000.0, np.nan),
    "latitude": (95.0, np.nan),
    "elevation": (-2000.0, 12000.0, np.nan),
    "silt_plus_clay": (-0.1, 1.5, 65.0, np.nan),
}


@pytest.fixture(scope="module")
def plain() -> World:
    world = random_world(np.full((len(QUANTITIES), 2), 0.5), 1)
    assert not faults(world).any()
    return world


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_what_is_refused_is_refused_with_a_message(plain, name, value):
    """One wrong number in one cell: that cell is refused, its neighbour is not."""
    if name in ("latitude", "elevation", "silt_plus_clay"):
        values = getattr(plain.location, name).at[1].set(value)
        world = dataclasses.replace(
            plain, location=dataclasses.replace(plain.location, **{name: values})
        )
    else:
        values = jnp.asarray(getattr(plain.forcing, name)).at[0, 6, 1].set(value)
        world = dataclasses.replace(
            plain, forcing=dataclasses.replace(plain.forcing, **{name: values})
        )
    np.testing.assert_array_equal(faults(world), [False, True])

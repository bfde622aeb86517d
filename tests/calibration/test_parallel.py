"""Starts of a fit on the cores of a machine, in threads that cannot wait for each other."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.calibration.parallel import BLOCKING, ParallelStarts
from temjax.calibration.part import Linearisation
from tests.support.short_site import short_objective


class _Recording:
    """Objective that doubles the points and records shapes and threads of the calls."""

    parts = ()

    def __init__(self):
        self.shapes, self.threads = [], []

    def linearise(self, free):
        self.shapes.append(free.shape)
        self.threads.append(threading.get_ident())
        return Linearisation(2 * free, np.ones((3, *free.shape)) * free, free[0] > 0)


@pytest.mark.parametrize("starts", [1, 2, 5, 16])
@pytest.mark.parametrize("cores", [1, 2, 3, 16])
def test_shares_are_put_together_in_the_order_of_the_starts(starts, cores):
    objective = _Recording()
    points = np.arange(2.0 * starts).reshape(2, starts) - 3
    evaluation = ParallelStarts(objective, cores)
    for _ in range(2):
        linear = evaluation.linearise(points)
        np.testing.assert_array_equal(linear.residuals, 2 * points)
        np.testing.assert_array_equal(linear.jacobian[1], points)
        np.testing.assert_array_equal(linear.converged, points[0] > 0)
    assert len(set(objective.shapes)) == 1, "one program serves all shares"
    assert len(objective.shapes) / 2 <= cores


def test_the_first_share_compiles_alone():
    objective = _Recording()
    evaluation = ParallelStarts(objective, 4)
    evaluation.linearise(np.zeros((1, 8)))
    main = threading.get_ident()
    assert [one == main for one in objective.threads] == [True, False, False, False]
    evaluation.linearise(np.zeros((1, 8)))
    assert main not in objective.threads[4:]


def test_starts_with_data_of_their_own_stay_in_one_share():
    """Each start belongs to its column of the data, which a share would lose."""
    objective = _Recording()
    target = SimpleNamespace(values=np.zeros((2, 12, 5)), sd=np.ones((2, 12)))
    objective.parts = (SimpleNamespace(targets=(target,)),)
    ParallelStarts(objective, 4).linearise(np.zeros((1, 5)))
    assert objective.shapes == [(1, 5)]


def blocking_operations(text: str) -> list[str]:
    """Names of blocking operations in the text of a lowered program."""
    return [name for name in BLOCKING if name in text]


def test_the_objective_has_no_blocking_operations():
    """Then its programs end whatever the number of threads that run at once."""
    objective = short_objective()
    lowered = jax.jit(type(objective).linearise.__wrapped__).lower(objective, jnp.zeros((4, 2)))
    assert blocking_operations(lowered.as_text()) == []


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (
            lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x),
            "callback",
        ),
        (jnp.fft.fft, "stablehlo.fft"),
        (jax.vmap(lambda x: jax.lax.psum(x, "i"), axis_name="i"), None),
    ],
)
def test_blocking_operations_are_recognised(function, operation):
    text = jax.jit(function).lower(jnp.ones(4)).as_text()
    assert blocking_operations(text) == ([operation] if operation else [])


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["1", "2"])
def test_many_threads_end_with_the_numbers_of_one(pool):
    """Sixteen threads run the objective at once on an XLA thread pool of one or two threads."""
    run = subprocess.run(
        [sys.executable, "-c", STRESS],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {"NPROC": pool, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.strip() == "480 evaluations"


STRESS = """
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import temjax

temjax.configure(cache=False, few_cells=True)
import jax
import jax.numpy as jnp
from tests.support.short_site import short_objective

objective = short_objective()
points = [jnp.full((4, 2), 0.02 * thread) for thread in range(16)]
evaluate = lambda point: jax.tree.map(np.asarray, objective.linearise(point))
expected = [evaluate(point) for point in points]


def repeat(thread):
    for _ in range(30):
        for leaf, same in zip(evaluate(points[thread]), expected[thread], strict=True):
            np.testing.assert_array_equal(leaf, same)
    return 30


with ThreadPoolExecutor(16) as pool:
    print(sum(pool.map(repeat, range(16))), "evaluations")
"""

"""A function of arrays, its kernel and their derivatives: which of them runs when."""

import sys
import warnings
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.native import accelerate
from temjax.native.accelerate import accelerated
from temjax.native.availability import disabled
from tests.support.kernels import needs_kernels

pytestmark = needs_kernels

ROWS = jnp.asarray([[0.3, -1.2, 2.0], [1.0, 0.5, -0.7]])


@accelerated("curve", static=1, cells="rows")
def curve(power, rows, scale):
    return scale * rows**power


@pytest.fixture
def runs(monkeypatch):
    """The kernels that ran; those of a registry of this test."""
    names = []

    def kernel(power, rows, scale):
        names.append("curve")
        return scale * rows**power

    def jvp(power, point, tangents, nonzero):
        names.append(("jvp", nonzero))
        return jax.jvp(lambda rows, scale: scale * rows**power, point, tangents)[1]

    def vjp(power, point, cotangents, wanted):
        names.append(("vjp", wanted))
        return jax.vjp(lambda rows, scale: scale * rows**power, *point)[1](cotangents)

    modules = SimpleNamespace(kernel=kernel, jvp=jvp, vjp=vjp)
    monkeypatch.setitem(sys.modules, "fake_kernels", modules)
    paths = {"curve": "kernel", "curve.jvp": "jvp", "curve.vjp": "vjp"}
    registry = {name: f"fake_kernels:{function}" for name, function in paths.items()}
    monkeypatch.setattr(accelerate, "registry", lambda platform: registry)
    accelerate.load.cache_clear()
    jax.clear_caches()
    yield SimpleNamespace(names=names, registry=registry, modules=modules)
    accelerate.load.cache_clear()
    jax.clear_caches()


def test_rows_of_cells_go_to_the_kernel(runs):
    np.testing.assert_array_equal(curve(3, ROWS, 2.0), 2.0 * ROWS**3)
    assert set(runs.names) == {"curve"}


@pytest.mark.parametrize("rows", [ROWS[0], ROWS[None]])
def test_other_axes_go_to_the_arrays(runs, rows):
    np.testing.assert_array_equal(curve(3, rows, 2.0), 2.0 * rows**3)
    assert runs.names == []


def test_disabled_kernels_do_not_run(runs):
    with disabled():
        np.testing.assert_array_equal(curve(3, ROWS, 2.0), 2.0 * ROWS**3)
    assert runs.names == []


def test_derivatives_take_their_kernels(runs):
    slope = jax.jvp(lambda rows: curve(3, rows, 2.0), (ROWS,), (ROWS,))[1]
    np.testing.assert_allclose(slope, 6.0 * ROWS**3)
    assert ("jvp", (True, False)) in runs.names
    runs.names.clear()
    slope = jax.jit(jax.grad(lambda scale: jnp.sum(curve(3, ROWS, scale))))(2.0)
    np.testing.assert_allclose(slope, jnp.sum(ROWS**3))
    assert ("vjp", (False, True)) in runs.names and ("jvp", (False, True)) not in runs.names


def total(rows):
    return jnp.sum(curve(3, rows, 2.0) ** 2)


@pytest.mark.parametrize("missing", [(), ("jvp",), ("vjp",), ("jvp", "vjp")])
@pytest.mark.parametrize(
    "derivative",
    [
        jax.grad,
        jax.jacfwd,
        lambda f: jax.jacfwd(jax.grad(f)),
        lambda f: lambda x: jax.vmap(jax.grad(f))(jnp.stack([x, 2 * x])),
        lambda f: jax.grad(lambda x: jnp.sum(jax.vmap(f)(jnp.stack([x, 2 * x])))),
        lambda f: jax.grad(jax.checkpoint(f)),
    ],
    ids=["reverse", "forward", "Hessian", "mapped", "of mapped", "checkpoint"],
)
def test_derivatives_are_those_of_the_arrays(runs, missing, derivative):
    for kind in missing:
        del runs.registry[f"curve.{kind}"]
    expected = derivative(lambda rows: jnp.sum((2.0 * rows**3) ** 2))(ROWS)
    np.testing.assert_allclose(jax.jit(derivative(total))(ROWS), expected, rtol=1e-12)


def test_a_kernel_that_cannot_be_written_warns_and_the_arrays_run(runs):
    def unwritten(*_):
        raise NotImplementedError("no instruction for 'sin'")

    runs.modules.kernel = unwritten
    with pytest.warns(UserWarning, match="curve runs without its kernel.*'sin'"):
        np.testing.assert_array_equal(curve(3, ROWS, 2.0), 2.0 * ROWS**3)


def test_a_module_that_cannot_be_imported_warns_once(runs):
    runs.registry["curve"] = "no_such_module:curve"
    with pytest.warns(UserWarning, match="no_such_module"):
        curve(3, ROWS, 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(curve(3, ROWS, 2.0), 2.0 * ROWS**3)


def test_every_registered_kernel_is_there():
    for platform in ("cpu", "cuda"):
        for name in accelerate.registry(platform):
            assert callable(accelerate.load(platform, name)), name


def test_kernels_that_cannot_be_imported_as_a_whole_warn(monkeypatch):
    def broken(name):
        raise ImportError("damaged")

    monkeypatch.setattr(accelerate, "import_module", broken)
    with pytest.warns(UserWarning, match="damaged"):
        assert accelerate.registry.__wrapped__("cpu") == {}

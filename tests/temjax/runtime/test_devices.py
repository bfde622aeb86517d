"""Cells over several devices: same numbers, no talk between the devices."""

import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import pytest

from temjax.runtime.devices import map_devices

ROOT = Path(__file__).resolve().parents[3]
COLLECTIVES = "all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter"


def on_two_devices(script: str, *arguments: str) -> None:
    """Run a function of this module in a process with two CPU devices."""
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    code = f"from tests.temjax.runtime import test_devices; test_devices.{script}(*{arguments!r})"
    done = subprocess.run(
        (sys.executable, "-c", code), env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def run_step(celled, shared, iterations):
    """A step of soil heat: its search stops when all cells of a device are done."""
    from temjax.heat.step import heat_step
    from temjax.processes.soil_heat import Surface

    column, enthalpy, temperature, resistance = celled
    step = heat_step(iterations, column, enthalpy, Surface(temperature, resistance), shared)
    return step.enthalpy, step.surface_flux


def compare_steps() -> None:
    """Five cells on two devices against one."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import temjax
    from temjax.processes import soil_heat
    from temjax.runtime.devices import call_sharded
    from temjax.soil_column import LAYERS, soil_column

    assert len(jax.devices()) == 2
    column = soil_column(temjax.load_parameters("moist-tundra"), (5,), LAYERS)
    start = soil_heat.enthalpy(column, jnp.linspace(-2.0, 1.0, 5) + jnp.zeros((LAYERS, 1)))
    celled = (column, start, jnp.linspace(-10.0, 12.0, 5), jnp.full(5, 0.2))
    many = map_devices(run_step, celled, jnp.asarray(432000.0), (40,))
    one = jax.jit(run_step, static_argnums=2)(celled, jnp.asarray(432000.0), 40)
    for spread_out, plain in zip(many, one, strict=True):
        assert spread_out.shape == plain.shape
        assert jnp.allclose(spread_out, plain, rtol=1e-12, atol=0)
    mesh = jax.sharding.Mesh(jax.devices(), ("cell",))
    even = jax.tree.map(lambda leaf: leaf[..., :4] if leaf.ndim else leaf, celled)
    text = (
        call_sharded.lower(run_step, even, jnp.asarray(432000.0), (40,), mesh).compile().as_text()
    )
    assert "while" in text or "temjax_heat" in text
    assert [name for name in COLLECTIVES if name in text] == []


def compare_tiles() -> None:
    """Five cells through all phases on two devices against one; the programs say how."""
    from unittest import mock

    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    from temjax.regional.command.benchmark import tile_case
    from temjax.runtime import devices

    texts = {}
    call_sharded = devices.call_sharded

    def seen(function, *arguments):
        if function not in texts:
            texts[function] = call_sharded.lower(function, *arguments).compile().as_text()
        return call_sharded(function, *arguments)

    case = tile_case(5, 4)
    with mock.patch.object(devices, "call_sharded", seen):
        many = case.function()
    assert len(texts) == 2  # runs, and the soil climate that S_R and S_T share
    for text in texts.values():
        assert "while" in text
        assert not [name for name in COLLECTIVES if name in text]
    with mock.patch.object(jax, "local_devices", lambda: jax.devices()[:1]):
        one = case.function()
    assert many.keys() == one.keys()
    for name, values in one.items():
        np.testing.assert_allclose(many[name], values, rtol=1e-9, err_msg=name)


def test_a_heat_step_on_two_devices_asks_nothing_of_the_other():
    on_two_devices("compare_steps")


def test_one_device_is_an_ordinary_call():
    called = []

    def function(celled, shared, label):
        called.append(label)
        return celled + shared

    assert map_devices(function, jnp.ones(3), 1.0, ("x",)).shape == (3,)
    assert called == ["x"]


def test_arrays_must_agree_in_their_cells():
    with pytest.raises(ValueError, match=r"numbers of cells: \[2, 3\]"):
        map_devices(lambda celled, shared: celled, (jnp.ones(2), jnp.ones(3)), None)


@pytest.mark.slow
def test_a_tile_on_two_devices_is_that_of_one():
    on_two_devices("compare_tiles")

"""The GPU's kernel of a heat step beside the program of arrays, on random columns, on one device.

Run where there is an NVIDIA GPU: python -m tests.benchmarks.heat_kernel_agreement

Columns of every parameter set, temperatures from −30 to 20 °C, a third of the layers half melted,
surfaces from −40 to 35 °C under packs from none to thick.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)

import temjax  # noqa: E402
from temjax.heat import step as heat_step  # noqa: E402
from temjax.kernels.gpu.heat_step import heat_steps  # noqa: E402
from temjax.options import ModelOptions  # noqa: E402
from temjax.processes import soil_heat  # noqa: E402
from temjax.soil_column import soil_column  # noqa: E402

CELLS = 20_000
SECONDS = 5 * 86400.0
ITERATIONS = ModelOptions().heat_iterations


def random_step(dtype: str, cells: int = CELLS) -> tuple:
    """Column, old enthalpy, surface and seconds of a step, the same ones in both types."""
    names = temjax.parameter_set_names()
    share = -(-cells // len(names))
    columns = [soil_column(temjax.load_parameters(name), (share,)) for name in names]
    column = jax.tree.map(lambda *rows: jnp.concatenate(rows, axis=-1)[..., :cells], *columns)
    keys = jax.random.split(jax.random.key(7), 6)
    shape = column.thickness.shape
    profile = jax.random.uniform(keys[0], shape, minval=-30.0, maxval=20.0)
    frozen_or_not = soil_heat.enthalpy(column, profile)
    melting = jax.random.uniform(keys[1], shape) * column.melt_enthalpy
    old = jnp.where(jax.random.uniform(keys[2], shape) < 1 / 3, melting, frozen_or_not)
    bare = jax.random.uniform(keys[3], (cells,)) < 0.3
    surface = soil_heat.Surface(
        temperature=jax.random.uniform(keys[4], (cells,), minval=-40.0, maxval=35.0),
        resistance=jnp.where(bare, 0.0, jax.random.uniform(keys[5], (cells,), maxval=4.0)),
    )
    return jax.tree.map(lambda x: x.astype(dtype), (column, old, surface, jnp.asarray(SECONDS)))


def main() -> None:
    print(jax.devices()[0].device_kind, "jax", jax.__version__)
    searches = {
        "arrays": partial(heat_step.heat_steps.arrays, ITERATIONS),
        "kernel": partial(heat_steps, ITERATIONS),
    }
    for dtype in ("float32", "float64"):
        column, old, surface, seconds = random_step(dtype)
        surfaces, lengths = jax.tree.map(lambda leaf: leaf[None], (surface, seconds))
        found = {}
        for name, search in searches.items():
            step = jax.jit(search)(column, old, surfaces, lengths)
            found[name] = step.enthalpy[0]
            left = soil_heat.step_imbalance(column, found[name], old, surface, seconds)
            left = jnp.max(jnp.abs(left), axis=0) / seconds
            print(
                f"{dtype} {name}: largest imbalance {float(jnp.max(left)):.3g} W m-2, "
                f"{int(jnp.sum(left > 1.0))} of {CELLS} above 1"
            )
        scale = jnp.max(jnp.abs(found["arrays"]), axis=0)
        apart = jnp.max(jnp.abs(found["kernel"] - found["arrays"]), axis=0)
        print(
            f"{dtype} kernel beside arrays: {int(jnp.sum(apart == 0))} columns with the same bits, "
            f"largest difference {float(jnp.max(apart / scale)):.3g} of the largest enthalpy"
        )


if __name__ == "__main__":
    main()

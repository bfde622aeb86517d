"""Speed of soil heat and of its spin-up.

Run: python -m tests.benchmarks.soil_heat_speed

Synthetic cells: Toolik's mean year, shifted by −3 to +3 K, moist-tundra parameters.
"""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)

import temjax  # noqa: E402
from temjax import (  # noqa: E402
    Forcing,
    Location,
    ModelOptions,
    equilibrate_heat,
    soil_climate,
)
from temjax.forcing import mean_year  # noqa: E402

AIR = (-22.4, -23.5, -22.5, -12.3, 0.4, 9.3, 11.8, 9.9, -0.3, -12.9, -17.7, -24.3)
RAIN = (16.6, 15.4, 9.8, 10.8, 15.5, 32.4, 64.5, 65.1, 32.1, 23.6, 20.2, 19.7)
YEARS = 10


def _cells(count: int, dtype):
    shift = jnp.linspace(-3.0, 3.0, count, dtype=dtype) if count > 1 else jnp.zeros(1, dtype)

    def months(values):
        return jnp.broadcast_to(jnp.asarray(values, dtype)[None, :, None], (YEARS, 12, count))

    place = Location(*(jnp.full(count, value, dtype) for value in (68.67, 767.0, 0.52)))
    forcing = Forcing(
        jnp.arange(YEARS),
        months(AIR) + shift,
        months(RAIN),
        months([100.0] * 12),
        jnp.full((YEARS, 12), 380.0, dtype),
    )
    parameters = jax.tree.map(
        lambda x: jnp.asarray(x, dtype), temjax.load_parameters("moist-tundra")
    )
    return parameters, place, forcing


def _seconds(function, repeats=3) -> tuple[float, float]:
    """CPU time of the first call (with compilation) and the best of the following ones."""
    times = []
    for _ in range(repeats + 1):
        started = time.process_time()
        jax.block_until_ready(function())
        times.append(time.process_time() - started)
    return times[0], min(times[1:])


def _case(count: int, dtype, iterations: int) -> str:
    parameters, place, forcing = _cells(count, dtype)
    year = mean_year(forcing)
    options = ModelOptions(heat_iterations=iterations)
    heat, pack, _ = equilibrate_heat(parameters, place, year, options=options)

    def forward(p):
        climate = soil_climate(p, place, forcing, heat, snowpack=pack, options=options)
        return jnp.sum(climate.maximum_thaw_depth) + jnp.sum(climate.soil_temperature)

    value, gradient = jax.jit(forward), jax.jit(jax.grad(forward))
    first, again = _seconds(lambda: value(parameters))
    _, back = _seconds(lambda: gradient(parameters), 1)
    _, spin = _seconds(lambda: equilibrate_heat(parameters, place, year, options=options), 1)
    return (
        f"{jnp.dtype(dtype).name} {count:6d} {iterations:10d} {first:7.1f} "
        f"{1e6 * again / count / YEARS:13.1f} {back / again:16.1f} {1e3 * spin / count:16.2f}"
    )


def main() -> None:
    """Print CPU time per cell-year, of the gradient relative to it, and of the spin-up."""
    print("dtype    cells iterations first s  µs/cell-year  reverse/forward  spin-up ms/cell")
    for dtype in (jnp.float32, jnp.float64):
        for count in (1, 100, 1000):
            for iterations in (5, 10):
                print(_case(count, dtype, iterations), flush=True)


if __name__ == "__main__":
    main()

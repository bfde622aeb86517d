"""The equilibrium search beside brute force, cell by cell.

Run: python -m tests.benchmarks.equilibrium [--cells 1000] [--years 16000] [--substeps 48]

Synthetic cells: five vegetation types, mean annual air temperature −12 … +6 °C, 80 … 900 mm, four
textures. Work is counted in one-year evaluations, Jacobian columns included. Brute force runs the
same map on the same (cached) soil climate from TEM's initial pools; a cell leaves it when a year
changes it by less than 1e-13, where nothing is left to move.
"""

import argparse
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

from temjax import Forcing, Location, ModelOptions, find_equilibrium, load_parameters  # noqa: E402
from temjax.parameters.files import gather_parameters  # noqa: E402
from temjax.runs.annual_map import pack_state, relative_change  # noqa: E402  # noqa: E402
from temjax.runs.equilibrium import METHODS, cyclic_map, select_cells  # noqa: E402

TYPES = ("alpine-tundra", "moist-tundra", "boreal-forest", "grassland", "xeric-shrubland")
CHUNK = 100  # years between looks at who has stopped
STOPPED = 1e-13
PAPER_YEARS = 3200


def diverse_cells(count: int, seed: int):
    """Parameters, places, one year of climate and the type of each cell."""
    rng = np.random.default_rng(seed)
    kind = np.arange(count) % len(TYPES)
    month = np.arange(12)[:, None]
    mean, half = rng.uniform(-12, 6, count), rng.uniform(8, 18, count)
    air = mean - half * np.cos(2 * np.pi * (month - 0.3) / 12)
    share = 1 + rng.uniform(0, 0.9, count) * -np.cos(2 * np.pi * (month - 0.5) / 12)
    rain = rng.uniform(80, 900, count) * share / 12
    latitude = rng.uniform(30, 70, count)
    sun = (
        240
        - 2.6 * (latitude - 30)
        - (60 + 1.6 * (latitude - 30)) * np.cos(2 * np.pi * (month + 0.8) / 12)
    )
    texture = rng.choice([0.2, 0.4, 0.6, 0.8], count)
    place = Location(
        jnp.asarray(latitude), jnp.asarray(rng.uniform(0, 4800, count)), jnp.asarray(texture)
    )
    forcing = Forcing(
        jnp.array([1901]),
        jnp.asarray(air[None]),
        jnp.asarray(rain[None]),
        jnp.asarray(np.maximum(sun, 1.0)[None]),
        jnp.full((1, 12), 296.0),
    )
    sets = gather_parameters([load_parameters(name) for name in TYPES], jnp.asarray(kind))
    return sets, place, forcing, kind


@eqx.filter_jit
def _chunk(cycle, state):
    def year(state, _):
        after = cycle(state)
        return after, relative_change(state, after)

    return jax.lax.scan(year, state, None, length=CHUNK)


def brute_force(cycle, start, years: int, tolerance: float):
    """End state, first year within the tolerance (0: never), and the cell-years run."""
    cells = start.shape[1]
    end, first, work = np.array(start), np.zeros(cells, int), 0
    active, state = np.arange(cells), start
    part = cycle
    for done in range(0, years, CHUNK):
        state, changes = _chunk(part, state)
        work += CHUNK * state.shape[1]
        changes = np.asarray(changes)[:, : active.size]
        end[:, active] = np.asarray(state)[:, : active.size]
        within = changes <= tolerance
        # after a rise the count begins again
        settled = np.where(within[-1], CHUNK - np.argmin(within[::-1], axis=0), 0)
        settled = np.where(within.all(axis=0), 1, settled)
        first[active] = np.where(
            within[-1], np.where(first[active] > 0, first[active], done + settled), 0
        )
        going = changes[-1] > STOPPED
        if not going.any():
            break
        size = 1 << int(going.sum() - 1).bit_length()
        if size <= state.shape[1] // 2:
            active = active[going]
            padded = np.concatenate([active, np.full(size - active.size, active[0])])
            part, state = select_cells(cycle, padded), jnp.asarray(end[:, padded])
    return end, first, work


def main() -> None:
    """Print convergence, agreement, work and wall time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--years", type=int, default=16000)
    parser.add_argument("--substeps", type=int, default=ModelOptions().substeps)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    options = ModelOptions(substeps=chosen.substeps)
    parameters, place, forcing, kind = diverse_cells(chosen.cells, chosen.seed)

    times = []
    for _ in range(2):
        started = time.perf_counter()
        found = find_equilibrium(parameters, place, forcing, climate="first", options=options)
        jax.block_until_ready(found)
        times.append(time.perf_counter() - started)
    names = found.method_name
    print(f"{chosen.cells} synthetic cells, {chosen.substeps} sub-steps, float64")
    for name in METHODS:
        print(f"  {name:14s} {np.sum(names == name):5d}")
    living = names != "no vegetation"
    good = np.asarray(found.converged)
    print(f"converged: {good.sum()} of {living.sum()} with vegetation")
    for cell in np.flatnonzero(living & ~good):
        print(
            f"  cell {cell} ({TYPES[kind[cell]]}): {names[cell]}, residual "
            f"{float(found.residual[cell]):.1e}, heat {float(found.heat_residual[cell]):.1e}"
        )
    print(f"search: {times[0]:.0f} s with compilation, {times[1]:.0f} s warm, heat included")

    cycle, start, _ = cyclic_map(parameters, place, forcing, options=options)
    started = time.perf_counter()
    end, years, work = brute_force(
        cycle, pack_state(start.ecosystem, start.memory), chosen.years, 1e-8
    )
    seconds = time.perf_counter() - started
    here = np.asarray(found.state.ecosystem.pools)
    gap = np.asarray(relative_change(jnp.asarray(end), found.state.ecosystem.pools))
    print(f"brute force: {work} cell-years in {seconds:.0f} s on cached soil climate")
    apart = good & (gap > 1e-4)
    print(f"same fixed point (1e-4): {np.sum(good & ~apart)} of {good.sum()}; others:")
    for cell in np.flatnonzero(apart):
        print(
            f"  cell {cell} ({TYPES[kind[cell]]}): gap {gap[cell]:.1e}, VEGC {here[0, cell]:.0f} "
            f"by search, {end[0, cell]:.0f} by brute force, years {years[cell]}"
        )
    evaluations = np.asarray(found.evaluations)
    cost = len(FREE_ROWS) // GROUP_SIZE * (GROUP_SIZE + 1)  # of the certificate's Jacobian
    slow, quick = good & (years >= 300), good & (years > 0) & (years < 300)
    for label, chosen_cells in (("brute force >= 300 years", slow), ("faster cells", quick)):
        if chosen_cells.any():
            ratio = years[chosen_cells] / evaluations[chosen_cells]
            plain = years[chosen_cells] / np.asarray(found.iterations)[chosen_cells]
            certified = years[chosen_cells] / (evaluations[chosen_cells] + cost)
            print(
                f"{label}: {chosen_cells.sum()} cells, brute force median "
                f"{np.median(years[chosen_cells]):.0f}, search median "
                f"{np.median(evaluations[chosen_cells]):.0f} evaluations with Jacobian columns; "
                f"ratio median {np.median(ratio):.1f} (without the columns {np.median(plain):.1f}, "
                f"with the certificate's {np.median(certified):.1f})"
            )
    print(
        f"against {PAPER_YEARS} years: {PAPER_YEARS / np.median(evaluations[good]):.1f} "
        "times fewer evaluations"
    )


if __name__ == "__main__":
    main()

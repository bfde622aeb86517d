"""The step of soil heat as one kernel for NVIDIA GPUs: every block of cells iterates by itself.

As a program of arrays a step is some thousand small kernels one after the other, as many as the
worst of all cells needs. Here a thread holds a cell, walks down and up its layers, and a block of
threads is done when its own cells are. The arithmetic is that of the other searches, row by row.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jaxtyping import Array, Float

from temjax.heat.newton import Problem, Progress, beginning, is_open, judged, limit, moved
from temjax.heat.step import HeatStep
from temjax.heat.tridiagonal import Elimination, first_row, last_row, next_row
from temjax.processes.soil_heat import (
    LayerState,
    Surface,
    flux_between,
    flux_into,
    layer_state,
)
from temjax.runtime.blocks import pad_cells
from temjax.soil_column import LayerFacts, SoilColumn, layer_facts

BLOCK = 32  # cells
WARP = 32

Layers = Float[Array, "layer cell"]
Cells = Float[Array, "cell"]


def _kernel(iterations: int, layers: int, structure, *references) -> None:
    *given, seconds_row, new, entering_row, ratios, values = references
    problem: Problem = jax.tree.unflatten(structure, given)
    facts, old = problem.facts, problem.old
    seconds = seconds_row[0]
    cells = pl.ds(pl.program_id(0) * BLOCK, BLOCK)
    geothermal = problem.geothermal_flux[cells]
    surface = Surface(*(row[cells] for row in (problem.surface.temperature,
                                               problem.surface.resistance)))  # fmt: skip
    zero = jnp.zeros_like(geothermal)
    first, last = jnp.int32(0), jnp.int32(layers - 1)

    def properties(layer) -> LayerFacts:
        return jax.tree.map(lambda rows: rows[layer, cells], facts)

    def state(layer) -> tuple[LayerState, LayerFacts]:
        """A layer at the iterate."""
        here = properties(layer)
        return layer_state(here, new[layer, cells]), here

    def gained(layer, here: LayerFacts) -> Cells:
        """What a layer has gained, J m⁻²."""
        return (new[layer, cells] - old[layer, cells]) * here.thickness

    def content(layer, here: LayerFacts) -> Cells:
        return jnp.abs(old[layer, cells]) * here.thickness

    def walk_down(exact) -> tuple[Cells, Cells, Cells]:
        """Eliminate from the top: change of the lowest layer, what is out of balance, its limit."""
        upper, here = state(first)
        top = flux_into(upper, surface, exact)
        rows = first_row(here.thickness, gained(first, here), top.flux, top.by_lower, seconds)

        def next_layer(layer, carry: tuple[LayerState, Elimination, Cells, Cells]):
            upper, rows, crossing, held = carry
            lower, here = state(layer)
            between = flux_between(upper, lower, exact)
            rows = next_row(rows, *between[:3], here.thickness, gained(layer, here), seconds)
            ratios[layer - 1, cells] = rows.ratio
            values[layer - 1, cells] = rows.value
            return lower, rows, crossing + between.both_ways, held + content(layer, here)

        start = upper, rows, top.both_ways, content(first, here)
        _, rows, crossing, held = lax.fori_loop(jnp.int32(1), last + 1, next_layer, start)
        return *last_row(rows, -geothermal, seconds), limit(held, crossing, seconds)

    def above(layer, change):
        """Change of the layer above one, from the elimination."""
        return values[layer - 1, cells] - ratios[layer - 1, cells] * change

    def walk_up(progress, change, active) -> Cells:
        """Take the step; the largest change relative to the melting heat."""

        def take(layer, change, length):
            here = properties(layer)
            new[layer, cells] = moved(
                progress, old[layer, cells], new[layer, cells], change, here.melt_enthalpy, active
            )
            return jnp.maximum(length, jnp.abs(change) * here.per_melt_enthalpy)

        def next_layer(step, carry):
            change, length = carry
            layer = last - step
            length = take(layer, change, length)
            return above(layer, change), length

        change, length = lax.fori_loop(first, last, next_layer, (change, zero))
        return take(first, change, length)

    def improve(now: tuple[Progress, Cells]) -> tuple[Progress, Cells]:
        progress, enough = now
        change, imbalance, at_start = walk_down(progress.exact)
        enough = jnp.where(progress.count == 0, at_start, enough)
        active = is_open(imbalance, progress.count, enough, iterations - 1)
        length = walk_up(progress, change, active)
        return judged(progress, imbalance, length, active, iterations - 1), enough

    def searching(now: tuple[Progress, Cells]):
        progress, enough = now
        left = is_open(progress.imbalance, progress.count, enough, iterations - 1)
        return jnp.max(left.astype(jnp.int32)) > 0

    def copy(layer, _):
        new[layer, cells] = old[layer, cells]
        return _

    lax.fori_loop(first, last + 1, copy, first)
    progress, _ = lax.while_loop(searching, improve, (beginning(zero), zero))

    # the last iteration is an update by the divergence of the linearised fluxes
    change, _, _ = walk_down(progress.exact)

    def update(step, carry):
        change, lower, below = carry
        layer = last - step
        change_above = above(layer, change)
        upper, _ = state(layer - 1)
        between = flux_between(upper, lower, progress.exact)
        flux = between.flux + between.by_upper * change_above + between.by_lower * change
        scale = seconds * facts.per_thickness[layer, cells]
        new[layer, cells] = old[layer, cells] - scale * (below - flux)
        return change_above, upper, flux

    lowest, _ = state(last)
    change, upper, below = lax.fori_loop(first, last, update, (change, lowest, -geothermal))
    top = flux_into(upper, surface, progress.exact)
    entering = top.flux + top.by_lower * change
    new[0, cells] = old[0, cells] - seconds * facts.per_thickness[0, cells] * (below - entering)
    entering_row[cells] = entering


def solve_cells_apart(
    problem: Problem, seconds: Float[Array, ""], iterations: int, interpret: bool = False
) -> tuple[Layers, Cells]:
    """A step of soil heat, cell by cell.

    Args:
        problem: cells on one axis.
        seconds: length of the step, s.
        iterations: Newton iterations at most.
        interpret: run on any device, slowly, for tests.

    Returns:
        Enthalpy at the end, J m⁻³, ``(layer, cell)``, and the flux through the surface, W m⁻².
    """
    layers, cells = problem.old.shape
    blocks = pl.cdiv(cells, BLOCK)
    # cells are repeated to fill the last block: no bound has to be looked at inside
    padded = jax.tree.map(lambda leaf: pad_cells(leaf, blocks * BLOCK), problem)
    given, structure = jax.tree.flatten(padded)
    dtype = problem.old.dtype
    rows = jax.ShapeDtypeStruct((layers, blocks * BLOCK), dtype)
    between = jax.ShapeDtypeStruct((layers - 1, blocks * BLOCK), dtype)
    options = {} if interpret else {"compiler_params": _compiler_params()}
    new, entering, _, _ = pl.pallas_call(
        partial(_kernel, iterations, layers, structure),
        grid=(blocks,),
        out_shape=(rows, jax.ShapeDtypeStruct(rows.shape[1:], dtype), between, between),
        interpret=interpret,
        name="heat_step",
        **options,
    )(*given, jnp.reshape(seconds, 1))
    return new[:, :cells], entering[:cells]


def heat_steps(
    iterations: int,
    column: SoilColumn,
    old: Layers,
    surfaces: Surface,
    seconds: Float[Array, "step"],
) -> HeatStep:
    """Steps one after the other; arguments as for ``heat.step.heat_steps``."""
    facts = layer_facts(column)

    def step(old, drivers):
        surface, length = drivers
        problem = Problem(facts, column.geothermal_flux, old, surface)
        done = HeatStep(*solve_cells_apart(problem, length, iterations))
        return done.enthalpy, done

    return jax.lax.scan(step, old, (surfaces, seconds))[1]


def _compiler_params():
    from jax.experimental.pallas import triton

    named = "CompilerParams" if hasattr(triton, "CompilerParams") else "TritonCompilerParams"
    return getattr(triton, named)(num_warps=BLOCK // WARP, num_stages=1)

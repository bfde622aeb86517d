"""Fixed point of the annual map, cell by cell, with its exact derivative.

Picard iterations (plain cycles) first; then Broyden's method from a Jacobian of the slow pools
alone; for cells it leaves, more Picard iterations, Newton with the full forward-mode Jacobian and
Picard iterations between its steps (the yearly memory follows the pools), Anderson acceleration,
Picard iterations.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from temjax.heat.equilibrium import tolerance
from temjax.numerics import solve_cells, value_and_jacobian
from temjax.runs.acceleration import (
    ANDERSON_DEPTH,
    Matrix,
    anderson_mix,
    broyden_update,
    jacobian_columns,
    limit_step,
    matrix_vector,
    spectral_radius,
)
from temjax.runs.annual_map import (
    GROUP_SIZE,
    LEAST_VEGETATION,
    CyclicMap,
    PackedState,
    relative_change,
)
from temjax.state import pool_index

VEGETATION = pool_index("vegetation_carbon")
# I − J is singular to working precision from here on: no isolated fixed point, no derivative
SINGULAR_RADIUS = 1.0 - 1e-7
SOLVERS = ("broyden", "newton", "anderson", "years", "none")
BROYDEN, NEWTON, ANDERSON, PICARD, NONE = range(len(SOLVERS))

Count = int | Int[Array, ""]


class Schedule(NamedTuple):
    """Rounds of every phase of a search; numbers of the program, so that all schedules share one.

    Attributes:
        warm_up: Picard iterations of one cycle. The first of them cannot end the search: it runs on
            the yearly memory of the start, which may be that of other parameters.
        broyden: of one cycle, the first with the Jacobian of the slow pools.
        restart: Picard iterations from the last state of the warm-up, ``cycles`` cycles each as in
            all phases that follow.
        newton: each with a Jacobian.
        anderson: of mixing.
        picard: Picard iterations.
        cycles: of a round.
    """

    warm_up: Count
    broyden: Count
    restart: Count
    newton: Count
    anderson: Count
    picard: Count
    cycles: Count

    def phase_ends(self) -> tuple[Int[Array, ""], ...]:
        """First round after each of the six phases."""
        return tuple(jnp.cumsum(jnp.asarray(self[:6])))


class FixedPoint(NamedTuple):
    """Result of a search, per cell.

    Attributes:
        state: packed.
        residual: largest relative change of the slow pools over a cycle.
        solver: index into ``SOLVERS``.
        cycles: evaluations of the map until convergence, Jacobians not counted.
        jacobian_cycles: evaluations spent on Jacobians until convergence. The certificate's, at the
            solution, comes on top: ``CyclicMap.jacobian_cost``.
        spectral_radius: of the map's Jacobian.
    """

    state: PackedState
    residual: Float[Array, "*cell"]
    solver: Int[Array, "*cell"]
    cycles: Int[Array, "*cell"]
    jacobian_cycles: Int[Array, "*cell"]
    spectral_radius: Float[Array, "*cell"]


class _Search(NamedTuple):
    """State of the search after a round.

    Attributes:
        point: state before the round's last cycle.
        image: the map of it.
        warm: last state of the warm-up.
        inverse: approximates (I − J)⁻¹.
        jacobian: of the map at the point, where this round evaluated it.
        residual: of the point.
        starts: first states of the last rounds, for Anderson acceleration.
        ends: last states of the same.
        solver, cycles, jacobian_cycles: as in ``FixedPoint``.
        round: number of the next one.
        done: whether it was the last.
    """

    point: PackedState
    image: PackedState
    warm: PackedState
    inverse: Matrix
    jacobian: Matrix
    residual: Float[Array, "*cell"]
    starts: Float[Array, "depth state *cell"]
    ends: Float[Array, "depth state *cell"]
    solver: Int[Array, "*cell"]
    cycles: Int[Array, "*cell"]
    jacobian_cycles: Int[Array, "*cell"]
    round: Int[Array, ""]
    done: Bool[Array, ""]


class _Round(NamedTuple):
    """Which solver proposes a round's first state; all false: a Picard iteration."""

    broyden: Bool[Array, ""]
    newton: Bool[Array, ""]
    anderson: Bool[Array, ""]


def _propose(
    search: _Search,
    schedule: Schedule,
    solver: _Round,
    start: PackedState,
    active: Bool[Array, "*cell"],
) -> PackedState:
    """First state of a round.

    The last point plus ``inverse`` times its change over a cycle; with the unit matrix that is a
    Picard iteration.
    """
    _, broyden, _, newton, anderson, _ = schedule.phase_ends()
    number = search.round
    proposal = jnp.where(
        solver.anderson,
        anderson_mix(search.starts, search.ends, search.image),
        search.point + matrix_vector(search.inverse, search.image - search.point),
    )
    proposal = limit_step(proposal, search.image, search.point)
    # a solver begins where the first began, not where the one before lost the vegetation
    lost = search.image[VEGETATION] < LEAST_VEGETATION
    restarts = (number == broyden) | (((number == newton) | (number == anderson)) & lost)
    proposal = jnp.where(restarts, search.warm, proposal)
    return jnp.where(active, jnp.where(number == 0, start, proposal), search.point)


def _measure(
    search: _Search,
    point: PackedState,
    image: PackedState,
    extrapolated: Bool[Array, ""],
    active: Bool[Array, "*cell"],
    warm_up: Int[Array, ""],
) -> Float[Array, "*cell"]:
    """Residual of a round's cells; that of the search where they have converged before."""
    measured = relative_change(point, image)
    # Pools that keep still with the memory of the start need not do so with their own.
    measured = jnp.where((search.round == 0) & (warm_up > 0), jnp.inf, measured)
    # A broken cell must not stop the others: it counts as unconverged, not as NaN.
    measured = jnp.where(jnp.isfinite(measured), measured, jnp.inf)
    # Bare ground is a fixed point beside the living one: only Picard iterations may end there.
    bare = image[VEGETATION] < LEAST_VEGETATION
    measured = jnp.where(extrapolated & bare, jnp.inf, measured)
    return jnp.where(active, measured, search.residual)


def _next_inverse(
    search: _Search,
    point: PackedState,
    image: PackedState,
    jacobian: Matrix,
    groups: Int[Array, ""],
    in_broyden: Bool[Array, ""],
) -> Matrix:
    """Approximate (I − J)⁻¹ for the next round: of a new Jacobian, by an update, or the unit."""
    size = point.shape[0]
    unit = jnp.broadcast_to(jnp.eye(size, dtype=point.dtype), search.inverse.shape)
    change = search.image - search.point
    inverse = jax.lax.switch(
        jnp.where(groups > 0, 2, jnp.where(in_broyden, 1, 0)),
        (
            lambda: unit,
            lambda: broyden_update(
                search.inverse, point - search.point, change - (image - point), image
            ),
            lambda: jnp.linalg.inv(unit - jacobian),
        ),
    )
    finite = jnp.all(jnp.isfinite(inverse), axis=(-2, -1), keepdims=True)
    return jnp.where(finite, inverse, unit)


def _iterate(
    mapping: CyclicMap, start: PackedState, schedule: Schedule, search: _Search
) -> _Search:
    """One round: some cycles from what the solver in turn proposes.

    The last round evaluates the Jacobian at the solution.
    """
    warm_up, broyden, restart, newton, anderson, picard = schedule.phase_ends()
    limit = tolerance(start.dtype)
    number = search.round
    active = search.residual > limit
    solver = _Round(
        broyden=(number >= warm_up) & (number < broyden),
        newton=(number >= restart) & (number < newton),
        anderson=(number >= newton + ANDERSON_DEPTH) & (number < anderson),
    )
    first = _propose(search, schedule, solver, start, active)
    cycles = jnp.where(number < broyden, 1, schedule.cycles)
    # one loop, so that the map is compiled once for all solvers
    point, image = jax.lax.fori_loop(
        0, cycles, lambda _, pair: (pair[1], mapping(pair[1])), (first, first)
    )
    point = jnp.where(active, point, search.point)
    image = jnp.where(active, image, search.image)
    extrapolated = solver.broyden | solver.newton | solver.anderson
    measured = _measure(search, point, image, extrapolated, active, warm_up)

    done = jnp.all(measured <= limit) | (number + 1 >= picard)
    before_newton = (number >= restart - 1) & (number < newton - 1)
    first_of_broyden = solver.broyden & (number == warm_up)
    all_groups = len(mapping.row_groups)
    slow_groups = jnp.where(first_of_broyden, mapping.slow_groups, 0)
    groups = jnp.where(done | before_newton, all_groups, slow_groups)
    jacobian = jacobian_columns(mapping, point, groups)
    index = jnp.where(solver.broyden, BROYDEN, jnp.where(solver.newton, NEWTON, PICARD))
    index = jnp.where(solver.anderson, ANDERSON, index)
    return _Search(
        point=point,
        image=image,
        warm=jnp.where(number < warm_up, image, search.warm),
        inverse=_next_inverse(search, point, image, jacobian, groups, solver.broyden),
        jacobian=jacobian,
        residual=measured,
        starts=jnp.concatenate([search.starts[1:], first[None]]),
        ends=jnp.concatenate([search.ends[1:], image[None]]),
        solver=jnp.where(active & (measured <= limit), index, search.solver),
        cycles=search.cycles + jnp.where(active, cycles, 0),
        jacobian_cycles=search.jacobian_cycles
        + jnp.where(active & ~done, groups * (GROUP_SIZE + 1), 0),
        round=number + 1,
        done=done,
    )


def _search(
    mapping: CyclicMap, start: PackedState, excluded: Bool[Array, "*cell"], schedule: Schedule
) -> _Search:
    """Rounds until all cells have converged or the schedule ends."""
    shape, dtype, size = start.shape[1:], start.dtype, start.shape[0]
    unit = jnp.broadcast_to(jnp.eye(size, dtype=dtype), (*shape, size, size))
    zero = jnp.zeros(shape, int)
    history = jnp.broadcast_to(start, (ANDERSON_DEPTH, *start.shape))
    initial = _Search(
        point=start,
        image=start,
        warm=start,
        inverse=unit,
        jacobian=jnp.zeros_like(unit),
        residual=jnp.where(excluded, 0.0, jnp.inf).astype(dtype),
        starts=history,
        ends=history,
        solver=jnp.full(shape, NONE, int),
        cycles=zero,
        jacobian_cycles=zero,
        round=jnp.asarray(0),
        done=jnp.asarray(False),
    )
    return jax.lax.while_loop(
        lambda search: ~search.done,
        lambda search: _iterate(mapping, start, schedule, search),
        initial,
    )


@jax.custom_jvp
def fixed_point(
    mapping: CyclicMap, start: PackedState, excluded: Bool[Array, "*cell"], schedule: Schedule
) -> FixedPoint:
    """Solve x = F(x) from ``start``.

    The derivative is (I − J)⁻¹ ∂F/∂θ at the solution, in forward and reverse mode and to any order;
    none passes through the search. Cells that did not converge, or whose fixed point is not
    isolated, have no such derivative and get zero; the certificate names them.

    Args:
        mapping: the map F.
        start: packed state.
        excluded: cells not to search in (they keep their start).
        schedule: of the search.
    """
    search = _search(mapping, start, excluded, schedule)
    return FixedPoint(
        state=search.image,
        residual=search.residual,
        solver=search.solver,
        cycles=search.cycles,
        jacobian_cycles=search.jacobian_cycles,
        spectral_radius=spectral_radius(search.jacobian, search.image),
    )


@fixed_point.defjvp
def _fixed_point_jvp(primals, tangents):
    mapping = primals[0]
    solution = fixed_point(*primals)
    state = solution.state
    _, jacobian = value_and_jacobian(mapping, state)
    _, forced = jax.jvp(lambda mapping: mapping(state), (mapping,), (tangents[0],))
    isolated = (solution.solver < NONE) & (solution.spectral_radius < SINGULAR_RADIUS)
    jacobian = jnp.where(isolated[..., None, None], jacobian, 0.0)
    identity = jnp.eye(jacobian.shape[-1], dtype=jacobian.dtype)
    change = jnp.where(isolated, solve_cells(identity - jacobian, forced), 0.0)

    def zero_tangent(value):
        if jnp.issubdtype(value.dtype, jnp.floating):
            return jnp.zeros_like(value)
        return np.zeros(value.shape, jax.dtypes.float0)

    return solution, FixedPoint(change, *(zero_tangent(value) for value in solution[1:]))

"""The fixed point of the annual map, cell by cell, with its exact derivative.

Ladder: some plain years; Broyden's method from a Jacobian of the slow pools alone; for cells it
leaves, more plain years, Newton with the full forward-mode Jacobian and plain years between its
steps (they let the yearly memory settle), Anderson acceleration, plain years.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from temjax.heat.equilibrium import tolerance
from temjax.numerics import solve_cells, value_and_jacobian
from temjax.runs.annual_map import (
    FREE,
    LEAST_VEGETATION,
    CyclicMap,
    Packed,
    residual,
    spectral_radius,
)
from temjax.state import POOLS, pool_index

VEGETATION = pool_index("vegetation_carbon")
MIXED = 5  # iterates that Anderson acceleration mixes
# I − J is singular to working precision from here on: no isolated fixed point, no derivative
NOT_ISOLATED = 1.0 - 1e-7
# Rows differentiated together. The first group holds all that is slow: it is the whole Jacobian
# that Broyden's method starts from.
GROUP = 4
GROUPS = np.asarray(FREE).reshape(-1, GROUP)
JACOBIAN_COST = len(GROUPS) * (GROUP + 1)  # evaluations of the map
RUNGS = ("broyden", "newton", "anderson", "years", "none")
BROYDEN, NEWTON, ANDERSON, YEARS, NONE = range(len(RUNGS))


Count = int | Int[Array, ""]


class Effort(NamedTuple):
    """How long to search, in rounds; numbers of the program, so that all efforts share one.

    Attributes:
        warm: plain, one cycle each.
        broyden: one cycle each, the first with the slow Jacobian.
        settle: plain, ``cycles`` cycles each as in all that follow, from the last warm state.
        newton: each with a Jacobian.
        anderson: of mixing.
        plain: of plain cycles.
        cycles: of a round.
    """

    warm: Count
    broyden: Count
    settle: Count
    newton: Count
    anderson: Count
    plain: Count
    cycles: Count

    def ends(self) -> tuple[Int[Array, ""], ...]:
        """First round after each of the six stages."""
        return tuple(jnp.cumsum(jnp.asarray(self[:6])))


class Found(NamedTuple):
    """Result of a search, per cell.

    Attributes:
        state: packed.
        residual: largest relative change of the slow pools over a cycle.
        rung: index into ``RUNGS``.
        cycles: evaluations of the map until convergence, Jacobians not counted.
        columns: evaluations spent on Jacobians until convergence. The certificate's, at the
            solution, comes on top: ``JACOBIAN_COST``.
        spectral_radius: of the map's Jacobian.
    """

    state: Packed
    residual: Float[Array, "*cell"]
    rung: Int[Array, "*cell"]
    cycles: Int[Array, "*cell"]
    columns: Int[Array, "*cell"]
    spectral_radius: Float[Array, "*cell"]


class _Search(NamedTuple):
    point: Packed
    after: Packed
    warm: Packed
    inverse: Float[Array, "*cell s s"]
    jacobian: Float[Array, "*cell s s"]
    residual: Float[Array, "*cell"]
    starts: Float[Array, "mixed state *cell"]
    ends: Float[Array, "mixed state *cell"]
    rung: Int[Array, "*cell"]
    cycles: Int[Array, "*cell"]
    columns: Int[Array, "*cell"]
    round: Int[Array, ""]
    done: Bool[Array, ""]


def _product(matrix: Float[Array, "*cell s s"], vector: Packed) -> Packed:
    """Matrix times vector per cell, rows leading in and out."""
    return jnp.moveaxis((matrix @ jnp.moveaxis(vector, 0, -1)[..., None])[..., 0], -1, 0)


def _guarded(candidate: Packed, plain: Packed, point: Packed) -> Packed:
    """Pools within a quarter and four times of what they are; a plain cycle where not finite."""
    pools = len(POOLS)
    usable = jnp.all(jnp.isfinite(candidate), axis=0)
    lowest = jnp.concatenate([0.25 * point[:pools], jnp.full_like(point[pools:], -jnp.inf)])
    highest = jnp.concatenate(
        [4.0 * jnp.maximum(point, plain)[:pools] + 1e-3, jnp.full_like(point[pools:], jnp.inf)]
    )
    return jnp.where(usable, jnp.clip(candidate, lowest, highest), plain)


def _secant(
    inverse: Float[Array, "*cell s s"], step: Packed, fall: Packed, size: Packed
) -> Float[Array, "*cell s s"]:
    """Broyden's update of an inverse, so that it maps the fall of the residual to the step.

    Broyden (1965), first method, Sherman–Morrison form, each row in units of its size. Where the
    update is nearly singular the inverse stays as it is.
    """
    rows = jnp.moveaxis(jnp.maximum(jnp.abs(size), 1e-3), 0, -1)
    scaled = inverse * rows[..., None, :] / rows[..., :, None]
    step, fall = (jnp.moveaxis(x, 0, -1) / rows for x in (step, fall))
    mapped = (scaled @ fall[..., None])[..., 0]
    row = (step[..., None, :] @ scaled)[..., 0, :]
    overlap = jnp.sum(step * mapped, axis=-1)
    sound = jnp.abs(overlap) > 0.1 * jnp.sum(step**2, axis=-1)
    change = (step - mapped) / jnp.where(sound, overlap, 1.0)[..., None]
    scaled = scaled + jnp.where(sound[..., None, None], change[..., None] * row[..., None, :], 0.0)
    return scaled * rows[..., :, None] / rows[..., None, :]


def _anderson(starts, ends, state: Packed) -> Packed:
    """Mix the last rounds so that their changes cancel best (Anderson 1965, type II), per cell."""
    scale = jnp.maximum(jnp.abs(state), 1e-6)
    change = jnp.moveaxis((ends - starts) / scale, (0, 1), (-1, -2))
    gram = jnp.swapaxes(change, -1, -2) @ change
    size = jnp.trace(gram, axis1=-2, axis2=-1)[..., None, None]
    ridge = 1e-10 * jnp.maximum(size, 1e-30) * jnp.eye(MIXED, dtype=state.dtype)
    weights = jnp.linalg.solve(gram + ridge, jnp.ones((*gram.shape[:-1], 1), state.dtype))[..., 0]
    weights = weights / jnp.sum(weights, axis=-1, keepdims=True)
    return jnp.sum(jnp.moveaxis(weights, -1, 0)[:, None] * ends, axis=0)


def _columns(cycle: CyclicMap, point: Packed, groups: Int[Array, ""]):
    """The Jacobian's columns of the first groups of rows, the others zero.

    A loop of traced length, so that the map is compiled with its tangents once for all uses.
    """
    size, shape = point.shape[0], point.shape[1:]
    units = jnp.eye(size, dtype=point.dtype)

    def column(row):
        tangent = jnp.broadcast_to(units[row].reshape((size,) + (1,) * len(shape)), point.shape)
        return jax.jvp(cycle, (point,), (tangent,))[1]

    def group(number, jacobian):
        rows = jnp.asarray(GROUPS)[number]
        return jacobian.at[..., rows].set(jnp.moveaxis(jax.vmap(column)(rows), (1, 0), (-2, -1)))

    return jax.lax.fori_loop(0, groups, group, jnp.zeros((*shape, size, size), point.dtype))


def _search(
    cycle: CyclicMap, start: Packed, left_out: Bool[Array, "*cell"], effort: Effort
) -> _Search:
    """Rounds of cycles, each begun with what the rung of the ladder proposes.

    A proposal is the last point plus ``inverse`` times its change over a cycle; with the unit
    matrix that is a plain cycle. The last round evaluates the Jacobian at the solution.
    """
    shape, dtype, size = start.shape[1:], start.dtype, start.shape[0]
    limit = tolerance(dtype)
    warm, broyden, settle, newton, anderson, plain = effort.ends()
    unit = jnp.broadcast_to(jnp.eye(size, dtype=dtype), (*shape, size, size))

    def step(search: _Search) -> _Search:
        number = search.round
        active = search.residual > limit
        change = search.after - search.point
        in_broyden = (number >= warm) & (number < broyden)
        in_newton = (number >= settle) & (number < newton)
        in_anderson = (number >= newton + MIXED) & (number < anderson)
        proposal = jnp.where(
            in_anderson,
            _anderson(search.starts, search.ends, search.after),
            search.point + _product(search.inverse, change),
        )
        begun = _guarded(proposal, search.after, search.point)
        # a rung begins where the first began, not where the one before got lost
        lost = search.after[VEGETATION] < LEAST_VEGETATION
        again = (number == broyden) | (((number == newton) | (number == anderson)) & lost)
        begun = jnp.where(again, search.warm, begun)
        begun = jnp.where(active, jnp.where(number == 0, start, begun), search.point)
        cycles = jnp.where(number < broyden, 1, effort.cycles)
        # one loop, so that the map is compiled once for all rungs
        point, after = jax.lax.fori_loop(
            0, cycles, lambda _, pair: (pair[1], cycle(pair[1])), (begun, begun)
        )
        point = jnp.where(active, point, search.point)
        after = jnp.where(active, after, search.after)

        # A broken cell must not stop the others: it counts as unconverged, not as NaN.
        measured = residual(point, after)
        measured = jnp.where(jnp.isfinite(measured), measured, jnp.inf)
        # Bare ground is a fixed point beside the living one: only plain years may end there.
        jumped = in_broyden | in_newton | in_anderson
        bare = after[VEGETATION] < LEAST_VEGETATION
        measured = jnp.where(jumped & bare, jnp.inf, measured)
        measured = jnp.where(active, measured, search.residual)
        done = jnp.all(measured <= limit) | (number + 1 >= plain)
        fresh = (number >= settle - 1) & (number < newton - 1)
        slow = in_broyden & (number == warm)
        groups = jnp.where(done | fresh, len(GROUPS), jnp.where(slow, 1, 0))
        jacobian = _columns(cycle, point, groups)
        inverse = jax.lax.switch(
            jnp.where(groups > 0, 2, jnp.where(in_broyden, 1, 0)),
            (
                lambda: unit,
                lambda: _secant(
                    search.inverse, point - search.point, change - (after - point), after
                ),
                lambda: jnp.linalg.inv(unit - jacobian),
            ),
        )
        sound = jnp.all(jnp.isfinite(inverse), axis=(-2, -1), keepdims=True)
        rung = jnp.where(in_broyden, BROYDEN, jnp.where(in_newton, NEWTON, YEARS))
        rung = jnp.where(in_anderson, ANDERSON, rung)
        spent = search.cycles + jnp.where(active, cycles, 0)
        columns = jnp.where(active & ~done, groups * (GROUP + 1), 0)
        return _Search(
            point=point,
            after=after,
            warm=jnp.where(number < warm, after, search.warm),
            inverse=jnp.where(sound, inverse, unit),
            jacobian=jacobian,
            residual=measured,
            starts=jnp.concatenate([search.starts[1:], begun[None]]),
            ends=jnp.concatenate([search.ends[1:], after[None]]),
            rung=jnp.where(active & (measured <= limit), rung, search.rung),
            cycles=spent,
            columns=search.columns + columns,
            round=number + 1,
            done=done,
        )

    zero = jnp.zeros(shape, int)
    history = jnp.broadcast_to(start, (MIXED, *start.shape))
    return jax.lax.while_loop(
        lambda search: ~search.done,
        step,
        _Search(
            point=start,
            after=start,
            warm=start,
            inverse=unit,
            jacobian=jnp.zeros_like(unit),
            residual=jnp.where(left_out, 0.0, jnp.inf).astype(dtype),
            starts=history,
            ends=history,
            rung=jnp.full(shape, NONE, int),
            cycles=zero,
            columns=zero,
            round=jnp.asarray(0),
            done=jnp.asarray(False),
        ),
    )


@jax.custom_jvp
def fixed_point(
    cycle: CyclicMap, start: Packed, left_out: Bool[Array, "*cell"], effort: Effort
) -> Found:
    """Search for x = F(x) from ``start``.

    The derivative is (I − J)⁻¹ ∂F/∂θ at the solution, in forward and reverse mode and to any order;
    none passes through the search. Cells that did not converge, or whose fixed point is not
    isolated, have no such derivative and get zero; the certificate names them.

    Args:
        cycle: the map F.
        start: packed state.
        left_out: cells not to search in (they keep their start).
        effort: of the search.
    """
    found = _search(cycle, start, left_out, effort)
    radius = spectral_radius(found.jacobian, found.after)
    return Found(found.after, found.residual, found.rung, found.cycles, found.columns, radius)


@fixed_point.defjvp
def _fixed_point_jvp(primals, tangents):
    cycle = primals[0]
    found = fixed_point(*primals)
    state = found.state
    _, slopes = value_and_jacobian(cycle, state)
    _, forced = jax.jvp(lambda cycle: cycle(state), (cycle,), (tangents[0],))
    isolated = (found.rung < NONE) & (found.spectral_radius < NOT_ISOLATED)
    slopes = jnp.where(isolated[..., None, None], slopes, 0.0)
    identity = jnp.eye(slopes.shape[-1], dtype=slopes.dtype)
    change = jnp.where(isolated, solve_cells(identity - slopes, forced), 0.0)

    def none(value):
        if jnp.issubdtype(value.dtype, jnp.floating):
            return jnp.zeros_like(value)
        return np.zeros(value.shape, jax.dtypes.float0)

    return found, Found(change, *(none(value) for value in found[1:]))

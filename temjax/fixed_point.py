"""The fixed point of the annual map, cell by cell, with its exact derivative.

Ladder: some plain years, Newton with a forward-mode Jacobian and plain years between its steps
(they let the yearly memory settle), Anderson acceleration for cells Newton leaves, plain years.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from temjax.annual_map import CyclicMap, Packed, residual, spectral_radius
from temjax.heat_equilibrium import tolerance
from temjax.numerics import solve_cells, value_and_jacobian
from temjax.state import POOLS

MIXED = 5  # iterates that Anderson acceleration mixes
# I − J is singular to working precision from here on: no isolated fixed point, no derivative
NOT_ISOLATED = 1.0 - 1e-7


class Effort(NamedTuple):
    """How long to search, in rounds, and the cycles of a round (static)."""

    warm: int
    newton: int
    anderson: int
    plain: int
    cycles: int

    @property
    def last(self) -> int:
        """Number of the last round."""
        return self.warm + self.newton + self.anderson + self.plain


class Found(NamedTuple):
    """Result of a search, per cell.

    Attributes:
        state: packed.
        residual: largest relative change of the slow pools over a cycle.
        rung: 0 Newton, 1 Anderson, 2 plain years, 3 none of them.
        cycles: evaluations of the map until convergence, Jacobians not counted.
        jacobians: Jacobians until convergence, one tangent per state variable each.
        spectral_radius: of the map's Jacobian.
    """

    state: Packed
    residual: Float[Array, "*cell"]
    rung: Int[Array, "*cell"]
    cycles: Int[Array, "*cell"]
    jacobians: Int[Array, "*cell"]
    spectral_radius: Float[Array, "*cell"]


class _Search(NamedTuple):
    state: Packed
    after: Packed
    jacobian: Float[Array, "*cell s s"]
    residual: Float[Array, "*cell"]
    starts: Float[Array, "mixed state *cell"]
    ends: Float[Array, "mixed state *cell"]
    rung: Int[Array, "*cell"]
    cycles: Int[Array, "*cell"]
    jacobians: Int[Array, "*cell"]
    round: Int[Array, ""]
    done: Bool[Array, ""]


def _newton(jacobian: Float[Array, "*cell s s"], change: Packed) -> Packed:
    """(I − J)⁻¹ r per cell."""
    return solve_cells(jnp.eye(jacobian.shape[-1], dtype=jacobian.dtype) - jacobian, change)


def _positive(candidate: Packed, state: Packed) -> Packed:
    """No pool below a quarter of what it is: the map needs positive pools."""
    pools = len(POOLS)
    lowest = jnp.concatenate([0.25 * state[:pools], jnp.full_like(state[pools:], -jnp.inf)])
    usable = jnp.all(jnp.isfinite(candidate), axis=0)
    return jnp.where(usable, jnp.maximum(candidate, lowest), state)


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


def _settle(cycle: CyclicMap, packed: Packed, cycles: int) -> tuple[Packed, Packed]:
    """State before and after the last of some plain cycles."""

    def one(carry, _):
        _, now = carry
        return (now, cycle(now)), None

    return jax.lax.scan(one, (packed, packed), None, length=cycles)[0]


def _search(
    cycle: CyclicMap, start: Packed, left_out: Bool[Array, "*cell"], effort: Effort
) -> _Search:
    """Rounds of plain cycles, each begun with what the rung of the ladder proposes.

    One loop holds all rungs, so that the map is compiled once plainly and once with its Jacobian.
    The last round evaluates the Jacobian at the solution.
    """
    shape, dtype = start.shape[1:], start.dtype
    size = start.shape[0]
    limit = tolerance(dtype)
    first_mixed = effort.warm + effort.newton

    def step(search: _Search) -> _Search:
        number = search.round
        active = search.residual > limit
        newton = search.state + _newton(search.jacobian, search.after - search.state)
        mixed = _anderson(search.starts, search.ends, search.state)
        in_newton = (number > effort.warm) & (number <= first_mixed)
        in_anderson = (number > first_mixed + MIXED) & (number <= first_mixed + effort.anderson)
        proposal = jnp.where(in_newton, newton, jnp.where(in_anderson, mixed, search.state))
        begun = jnp.where(active, _positive(proposal, search.state), search.state)
        before, after = _settle(cycle, begun, effort.cycles)
        state = jnp.where(active, after, search.state)
        plain_residual = residual(before, after)
        last = number >= effort.last
        wanted = (
            ((number >= effort.warm) & (number < first_mixed))
            | jnp.all(~active | (plain_residual <= limit))
            | last
        )
        following, slopes = jax.lax.cond(
            wanted,
            lambda x: value_and_jacobian(cycle, x),
            lambda x: (x, jnp.zeros((*shape, size, size), dtype)),
            state,
        )
        measured = jnp.where(wanted, residual(state, following), plain_residual)
        # A broken cell must not stop the others: it counts as unconverged, not as NaN.
        measured = jnp.where(jnp.isfinite(measured), measured, jnp.inf)
        measured = jnp.where(active, measured, search.residual)
        solved = active & (measured <= limit)
        rung = jnp.where(number <= first_mixed, 0, jnp.where(in_anderson, 1, 2))
        return _Search(
            state=state,
            after=following,
            jacobian=slopes,
            residual=measured,
            starts=jnp.concatenate([search.starts[1:], begun[None]]),
            ends=jnp.concatenate([search.ends[1:], state[None]]),
            rung=jnp.where(solved, rung, search.rung),
            cycles=search.cycles + jnp.where(active, effort.cycles, 0),
            jacobians=search.jacobians + jnp.where(active & wanted, 1, 0),
            round=number + 1,
            done=wanted & (jnp.all(measured <= limit) | last),
        )

    zero = jnp.zeros(shape, int)
    history = jnp.broadcast_to(start, (MIXED, *start.shape))
    return jax.lax.while_loop(
        lambda search: ~search.done,
        step,
        _Search(
            state=start,
            after=start,
            jacobian=jnp.zeros((*shape, size, size), dtype),
            residual=jnp.where(left_out, 0.0, jnp.inf).astype(dtype),
            starts=history,
            ends=history,
            rung=jnp.full(shape, 3),
            cycles=zero,
            jacobians=zero,
            round=jnp.asarray(0),
            done=jnp.asarray(False),
        ),
    )


@partial(jax.custom_jvp, nondiff_argnums=(3,))
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
        effort: of the search (static).
    """
    found = _search(cycle, start, left_out, effort)
    radius = spectral_radius(found.jacobian, found.state)
    return Found(found.state, found.residual, found.rung, found.cycles, found.jacobians, radius)


@fixed_point.defjvp
def _fixed_point_jvp(effort, primals, tangents):
    cycle, start, left_out = primals
    found = fixed_point(cycle, start, left_out, effort)
    state = found.state
    _, slopes = value_and_jacobian(cycle, state)
    _, forced = jax.jvp(lambda cycle: cycle(state), (cycle,), (tangents[0],))
    isolated = (found.rung < 3) & (found.spectral_radius < NOT_ISOLATED)
    slopes = jnp.where(isolated[..., None, None], slopes, 0.0)
    change = jnp.where(isolated, _newton(slopes, forced), 0.0)

    def none(value):
        if jnp.issubdtype(value.dtype, jnp.floating):
            return jnp.zeros_like(value)
        return np.zeros(value.shape, jax.dtypes.float0)

    return found, Found(change, *(none(value) for value in found[1:]))

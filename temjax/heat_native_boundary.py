"""The boundary of two soil layers in a kernel: what a front takes only where there is one."""

from collections.abc import Callable

import llvmlite.ir as ir

from temjax.processes.soil_heat import LayerState, with_front
from temjax.vector_code import Tree, Writer


def at_boundary(
    write: Writer,
    upper: LayerState,
    lower: LayerState,
    melting: Callable,
    single_phase: Callable,
    *rest: ir.Value,
) -> Tree:
    """What a function of two neighbouring layers returns.

    In most places none of a vector's cells melts, and most of a boundary's arithmetic is that of a
    front which is not there.

    Args:
        write: the writer.
        upper, lower: the layers, without their fronts.
        melting: the function of layers with fronts, and of ``rest``.
        single_phase: the same where neither layer melts, of the layers alone.
        rest: other arguments.
    """

    def melts(upper, lower):
        return (upper.fraction_slope > 0.0) | (lower.fraction_slope > 0.0)

    def with_fronts(upper, lower, *rest):
        return melting(with_front(upper), with_front(lower), *rest)

    return write.choose(
        write.any(write.call(melts, upper, lower)),
        lambda: write.call(with_fronts, upper, lower, *rest),
        lambda: write.call(single_phase, upper, lower),
    )

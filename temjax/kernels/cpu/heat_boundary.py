"""Flux between two soil layers in a kernel: a front's arithmetic only where a cell melts."""

import llvmlite.ir as ir

from temjax.heat.linearisation import Boundary, flux_between, single_phase_flux
from temjax.native.lowering import VectorWriter
from temjax.processes.soil_heat import LayerState, with_front


def _melts(upper: LayerState, lower: LayerState):
    return (upper.fraction_slope > 0.0) | (lower.fraction_slope > 0.0)


def _with_fronts(upper: LayerState, lower: LayerState, exact) -> Boundary:
    return flux_between(with_front(upper), with_front(lower), exact)


def flux_across(
    write: VectorWriter, upper: LayerState, lower: LayerState, exact: ir.Value
) -> Boundary:
    """Linearised flux between two layers whose states come without their fronts.

    At most boundaries none of a vector's cells melts, and most of a boundary's arithmetic is that
    of a front.
    """
    return write.cond(
        write.any(write.lower(_melts, upper, lower)),
        lambda: write.lower(_with_fronts, upper, lower, exact),
        lambda: write.lower(single_phase_flux, upper, lower),
    )

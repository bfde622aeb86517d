"""Monthly soil temperatures as a kernel for CPUs: a vector of cells at a time."""

from functools import partial

import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.native.call import call_kernel, register_kernel
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import for_each_vector, index
from temjax.processes.soil_profile import DepthShares, Profile, step_down

SIZES = [(0, 0), (0, 2)]  # months, cells


def _added(before, more):
    return before + more


def _more(before, share, centre):
    return before + share * centre


def _kernel(depths: int, layers: int, dtype: str, function: ir.Function) -> None:
    write = VectorWriter(function, dtype)
    builder = write.builder
    upper, lower, in_top, top, centre, at_depths, of_top, months, cells = function.args

    def vector(first: ir.Value) -> None:
        def load(address, *rows):
            """A vector of an array, from its row and how many rows each is made of."""
            row = index(0)
            for number, count in rows:
                row = builder.add(builder.mul(row, index(count)), number)
            return write.load(address, builder.add(builder.mul(row, cells), first))

        def month(number, _):
            def within(layer, above, bottom, carry):
                found, mean = carry
                middle = load(centre, (number, 1), (layer, layers))
                bottom = middle if bottom is None else bottom
                for depth in range(depths):
                    halves = (
                        load(half, (index(depth), 1), (layer, layers)) for half in (upper, lower)
                    )
                    step = write.lower(step_down, *halves, above, middle, bottom)
                    found[depth] = write.lower(_added, found[depth], step)
                mean = write.lower(_more, mean, load(in_top, (layer, 1)), middle)
                return found, mean

            def down(layer, carry):
                above, found, mean = carry
                below = load(top, (number, 1), (builder.add(layer, index(1)), layers))
                found, mean = within(layer, above, below, (list(found), mean))
                return below, found, mean

            surface = load(top, (number, 1), (index(0), layers))
            start = surface, [surface] * depths, write.zero
            above, found, mean = write.fori_loop(index(layers - 1), start, down)
            found, mean = within(index(layers - 1), above, None, (list(found), mean))
            for depth, value in enumerate(found):
                row = builder.add(builder.mul(number, index(depths)), index(depth))
                write.store(value, at_depths, builder.add(builder.mul(row, cells), first))
            write.store(mean, of_top, builder.add(builder.mul(number, cells), first))
            return ()

        write.fori_loop(months, (), month)

    for_each_vector(write, cells, vector)
    builder.ret_void()


def monthly_temperatures(
    shares: DepthShares, in_top: Float[Array, "layer cell"], mean: Profile
) -> tuple[Float[Array, "month depth cell"], Float[Array, "month cell"]]:
    """Temperature at the depths of the shares and mean temperature of the top soil, °C."""
    (depths, layers, _), dtype = shares.upper_half.shape, in_top.dtype.name
    months = mean.top.shape[0]
    target = register_kernel(
        f"soil_report_{dtype}_{depths}_{layers}",
        partial(_kernel, depths, layers, dtype),
        5,
        2,
        SIZES,
    )
    celled = shares.upper_half, shares.lower_half, in_top, mean.top, mean.centre
    return tuple(call_kernel(target, celled, [(months, depths), (months,)]))

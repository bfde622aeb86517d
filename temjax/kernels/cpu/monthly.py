"""Monthly soil temperatures as a kernel for CPUs: a vector of cells at a time."""

from functools import partial

import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.native.call import call_kernel, register_kernel
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import for_each_vector, index
from temjax.processes.soil_profile import DepthShares, Profile, layer_change

SIZES = [(0, 0), (0, 2)]  # months, cells


def _add_change(temperature, *layer):
    return temperature + layer_change(*layer)


def _add_share(mean, share, centre):
    return mean + share * centre


def _kernel(depths: int, layers: int, dtype: str, function: ir.Function) -> None:
    """Write the kernel for so many depths and layers."""
    write = VectorWriter(function, dtype)
    builder = write.builder
    upper_half, lower_half, in_top, top, centre, at_depths, of_top, months, cells = function.args

    def offset(first, row, layer, rows=layers):
        """Where a vector is in an array ``(row, layer, cell)``."""
        number = builder.add(builder.mul(row, index(rows)), layer)
        return builder.add(builder.mul(number, cells), first)

    def vector(first: ir.Value) -> None:
        def load(address, row, layer):
            return write.load(address, offset(first, row, layer))

        def month(month, _):
            def add_layer(layer, above, bottom, temperatures, mean):
                """Temperatures and mean down to the bottom of a layer; the lowest is uniform."""
                middle = load(centre, month, layer)
                bottom = middle if bottom is None else bottom
                temperatures = [
                    write.lower(
                        _add_change,
                        temperature,
                        load(upper_half, index(depth), layer),
                        load(lower_half, index(depth), layer),
                        above,
                        middle,
                        bottom,
                    )
                    for depth, temperature in enumerate(temperatures)
                ]
                share = load(in_top, index(0), layer)
                return temperatures, write.lower(_add_share, mean, share, middle)

            def next_layer(layer, carry):
                above, temperatures, mean = carry
                bottom = load(top, month, builder.add(layer, index(1)))
                return bottom, *add_layer(layer, above, bottom, temperatures, mean)

            last, surface = index(layers - 1), load(top, month, index(0))
            start = surface, [surface] * depths, write.zero
            bottom, temperatures, mean = write.fori_loop(last, start, next_layer)
            temperatures, mean = add_layer(last, bottom, None, temperatures, mean)
            for depth, temperature in enumerate(temperatures):
                write.store(temperature, at_depths, offset(first, month, index(depth), depths))
            write.store(mean, of_top, offset(first, month, index(0), 1))
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
        f"monthly_temperatures_{dtype}_{depths}_{layers}",
        partial(_kernel, depths, layers, dtype),
        5,
        2,
        SIZES,
    )
    arrays = shares.upper_half, shares.lower_half, in_top, mean.top, mean.centre
    return tuple(call_kernel(target, arrays, [(months, depths), (months,)]))

"""CPU kernel of multiplications and additions only: the peak rate of the machine."""

import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.native.call import call_kernel, register_kernel
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import for_each_vector, index

CHAINS, REPEATS = 8, 4096  # independent of each other, so that none waits
OPERATIONS = 2 * CHAINS * REPEATS  # per number


def _kernel(dtype: str, function: ir.Function) -> None:
    write = VectorWriter(function, dtype)
    given, result, cells = function.args

    def vector(first):
        start = write.load(given, first)
        chains = [write.lower(lambda x, n=n: x + 0.1 * n, start) for n in range(CHAINS)]

        def again(_, chains):
            return [write.lower(lambda x: x * 0.999 + 0.001, chain) for chain in chains]

        ends = write.fori_loop(index(REPEATS), chains, again)
        write.store(write.lower(lambda ends: sum(ends), ends), result, first)

    for_each_vector(write, cells, vector)
    write.builder.ret_void()


def multiply_add(x: Float[Array, "number"]) -> Float[Array, "number"]:
    """``OPERATIONS`` products and sums for every number."""
    dtype = x.dtype.name
    target = register_kernel(
        f"multiply_add_{dtype}", lambda function: _kernel(dtype, function), 1, 1, [(0, 0)]
    )
    return call_kernel(target, [x], [()])[0]

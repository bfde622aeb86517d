"""Materialisation of shared intermediate values in programs that XLA compiles for CPUs.

XLA fuses cheap arithmetic into every consumer: a value that eight fluxes need is computed eight
times, and what it is made of as often again. A stage of the month's equations then does three times
the arithmetic it is written with. Optimisation barriers do not help: XLA:CPU removes them before it
fuses. A quotient is expensive to XLA and is computed once, so a shared value is divided by one: by
an array of ones that XLA cannot know to be ones (of a scalar it would take the inverse, and
multiply). No bit changes.

Where the month runs as a kernel this is not used. Where it runs as arrays, CPU time of a month with
48 sub-steps, with and without (float64, one core): 1 000 cells without kernels 6.8 and 12.4 ms, its
gradient 26 and 50 ms; a single cell, which no kernel takes, 0.62 and 0.72 ms, its gradient 1.37 and
1.64 ms. Tracing takes 0.1 to 0.3 s longer, compilation as long.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal
from jaxtyping import Array

from temjax.runtime.machine import computes_on_cpus

# Operations that a repetition must save before a value is worth a quotient
LEAST_WORK = 24
# XLA computes these once as it is
EXPENSIVE = {"div", "exp", "exp2", "log", "log1p", "pow", "sqrt", "rsqrt", "tanh", "logistic"}


def opaque_ones(data: Array) -> Array:
    """Ones that the compiler cannot know to be ones: they are NaN where the data are."""
    return jnp.where(jnp.isnan(data), jnp.nan, 1.0).astype(data.dtype)


def materialise_shared(function: Callable, ones: Array) -> Callable:
    """The same function, its shared intermediate values computed once on CPUs.

    Args:
        function: of arrays; pytrees in and out.
        ones: from ``opaque_ones``; values of their shape are materialised.
    """
    if not computes_on_cpus():
        return function

    def called(*arguments: Any) -> Any:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        values = _evaluate(closed.jaxpr, closed.consts, jax.tree.leaves(arguments), ones)
        return jax.tree.unflatten(jax.tree.structure(shape), values)

    return called


def _inputs(eqn) -> set:
    """The variables an operation takes."""
    return {variable for variable in eqn.invars if not isinstance(variable, Literal)}


def _uses(jaxpr) -> Counter:
    """How many operations take a value."""
    taken = [_inputs(eqn) for eqn in jaxpr.eqns]
    results = [v for v in jaxpr.outvars if not isinstance(v, Literal)]
    return Counter([v for each in taken for v in each] + results)


def _work(eqn) -> int:
    """Operations of an equation; of a call, those inside."""
    inner = [getattr(value, "jaxpr", value) for value in eqn.params.values()]
    return max([1, *(len(part.eqns) for part in inner if hasattr(part, "eqns"))])


def _alike(value: Array, ones: Array) -> bool:
    return value.shape == ones.shape and value.dtype == ones.dtype


def _evaluate(jaxpr, constants, arguments, ones: Array) -> list[Array]:
    uses, values, work = _uses(jaxpr), {}, Counter()
    values.update(zip(jaxpr.constvars, constants, strict=True))
    values.update(zip(jaxpr.invars, arguments, strict=True))

    def read(variable):
        return variable.val if isinstance(variable, Literal) else values[variable]

    for eqn in jaxpr.eqns:
        bound = eqn.primitive.get_bind_params(eqn.params)
        functions, params = bound if isinstance(bound, tuple) else ((), bound)
        operands = [read(variable) for variable in eqn.invars]
        results = eqn.primitive.bind(*functions, *operands, **params)
        results = results if eqn.primitive.multiple_results else [results]
        below = _work(eqn) + sum(work[variable] for variable in _inputs(eqn))
        for variable, value in zip(eqn.outvars, results, strict=True):
            again = uses[variable] - 1
            if eqn.primitive.name in EXPENSIVE:
                below = 0 if again else below
            elif again * below > LEAST_WORK and _alike(value, ones):
                value, below = value / ones, 0
            values[variable], work[variable] = value, below
    return [read(variable) for variable in jaxpr.outvars]

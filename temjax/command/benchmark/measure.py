"""Time and memory of a case, and a lower bound from its operations at this machine's peak."""

import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from temjax.command.benchmark.cases import Case
from temjax.heat.batch import HEAT_STEPS
from temjax.native.availability import disabled, enabled
from temjax.runtime.machine import peak_bytes

# Newton iterations of a heat step, known only at run time: at least four on average
LEAST_NEWTON = 4
TRANSCENDENTAL = {
    "exp", "exp2", "expm1", "log", "log1p", "pow", "tanh", "logistic", "sin", "cos", "tan",
    "asin", "acos", "atan", "atan2", "erf", "cbrt",
}  # fmt: skip
DATA_MOVEMENT = {  # no arithmetic
    "broadcast_in_dim", "concatenate", "convert_element_type", "copy", "copy_p", "dynamic_slice",
    "dynamic_update_slice", "gather", "iota", "pad", "reshape", "rev", "scatter", "slice",
    "split", "squeeze", "stop_gradient", "transpose",
}  # fmt: skip
REDUCTIONS = {
    "reduce_sum",
    "reduce_max",
    "reduce_min",
    "reduce_and",
    "reduce_or",
    "cumsum",
    "argmax",
}


@dataclass(frozen=True)
class Work:
    """Number of operations of a program: arithmetic and transcendental."""

    arithmetic: float = 0.0
    transcendental: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.arithmetic + other.arithmetic, self.transcendental + other.transcendental)

    def times(self, factor: float) -> "Work":
        """Operations of repetitions."""
        return Work(factor * self.arithmetic, factor * self.transcendental)


@dataclass(frozen=True)
class PeakRates:
    """Peak rates of this machine in vectorised loops, per CPU-second or device-second."""

    arithmetic: float
    transcendental: float
    bytes: float


@dataclass(frozen=True)
class Measurement:
    """Time and memory of a case.

    Attributes:
        compile_seconds: trace and compilation without cache, wall time.
        seconds: median of the repeats, wall time.
        cpu_seconds: median of the repeats, of all threads.
        cell_years: of a call.
        memory_bytes: arguments, results and temporaries; None where the case is not one program.
        peak_bytes: peak of the device, or of the process.
        work: number of operations; None where the case is not one program.
        moved_bytes: arguments read once and results written once.
    """

    compile_seconds: float
    seconds: float
    cpu_seconds: float
    cell_years: float
    memory_bytes: int | None
    peak_bytes: int
    work: Work | None
    moved_bytes: int | None


def measure(case: Case, repeats: int) -> Measurement:
    """Compile a case, run it once to warm up, then ``repeats`` times."""
    started = time.perf_counter()
    work = memory = moved = None
    if case.traceable:
        work = _count_case(case)
        started = time.perf_counter()
        program = jax.jit(case.function).lower(*case.arguments).compile()
        compile_seconds = time.perf_counter() - started
        sizes = program.memory_analysis()
        moved = sizes.argument_size_in_bytes + sizes.output_size_in_bytes
        memory = moved + sizes.temp_size_in_bytes
        result = jax.block_until_ready(program(*case.arguments))
    else:
        program = case.function
        result = jax.block_until_ready(program(*case.arguments))
        compile_seconds = time.perf_counter() - started
    cell_years = case.cell_years(result) if callable(case.cell_years) else case.cell_years
    del result  # so that only one is in memory at a time
    seconds, cpu_seconds = _timed(lambda: program(*case.arguments), repeats)
    if not case.traceable:
        compile_seconds = max(compile_seconds - seconds, 0.0)
    return Measurement(
        compile_seconds, seconds, cpu_seconds, cell_years, memory, _peak(), work, moved
    )


def _count_case(case: Case) -> Work:
    """Operations of a case; of kernels, those of the programs they replace."""
    jax.clear_caches()
    with disabled():
        work = count(jax.make_jaxpr(case.function)(*case.arguments).jaxpr)
    jax.clear_caches()
    return work


def _timed(call: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Medians of wall and CPU time."""
    wall, cpu = [], []
    for _ in range(repeats):
        started, started_cpu = time.perf_counter(), time.process_time()
        jax.block_until_ready(call())
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - started_cpu)
    return statistics.median(wall), statistics.median(cpu)


def device_used() -> jax.Device:
    """Device of the computations."""
    (device,) = jnp.zeros(()).devices()
    return device


def _peak() -> int:
    peak = (device_used().memory_stats() or {}).get("peak_bytes_in_use")
    return peak or peak_bytes()


def count(jaxpr) -> Work:
    """Count the operations of a traced program, loops by their length.

    The cost analysis of a compiled program counts the body of a loop once, and this model is all
    loops. A ``while`` is assumed to run ``LEAST_NEWTON`` times, that over the heat steps of a year
    as often for each of them; a ``cond`` counts as its most expensive branch.
    """
    total = Work()
    for equation in jaxpr.eqns:
        name, params = equation.primitive.name, equation.params
        inner = [count(part) for part in _subprograms(params)]
        if name == "scan":
            total += inner[0].times(params["length"])
        elif name == "while":
            named = re.search(HEAT_STEPS.format(r"(\d+)"), str(equation.source_info.name_stack))
            steps = int(named[1]) if named else 1
            for part in inner:
                total += part.times(steps * LEAST_NEWTON)
        elif name == "cond":
            total += max(inner, key=lambda work: work.arithmetic)
        elif inner:
            total += inner[0]  # a call; its derivative rules are not run
        else:
            total += _count_equation(equation)
    return total


def _subprograms(params: dict) -> list:
    """Programs in an operation's parameters, in order of declaration."""
    programs = []
    for value in params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            program = getattr(part, "jaxpr", part)
            if hasattr(program, "eqns"):
                programs.append(program)
    return programs


def _count_equation(equation) -> Work:
    """Operations of an equation without subprograms."""
    name = equation.primitive.name
    size = sum(getattr(out.aval, "size", 0) for out in equation.outvars)
    if name in DATA_MOVEMENT:
        return Work()
    if name in TRANSCENDENTAL:
        return Work(0.0, size)
    if name in REDUCTIONS:
        return Work(sum(getattr(operand.aval, "size", 0) for operand in equation.invars))
    if name == "dot_general":
        (left, _), _ = equation.params["dimension_numbers"]
        shape = equation.invars[0].aval.shape
        depth = 1
        for axis in left:
            depth *= shape[axis]
        return Work(2.0 * size * depth)
    return Work(size)


@lru_cache
def machine_rates(dtype: str) -> PeakRates:
    """Peak rates of loops compiled by JAX, or of a kernel, in a precision."""
    accelerator = device_used().platform != "cpu"
    size, steps = (1 << 22, 50) if accelerator else (4096, 20_000)
    chain = 32

    def loop(body):
        @jax.jit
        def run(x):
            return lax.fori_loop(0, steps, lambda _, x: body(x), x)

        return run

    def multiply_add(x):
        for _ in range(chain):
            x = x * 0.999 + 0.001
        return x

    x = jnp.full(size, 0.5, dtype)
    best = {}
    for name, body in (("arithmetic", multiply_add), ("exp", lambda x: jnp.exp(-x))):
        run = loop(body)
        jax.block_until_ready(run(x))
        best[name] = min(_timed(lambda run=run: run(x), 1)[accelerator ^ 1] for _ in range(3))
    large = jnp.zeros(1 << 25, "uint8")
    move = jax.jit(lambda x: x + 1)
    jax.block_until_ready(move(large))
    seconds = min(_timed(lambda: move(large), 1)[accelerator ^ 1] for _ in range(3))
    return PeakRates(
        arithmetic=max(2 * chain * size * steps / best["arithmetic"], _kernel_rate(dtype)),
        transcendental=size * steps / best["exp"],
        bytes=2 * large.size / seconds,
    )


def _kernel_rate(dtype: str) -> float:
    """Products and sums per CPU-second of a kernel that does nothing else; 0 without kernels."""
    if not enabled():
        return 0.0
    from temjax.command.benchmark.floor_kernel import OPERATIONS, multiply_add

    x = jnp.full(1 << 16, 0.5, dtype)
    run = jax.jit(multiply_add)
    jax.block_until_ready(run(x))
    return OPERATIONS * x.size / min(_timed(lambda: run(x), 1)[1] for _ in range(5))


def floor_seconds(work: Work, moved_bytes: float, rates: PeakRates) -> float:
    """Lower bound of the time: all operations, or one transfer of arguments and results."""
    computing = work.arithmetic / rates.arithmetic + work.transcendental / rates.transcendental
    return max(computing, moved_bytes / rates.bytes)

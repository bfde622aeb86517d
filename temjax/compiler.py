"""What XLA is told before it compiles anything."""

import os

FEW_CELLS = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=10000000"


def compile_for_few_cells() -> None:
    """Let CPUs run loops over a few cells as one compiled function.

    By default XLA starts each of the thousand operations of a time step by itself, which for a few
    cells takes longer than the arithmetic: a place runs some ten times faster as one function,
    eight starts of a fit with their Jacobian three times, a tile of fifty cells twice. Hundreds of
    cells gain little, and reverse mode can take very long to compile.

    Holds for this process and those it starts, from the first computation on: call it before. An
    ``XLA_FLAGS`` that sets extra options already is left as it is; GPUs do not read the option.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_backend_extra_options" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {FEW_CELLS}".strip()

"""What XLA is told before it compiles anything."""

import os

# Loops as one compiled function: 3 to 10 times faster for a few cells and for blocks of 128
FEW_CELLS = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=10000000"
# 7 to 20 % faster. (Not --xla_cpu_copy_insertion_use_region_analysis: faster, and with loops as one
# function XLA then leaves out copies that are needed; pools came out wrong by 1e-4.)
VECTORS = "--xla_cpu_prefer_vector_width=512"
# XLA ends a process that sets a flag it does not know: tried with JAX 0.5.0, 0.10.2 and 0.11.2
TRIED_BEFORE = (0, 12)


def compile_for_few_cells() -> None:
    """Let CPUs run loops over a few cells as one compiled function.

    By default XLA starts each of the thousand operations of a time step by itself, which for a few
    cells takes longer than the arithmetic: a place runs some ten times faster as one function, and
    so do the blocks in which ``simulate`` runs many cells. Reverse mode can take very long to
    compile.

    Holds for this process and those it starts, from the first computation on: call it before.
    What an ``XLA_FLAGS`` of yours sets already is left as it is; GPUs do not read the flags.
    """
    import jax

    flags = os.environ.get("XLA_FLAGS", "")
    wanted = [FEW_CELLS]
    if jax.__version_info__ < TRIED_BEFORE:
        wanted.append(VECTORS)
    new = [flag for flag in wanted if flag.split("=")[0] not in flags]
    os.environ["XLA_FLAGS"] = " ".join([flags, *new]).strip()

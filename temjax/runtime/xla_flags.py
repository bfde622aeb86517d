"""Compiler flags of XLA, set before the first compilation."""

import os

# Loops as one compiled function: 3 to 10 times faster for a few cells and for blocks of 128
SMALL_LOOPS = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=10000000"
# 7 to 20 % faster. (Not --xla_cpu_copy_insertion_use_region_analysis: faster, and with loops as one
# function XLA then leaves out copies that are needed; pools were wrong by 1e-4.)
WIDE_VECTORS = "--xla_cpu_prefer_vector_width=512"
# XLA aborts on unknown flags: tested with JAX 0.5.0, 0.10.2 and 0.11.2
UNTESTED_FROM = (0, 12)


def compile_for_few_cells() -> None:
    """Compile loops over a few cells to one function each on CPUs.

    By default XLA dispatches each of the thousand operations of a time step, which for a few cells
    takes longer than the arithmetic: a site runs some ten times faster as one function, and so do
    the blocks in which ``simulate`` runs many cells. Reverse mode can take very long to compile.

    Call it before the first computation; it holds for this process and its children. Flags already
    in ``XLA_FLAGS`` are kept; GPUs do not read them.
    """
    import jax

    flags = os.environ.get("XLA_FLAGS", "")
    wanted = [SMALL_LOOPS]
    if jax.__version_info__ < UNTESTED_FROM:
        wanted.append(WIDE_VECTORS)
    new = [flag for flag in wanted if flag.split("=")[0] not in flags]
    os.environ["XLA_FLAGS"] = " ".join([flags, *new]).strip()

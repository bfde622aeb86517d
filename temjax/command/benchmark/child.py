"""Measurements that need a process of their own: compiler flags, and a start from nothing."""

import os
import shlex
import subprocess
import sys
import tempfile
import time

from temjax.runtime.xla_flags import FEW_CELLS, VECTORS

# Forward runs only: they ruin the compile time of reverse mode (numerics.md)
TUNED_FLAGS = (FEW_CELLS, VECTORS)
# Threads of XLA's own: with a second one the kernels of a batch take a sixth more CPU time, and no
# less time
ONE_THREAD = {"NPROC": "1"}
COMMAND = (sys.executable, "-c", "from temjax.command.main import main; main()")


def _environment(**changes: str) -> dict[str, str]:
    return os.environ | changes


def known_flags(flags: tuple[str, ...] = TUNED_FLAGS) -> tuple[str, ...]:
    """Those of the flags that this XLA knows; an unknown one aborts the process that sets it."""
    code = "import jax; jax.jit(lambda x: x + 1)(1.0)"
    known = []
    for flag in flags:
        given = _environment(XLA_FLAGS=flag, JAX_PLATFORMS="cpu")
        tried = subprocess.run((sys.executable, "-c", code), env=given, capture_output=True)
        if tried.returncode == 0:
            known.append(flag)
    return tuple(known)


def tuned_settings() -> dict[str, str]:
    """Environment variables for forward runs: the flags this XLA knows, and one thread."""
    return {"XLA_FLAGS": " ".join(known_flags())} | ONE_THREAD


def as_text(settings: dict[str, str]) -> str:
    """Environment variables as a shell takes them."""
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())


def run_with(settings: dict[str, str], arguments: list[str]) -> str:
    """Standard output of ``temjax benchmark`` with environment variables beside those in force.

    Raises:
        RuntimeError: the process failed; the message ends with what it said.
    """
    flags = f"{os.environ.get('XLA_FLAGS', '')} {settings['XLA_FLAGS']}".strip()
    done = subprocess.run(
        (*COMMAND, "benchmark", *arguments),
        env=_environment(**(settings | {"XLA_FLAGS": flags})), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        failed = f"temjax benchmark with {as_text(settings)} failed"
        raise RuntimeError(f"{failed}: {done.stderr[-500:]}")
    return done.stdout


def first_results() -> dict[str, float]:
    """Seconds from starting Python to the first result of one year at one place.

    Cold: with an empty folder of compiled programs; warm: with the programs of the cold start.
    """
    code = (
        "import temjax; temjax.configure()\n"
        "from temjax.command.doctor import embedded_cell, one_year\n"
        "cell = embedded_cell(); one_year(cell, cell.parameters).finite.block_until_ready()\n"
    )
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold", "warm"):
            started = time.perf_counter()
            subprocess.run(
                (sys.executable, "-c", code), env=_environment(TEMJAX_CACHE=folder), check=True
            )
            seconds[name] = time.perf_counter() - started
    return seconds

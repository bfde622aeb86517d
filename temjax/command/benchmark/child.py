"""Measurements in a process of their own: compiler flags, and the time of a cold start."""

import os
import shlex
import subprocess
import sys
import tempfile
import time

from temjax.runtime.xla_flags import SMALL_LOOPS, WIDE_VECTORS

# For forward runs only: reverse mode takes very long to compile with them
TUNED_FLAGS = (SMALL_LOOPS, WIDE_VECTORS)
# Threads of XLA's own: with a second one the kernels of a batch take a sixth more CPU time, and no
# less time
ONE_THREAD = {"NPROC": "1"}
COMMAND = (sys.executable, "-c", "from temjax.command.main import main; main()")


def _environment(**changes: str) -> dict[str, str]:
    return os.environ | changes


def known_flags(flags: tuple[str, ...] = TUNED_FLAGS) -> tuple[str, ...]:
    """Subset of the flags that this XLA knows; unknown ones abort a process."""
    code = "import jax; jax.jit(lambda x: x + 1)(1.0)"
    known = []
    for flag in flags:
        environment = _environment(XLA_FLAGS=flag, JAX_PLATFORMS="cpu")
        result = subprocess.run((sys.executable, "-c", code), env=environment, capture_output=True)
        if result.returncode == 0:
            known.append(flag)
    return tuple(known)


def tuned_settings() -> dict[str, str]:
    """Environment variables of tuned forward runs: the flags this XLA knows, and one thread."""
    return {"XLA_FLAGS": " ".join(known_flags())} | ONE_THREAD


def as_text(settings: dict[str, str]) -> str:
    """Environment variables in shell syntax."""
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())


def run_with(settings: dict[str, str], arguments: list[str]) -> str:
    """Standard output of ``temjax benchmark`` with additional environment variables.

    Raises:
        RuntimeError: the process failed; the message ends with its error output.
    """
    flags = f"{os.environ.get('XLA_FLAGS', '')} {settings['XLA_FLAGS']}".strip()
    result = subprocess.run(
        (*COMMAND, "benchmark", *arguments),
        env=_environment(**(settings | {"XLA_FLAGS": flags})), capture_output=True, text=True,
    )  # fmt: skip
    if result.returncode:
        failed = f"temjax benchmark with {as_text(settings)} failed"
        raise RuntimeError(f"{failed}: {result.stderr[-500:]}")
    return result.stdout


def first_results() -> dict[str, float]:
    """Seconds from starting Python to the first result of one year at one site.

    Cold: with an empty cache; warm: with the programs of the cold start.
    """
    code = (
        "import temjax; temjax.configure()\n"
        "from temjax.command.doctor import embedded_site, one_year\n"
        "site = embedded_site(); one_year(site, site.parameters).finite.block_until_ready()\n"
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

"""Processes for the workers of a region, forked from one that has imported what they need.

To import JAX, xarray and the model takes two seconds of a core in every fresh interpreter. On
Linux a server process (``multiprocessing``'s ``forkserver``) does it once, beside this process's
own imports where it is begun early; it computes nothing, so it has no threads of XLA's that a fork
could leave half alive. Elsewhere every worker is a fresh interpreter.
"""

import multiprocessing
import signal
import sys
from multiprocessing.context import BaseContext
from pathlib import Path

from temjax.files.toml import TomlError, read_toml
from temjax.runtime.machine import usable_cores

# what workers run: tiles, files and figures of members, kernels
IMPORTED = (
    "temjax.regional.report.member", "temjax.kernels.cpu.heat_year", "temjax.kernels.cpu.months",
    "temjax.kernels.cpu.monthly", "netCDF4",
)  # fmt: skip


def worker_context() -> BaseContext:
    """The kind of process that workers are, its server begun where there is one."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver, resource_tracker

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    resource_tracker.ensure_running()  # which would unblock the signal
    # Ctrl-C reaches every process of the terminal; while it imports, the server would tell of it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def begin_early(
    experiment: Path | None = None,
    repeat: Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    **_: object,
) -> None:
    """With the options of ``temjax project``: begin the server where there will be workers.

    Nothing is refused here; that is for the command itself.
    """
    if scheduler is not None:
        return
    if workers is None:
        path = experiment or (repeat and repeat / "inputs" / "experiment.toml")
        workers = _asked_for(path) if path else 1
    if (workers or usable_cores()) > 1:
        worker_context()


def _asked_for(path: Path) -> int:
    """Workers that an experiment file asks for; 1 where it cannot be read."""
    try:
        run = read_toml(path).get("run")
    except TomlError:
        return 1
    workers = run.get("workers") if isinstance(run, dict) else None
    return workers if isinstance(workers, int) else 1

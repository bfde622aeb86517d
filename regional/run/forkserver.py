"""Fork server of the worker processes: workers start with their modules already imported.

To import JAX, xarray and the model takes two seconds of CPU in every new interpreter. On Linux a
server process (``multiprocessing``'s ``forkserver``) imports them once, concurrently with the
imports of this process if it is started early, and forks the workers. It computes nothing, so it
has no threads of XLA that a fork would copy in an undefined state. On other systems every worker is
a new interpreter.
"""

import multiprocessing
import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from multiprocessing.context import BaseContext
from pathlib import Path

from temjax.files.toml import TomlError, read_toml
from temjax.runtime.machine import usable_cores

# what workers need: tiles, files and figures of members; kernels of the registry
PRELOADED = ("temjax.regional.report.member", "netCDF4")
KERNELS = ("heat_year", "months", "monthly_temperatures")
# imports them and reports failures, which multiprocessing ignores
PRELOAD = "temjax.regional.run.preload"


def worker_context() -> BaseContext:
    """Multiprocessing context of the workers; starts the fork server where there is one."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver, resource_tracker

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOAD])
    resource_tracker.ensure_running()  # before the mask is set: its start would unblock the signal
    # Ctrl-C reaches all processes of the terminal; a server that is importing would print it
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return context


def import_modules(names: Iterable[str]) -> list[str]:
    """Import modules; one that cannot be imported is reported on stderr.

    Returns:
        Names of those that could not be imported. Workers import them when they need them, and
        fail there.
    """
    failed = []
    for name in names:
        try:
            import_module(name)
        except Exception as error:  # of any kind: the server must start
            message = f"temjax workers: {name} cannot be imported ({type(error).__name__}: {error})"
            print(message, file=sys.stderr, flush=True)
            failed.append(name)
    return failed


def start_early(
    experiment: Path | None = None,
    repeat: Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    **_: object,
) -> None:
    """Start the fork server if the options of ``temjax project`` ask for workers.

    Options are not validated here; the command does that.
    """
    if scheduler is not None:
        return
    if workers is None:
        path = experiment or (repeat and repeat / "inputs" / "experiment.toml")
        workers = _workers_of_file(path) if path else 1
    if (workers or usable_cores()) > 1:
        worker_context()


def _workers_of_file(path: Path) -> int:
    """Number of workers in an experiment file; 1 if it cannot be read."""
    try:
        run = read_toml(path).get("run")
    except TomlError:
        return 1
    workers = run.get("workers") if isinstance(run, dict) else None
    return workers if isinstance(workers, int) else 1

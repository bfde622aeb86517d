"""Worker processes that run tiles and write result files.

Processes, not threads: two XLA programs that run at once in one process can wait for each other's
threads for ever, and the NetCDF library writes one file at a time. Ctrl-C ends the tiles after
their current block; restart points stay.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from temjax import __version__
from temjax.files.findings import DataError, Finding
from temjax.parameters.registry import Parameters
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.timeline import Timeline
from temjax.regional.run.cells import Cells
from temjax.regional.run.forkserver import worker_context
from temjax.regional.run.progress import Meter
from temjax.regional.run.restart import Products, RestartPoints
from temjax.regional.run.restart_products import RestartFiles
from temjax.regional.run.tile import ReportProgress, Stopped, TileRun
from temjax.runtime.cache import enable_programs, programs_enabled
from temjax.runtime.machine import (
    computes_on_cpus,
    peak_bytes,
    reduce_garbage_collection,
    release_memory,
    usable_cores,
)

Key = tuple[int, int]
RESTART_FORMAT = 2  # increased when the content of restart points changes
QUEUED_PER_WORKER = 2  # tasks that wait for each worker
_JAX_SETTINGS = (  # copied to worker processes
    "jax_enable_x64", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs",
)  # fmt: skip


@dataclass(frozen=True)
class TileWork:
    """Inputs of one tile: its scenarios are run one after the other and share the past.

    Attributes:
        sets: parameter sets.
        shared_folder: restart points of the shared phases.
        scenarios: label, timeline, cells and restart folder of each.
    """

    sets: list[Parameters]
    shared_folder: Path
    scenarios: list[tuple[str, Timeline, Cells, Path]]


@dataclass(frozen=True)
class TileResult:
    """Results of one tile and scenario.

    Attributes:
        by_cell: convergence diagnostics and quality, ``(position,)``.
        restart_files: with its annual products.
        cell_years: simulated, without those of restart points.
        seconds: computing time.
    """

    by_cell: Products
    restart_files: RestartFiles
    cell_years: int
    seconds: float


def run_scenarios(
    experiment: Experiment, work: TileWork, report: ReportProgress
) -> list[TileResult]:
    """Run all scenarios of a tile, each from its restart points where they exist."""
    results = []
    for label, timeline, cells, folder in work.scenarios:
        start, cell_years = time.perf_counter(), 0
        tile = f"{label} tile {cells.number}"

        def report_tile(phase: str, years: int, computed: bool, tile: str = tile) -> None:
            nonlocal cell_years
            cell_years += years if computed else 0
            report(f"{tile}: {phase}", years, computed)

        own, shared = restart_points(experiment, work, timeline, cells, folder)
        run = TileRun(experiment, timeline, cells, work.sets, own, shared, report_tile)
        products, files = run.run(), run.restart_files()
        by_cell = {n: v for n, v in products.items() if n.partition("/")[0] not in files}
        results.append(TileResult(by_cell, files, cell_years, time.perf_counter() - start))
    release_memory()
    return results


def restart_points(
    experiment: Experiment, work: TileWork, timeline: Timeline, cells: Cells, folder: Path
) -> tuple[RestartPoints, RestartPoints]:
    """Restart points of a tile and scenario, and those of the phases its scenarios share."""
    choices = f"{experiment.hash} {__version__} {RESTART_FORMAT}"
    own = RestartPoints(folder, cells.number, cells.hash(work.sets, timeline, choices))
    if timeline.past[0] == timeline.past[1]:
        return own, own
    past = cells.hash(work.sets, timeline, choices, timeline.past[1])
    return own, RestartPoints(work.shared_folder, cells.number, past)


@dataclass(frozen=True)
class Workers:
    """Worker processes of this machine, see ``start_workers``.

    Attributes:
        pool: None for serial execution in this process.
        count: number of processes.
        queue: progress of running tiles.
        stop: event that ends running tiles after their current block.
        peak: largest memory of a worker so far, bytes; a shared value.
    """

    pool: ProcessPoolExecutor | None = None
    count: int = 1
    queue: Any = None
    stop: Any = None
    peak: Any = None

    def submit(self, function: Callable, *arguments) -> Future:
        """Call a function in the next free worker, or at once in this process without workers."""
        if self.pool is not None:
            return self.pool.submit(_call, function, *arguments)
        future = Future()
        future.set_result(function(*arguments))
        return future

    def peak_bytes(self) -> int:
        """Largest memory that a worker has used, bytes; 0 without workers."""
        return self.peak.value if self.peak else 0


SERIAL = Workers()


@contextmanager
def start_workers(experiment: Experiment) -> Iterator[Workers]:
    """Start the workers of an experiment; ``SERIAL`` if it has one, and on accelerators.

    When the context ends with an error, queued calls are cancelled and running tiles are stopped.

    Raises:
        DataError: a worker was killed.
    """
    count = experiment.run.workers or usable_cores()
    if count == 1 or not computes_on_cpus():
        yield SERIAL
        return
    context = worker_context()
    shared = {"queue": context.Queue(), "stop": context.Event(), "peak": context.Value("q", 0)}
    initializer = (_initialise_worker, (dict(os.environ), shared))
    with ProcessPoolExecutor(count, context, *initializer) as pool:
        try:
            yield Workers(pool, count, **shared)
        except BrokenProcessPool as error:
            mend = "Give the run more memory, smaller tiles or fewer workers, then --resume."
            message = "a worker process was killed (out of memory?)"
            raise DataError([Finding("--workers", str(count), "", message, mend)]) from error
        except BaseException:
            shared["stop"].set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def run_tasks(
    experiment: Experiment, tasks: Iterable[tuple[Key, TileWork]], meter: Meter, workers: Workers
) -> Iterator[tuple[Key, list[TileResult]]]:
    """Run tiles; yields results in order of completion. Inputs are built shortly before use."""
    if workers.pool is None:
        for key, work in tasks:
            yield key, run_scenarios(experiment, work, meter.report)
        return
    listener = threading.Thread(target=_forward_progress, args=(workers.queue, meter), daemon=True)
    listener.start()
    settings = jax_settings()
    try:
        yield from submit_bounded(
            tasks,
            lambda _, work: workers.submit(_run_tile_task, experiment, work, settings),
            lambda: workers.count,
        )
    finally:
        workers.queue.put(None)
        listener.join()


def jax_settings() -> dict:
    """JAX settings of this process for its workers, and whether it caches programs."""
    settings = {name: getattr(jax.config, name) for name in _JAX_SETTINGS}
    return settings | {"enable_programs": programs_enabled()}


def apply_jax_settings(settings: dict) -> None:
    """Apply the settings of the main process in a worker."""
    for name in _JAX_SETTINGS:
        jax.config.update(name, settings[name])
    enable_programs(settings["enable_programs"])


def submit_bounded(
    tasks: Iterable[tuple[Key, TileWork]],
    submit: Callable[[Key, TileWork], Future],
    workers: Callable[[], int],
) -> Iterator[tuple[Key, list[TileResult]]]:
    """Submit tasks with a bounded queue; yields results in order of completion.

    No more than ``QUEUED_PER_WORKER`` tasks wait for each worker, enough to keep them busy while
    results are written.

    Args:
        tasks: keys and inputs; an iterator that builds inputs on demand.
        submit: submits a task, whose arrays are NumPy's, to a worker.
        workers: current number of workers.
    """
    pending: dict[Future, Key] = {}
    for key, work in tasks:
        task = replace(work, sets=jax.tree.map(np.asarray, work.sets))
        pending[submit(key, task)] = key
        if len(pending) > (1 + QUEUED_PER_WORKER) * workers():
            yield from _completed(pending)
    while pending:
        yield from _completed(pending)


def _completed(pending: dict[Future, Key]) -> Iterator[tuple[Key, list[TileResult]]]:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        yield pending.pop(future), future.result()


_worker: dict = {}


def _initialise_worker(environment: dict[str, str], shared: dict) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops its workers
    os.environ.clear()  # the fork server may have started before XLA's flags were set
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    reduce_garbage_collection()
    _worker.update(shared)


def _end_with_parent() -> None:
    """End with the parent: workers of a killed run must not write while it is resumed."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _call(function: Callable, *arguments):
    """Call a function in a worker and record its peak memory."""
    try:
        return function(*arguments)
    finally:
        with _worker["peak"].get_lock():
            _worker["peak"].value = max(_worker["peak"].value, peak_bytes())


def _run_tile_task(experiment: Experiment, work: TileWork, settings: dict) -> list[TileResult]:
    apply_jax_settings(settings)

    def report(phase: str, cell_years: int, computed: bool) -> None:
        if _worker["stop"].is_set():
            raise Stopped(phase)
        _worker["queue"].put((phase, cell_years, computed))

    return run_scenarios(experiment, work, report)


def _forward_progress(queue, meter: Meter) -> None:
    while (message := queue.get()) is not None:
        meter.report(*message)

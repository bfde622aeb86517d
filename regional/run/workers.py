"""Tiles and result files in processes of their own, given out as they become free.

Processes, not threads: two XLA programs that run at once in one process can wait for each other's
threads for ever, and the NetCDF library writes one file at a time. Ctrl-C ends the tiles at their
next block; restart points stay.
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
from temjax.regional.run.restart import Products, Restarts
from temjax.regional.run.restart_products import Points
from temjax.regional.run.tile import Report, Stopped, TileRun
from temjax.runtime.cache import enable_programs, programs_enabled
from temjax.runtime.machine import (
    collect_rarely,
    computes_on_cpus,
    give_back_memory,
    peak_bytes,
    usable_cores,
)

Key = tuple[int, int]
CONTENTS = 2  # of restart points: raised when what a phase leaves changes
WAITING = 2  # tasks, for each worker
_JAX_SETTINGS = (  # what worker processes take over
    "jax_enable_x64", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs",
)  # fmt: skip


@dataclass(frozen=True)
class TileWork:
    """One tile of a member: its scenarios, run after each other, share the past.

    Attributes:
        sets: parameter sets.
        shared_folder: restart points of the shared phases.
        scenarios: label, years, cells and folder of restart points of each.
    """

    sets: list[Parameters]
    shared_folder: Path
    scenarios: list[tuple[str, Timeline, Cells, Path]]


@dataclass(frozen=True)
class TileDone:
    """One tile and scenario.

    Attributes:
        by_cell: certificates and soundness, ``(position,)``.
        points: restart points with its annual products.
        cell_years: computed now.
        seconds: they took.
    """

    by_cell: Products
    points: Points
    cell_years: int
    seconds: float


def run_work(experiment: Experiment, work: TileWork, report: Report) -> list[TileDone]:
    """All scenarios of a tile, each from its restart points where they exist."""
    done = []
    for label, timeline, cells, folder in work.scenarios:
        started, computed = time.perf_counter(), 0
        place = f"{label} tile {cells.number}"

        def tell(phase: str, years: int, now: bool, place: str = place) -> None:
            nonlocal computed
            computed += years if now else 0
            report(f"{place}: {phase}", years, now)

        own, shared = restart_points(experiment, work, timeline, cells, folder)
        run = TileRun(experiment, timeline, cells, work.sets, own, shared, tell)
        products, points = run.run(), run.points()
        by_cell = {n: v for n, v in products.items() if n.partition("/")[0] not in points}
        done.append(TileDone(by_cell, points, computed, time.perf_counter() - started))
    give_back_memory()
    return done


def restart_points(
    experiment: Experiment, work: TileWork, timeline: Timeline, cells: Cells, folder: Path
) -> tuple[Restarts, Restarts]:
    """Restart points of a tile and scenario, and of the phases its scenarios share."""
    choices = f"{experiment.hash} {__version__} {CONTENTS}"
    own = Restarts(folder, cells.number, cells.hash(work.sets, timeline, choices))
    if timeline.past[0] == timeline.past[1]:
        return own, own
    past = cells.hash(work.sets, timeline, choices, timeline.past[1])
    return own, Restarts(work.shared_folder, cells.number, past)


@dataclass(frozen=True)
class Workers:
    """Processes of this machine that run tiles and write files, see ``workers_of``.

    Attributes:
        pool: None where this process does everything itself.
        count: of the processes.
        queue: what running tiles report.
        stop: set when they are to end at their next block.
        peak: bytes, the most that one of them has held; a shared number.
    """

    pool: ProcessPoolExecutor | None = None
    count: int = 1
    queue: Any = None
    stop: Any = None
    peak: Any = None

    def submit(self, function: Callable, *given) -> Future:
        """A call on the next free worker; at once and here where there are none."""
        if self.pool is not None:
            return self.pool.submit(_called, function, *given)
        done = Future()
        done.set_result(function(*given))
        return done

    def peak_bytes(self) -> int:
        """The most memory that one of the workers has held, bytes; 0 where there are none."""
        return self.peak.value if self.peak else 0


HERE = Workers()


@contextmanager
def workers_of(experiment: Experiment) -> Iterator[Workers]:
    """As many workers as the experiment asks for; ``HERE`` for one, and beside accelerators.

    When the block ends with an error, what has not begun is dropped and running tiles are stopped.

    Raises:
        DataError: a worker was killed.
    """
    count = experiment.run.workers or usable_cores()
    if count == 1 or not computes_on_cpus():
        yield HERE
        return
    context = worker_context()
    shared = {"queue": context.Queue(), "stop": context.Event(), "peak": context.Value("q", 0)}
    begin = (_start_worker, (dict(os.environ), shared))
    with ProcessPoolExecutor(count, context, *begin) as pool:
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
) -> Iterator[tuple[Key, list[TileDone]]]:
    """Results in the order they are done; a task's input is made when a worker can take it."""
    if workers.pool is None:
        for key, work in tasks:
            yield key, run_work(experiment, work, meter.report)
        return
    listener = threading.Thread(target=_listen, args=(workers.queue, meter), daemon=True)
    listener.start()
    settings = jax_settings()
    try:
        yield from hand_out(
            tasks,
            lambda _, work: workers.submit(_work, experiment, work, settings),
            lambda: workers.count,
        )
    finally:
        workers.queue.put(None)
        listener.join()


def jax_settings() -> dict:
    """This process's JAX settings, for its workers, and whether it keeps programs."""
    settings = {name: getattr(jax.config, name) for name in _JAX_SETTINGS}
    return settings | {"enable_programs": programs_enabled()}


def take_settings(settings: dict) -> None:
    """In a worker: the settings of the process it works for."""
    for name in _JAX_SETTINGS:
        jax.config.update(name, settings[name])
    enable_programs(settings["enable_programs"])


def hand_out(
    tasks: Iterable[tuple[Key, TileWork]],
    submit: Callable[[Key, TileWork], Future],
    workers: Callable[[], int],
) -> Iterator[tuple[Key, list[TileDone]]]:
    """Results as they are done; the next input is made when no more than ``WAITING`` wait for
    each worker: enough to go on while results are written.

    Args:
        tasks: keys and inputs, made as they are drawn.
        submit: hands a task, its arrays NumPy's, to a worker.
        workers: how many there are now.
    """
    pending: dict[Future, Key] = {}
    for key, work in tasks:
        plain = replace(work, sets=jax.tree.map(np.asarray, work.sets))
        pending[submit(key, plain)] = key
        if len(pending) > (1 + WAITING) * workers():
            yield from _finished(pending)
    while pending:
        yield from _finished(pending)


def _finished(pending: dict[Future, Key]) -> Iterator[tuple[Key, list[TileDone]]]:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        yield pending.pop(future), future.result()


_worker: dict = {}


def _start_worker(environment: dict[str, str], shared: dict) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    os.environ.clear()  # its server may have begun before XLA's flags were set
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    collect_rarely()
    _worker.update(shared)


def _end_with_parent() -> None:
    """A killed run must not leave workers that write beside its resumption."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _called(function: Callable, *given):
    """A call in a worker; what memory it took is added to what is known."""
    try:
        return function(*given)
    finally:
        with _worker["peak"].get_lock():
            _worker["peak"].value = max(_worker["peak"].value, peak_bytes())


def _work(experiment: Experiment, work: TileWork, settings: dict) -> list[TileDone]:
    take_settings(settings)

    def report(phase: str, cell_years: int, computed: bool) -> None:
        if _worker["stop"].is_set():
            raise Stopped(phase)
        _worker["queue"].put((phase, cell_years, computed))

    return run_work(experiment, work, report)


def _listen(queue, meter: Meter) -> None:
    while (message := queue.get()) is not None:
        meter.report(*message)

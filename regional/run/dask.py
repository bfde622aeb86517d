"""Execution of tiles on the workers of a running Dask cluster (``dask.distributed``).

A tile whose worker is lost is submitted to another one and continues from its restart points, so
results do not depend on it. All workers must reach the folder of a run under one path.
"""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from uuid import uuid4

from temjax.files.findings import DataError, Finding
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.run.progress import Meter
from temjax.regional.run.tile import Stopped
from temjax.regional.run.workers import (
    Key,
    TileResult,
    TileWork,
    apply_jax_settings,
    jax_settings,
    run_scenarios,
    submit_bounded,
)

CONNECT_SECONDS = 30
_ONE_TILE = threading.Lock()  # two XLA programs in one process can wait for each other


def run_on_cluster(
    scheduler: str, experiment: Experiment, tasks: Iterable[tuple[Key, TileWork]], meter: Meter
) -> Iterator[tuple[Key, list[TileResult]]]:
    """Run tiles on a cluster; yields results in order of completion like ``workers.run_tasks``.

    Args:
        scheduler: address, ``tcp://host:port``.
        experiment: choices.
        tasks: keys and inputs of tiles; an input is built shortly before a worker is free for it.
        meter: progress, advanced when a tile is complete.

    Raises:
        DataError: no ``distributed``, no scheduler at the address, a worker with several threads,
            or a tile that lost every worker it ran on.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        mend = "Install it with: pip install 'temjax[cluster]'."
        raise _fault(scheduler, "distributed is not installed", mend) from error
    # a task holds the climate of its tile
    quiet = dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
    with quiet, _connect(distributed, scheduler) as client:
        stop = distributed.Event(f"temjax-stop-{uuid4()}", client)
        pool = client.get_executor(pure=False)
        planned: dict[Key, list[tuple[str, int]]] = {}

        def submit(key: Key, work: TileWork):
            planned[key] = _planned_cell_years(work)
            task = _with_absolute_folders(work)
            return pool.submit(run_tile_task, experiment, task, jax_settings(), stop.name)

        def worker_count() -> int:
            return max(len(client.nthreads()), 1)  # workers come and go

        try:
            for key, results in submit_bounded(tasks, submit, worker_count):
                for (label, years), result in zip(planned.pop(key), results, strict=True):
                    meter.report(label, result.cell_years, True)
                    meter.report(label, years - result.cell_years, False)
                yield key, results
        except distributed.KilledWorker as error:
            mend = "Read the workers' logs (memory?), then run again with --resume."
            raise _fault(scheduler, f"a tile lost every worker it ran on: {error}", mend) from error
        except (distributed.comm.CommClosedError, CancelledError) as error:
            mend = "Start it again, then run again with --resume."
            raise _fault(scheduler, "the scheduler was lost", mend) from error
        except BaseException:
            stop.set()  # running tiles end after their current block
            pool.shutdown(wait=False)
            raise


def _connect(distributed, scheduler: str):
    """Connect to a scheduler whose workers have one thread each."""
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        mend = "Give the address that dask scheduler prints, tcp://host:port."
        raise _fault(scheduler, f"no scheduler answers ({error})", mend) from error
    threaded = [address for address, threads in client.nthreads().items() if threads != 1]
    if threaded:
        client.close()
        mend = "Start workers with --nthreads 1: a tile takes a whole worker."
        raise _fault(scheduler, f"worker {threaded[0]} has several threads", mend)
    return client


def _fault(scheduler: str, message: str, mend: str) -> DataError:
    return DataError([Finding("--scheduler", scheduler, "", message, mend)])


def _planned_cell_years(work: TileWork) -> list[tuple[str, int]]:
    """Label and cell-years of each scenario of a tile."""
    return [
        (f"{label} tile {cells.number}", timeline.simulated_years * cells.index.size)
        for label, timeline, cells, _ in work.scenarios
    ]


def _with_absolute_folders(work: TileWork) -> TileWork:
    """A tile with absolute folders: workers have working directories of their own."""
    scenarios = [(*rest, folder.resolve()) for *rest, folder in work.scenarios]
    return replace(work, shared_folder=work.shared_folder.resolve(), scenarios=scenarios)


def run_tile_task(
    experiment: Experiment, work: TileWork, settings: dict, stop: str
) -> list[TileResult]:
    """Run a tile on a worker; raises ``Stopped`` after a block when the run has been stopped."""
    import distributed

    apply_jax_settings(settings)
    stop_event = distributed.Event(stop)

    def report(phase: str, cell_years: int, computed: bool) -> None:
        if stop_event.is_set():
            raise Stopped(phase)

    with _ONE_TILE:
        return run_scenarios(experiment, work, report)

"""Tiles on the workers of a Dask cluster that is running already (``dask.distributed``).

A tile whose worker is lost is given to another one and goes on from its restart points, so results
do not depend on it. The folder of a run must be seen by all workers under one name.
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
    TileDone,
    TileWork,
    hand_out,
    jax_settings,
    run_work,
    take_settings,
)

CONNECT_SECONDS = 30
_ONE_AT_A_TIME = threading.Lock()  # two XLA programs in one process can wait for each other


def run_on_cluster(
    scheduler: str, experiment: Experiment, tasks: Iterable[tuple[Key, TileWork]], meter: Meter
) -> Iterator[tuple[Key, list[TileDone]]]:
    """Results in the order they are done, as ``workers.run_tasks`` gives them.

    Args:
        scheduler: address, ``tcp://host:port``.
        experiment: choices.
        tasks: inputs are made when a worker can soon take them.
        meter: told of a tile when it is done.

    Raises:
        DataError: no ``distributed``, no scheduler there, a worker with several threads, or a tile
            that its workers died of.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        mend = "Install it with: pip install 'temjax[cluster]'."
        raise _fault(scheduler, "distributed is not installed", mend) from error
    # a tile's climate is large on purpose
    quiet = dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
    with quiet, _connected(distributed, scheduler) as client:
        stop = distributed.Event(f"temjax-stop-{uuid4()}", client)
        pool = client.get_executor(pure=False)
        planned: dict[Key, list[tuple[str, int]]] = {}

        def submit(key: Key, work: TileWork):
            planned[key] = _planned(work)
            given = _seen_from_everywhere(work)
            return pool.submit(tile_on_worker, experiment, given, jax_settings(), stop.name)

        def ahead() -> int:
            return max(len(client.nthreads()), 1)  # workers come and go

        try:
            for key, done in hand_out(tasks, submit, ahead):
                for (place, years), part in zip(planned.pop(key), done, strict=True):
                    meter.report(place, part.cell_years, True)
                    meter.report(place, years - part.cell_years, False)
                yield key, done
        except distributed.KilledWorker as error:
            mend = "Read the workers' logs (memory?), then run again with --resume."
            raise _fault(scheduler, f"a tile lost every worker it ran on: {error}", mend) from error
        except (distributed.comm.CommClosedError, CancelledError) as error:
            mend = "Start it again, then run again with --resume."
            raise _fault(scheduler, "the scheduler was lost", mend) from error
        except BaseException:
            stop.set()  # running tiles end at their next block
            pool.shutdown(wait=False)
            raise


def _connected(distributed, scheduler: str):
    """A client of a scheduler whose workers run one tile at a time."""
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        mend = "Give the address that dask scheduler prints, tcp://host:port."
        raise _fault(scheduler, f"no scheduler answers ({error})", mend) from error
    many = [address for address, threads in client.nthreads().items() if threads != 1]
    if many:
        client.close()
        mend = "Start workers with --nthreads 1: a tile takes a whole worker."
        raise _fault(scheduler, f"worker {many[0]} has several threads", mend)
    return client


def _fault(scheduler: str, message: str, mend: str) -> DataError:
    return DataError([Finding("--scheduler", scheduler, "", message, mend)])


def _planned(work: TileWork) -> list[tuple[str, int]]:
    """Label and cell-years of each scenario."""
    return [
        (f"{label} tile {cells.number}", timeline.simulated_years * cells.index.size)
        for label, timeline, cells, _ in work.scenarios
    ]


def _seen_from_everywhere(work: TileWork) -> TileWork:
    """Folders by their full names: workers stand in folders of their own."""
    scenarios = [(*rest, folder.resolve()) for *rest, folder in work.scenarios]
    return replace(work, shared_folder=work.shared_folder.resolve(), scenarios=scenarios)


def tile_on_worker(
    experiment: Experiment, work: TileWork, settings: dict, stop: str
) -> list[TileDone]:
    """What a worker runs; ends with ``Stopped`` at a block's end when the run was ended."""
    import distributed

    take_settings(settings)
    stopped = distributed.Event(stop)

    def report(phase: str, cell_years: int, computed: bool) -> None:
        if stopped.is_set():
            raise Stopped(phase)

    with _ONE_AT_A_TIME:
        return run_work(experiment, work, report)

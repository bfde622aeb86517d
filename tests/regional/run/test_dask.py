"""Tiles on a Dask cluster: the same bits as a local run, whatever happens to the workers."""

import os
import signal
import sys
import threading
import time

import jax
import numpy as np
import pytest

from temjax.files.findings import DataError
from temjax.regional.run import dask as cluster
from temjax.regional.run.members import run_experiment, run_members
from temjax.regional.run.progress import Meter
from temjax.regional.run.workers import SERIAL
from tests.support.small_region import small_experiment


def first(tasks_run):
    return next(iter(tasks_run))


def test_without_distributed_the_mend_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DataError, match=r"pip install 'temjax\[cluster\]'"):
        first(cluster.run_on_cluster("tcp://127.0.0.1:1", None, (), None))


def test_no_scheduler_is_named(monkeypatch):
    pytest.importorskip("distributed", reason="needs the extra 'cluster'")
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.2)
    with pytest.raises(DataError, match="no scheduler answers"):
        first(cluster.run_on_cluster("tcp://127.0.0.1:1", None, (), None))


def restart_arrays(folder):
    content = {}
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                content[f"{path.relative_to(folder)}:{name}"] = archive[name].tobytes()
    return content


@pytest.fixture
def cache(tmp_path):
    """Compiled programs that all processes of a test share."""
    names = "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"
    before = {name: getattr(jax.config, name) for name in names}
    for name, value in zip(names, (str(tmp_path / "cache"), 0.2), strict=True):
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the killed worker's pipes
def test_a_killed_worker_changes_no_bit(tmp_path, cache, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="needs the extra 'cluster'")
    experiment = small_experiment(tmp_path)
    (local,) = run_experiment(experiment, tmp_path / "local")
    reports = []
    monkeypatch.setattr(Meter, "report", lambda self, *report: reports.append(report))
    out = tmp_path / "cluster"
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as workers,
        distributed.Client(workers) as client,
    ):
        killed = []

        def kill_one():
            while not list(out.rglob("*equilibrium.npz")):
                time.sleep(0.02)
            (address, pid), *_ = client.run(os.getpid).items()
            os.kill(pid, signal.SIGKILL)
            killed.append(address)

        killer = threading.Thread(target=kill_one, daemon=True)
        killer.start()
        (distributed_run,) = run_members(
            experiment, out, SERIAL, scheduler=workers.scheduler_address
        )
        killer.join()
    assert len(killed) == 1
    assert distributed_run.products.keys() == local.products.keys()
    for name, values in local.products.items():
        np.testing.assert_array_equal(distributed_run.products[name], values, err_msg=name)
    assert restart_arrays(out / "restart") == restart_arrays(tmp_path / "local" / "restart")
    assert sum(years for _, years, _ in reports) == (6 + 6 + 2 * 4) * distributed_run.domain.size

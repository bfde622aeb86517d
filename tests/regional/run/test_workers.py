"""Files written by workers: the same as by one process, and their faults come home."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from temjax.files.findings import DataError
from temjax.native.accelerate import registry
from temjax.regional.report.member import submit_member, write_member_output
from temjax.regional.results.ensemble_files import submit_ensemble
from temjax.regional.results.read_back import read_run
from temjax.regional.run import forkserver
from temjax.regional.run.forkserver import (
    KERNELS,
    PRELOADED,
    import_modules,
    start_early,
    worker_context,
)
from temjax.regional.run.workers import SERIAL, start_workers
from tests.support.made_member import made_member
from tests.support.small_region import small_experiment

MEMBERS = ("toy", "toy2")


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    folder = tmp_path_factory.mktemp("writers")
    monthly = small_experiment(folder, '[output]\nmonthly = ["npp"]')
    run = monthly.run.model_copy(update={"workers": 2})
    experiment = monthly.model_copy(update={"run": run})
    results = [made_member(experiment, member, k) for k, member in enumerate(MEMBERS)]
    return experiment, results, folder


@pytest.fixture(scope="module")
def workers(region):
    with start_workers(region[0]) as workers:
        yield workers


def test_workers_write_what_one_process_writes(region, workers):
    experiment, results, folder = region
    alone, shared = folder / "alone", folder / "shared"
    for result in results:
        rows, paths = write_member_output(experiment, result, alone)
        pending = submit_member(experiment, result, shared, workers)
        assert pending.label == f"{result.member} {result.scenario}"
        assert pending.rows == rows
        assert [path.name for path in pending.wait()] == [path.name for path in paths]
        assert pending.done()
    submit_ensemble(read_run(alone), alone)
    pending = submit_ensemble(read_run(shared, "rcp85"), shared, workers)
    assert sorted(pending) == sorted(shared / path.name for path in alone.glob("temjax_ens*"))
    for file in pending.values():
        file.result()
    assert read_run(shared, "rcp45") == []
    files = sorted(path.name for path in alone.iterdir())
    assert sum("_monthly_" in name for name in files) == 3 * len(MEMBERS)
    assert sum("_ens" in name for name in files) == 2 * 4
    assert [path.name for path in sorted(shared.iterdir())] == files
    for name in files:
        assert (shared / name).read_bytes() == (alone / name).read_bytes(), name


def test_no_summary_says_complete_while_a_file_is_missing(region, workers):
    experiment, (result, _), folder = region
    out = folder / "faulty"
    paths = submit_member(experiment, result, folder / "names", SERIAL).wait()
    name = next(path.name for path in paths if "_transient_" in path.name)
    (out / name / "in the way").mkdir(parents=True)
    pending = submit_member(experiment, result, out, workers)
    with pytest.raises(OSError) as error:
        pending.wait()
    assert error.value.filename == str(out / name)
    assert not [*out.glob("summary_*")]


def test_an_error_cancels_what_is_queued(region):
    experiment, *_ = region
    with pytest.raises(KeyError), start_workers(experiment) as workers:
        asleep = [workers.submit(pow, 2, 2) for _ in range(2)]
        [number.result() for number in asleep]
        raise KeyError
    assert workers.stop.is_set()
    with pytest.raises(RuntimeError, match="shutdown"):
        workers.submit(pow, 2, 2)


def test_a_killed_worker_is_reported_with_what_to_do(region):
    experiment, *_ = region
    with pytest.raises(DataError, match=r"killed .out of memory.*--resume") as caught:
        with start_workers(experiment) as workers:
            workers.submit(os._exit, 1).result()
    assert caught.value.findings[0].file == "--workers"


def test_workers_have_this_environment_and_what_they_need_is_imported(region, monkeypatch):
    """The fork server has been started earlier: by another test, or by the command."""
    worker_context()
    monkeypatch.setenv("TEMJAX_TEST", "set later")
    monkeypatch.delenv("TEMJAX_CACHE", raising=False)
    with start_workers(region[0]) as workers:
        there = workers.submit(eval, "dict(__import__('os').environ)").result()
        modules = workers.submit(eval, "set(__import__('sys').modules)").result()
        assert 1e7 < workers.peak_bytes() < 1e11
    assert there == dict(os.environ)
    if sys.platform == "linux":
        assert modules.issuperset(PRELOADED)
        assert registry("cpu")["months"].partition(":")[0] in modules
    assert SERIAL.peak_bytes() == 0


def test_names_of_preloaded_modules_resolve():
    modules = [registry("cpu")[name].partition(":")[0] for name in KERNELS]
    assert all(find_spec(name) for name in (*PRELOADED, *modules, forkserver.PRELOAD))


def test_a_module_that_cannot_be_imported_is_reported(capsys):
    assert import_modules(["temjax.nonsense", "json"]) == ["temjax.nonsense"]
    message = capsys.readouterr().err
    assert message.startswith("temjax workers: temjax.nonsense cannot be imported (ModuleNotFound")


@pytest.mark.skipif(sys.platform != "linux", reason="workers are new interpreters")
def test_the_fork_server_reports_failed_imports_and_serves(tmp_path):
    """A NetCDF library that is damaged: without the report only a slow start would show it."""
    (tmp_path / "netCDF4.py").write_text("raise ImportError('libnetcdf.so is missing')")
    code = (
        "from temjax.regional.run.forkserver import worker_context\n"
        "process = worker_context().Process(target=print, args=('served',))\n"
        "process.start(); process.join()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=dict(os.environ) | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert "temjax workers: netCDF4 cannot be imported (ImportError: libnetcdf.so" in done.stderr
    assert done.stdout == "served\n"


def test_the_command_begins_the_server_before_it_imports_jax():
    """Its options and an ``early`` that reads nothing but the experiment's workers."""
    code = "import sys, temjax.regional.command.main as main; "
    code += "print(main.project_command.prepare.__name__, {name}"
    code += " & set(sys.modules))"
    code = code.replace("{name}", "{'jax', 'numpy', 'pydantic', 'matplotlib'}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["start_early", "set()"]


@pytest.mark.parametrize(
    ("options", "started"),
    [
        ({"experiment": "three.toml"}, True),
        ({"experiment": "three.toml", "workers": 1}, False),
        ({"experiment": "three.toml", "scheduler": "tcp://there:1"}, False),
        ({"experiment": "one.toml"}, False),
        ({"experiment": "one.toml", "workers": 2}, True),
        ({"experiment": "all.toml"}, True),
        ({"repeat": "."}, True),
        ({"experiment": "faulty.toml"}, False),
        ({"experiment": "absent.toml"}, False),
        ({}, False),
    ],
)
def test_a_server_is_started_where_there_will_be_workers(tmp_path, monkeypatch, options, started):
    (tmp_path / "inputs").mkdir()
    for name, text in (
        ("three.toml", "[run]\nworkers = 3"),
        ("one.toml", "title = 'one'"),
        ("all.toml", "[run]\nworkers = 0"),
        ("faulty.toml", "run = 5\nrun"),
        ("inputs/experiment.toml", "[run]\nworkers = 3"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    contexts = []
    monkeypatch.setattr(forkserver, "worker_context", lambda: contexts.append(True))
    monkeypatch.setattr(forkserver, "usable_cores", lambda: 4)
    paths = {k: tmp_path / v for k, v in options.items() if k in ("experiment", "repeat")}
    start_early(**{"out": tmp_path, "members": None} | options | paths)
    assert bool(contexts) is started

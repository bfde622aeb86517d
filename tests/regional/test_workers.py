"""Files written by workers: the same as by one process, and their faults come home."""

import os

import pytest
from made_member import made_member
from small_region import small_experiment

from regional.ensemble import write_ensemble
from regional.report import begin_member, finish_member
from regional.stored import read_run
from regional.workers import HERE, workers_of
from temjax.findings import DataError

MEMBERS = ("toy", "toy2")


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("writers")
    monthly = small_experiment(folder, '[output]\nmonthly = ["npp"]')
    run = monthly.run.model_copy(update={"workers": 2})
    experiment = monthly.model_copy(update={"run": run})
    results = [made_member(experiment, member, k) for k, member in enumerate(MEMBERS)]
    return experiment, results, folder


@pytest.fixture(scope="module")
def workers(given):
    with workers_of(given[0]) as workers:
        yield workers


def test_workers_write_what_one_process_writes(given, workers):
    experiment, results, folder = given
    alone, shared = folder / "alone", folder / "shared"
    for result in results:
        rows, paths = finish_member(experiment, result, alone)
        begun = begin_member(experiment, result, shared, workers)
        assert begun.label == f"{result.member} {result.scenario}"
        assert begun.rows == rows
        assert [path.name for path in begun.ended()] == [path.name for path in paths]
        assert begun.done()
    write_ensemble(read_run(alone), alone)
    write_ensemble(read_run(shared), shared, workers)
    files = sorted(path.name for path in alone.iterdir())
    assert sum("_monthly_" in name for name in files) == 3 * len(MEMBERS)
    assert sum("_ens" in name for name in files) == 2 * 4
    assert [path.name for path in sorted(shared.iterdir())] == files
    for name in files:
        assert (shared / name).read_bytes() == (alone / name).read_bytes(), name


def test_no_summary_says_complete_while_a_file_is_missing(given, workers):
    experiment, (result, _), folder = given
    out = folder / "faulty"
    made = begin_member(experiment, result, folder / "names", HERE).ended()
    name = next(path.name for path in made if "_transient_" in path.name)
    (out / name / "in the way").mkdir(parents=True)
    begun = begin_member(experiment, result, out, workers)
    with pytest.raises(OSError) as error:
        begun.ended()
    assert error.value.filename == str(out / name)
    assert not [*out.glob("summary_*")]


def test_an_error_drops_what_has_not_begun(given):
    experiment, *_ = given
    with pytest.raises(KeyError), workers_of(experiment) as workers:
        asleep = [workers.submit(pow, 2, 2) for _ in range(2)]
        [number.result() for number in asleep]
        raise KeyError
    assert workers.stop.is_set()
    with pytest.raises(RuntimeError, match="shutdown"):
        workers.submit(pow, 2, 2)


def test_a_killed_worker_is_told_with_what_to_do(given):
    experiment, *_ = given
    with pytest.raises(DataError, match=r"killed .out of memory.*--resume") as caught:
        with workers_of(experiment) as workers:
            workers.submit(os._exit, 1).result()
    assert caught.value.findings[0].file == "--workers"

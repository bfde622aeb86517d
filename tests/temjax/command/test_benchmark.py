"""``temjax benchmark``: counting, options, the guard, and what is printed."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
import typer
from typer.testing import CliRunner

import temjax
from temjax.command.benchmark import command as benchmark
from temjax.command.benchmark import measure as benchmark_measure
from temjax.command.benchmark.cases import Case
from temjax.command.benchmark.child import TUNED_FLAGS, known_flags
from temjax.command.benchmark.compare import ratios, read_results, regressions
from temjax.command.benchmark.measure import LEAST_NEWTON, Work, count, floor_seconds, measure
from temjax.files.findings import DataError
from temjax.heat.step import heat_steps
from temjax.native.availability import disabled
from temjax.processes.soil_heat import Surface
from temjax.soil_column import soil_column

CELLS = 7


def row(name: str, cells: int, dtype: str, speed: float) -> dict:
    return {
        "name": name, "cells": cells, "dtype": dtype, "years": 10,
        "cell_years_per_cpu_second": speed,
    }  # fmt: skip


OLD = [
    row("forward", 1, "float64", 10.0),
    row("forward", 100, "float64", 100.0),
    row("forward", 100, "float32", 200.0),
    row("gradient", 100, "float64", 20.0),
]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    app.command()(benchmark.benchmark)
    return app


@pytest.fixture
def small(monkeypatch):
    """One cheap case instead of the model."""

    def cheap(cells: int, years: int) -> Case:
        return Case("forward", lambda x: jnp.exp(x), (jnp.ones(cells),), cells * years)

    monkeypatch.setattr(benchmark, "available", lambda: {"forward": cheap})


def test_operations_are_counted_with_the_length_of_loops():
    def body(carry, _):
        return jnp.exp(carry) * 2.0 + 1.0, None

    def looped(x):
        x = jax.lax.scan(jax.checkpoint(body), x, None, length=12)[0]
        return jax.lax.while_loop(lambda x: jnp.all(x > 0), lambda x: x - 1.0, x)

    found = count(jax.make_jaxpr(looped)(jnp.ones(CELLS)).jaxpr)
    compared = CELLS + CELLS  # x > 0 and its reduction
    assert found == Work(12 * 2 * CELLS + LEAST_NEWTON * (CELLS + compared), 12 * CELLS)


def test_heat_steps_are_counted_one_by_one():
    """They run in one loop, whose number of iterations no program says."""
    column = soil_column(temjax.load_parameters("moist-tundra"), (CELLS,))

    def operations(steps):
        surfaces = Surface(jnp.zeros((steps, CELLS)), jnp.ones((steps, CELLS)))
        given = column, column.melt_enthalpy, surfaces, jnp.full(steps, 1e5)
        with disabled():
            return count(jax.make_jaxpr(lambda *x: heat_steps(100, *x))(*given).jaxpr).arithmetic

    assert operations(24) == pytest.approx(2 * operations(12), rel=0.02)


def test_the_floor_is_the_slower_of_computing_and_moving():
    rates = benchmark_measure.PeakRates(arithmetic=10.0, transcendental=2.0, bytes=5.0)
    assert floor_seconds(Work(20.0, 4.0), 1.0, rates) == pytest.approx(4.0)
    assert floor_seconds(Work(20.0, 4.0), 50.0, rates) == pytest.approx(10.0)


def test_a_case_is_timed_and_its_memory_known():
    case = Case("x", lambda x: x * 2.0, (jnp.ones(1000),), 1000.0)
    found = measure(case, 3)
    assert found.moved_bytes == 16_000 and found.memory_bytes >= 16_000
    assert found.work == Work(1000.0)
    assert found.seconds > 0 and found.compile_seconds > 0
    eager = measure(Case("x", lambda x: x * 2.0, (jnp.ones(3),), lambda y: 2.0, False), 1)
    assert eager.cell_years == 2.0 and eager.work is None


def test_ratios_stay_within_one_run():
    found = ratios(OLD)
    assert found["gradient / forward, 100 cells, float64, 10 years"] == pytest.approx(5.0)
    assert found["float32 / float64, forward, 100 cells, 10 years"] == pytest.approx(0.5)
    assert found["100 / 1 cells, forward, float64, 10 years"] == pytest.approx(0.1)
    slower_machine = [r | {"cell_years_per_cpu_second": r["cell_years_per_cpu_second"] / 9}
                      for r in OLD]  # fmt: skip
    assert regressions(slower_machine, OLD) == ([], 3)


def test_a_slower_gradient_is_named():
    worse, shared = regressions([*OLD[:3], row("gradient", 100, "float64", 5.0)], OLD)
    assert shared == 3
    assert worse == ["gradient / forward, 100 cells, float64, 10 years: 20, was 5 (4.00 times)"]


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("case", "forwards", "Did you mean forward"),
        ("cells", "ten", "whole numbers"),
        ("cells", "0", "whole numbers"),
        ("years", "", "whole numbers"),
        ("dtype", "float16", "Did you mean"),
    ],
)
def test_a_wrong_option_is_named(option, value, says):
    given = {"case": "forward", "cells": "1", "years": "1", "dtype": "", "repeats": 1}
    with pytest.raises(DataError, match=says) as caught:
        benchmark.make_plan(**(given | {option: value}))
    assert caught.value.findings[0].file == f"--{option}"


def test_json_is_all_that_is_printed_and_serves_to_compare(app, small, tmp_path):
    arguments = ["benchmark", "--case=forward", "--cells=3,5", "--dtype=float64", "--repeats=1"]
    before = jax.config.jax_enable_x64, jax.config.jax_enable_compilation_cache
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["results"]
    assert [(r["name"], r["cells"], r["dtype"]) for r in rows] == [
        ("forward", 3, "float64"), ("forward", 5, "float64"),
    ]  # fmt: skip
    assert all(r["cell_years_per_cpu_second"] > 0 and 0 < r["floor_fraction"] for r in rows)
    assert before == (jax.config.jax_enable_x64, jax.config.jax_enable_compilation_cache)
    # the run before was a hundred times as fast on five cells as on three
    rows[1]["cell_years_per_cpu_second"] = 100 * rows[0]["cell_years_per_cpu_second"]
    old = tmp_path / "old.json"
    old.write_text(json.dumps({"results": rows}))
    guarded = CliRunner().invoke(app, [*arguments, f"--compare={old}"])
    assert guarded.exit_code == 1
    assert "slower: 5 / 3 cells, forward, float64, 10 years" in guarded.stderr
    rows[1]["cells"], rows[0]["cells"] = 50, 30
    old.write_text(json.dumps({"results": rows}))
    apart = CliRunner().invoke(app, [*arguments, f"--compare={old}"])
    assert apart.exit_code == 1 and "nothing to compare" in apart.stderr


@pytest.mark.parametrize("text", ["{}", "[", '{"results": [{"name": "forward"}]}'])
def test_another_file_cannot_be_compared_with(tmp_path, text):
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(DataError, match="temjax benchmark --json"):
        read_results(tmp_path / "old.json")


def test_the_command_and_the_tile_are_declared():
    text = (Path(temjax.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert 'benchmark = "temjax.command.benchmark.command:benchmark"' in text
    assert 'regional-tile = "temjax.regional.command.benchmark:tile_case"' in text


@pytest.mark.slow
def test_unknown_flags_are_found_without_harm():
    assert known_flags((*TUNED_FLAGS, "--xla_no_such_flag=1")) == known_flags()


@pytest.mark.slow
def test_tuned_runs_say_what_was_set():
    plan = benchmark.make_plan("forward,forward-no-heat,gradient", "8", "1", "float32", 1)
    rows = benchmark.tuned_results(plan)
    assert [row["name"] for row in rows] == ["forward-tuned", "forward-no-heat-tuned"]
    for row in rows:
        assert row["cell_years_per_cpu_second"] > 0
        assert "NPROC=1" in row["flags"] and "XLA_FLAGS=" in row["flags"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["forward", "forward-16-substeps", "forward-no-heat", "gradient", "equilibrium"]
)
def test_cases_of_the_model_run(name):
    found = measure(benchmark.CASES[name](2, 2), 1)
    assert found.cell_years >= 4

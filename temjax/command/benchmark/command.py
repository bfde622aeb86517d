"""``temjax benchmark``: speed, memory and compile time of the model on this machine."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jax
import typer
from rich.console import Console
from rich.table import Table

from temjax.command.benchmark.cases import CASES
from temjax.command.benchmark.child import as_text, first_results, run_with, tuned_settings
from temjax.command.benchmark.compare import LARGE, read_results, regressions
from temjax.command.benchmark.measure import (
    Measurement,
    device_used,
    floor_seconds,
    machine_rates,
    measure,
)
from temjax.command.main import errors, load_group
from temjax.files.findings import DataError, Finding, nearest
from temjax.files.names import split_names
from temjax.runtime.terminal import print_table

REGRESSED = 1  # exit code
DEFAULT_CASES = ("forward", "forward-16-substeps", "forward-no-heat", "gradient")
DTYPES = ("float32", "float64")
MEGA = 1e6


@dataclass(frozen=True)
class Plan:
    """Cases and sizes to measure."""

    cases: tuple[str, ...]
    cells: tuple[int, ...]
    years: tuple[int, ...]
    dtypes: tuple[str, ...]
    repeats: int


def available() -> dict:
    """Cases by name: those of the model and of the other packages."""
    return CASES | load_group("temjax.benchmarks")


def _option_error(option: str, message: str, mend: str) -> DataError:
    return DataError([Finding(option, "", "", message, mend)])


def _parse_numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        values = tuple(int(part) for part in split_names(text, ()))
    except ValueError:
        values = ()
    if not values or min(values) < 1:
        mend = "Give whole numbers from 1 on, separated by commas: 1,100,1000."
        raise _option_error(option, f"{text!r} is not understood", mend)
    return values


def _parse_names(option: str, text: str, default: tuple[str, ...], known: tuple) -> tuple[str, ...]:
    chosen = known if text == "all" else split_names(text or None, default)
    for name in chosen:
        if name not in known:
            raise _option_error(option, f"{name!r} is not known", nearest(name, known))
    return chosen


def make_plan(case: str, cells: str, years: str, dtype: str, repeats: int) -> Plan:
    """Plan from the options of the command.

    Raises:
        DataError: naming the option and its remedy.
    """
    return Plan(
        cases=_parse_names("--case", case, DEFAULT_CASES, tuple(available())),
        cells=_parse_numbers("--cells", cells),
        years=_parse_numbers("--years", years),
        dtypes=_parse_names("--dtype", dtype, DTYPES, DTYPES),
        repeats=repeats,
    )


def record(name: str, cells: int, years: int, dtype: str, result: Measurement) -> dict:
    """Record of a measurement as ``--json`` prints it; times in seconds, memory in MB."""
    row = {
        "name": name,
        "cells": cells,
        "dtype": dtype,
        "years": years,
        "device": device_used().device_kind,
        "compile_seconds": round(result.compile_seconds, 2),
        "seconds": result.seconds,
        "cpu_seconds": result.cpu_seconds,
        "cell_years": result.cell_years,
        "cell_years_per_second": result.cell_years / result.seconds,
        "cell_years_per_cpu_second": result.cell_years / result.cpu_seconds,
        "program_memory_mb": result.memory_bytes and result.memory_bytes / MEGA,
        "peak_memory_mb": result.peak_bytes / MEGA,
        "operations": None,
        "bytes": result.moved_bytes,
        "floor_seconds": None,
        "floor_fraction": None,
        "flags": "default",
    }
    if result.work is not None:
        least = floor_seconds(result.work, result.moved_bytes, machine_rates(dtype))
        took = result.cpu_seconds if device_used().platform == "cpu" else result.seconds
        row |= {
            "operations": result.work.arithmetic + result.work.transcendental,
            "floor_seconds": least,
            "floor_fraction": least / took,
        }
    return row


def run_plan(plan: Plan) -> Iterator[dict]:
    """Records one by one, without the cache of compiled programs."""
    known = available()
    before = jax.config.jax_enable_x64, jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        for dtype in plan.dtypes:
            for years in plan.years:
                for cells in plan.cells:
                    for name in plan.cases:
                        jax.config.update("jax_enable_x64", dtype == "float64")
                        errors.print(f"{name}, {cells} cells, {years} years, {dtype} …")
                        result = measure(known[name](cells, years), plan.repeats)
                        yield record(name, cells, years, dtype, result)
    finally:
        jax.config.update("jax_enable_x64", before[0])
        jax.config.update("jax_enable_compilation_cache", before[1])


def tuned_results(plan: Plan) -> list[dict]:
    """Records of forward runs in a process with tuned compiler flags and threads.

    Raises:
        DataError: not on a CPU.
    """
    if device_used().platform != "cpu":
        raise _option_error("--tuned", "these flags are for CPUs", "Leave --tuned out.")
    settings = tuned_settings()
    cases = [name for name in plan.cases if name.startswith("forward")] or ["forward"]
    errors.print(f"{', '.join(cases)} with {as_text(settings)}", soft_wrap=True)
    lists = {"case": cases, "cells": plan.cells, "years": plan.years, "dtype": plan.dtypes}
    arguments = ["--json", f"--repeats={plan.repeats}"]
    arguments += [f"--{key}={','.join(map(str, value))}" for key, value in lists.items()]
    results = json.loads(run_with(settings, arguments))["results"]
    flags = as_text(settings)
    return [row | {"name": f"{row['name']}-tuned", "flags": flags} for row in results]


def _table(results: list[dict]) -> Table:
    table = Table(
        title=f"temjax benchmark on {device_used().device_kind}", title_justify="left", box=None
    )
    table.add_column("case", no_wrap=True)
    for name in ("cells", "years"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("dtype", no_wrap=True)
    for name in ("compile s", "run s", "CPU-s", "cell-years/s", "per CPU-s", "program MB",
                 "peak MB", "floor"):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for row in results:
        memory, reached = row["program_memory_mb"], row["floor_fraction"]
        table.add_row(
            row["name"], f"{row['cells']}", f"{row['years']}", row["dtype"],
            f"{row['compile_seconds']:.1f}", f"{row['seconds']:.3f}", f"{row['cpu_seconds']:.3f}",
            f"{row['cell_years_per_second']:,.0f}", f"{row['cell_years_per_cpu_second']:,.0f}",
            "–" if memory is None else f"{memory:,.1f}", f"{row['peak_memory_mb']:,.0f}",
            "–" if reached is None else f"{reached:.0%}",
        )  # fmt: skip
    return table


def benchmark(
    case: Annotated[
        str, typer.Option(help="Cases, comma-separated, or all; see docs/cli.md.")
    ] = ",".join(DEFAULT_CASES),
    cells: Annotated[str, typer.Option(help="Batch sizes, comma-separated.")] = "1,100,1000",
    years: Annotated[str, typer.Option(help="Lengths of the run, comma-separated.")] = "10",
    dtype: Annotated[str, typer.Option(help="float32, float64 or both.")] = "float32,float64",
    repeats: Annotated[int, typer.Option(min=1, help="Runs the median is taken of.")] = 5,
    device: Annotated[
        str | None, typer.Option(help="cpu, gpu or tpu; JAX's default otherwise.")
    ] = None,
    tuned: Annotated[
        bool, typer.Option("--tuned", help="Forward runs also with flags for them only.")
    ] = False,
    start_up: Annotated[
        bool, typer.Option("--start-up", help="Also time to a first result, cold and warm.")
    ] = False,
    compare: Annotated[
        Path | None,
        typer.Option(help="Earlier --json output; exit code 1 if a ratio grew much."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Time the model on synthetic cells; compilation apart, median of repeats.

    Examples: temjax benchmark --cells 1,1000 --dtype float32; temjax benchmark --tuned --json
    """
    plan = make_plan(case, cells, years, dtype, repeats)
    old = read_results(compare) if compare else None
    if device is not None:
        try:
            jax.config.update("jax_default_device", jax.devices(device)[0])
        except RuntimeError as error:
            raise _option_error(
                "--device", str(error), "Choose a device temjax doctor lists."
            ) from error
    results = list(run_plan(plan))
    results += tuned_results(plan) if tuned else []
    start_ups = first_results() if start_up else {}
    if as_json:
        document = {"results": results} | ({"first_result_seconds": start_ups} if start_ups else {})
        typer.echo(json.dumps(document, indent=1))
    else:
        console = Console(highlight=False)
        print_table(console, _table(results))
        for flags in sorted({row["flags"] for row in results} - {"default"}):
            console.print(f"…-tuned: {flags}", soft_wrap=True)
        for name, seconds in start_ups.items():
            console.print(f"first result of a new process, {name}: {seconds:.1f} s")
    if old is not None:
        _compare(results, old)


def _compare(new: list[dict], old: list[dict]) -> None:
    """End with exit code 1 where a ratio grew too much, or nothing could be compared."""
    worse, shared = regressions(new, old)
    for line in worse:
        errors.print(f"slower: {line}", style="red", soft_wrap=True)
    if not shared:
        errors.print("nothing to compare: no case, size and precision is in both", style="red")
    if worse or not shared:
        raise typer.Exit(REGRESSED)
    errors.print(f"{shared} ratios compared, none grew to more than {LARGE} times the old one")

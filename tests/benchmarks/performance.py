"""The table of ``docs/performance.md``, measured on this machine.

``python -m tests.benchmarks.performance FOLDER [--write]`` runs every job as a user does, with the
cache of compiled programs in FOLDER, prints the table as Markdown and, with ``--write``, puts it
between the marks of the page. It takes some fifteen minutes on two cores.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path

from temjax.command.benchmark.child import COMMAND
from temjax.runtime.machine import usable_cores

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
EXPERIMENT = ROOT / "regional" / "experiments" / "qtp-analogue.toml"


def seconds(words: list[str], cache: Path, repeats: int = 1) -> float:
    """Median wall time of a command."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run(words, cache)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def run(words: list[str], cache: Path) -> str:
    """What ``temjax WORDS`` prints.

    Raises:
        SystemExit: it failed, with what it said.
    """
    done = subprocess.run(
        [*COMMAND, *words],
        env=os.environ | {"TEMJAX_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"temjax {' '.join(words)}: {done.stderr[-2000:]}")
    return done.stdout


def start_up(folder: Path) -> Iterator[tuple[str, str]]:
    """Short commands and one place: what, and how long."""
    new, warm = folder / "new", folder / "warm"
    for text, words in (("temjax --help", ["--help"]), ("temjax sites", ["sites"])):
        yield f"`{text}`, median of five", f"{seconds(words, warm, 5):.2f} s"
    simulate = ["simulate", "haibei-meadow", "--out", str(folder / "run.nc")]
    yield (
        "`temjax simulate haibei-meadow`, 104 years after the equilibrium: new / programs kept",
        f"{seconds(simulate, new):.0f} / {seconds(simulate, new):.1f} s",
    )


def long_jobs(folder: Path) -> Iterator[tuple[str, str]]:
    """A fit, the demonstration and a region as a user runs them: what, and how long."""
    fit = ["calibrate", "haibei-meadow", "--out", str(folder / "fit")]
    yield (
        "`temjax calibrate haibei-meadow`, 11 numbers, 16 starts, intervals, report: new / kept",
        f"{seconds(fit, folder / 'fit-new'):.0f} / {seconds(fit, folder / 'fit-new'):.0f} s",
    )
    demo = ["demo", "--out", str(folder / "demo")]
    yield (
        "`temjax demo`: a tower, its fit, a region: new / kept",
        f"{seconds(demo, folder / 'demo-new'):.0f} / {seconds(demo, folder / 'demo-new'):.0f} s",
    )
    region = folder / "region"
    first = seconds(["project", str(EXPERIMENT), "--out", str(region)], folder / "region-new")
    yield (
        "`temjax project qtp-analogue.toml`, 424 cells, 8 member pairs, 1 146 496 cell-years, "
        "two workers, new",
        f"{first:.0f} s",
    )
    yield (
        "`temjax report` of that run",
        f"{seconds(['report', str(region)], folder / 'region-new'):.0f} s",
    )


def rate(result: dict) -> str:
    return f"{result['cell_years_per_cpu_second']:,.0f} cell-years per CPU-second"


def by_name(text: str) -> dict[str, dict]:
    """Results of ``temjax benchmark --json`` with XLA's default flags, by case."""
    return {r["name"]: r for r in json.loads(text)["results"] if r["flags"] == "default"}


def benchmarks(folder: Path) -> Iterator[tuple[str, str]]:
    """Cases of ``temjax benchmark``, 1 000 cells, CPU time."""
    cases = "forward,forward-16-substeps,forward-no-heat"
    common = ["benchmark", "--cells", "1000", "--json", "--repeats", "3"]
    single = by_name(run([*common, "--case", cases, "--dtype", "float32"], folder / "b"))
    double = by_name(run([*common, "--case", "forward", "--dtype", "float64"], folder / "b"))
    texts = {
        "forward": "whole model",
        "forward-16-substeps": "whole model, 16 sub-steps a month as in regional runs",
        "forward-no-heat": "without soil heat",
    }
    for name, text in texts.items():
        yield (
            f"{text}, 1 000 cells, float32",
            rate(single[name]),
        )
    yield (
        "whole model, 1 000 cells, float64",
        rate(double["forward"]),
    )
    short = ["benchmark", "--cells", "1000", "--years", "2", "--json", "--repeats", "3",
             "--case", "forward,gradient", "--dtype", "float32"]  # fmt: skip
    pair = by_name(run(short, folder / "b"))
    ratio = pair["gradient"]["cpu_seconds"] / pair["forward"]["cpu_seconds"]
    yield "value and gradient in 101 parameters of every cell, beside the run", f"{ratio:.1f} times"
    words = ["benchmark", "--case", "equilibrium", "--cells", "128", "--dtype", "float64",
             "--json", "--repeats", "3"]  # fmt: skip
    result = by_name(run(words, folder / "b"))["equilibrium"]
    each = 1e3 * result["cpu_seconds"] / result["cells"]
    yield "equilibrium with soil heat, 128 cells, float64", f"{each:.0f} ms of CPU a cell"


def machine() -> str:
    """This machine and day, in a line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = re.findall(r"model name\s*:\s*(.+)", info.read_text(encoding="utf-8"))
        model = names[0] if names else model
    return (
        f"{usable_cores()} cores ({model}), {platform.system()}, "
        f"Python {platform.python_version()}, "
        f"jax {version('jax')}, temjax {version('temjax')}, {date.today():%d %B %Y}"
    )


def table(folder: Path, parts: list[Callable]) -> str:
    """The measurements as Markdown, each told on stderr as it comes."""
    lines = [f"Machine: {machine()}.", "", "| job | measured |", "|---|---|"]
    for part in parts:
        for job, result in part(folder):
            print(f"{job}: {result}", file=sys.stderr, flush=True)
            lines.append(f"| {job} | {result.replace(',', ' ')} |")
    return "\n".join(lines)


PARTS = {"start-up": start_up, "model": benchmarks, "jobs": long_jobs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="an empty folder for caches and results")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    parser.add_argument("--parts", default=",".join(PARTS), help="of the table, comma-separated")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    if any(chosen.folder.iterdir()):
        raise SystemExit(f"{chosen.folder} is not empty: programs kept there would count as new")
    text = table(chosen.folder.resolve(), [PARTS[name] for name in chosen.parts.split(",")])
    print(text)
    if chosen.write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()

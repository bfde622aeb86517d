"""``temjax demo``: the whole workflow on embedded data.

Its stages are functions of the entry-point group ``temjax.demo``,
``stage(out, console, context) -> rows`` with an attribute ``order``. They pass results to later
ones in ``context`` (the fit its parameter file). The model imports none of them.
"""

import time
from pathlib import Path
from typing import Annotated

import jax
import typer
from rich.console import Console
from rich.table import Table

from temjax.command.main import console, few_cells_command, load_group
from temjax.runtime.machine import usable_cores
from temjax.runtime.terminal import print_table

SummaryRows = list[tuple[str, str]]


def device_text() -> str:
    """Device of the computations and its precision, in words."""
    device = jax.devices()[0]
    cores = f", {usable_cores()} cores" if device.platform == "cpu" else ""
    width = "float64" if jax.config.jax_enable_x64 else "float32"
    return f"{device.device_kind} ({device.platform}{cores}), {width}"


def run_demo(out: Path, stages: list, console: Console) -> SummaryRows:
    """Run the stages in their order and print a summary.

    Args:
        out: output folder; made if absent.
        stages: stage functions.
        console: for progress and the summary.

    Returns:
        The summary rows of all stages, then device, elapsed time and folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    console.print(f"temjax demo on {device_text()}; writing to {out.resolve()}")
    started = time.perf_counter()
    context: dict = {}
    rows: SummaryRows = []
    ordered = sorted(stages, key=lambda stage: stage.order)
    for number, stage in enumerate(ordered, start=1):
        summary = (stage.__module__.partition(".")[0]).capitalize()
        console.rule(f"{number}/{len(ordered)} {summary}")
        stage_started = time.perf_counter()
        rows += stage(out, console, context)
        rows.append((f"{summary.lower()}: elapsed", f"{time.perf_counter() - stage_started:.0f} s"))
    rows += [
        ("device", device_text()),
        ("elapsed in all", f"{time.perf_counter() - started:.0f} s"),
        ("everything is in", str(out.resolve())),
    ]
    table = Table(title="temjax demo", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(*row)
    print_table(console, table)
    return rows


@few_cells_command
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo writes.")] = Path(
        "temjax-demo"
    ),
) -> None:
    """Simulate a tower, fit it, project a region: embedded data, a few minutes.

    Examples: temjax demo; temjax demo --out /tmp/demo
    """
    run_demo(out, list(load_group("temjax.demo").values()), console)

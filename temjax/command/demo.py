"""``temjax demo``: the main job from end to end on embedded data.

The stages come from the entry-point group ``temjax.demo``: functions
``stage(out, console, context) -> rows`` with an attribute ``order``. A stage may leave something
for later ones in ``context`` (the fit leaves its parameter file). The model imports none of them.
"""

import time
from pathlib import Path
from typing import Annotated

import jax
import typer
from rich.console import Console
from rich.table import Table

from temjax.command.main import console, load_group, of_few_cells
from temjax.runtime.machine import usable_cores

Rows = list[tuple[str, str]]


def device_text() -> str:
    """The device computations run on, in words."""
    device = jax.devices()[0]
    cores = f", {usable_cores()} cores" if device.platform == "cpu" else ""
    width = "float64" if jax.config.jax_enable_x64 else "float32"
    return f"{device.device_kind} ({device.platform}{cores}), {width}"


def run_demo(out: Path, stages: list, console: Console) -> Rows:
    """Run the stages in their order and print a summary.

    Args:
        out: folder everything is written to; made if absent.
        stages: stage functions.
        console: for progress and the summary.

    Returns:
        The summary rows of all stages, then device, elapsed time and folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    console.print(f"temjax demo on {device_text()}; writing to {out.resolve()}")
    started = time.perf_counter()
    context: dict = {}
    rows: Rows = []
    ordered = sorted(stages, key=lambda stage: stage.order)
    for number, stage in enumerate(ordered, start=1):
        summary = (stage.__module__.partition(".")[0]).capitalize()
        console.rule(f"{number}/{len(ordered)} {summary}")
        begun = time.perf_counter()
        rows += stage(out, console, context)
        rows.append((f"{summary.lower()}: elapsed", f"{time.perf_counter() - begun:.0f} s"))
    rows += [
        ("device", device_text()),
        ("elapsed in all", f"{time.perf_counter() - started:.0f} s"),
        ("everything is in", str(out.resolve())),
    ]
    table = Table(title="temjax demo", show_header=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    return rows


@of_few_cells
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo writes.")] = Path(
        "temjax-demo"
    ),
) -> None:
    """Simulate a tower, fit it, project a region: embedded data, a few minutes.

    Examples: temjax demo; temjax demo --out /tmp/demo
    """
    run_demo(out, list(load_group("temjax.demo").values()), console)

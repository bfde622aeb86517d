"""``temjax sensitivity``: ranked table and tornado plots of one site."""

import csv
import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from temjax.calibration.checkpoint import FitError
from temjax.calibration.figures import label as short_label
from temjax.calibration.objective import Objective
from temjax.calibration.sensitivity import CLIMATE, DEFAULT_OUTPUTS, Sensitivity, sensitivities
from temjax.calibration.targets import STOCK_TARGETS, stock_target
from temjax.command.main import (
    DATA_ERROR,
    console,
    errors,
    few_cells_command,
    print_line,
)
from temjax.files.atomic import write_text
from temjax.files.findings import DataError
from temjax.files.names import split_names
from temjax.runtime.machine import command_line
from temjax.runtime.terminal import print_table
from temjax.sites import options
from temjax.sites.cli import open_sites
from temjax.sites.figures import SIMULATED_COLOUR
from temjax.sites.readers.record import Reading

CLIMATE_STEPS = ("+1 K", "+10 %", "+10 %")
SHOWN = 12
ROUNDING = 1e-12  # share of an output below which its change is none
TOO_SMALL = "next to nothing to scale by (a season: less than 1 % of the year)"


@few_cells_command
@options.reads_towers
def sensitivity(
    place: options.Place,
    out: Annotated[Path, typer.Option(help="Folder for table, record and plots.")],
    site: options.SiteFiles = None,
    reading: Reading = Reading(),
    of: Annotated[
        str, typer.Option(help="nep, gpp, npp, rh, reco, eet, soc, son, vegc, alt.")
    ] = ",".join(DEFAULT_OUTPUTS),
    tunable: Annotated[
        str | None, typer.Option(help="Parameters by our names, TEM symbols or groups.")
    ] = None,
    points: Annotated[
        int, typer.Option(help="Points of the prior to average over; the first its centre.", min=1)
    ] = 8,
    seed: Annotated[int, typer.Option(help="Of the points.")] = 0,
) -> None:
    """Elasticities of outputs to parameters and climate, by automatic differentiation.

    Examples: temjax sensitivity haibei-meadow --out sens --of nep,alt --points 16
    """
    (opened,) = open_sites([place], site, reading)
    names = split_names(tunable, ("default",))
    outputs = split_names(of, DEFAULT_OUTPUTS)
    # An objective needs a target; sensitivities do not depend on it.
    unused = stock_target(STOCK_TARGETS[0], 1.0, 1.0)
    try:
        objective = Objective.of(opened, names, (), extra_targets=(unused,))
        for line in (f"note: {note}" for note in objective.notes):
            print_line(console, line)
        with console.status(f"{opened.name}: derivatives at {points} points"):
            result = sensitivities(objective, outputs, points=points, seed=seed, site=opened)
    except FitError as error:
        print_line(errors, f"error: {error}")
        raise typer.Exit(DATA_ERROR) from error
    except DataError:
        raise
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    paths = write_sensitivity(result, out, command=command_line())
    for output in outputs:
        print_table(console, ranking_table(result, output))
    print_table(console, climate_table(result))
    print_line(console, f"written to {out}: {', '.join(path.name for path in paths)}")


def ranking_table(result: Sensitivity, output: str) -> Table:
    """Table of the strongest parameters of one output."""
    row = result.outputs.index(output)
    table = Table(
        title=f"{output}: {result.values[row]:.4g} {result.units[row]}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        caption="Effect of one prior sd, relative to the output (NEP: to annual GPP)."
        + ("" if np.isfinite(result.scale[row]) else f" –: {TOO_SMALL}."),
    )
    for column in ("parameter", "elasticity", "effect at the centre", "over the prior"):
        table.add_column(column, justify="left" if column == "parameter" else "right", no_wrap=True)
    for name, average in result.ranking(output)[:SHOWN]:
        column = result.names.index(name)
        value = result.elasticity[row, column]
        table.add_row(
            name,
            "–" if name in result.per_sd else share_text(value),
            share_text(result.per_prior_sd[row, column]),
            share_text(average).removeprefix("+"),
        )
    return table


def share_text(value: float) -> str:
    """A share with three decimals and its sign, a dash where it is not defined."""
    return f"{value:+.3f}" if np.isfinite(value) else "–"


def climate_table(result: Sensitivity) -> Table:
    """Table of the change of every output with temperature, precipitation and CO2."""
    table = Table(title="Climate moved in every year", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("output", no_wrap=True)
    for name, step in zip(CLIMATE, CLIMATE_STEPS, strict=True):
        table.add_column(f"{name} {step}", justify="right", no_wrap=True)
    for row, (output, unit) in enumerate(zip(result.outputs, result.units, strict=True)):
        least = ROUNDING * max(abs(result.values[row]), 1.0)
        changes = (f"{x:+.3g}" if abs(x) > least else "0" for x in result.climate[row])
        table.add_row(f"{output} ({unit})", *changes)
    return table


def write_sensitivity(result: Sensitivity, out: Path, *, command: str) -> list[Path]:
    """Write table (CSV), record (JSON) and tornado plots (PNG)."""
    out.mkdir(parents=True, exist_ok=True)
    stem = f"{result.site}-sensitivity"
    table, record, plot = (out / f"{stem}.{end}" for end in ("csv", "json", "png"))
    rows = result.table()
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    content = {
        "site": result.site,
        "command": command,
        "points": result.points,
        "model_years": result.model_years,
        "outputs": {
            name: {
                "value": float(value),
                "unit": unit,
                "scale": float(scale) if np.isfinite(scale) else None,
            }
            for name, value, unit, scale in zip(
                result.outputs, result.values, result.units, result.scale, strict=True
            )
        },
        "sensitivity": rows,
        "climate": {
            output: dict(zip(CLIMATE, map(float, changes), strict=True))
            for output, changes in zip(result.outputs, result.climate, strict=True)
        },
        "climate_steps": dict(zip(CLIMATE, CLIMATE_STEPS, strict=True)),
        "scaled_by": "the output's own size; NEP by annual GPP, in the seasons too",
        "null": TOO_SMALL,
    }
    write_text(record, json.dumps(content, indent=1, allow_nan=False))
    tornado_figure(result).savefig(plot, dpi=150)
    return [table, record, plot]


def tornado_figure(result: Sensitivity) -> Figure:
    """Tornado plots: effect of one prior standard deviation on annual outputs and stocks."""
    annual = [name for name in result.outputs if " " not in name]
    columns = min(3, len(annual))
    lines = -(-len(annual) // columns)
    shown = min(SHOWN, len(result.names))
    size = (4.6 * columns, (0.9 + 0.26 * shown) * lines)
    figure = Figure(figsize=size, layout="constrained")
    axes = np.ravel(figure.subplots(lines, columns, squeeze=False))
    for axis, output in zip(axes, annual, strict=False):
        row = result.outputs.index(output)
        names = [name for name, _ in result.ranking(output)[:shown]][::-1]
        rows = np.arange(len(names))
        effect = [100 * result.per_prior_sd[row, result.names.index(name)] for name in names]
        mean_effect = [100 * result.mean_effect[row, result.names.index(name)] for name in names]
        axis.barh(rows, effect, color=SIMULATED_COLOUR, height=0.7, label="at the centre")
        sign = np.where(np.asarray(effect) < 0, -1.0, 1.0)
        axis.plot(
            sign * mean_effect, rows, "|", ms=9, color="#1f2933", label="mean over the points"
        )
        axis.set_yticks(rows, [short_label(name) for name in names], fontsize=7)
        axis.axvline(0, color="0.6", lw=0.8)
        axis.set_title(
            f"{output.upper()}: {result.values[row]:.4g} {result.units[row]}", fontsize=9
        )
        axis.set_xlabel("change per prior sd (%" + (" of annual GPP)" if output == "nep" else ")"))
    for axis in axes[len(annual) :]:
        axis.set_visible(False)
    axes[0].legend(frameon=False, fontsize=7)
    figure.suptitle(f"{result.site}: sensitivity")
    return figure

"""``temjax attribute`` and ``temjax region-sensitivity``: causes and uncertainty of results."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from temjax.command.main import console, few_cells_command
from temjax.parameters.registry import resolve_name
from temjax.regional.command.choices import names, select_experiment
from temjax.regional.command.options import Data, Members, Scenarios, UnfittedTypes
from temjax.regional.diagnostics import tables
from temjax.regional.inputs.domain import load_domain
from temjax.regional.studies.attribution import CONSTANT_CLIMATE_YEARS, attribute
from temjax.regional.studies.attribution_report import drivers_table, read_attributions
from temjax.regional.studies.parameter_sources import parameter_sources
from temjax.regional.studies.sensitivity import DEFAULT_PARAMETERS
from temjax.regional.studies.sensitivity_run import (
    region_sensitivity,
    uncertain_names,
    uncertainty_table,
    write_sensitivity,
)
from temjax.runtime.terminal import print_table

FITTED = "fitted"  # among the names of --parameters


@few_cells_command
def attribute_command(
    experiment: Annotated[Path, typer.Argument(help="Experiment TOML of a finished project.")],
    out: Annotated[Path, typer.Option(help="Its --out folder.")],
    members: Members = None,
    scenarios: Scenarios = None,
    cells: Annotated[str | None, typer.Option(help="The --cells the project was run with.")] = None,
    data: Data = None,
    held_years: Annotated[
        int, typer.Option(min=1, help="Last years of history that a held climate repeats.")
    ] = CONSTANT_CLIMATE_YEARS,
) -> None:
    """Climate, CO2 and thaw exposure one at a time, from the branch state of a project.

    Examples: temjax attribute region.toml --out runs/a
    """
    settings = select_experiment(experiment, members, scenarios, cells, data)
    for path in attribute(settings, out, console, held_years):
        console.print(str(path), soft_wrap=True)
    show_table(console, drivers_table(read_attributions(out)))


def sensitivity_command(
    experiment: Annotated[Path, typer.Argument(help="Experiment TOML.")],
    out: Annotated[Path, typer.Option(help="Folder for NetCDF, maps and totals.")],
    parameters: Annotated[
        str | None,
        typer.Option(help="Comma-separated; 'fitted', also with others: all that fits freed."),
    ] = None,
    members: Members = None,
    scenarios: Scenarios = None,
    cells: Annotated[str | None, typer.Option(help="bbox:west,south,east,north.")] = None,
    data: Data = None,
    samples: Annotated[
        int, typer.Option(min=0, help="Parameter samples beside linear propagation.")
    ] = 0,
    unfitted: UnfittedTypes = "prior",
) -> None:
    """Derivatives of ΣΔNEP, SOC_PF and active layer per cell, and regional uncertainty.

    Examples: temjax region-sensitivity region.toml --out sens --parameters fitted --samples 40
    """
    settings = select_experiment(experiment, members, scenarios, cells, data)
    chosen = names(parameters) or list(DEFAULT_PARAMETERS)
    fitted = FITTED in chosen
    try:
        others = [resolve_name(name) for name in chosen if name != FITTED]
    except KeyError as error:
        raise typer.BadParameter(error.args[0], param_hint="--parameters") from error
    sources, notes = [], []
    if fitted or samples:
        types = sorted(set(load_domain(settings).vegetation) - {""})
        sources, notes = parameter_sources(settings, types, unfitted)
    for note in notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    chosen = dict.fromkeys([*(uncertain_names(sources) if fitted else []), *others])
    for member, scenario, result in region_sensitivity(
        settings, tuple(chosen), sources, samples, console
    ):
        for path in write_sensitivity(settings, member, scenario, result, out):
            console.print(str(path), soft_wrap=True)
        if sources:
            show_table(console, uncertainty_table(result))


def show_table(console: Console, content: tables.Table) -> None:
    """Print a table of a report."""
    table = Table(title=content.caption, caption=content.note)
    for name in content.head:
        table.add_column(name, no_wrap=True)
    for row in content.rows:
        table.add_row(*row)
    print_table(console, table)

"""``temjax domain``: the domain of a run as a file, a figure and a table of what changed."""

from pathlib import Path
from typing import Annotated

import typer

from temjax.command.main import console, cpu_command, errors, print_line
from temjax.regional.command.options import Data


@cpu_command
def domain_command(
    experiment: Annotated[Path, typer.Argument(help="Experiment TOML.", show_default=False)],
    out: Annotated[
        Path, typer.Option(help="NetCDF file; figure and table beside it.", show_default=False)
    ],
    data: Data = None,
) -> None:
    """Write the cells of a region as NetCDF, draw them, and show what its maps became.

    Examples: temjax domain region.toml --out domain.nc
    """
    from rich.table import Table

    from temjax.regional.command.choices import select_experiment
    from temjax.regional.figures.domain_figure import domain_figure
    from temjax.regional.inputs.domain import load_domain
    from temjax.regional.inputs.grids.faults import one_a_fault
    from temjax.regional.results.domain_file import (
        COLUMNS,
        change_row,
        domain_table,
        write_changes,
        write_domain_file,
    )
    from temjax.runtime.terminal import print_table

    if out.suffix != ".nc":
        raise typer.BadParameter(f"{out.name}: give a name that ends in .nc", param_hint="--out")
    settings = select_experiment(experiment, None, None, None, data)
    with console.status("maps"):
        domain = load_domain(settings)
    for note in domain.notes:
        print_line(errors, f"note: {note}")
    for fault in one_a_fault(domain.findings):
        print_line(errors, str(fault))
    write_domain_file(out, settings, domain)
    domain_figure(domain).savefig(out.with_suffix(".png"), dpi=120)
    if domain.changes:
        table = Table(*COLUMNS, title="What the maps became")
        for change in domain.changes:
            table.add_row(*change_row(change, "{:.6g}"))
        print_table(console, table)
        write_changes(out.with_suffix(".csv"), domain.changes)
    masked = f", of which {len(domain.findings):,} are masked" if domain.findings else ""
    print_line(console, f"{domain.size:,} cells, {domain.area.sum():,.0f} km2{masked}")
    print_line(console, "\nTo read this file in an experiment:\n")
    area = getattr(settings.domain, "cell_area_km2", None)
    print_line(console, domain_table(out, domain, area))

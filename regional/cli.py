"""``temjax project`` and the checker of experiment files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from regional.analysis import Row
from regional.checks import check
from regional.experiment import read_experiment
from regional.report import finish_member
from regional.run import project

__all__ = ["check", "register"]


def register(app: typer.Typer) -> None:
    """Add the ``project`` command."""

    @app.command("project")
    def project_command(
        experiment: Annotated[Path, typer.Argument(help="Experiment TOML.")],
        out: Annotated[Path, typer.Option(help="Folder for results and restart points.")],
        resume: Annotated[
            bool, typer.Option(help="Go on from the restart points of an interrupted run.")
        ] = False,
    ) -> None:
        """Run a region with and without thaw exposure and write NetCDF, figures and a summary."""
        console = Console()
        settings = read_experiment(experiment)
        console.print(f"[bold]{settings.title}[/]")
        for result in project(settings, out, resume=resume, console=console):
            rows, files = finish_member(settings, result, out)
            console.print(summary_table(f"{result.member} {result.scenario}", rows))
            for path in files:
                console.print(str(path), soft_wrap=True)


def summary_table(title: str, rows: list[Row]) -> Table:
    """The summary as a table for the console."""
    table = Table(title=title)
    table.add_column("quantity")
    table.add_column("value", justify="right")
    for row in rows:
        table.add_row(row.name, str(row))
    return table

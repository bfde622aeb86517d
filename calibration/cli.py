"""``temjax calibrate``: a first fit of one place."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from calibration.fit import DESCENT, FitError, FitResult, Method, fit
from calibration.objective import Objective
from calibration.report import fitted_run, misfit_rows, parameter_table, write_fit
from sites.cli import open_place
from sites.compare import comparison_table
from sites.provenance import command_line
from sites.site import Site

DEFAULT_FREE = (
    "cmax_scale",
    "respiration_rate_log",
    "kdc_scale",
    "nmax_scale",
    "conductivity_scale",
)
DEFAULT_TARGETS = ("net_ecosystem_production", "soil_temperature", "soil_organic_carbon")

console = Console(highlight=False)


def fit_with_progress(
    site: Site, objective: Objective, console: Console, *, steps: int, method: Method
) -> FitResult:
    """Fit with a bar that shows the loss."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("step {task.completed:.0f}/{task.total:.0f}, {task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"fit {site.name}", total=steps, loss="compiling")

        def advance(step: int, loss: float) -> None:
            progress.update(task, completed=step + 1, loss=f"loss {loss:.2f}")

        return fit(objective, method=method, steps=steps, progress=advance)


def names_of(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """A comma-separated option, or its default."""
    if text is None:
        return default
    return tuple(name.strip() for name in text.split(",") if name.strip())


def calibrate(
    place: Annotated[str, typer.Argument(help="Catalog name, FLUXNET monthly CSV or site TOML.")],
    out: Annotated[Path, typer.Option(help="Folder for parameters, record and figures.")],
    site: Annotated[
        Path | None, typer.Option(help="Site file with the facts a FLUXNET file lacks.")
    ] = None,
    tunable: Annotated[
        str | None, typer.Option(help="Parameters to free, by our names or TEM symbols.")
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="nep, gpp, reco, soil_temperature, soc, son; by default nep, "
            "soil_temperature, soc."
        ),
    ] = None,
    steps: Annotated[int, typer.Option(help="Model runs with gradient at most.", min=1)] = 12,
    method: Annotated[
        Literal["gauss_newton", "adam"],
        typer.Option(help="Gauss-Newton steps, or Adam (give it some 40 steps)."),
    ] = "gauss_newton",
) -> None:
    """Fit a few parameters of one place by gradient descent through its equilibrium."""
    where = open_place(place, site=site)
    try:
        objective = Objective.of(
            where,
            names_of(tunable, DEFAULT_FREE),
            names_of(targets, DEFAULT_TARGETS),
            options=DESCENT,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    out.mkdir(parents=True, exist_ok=True)
    try:
        result = fit_with_progress(where, objective, console, steps=steps, method=method)
    except FitError as error:
        console.print(f"temjax: {where.name}: {error}")
        raise typer.Exit(1) from error
    _, rows = fitted_run(where, result)
    paths = write_fit(where, result, rows, out, command=command_line())
    console.print(parameter_table(result))
    for name, value in misfit_rows(result):
        console.print(f"{name}: {value}")
    console.print(comparison_table(f"{where.title}: after the fit", rows))
    for note in where.notes:
        console.print(f"note: {note}")
    console.print(f"written to {out}: {', '.join(path.name for path in paths.values())}")


def register(app: typer.Typer) -> None:
    """Add this package's commands."""
    app.command(name="calibrate")(calibrate)

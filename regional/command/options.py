"""Options common to several commands of a region."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Data = Annotated[
    Path | None, typer.Option(help="Folder of the input, in place of the file's `folder`.")
]
Members = Annotated[str | None, typer.Option(help="Only these climate models, comma-separated.")]
Scenarios = Annotated[str | None, typer.Option(help="Only these scenarios, comma-separated.")]
CellsInBox = Annotated[
    str | None, typer.Option(help="Only cells in bbox:west,south,east,north (degrees).")
]
Resume = Annotated[bool, typer.Option(help="Go on from the restart points of an interrupted run.")]
Workers = Annotated[
    int | None, typer.Option(min=0, help="Processes, instead of the file's; 0: one per core.")
]
Scheduler = Annotated[
    str | None, typer.Option(help="tcp://host:port of a Dask cluster that takes the tiles.")
]
UnfittedTypes = Annotated[
    Literal["prior", "exact"],
    typer.Option(help="Vegetation types without a fit: drawn from the priors, or taken as exact."),
]
Draws = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Runs with parameters drawn from posteriors and priors.",
        show_default="0; with --from, those of the run",
    ),
]
Seed = Annotated[int | None, typer.Option(min=0, help="Of the draws.", show_default="1")]
DrawnUnfittedTypes = Annotated[
    Literal["prior", "exact"] | None,
    typer.Option(
        help="Vegetation types without a fit: drawn from the priors, or taken as exact.",
        show_default="prior",
    ),
]

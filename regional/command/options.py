"""Options common to several commands of a region."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Data = Annotated[
    Path | None, typer.Option(help="Folder of the input, in place of the file's `folder`.")
]
Members = Annotated[str | None, typer.Option(help="Only these climate models, comma-separated.")]
Scenarios = Annotated[str | None, typer.Option(help="Only these scenarios, comma-separated.")]
UnfittedTypes = Annotated[
    Literal["prior", "exact"],
    typer.Option(help="Vegetation types without a fit: drawn from the priors, or taken as exact."),
]

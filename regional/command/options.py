"""Options common to several commands of a region."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None, typer.Option(help="Folder of the input, in place of the file's `folder`.")
]
Members = Annotated[str | None, typer.Option(help="Only these climate models, comma-separated.")]
Scenarios = Annotated[str | None, typer.Option(help="Only these scenarios, comma-separated.")]

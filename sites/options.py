"""Options of the commands that open a tower, the same in every one of them."""

from pathlib import Path
from typing import Annotated

import typer

from temjax.sites.readers.record import Partition, Threshold

Place = Annotated[str, typer.Argument(help="Catalog name, tower's file or folder, or site TOML.")]
Places = Annotated[
    list[str], typer.Argument(help="Catalog names, towers' files or folders, or site TOMLs.")
]
SiteFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--site",
        help="Site file with the facts a tower's file lacks; once for every tower of your own, "
        "matched by fluxnet_id, else by order.",
    ),
]
PartitionOption = Annotated[
    Partition | None,
    typer.Option(
        "--partition",
        help="Day-time or night-time partition of GPP and RECO; by default DT, else NT.",
    ),
]
ThresholdOption = Annotated[
    Threshold | None,
    typer.Option(
        "--threshold",
        help="Friction-velocity threshold by year or constant; by default VUT, else CUT.",
    ),
]
Quality = Annotated[
    float,
    typer.Option(
        "--quality", min=0, max=1, help="Least share of measured data in a month of observations."
    ),
]
Fill = Annotated[
    bool,
    typer.Option(
        "--fill-from-climatology",
        help="Fill missing months of the climate with the mean of the same month.",
    ),
]
History = Annotated[
    str,
    typer.Option(
        "--history",
        help="Climate before the record: auto (reanalysis beside it, else the mean year), "
        "mean-year, or a file.",
    ),
]
SiteId = Annotated[
    str | None, typer.Option("--site-id", help="Site of a table that has several, such as ABCFlux.")
]

"""Options of the commands that open a tower, the same in every one of them."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Literal

import typer

from temjax.sites.readers.record import Partition, Reading, Threshold

Place = Annotated[str, typer.Argument(help="Catalog name, tower's file or folder, or site TOML.")]
Places = Annotated[
    list[str], typer.Argument(help="Catalog names, towers' files or folders, or site TOMLs.")
]
PlacesIfAny = Annotated[
    list[str] | None,
    typer.Argument(help="Catalog names, towers' files or folders, or site TOMLs."),
]
SiteFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--site",
        help="Site file with the facts a tower's file lacks; once for every tower of your own, "
        "matched by fluxnet_id, else by order.",
    ),
]
Soil = Annotated[
    Literal["bulk", "layered"],
    typer.Option(help="Soil carbon in one pool with a rule of thaw exposure, or in layers."),
]
RootingDepth = Annotated[
    Literal["fixed", "thaw"],
    typer.Option(help="Roots of soil in layers: at the depth of the set, or following thaw."),
]


def _of_reading(
    partition: Annotated[
        Partition | None,
        typer.Option(help="Day-time or night-time partition of GPP and RECO; else DT, else NT."),
    ] = None,
    threshold: Annotated[
        Threshold | None,
        typer.Option(help="Friction-velocity threshold by year or constant; else VUT, else CUT."),
    ] = None,
    quality: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Least share of measured data in a month of observations; else 0.5."
        ),
    ] = None,
    fill_from_climatology: Annotated[
        bool,
        typer.Option(
            "--fill-from-climatology",
            help="Fill missing months of the climate with the mean of the same month.",
        ),
    ] = False,
    history: Annotated[
        str,
        typer.Option(
            help="Climate before the record: auto (reanalysis beside it, else the mean year), "
            "mean-year, or a file: reanalysis, archive or folder that has one, gridded climate."
        ),
    ] = "auto",
    site_id: Annotated[
        str | None,
        typer.Option(help="Site of a table that has several, such as ABCFlux."),
    ] = None,
) -> Reading:
    """Choices of reading towers' files from their options."""
    return Reading(
        partition=partition,
        threshold=threshold,
        minimum_quality=quality,
        fill_from_climatology=fill_from_climatology,
        history=history,
        site_id=site_id,
    )


def gathers(gathered: str, of_options: Callable) -> Callable[[Callable], Callable]:
    """Decorator of a command one of whose parameters is put together from options of its own.

    Args:
        gathered: name of the parameter.
        of_options: that puts it together; its parameters are the options.
    """
    options = inspect.signature(of_options).parameters

    def decorate(command: Callable) -> Callable:
        own = inspect.signature(command).parameters

        @wraps(command)
        def run(**given):
            value = of_options(**{name: given.pop(name) for name in options})
            return command(**given, **{gathered: value})

        parameters = []
        for name, parameter in own.items():
            parameters += options.values() if name == gathered else [parameter]
        keyword = inspect.Parameter.KEYWORD_ONLY
        run.__signature__ = inspect.Signature([one.replace(kind=keyword) for one in parameters])
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate


# a command whose parameter ``reading`` is put together from the options of reading
reads_towers = gathers("reading", _of_reading)

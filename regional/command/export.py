"""``temjax export``: results of a region in the files of model intercomparisons."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from temjax.command.main import console, cpu_command
from temjax.regional.command.options import Data, Members, Scenarios


@cpu_command
def export_command(
    project: Annotated[
        Literal["wiemip", "isimip", "ilamb"], typer.Argument(help="Whose files to write.")
    ],
    folder: Annotated[Path, typer.Argument(help="The --out folder of a finished project.")],
    out: Annotated[Path, typer.Option(help="Folder for the files.", show_default=False)],
    model: Annotated[str, typer.Option(help="Name of the land model in the files.")] = "temjax",
    gcm: Annotated[
        str | None, typer.Option(help="Name of the climate model in the files; WIE-MIP: stable.")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Name of the scenario in the files; WIE-MIP: bgc, cou …")
    ] = None,
    members: Members = None,
    scenarios: Scenarios = None,
    climate: Annotated[
        bool, typer.Option("--climate", help="Read the forcing again for tas, pr, rsds.")
    ] = False,
    data: Data = None,
    force: Annotated[bool, typer.Option(help="Replace files of the same name.")] = False,
) -> None:
    """Write a region's results as WIE-MIP, ISIMIP3 or ILAMB ask for them, one variable a file.

    Examples: temjax export wiemip runs/a --out wiemip --gcm ukesm --experiment cou; temjax export
    ilamb runs/a --out ilamb
    """
    from temjax.regional.command.choices import names
    from temjax.regional.exports.export import export_run
    from temjax.regional.exports.planning import Naming

    export_run(
        folder, out, project, console, naming=Naming(model, gcm, experiment),
        members=names(members), scenarios=names(scenarios), climate=climate, data=data,
        force=force,
    )  # fmt: skip

"""``temjax cache``: months on disk of a region's climates, how much they are, and their end."""

from pathlib import Path
from typing import Annotated

import typer

from temjax.command.main import DATA_ERROR, console, cpu_command, errors, print_line


@cpu_command
def cache_command(
    source: Annotated[
        Path, typer.Argument(help="Experiment TOML, or a folder of months.", show_default=False)
    ],
    delete: Annotated[bool, typer.Option("--delete", help="Delete all of them.")] = False,
) -> None:
    """Show the months on disk that runs of a region have kept, or delete them.

    They are made anew from the files of the climate when a run needs them.

    Examples: temjax cache region.toml; temjax cache data/monthly --delete
    """
    from datetime import datetime

    from rich.table import Table

    from temjax.regional.climate.kept.cache import size_text
    from temjax.regional.climate.kept.room import contents, delete_all, free_bytes
    from temjax.regional.experiment.experiment import read_experiment
    from temjax.runtime.terminal import print_table

    folder = source if source.is_dir() else read_experiment(source).climate.months_folder
    if folder is None:
        print_line(console, "The climate is computed: it keeps no months.")
        return
    found = contents(folder)
    if delete and found.size:
        made = delete_all(folder)
        if not made.alone:
            print_line(errors, f"{folder}: in use by another process: nothing deleted")
            raise typer.Exit(DATA_ERROR)
        print_line(console, f"{folder}: {made.files} files deleted ({size_text(made.size)})")
        return
    table = Table("file", "size", "last used")
    for entry in (*found.remains, *found.entries):
        used = datetime.fromtimestamp(entry.used).isoformat(" ", "minutes")
        table.add_row(entry.path.name, size_text(entry.size), used)
    if found.size:
        print_table(console, table)
    number = len(found.entries) + len(found.remains)
    print_line(
        console, f"{folder}: {size_text(found.size)} in {number} files, "
        f"{size_text(free_bytes(folder))} free on the disk",
    )  # fmt: skip

"""``temjax site``: a site file to fill in."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from temjax.command.main import console, cpu_command, print_line
from temjax.sites.entry import parse_entry
from temjax.sites.site_file import site_file_text


@cpu_command
def site_file(
    file: Annotated[Path, typer.Argument(help="Tower's file, archive or folder, or any CSV.")],
    out: Annotated[Path, typer.Option(help="Site file (TOML) to write.")],
    site_id: Annotated[
        str | None, typer.Option(help="Site of a table of many, by its reference, name or id.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the site file.")] = False,
) -> None:
    """A site file to fill in, with what the tower's file says.

    Examples: temjax site FLX_XX-Abc_MM.csv --out my-site.toml; temjax site ABCFluxv2.csv --site-id
    US-ICs --out imnavait.toml; temjax site my-table.csv --out my-site.toml
    """
    if out.suffix != ".toml":
        raise typer.BadParameter("a site file ends in .toml", param_hint="--out")
    if not out.absolute().parent.is_dir():
        raise typer.BadParameter(f"no such folder: {out.absolute().parent}", param_hint="--out")
    if out.exists() and not force:
        raise typer.BadParameter(f"{out} exists; --force overwrites it", param_hint="--out")
    if not file.exists():
        raise typer.BadParameter(f"no such file or folder: {file}", param_hint="FILE")
    text, findings = site_file_text(file, site_id, out.parent)
    out.write_text(text, encoding="utf-8")
    print_line(console, f"written: {out}")
    keys = [finding.variable for finding in parse_entry(out)[1]]
    if keys:
        print_line(console, f"to fill in: {', '.join(dict.fromkeys(keys))}")
    for finding in findings:
        print_line(console, f"fault: {finding}")
    command = ["temjax", "check", str(file), "--site", str(out)]
    print_line(console, f"next: {shlex.join(command)}")

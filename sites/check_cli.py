"""``temjax check``: faults of input files and folders, and what is used of a tower's file."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from temjax.command.check import check_parameter_file, check_path
from temjax.command.main import (
    DATA_ERROR,
    console,
    cpu_command,
    errors,
    load_group,
    print_line,
)
from temjax.files.findings import DataError, Finding
from temjax.sites import options
from temjax.sites.account import NAMES, account
from temjax.sites.cli import is_site_file
from temjax.sites.entry import check_whole_climatology, parse_entry
from temjax.sites.place_reading import check_one_site_id
from temjax.sites.readers.archive import fluxnet_id
from temjax.sites.readers.kinds import holds_many_sites, is_tower
from temjax.sites.readers.record import CLIMATE, Reading, TowerRecord
from temjax.sites.sources import id_of_site, pair_site_files, table_file
from temjax.sites.tower import examine_tower


@cpu_command
@options.reads_towers
def check(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.", show_default=False)],
    site: options.SiteFiles = None,
    reading: Reading = Reading(),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as one JSON list.")
    ] = False,
) -> None:
    """Look for faults in input files; exit code 1 on any finding.

    Of a tower's file without faults it says what is used, what is absent and why. A tower's file
    and a site file that stand alone among the paths belong together.

    Examples: temjax check region.toml; temjax check tower.csv --site site.toml; temjax check --json
    set.toml
    """
    pairs = _pairs(paths, site or [])
    towers = [tower for tower, _ in pairs]
    if faults := check_one_site_id(towers, reading):
        raise DataError(faults)
    checkers = [check_parameter_file, *load_group("temjax.checkers").values()]
    all_findings: list[Finding] = []
    for path in dict.fromkeys([*paths, *(site or [])]):
        with console.status(f"{path}"):
            if path in towers:
                checked = [
                    check_tower_file(path, site_file, reading)
                    for tower, site_file in pairs
                    if tower == path
                ]
            else:
                findings = check_path(path, checkers)
                alone = not findings and path not in [file for _, file in pairs]
                checked = [_check_alone(path, reading) if alone else (findings, [])]
        for findings, lines in checked:
            all_findings += findings
            if not as_json:
                _print_findings(path, findings, lines)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in all_findings], indent=1))
    if all_findings:
        raise typer.Exit(DATA_ERROR)


def check_tower_file(
    path: Path, site_file: Path | None, reading: Reading
) -> tuple[list[Finding], list[str]]:
    """Findings of a tower's file, and lines that say what is used of one without findings.

    Args:
        path: of the file, archive or folder.
        site_file: facts of the site; its own findings are not among those returned.
        reading: choices.
    """
    entry, faults = (None, []) if site_file is None else parse_entry(site_file)
    result = examine_tower(path, site=None if faults else entry, reading=reading)
    if result.findings or result.record is None:
        return result.findings, []
    lines = [_climate_line(result.record)]
    if result.site is not None:
        place = f"place: {result.site.title}, {result.site.parameter_set}"
        facts = "the catalog" if site_file is None else site_file
        lines += [f"{place} (from {facts})", *account(result.site)]
    else:
        lines += _record_lines(result.record)
        if faults:
            lines.append(f"the faults of {site_file} keep it from being used here")
        elif result.missing is not None:
            lines.append(f"still missing: {result.missing.message}. {result.missing.mend}")
    return [], lines


def _check_alone(path: Path, reading: Reading) -> tuple[list[Finding], list[str]]:
    """Findings of what a site file without a tower's file uses: its own table, its climatology.

    It is meant to be complete with a table, a period or all of the climate; others wait for their
    tower's file.
    """
    if path.suffix != ".toml" or not is_site_file(path):
        return [], []
    entry = parse_entry(path)[0]
    if entry is None:
        return [], []
    table = table_file(entry, path)
    if table is not None:
        return check_tower_file(table, path, reading)
    alone = entry.period is not None or set(CLIMATE) <= set(entry.climatology)
    if not alone or not entry.climatology:
        return [], []
    return check_whole_climatology(entry, file=str(path)), []


def _pairs(paths: Sequence[Path], site_files: Sequence[Path]) -> list[tuple[Path, Path | None]]:
    """Towers' files among the paths with their site files.

    A table of many sites stands once for each of its sites.

    Raises:
        typer.BadParameter: a site file too many.
    """
    towers = [path for path in paths if is_tower(path)]
    if any(not holds_many_sites(path) for path in towers):
        towers = list(dict.fromkeys(towers))
    beside = [path for path in dict.fromkeys(paths) if path.is_file() and is_site_file(path)]
    if not site_files:
        ids = {fluxnet_id(tower) for tower in towers} - {None}
        alone = len(towers) == len(beside) == 1
        site_files = beside if alone else [file for file in beside if id_of_site(file) in ids]
    try:
        return list(zip(towers, pair_site_files(towers, site_files), strict=True))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--site") from error


def _print_findings(path: Path, findings: list[Finding], lines: list[str]) -> None:
    """Print the findings of a path, or that there are none and what is used of it."""
    for finding in findings:
        print_line(errors if console.quiet else console, str(finding))
    if not findings:
        print_line(console, f"{path}: no findings")
        for line in lines:
            print_line(console, f"  {line}")


def _climate_line(record: TowerRecord) -> str:
    """Years and columns of the climate of a record."""
    columns = (
        f"{name.replace('_', ' ')} ({record.climate[name].source})"
        for name in CLIMATE
        if name in record.climate
    )
    first, last = record.period
    return f"climate: {first}-{last}: {', '.join(columns)}"


def _record_lines(record: TowerRecord) -> list[str]:
    """What a record without a site has observed, what it lacks, and its notes."""
    used = [f"{NAMES[name]} ({series.source})" for name, series in record.observed.items()]
    lines = [f"observed: {record.product}: {', '.join(used) or 'nothing'}"]
    if record.absent:
        reasons = (f"{NAMES[name]} ({reason})" for name, reason in record.absent.items())
        lines.append(f"absent: {', '.join(reasons)}")
    return [*lines, *(f"note: {note}" for note in record.notes)]

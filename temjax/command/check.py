"""``temjax check``: faults of input files and folders, each by the checkers of its kind."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from temjax.command.main import (
    DATA_ERROR,
    console,
    cpu_command,
    errors,
    load_group,
    print_line,
)
from temjax.files.findings import Finding
from temjax.parameters.files import ParameterError, read_parameters

Checker = Callable[[Path], list[Finding] | None]


def check_parameter_file(path: Path) -> list[Finding] | None:
    """Findings of a parameter file, None for any other file."""
    if path.suffix != ".toml":
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if not any(line.strip() == "[values]" for line in text.splitlines()):
        return None
    try:
        read_parameters(path)
    except ParameterError as error:
        message = str(error).removeprefix(f"{path}: ")
        return [Finding(str(path), "parameters", "", message, "Mend the file.")]
    return []


def check_path(path: Path, checkers: Sequence[Checker]) -> list[Finding]:
    """Findings of the checkers for this kind of file or folder."""
    if not path.exists():
        return [Finding(str(path), "file", "", "no such file or folder", "Check the path.")]
    results = [findings for checker in checkers if (findings := checker(path)) is not None]
    if not results:
        message = "not a site, FLUXNET, parameter or experiment file, nor a forcing folder"
        return [Finding(str(path), "file", "", message, "See docs/forcing.md for the forms.")]
    return [finding for findings in results for finding in findings]


@cpu_command
def check(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.", show_default=False)],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as one JSON list.")
    ] = False,
) -> None:
    """Look for faults in input files; exit code 1 on any finding.

    Examples: temjax check region.toml; temjax check data/ tower.csv; temjax check --json set.toml
    """
    checkers = [check_parameter_file, *load_group("temjax.checkers").values()]
    all_findings: list[Finding] = []
    for path in paths:
        with console.status(f"{path}"):
            findings = check_path(path, checkers)
        all_findings += findings
        for finding in [] if as_json else findings:
            print_line(errors if console.quiet else console, str(finding))
        if not findings and not as_json:
            print_line(console, f"{path}: no findings")
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in all_findings], indent=1))
    if all_findings:
        raise typer.Exit(DATA_ERROR)

"""Faults of input files and folders, each by the checkers of its kind."""

from collections.abc import Callable, Sequence
from pathlib import Path

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

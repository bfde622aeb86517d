"""Check of experiments and forcing folders for ``temjax check``: all faults in one pass."""

from pathlib import Path

from temjax.command.main import errors, print_line
from temjax.files.findings import DataError, Finding
from temjax.parameters.files import ParameterError, read_parameters
from temjax.regional.climate.load import load_climate
from temjax.regional.experiment.experiment import Experiment, read_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.inputs.folder import check_folder
from temjax.regional.inputs.grids.faults import one_a_fault
from temjax.regional.inputs.seams import find_seams
from temjax.regional.results.formats import require_format

_TABLES = ("domain", "climate", "protocol")


def check(path: Path) -> list[Finding] | None:
    """Check an experiment file, a folder of them or of NetCDF input; None for anything else."""
    path = Path(path)
    if path.is_dir():
        files = [file for file in sorted(path.glob("*.toml")) if _is_experiment(file)]
        if not files:
            found = check_folder(path)
            if found is not None:
                _tell(found[1])
            return None if found is None else found[0]
        return [finding for file in files for finding in check_file(file)]
    if path.suffix != ".toml" or not _is_experiment(path):
        return None
    return check_file(path)


def _is_experiment(path: Path) -> bool:
    """Whether a TOML file has the tables of an experiment."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return all(f"[{table}" in text for table in _TABLES)


def check_file(path: Path) -> list[Finding]:
    """Check an experiment file, its parameter files and its input data."""
    try:
        experiment = read_experiment(path)
        require_format(experiment.output.format)
    except DataError as error:
        return error.findings
    return _parameter_findings(experiment) + _input_findings(experiment)


def _parameter_findings(experiment: Experiment) -> list[Finding]:
    findings = []
    for name, file in experiment.parameters.items():
        try:
            read_parameters(file)
        except (ParameterError, OSError) as error:
            findings.append(
                Finding(str(file), f"parameters.{name}", "", str(error), "Mend or remove it.")
            )
    return findings


def _input_findings(experiment: Experiment) -> list[Finding]:
    try:
        domain = load_domain(experiment)
    except DataError as error:
        return error.findings
    findings, notes = one_a_fault(domain.findings), list(domain.notes)
    for member, scenario in experiment.members:
        try:
            climate = load_climate(experiment, domain, member, scenario)
        except DataError as error:
            findings += error.findings
            continue
        findings += one_a_fault(climate.findings)
        notes += [*climate.notes, *([climate.kept] if climate.kept else [])]
        notes += [f"forcing seam: {seam}" for seam in find_seams(climate, domain.area)]
    _tell(notes)
    return list(dict.fromkeys(findings))


def _tell(notes: list[str]) -> None:
    """Print what was chosen where the input does not say."""
    for note in dict.fromkeys(notes):
        print_line(errors, f"note: {note}")

"""Provenance of a run: the experiment as resolved, its parameter files and hashes of its inputs.

``OUT/inputs`` is enough to repeat a run. It holds ``experiment.toml`` (selected members, scenarios
and cells, absolute folders of data), copies of the parameter files, and ``record.json``: SHA-256 of
every data file, hash of the program's own source with its parameter sets, versions, device, and
``data`` with the input of a run from datasets in memory. Runs with drawn parameters add
``draws.json`` with number, seed and sources of the draws; without draws there is no random number.
"""

import hashlib
import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import jax
import tomli_w

from temjax.files.atomic import write_text
from temjax.files.findings import DataError, Finding, raise_findings
from temjax.parameters.posterior import posterior_arrays
from temjax.regional.climate.one_percent import one_percent_files
from temjax.regional.climate.project_climate import project_files
from temjax.regional.experiment.domain_maps import MapsDomain
from temjax.regional.experiment.experiment import Experiment, read_experiment
from temjax.regional.experiment.one_percent import OnePercent
from temjax.regional.experiment.settings import (
    GriddedClimate,
    GriddedDomain,
    ProjectClimate,
    Variable,
)
from temjax.runtime.machine import command_line, package_versions

INPUTS = "inputs"
EXPERIMENT, RECORD, PARAMETERS = "experiment.toml", "record.json", "parameters"
DRAWS = "draws.json"
DATA = "data"  # below INPUTS: input files stored from datasets in memory
_PACKAGES = ("temjax", "temjax.sites", "temjax.regional")  # whose source decides a run's numbers


def write_record(experiment: Experiment, out: Path) -> None:
    """Write the provenance record of a run to ``out/inputs``; parameter files are copied."""
    folder = out / INPUTS
    (folder / PARAMETERS).mkdir(parents=True, exist_ok=True)
    document = experiment.model_dump(mode="json", exclude_none=True)
    document["parameters"] |= _copy_parameters(experiment.parameters, folder)
    record = {"command": command_line()}
    for table in (document["domain"], document["climate"]):
        if table.get("folder") == str((folder / DATA).absolute()):
            table["folder"] = DATA
            record["data_source"] = f"datasets in memory, stored in {INPUTS}/{DATA}"
    write_text(folder / EXPERIMENT, tomli_w.dumps(_with_text_keys(document)))
    record |= {"data": data_hashes(experiment), **_environment()}
    write_text(folder / RECORD, json.dumps(record, indent=1) + "\n")


def _copy_parameters(files: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """Copy parameter files with the arrays of their fits; returns their places in the folder.

    Arrays of several fits with one name go to folders of their own.
    """
    places, fits = {}, {}
    for name, path in files.items():
        arrays = posterior_arrays(path)
        place = PARAMETERS
        if arrays is not None:
            of_name = fits.setdefault(arrays.name, [])
            if arrays not in of_name:
                of_name.append(arrays)
            number = of_name.index(arrays) + 1
            place = f"{PARAMETERS}/fit-{number}" if number > 1 else PARAMETERS
            copy = folder / place / arrays.name
            if copy.resolve() != arrays:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(arrays, copy)
        places[name] = f"{place}/{name}.toml"
        write_text(folder / places[name], path.read_text(encoding="utf-8"))
    return places


@dataclass(frozen=True)
class DrawRecord:
    """What the draws of a run were.

    Attributes:
        draws: number.
        seed: of the random numbers.
        unfitted: how types without a fit vary.
        sources: what each group of vegetation types was drawn from.
        configuration_hash: of the experiment.
    """

    draws: int
    seed: int
    unfitted: str
    sources: list[dict]
    configuration_hash: str


def write_draw_record(record: DrawRecord, out: Path) -> None:
    """Write what the draws of a run are to ``out/inputs``."""
    write_text(out / INPUTS / DRAWS, json.dumps(asdict(record), indent=1) + "\n")


def read_draw_record(folder: Path) -> DrawRecord | None:
    """Read what the draws of a run folder were; ``None`` where there were none.

    Raises:
        DataError: a record that is none.
    """
    path = folder / INPUTS / DRAWS
    try:
        return DrawRecord(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        mend = "Give --draws, --seed and --unfitted, after removing the file."
        raise DataError([Finding(str(path), "", "", "is no record of draws", mend)]) from error


def read_record(folder: Path, data: Path | None = None) -> tuple[Experiment, list[str]]:
    """Read the experiment of a run folder; notes name what differs here (versions, source, device).

    Args:
        folder: the ``--out`` of the run.
        data: folder of its input, if that was moved.

    Raises:
        DataError: no record; data files that are missing, changed or new since the run.
    """
    inputs = folder / INPUTS
    try:
        record = json.loads((inputs / RECORD).read_text(encoding="utf-8"))
        recorded = record["data"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"holds no record of a run ({error})"
        mend = "Give the --out folder of temjax project."
        raise DataError([Finding(str(inputs / RECORD), "", "", message, mend)]) from error
    experiment = read_experiment(inputs / EXPERIMENT).with_data(data)
    raise_findings(_changes(recorded, data_files(experiment)))
    here = _environment()
    notes = [
        f"{name}: {_as_text(record.get(name))} then, {_as_text(here[name])} now"
        for name in here
        if record.get(name) != here[name]
    ]
    return experiment, notes


def data_files(experiment: Experiment) -> dict[str, Path]:
    """Input files of a run, by table of the experiment and name in its folder.

    Raises:
        DataError: a folder of a project without the files of a member.
    """
    paths: dict[str, Path] = {}
    domain, climate = experiment.domain, experiment.climate
    if isinstance(domain, GriddedDomain | MapsDomain):
        for value in vars(domain).values():
            if isinstance(value, Variable):
                paths[f"domain/{value.file}"] = domain.folder / value.file
    if isinstance(climate, GriddedClimate):
        for name in climate.file_names:
            paths[f"climate/{name}"] = climate.folder / name
    if isinstance(climate, ProjectClimate):
        for member, scenario in experiment.members:
            for path in _climate_files(experiment, climate, member, scenario):
                paths[f"climate/{path.relative_to(climate.folder)}"] = path
    return dict(sorted(paths.items()))


def _climate_files(
    experiment: Experiment, climate: ProjectClimate, member: str, scenario: str
) -> list[Path]:
    """Files of a project that the climate and CO2 of a run are read from."""
    if isinstance(experiment.protocol, OnePercent):
        return one_percent_files(climate, experiment.protocol, member, scenario)
    return project_files(climate, member, scenario)


def data_hashes(experiment: Experiment) -> dict[str, str]:
    """SHA-256 of every input file; empty for an absent one, which the readers report."""
    return _hashes(data_files(experiment))


def _hashes(paths: dict[str, Path]) -> dict[str, str]:
    return {name: file_hash(path) if path.is_file() else "" for name, path in paths.items()}


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_hash() -> str:
    """Hash of the program's own modules, parameter sets and tables."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix in (".py", ".toml", ".csv"):
                digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _environment() -> dict[str, object]:
    """Versions, source and device, which can change the last bits of a result."""
    device = jax.devices()[0]
    return {
        "versions": package_versions(),
        "source": source_hash(),
        "device": f"{device.platform}: {device.device_kind}",
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _changes(recorded: dict, paths: dict[str, Path]) -> list[Finding]:
    """Findings of input files whose hash is not the recorded one."""
    current, findings = _hashes(paths), []
    for name in sorted({*recorded, *current}):
        before, now = recorded.get(name, ""), current.get(name, "")
        if before == now:
            continue
        what = "has changed since the run"
        if not now:
            what = "was read by the run and is gone"
        elif not before:
            what = "was not there when the run was made"
        mend = "Put the run's file back (--data DIR where input was moved), or start a new run."
        path = str(paths.get(name, name))
        hashes = f"SHA-256 {before[:12] or 'none'} then, {now[:12] or 'none'} now"
        findings.append(Finding(path, "data", "", f"{what} ({hashes})", mend))
    return findings


def _with_text_keys(value: object) -> object:
    """Tables with keys as text, which TOML requires."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    return value


def _as_text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return str(value)

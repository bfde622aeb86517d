"""What a run folder needs to repeat its run: the experiment as resolved, parameters, hashes.

``OUT/inputs`` holds ``experiment.toml`` (members, scenarios and cells as they were chosen, absolute
folders of data), copies of the parameter files, and ``record.json``: SHA-256 of every data file,
hash of the program's own source with its parameter sets, versions, device. A projection draws no
random numbers, so there is no seed to keep.
"""

import hashlib
import json
import platform
from importlib.resources import files
from pathlib import Path

import jax
import tomli_w

from temjax.files.atomic import write_text
from temjax.files.findings import DataError, Finding, raise_findings
from temjax.regional.experiment.experiment import Experiment, read_experiment
from temjax.regional.experiment.settings import (
    GriddedClimate,
    GriddedDomain,
    IsimipClimate,
    Variable,
)
from temjax.regional.inputs.co2 import co2_files
from temjax.regional.inputs.gridded import Reader
from temjax.regional.inputs.isimip import NAMES, find_chunks
from temjax.runtime.machine import command_line, package_versions

INPUTS = "inputs"
EXPERIMENT, RECORD, PARAMETERS = "experiment.toml", "record.json", "parameters"
_PACKAGES = ("temjax", "temjax.sites", "temjax.regional")  # whose source decides a run's numbers


def write_record(experiment: Experiment, out: Path) -> None:
    """Write ``out/inputs`` before a run; parameter files are copied byte by byte."""
    folder = out / INPUTS
    (folder / PARAMETERS).mkdir(parents=True, exist_ok=True)
    document = experiment.model_dump(mode="json", exclude_none=True)
    for name, path in experiment.parameters.items():
        write_text(folder / PARAMETERS / f"{name}.toml", path.read_text(encoding="utf-8"))
        document["parameters"][name] = f"{PARAMETERS}/{name}.toml"
    write_text(folder / EXPERIMENT, tomli_w.dumps(_keyed(document)))
    record = {"command": command_line(), "data": data_hashes(experiment), **_circumstances()}
    write_text(folder / RECORD, json.dumps(record, indent=1) + "\n")


def read_record(folder: Path, data: Path | None = None) -> tuple[Experiment, list[str]]:
    """The experiment of a run folder, and what differs here in words (versions, source, device).

    Args:
        folder: the ``--out`` of the run.
        data: where its input lies now, if it was moved.

    Raises:
        DataError: no record; data files that are gone, changed or new since the run, each named.
    """
    inputs = folder / INPUTS
    try:
        record = json.loads((inputs / RECORD).read_text(encoding="utf-8"))
        before = record["data"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"holds no record of a run ({error})"
        mend = "Give the --out folder of temjax project."
        raise DataError([Finding(str(inputs / RECORD), "", "", message, mend)]) from error
    experiment = read_experiment(inputs / EXPERIMENT).with_data(data)
    raise_findings(_changes(before, data_files(experiment)))
    here = _circumstances()
    notes = [
        f"{name}: {_plain(record.get(name))} then, {_plain(here[name])} now"
        for name in here
        if record.get(name) != here[name]
    ]
    return experiment, notes


def data_files(experiment: Experiment) -> dict[str, Path]:
    """Files of input that a run reads, by section and name in its folder.

    Raises:
        DataError: an ISIMIP2b folder without the files of a member.
    """
    found: dict[str, Path] = {}
    domain, climate = experiment.domain, experiment.climate
    if isinstance(domain, GriddedDomain):
        for value in vars(domain).values():
            if isinstance(value, Variable):
                found[f"domain/{value.file}"] = domain.folder / value.file
    if isinstance(climate, GriddedClimate):
        for given in (*climate.files, *climate.co2):
            found[f"climate/{given.file}"] = climate.folder / given.file
    if isinstance(climate, IsimipClimate):
        reader = Reader(climate.folder)
        raise_findings(reader.findings)
        paths = []
        for member, scenario in experiment.members:
            for part in (climate.history, scenario):
                paths += co2_files(climate.folder, part)
                for variable in NAMES.values():
                    paths += [c.path for c in find_chunks(reader, variable, member, part)]
        raise_findings(reader.findings)
        found |= {f"climate/{path.relative_to(climate.folder)}": path for path in paths}
    return dict(sorted(found.items()))


def data_hashes(experiment: Experiment) -> dict[str, str]:
    """SHA-256 of every file of input; empty where one is absent (the readers name it)."""
    return _hashes(data_files(experiment))


def _hashes(paths: dict[str, Path]) -> dict[str, str]:
    return {name: _sha256(path) if path.is_file() else "" for name, path in paths.items()}


def _sha256(path: Path) -> str:
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


def _circumstances() -> dict[str, object]:
    """What besides the input can change the last bits of a result."""
    device = jax.devices()[0]
    return {
        "versions": package_versions(),
        "source": source_hash(),
        "device": f"{device.platform}: {device.device_kind}",
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _changes(before: dict, paths: dict[str, Path]) -> list[Finding]:
    now, findings = _hashes(paths), []
    for name in sorted({*before, *now}):
        was, this = before.get(name, ""), now.get(name, "")
        if was == this:
            continue
        what = "has changed since the run"
        if not this:
            what = "was read by the run and is gone"
        elif not was:
            what = "was not there when the run was made"
        mend = "Put the run's file back (--data DIR where input was moved), or start a new run."
        where = str(paths.get(name, name))
        hashes = f"SHA-256 {was[:12] or 'none'} then, {this[:12] or 'none'} now"
        findings.append(Finding(where, "data", "", f"{what} ({hashes})", mend))
    return findings


def _keyed(value: object) -> object:
    """TOML's keys are text."""
    if isinstance(value, dict):
        return {str(key): _keyed(inner) for key, inner in value.items()}
    return value


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return str(value)

"""Regional numbers with their derivatives, from the records of ``temjax region-sensitivity``."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from temjax.files.findings import DataError, Finding, nearest, raise_findings
from temjax.parameters.registry import resolve_name
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.run.member_group import parameter_set
from temjax.regional.run.provenance import EXPERIMENT, INPUTS

# names of targets on the command line
TARGETS = {
    "nep": "delta_nep",
    "soc_pf": "exposed_carbon",
    "alt": "thickness",
    "nep_s_t": "nep",
    "soc_net": "net_soil_carbon",
    "npp": "npp",
}
# beside what fits freed: numbers that thaw and the exposed carbon depend on
FURTHER = (
    "soil_carbon_depth_scale", "conductivity_scale", "mat_thickness", "upper_water", "lower_water",
    "surface_shortwave_coefficient",
)  # fmt: skip
_SAME_VALUE = 1e-6  # relative


@dataclass(frozen=True)
class Derivatives:
    """Derivatives of regional numbers, the mean over members and scenarios.

    Attributes:
        members: climate models and scenarios.
        totals: regional numbers by output.
        parameters: values at which they were taken, by type and parameter.
        by_output: derivative per unit of the parameter, by output, type and parameter.
    """

    members: tuple[tuple[str, str], ...]
    totals: dict[str, float]
    parameters: dict[str, dict[str, float]]
    by_output: dict[str, dict[str, dict[str, float]]]


def target_outputs(names: Sequence[str]) -> tuple[str, ...]:
    """Outputs of targets by their names on the command line.

    Raises:
        DataError: unknown names, or none.
    """
    findings = [
        Finding("--of", "", "", f"{name!r} is no target", nearest(name, TARGETS))
        for name in names
        if name not in TARGETS
    ]
    if not names:
        findings.append(Finding("--of", "", "", "names no target", nearest("", TARGETS)))
    raise_findings(findings)
    return tuple(dict.fromkeys(TARGETS[name] for name in names))


def command_for(folder: Path, further: Sequence[str] = FURTHER) -> str:
    """Command that writes the derivatives which a design needs."""
    experiment = folder / INPUTS / EXPERIMENT
    return (
        f"temjax region-sensitivity {shlex.quote(str(experiment))} --out {shlex.quote(str(folder))}"
        f" --parameters {','.join(['fitted', *further])}"
    )


def read_derivatives(
    folder: Path, experiment: Experiment, wanted: Sequence[tuple[str, str]] | None = None
) -> Derivatives:
    """Read the derivatives in a run folder.

    Args:
        folder: of the run.
        experiment: of the run.
        wanted: climate models and scenarios; ``None``: all that the folder holds.

    Raises:
        DataError: none there, or of other settings, with the command that writes them.
    """
    mend = f"Run {command_for(folder)}"
    records = {}
    for path in sorted(folder.glob("sensitivity_*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            key = record["member"], record["scenario"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = "is no record of derivatives"
            raise DataError([Finding(str(path), "", "", message, mend)]) from error
        if wanted is None or key in wanted:
            records[key] = path, record
    if not records:
        what = "" if wanted is None else f" of {', '.join(' '.join(key) for key in wanted)}"
        message = f"holds no derivatives of regional numbers{what}"
        raise DataError([Finding(str(folder), "", "", message, mend)])
    for path, record in records.values():
        _require_usable(path, record, experiment, mend)
    documents = [record for _, record in records.values()]
    first = documents[0]
    paths = [path for path, _ in records.values()]
    for path, document in zip(paths, documents, strict=True):
        if document["parameters"] != first["parameters"]:
            message = f"has other parameters or values than {paths[0].name}"
            raise DataError([Finding(str(path), "parameters", "", message, mend)])
    return Derivatives(
        members=tuple(records),
        totals={name: _mean(d["totals"][name] for d in documents) for name in first["totals"]},
        parameters=first["parameters"],
        by_output={
            output: {
                kind: {
                    name: _mean(d["derivatives"][output][kind][name] for d in documents)
                    for name in of_type
                }
                for kind, of_type in by_type.items()
            }
            for output, by_type in first["derivatives"].items()
        },
    )


def _mean(values) -> float:
    return float(np.mean(list(values)))


def _require_usable(path: Path, record: Mapping, experiment: Experiment, mend: str) -> None:
    """Require derivatives by type, of the run's cells, settings and parameters."""
    if not all(isinstance(record.get(k), dict) for k in ("totals", "parameters", "derivatives")):
        message = "holds no derivatives by vegetation type (written by an earlier version)"
        raise DataError([Finding(str(path), "derivatives", "", message, mend)])
    if record.get("configuration_hash") != experiment.hash:
        message = "is of other cells or settings than the run"
        raise DataError([Finding(str(path), "configuration_hash", "", message, mend)])
    for kind, values in record["parameters"].items():
        own = parameter_set(experiment, kind)
        for name, value in values.items():
            ours = float(getattr(own, resolve_name(name)))
            if abs(value - ours) > _SAME_VALUE * max(abs(value), abs(ours)):
                message = f"was taken at {value:.6g}, the set of the run has {ours:.6g}"
                raise DataError([Finding(str(path), f"{kind}: {name}", "", message, mend)])

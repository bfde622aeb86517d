"""Provenance of results: version, command, hashes of parameters and forcing."""

import dataclasses
import hashlib
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from temjax.forcing import Forcing
from temjax.parameters.registry import Parameters


def _digest(named: dict[str, np.ndarray]) -> str:
    """Short hash of named arrays as float64, independent of the precision of a file."""
    digest = hashlib.sha256()
    for name in sorted(named):
        values = np.ascontiguousarray(named[name], dtype="<f8")
        digest.update(f"{name}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()[:16]


def parameter_hash(parameters: Parameters) -> str:
    """Hash of every parameter value."""
    fields = dataclasses.fields(parameters)
    return _digest({field.name: np.asarray(getattr(parameters, field.name)) for field in fields})


def forcing_hash(forcing: Forcing) -> str:
    """Hash of climate, CO2 and years."""
    fields = dataclasses.fields(forcing)
    return _digest({field.name: np.asarray(getattr(forcing, field.name)) for field in fields})


def provenance(parameters: Parameters, forcing: Forcing, *, command: str) -> dict[str, str]:
    """Global attributes of a file: model version, time, command and hashes."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    package = version("temjax")
    return {
        "source": f"temjax {package} (Terrestrial Ecosystem Model in JAX)",
        "history": f"{now} {command}",
        "temjax_version": package,
        "command": command,
        "parameter_hash": parameter_hash(parameters),
        "forcing_hash": forcing_hash(forcing),
    }

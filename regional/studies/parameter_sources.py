"""What is known of the parameters of a region's vegetation types: posteriors of fits, and priors.

A type with a fitted set has the posterior of its fit, with its correlations; types whose sets come
from one fit have its joint posterior. A type without one has the registry's priors about its own
values, type by type, in the parameters that the other types' fits freed (all tunable ones where
there is no fit at all): the same numbers are uncertain everywhere, and less where they were fitted.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from temjax.files.findings import DataError, Finding
from temjax.heat.climate import HEAT_PARAMETERS
from temjax.parameters.files import read_parameters, replace_parameters
from temjax.parameters.idle import idle_parameters
from temjax.parameters.posterior import (
    Gaussian,
    absent_arrays,
    checked,
    parameter_of,
    posterior_arrays,
    prior,
    read_intervals,
    read_posterior,
)
from temjax.parameters.registry import REGISTRY, Parameters, tunable_names
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.run.member_group import GROUND_SURFACE, parameter_set
from temjax.regional.run.provenance import file_hash

Unfitted = Literal["prior", "exact"]
Kind = Literal["posterior", "nuts", "intervals", "prior"]
SAME_VALUE = 1e-6  # relative difference of numbers that were written once


@dataclass(frozen=True)
class Source:
    """Gaussian distribution of the parameters of vegetation types that vary together.

    Attributes:
        gaussian: distribution; numbers that no type uses are left to vary unseen.
        columns: number of the Gaussian by type and parameter.
        chains: draws of NUTS in units, ``(draw, number)``, which are drawn from in place of the
            Gaussian; ``None`` where the fit has none.
        kind: posterior with covariance, draws of NUTS, independent 90 % intervals of a set without
            covariance, or priors.
        files: fitted set by vegetation type; none of priors.
    """

    gaussian: Gaussian
    columns: dict[str, dict[str, int]]
    chains: np.ndarray | None = None
    kind: Kind = "posterior"
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The vegetation types."""
        return "+".join(sorted(self.columns))


def parameter_sources(
    experiment: Experiment, types: Sequence[str], unfitted: Unfitted = "prior"
) -> tuple[list[Source], list[str]]:
    """Distributions of the parameters of vegetation types, and what was chosen or left out.

    Args:
        experiment: whose parameter files are read.
        types: vegetation types of the region.
        unfitted: types without a fit vary by the priors, or not at all.

    Raises:
        DataError: a parameter file without a posterior that can be drawn from.
    """
    held = GROUND_SURFACE if experiment.keep_ground_surface else ()
    fitted = {name: experiment.parameters[name] for name in types if name in experiment.parameters}
    sources, notes = _fitted_sources(fitted, held)
    names = list(dict.fromkeys(n for s in sources for of in s.columns.values() for n in of))
    others = [name for name in types if name not in fitted]
    if unfitted == "exact":
        if others:
            notes.append(f"{', '.join(others)}: no fit; taken as exact")
        return sources, notes
    idle = idle_parameters(experiment.options)
    priors = [name for name in names or tunable_names() if name not in (*held, *idle)]
    for vegetation in others:
        source, outside = prior_source(vegetation, parameter_set(experiment, vegetation), priors)
        sources.append(source)
        notes.append(
            f"{vegetation}: no fit; {len(source.gaussian.names)} parameters from their priors"
        )
        if outside:
            notes.append(f"{vegetation}: {', '.join(outside)} at or beyond a bound; taken as exact")
    return sources, notes


def _fitted_sources(
    files: Mapping[str, Path], held: tuple[str, ...]
) -> tuple[list[Source], list[str]]:
    """Posteriors by fit: types whose files name the same arrays share one."""
    by_fit: dict[Path, list[str]] = {}
    sources, notes = [], []
    for vegetation, path in files.items():
        parameters = read_parameters(path)  # raises if it is no parameter set
        by_fit.setdefault(posterior_arrays(path) or Path(path).resolve(), []).append(vegetation)
        notes += _file_notes(vegetation, Path(path), parameters)
    for fit, types in by_fit.items():
        paths = {Path(files[name]).resolve() for name in types}
        names = {}
        gaussian, chains, kind = None, None, "posterior"
        for vegetation in types:
            own = read_posterior(files[vegetation])
            if own is None:
                own, kind = read_intervals(files[vegetation]), "intervals"
                notes.append(f"{vegetation}: the set has no covariance; parameters independent")
            names[vegetation] = own.names
            gaussian = own
        if fit not in paths:
            joint, chains = read_joint_posterior(fit)
            for path in sorted(paths):
                _require_same_fit(path, fit, joint)
            gaussian = joint if len(paths) > 1 or chains is not None else gaussian
        columns = {}
        for vegetation in types:
            columns[vegetation], left_out = _columns(gaussian, names[vegetation], held, fit)
            if left_out:
                notes.append(f"{vegetation}: fitted but not drawn: {', '.join(left_out)}")
        kind = kind if chains is None else "nuts"
        own_files = {vegetation: Path(files[vegetation]) for vegetation in types}
        sources.append(Source(gaussian, columns, chains, kind, own_files))
        if chains is not None:
            notes.append(f"{', '.join(types)}: drawn from {len(chains)} draws of NUTS")
        if len(types) > 1:
            notes.append(f"{', '.join(types)}: drawn together, from one fit")
    return sources, notes


def _file_notes(vegetation: str, path: Path, parameters: Parameters) -> list[str]:
    """What a fitted set says of its posterior that its values or folder do not bear out."""
    notes = []
    if (absent := absent_arrays(path)) is not None:
        arrays, lost = absent
        notes.append(
            f"{vegetation}: {arrays}, which {path.name} names, is not beside it: drawn from the "
            f"covariance in the set, without {lost}"
        )
    if (own := read_posterior(path)) is None:
        return notes
    apart = []
    for name, mean in zip(own.names, own.values(own.mean), strict=True):
        value = float(getattr(parameters, parameter_of(name), np.nan))
        if abs(value - mean) > SAME_VALUE * max(abs(value), abs(mean)):
            apart.append(f"{name} is {value:.6g} and {mean:.6g}")
    if apart:
        more = f", {len(apart) - 1} more differ" if len(apart) > 1 else ""
        notes.append(
            f"{vegetation}: [values] of {path.name}, which the ordinary run has, are not the "
            f"centre of its [posterior], about which the draws lie: {apart[0]}{more}"
        )
    return notes


def _require_same_fit(path: Path, fit: Path, joint: Gaussian) -> None:
    """Require that the arrays of a fit have the numbers of a fitted set that names them."""
    own = read_posterior(path)
    for name, mean in zip(own.names, own.mean, strict=True):
        if name not in joint.names:
            continue  # told by ``_columns``
        other = joint.mean[joint.names.index(name)]
        if abs(other - mean) > SAME_VALUE * max(abs(other), abs(mean)):
            message = f"is centred at {other:.6g}, {path.name} at {mean:.6g}: not of one fit"
            mend = "Keep the files of one fit together."
            raise DataError([Finding(str(fit), "mean", name, message, mend)])


def _columns(
    gaussian: Gaussian, names: Sequence[str], held: tuple[str, ...], fit: Path
) -> tuple[dict[str, int], list[str]]:
    """Number of the Gaussian by parameter of a type, and the fitted numbers it does not use.

    Those are what the region takes from the bundled set, and states of the place.
    """
    missing = sorted(set(names) - set(gaussian.names))
    if missing:
        message = f"has no {missing[0]}, which the fitted set names"
        mend = "Keep the files of one fit together."
        raise DataError([Finding(str(fit), "parameter", "", message, mend)])
    used = [n for n in names if parameter_of(n) in REGISTRY and parameter_of(n) not in held]
    columns = {parameter_of(name): gaussian.names.index(name) for name in used}
    return columns, [name for name in names if name not in used]


def read_joint_posterior(path: Path) -> tuple[Gaussian, np.ndarray | None]:
    """Posterior over all places of a fit from its NetCDF file, and draws of NUTS in units.

    Returns:
        The Gaussian; draws of all chains, ``(draw, parameter)``, ``None`` where there are none.

    Raises:
        DataError: a file that is not one.
    """
    try:
        with xr.open_dataset(path) as file:
            names = tuple(map(str, file["parameter"].values))
            arrays = {
                name: file[name].values.astype(float)
                for name in ("lower", "upper", "mean", "covariance")
            }
            is_log = file["is_log"].values.astype(bool)
            chains = None
            if "draws" in file:
                chains = file["draws"].values.astype(float).reshape(-1, len(names))
    except (OSError, ValueError, KeyError) as error:
        message, mend = "is not the posterior of a fit", "Fit again with temjax calibrate."
        raise DataError([Finding(str(path), "", "", message, mend)]) from error
    return checked(path, Gaussian(names, is_log, **arrays)), chains


def prior_source(
    vegetation: str, parameters: Parameters, names: Sequence[str]
) -> tuple[Source, list[str]]:
    """Priors about a set's values, and the parameters whose value is not inside the bounds."""
    inside, outside = [], []
    for name in names:
        low, high = REGISTRY[name].bounds
        kept = REGISTRY[name].tunable and low < float(getattr(parameters, name)) < high
        (inside if kept else outside).append(name)
    columns = {name: column for column, name in enumerate(inside)}
    return Source(prior(parameters, inside), {vegetation: columns}, kind="prior"), outside


def source_records(sources: Sequence[Source], types: Sequence[str]) -> list[dict]:
    """What the parameters of some types are drawn from, for records: types that vary together, kind
    of the distribution, parameters and SHA-256 of the fitted set by type; types that are exact."""
    records = [
        {
            "types": sorted(source.columns),
            "kind": source.kind,
            "parameters": {name: list(of) for name, of in sorted(source.columns.items())},
            "sha256": {name: file_hash(path) for name, path in sorted(source.files.items())},
        }
        for source in sources
    ]
    exact = sorted(set(types) - {name for source in sources for name in source.columns})
    if exact:
        records.append({"types": exact, "kind": "exact", "parameters": {}, "sha256": {}})
    return records


def draw_values(source: Source, number: int, seed: int) -> np.ndarray:
    """Draws of a source in units, ``(draw, number)``; sources are independent of each other.

    Draws of NUTS are taken in random order, again from the first where more are asked for.
    """
    seeds = (seed, zlib.crc32(source.label.encode()))
    if source.chains is None:
        return source.gaussian.draws(number, seeds)
    order = np.random.default_rng(seeds).permutation(len(source.chains))
    return source.chains[np.resize(order, number)]


def draw_sets(
    sources: Sequence[Source], sets: Mapping[str, Parameters], number: int, seed: int
) -> list[dict[str, Parameters]]:
    """Parameter sets of all vegetation types by draw.

    Args:
        sources: distributions.
        sets: sets of the ordinary run; parameters that no source holds keep their values.
        number: of draws.
        seed: the same draws for every climate model and scenario.
    """
    values = [draw_values(source, number, seed) for source in sources]
    return replaced_sets(sources, sets, values, number)


def replaced_sets(
    sources: Sequence[Source],
    sets: Mapping[str, Parameters],
    values: Sequence[np.ndarray],
    number: int,
) -> list[dict[str, Parameters]]:
    """Parameter sets of all vegetation types with the numbers of every source replaced.

    Args:
        sources: which number is which parameter of which type.
        sets: sets of the ordinary run; parameters that no source holds keep their values.
        values: by source, in units, ``(sample, number)``.
        number: of samples.
    """
    samples = [dict(sets) for _ in range(number)]
    for source, of_source in zip(sources, values, strict=True):
        for vegetation, columns in source.columns.items():
            if vegetation not in sets:
                continue
            for sample, row in zip(samples, of_source, strict=True):
                sample[vegetation] = replace_parameters(
                    sample[vegetation], **{name: row[column] for name, column in columns.items()}
                )
    return samples


def heat_is_shared(sources: Sequence[Source], types: Sequence[str]) -> bool:
    """Whether no parameter of the soil climate of some vegetation types is drawn."""
    return not any(
        name in HEAT_PARAMETERS
        for source in sources
        for vegetation, columns in source.columns.items()
        if vegetation in types
        for name in columns
    )

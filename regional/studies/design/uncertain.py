"""The uncertain numbers of a design: posteriors and priors of a region's types, joined.

Fits and priors are those of ``parameter_sources``. Every further tunable parameter that the
derivatives of the region hold is uncertain by the prior of the registry, type by type: what no fit
freed, such as the profile of soil carbon, or took from the bundled set, such as the ground surface.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import DataError, Finding
from temjax.parameters.registry import REGISTRY
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.run.member_group import parameter_set
from temjax.regional.studies.design.targets import FURTHER, Derivatives, command_for
from temjax.regional.studies.parameter_sources import (
    Source,
    Unfitted,
    parameter_sources,
    prior_source,
)


@dataclass(frozen=True)
class Uncertain:
    """Gaussian distribution of all uncertain numbers, independent between fits.

    Attributes:
        labels: of the numbers, ``type: parameter``.
        columns: number by type and parameter.
        slopes: derivative of a parameter with respect to its number, by type and parameter.
        covariance: ``(number, number)``, in prior space.
    """

    labels: tuple[str, ...]
    columns: dict[str, dict[str, int]]
    slopes: dict[str, dict[str, float]]
    covariance: NDArray

    @property
    def size(self) -> int:
        """Number of numbers."""
        return len(self.labels)

    def gradient(self, derivatives: Derivatives, output: str) -> NDArray:
        """Derivatives of a regional number with respect to the numbers, ``(number,)``."""
        gradient = np.zeros(self.size)
        for kind, columns in self.columns.items():
            of_type = derivatives.by_output[output].get(kind, {})
            for name, column in columns.items():
                gradient[column] += of_type.get(name, 0.0) * self.slopes[kind][name]
        return gradient

    def with_places(self, labels: Sequence[str], sd: float) -> "Uncertain":
        """The numbers, and further independent ones of places, of which no target depends."""
        size = self.size + len(labels)
        covariance = np.zeros((size, size))
        covariance[: self.size, : self.size] = self.covariance
        covariance[range(self.size, size), range(self.size, size)] = sd**2
        return replace(self, labels=(*self.labels, *labels), covariance=covariance)


def uncertain_numbers(
    folder: Path, experiment: Experiment, derivatives: Derivatives, unfitted: Unfitted
) -> tuple[Uncertain, list[str]]:
    """Uncertain numbers of a region whose derivatives are known, and what was chosen or left out.

    Args:
        folder: of the run, for the command that writes what is lacking.
        experiment: of the run.
        derivatives: of the regional numbers.
        unfitted: types without a fit vary by the priors, or not at all.

    Raises:
        DataError: derivatives that lack a parameter of a fit or prior; nothing is uncertain.
    """
    types = sorted(derivatives.parameters)
    sources, notes = parameter_sources(experiment, types, unfitted)
    _require_derivatives(folder, sources, derivatives)
    known = {kind for source in sources for kind in source.columns}
    exact = [kind for kind in types if kind not in known]
    for kind in types:
        if kind in exact and unfitted == "exact":
            continue
        freed = {name for source in sources for name in source.columns.get(kind, {})}
        others = [name for name in derivatives.parameters[kind] if name not in freed]
        tunable = [name for name in others if REGISTRY[name].tunable]
        if fixed := [name for name in others if name not in tunable]:
            notes.append(f"{kind}: {', '.join(fixed)} cannot be tuned; taken as exact")
        if not tunable:
            continue
        source, outside = prior_source(kind, parameter_set(experiment, kind), tunable)
        if source.gaussian.names:
            sources.append(source)
        if outside:
            notes.append(f"{kind}: {', '.join(outside)} at or beyond a bound; taken as exact")
    if not sources:
        message, mend = "no parameter is uncertain", f"Run {command_for(folder)}"
        raise DataError([Finding(str(folder), "", "", message, mend)])
    if any(source.chains is not None for source in sources):
        notes.append("the Gaussian of fits in place of their draws of NUTS")
    lacking = [name for name in FURTHER if name not in next(iter(derivatives.parameters.values()))]
    if lacking:
        notes.append(
            f"exact in all types, as no derivatives are here: {', '.join(lacking)} "
            f"({command_for(folder)})"
        )
    return joined(sources), notes


def joined(sources: Sequence[Source]) -> Uncertain:
    """Numbers of independent sources that some type uses, as one Gaussian."""
    labels: list[str] = []
    columns: dict[str, dict[str, int]] = {}
    slopes: dict[str, dict[str, float]] = {}
    blocks = []
    for source in sources:
        used = sorted({column for of in source.columns.values() for column in of.values()})
        place = {column: len(labels) + number for number, column in enumerate(used)}
        of_source = source.gaussian.slopes()
        for column in used:
            kinds = [k for k, of in sorted(source.columns.items()) if column in of.values()]
            name = next(n for n, c in source.columns[kinds[0]].items() if c == column)
            labels.append(f"{'+'.join(kinds)}: {name}")
        for kind, of_type in source.columns.items():
            columns.setdefault(kind, {}).update({n: place[c] for n, c in of_type.items()})
            slopes.setdefault(kind, {}).update({n: float(of_source[c]) for n, c in of_type.items()})
        blocks.append(source.gaussian.covariance[np.ix_(used, used)])
    covariance = np.zeros((len(labels), len(labels)))
    start = 0
    for block in blocks:
        stop = start + len(block)
        covariance[start:stop, start:stop] = block
        start = stop
    return Uncertain(tuple(labels), columns, slopes, covariance)


def _require_derivatives(folder: Path, sources: Sequence[Source], derivatives: Derivatives) -> None:
    """Require a derivative for every parameter of the sources."""
    missing = [
        f"{kind}: {name}"
        for source in sources
        for kind, columns in source.columns.items()
        for name in columns
        if name not in derivatives.parameters.get(kind, {})
    ]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        message = f"holds no derivative of {missing[0]}{more}, which fits or priors leave uncertain"
        mend = f"Run {command_for(folder)}"
        raise DataError([Finding(str(folder), "sensitivity_….json", "", message, mend)])

"""Choice of measurements for a region: derivatives, candidates, worth, order."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from temjax.files.findings import DataError, Finding
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.run.member_group import MemberGroup, prepare_group
from temjax.regional.studies.design.candidate_file import (
    Candidate,
    Candidates,
    read_candidates,
    require_region,
)
from temjax.regional.studies.design.kinds import KINDS, SERIES
from temjax.regional.studies.design.places import Site, sites_of
from temjax.regional.studies.design.predictions import (
    Places,
    differentiated_places,
    predictions,
)
from temjax.regional.studies.design.targets import Derivatives, read_derivatives
from temjax.regional.studies.design.uncertain import Uncertain, uncertain_numbers
from temjax.regional.studies.design.worth import (
    Choice,
    Measurements,
    exhaustive,
    greedy,
    joint_gains,
    searchable,
)
from temjax.regional.studies.parameter_sources import Unfitted
from temjax.regional.studies.sensitivity import LABELS, UNITS, Outputs

UNINFORMED = 0.99  # share of a number's variance left by all candidates together
DEEPEST_PROBE = 3.0  # m of thaw that a transect can still be thought to find
ALL = "all targets"


@dataclass(frozen=True)
class Target:
    """A regional number.

    Attributes:
        output: field of ``Outputs``.
        label, unit: in tables.
        value: mean over members.
        sd: from parameters, before any measurement.
    """

    output: str
    label: str
    unit: str
    value: float
    sd: float


@dataclass(frozen=True)
class Design:
    """Worth and order of candidates.

    Attributes:
        experiment: of the region.
        derivatives: of the regional numbers.
        content: of the file of candidates.
        candidates: that are ranked; those left out are in ``notes``.
        sites: cell of each.
        values: number of values that each gives.
        targets: regional numbers.
        uncertain: numbers, those of places last.
        gradients: of the targets, ``(target, number)``.
        measurements: candidates and targets.
        worth: of each alone, ``(candidate, target)``.
        gains: of pairs beyond their sum, ``(target, candidate, candidate)``.
        orders: greedy choice by objective: a target's label, or ``ALL``.
        best: best subset of the size of the greedy one by objective.
        search: how many subsets were tried, in words.
        notes: what was chosen or left out.
    """

    experiment: Experiment
    derivatives: Derivatives
    content: Candidates
    candidates: tuple[Candidate, ...]
    sites: tuple[Site, ...]
    values: tuple[int, ...]
    targets: tuple[Target, ...]
    uncertain: Uncertain
    gradients: NDArray
    measurements: Measurements
    worth: NDArray
    gains: NDArray
    orders: dict[str, Choice]
    best: dict[str, Choice]
    search: str
    notes: list[str]

    @property
    def alone(self) -> NDArray:
        """Share of the variance of each target that a number alone has, ``(target, number)``."""
        of_numbers = np.square(self.gradients) * np.diagonal(self.uncertain.covariance)
        return of_numbers / self.measurements.variances[:, None]


def design(
    folder: Path, experiment: Experiment, path: Path, outputs: Sequence[str], number: int,
    console: Console, *, members: Sequence[tuple[str, str]] | None = None,
    unfitted: Unfitted = "prior",
) -> Design:  # fmt: skip
    """Rank candidates and choose the best of them.

    Args:
        folder: of the run.
        experiment: of the run.
        path: file of candidates.
        outputs: fields of ``Outputs``, the targets.
        number: of candidates to choose.
        console: for progress.
        members: climate models and scenarios; ``None``: all whose derivatives the folder holds.
        unfitted: types without a fit vary by the priors, or not at all.

    Raises:
        DataError: faulty candidates, derivatives that are not there, or nothing to choose from.
    """
    jax.config.update("jax_enable_x64", True)
    require_bulk_soil(folder, experiment)
    content = read_candidates(path)
    derivatives = read_derivatives(folder, experiment, members)
    uncertain, notes = uncertain_numbers(folder, experiment, derivatives, unfitted)
    group = first_group(experiment, derivatives, console)
    first, last = group.runs[0].timeline.future
    require_region(path, content, tuple(group.names), last - first)
    sites = sites_of(path, content.candidates, group)
    years = max(
        (one.years for one in content.candidates if "years" in KINDS[one.kind].takes), default=1
    )
    names = tuple(next(iter(derivatives.parameters.values())))
    console.print(f"derivatives at {len({site.cell for site in sites})} cells", markup=False)
    places = differentiated_places(experiment, group, sites, names, years)
    notes.append(
        f"candidates see the climate of {group.member} {group.runs[0].scenario} from "
        f"{int(group.runs[0].timeline.years[first])} on, with thaw exposure"
    )
    kept = _kept(content.candidates, sites, places, notes)
    if not kept:
        mend = "Give other candidates."
        raise DataError([Finding(str(path), "", "", "no candidate can be computed", mend)])
    candidates = tuple(content.candidates[n] for n in kept)
    sites = tuple(sites[n] for n in kept)
    first_place = uncertain.size
    if content.soil_matter_sd > 0:
        labels = [f"{site.label}: factor on soil matter" for site in places.sites]
        uncertain = uncertain.with_places(labels, content.soil_matter_sd)
    else:
        notes.append("soil_matter_sd = 0: places have the soil matter of their type")
    given = [
        list(predictions(one, site, places, uncertain, first_place))
        for one, site in zip(candidates, sites, strict=True)
    ]
    _tell_deep_thaw(candidates, given, notes)
    gradients = np.stack([uncertain.gradient(derivatives, output) for output in outputs])
    _require_moved(folder, outputs, gradients, uncertain.covariance)
    measurements = Measurements.of(
        uncertain.covariance, gradients, [sum(p.information for p in of) for of in given]
    )
    targets = _targets(outputs, derivatives, measurements)
    orders, best, search = choices_of(measurements, targets, number)
    result = Design(
        experiment, derivatives, content, candidates, sites,
        tuple(sum(p.values.size for p in of) for of in given), targets, uncertain, gradients,
        measurements, measurements.worths([[n] for n in range(len(candidates))]),
        joint_gains(measurements), orders, best, search, notes,
    )  # fmt: skip
    notes += [*silent_types(result, group), *silent_numbers(result)]
    return result


def require_bulk_soil(folder: Path, experiment: Experiment) -> None:
    """Require the bulk soil, whose profile gives the stocks of cores.

    Raises:
        DataError: soil carbon in layers.
    """
    if experiment.options.soil_layers is not None:
        message = "measurements are not known to runs with soil carbon in layers"
        mend = "Give a run without soil_layers in [model]."
        raise DataError([Finding(str(folder), "model.soil_layers", "", message, mend)])


def first_group(experiment: Experiment, derivatives: Derivatives, console: Console) -> MemberGroup:
    """Climate and cells of the first member and scenario of the derivatives."""
    member, scenario = derivatives.members[0]
    selected = experiment.select([member], [scenario])
    domain = load_domain(selected)
    return prepare_group(selected, domain, member, [scenario], Path(), console)


def _kept(
    candidates: Sequence[Candidate], sites: Sequence[Site], places: Places, notes: list[str]
) -> list[int]:
    """Numbers of the candidates that can be computed; the others are told."""
    sound = dict(zip([site.cell for site in places.sites], places.sound, strict=True))
    kept = [number for number, site in enumerate(sites) if sound[site.cell]]
    left = [one.name for number, one in enumerate(candidates) if number not in kept]
    if left:
        notes.append(
            f"left out, as their cell has no equilibrium or no finite derivative: {', '.join(left)}"
        )
    bare = dict(zip([site.cell for site in places.sites], places.no_layer, strict=True))
    cores = [candidates[n].name for n in kept
             if candidates[n].kind == "core" and bare[sites[n].cell]]  # fmt: skip
    if cores:
        notes.append(f"no active layer, soil stocks taken as those of 1 m: {', '.join(cores)}")
    return kept


def _tell_deep_thaw(candidates: Sequence[Candidate], given: Sequence, notes: list[str]) -> None:
    """Note transects whose thaw cannot be probed."""
    deep = [
        f"{one.name} ({max(float(p.values.max()) for p in of):.2f} m)"
        for one, of in zip(candidates, given, strict=True)
        if any(p.series == "thaw_depth" and p.values.max() > DEEPEST_PROBE for p in of)
    ]
    if deep:
        notes.append(f"thaw deeper than {DEEPEST_PROBE:g} m needs a borehole: {', '.join(deep)}")


def _require_moved(
    folder: Path, outputs: Sequence[str], gradients: NDArray, covariance: NDArray
) -> None:
    """Require that some uncertain number moves every target."""
    variances = np.einsum("tn,nm,tm->t", gradients, covariance, gradients)
    findings = [
        Finding(str(folder), LABELS[Outputs._fields.index(output)], "",
                "no uncertain parameter moves it", "Leave it out of --of.")
        for output, variance in zip(outputs, variances, strict=True)
        if not variance > 0
    ]  # fmt: skip
    if findings:
        raise DataError(findings)


def _targets(
    outputs: Sequence[str], derivatives: Derivatives, measurements: Measurements
) -> tuple[Target, ...]:
    units = {"m": "m", "g C m-2": "Tg C"}
    return tuple(
        Target(
            output,
            LABELS[Outputs._fields.index(output)],
            units.get(UNITS[Outputs._fields.index(output)], "Tg C yr⁻¹"),
            derivatives.totals[output],
            float(np.sqrt(variance)),
        )
        for output, variance in zip(outputs, measurements.variances, strict=True)
    )


def choices_of(
    measurements: Measurements, targets: Sequence[Target], number: int
) -> tuple[dict[str, Choice], dict[str, Choice], str]:
    """Greedy order and best subset by objective, every target and the mean of several, and what
    was searched."""
    weights = {target.label: np.eye(len(targets))[n] for n, target in enumerate(targets)}
    if len(targets) > 1:
        weights = {ALL: np.full(len(targets), 1 / len(targets))} | weights
    orders, best, pools = {}, {}, set()
    for name, weight in weights.items():
        orders[name] = greedy(measurements, number, weight)
        pool = searchable(measurements, orders[name], weight)
        best[name] = exhaustive(measurements, len(orders[name].chosen), weight, pool)
        pools.add((len(orders[name].chosen), len(pool)))
    return orders, best, "; ".join(_searched_text(*of, measurements.size) for of in sorted(pools))


def _searched_text(size: int, pool: int, everything: int) -> str:
    """What the search over subsets did."""
    number = f"{comb(pool, size)} subset{'s' * (comb(pool, size) != 1)} of {size}"
    if pool == everything:
        return f"all {number} were tried"
    return f"all {number} among {pool} candidates, the chosen and the best alone, were tried"


def silent_types(result: Design, group: MemberGroup) -> list[str]:
    """Notes of types of the region without a candidate, with their share in the variance."""
    notes = []
    measured = {one.type for one in result.candidates}
    for kind in group.names:
        if kind in measured:
            continue
        columns = sorted(set(result.uncertain.columns.get(kind, {}).values()))
        block = result.uncertain.covariance[np.ix_(columns, columns)]
        parts = result.gradients[:, columns]
        shares = np.einsum("tn,nm,tm->t", parts, block, parts) / result.measurements.variances
        text = ", ".join(
            f"{share:.0%} of the variance of {target.label}"
            for share, target in zip(shares, result.targets, strict=True)
        )
        notes.append(f"{kind}: no candidate; it has {text}")
    return notes


def silent_numbers(result: Design) -> list[str]:
    """Note of the numbers that no candidate informs."""
    left = result.measurements.variance_left(range(result.measurements.size))
    silent = [
        label for label, share in zip(result.uncertain.labels, left, strict=True)
        if share > UNINFORMED
    ]  # fmt: skip
    if not silent:
        return []
    shown = ", ".join(silent[:8]) + (f" and {len(silent) - 8} more" if len(silent) > 8 else "")
    return [f"{len(silent)} of {result.uncertain.size} numbers keep more than {UNINFORMED:.0%} of "
            f"their variance whatever is measured (design_parameters.csv): {shown}"]  # fmt: skip


def series_words(candidate: Candidate) -> str:
    """What a candidate measures, in words."""
    return ", ".join(SERIES[name].label for name in candidate.measured)

"""What is varied for the split of variance: rules, options, b, and groups of parameters."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding, nearest, raise_findings
from temjax.options import ActiveLayerRule, RootZoneNitrogen
from temjax.parameters.files import replace_parameters
from temjax.parameters.idle import LAYERED
from temjax.parameters.posterior import Gaussian
from temjax.parameters.registry import REGISTRY, Parameters
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.run.member_group import parameter_set
from temjax.regional.studies.parameter_sources import Source

DEPTH_SCALE = "soil_carbon_depth_scale"
PRIOR, OWN = "prior", "own"  # of b
GROUPS = {
    "photosynthesis and leaves": (
        "cmax_scale", "half_saturation_co2", "half_saturation_light", "temperature_minimum",
        "temperature_optimum_minimum", "temperature_maximum", "foliage_exponent",
        "leaf_evapotranspiration", "leaf_persistence", "leaf_intercept",
    ),
    "plant respiration and litterfall": (
        "respiration_biomass_slope", "respiration_rate_log", "litterfall_rate_carbon",
        "litterfall_rate_nitrogen", "respiration_freezing_q10",
    ),
    "decomposition": (
        "kdc_scale", "heterotrophic_q10", "moisture_optimum",
        "litter_carbon_to_nitrogen_reference", "heterotrophic_freezing_q10",
    ),
    "nitrogen": (
        "nmax_scale", "nup_scale", "production_carbon_to_nitrogen",
        "vegetation_carbon_to_nitrogen_intercept", "soil_carbon_to_nitrogen",
    ),
    "profile of soil carbon (b)": (DEPTH_SCALE,),
    "soil carbon in layers": tuple(name for name in LAYERED if REGISTRY[name].tunable),
    "soil heat": (
        "mat_thickness", "mat_water", "upper_thickness", "upper_water", "lower_water",
        "conductivity_scale", "freezing_range", "surface_shortwave_coefficient",
        "surface_resistance",
    ),
}  # fmt: skip
GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}


@dataclass(frozen=True)
class DepthScale:
    """Level of b, the depth scale of cumulative soil carbon.

    Attributes:
        label: of the level.
        factor: on each type's b.
        value: b of all types, m, in place of their own.
    """

    label: str
    factor: float = 1.0
    value: float | None = None

    def apply(self, sets: Mapping[str, Parameters]) -> dict[str, Parameters]:
        """Parameter sets with this b, kept within the bounds of a fit."""
        if self.value is None and self.factor == 1.0:
            return dict(sets)
        return {name: self._with_b(parameters) for name, parameters in sets.items()}

    def _with_b(self, parameters: Parameters) -> Parameters:
        value = self.value
        if value is None:
            value = float(getattr(parameters, DEPTH_SCALE)) * self.factor
        return replace_parameters(
            parameters, **{DEPTH_SCALE: float(np.clip(value, *REGISTRY[DEPTH_SCALE].bounds))}
        )


@dataclass(frozen=True)
class Choices:
    """Levels of the factors besides draws, climate models and scenarios.

    Attributes:
        rules: active-layer rules.
        nitrogen: root-zone nitrogen options.
        depth_scales: of b.
        notes: what was chosen or left out.
    """

    rules: tuple[str, ...]
    nitrogen: tuple[str, ...]
    depth_scales: tuple[DepthScale, ...]
    notes: tuple[str, ...]


def choices(
    experiment: Experiment,
    types: Sequence[str],
    rules: Sequence[str] | None = None,
    nitrogen: Sequence[str] | None = None,
    depth_scales: Sequence[str] = (PRIOR,),
) -> Choices:
    """Levels from the names that a user gives, or the defaults.

    Args:
        experiment: whose own rule and option are the first levels of the defaults.
        types: vegetation types of the region.
        rules: active-layer rules; by default the experiment's own, ``hold`` and ``stefan``.
        nitrogen: options; by default the experiment's own, ``pulse_only`` and ``p_ratio``.
        depth_scales: ``prior``, ``own``, or values in m.

    Raises:
        DataError: a name that does not exist, or a b outside the bounds of a fit.
    """
    known = {
        "--rules": (rules or (), get_args(ActiveLayerRule)),
        "--nitrogen": (nitrogen or (), get_args(RootZoneNitrogen)),
    }
    findings = [
        Finding(option, name, "", "does not exist", nearest(name, allowed))
        for option, (names, allowed) in known.items()
        for name in names
        if name not in allowed
    ]
    levels, notes = _depth_scales(experiment, types, depth_scales, findings)
    raise_findings(findings)
    if rules is None:
        rules = [experiment.model.active_layer_rule, "hold"]
        without = [
            name
            for name in types
            if np.isnan(float(parameter_set(experiment, name).stefan_coefficient))
        ]
        if not without:
            rules.append("stefan")
        else:
            notes.append(f"rule 'stefan' left out: no Stefan coefficient for {', '.join(without)}")
    if nitrogen is None:
        nitrogen = [experiment.model.root_zone_nitrogen, "pulse_only", "p_ratio"]
    unique = (tuple(dict.fromkeys(names)) for names in (rules, nitrogen))
    return Choices(*unique, levels, tuple(notes))


def _depth_scales(
    experiment: Experiment, types: Sequence[str], names: Sequence[str], findings: list[Finding]
) -> tuple[tuple[DepthScale, ...], list[str]]:
    if list(names) == [OWN]:
        return (DepthScale("of the sets"),), []
    low, high = REGISTRY[DEPTH_SCALE].bounds
    if list(names) == [PRIOR]:
        spread = float(np.exp(REGISTRY[DEPTH_SCALE].prior_sd))
        beyond = [
            name
            for name in types
            for b in [float(getattr(parameter_set(experiment, name), DEPTH_SCALE))]
            if not (low <= b / spread and b * spread <= high)
        ]
        notes = ["b: two levels, each type's own times e^-SD and e^SD of the prior"]
        if beyond:
            notes.append(f"b of {', '.join(beyond)} kept within {low:g} to {high:g} m")
        levels = DepthScale("−1 SD", 1 / spread), DepthScale("+1 SD", spread)
        return levels, notes
    levels = []
    for name in names:
        try:
            value = float(name)
        except ValueError:
            value = float("nan")
        if low <= value <= high:
            levels.append(DepthScale(f"{value:g} m", value=value))
        else:
            mend = f"Give prior, own, or values of {low:g} to {high:g} m."
            findings.append(Finding("--b", name, "", "is no depth scale", mend))
    return tuple(levels), []


def without_depth_scale(sources: Sequence[Source]) -> tuple[list[Source], list[str]]:
    """Sources that leave b alone, where it is a factor of its own, and what that changes."""
    kept, notes = [], []
    for source in sources:
        columns, lost = {}, 0.0
        for vegetation, numbers in source.columns.items():
            columns[vegetation] = {n: c for n, c in numbers.items() if n != DEPTH_SCALE}
            if DEPTH_SCALE in numbers:
                used = list(columns[vegetation].values())
                lost = max(lost, _correlation(source.gaussian, numbers[DEPTH_SCALE], used))
        if columns != source.columns:
            notes.append(f"{source.label}: b is a factor of its own and not drawn")
        if lost > 0:
            notes[-1] += f"; its correlations in the fit, up to {lost:.2f}, do not count"
        if any(columns.values()):
            kept.append(replace(source, columns=columns))
    return kept, notes


def _correlation(gaussian: Gaussian, column: int, others: Sequence[int]) -> float:
    """Largest size of a correlation of a number with others."""
    sd = np.sqrt(np.diag(gaussian.covariance))
    if not len(others) or sd[column] == 0:
        return 0.0
    spread = np.where(sd > 0, sd, 1.0)
    row = gaussian.covariance[column] / (spread * sd[column])
    return float(np.abs(row[list(others)]).max())


def with_options(experiment: Experiment, rule: str, nitrogen: str) -> Experiment:
    """The experiment under an active-layer rule and a nitrogen option."""
    update = {"active_layer_rule": rule, "root_zone_nitrogen": nitrogen}
    return experiment.model_copy(update={"model": experiment.model.model_copy(update=update)})


def groups_of_source(source: Source) -> dict[str, list[int]]:
    """Columns of a source's Gaussian by group of parameters."""
    columns: dict[str, list[int]] = {}
    for numbers in source.columns.values():
        for name, column in numbers.items():
            of_group = columns.setdefault(GROUP_OF[name], [])
            if column not in of_group:
                of_group.append(column)
    return {group: columns[group] for group in GROUPS if group in columns}


@dataclass(frozen=True)
class Walks:
    """Walks of a source from a draw to an independent one, a group of parameters a step.

    Attributes:
        values: in units, ``(step, walk, number)``; the first step is the draw.
        order: group that each step replaces, ``(walk, group)``.
    """

    values: NDArray
    order: NDArray


def source_walks(source: Source, number: int, seed: int) -> Walks:
    """Walks of a source; each group is replaced given the groups that are still the first draw's.

    The draw given some numbers is y_r + C_rk C_kk⁻¹ (x_k − y_k), with x the first and y the last
    draw: exact for a Gaussian. Each group takes each place in the order equally often, to one.
    """
    gaussian, groups = source.gaussian, list(groups_of_source(source).values())
    seeds = (seed, zlib.crc32(source.label.encode()), 1)
    first, last = np.split(gaussian.points(2 * number, seeds), 2)
    order = _orders(len(groups), number, seeds)
    points = np.repeat(last[None], len(groups) + 1, axis=0)
    points[0] = first
    for step in range(1, len(groups)):
        kept_groups = np.sort(order[:, step:], axis=1)
        for kept in np.unique(kept_groups, axis=0):
            rows = np.flatnonzero((kept_groups == kept).all(axis=1))
            known = [column for group in kept for column in groups[group]]
            within = np.linalg.pinv(gaussian.covariance[np.ix_(known, known)], hermitian=True)
            regression = within @ gaussian.covariance[known]
            difference = (first - last)[np.ix_(rows, known)]
            points[step, rows] += difference @ regression
            points[step][np.ix_(rows, known)] = first[np.ix_(rows, known)]
    return Walks(gaussian.values(gaussian.bounded(points)), order)


def _orders(groups: int, number: int, seeds: Sequence[int]) -> NDArray:
    """Random orders of groups, ``(walk, group)``, each rotated until every group led once."""
    random = np.random.default_rng(seeds)
    orders: list[NDArray] = []
    while len(orders) < number:
        order = random.permutation(groups)
        orders += [np.roll(order, shift) for shift in range(max(groups, 1))]
    return np.array(orders[:number], dtype=int).reshape(number, groups)

"""Linear propagation beside the walks: derivatives of regional totals times the covariance."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from temjax.regional.studies.sensitivity_run import region_sensitivity, uncertain_names
from temjax.regional.studies.uncertainty import regional_weight, source_gradient
from temjax.regional.studies.variance.analysis import controlled, linear_effects, walk_effects
from temjax.regional.studies.variance.design import groups_of_source, source_walks
from temjax.regional.studies.variance.run import ParameterSplit, Study

OUTPUTS = {
    "ΣΔNEP": "delta_nep", "SOC_PF": "exposed_carbon", "ΔSOC_NET": "net_soil_carbon",
    "NPP S_T": "npp",
}  # fmt: skip


def why_not(study: Study) -> str:
    """Why there are no derivatives of a study; empty where there are."""
    if study.experiment.options.root_zone_nitrogen == "const2020":
        return "root-zone nitrogen 'const2020' has none"
    if study.experiment.protocol.branch_baseline_years > 1:
        return "a branch baseline of several years has none"
    return "" if study.sources else "no parameter is uncertain"


@dataclass(frozen=True)
class LinearSplit:
    """Split of the variance from parameters to first order.

    Attributes:
        gradients: of the regional numbers in prior space, by quantity and source, ``(number,)``.
        effects: Shapley effects of the players of the walks, ``(player,)`` by quantity; they sum to
            Σ gᵀ C g over sources.
    """

    gradients: dict[str, list[NDArray]]
    effects: dict[str, NDArray]


def linear_split(study: Study, console: Console) -> LinearSplit:
    """Derivatives for the first climate model and scenario, and the split that they give.

    Raises:
        DataError: input that cannot be run.
    """
    member, scenario = study.experiment.members[0]
    experiment = study.experiment.select([member], [scenario])
    names = tuple(uncertain_names(study.sources))
    ((_, _, result),) = region_sensitivity(experiment, names, [], 0, console)
    sensitivity, vegetation = result.sensitivity, result.domain.vegetation
    gradients = {}
    for name, output in OUTPUTS.items():
        weight = regional_weight(result.area, output, getattr(sensitivity.values, output))
        gradients[name] = [
            source_gradient(sensitivity, vegetation, weight, output, source)[0]
            for source in study.sources
        ]
    return split_of_gradients(study, gradients)


def split_of_gradients(study: Study, gradients: dict[str, list[NDArray]]) -> LinearSplit:
    """Split to first order of known derivatives."""
    effects = {
        name: np.concatenate(
            [
                linear_effects(
                    gradient, source.gaussian.covariance, list(groups_of_source(source).values())
                )
                for source, gradient in zip(study.sources, of_sources, strict=True)
            ]
        )
        for name, of_sources in gradients.items()
    }
    return LinearSplit(gradients, effects)


def with_control(study: Study, split: ParameterSplit, linear: LinearSplit) -> ParameterSplit:
    """The split by walks with the linear function in the same walks as its control."""
    walks = [source_walks(source, study.draws, study.seed) for source in study.sources]
    used = np.setdiff1d(np.arange(study.draws), np.array(split.failed, dtype=int) - 1)
    effects = {}
    for name, of_sources in linear.gradients.items():
        known = [
            walk_effects(of_source.points @ gradient, of_source.order)
            for of_source, gradient in zip(walks, of_sources, strict=True)
        ]
        same_walks = np.concatenate(known, axis=1)[used]
        effects[name] = controlled(split.effects[name], same_walks, linear.effects[name])
    return replace(split, effects=effects)

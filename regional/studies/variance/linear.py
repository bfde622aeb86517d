"""Linear propagation beside the walks: derivatives of regional totals times the covariance."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from temjax.regional.studies.sensitivity_run import (
    RegionSensitivity,
    region_sensitivity,
    uncertain_names,
)
from temjax.regional.studies.uncertainty import regional_weight, source_gradient
from temjax.regional.studies.variance.analysis import linear_effects
from temjax.regional.studies.variance.design import groups_of_source
from temjax.regional.studies.variance.run import Study

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


def linear_split(study: Study, console: Console) -> dict[str, NDArray]:
    """Shapley effects of the players of the walks to first order, ``(player,)`` by quantity.

    Those of a quantity sum to Σ gᵀ C g over sources; for the first climate model and scenario.

    Raises:
        DataError: input that cannot be run.
    """
    member, scenario = study.experiment.members[0]
    experiment = study.experiment.select([member], [scenario])
    names = tuple(uncertain_names(study.sources))
    ((_, _, result),) = region_sensitivity(experiment, names, [], 0, console)
    return {
        name: np.array(list(_effects(study, result, output))) for name, output in OUTPUTS.items()
    }


def _effects(study: Study, result: RegionSensitivity, output: str) -> Iterator[float]:
    values = getattr(result.sensitivity.values, output)
    weight = regional_weight(result.area, output, values)
    vegetation = result.domain.vegetation
    for source in study.sources:
        gradient, _ = source_gradient(result.sensitivity, vegetation, weight, output, source)
        groups = list(groups_of_source(source).values())
        yield from linear_effects(gradient, source.gaussian.covariance, groups)

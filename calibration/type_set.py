"""The fitted set of a type: parameters and posterior of the type, without any place's state.

Its form is that of a fitted set of a place (docs/calibration.md, "The fitted set"), so a region
takes it as it is. The posterior is that of the type itself; places vary around it by the pooling
strength, which the file names.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from temjax.calibration.fitted_file import (
    FORMAT,
    descent_record,
    fit_provenance,
    posterior_table,
)
from temjax.parameters.files import (
    FIT_OPTIONS,
    load_parameters,
    replace_parameters,
    write_parameters,
)
from temjax.parameters.registry import REGISTRY, Parameters

if TYPE_CHECKING:
    from temjax.calibration.result import Calibration


def type_parameters(calibration: "Calibration") -> Parameters:
    """Parameter set of the type: the base set with the fitted values."""
    hierarchy, result = calibration.hierarchy, calibration.result
    values = dict(zip(result.names, result.values, strict=True))
    fitted = {name: float(values[name]) for name in hierarchy.names if name in REGISTRY}
    return replace_parameters(load_parameters(hierarchy.base), **fitted)


def write_type_set(calibration: "Calibration", path: Path) -> None:
    """Write the fitted set of the type of a fit."""
    hierarchy, result = calibration.hierarchy, calibration.result
    names = [name for name in hierarchy.names if name in REGISTRY]
    columns = [result.names.index(name) for name in names]
    parameters = type_parameters(calibration)
    options = result.objective.site_parts[0].options
    posterior = posterior_table(calibration, columns, names, _residual_scales(calibration))
    write_parameters(
        parameters,
        path,
        name=f"{hierarchy.name}-fitted",
        title=f"{hierarchy.name} fitted to {', '.join(site.title for site in calibration.sites)}",
        source=f"gradient fit of a type to {', '.join(hierarchy.places)}",
        tables={
            "format": FORMAT,
            "options": {name: getattr(options, name) for name in FIT_OPTIONS},
            "posterior": posterior,
            "fit": {
                "command": calibration.command,
                **hierarchy.record(),
                "targets": {
                    part.name: [target.label for target in part.targets]
                    for part in result.objective.parts
                },
                "error_model": str(calibration.errors),
                "residual_scales": posterior["residual_scales"],
                "base_sets": calibration.bases.record(),
                "without_effect": [name for name in result.without_effect if name in names],
                **descent_record(result),
            },
        },
        provenance=fit_provenance(calibration, hierarchy.base, names, parameters),
    )


def _residual_scales(calibration: "Calibration") -> dict[str, float]:
    """Residual scales of all places, by target and place."""
    if calibration.scales is None:
        return {}
    return {f"{one.target}@{one.site}": one.scale for one in calibration.scales.series}

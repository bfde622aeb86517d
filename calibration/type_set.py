"""The fitted set of a type: parameters and posterior of the type, without any place's state.

Its form is that of a fitted set of a place (docs/calibration.md, "The fitted set"), so a region
takes it as it is. The posterior is that of the type itself; places vary around it by the pooling
strength, which the file names.
"""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from temjax.calibration.checkpoint import fingerprint
from temjax.calibration.fitted_file import FORMAT, posterior_table
from temjax.parameters.files import (
    FIT_OPTIONS,
    load_parameters,
    replace_parameters,
    write_parameters,
)
from temjax.parameters.registry import REGISTRY, Parameters
from temjax.sites.provenance import parameter_hash

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
    rows = {row["name"]: row for row in calibration.posterior.table()}
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
                "method": result.method,
                "starts": int(result.losses.shape[1]),
                "seed": result.seed,
            },
        },
        provenance={
            "command": calibration.command,
            "base": hierarchy.base,
            "fitted": names,
            "interval_90": {name: [rows[name]["low"], rows[name]["high"]] for name in names},
            "shrinkage": {name: rows[name]["shrinkage"] for name in names},
            "against_bounds": [name for name in names if rows[name]["at_bound"]],
            "residuals_over_errors": result.residual_ratio,
            "loss": float(result.loss[result.best]),
            "loss_at_prior_centre": float(result.losses[0, 0]),
            "data_hash": fingerprint(
                result.objective, result.method, result.seed, result.losses.shape[1]
            ),
            "parameter_hash": parameter_hash(parameters),
            "temjax_version": version("temjax"),
        },
    )


def _residual_scales(calibration: "Calibration") -> dict[str, float]:
    """Residual scales of all places, by target and place."""
    if calibration.scales is None:
        return {}
    return {f"{one.target}@{one.site}": one.scale for one in calibration.scales.series}

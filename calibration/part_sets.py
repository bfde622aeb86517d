"""Fitted sets of types that have numbers of their own in a part of a fit, as files."""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from temjax.calibration.fitted_file import FORMAT, posterior_table
from temjax.calibration.scores import site_vector
from temjax.parameters.files import FIT_OPTIONS, write_parameters
from temjax.sites.provenance import parameter_hash

if TYPE_CHECKING:
    from temjax.calibration.result import Calibration


def write_part_sets(calibration: "Calibration", folder: Path) -> dict[str, Path]:
    """Write the sets of types that no fitted set of a place holds.

    Returns:
        Paths by ``PART-TYPE``.
    """
    result, paths = calibration.result, {}
    rows = {row["name"]: row for row in calibration.posterior.table()}
    for number, part in enumerate(result.objective.parts):
        columns = result.objective.columns[number]
        for vegetation, own in part.own_sets(site_vector(result, number)).items():
            name = f"{part.name}-{vegetation}"
            of_type = [columns[row] for row in own.rows]
            fitted = [result.names[column] for column in of_type]
            paths[name] = folder / f"{name}.toml"
            write_parameters(
                own.parameters,
                paths[name],
                name=name,
                title=f"{vegetation} as fitted within {part.name}",
                source=f"gradient fit of {', '.join(one.name for one in result.objective.parts)}",
                tables={
                    "format": FORMAT,
                    "options": {option: getattr(part.options, option) for option in FIT_OPTIONS},
                    "posterior": posterior_table(calibration, of_type, fitted, {}),
                },
                provenance={
                    "command": calibration.command,
                    "base": vegetation,
                    "fitted": fitted,
                    "interval_90": {one: [rows[one]["low"], rows[one]["high"]] for one in fitted},
                    "parameter_hash": parameter_hash(own.parameters),
                    "temjax_version": version("temjax"),
                },
            )
    return paths

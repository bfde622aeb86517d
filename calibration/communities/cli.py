"""``temjax calibrate --targets-file``: communities fitted to their target values."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from temjax.calibration.checkpoint import FitError
from temjax.calibration.communities.fit import CommunityFit, calibrate_community
from temjax.calibration.communities.part import CommunityPart
from temjax.calibration.communities.report import write_community_fit
from temjax.calibration.communities.targets_file import open_community
from temjax.calibration.objective import DESCENT
from temjax.calibration.progress import progress_display
from temjax.calibration.tables import parameter_table, written_line
from temjax.command.main import DATA_ERROR, console, errors, print_line, resumable
from temjax.files.atomic import exclusive_folder
from temjax.files.findings import DataError, Finding
from temjax.files.names import split_names
from temjax.runtime.machine import command_line
from temjax.runtime.terminal import print_table
from temjax.sites.cli import open_sites

TargetsFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--targets-file",
        help="Target values of a community, a TOML file or a name of the catalog "
        "(docs/communities.md), in place of towers; once for every community, each its own fit.",
    ),
]
Climate = Annotated[
    str | None,
    typer.Option(help="Place whose climate a --targets-file belongs to; as a place is named."),
]
# Options that fits to target values have no use for: of towers, their errors and their posteriors
OF_TOWERS = (
    "places", "tied", "targets", "holdout", "base", "flux_error", "partitioning_error",
    "temperature_error", "annual_error", "weights", "stated_errors", "disequilibrium", "twin",
    "profiles", "nuts", "vegetation_type", "pooling", "leave_one_out", "within",
)  # fmt: skip
WORDS = {
    "places": "places",
    "vegetation_type": "--type",
    "profiles": "--profile",
    "within": "--points, --stocks or --region",
}


def calibrate_communities(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Fit communities to their targets, print what came out, write sets and reports.

    Args:
        given: arguments of ``temjax calibrate``.
        defaults: their defaults.

    Raises:
        typer.BadParameter: no climate, or options that only fits to towers have.
        DataError: faults of a file of targets or of the climate.
    """
    for name in OF_TOWERS:
        if given[name] != defaults[name]:
            option = WORDS.get(name, f"--{name.replace('_', '-')}")
            text = "goes with towers, not with --targets-file"
            raise typer.BadParameter(text, param_hint=f"'{option}'")
    if given["climate"] is None:
        text = "give the place whose climate it is, such as toolik-tundra"
        raise typer.BadParameter(text, param_hint="'--climate'")
    communities = [open_community(one) for one in given["targets_file"]]
    _check_names([one.name for one in communities], given["targets_file"])
    (site,) = open_sites([given["climate"]], given["site"], given["reading"])
    options = dataclasses.replace(DESCENT, freezing_cutoff=given["freezing_cutoff"])
    free, out = split_names(given["tunable"], ()), given["out"]
    try:
        parts = [CommunityPart.of(one, site, free, options) for one in communities]
    except LookupError as error:
        raise typer.BadParameter(error.args[0], param_hint="'--climate'") from error
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    for part in parts:
        for note in part.notes:
            print_line(console, f"{part.name}: {note}" if len(parts) > 1 else note)
    with resumable(out), exclusive_folder(out):
        for community in communities:
            try:
                with progress_display(console) as show:
                    fitted = calibrate_community(
                        community, site, free=free, starts=given["starts"], steps=given["steps"],
                        method=given["method"], seed=given["seed"], options=options, out=out,
                        resume=given["resume"], command=command_line(), show=show,
                    )  # fmt: skip
            except FitError as error:
                print_line(errors, f"error: {community.name}: {error}")
                raise typer.Exit(DATA_ERROR) from error
            paths = write_community_fit(fitted, out)
            print_community(fitted)
            print_line(console, written_line(out, paths))


def _check_names(names: list[str], sources: list[str]) -> None:
    """Check that communities have names of their own, which name the files.

    Raises:
        DataError: two of one name.
    """
    for number, name in enumerate(names):
        if name in names[:number]:
            first = sources[names.index(name)]
            message = f"{sources[number]} and {first} are both called {name!r}"
            mend = "Give each community a name of its own, the key 'name' of its file."
            raise DataError([Finding("--targets-file", "name", "", message, mend)])


def print_community(fitted: CommunityFit) -> None:
    """Print targets and parameters of a fit, its loss and warnings."""
    result = fitted.result
    print_table(console, target_table(fitted))
    print_table(console, parameter_table(fitted.posterior))
    print_line(
        console,
        f"loss {result.losses[0, 0]:.2f} → {result.loss[result.best]:.2f} in "
        f"{len(result.losses)} steps; {result.starts_within()} of {result.losses.shape[1]} starts "
        "end within 1 % of the lowest",
    )
    for line in fitted.warnings():
        print_line(console, f"warning: {line}")


def target_table(fitted: CommunityFit) -> Table:
    """Target values beside the model before and after the fit."""
    table = Table(title=f"{fitted.site.title}: targets", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("target", "unit", "value", "sd", "prior", "fitted", "90 %", "difference"):
        table.add_column(column, no_wrap=column != "unit")
    for row in fitted.rows:
        table.add_row(
            row.target.name.replace("_", " "),
            row.target.unit,
            f"{row.target.value:.4g}",
            f"{row.target.sd:.3g}",
            f"{row.prior:.4g}",
            f"{row.fitted:.4g}",
            f"{row.low:.4g} … {row.high:.4g}",
            f"{row.difference:+.1%}",
        )
    return table

"""``temjax sites`` and ``temjax simulate``; the check of a site file or a tower's."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich import box
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from temjax.command.main import console, cpu_command, few_cells_command, print_line
from temjax.files.findings import DataError, Finding
from temjax.files.toml import TomlError, read_toml
from temjax.options import SOIL_LAYERS, ModelOptions
from temjax.parameters.files import read_fit_options, read_parameters
from temjax.runtime.machine import command_line
from temjax.runtime.terminal import print_table
from temjax.sites import options
from temjax.sites.account import account
from temjax.sites.compare import compare, compare_winters, comparison_table
from temjax.sites.entry import parse_entry
from temjax.sites.layers import layer_summary, soil_choice
from temjax.sites.observations import OBSERVED, STOCKS
from temjax.sites.output import write_netcdf
from temjax.sites.place_state import PlaceState, read_place_state
from temjax.sites.profile_comparison import profile_table
from temjax.sites.readers.kinds import is_tower
from temjax.sites.readers.record import Reading
from temjax.sites.run import SiteRun, run_site, site_dataset, switch_text
from temjax.sites.site import Site, catalog_entry, load, names
from temjax.sites.sources import open_places
from temjax.sites.tower import check_tower

SITE_TABLES = {"location", "soil", "vegetation"}


def check(path: Path) -> list[Finding] | None:
    """Findings of a site file or a tower's file; None for anything else."""
    path = Path(path)
    if path.suffix == ".toml" and path.is_file():
        return parse_entry(path)[1] if is_site_file(path) else None
    return check_tower(path) if is_tower(path) else None


def is_site_file(path: Path) -> bool:
    """Whether a TOML file has two of the three tables of every site file."""
    try:
        keys = read_toml(path).keys()
    except TomlError:
        return False
    return len(SITE_TABLES & keys) >= 2


@cpu_command
def list_sites(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """The catalog: places, years, observations.

    Examples: temjax sites; temjax sites --json
    """
    if as_json:
        typer.echo(
            json.dumps([_catalog_record(name) for name in names()], indent=1, ensure_ascii=False)
        )
        return
    table = Table(title="Places in the catalog", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("name", "place", "forcing", "observed"):
        table.add_column(column, no_wrap=column in ("name", "forcing"))
    for name in names():
        site, location = load(name), catalog_entry(name).location
        position = f"{abs(location.latitude):.2f}°{'N' if location.latitude >= 0 else 'S'}"
        if location.longitude is not None:
            east = location.longitude >= 0
            position += f" {abs(location.longitude):.2f}°{'E' if east else 'W'}"
        years = site.forcing.years
        period = site.observations.period
        monthly = [OBSERVED[key][1] for key in site.observations.monthly]
        stocks = [STOCKS[key] for key in site.observations.stocks]
        days = [f"soil profile {one.date}" for one in site.observations.profiles]
        observed = [f"{period[0]}-{period[1]}"] if period else []
        observed += [", ".join(some) for some in (monthly + stocks, days) if some]
        table.add_row(
            f"{name}\n{site.parameter_set}",
            f"{site.title}\n{position}, {location.elevation:.0f} m",
            f"{years[0]}-{years[-1]}",
            "\n".join(observed) or "none",
        )
    print_table(console, table)


def _catalog_record(name: str) -> dict[str, object]:
    """Catalog entry as JSON values."""
    site, location = load(name), catalog_entry(name).location
    return {
        "name": name,
        "title": site.title,
        "latitude": location.latitude,
        "longitude": location.longitude,
        "elevation": location.elevation,
        "parameter_set": site.parameter_set,
        "forcing": [int(site.forcing.years[0]), int(site.forcing.years[-1])],
        "observed": {
            "period": site.observations.period,
            "monthly": list(site.observations.monthly),
            "stocks": list(site.observations.stocks),
            "profiles": [str(one.date) for one in site.observations.profiles],
        },
    }


def open_sites(
    places: Sequence[str], site_files: Sequence[Path] | None, reading: Reading = Reading()
) -> tuple[Site, ...]:
    """Sites of a command's arguments.

    Args:
        places: catalog names, site files or towers' files.
        site_files: of the option ``--site``.
        reading: choices of reading towers' files.

    Raises:
        typer.BadParameter: a site file too many, or a tower without one.
        DataError: unknown name, or faults of a file.
    """
    try:
        return open_places(places, site_files or (), reading)
    except DataError:
        raise
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--site") from error


@few_cells_command
@options.reads_towers
def simulate_site(
    place: options.Place,
    out: Annotated[Path, typer.Option(help="NetCDF file to write.")],
    site: options.SiteFiles = None,
    parameters: Annotated[
        Path | None,
        typer.Option(help="Parameter file, run as it is, in place of the site's values."),
    ] = None,
    start: Annotated[int | None, typer.Option(help="First calendar year to write.")] = None,
    stop: Annotated[int | None, typer.Option(help="Last calendar year to simulate.")] = None,
    reading: Reading = Reading(),
    active_layer_rule: Annotated[
        Literal["hold", "literal", "stefan"], typer.Option(help="Rule of thaw exposure.")
    ] = "hold",
    soil: options.Soil = "bulk",
    rooting_depth: options.RootingDepth = "fixed",
    exposure: Annotated[bool, typer.Option(help="Thaw exposure from 1901 on.")] = True,
    freezing_cutoff: Annotated[
        bool | None,
        typer.Option(
            help="Respiration falls off in frozen soil and air; by default as a fitted set was "
            "fitted, else not."
        ),
    ] = None,
    spinup: Annotated[
        str,
        typer.Option(
            help="Start: equilibrium (first year repeated), mean (of the first 30 years), cycle "
            "(these years repeated) or years:N (mean, then N years of the cycle)."
        ),
    ] = "equilibrium",
    state: Annotated[
        bool,
        typer.Option(
            "--place-state/--no-place-state",
            help="Apply the soil-matter factor and the numbers of the place of a fitted set at "
            "its own place.",
        ),
    ] = True,
) -> None:
    """Equilibrium, then the site's climate; writes CF NetCDF.

    Examples: temjax simulate haibei-meadow --out run.nc; temjax simulate tower.csv --site site.toml
    --out run.nc --spinup years:200; temjax simulate toolik-tundra --soil layered --out run.nc
    """
    if not out.absolute().parent.is_dir():
        raise typer.BadParameter(f"no such folder: {out.absolute().parent}", param_hint="--out")
    (opened,) = open_sites([place], site, reading)
    fitted_with = {} if parameters is None else read_fit_options(parameters)
    if freezing_cutoff is None:
        freezing_cutoff = fitted_with.get("freezing_cutoff", False)
    options_of_model = _model_options(
        active_layer_rule=active_layer_rule,
        freezing_cutoff=freezing_cutoff,
        soil_layers=SOIL_LAYERS if soil == "layered" else None,
        rooting_depth=rooting_depth,
    )
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(opened.name, total=None)
        result = run_site(
            opened,
            parameters=None if parameters is None else read_parameters(parameters),
            parameter_source=None if parameters is None else str(parameters),
            options=options_of_model,
            fitted_with=fitted_with,
            start=start,
            stop=stop,
            exposure=None if exposure else False,
            spin_up=spinup,
            place_state=None if parameters is None else _place_state(parameters, state),
            progress=lambda text: bar.update(task, description=f"{opened.name}: {text}"),
        )
    write_netcdf(site_dataset(result, command=command_line()), out)
    _print_summary(result, out)


def _model_options(**choices: object) -> ModelOptions:
    """Options of the model from those of the command.

    Raises:
        typer.BadParameter: choices that do not go together.
    """
    try:
        return ModelOptions(**choices)
    except ValueError as error:
        text = str(error).replace("ModelOptions.", "").replace("soil_layers", "--soil layered")
        raise typer.BadParameter(text, param_hint="--soil") from error


def _place_state(fitted_set: Path, applied: bool) -> PlaceState | None:
    """State of the place in a fitted set, marked as left out where it is not to be applied."""
    state = read_place_state(fitted_set)
    return None if state is None else replace(state, left_out=not applied)


def _print_summary(result: SiteRun, out: Path) -> None:
    """Print what was run and how it compares with the observations."""
    site, run = result.site, result.run
    lines = [
        f"{site.title}: {run.years[0]}-{run.years[-1]}, parameters {result.parameter_source}",
        f"equilibrium: {result.certificate}",
        f"nitrogen drift over the run: {result.nitrogen_drift:.1e} g N m⁻²",
        *([f"state: {result.state_note}"] if result.state_note else []),
        f"freezing cut-off of respiration: {switch_text(result.options.freezing_cutoff)}",
        f"soil carbon: {soil_choice(result.options, result.parameters)}",
        *([layer_summary(run)] if run.layers is not None else []),
        *(f"warning: {warning}" for warning in result.warnings),
        *account(site),
    ]
    for line in lines:
        print_line(console, line)
    period = site.observations.period
    if period and period[0] <= int(run.years[-1]) and period[1] >= int(run.years[0]):
        rows = [*compare(site, run), *compare_winters(site, run)]
        print_table(console, comparison_table("Observed and simulated", rows))
    for comparison in result.profiles:
        print_table(console, profile_table(comparison))
    compared = [comparison.profile for comparison in result.profiles]
    for profile in site.observations.profiles:
        if profile not in compared:
            print_line(console, f"profile of {profile.date}: outside the years of the run")
    print_line(console, f"written: {out}")

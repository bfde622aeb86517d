"""``temjax calibrate``."""

import dataclasses
import errno
import inspect
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from temjax.calibration.base_sets import candidates
from temjax.calibration.checkpoint import FitError
from temjax.calibration.communities.cli import Climate, TargetsFiles, calibrate_communities
from temjax.calibration.hierarchy import of_one_base, type_request
from temjax.calibration.joint import JointObjective
from temjax.calibration.multistart import METHOD, STARTS, STEPS
from temjax.calibration.objective import DESCENT, Disequilibrium, Objective
from temjax.calibration.optimisers import Method
from temjax.calibration.option_groups import OPTION_GROUPS
from temjax.calibration.progress import progress_display
from temjax.calibration.region_cli import NOTHING, WithinRegion, measures_regions
from temjax.calibration.result import Calibration
from temjax.calibration.run import check_posterior_requests, make_objective, run_calibration
from temjax.calibration.tables import (
    data_lines,
    draws_line,
    left_out_table,
    misfit_rows,
    parameter_table,
    profile_lines,
    skill_table,
    twin_lines,
    written_line,
)
from temjax.calibration.targets import ErrorModel
from temjax.calibration.twin import RECOVERY_STEPS, recover
from temjax.command.main import (
    DATA_ERROR,
    console,
    few_cells_command,
    print_line,
    resumable,
)
from temjax.command.main import errors as stderr
from temjax.command.usage import choices_told, help_groups
from temjax.files.atomic import exclusive_folder
from temjax.files.names import split_names
from temjax.runtime.machine import command_line
from temjax.runtime.terminal import print_table
from temjax.sites import Site, options
from temjax.sites.cli import open_sites
from temjax.sites.readers.record import Reading

Out = Annotated[Path, typer.Option(help="Folder for fitted sets, record and report.")]
Tunable = Annotated[
    str | None,
    typer.Option(
        help="Parameters to free by our names or TEM symbols, or the groups default, table-s2, "
        "thermal, freezing, place (a place's precipitation, snow, air, soil matter)."
    ),
]
Tied = Annotated[
    str | None, typer.Option(help="Free parameters that all places share (joint fits).")
]
OfType = Annotated[
    str | None,
    typer.Option(
        "--type",
        help="Type that the places are of, for example tundra: its parameters are fitted, and "
        "those of each place around them.",
    ),
]
PoolingOption = Annotated[
    str | None,
    typer.Option(
        help="Standard deviation of places about their type over that of the prior, for example "
        "0.3; 0 ties the places; by default fitted.",
    ),
]
LeaveOneOut = Annotated[
    bool,
    typer.Option(
        "--leave-one-out",
        help="Also score each place with what a fit of the others says of it (--type or --tied).",
    ),
]
Targets = Annotated[
    str | None,
    typer.Option(
        help="nep, gpp, reco, soil_temperature, profile, soc, son, type_soc, type_son; by default "
        "those each place has."
    ),
]
MethodOption = Annotated[Method, typer.Option(help="Levenberg-Marquardt, L-BFGS or Adam.")]
Starts = Annotated[int, typer.Option(help="Sobol starts in the prior.", min=1)]
Steps = Annotated[int, typer.Option(help="Steps of every start at most.", min=1)]
Holdout = Annotated[str | None, typer.Option(help="Years kept back as a test, such as 2004.")]
Seed = Annotated[int, typer.Option(help="Of the starts.")]
FluxError = Annotated[float, typer.Option(help="Model error of monthly fluxes, g C m-2 month-1.")]
PartitioningError = Annotated[
    float, typer.Option(help="Error of partitioned GPP and RECO, a share of their value.")
]
StatedErrors = Annotated[
    bool,
    typer.Option(
        "--stated-errors",
        help="Take errors as stated; by default the scale of each series' residuals is estimated.",
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        help="Parameter sets to start from and compare, for example alpine-meadow,grassland; by "
        "default the one of each place."
    ),
]
TemperatureError = Annotated[float, typer.Option(help="Model error of soil temperature, K.")]
AnnualError = Annotated[
    float | None, typer.Option(help="Also fit annual NEP sums with this error, g C m-2 yr-1.")
]
Weights = Annotated[
    str | None, typer.Option(help="Factors on shares of the loss, for example nep=2,soc=0.5.")
]
DisequilibriumOption = Annotated[
    Disequilibrium,
    typer.Option(help="When disequilibrium_factor acts: as the observations begin, or in 1901."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")]
Twin = Annotated[
    bool, typer.Option("--twin", help="First fit the model's own output, where truth is known.")
]
Profiles = Annotated[
    str | None,
    typer.Option("--profile", help="Profile likelihoods of these fitted numbers, or of all."),
]
FreezingCutoff = Annotated[
    bool,
    typer.Option(
        "--freezing-cutoff",
        help="Respiration falls off in frozen soil and air; --tunable default,freezing fits how.",
    ),
]
Nuts = Annotated[
    int, typer.Option(help="Also draw so many times from the posterior in each of 4 chains.")
]


@few_cells_command
@help_groups(OPTION_GROUPS)
@options.reads_towers
@measures_regions
def calibrate(
    out: Out,
    places: options.PlacesIfAny = None,
    targets_file: TargetsFiles = None,
    climate: Climate = None,
    site: options.SiteFiles = None,
    tunable: Tunable = None,
    tied: Tied = None,
    vegetation_type: OfType = None,
    pooling: PoolingOption = None,
    leave_one_out: LeaveOneOut = False,
    targets: Targets = None,
    method: MethodOption = METHOD,
    starts: Starts = STARTS,
    steps: Steps = STEPS,
    holdout: Holdout = None,
    seed: Seed = 0,
    base: Base = None,
    flux_error: FluxError = ErrorModel.flux,
    partitioning_error: PartitioningError = ErrorModel.partitioning,
    temperature_error: TemperatureError = ErrorModel.temperature,
    annual_error: AnnualError = None,
    weights: Weights = None,
    stated_errors: StatedErrors = False,
    disequilibrium: DisequilibriumOption = "observations",
    freezing_cutoff: FreezingCutoff = False,
    within: WithinRegion = NOTHING,
    reading: Reading = Reading(),
    resume: Resume = False,
    twin: Twin = False,
    profiles: Profiles = None,
    nuts: Nuts = 0,
) -> None:
    """Fit parameters to towers: many starts, intervals, and what the data cannot say.

    Examples: temjax calibrate haibei-meadow --out fit; temjax calibrate a.csv b.csv --site a.toml
    --site b.toml --out joint --tied krb; temjax calibrate A B C --type tundra --out t; temjax
    calibrate haibei-meadow --points alt.csv --region region.toml --out joint; temjax calibrate
    --targets-file tussock-tundra --climate toolik-tundra --out fits/tussock
    """
    _check_folder(out)
    if targets_file:
        return calibrate_communities(dict(locals()), _defaults())
    sites = open_sites(_towers(places, climate), site, reading)
    with choices_told():
        errors = ErrorModel(
            flux=flux_error, temperature=temperature_error, annual_flux=annual_error,
            partitioning=partitioning_error, weights=parse_weights(weights), **within.errors,
        )  # fmt: skip
        chosen = {
            "targets": targets, "free": tunable, "tied": tied or (), "errors": errors,
            "holdout": parse_years(holdout), "disequilibrium": disequilibrium,
            "options": dataclasses.replace(DESCENT, freezing_cutoff=freezing_cutoff),
            "of_type": (of_type := type_request(vegetation_type, pooling)),
            "also": within.also,
        }  # fmt: skip
        bases = split_names(base)
        sites = of_one_base(sites, of_type, bases)
        first, *others = candidates(sites, bases, lambda based: make_objective(based, **chosen))
        profiled = check_posterior_requests(first.objective, profiles or (), nuts, leave_one_out)
    for line in data_lines(first.sites, first.objective):
        print_line(console, line)
    with resumable(out), exclusive_folder(out), faults_told(sites):
        if twin:
            run_twin(first.objective, starts=starts, seed=seed)
        with progress_display(console) as show:
            calibration = run_calibration(
                *first[1:], others=others, errors=errors, starts=starts, steps=steps,
                method=method, seed=seed, profiles=profiled, draws=nuts,
                residual_scale=not stated_errors, of_type=of_type, left_out=leave_one_out,
                out=out, resume=resume, command=command_line(), show=show,
            )  # fmt: skip
        paths = calibration.save(out)
    print_calibration(calibration)
    print_line(console, written_line(out, paths))


def _check_folder(out: Path) -> None:
    """Check that the folder of the fit is no file.

    Raises:
        FileExistsError: it is.
    """
    if out.exists() and not out.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(out))


def _towers(places: list[str] | None, climate: str | None) -> list[str]:
    """Places of a fit to towers.

    Raises:
        typer.BadParameter: none, or the climate of a fit to target values.
    """
    if not places or climate:
        raise typer.BadParameter("give places, or --targets-file with --climate")
    return places


def _defaults() -> dict[str, object]:
    """Defaults of the command's options."""
    parameters = inspect.signature(inspect.unwrap(calibrate)).parameters
    return {name: one.default for name, one in parameters.items()}


@contextmanager
def faults_told(sites: Sequence[Site]) -> Iterator[None]:
    """End the command with one line where a fit cannot be made.

    Raises:
        typer.Exit: after it.
    """
    try:
        yield
    except FitError as error:
        title = ", ".join(site.name for site in sites) + ": "
        print_line(stderr, f"error: {title}{str(error).removeprefix(title)}")
        raise typer.Exit(DATA_ERROR) from error


def print_calibration(calibration: Calibration) -> None:
    """Print parameters, intervals, losses, skill and warnings of a calibration."""
    print_table(console, parameter_table(calibration.posterior))
    lines = profile_lines(calibration.profiles)
    if calibration.draws is not None:
        lines.append(draws_line(calibration.draws))
    lines += [f"{name}: {value}" for name, value in misfit_rows(calibration)]
    for line in [*lines, *calibration.account()]:
        print_line(console, line)
    for site, scores in zip(calibration.sites, calibration.site_scores, strict=True):
        if scores:
            print_table(console, skill_table(site, scores))
    if len(calibration.result.objective.parts) > 1:
        for line in calibration.pulls.lines(3):
            print_line(console, f"data: {line}")
    if calibration.left_out is not None:
        print_table(console, left_out_table(calibration.left_out))
    for line in calibration.warnings():
        print_line(console, f"warning: {line}")


def run_twin(objective: Objective | JointObjective, *, starts: int, seed: int) -> None:
    """Fit a noise-free twin and print which parameters it recovers.

    Raises:
        typer.BadParameter: a joint fit.
    """
    if isinstance(objective, JointObjective):
        raise typer.BadParameter("a twin is made of one place at a time", param_hint="--twin")
    title = f"twin {objective.name}"
    with progress_display(console) as show:
        show(title, 0, RECOVERY_STEPS, "compiling")
        recovery = recover(
            objective,
            starts=starts,
            seed=seed,
            progress=lambda step, loss, running: show(
                title, step + 1, RECOVERY_STEPS, f"loss {loss:.2g}, {running} starts running"
            ),
        )
    for line in twin_lines(recovery):
        print_line(console, line)


def parse_weights(text: str | None) -> dict[str, float]:
    """Weights of an option such as ``nep=2,soc=0.5``.

    Raises:
        ValueError: a part that is not ``name=number``.
    """
    weights = {}
    for part in split_names(text, ()):
        name, _, value = part.partition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError as error:
            raise ValueError(f"weight {part!r} is not of the form nep=2") from error
    return weights


def parse_years(text: str | None) -> tuple[int, ...]:
    """Calendar years of an option, separated by commas.

    Raises:
        ValueError: a part that is not a year.
    """
    try:
        return tuple(int(part) for part in split_names(text, ()))
    except ValueError as error:
        raise ValueError(f"--holdout {text!r}: give calendar years, for example 2004") from error

"""``temjax calibrate`` and ``temjax sensitivity``."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from temjax.calibration.fitting import FitError, FitResult, fit
from temjax.calibration.joint import JointObjective
from temjax.calibration.objective import Disequilibrium, Objective
from temjax.calibration.posterior_cli import check_draws, run_nuts, run_profiles, to_profile
from temjax.calibration.report import FitReport
from temjax.calibration.tables import misfit_rows, parameter_table
from temjax.calibration.targets import DEFAULT_TARGETS, ErrorModel
from temjax.calibration.transforms import Free
from temjax.calibration.tunables import DEFAULT, expand_names
from temjax.calibration.twin import Recovery, recover
from temjax.calibration.uncertainty import laplace
from temjax.command.main import DATA_ERROR, console, few_cells_command, resumable, split_names
from temjax.command.main import errors as told
from temjax.files.atomic import exclusive_folder
from temjax.runtime.machine import command_line
from temjax.sites import Site
from temjax.sites.cli import open_place
from temjax.sites.compare import compare, comparison_table
from temjax.sites.fluxnet import MINIMUM_QUALITY


def fit_with_progress(
    objective: Objective | JointObjective, console: Console, *, steps: int, title: str, **arguments
) -> FitResult:
    """Fit with a bar that shows the lowest loss and how many starts still run."""
    with _bar(console) as progress:
        task = progress.add_task(f"fit {title}", total=steps, loss="compiling")

        def advance(step: int, loss: float, running: int) -> None:
            told = f"loss {loss:.2f}, {running} starts running"
            progress.update(task, completed=step + 1, loss=told)

        return fit(objective, steps=steps, progress=advance, **arguments)


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("step {task.completed:.0f}/{task.total:.0f}, {task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)


def weights_of(text: str | None) -> dict[str, float]:
    """``nep=2,soc=0.5`` as a mapping.

    Raises:
        ValueError: a part that is no ``name=number``.
    """
    weights = {}
    for part in split_names(text, ()):
        name, equals, value = part.partition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError as error:
            raise ValueError(f"weight {part!r} is not of the form nep=2") from error
        if not equals:
            raise ValueError(f"weight {part!r} is not of the form nep=2")
    return weights


def years_of(text: str | None) -> tuple[int, ...]:
    """Comma-separated calendar years.

    Raises:
        ValueError: a part that is no year.
    """
    try:
        return tuple(int(part) for part in split_names(text, ()))
    except ValueError as error:
        raise ValueError(f"--holdout {text!r}: give calendar years, for example 2004") from error


def make_objective(
    places: list[Site],
    *,
    tunable: tuple[str, ...],
    tied: tuple[str, ...],
    targets: tuple[str, ...],
    errors: ErrorModel,
    holdout: tuple[int, ...],
    disequilibrium: Disequilibrium = "observations",
) -> Objective | JointObjective:
    """Objective of one place or of several; tied numbers take the first place's prior centre.

    Raises:
        ValueError: see ``Objective.of`` and ``JointObjective.of``.
    """
    shared = expand_names(tied) if tied else ()
    if shared and len(places) < 2:
        raise ValueError("--tied needs two or more places")
    for name in shared:
        if name not in expand_names(tunable):
            raise ValueError(f"tied parameter {name!r} is not among --tunable")
    first = Free.of(places[0].parameters(), shared) if shared else None
    centre = {}
    if first is not None:
        values = np.asarray(first.values(np.zeros(len(shared))))
        centre = dict(zip(shared, values.tolist(), strict=True))
    parts = tuple(
        Objective.of(
            place,
            tunable,
            targets,
            errors=errors,
            holdout=tuple(year for year in holdout if _observed(place, year, len(places))),
            centre=centre,
            disequilibrium=disequilibrium,
        )
        for place in places
    )
    return parts[0] if len(parts) == 1 else JointObjective.of(parts, shared)


def _observed(place: Site, year: int, places: int) -> bool:
    """In joint fits a hold-out year counts at the places that observed it."""
    period = place.observations.period
    return places == 1 or (period is not None and period[0] <= year <= period[1])


@few_cells_command
def calibrate(
    places: Annotated[
        list[str], typer.Argument(help="Catalog names, FLUXNET monthly CSVs or site TOMLs.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for fitted sets, record and report.")],
    site: Annotated[
        Path | None, typer.Option(help="Site file with the facts a FLUXNET file lacks.")
    ] = None,
    tunable: Annotated[
        str | None,
        typer.Option(
            help="Parameters to free by our names or TEM symbols, or the groups default, "
            "table-s2, thermal; disequilibrium_factor for the initial soil carbon."
        ),
    ] = None,
    tied: Annotated[
        str | None, typer.Option(help="Of these, the ones all places share (joint fits).")
    ] = None,
    targets: Annotated[
        str | None, typer.Option(help="nep, gpp, reco, soil_temperature, soc, son; by default all.")
    ] = None,
    method: Annotated[
        Literal["lm", "lbfgs", "adam"],
        typer.Option(help="Levenberg-Marquardt, or Optax's L-BFGS or Adam."),
    ] = "lm",
    starts: Annotated[int, typer.Option(help="Sobol starts in the prior.", min=1)] = 8,
    steps: Annotated[int, typer.Option(help="Steps of every start at most.", min=1)] = 25,
    holdout: Annotated[
        str | None, typer.Option(help="Years kept back to test the fit, for example 2004.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the starts.")] = 0,
    flux_error: Annotated[
        float, typer.Option(help="Model error of monthly fluxes, g C m-2 month-1.")
    ] = ErrorModel.flux,
    temperature_error: Annotated[
        float, typer.Option(help="Model error of soil temperature, K.")
    ] = ErrorModel.temperature,
    annual_error: Annotated[
        float | None, typer.Option(help="Also fit annual NEP sums with this error, g C m-2 yr-1.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Factors on shares of the loss, for example nep=2,soc=0.5.")
    ] = None,
    disequilibrium: Annotated[
        Disequilibrium,
        typer.Option(
            help="When disequilibrium_factor acts: as the observations begin, or in 1901."
        ),
    ] = "observations",
    quality: Annotated[
        float, typer.Option(help="Least share of measured data in a FLUXNET month.")
    ] = MINIMUM_QUALITY,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")
    ] = False,
    twin: Annotated[
        bool, typer.Option("--twin", help="First fit the model's own output, where truth is known.")
    ] = False,
    profiles: Annotated[
        str | None,
        typer.Option("--profile", help="Profile likelihoods of these fitted numbers, or of all."),
    ] = None,
    nuts: Annotated[
        int, typer.Option(help="Also draw so many times from the posterior in each of 4 chains.")
    ] = 0,
) -> None:
    """Fit parameters to towers: many starts, intervals, and what the data cannot say.

    Examples: temjax calibrate haibei-meadow --out fit; temjax calibrate tower.csv --site site.toml
    --out fit --holdout 2004; temjax calibrate haibei-meadow --out fit --resume --profile all
    """
    if site is not None and len(places) > 1:
        raise typer.BadParameter("--site goes with one FLUXNET file", param_hint="--site")
    where = [open_place(place, site=site, minimum_quality=quality) for place in places]
    try:
        errors = ErrorModel(
            flux=flux_error,
            temperature=temperature_error,
            annual_flux=annual_error,
            weights=weights_of(weights),
        )
        objective = make_objective(
            where,
            tunable=split_names(tunable, DEFAULT),
            tied=split_names(tied, ()),
            targets=split_names(targets, DEFAULT_TARGETS),
            errors=errors,
            holdout=years_of(holdout),
            disequilibrium=disequilibrium,
        )
        profiled = to_profile(objective, profiles)
        check_draws(nuts)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with resumable(out), exclusive_folder(out):
        _fit_and_write(
            where, objective, errors, out, resume=resume, twin=twin, method=method,
            starts=starts, steps=steps, seed=seed, profiled=profiled, nuts=nuts,
        )  # fmt: skip


def _fit_and_write(
    where: list[Site],
    objective: Objective | JointObjective,
    errors: ErrorModel,
    out: Path,
    *,
    resume: bool,
    twin: bool,
    method: str,
    starts: int,
    steps: int,
    seed: int,
    profiled: tuple[str, ...],
    nuts: int,
) -> None:
    """The fit and everything it leaves in the folder."""
    checkpoint = out / "checkpoint.npz"
    if not resume:
        checkpoint.unlink(missing_ok=True)
    title = ", ".join(place.name for place in where)
    try:
        if twin:
            run_twin(objective, starts=starts, seed=seed)
        result = fit_with_progress(
            objective,
            console,
            title=title,
            steps=steps,
            method=method,
            starts=starts,
            seed=seed,
            checkpoint=checkpoint,
        )
    except FitError as error:
        told.print(f"error: {title}: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(DATA_ERROR) from error
    posterior = laplace(result)
    console.print(parameter_table(posterior))
    with _bar(console) as progress:
        found = run_profiles(result, posterior, profiled, console, progress)
        drawn = run_nuts(result, posterior, nuts, seed, console, progress)
    with console.status("run with fine sub-steps and report"):
        report = FitReport.of(
            tuple(where),
            result,
            errors=errors,
            command=command_line(),
            profiles=found,
            sampled=drawn,
        )
        paths = report.write(out)
    for name, value in misfit_rows(result):
        console.print(f"{name}: {value}")
    for place, run in zip(where, report.runs, strict=True):
        console.print(comparison_table(f"{place.title}: after the fit", compare(place, run)))
    for line in report.warnings():
        console.print(f"note: {line}", markup=False)
    written = dict.fromkeys(path.name for path in paths.values())
    console.print(f"written to {out}: {', '.join(written)}", markup=False)


def run_twin(objective: Objective | JointObjective, *, starts: int, seed: int) -> None:
    """Noise-free twin and its outcome in words.

    Raises:
        typer.BadParameter: a joint fit.
    """
    if isinstance(objective, JointObjective):
        raise typer.BadParameter("a twin is made of one place at a time", param_hint="--twin")
    with _bar(console) as progress:
        task = progress.add_task(f"twin {objective.name}", total=40, loss="compiling")
        outcome = recover(
            objective,
            starts=starts,
            seed=seed,
            steps=40,
            progress=lambda step, loss, running: progress.update(
                task, completed=step + 1, loss=f"loss {loss:.2g}, {running} starts running"
            ),
        )
    for line in twin_lines(outcome):
        console.print(line, markup=False)


def twin_lines(outcome: Recovery) -> list[str]:
    """A twin in words."""
    known = [name for name, yes in zip(outcome.names, outcome.identified, strict=True) if yes]
    return [
        f"twin: the data decide {', '.join(known) if known else 'no single parameter'} of "
        f"{len(outcome.names)}",
        f"twin: {int(outcome.recovered.sum())} of {outcome.recovered.size} starts bring them "
        f"within {outcome.tolerance:.0%} of the truth",
    ]

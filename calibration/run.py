"""Calibration of one or more sites in one call: objective, fit, posterior and result."""

import inspect
import os
import warnings
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from numbers import Integral
from pathlib import Path

import jax

from temjax import ModelOptions, Run
from temjax.calibration.assembly import Also, make_objective
from temjax.calibration.base_sets import Candidate, candidates, compare_bases
from temjax.calibration.candidate_fit import fit_candidate
from temjax.calibration.hierarchy import Hierarchy, TypeRequest, of_one_base, type_request
from temjax.calibration.joint import JointObjective
from temjax.calibration.left_out import check_leave_one_out, leave_one_out
from temjax.calibration.multistart import METHOD, STARTS, STEPS, TOLERANCE, FitResult
from temjax.calibration.nuts import CHAINS, PosteriorDraws, check_request, sample
from temjax.calibration.objective import DESCENT, Disequilibrium, Objective
from temjax.calibration.optimisers import Method
from temjax.calibration.places import Pair, Source, open_sites, source_text
from temjax.calibration.pooling_strength import evidence_of
from temjax.calibration.profile_likelihood import (
    ProfileLikelihood,
    profile_likelihoods,
    resolve_profiles,
)
from temjax.calibration.progress import ShowProgress, no_progress, progress_display
from temjax.calibration.residual_scale import (
    ResidualScales,
    estimate_scales,
    fit_with_common_scale,
)
from temjax.calibration.result import Calibration
from temjax.calibration.targets import DEFAULT_ERRORS, ErrorModel
from temjax.calibration.uncertainty import laplace
from temjax.files.atomic import exclusive_folder
from temjax.files.names import split_names
from temjax.runtime.machine import computes_on_cpus
from temjax.sites import Site


def calibrate(
    sites: Source | Sequence[Source | Pair],
    *,
    targets: Sequence[str] | None = None,
    free: Sequence[str] | None = None,
    tied: Sequence[str] = (),
    starts: int = STARTS,
    steps: int = STEPS,
    method: Method = METHOD,
    seed: int = 0,
    holdout: Sequence[int] = (),
    errors: ErrorModel = DEFAULT_ERRORS,
    disequilibrium: Disequilibrium = "observations",
    options: ModelOptions = DESCENT,
    profiles: Sequence[str] = (),
    draws: int = 0,
    base: Sequence[str] = (),
    residual_scale: bool = True,
    vegetation_type: str | None = None,
    pooling: float | str | None = None,
    leave_one_out: bool = False,
    also: Sequence[Also] = (),
    out: str | os.PathLike | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Calibration:
    """Calibrate parameters to the observations of one or more sites.

    ``temjax calibrate`` does the same. Call ``temjax.configure(few_cells=True)`` before the first
    computation: float64, and a program that is some ten times faster at sites.

    Args:
        sites: a catalog name, tower's file, site file or ``Site``, or a list of them for a joint
            fit; in a list a tower that is not in the catalog is a pair (file, site file).
            ``temjax.sites.open_site`` opens one with other choices of reading.
        targets: nep, gpp, reco, eet, soil_temperature, profile, soc, son, type_soc, type_son; by
            default those but eet that each site has.
        free: free parameters by name, TEM symbol or group (default, table-s2, thermal).
        tied: those of them that all sites share.
        starts: Sobol points of the prior, the first its centre.
        steps: of every start at most.
        method: ``lm`` (Levenberg–Marquardt), ``lbfgs`` or ``adam``.
        seed: of the starts and draws.
        holdout: calendar years kept back to test the fit.
        errors: error model of the observations and weights of the targets.
        disequilibrium: when its factor acts: as the ``observations`` begin, or at the ``start``.
        options: model options of the fit; the result is run with the default sub-steps.
        profiles, draws: profile likelihoods (or ``all``), and draws of each of four NUTS chains.
        base: parameter sets to compare, in place of the places' own; the lowest loss wins.
        residual_scale: estimate that of each series' residuals; False: errors as stated.
        vegetation_type: name of the type that the sites are places of, which is fitted with them.
        pooling: standard deviation of places about it, in prior sds; by default ``fitted``.
        leave_one_out: score each site with what a fit of the others says of it.
        also: measurements besides those of the sites, such as ``region.build.RegionData``.
        out: folder for parameter sets, record and report, and the checkpoint of the fit.
        resume: continue from the checkpoint in ``out``.
        progress: show progress in the terminal or notebook.

    Returns:
        The calibrated parameters with posterior, runs and scores.

    Raises:
        DataError: faults of a site or its files, or another run writes to ``out``.
        FitError: the vegetation of a site cannot live there, no start has a finite loss, or the
            checkpoint belongs to another fit.
        ImportError: draws without the package blackjax; install ``temjax[bayes]``.
        ValueError: unknown names, targets that were not observed, too few starts or draws, or
            ``resume`` without ``out``.
    """
    arguments = dict(locals())
    _check_arguments(arguments)
    return _calibrated(arguments)


def _calibrated(arguments: dict) -> Calibration:
    """Calibration by the arguments of ``calibrate``, written where a folder is given."""
    of_type = type_request(arguments["vegetation_type"], arguments["pooling"])
    first, *others = _requested(arguments, of_type)
    draws, out = arguments["draws"], arguments["out"]
    left_out = arguments["leave_one_out"]
    profiles = check_posterior_requests(first.objective, arguments["profiles"], draws, left_out)
    folder = None if out is None else Path(out)
    passed = ("errors", "starts", "steps", "method", "seed", "residual_scale", "resume")
    shown = progress_display() if arguments["progress"] else nullcontext(no_progress)
    with exclusive_folder(folder) if folder else nullcontext(), shown as show:
        calibration = run_calibration(
            *first[1:], others=others, profiles=profiles, draws=draws, of_type=of_type,
            left_out=left_out, out=folder, command=_call_text(arguments), show=show,
            **{name: arguments[name] for name in passed},
        )  # fmt: skip
        if folder is not None:
            calibration.save(folder)
    return calibration


def _requested(arguments: dict, of_type: TypeRequest | None) -> tuple[Candidate, ...]:
    """Fits that the arguments of ``calibrate`` ask for, one from each base set."""
    passed = ("targets", "free", "tied", "holdout", "errors", "disequilibrium", "options", "also")
    chosen = {name: arguments[name] for name in passed} | {"of_type": of_type}
    opened, bases = open_sites(arguments["sites"]), split_names(arguments["base"])
    opened = of_one_base(opened, of_type, bases)
    return candidates(opened, bases, lambda places: make_objective(places, **chosen))


def run_calibration(
    sites: Sequence[Site],
    objective: Objective | JointObjective,
    *,
    others: Sequence[Candidate] = (),
    errors: ErrorModel = DEFAULT_ERRORS,
    starts: int = STARTS,
    steps: int = STEPS,
    method: Method = METHOD,
    seed: int = 0,
    tolerance: float = TOLERANCE,
    profiles: tuple[str, ...] = (),
    draws: int = 0,
    residual_scale: bool = True,
    of_type: TypeRequest | None = None,
    left_out: bool = False,
    out: Path | None = None,
    resume: bool = False,
    command: str,
    show: ShowProgress = no_progress,
) -> Calibration:
    """Fit an objective, approximate its posterior, and score runs with the default sub-steps.

    Args:
        sites: of the objective, in its order.
        objective: from ``make_objective``.
        others: the same fit from other base sets; that with the lowest loss is kept.
        errors: error model of the objective.
        starts, steps, method, seed, tolerance: see ``fit``.
        profiles: parameters from ``check_posterior_requests``.
        draws, residual_scale: see ``calibrate``.
        of_type: type of the sites, as the objective pools them.
        left_out: score each site with a fit of the others.
        out: folder of the checkpoint, which must exist.
        resume: continue from the checkpoint; else it is replaced.
        command: that repeats the calibration.
        show: progress.

    Raises:
        FitError: see ``fit``, or the vegetation of a site cannot live in its climate.
        DataError: a run at the prior's centre or at the optimum is not finite.
    """
    bases = ", ".join(dict.fromkeys(site.parameter_set for site in sites))
    made = (Candidate(bases, tuple(sites), objective), *others)

    def fit_one(candidate: Candidate) -> tuple[FitResult, list[Run]]:
        mark = f"-{candidate.base}" if others else ""
        return fit_candidate(
            candidate, out, mark, resume=resume, show=show, residual_scale=residual_scale,
            of_type=of_type, method=method, starts=starts, seed=seed, steps=steps,
            tolerance=tolerance,
        )  # fmt: skip

    chosen, result, prior_runs, comparison = compare_bases(made, fit_one)
    scales = estimate_scales(result) if residual_scale else None
    likelihoods, sampled = _explored(
        result, scales, profiles=profiles, draws=draws, steps=steps, seed=seed, show=show
    )
    hierarchy = None
    if of_type is not None:
        by_evidence = of_type.strength is None
        evidence = evidence_of(result, residual_scale) if by_evidence else None
        hierarchy = Hierarchy.of(of_type, chosen.sites, result, evidence)
    show("runs with the default sub-steps", 0, 1)
    calibration = Calibration.of(
        chosen.sites, result, errors=errors, command=command, profiles=likelihoods, draws=sampled,
        prior_runs=prior_runs, scales=scales, bases=comparison, hierarchy=hierarchy,
    )  # fmt: skip
    show("runs with the default sub-steps", 1, 1)
    if left_out:
        calibration = replace(calibration, left_out=leave_one_out(calibration, out=out, show=show))
    return calibration


def _explored(
    result: FitResult,
    scales: ResidualScales | None,
    *,
    profiles: tuple[str, ...],
    draws: int,
    steps: int,
    seed: int,
    show: ShowProgress,
) -> tuple[dict[str, ProfileLikelihood] | None, PosteriorDraws | None]:
    """Profile likelihoods and draws of NUTS, of those that were asked for."""
    # a set whose value of a parameter lies at its bound leaves that one out, with a note
    profiles = tuple(name for name in profiles if name in result.names)
    if not profiles and not draws:
        return None, None
    sampled_fit = result
    if scales is not None:
        show("common residual scale", 0, 1)
        sampled_fit = fit_with_common_scale(result, scales, steps)
        show("common residual scale", 1, 1)
    posterior = laplace(sampled_fit)
    likelihoods = sampled = None
    if profiles:
        likelihoods = profile_likelihoods(
            sampled_fit, posterior, profiles,
            progress=lambda done, total: show("profiles", done, total, "points"),
        )  # fmt: skip
    if draws:
        sampled = sample(
            sampled_fit, posterior, draws=draws, seed=seed,
            progress=lambda done, total: show("draws", done, total, f"{CHAINS} chains"),
        )  # fmt: skip
    return likelihoods, sampled


def check_posterior_requests(
    objective: Objective | JointObjective,
    profiles: Sequence[str],
    draws: int,
    left_out: bool = False,
) -> tuple[str, ...]:
    """Validate requests for profiles, draws and places left out before the fit.

    Returns:
        Names of the free parameters to profile.

    Raises:
        ImportError: draws without the package blackjax.
        ValueError: a profile of a parameter that is not free, too few draws, or places that share
            nothing left out.
    """
    if left_out:
        check_leave_one_out(objective)
    if draws:
        check_request(CHAINS, draws)
    return resolve_profiles(objective.free, split_names(profiles))


def _check_arguments(arguments: dict) -> None:
    """Check the types and ranges of the arguments of ``calibrate``, and warn of float32.

    Raises:
        ValueError: naming the argument and what it takes.
    """
    _warn_of_float32()
    for name, least in (("starts", 1), ("steps", 1), ("seed", 0), ("draws", 0)):
        value = arguments[name]
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name}={value!r}: give a whole number from {least} on")
    for name, kind, what in (
        ("holdout", Integral, "calendar years, such as (2004, 2005)"),
        ("free", str, 'names, such as ("cmax", "kdc")'),
        ("targets", str, 'names, such as ("nep", "soil_temperature")'),
        ("base", str, 'names of parameter sets, such as ("moist-tundra", "grassland")'),
    ):
        value = arguments[name]
        if value is None or (kind is str and isinstance(value, str)):
            continue
        listed = isinstance(value, Iterable) and not isinstance(value, str)
        if not (listed and all(isinstance(item, kind) for item in value)):
            raise ValueError(f"{name}={value!r}: give a list of {what}")
    if not isinstance(arguments["errors"], ErrorModel):
        raise ValueError(f"errors={arguments['errors']!r}: give a temjax.calibration.ErrorModel")
    if arguments["resume"] and arguments["out"] is None:
        raise ValueError("resume needs the folder of the checkpoint: give out")


def _warn_of_float32() -> None:
    """Warn of a calibration in float32 on CPUs, JAX's default."""
    if computes_on_cpus() and not jax.config.jax_enable_x64:
        message = (
            "calibration in float32: call temjax.configure(few_cells=True) before JAX computes"
        )
        warnings.warn(message, stacklevel=4)


def _call_text(arguments: dict) -> str:
    """Python call that repeats a calibration, without arguments at their defaults."""
    sites = arguments["sites"]
    sources = [sites] if isinstance(sites, Source) else list(sites)
    texts = [source_text(one) for one in sources]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    for name, parameter in inspect.signature(calibrate).parameters.items():
        if name not in ("sites", "progress") and arguments[name] != parameter.default:
            value = arguments[name]
            text += f", {name}={str(value) if isinstance(value, os.PathLike) else value!r}"
    return f"temjax.calibration.calibrate({text})"

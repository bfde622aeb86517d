"""Benchmark of fits of the three towers: skill, cost, other methods and twins.

    python -m tests.benchmarks.calibration_towers [--shared DIR] [--towers HaM,Ha2,Dan]
        [--starts 16] [--steps 25] [--tunable default,cnsoil] [--weights nep=4]
        [--annual-error 20] [--disequilibrium start] [--holdout]
        [--cma] [--differences] [--twin] [--coverage] [--fine]

``--fine`` runs the optimum again with
eight times the sub-steps of the descent; ``--holdout`` keeps back each tower's last year;
``--cma`` gives CMA-ES the model runs the descent spent, a Jacobian counted as one run per column
and one more. ``--differences`` repeats the fit with Jacobians from one-sided differences.
"""

import argparse
import os
import time
from pathlib import Path

import jax
import numpy as np
from rich.console import Console

import temjax
from temjax import ModelOptions, sites
from temjax.calibration import DEFAULT, DESCENT, DISEQUILIBRIUM, ErrorModel, Objective, fit
from temjax.calibration.cli import parse_weights
from temjax.calibration.scores import run_at, score_site, site_vector
from temjax.calibration.targets import DEFAULT_TARGETS
from temjax.calibration.twin import coverage, recover
from temjax.calibration.uncertainty import laplace
from temjax.files.names import split_names
from tests.benchmarks.calibration_comparators import Differenced, cma_es

console = Console(width=110, highlight=False)


def report_tower(path: Path, arguments: argparse.Namespace) -> None:
    """Fit of one tower, from its file to its scores."""
    site = sites.read_fluxnet(path)
    last = site.observations.period[1]
    holdout = (last,) if arguments.holdout else ()
    errors = ErrorModel(
        weights=parse_weights(arguments.weights), annual_flux=arguments.annual_error
    )
    objective = Objective.of(
        site,
        split_names(arguments.tunable, DEFAULT),
        DEFAULT_TARGETS,
        errors=errors,
        holdout=holdout,
        disequilibrium=arguments.disequilibrium,
    )
    console.print(f"\n[bold]{site.title}[/bold], held out: {holdout or 'nothing'}")
    started = time.perf_counter()
    result = fit(objective, starts=arguments.starts, steps=arguments.steps)
    posterior = laplace(result)
    seconds = time.perf_counter() - started
    columns = len(result.names) + 1
    console.print(
        f"{seconds:.0f} s ({result.seconds[0]:.0f} s first step with compilation), "
        f"{len(result.losses)} steps of {arguments.starts} starts, {result.evaluations} runs with "
        f"Jacobian = {result.evaluations * columns} runs by differences"
    )
    console.print(
        f"loss {result.losses[0, 0]:.1f} at the prior's centre, {result.loss[result.best]:.2f} at "
        f"the optimum; within 1 %: {result.starts_within()} starts; dropped {len(result.dropped)}; "
        f"residuals over stated errors {result.residual_ratio:.2f}; informed directions "
        f"{posterior.informed} of {len(result.names)}; at bounds: {posterior.at_bounds()}"
    )
    factor = result.values[result.names.index(DISEQUILIBRIUM)]
    console.print(
        f"errors {errors}; disequilibrium factor {factor:.3f} ({arguments.disequilibrium})"
    )
    for start, reason in enumerate(result.reasons):
        console.print(f"  start {start}: loss {result.loss[start]:.2f}, {reason}")
    options = [("default sub-steps", ModelOptions())]
    if arguments.fine:
        fine = ModelOptions(substeps=8 * DESCENT.substeps)
        options += [("descent sub-steps", DESCENT), ("8 x descent", fine)]
    for name, choice in options:
        run = run_at(objective, site_vector(result, 0), choice).run
        console.print(name)
        for score in score_site(site, objective, run):
            skill = score.model
            other = score.other_years
            console.print(
                f"  {score.variable} {score.months}: n {skill.count}, r² "
                f"{skill.squared_correlation:.3f}, NSE {skill.nash_sutcliffe:.3f}, RMSE "
                f"{skill.rmse:.2f}, bias {skill.bias:+.2f} {score.unit}; other years NSE "
                f"{'-' if other is None else f'{other.nash_sutcliffe:.3f}'}; annual "
                + ", ".join(f"{y}: {o:.0f}/{s:.0f}" for y, o, s in score.annual)
            )
        for stock, observed in site.observations.stocks.items():
            value = float(np.asarray(getattr(run.state, stock)))
            console.print(
                f"  {stock} {value:.0f} (target {observed.value:.0f} ± {observed.sd:.0f})"
            )
    if arguments.cma:
        budget = result.evaluations * columns
        search = cma_es(objective, runs=budget, population=arguments.starts)
        for share in (0.1, 0.25, 0.5, 1.0):
            row = min(int(share * len(search.loss)), len(search.loss) - 1)
            console.print(f"CMA-ES after {search.runs[row]} runs: loss {search.loss[row]:.2f}")
        console.print(f"CMA-ES: {search.seconds:.0f} s")
    if arguments.differences:
        started = time.perf_counter()
        plain = fit(Differenced(objective), starts=arguments.starts, steps=arguments.steps)
        console.print(
            f"LM by differences: loss {plain.loss[plain.best]:.2f}, "
            f"{plain.evaluations * columns} runs, {time.perf_counter() - started:.0f} s"
        )


def report_twins(arguments: argparse.Namespace) -> None:
    """Twin experiments of the meadow with the catalog's mean year."""
    objective = Objective.of(sites.load("haibei-meadow"), DEFAULT, DEFAULT_TARGETS)
    if arguments.twin:
        outcome = recover(objective, starts=arguments.starts)
        identified = [n for n, yes in zip(outcome.names, outcome.identified, strict=True) if yes]
        console.print(f"twin without noise: identified {identified}")
        console.print(
            f"recovered within 1 %: {outcome.recovered.sum()} of {arguments.starts} starts"
        )
        console.print(f"largest error of each start: {np.round(outcome.worst, 4)}")
        best = outcome.estimates[:, outcome.result.best]
        rows = zip(outcome.names, outcome.posterior.shrinkage, outcome.truth, best, strict=True)
        for name, shrinkage, truth, estimate in rows:
            console.print(f"  {name}: shrinkage {shrinkage:.2f}, {truth:.5g} fitted {estimate:.5g}")
    if arguments.coverage:
        result = coverage(objective)
        console.print(f"90 % intervals cover {result.rate:.1%} in {result.replicates} replicates")
        console.print(str({name: round(rate, 2) for name, rate in result.by_name.items()}))


def main() -> None:
    """Print the report."""
    default = Path(__file__).resolve().parents[3] / "shared"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", default=os.environ.get("TEMJAX_SHARED", default), type=Path)
    parser.add_argument("--towers", default="HaM,Ha2,Dan")
    parser.add_argument("--starts", default=16, type=int)
    parser.add_argument("--steps", default=25, type=int)
    parser.add_argument("--tunable", help="default,cnsoil; by default the default group")
    parser.add_argument("--weights", help="nep=4,soc=0.5")
    parser.add_argument("--annual-error", type=float, help="of annual NEP sums, g C m-2 yr-1")
    parser.add_argument(
        "--disequilibrium", choices=("observations", "start"), default="observations"
    )
    for flag in ("holdout", "cma", "differences", "twin", "coverage", "fine"):
        parser.add_argument(f"--{flag}", action="store_true")
    arguments = parser.parse_args()
    temjax.compile_for_few_cells()
    jax.config.update("jax_enable_x64", True)
    for tower in filter(None, arguments.towers.split(",")):
        files = sorted((arguments.shared / "data" / "fluxnet2015").glob(f"*_CN-{tower}_*_MM_*.csv"))
        if not files:
            raise SystemExit(
                f"no monthly file of CN-{tower} under {arguments.shared}; set --shared"
            )
        report_tower(files[0], arguments)
    if arguments.twin or arguments.coverage:
        report_twins(arguments)


if __name__ == "__main__":
    main()

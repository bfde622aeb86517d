"""Twin of the whole chain, from towers to the totals of a region, where the truth is known.

True parameters of two vegetation types are drawn from their priors. A tower of each type measures
the model's own output with the errors as stated; the towers are fitted, the fits written as fitted
sets, and a small SYNTHETIC region of both types is run with parameters drawn from these files and
with the true ones. A replicate is one truth with its own noise. Replicates are the starts of one
fit, and in the region samples of one run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from temjax import ModelOptions, Parameters, sites
from temjax.calibration.assembly import make_objective
from temjax.calibration.fitted_file import posterior_file_name, write_fitted_set, write_posterior
from temjax.calibration.multistart import FitResult, fit
from temjax.calibration.residual_scale import estimate_scales, scaled_posterior
from temjax.calibration.result import Calibration
from temjax.calibration.scores import parameters_at
from temjax.calibration.targets import DEFAULT_ERRORS
from temjax.calibration.twin import draw_true_points, of_replicate, twin_objective
from temjax.forcing import select_years
from temjax.regional.experiment.experiment import Experiment, read_experiment
from temjax.regional.run.member_group import parameter_set
from temjax.regional.run.workers import SERIAL
from temjax.regional.studies.draw_run import Samples, run_samples
from temjax.regional.studies.draw_statistics import quantiles, statistics
from temjax.regional.studies.parameter_sources import draw_sets, parameter_sources

TOWERS = {"alpine-meadow": "haibei-meadow", "alpine-steppe": "damxung-steppe"}
HISTORY = 4  # years of a tower's run, its last
OBSERVED = 3  # of them, the last
SUBSTEPS = 8
QUANTITIES = ("ΣΔNEP", "SOC_PF", "ΔSOC_NET", "NPP S_T")
TOML = f"""
name = "twin"
title = "SYNTHETIC region of a twin"
region = "twin"
cells = [90.5, 36.0, 92.0, 37.0]  # three of meadow, three of steppe
[domain]
kind = "synthetic-plateau"
resolution = 0.5
[climate]
kind = "synthetic-plateau"
members = ["A"]
scenarios = ["rcp85"]
[protocol]
equilibrium_years = [1981, 2000]
spin_up_years = [1981, 2000]
spin_up_length = 5
historical = [2001, 2010]
future = [2011, 2030]
exposure_from = 2001
[model]
substeps = {SUBSTEPS}
[run]
block_years = 5
"""


def tower(name: str) -> sites.Site:
    """A tower with a short history and its mean months as if measured in each of some years."""
    site = sites.load(name)
    years = site.forcing.number_of_years
    last = int(np.asarray(site.forcing.years)[-1])

    def repeated(series: sites.MonthlySeries) -> sites.MonthlySeries:
        arrays = {
            key: np.repeat(getattr(series, key), OBSERVED, axis=0)
            for key in ("values", "sd", "suspect")
        }
        return replace(series, period=(last - OBSERVED + 1, last), **arrays)

    monthly = {key: repeated(series) for key, series in site.observations.monthly.items()}
    return replace(
        site,
        forcing=select_years(site.forcing, years - HISTORY, years),
        observations=replace(site.observations, monthly=monthly),
    )


@dataclass(frozen=True)
class Truths:
    """True parameters of a vegetation type and what the fits to its tower say of them.

    Attributes:
        sets: true parameters by replicate.
        fits: by replicate; ``None`` where the model fails at the truth or the start of the fit.
        covered: whether the 90 % interval of each fit holds the truth, ``(free, replicate)``.
    """

    sets: list[Parameters]
    fits: list[Calibration | None]
    covered: np.ndarray


def fit_type(vegetation: str, replicates: int, seed: int, steps: int) -> Truths:
    """Draw the truths of a type, measure them at its tower and fit each from the prior's centre.

    Args:
        vegetation: type.
        replicates: number of truths.
        seed: of truths and noise.
        steps: of the fits at most.
    """
    site = tower(TOWERS[vegetation])
    objective = make_objective([site], options=ModelOptions(substeps=SUBSTEPS))
    truth = draw_true_points(objective, replicates, seed)
    twin = twin_objective(objective, truth, noise_seed=seed + 50)
    result = fit(twin, first=np.zeros_like(truth), steps=steps, tolerance=1e-4)
    fits: list[Calibration | None] = []
    covered = np.full(truth.shape, np.nan)
    values = np.asarray(objective.free.values(truth))
    for number in range(replicates):
        if number in result.dropped:
            fits.append(None)
            continue
        fits.append(_calibration(site, of_replicate(result, number)))
        low, high = fits[-1].posterior.interval()
        covered[:, number] = (low <= values[:, number]) & (values[:, number] <= high)
    sets = [parameters_at(objective, point)[0] for point in truth.T]
    return Truths(sets, fits, covered)


def _calibration(site: sites.Site, result: FitResult) -> Calibration:
    """Calibration of a finished fit without the runs of its report."""
    scales = estimate_scales(result)
    return Calibration(
        (site,), result, scaled_posterior(result, scales), (), (), DEFAULT_ERRORS,
        f"twin of {site.name}", scales=scales,
    )  # fmt: skip


def write_fit(calibration: Calibration, folder: Path) -> Path:
    """Write the fitted set of a calibration of one site and its posterior; returns the set."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{calibration.sites[0].name}-fitted.toml"
    write_fitted_set(calibration, 0, path)
    write_posterior(calibration, folder / posterior_file_name(calibration))
    return path


@dataclass(frozen=True)
class ChainTwin:
    """Regional numbers of the truth and of the draws.

    Attributes:
        truth: by group of cells and quantity, ``(replicate,)``.
        draws: by group of cells and quantity, ``(replicate, draw)``.
        covered: whether the interval of a parameter at its tower holds the truth, by type,
            ``(free, replicate)``; NaN where the fit was dropped.
    """

    truth: dict[str, dict[str, np.ndarray]]
    draws: dict[str, dict[str, np.ndarray]]
    covered: dict[str, np.ndarray]

    def inside(self, group: str) -> dict[str, np.ndarray]:
        """Whether the 5–95 % band of the draws holds the truth, by quantity, ``(replicate,)``."""
        found = {}
        for name, truth in self.truth[group].items():
            low, _, high = quantiles(self.draws[group][name].T)
            found[name] = (low <= truth) & (truth <= high)
        return found

    def rate(self, group: str) -> float:
        """Share of replicates and quantities whose band holds the truth."""
        return float(np.mean(list(self.inside(group).values())))


def run_chain(
    folder: Path,
    *,
    replicates: int,
    draws: int,
    seed: int = 1,
    steps: int = 20,
    batch: int = 4,
) -> ChainTwin:
    """Run the chain for many truths.

    Args:
        folder: of all files.
        replicates: truths.
        draws: of the parameters of each.
        seed: of truths, noise and draws.
        steps: of the fits at most.
        batch: replicates that the region runs with at a time.
    """
    types = {
        vegetation: fit_type(vegetation, replicates, seed + 100 * number, steps)
        for number, vegetation in enumerate(TOWERS)
    }
    path = folder / "twin.toml"
    path.write_text(TOML, encoding="utf-8")
    experiment = read_experiment(path)
    kept = [n for n in range(replicates) if all(one.fits[n] is not None for one in types.values())]
    samples = []
    for number in kept:
        files = {
            vegetation: write_fit(one.fits[number], folder / f"fit-{number}")
            for vegetation, one in types.items()
        }
        samples.append(_draws(experiment.with_parameters(files), draws, seed + number))
        samples[-1].append({vegetation: one.sets[number] for vegetation, one in types.items()})
    parts = [
        _regional_numbers(experiment, folder / f"run-{first}", samples[first : first + batch])
        for first in range(0, len(samples), batch)
    ]
    numbers = {
        group: {name: np.concatenate([part[group][name] for part in parts]) for name in QUANTITIES}
        for group in parts[0]
    }
    return ChainTwin(
        truth={g: {n: v[:, -1] for n, v in of.items()} for g, of in numbers.items()},
        draws={g: {n: v[:, :-1] for n, v in of.items()} for g, of in numbers.items()},
        covered={vegetation: one.covered for vegetation, one in types.items()},
    )


def _draws(experiment: Experiment, draws: int, seed: int) -> list[dict[str, Parameters]]:
    """Parameter sets of all types by draw, from the fitted sets of an experiment."""
    types = list(TOWERS)
    sources, _ = parameter_sources(experiment, types)
    sets = {vegetation: parameter_set(experiment, vegetation) for vegetation in types}
    return draw_sets(sources, sets, draws, seed)


def _regional_numbers(
    experiment: Experiment, folder: Path, samples: Sequence[Sequence[dict[str, Parameters]]]
) -> dict[str, dict[str, np.ndarray]]:
    """Regional numbers by group and quantity, ``(replicate, sample)``."""
    flat = [one for of_replicate in samples for one in of_replicate]
    chosen = Samples(len(flat), lambda _: flat, lambda _: 1)
    (member,) = run_samples(
        experiment, folder, SERIAL, chosen, "twin", resume=False, console=Console(quiet=True)
    )
    result = statistics(member)
    return {
        group: {name: numbers[name].reshape(len(samples), -1) for name in QUANTITIES}
        for group, numbers in result.numbers.items()
    }

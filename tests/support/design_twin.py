"""Twin of a design: the chosen measurements are simulated with noise, fitted, and the region run.

Truths are drawn from the distribution that a design starts from. At each the model measures what
was chosen, with the errors as stated; all are fitted by Gauss-Newton, and a small SYNTHETIC region
is run with the true and with the fitted parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np
from rich.console import Console

from temjax.parameters.files import load_parameters, replace_parameters
from temjax.parameters.posterior import prior
from temjax.parameters.registry import Parameters
from temjax.regional.experiment.experiment import Experiment, read_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.run.member_group import MemberGroup, prepare_group
from temjax.regional.run.restart import NoRestartPoints
from temjax.regional.run.tile import TileRun
from temjax.regional.studies.design.candidate_file import SOIL_MATTER_SD, Candidate
from temjax.regional.studies.design.places import Site, sites_of
from temjax.regional.studies.design.predictions import (
    Places,
    Prediction,
    cells_of,
    differentiated_cells,
    differentiated_places,
    errors,
    predictions,
)
from temjax.regional.studies.design.uncertain import Uncertain, joined
from temjax.regional.studies.design.worth import Measurements, covariance_root, greedy
from temjax.regional.studies.parameter_sources import Source
from temjax.regional.studies.sensitivity_run import outputs_of, region_sensitivity
from temjax.regional.studies.uncertainty import (
    regional_weight,
    repeated_cells,
    type_derivatives,
)

TYPE = "alpine-meadow"
SPREAD = {  # standard deviations in prior space, some half of the priors' or less
    "cmax_scale": 0.15, "kdc_scale": 0.15, "heterotrophic_q10": 0.1,
    "soil_carbon_depth_scale": 0.3, "surface_shortwave_coefficient": 0.002,
}  # fmt: skip
OUTPUTS = ("delta_nep", "exposed_carbon")
YEARS = 3
CANDIDATES = tuple(
    Candidate(name=kind, kind=kind, type=TYPE)
    for kind in ("tower", "transect", "core", "incubation")
)
TOML = """
name = "twin"
title = "SYNTHETIC region of a twin"
region = "twin"
cells = [90.5, 35.5, 92.0, 36.0]  # three of meadow
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
substeps = 8
[run]
block_years = 5
"""


@dataclass(frozen=True)
class DesignTwin:
    """What a design tells of its choice, and what came of it.

    Attributes:
        chosen: names of the candidates.
        predicted: share of the standard deviation left, by output, ``(output,)``.
        intervals: the same from the posteriors of the fits, mean over the truths.
        errors: root mean square of fitted less true regional numbers, over that of the true ones
            about their centre.
        scaled: root mean square of fitted less true over the standard deviation of the posterior.
    """

    chosen: tuple[str, ...]
    predicted: np.ndarray
    intervals: np.ndarray
    errors: np.ndarray
    scaled: np.ndarray


@dataclass(frozen=True)
class Region:
    """A small region, its uncertain numbers and the gradients of its totals."""

    experiment: Experiment
    group: MemberGroup
    uncertain: Uncertain
    mean: np.ndarray
    gradients: np.ndarray

    def sets(self, numbers: np.ndarray) -> list[Parameters]:
        """Parameter sets of numbers in prior space, ``(sample, number)``."""
        values = np.where(self.is_log, np.exp(np.where(self.is_log, numbers, 0.0)), numbers)
        return [
            replace_parameters(load_parameters(TYPE), **dict(zip(SPREAD, row, strict=True)))
            for row in values
        ]

    @property
    def is_log(self) -> np.ndarray:
        """Whether prior space is the logarithm."""
        return prior(load_parameters(TYPE), tuple(SPREAD)).is_log

    def totals(self, numbers: np.ndarray) -> np.ndarray:
        """Regional numbers of samples, ``(sample, output)``."""
        work = self.group.tile_work(0)
        _, timeline, cells, _ = work.scenarios[0]
        drawn = [dict.fromkeys(self.group.names, one) for one in self.sets(numbers)]
        repeated, sets = repeated_cells(cells, self.group.names, drawn)
        none = NoRestartPoints()
        run = TileRun(self.experiment, timeline, repeated, sets, none, none, lambda *_: None)
        values = outputs_of(run.run())
        area = self.group.domain.area[cells.index]
        columns = []
        for output in OUTPUTS:
            of_sample = getattr(values, output).reshape(len(numbers), -1)[:, : cells.index.size]
            columns.append(of_sample @ regional_weight(area, output, of_sample[0]))
        return np.stack(columns, axis=1)


def region(folder: Path) -> Region:
    """The region of the twin."""
    path = folder / "twin.toml"
    path.write_text(TOML, encoding="utf-8")
    experiment, quiet = read_experiment(path), Console(quiet=True)
    domain = load_domain(experiment)
    kept = np.flatnonzero(domain.vegetation == TYPE)
    assert kept.size == domain.size, domain.vegetation
    names = tuple(SPREAD)
    gaussian = replace(
        prior(load_parameters(TYPE), names), covariance=np.diag(np.square(list(SPREAD.values())))
    )
    uncertain = joined([Source(gaussian, {TYPE: {name: n for n, name in enumerate(names)}})])
    group = prepare_group(experiment, domain, "A", ["rcp85"], folder, quiet)
    ((_, _, result),) = region_sensitivity(experiment, names, [], 0, quiet)
    gradients = []
    for output in OUTPUTS:
        weight = regional_weight(result.area, output, getattr(result.sensitivity.values, output))
        of_type = type_derivatives(result.sensitivity, domain.vegetation, weight, output, TYPE)
        gradients.append([of_type[name] * uncertain.slopes[TYPE][name] for name in names])
    return Region(experiment, group, uncertain, gaussian.mean, np.array(gradients))


def run_twin(folder: Path, *, truths: int, best: int, seed: int = 1, steps: int = 4) -> DesignTwin:
    """Choose, measure, fit and run.

    Args:
        folder: of the region's file.
        truths: number of them.
        best: measurements to choose, for the mean of both outputs.
        seed: of truths and noise.
        steps: of Gauss-Newton.
    """
    jax.config.update("jax_enable_x64", True)
    made = region(folder)
    sites = sites_of(folder, CANDIDATES, made.group)
    places = differentiated_places(made.experiment, made.group, sites, tuple(SPREAD), YEARS)
    numbers = made.uncertain.with_places(["place"], SOIL_MATTER_SD)
    gradients = np.pad(made.gradients, ((0, 0), (0, 1)))
    information = [
        sum(p.information for p in predictions(one, site, places, numbers, len(SPREAD)))
        for one, site in zip(CANDIDATES, sites, strict=True)
    ]
    measurements = Measurements.of(numbers.covariance, gradients, information)
    choice = greedy(measurements, best, np.full(len(OUTPUTS), 0.5))
    chosen = [CANDIDATES[n] for n in choice.chosen]

    rng = np.random.default_rng(seed)
    centre = np.append(made.mean, 0.0)
    shift = rng.standard_normal((truths, centre.size)) @ covariance_root(numbers.covariance).T
    truth = centre + shift
    data = [
        [_noisy(one, rng, chosen) for one in of_truth]
        for of_truth in _predicted(made, sites[0], chosen, truth)
    ]
    fitted, covariances = np.tile(centre, (truths, 1)), []
    for step in range(steps + 1):
        predicted = _predicted(made, sites[0], chosen, fitted)
        pairs = [
            _step(of_truth, of_data, centre, point, numbers.covariance)
            for of_truth, of_data, point in zip(predicted, data, fitted, strict=True)
        ]
        covariances = [covariance for _, covariance in pairs]
        if step < steps:
            fitted = np.array([point for point, _ in pairs])
    after = np.sqrt(np.einsum("ti,nij,tj->nt", gradients, np.array(covariances), gradients))
    totals = made.totals(np.concatenate([fitted, truth, centre[None]])[:, :-1])
    difference = totals[:truths] - totals[truths:-1]
    spread = totals[truths:-1] - totals[-1]
    root_mean_square = np.sqrt(np.square(difference).mean(axis=0))
    return DesignTwin(
        chosen=tuple(one.name for one in chosen),
        predicted=np.sqrt(1 - choice.worth[-1]),
        intervals=after.mean(axis=0) / np.sqrt(measurements.variances),
        errors=root_mean_square / np.sqrt(np.square(spread).mean(axis=0)),
        scaled=np.sqrt(np.square(difference / after).mean(axis=0)),
    )


def _predicted(
    made: Region, site: Site, chosen: Sequence[Candidate], points: np.ndarray
) -> list[list[Prediction]]:
    """Predictions of the chosen candidates at points ``(sample, number)``, the place's last."""
    samples = len(points)
    sites = tuple(replace(site, cell=number) for number in range(samples))
    cells = cells_of(made.group, [site.cell] * samples)
    cells = replace(cells, parameter_index=np.arange(cells.latitude.size) % samples)
    timeline = made.group.runs[0].timeline
    factor = np.resize(points[:, -1], cells.latitude.size)
    places: Places = differentiated_cells(
        made.experiment, timeline, cells, made.sets(points[:, :-1]), sites, tuple(SPREAD), YEARS,
        factor,
    )  # fmt: skip
    size = len(SPREAD)
    numbers = made.uncertain.with_places([str(n) for n in range(samples)], SOIL_MATTER_SD)
    slopes = np.where(made.is_log, np.exp(np.where(made.is_log, points[:, :-1], 0.0)), 1.0)
    result = []
    for number, one_site in enumerate(sites):
        own = replace(numbers, slopes={TYPE: dict(zip(SPREAD, slopes[number], strict=True))})
        of_sample = [p for one in chosen for p in predictions(one, one_site, places, own, size)]
        columns = [*range(size), size + number]
        result.append([replace(p, jacobian=p.jacobian[:, columns]) for p in of_sample])
    return result


def _noisy(
    prediction: Prediction, rng: np.random.Generator, chosen: Sequence[Candidate]
) -> Prediction:
    """Values as measured, with the errors that belong to them."""
    values = (
        prediction.values
        + prediction.independent * rng.standard_normal(prediction.values.size)
        + prediction.common * rng.standard_normal()
    )
    one = next(one for one in chosen if prediction.series in one.measured)
    independent, common = errors(prediction.series, one, values)
    return replace(prediction, values=values, independent=independent, common=common)


def _step(
    predicted: Sequence[Prediction], data: Sequence[Prediction], centre: np.ndarray,
    point: np.ndarray, covariance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Next point of Gauss-Newton, and the posterior covariance at the last."""
    precision = np.linalg.inv(covariance)
    slope = -precision @ (point - centre)
    for model, measured in zip(predicted, data, strict=True):
        error = np.diag(measured.independent**2) + np.outer(measured.common, measured.common)
        weighted = np.linalg.solve(error, model.jacobian)
        precision = precision + model.jacobian.T @ weighted
        slope = slope + weighted.T @ (measured.values - model.values)
    after = np.linalg.inv(precision)
    return point + after @ slope, after

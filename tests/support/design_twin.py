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
from temjax.parameters.posterior import Gaussian, prior
from temjax.parameters.registry import Parameters
from temjax.regional.experiment.experiment import Experiment, read_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.run.member_group import MemberGroup, prepare_group
from temjax.regional.studies.design.candidate_file import SOIL_MATTER_SD, Candidate
from temjax.regional.studies.design.places import Site, sites_of
from temjax.regional.studies.design.predictions import (
    Prediction,
    cells_of,
    differentiated_cells,
    errors,
    predictions,
)
from temjax.regional.studies.design.uncertain import Uncertain, joined
from temjax.regional.studies.design.worth import Measurements, covariance_root, greedy
from temjax.regional.studies.parameter_sources import Source
from temjax.regional.studies.sensitivity import sensitivity_of_tile
from temjax.regional.studies.uncertainty import regional_weight, repeated_cells

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
    """A small region of one type; everything is run at ``samples`` points at a time.

    All programs have one shape, cells times samples, and are compiled once.
    """

    experiment: Experiment
    group: MemberGroup
    site: Site
    uncertain: Uncertain
    gaussian: Gaussian
    samples: int

    def sets(self, numbers: np.ndarray) -> list[Parameters]:
        """Parameter sets of numbers in prior space, ``(sample, number)``."""
        return [
            replace_parameters(load_parameters(TYPE), **dict(zip(SPREAD, row, strict=True)))
            for row in self.gaussian.values(numbers)
        ]

    def totals(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Regional numbers of samples, ``(sample, output)``, and gradients of the first sample."""
        _, timeline, cells, _ = self.group.tile_work(0).scenarios[0]
        drawn = [dict.fromkeys(self.group.names, one) for one in self.sets(numbers)]
        repeated, sets = repeated_cells(cells, self.group.names, drawn)
        result = sensitivity_of_tile(self.experiment, timeline, repeated, sets, tuple(SPREAD))
        assert result.converged.all()
        area, values, gradients = self.group.domain.area[cells.index], [], []
        slopes = self.uncertain.slopes[TYPE]
        for output in OUTPUTS:
            of_sample = getattr(result.values, output).reshape(self.samples, -1)
            weight = regional_weight(area, output, of_sample[0])
            values.append(of_sample @ weight)
            derivatives = getattr(result.derivatives, output)[:, : area.size] @ weight
            gradients.append([d * slopes[n] for d, n in zip(derivatives, SPREAD, strict=True)])
        return np.stack(values, axis=1), np.array(gradients)

    def predicted(self, chosen: Sequence[Candidate], points: np.ndarray) -> list[list[Prediction]]:
        """Predictions of candidates at points ``(sample, number)``, the place's factor last."""
        _, timeline, tile, _ = self.group.tile_work(0).scenarios[0]
        size = tile.index.size * self.samples
        cells = cells_of(self.group, [self.site.cell] * size)
        cells = replace(cells, parameter_index=np.arange(size) % self.samples)
        sites = tuple(replace(self.site, cell=number) for number in range(self.samples))
        places = differentiated_cells(
            self.experiment, timeline, cells, self.sets(points[:, :-1]), sites, tuple(SPREAD),
            YEARS, np.resize(points[:, -1], size),
        )  # fmt: skip
        assert places.sound.all()
        numbers = self.uncertain.with_places([str(n) for n in sites], SOIL_MATTER_SD)
        slopes = np.where(self.gaussian.is_log, self.gaussian.values(points[:, :-1]), 1.0)
        result, first = [], len(SPREAD)
        for number, site in enumerate(sites):
            own = replace(numbers, slopes={TYPE: dict(zip(SPREAD, slopes[number], strict=True))})
            of_sample = [p for one in chosen for p in predictions(one, site, places, own, first)]
            columns = [*range(first), first + number]
            result.append([replace(p, jacobian=p.jacobian[:, columns]) for p in of_sample])
        return result


def region(folder: Path, samples: int) -> Region:
    """The region of the twin."""
    path = folder / "twin.toml"
    path.write_text(TOML, encoding="utf-8")
    experiment, quiet = read_experiment(path), Console(quiet=True)
    domain = load_domain(experiment)
    assert set(domain.vegetation) == {TYPE}
    names = tuple(SPREAD)
    gaussian = replace(
        prior(load_parameters(TYPE), names), covariance=np.diag(np.square(list(SPREAD.values())))
    )
    uncertain = joined([Source(gaussian, {TYPE: {name: n for n, name in enumerate(names)}})])
    group = prepare_group(experiment, domain, "A", ["rcp85"], folder, quiet)
    (site,) = sites_of(path, CANDIDATES[:1], group)
    return Region(experiment, group, site, uncertain, gaussian, samples)


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
    made = region(folder, truths)
    numbers = made.uncertain.with_places(["place"], SOIL_MATTER_SD)
    centre = np.append(made.gaussian.mean, 0.0)
    fitted = np.tile(centre, (truths, 1))
    central, gradients = made.totals(fitted[:, :-1])
    gradients = np.pad(gradients, ((0, 0), (0, 1)))
    given = made.predicted(CANDIDATES, fitted)[0]
    information = [
        sum(p.information for p in given if p.series in one.measured) for one in CANDIDATES
    ]
    measurements = Measurements.of(numbers.covariance, gradients, information)
    choice = greedy(measurements, best, np.full(len(OUTPUTS), 0.5))
    chosen = [CANDIDATES[n] for n in choice.chosen]

    rng = np.random.default_rng(seed)
    shift = rng.standard_normal((truths, centre.size)) @ covariance_root(numbers.covariance).T
    truth = centre + shift
    data = [
        [_noisy(one, rng, chosen) for one in of_truth] for of_truth in made.predicted(chosen, truth)
    ]
    covariances = np.zeros((truths, centre.size, centre.size))
    for step in range(steps + 1):
        for number, model in enumerate(made.predicted(chosen, fitted)):
            point, covariances[number] = _step(
                model, data[number], centre, fitted[number], numbers.covariance
            )
            fitted[number] = point if step < steps else fitted[number]
    after = np.sqrt(np.einsum("ti,nij,tj->nt", gradients, covariances, gradients))
    true, _ = made.totals(truth[:, :-1])
    difference = made.totals(fitted[:, :-1])[0] - true
    spread = true - central
    return DesignTwin(
        chosen=tuple(one.name for one in chosen),
        predicted=np.sqrt(1 - choice.worth[-1]),
        intervals=after.mean(axis=0) / np.sqrt(measurements.variances),
        errors=np.sqrt(np.square(difference).mean(axis=0) / np.square(spread).mean(axis=0)),
        scaled=np.sqrt(np.square(difference / after).mean(axis=0)),
    )


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

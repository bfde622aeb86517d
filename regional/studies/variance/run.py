"""Runs of the split of variance: all combinations of the factors, and walks through parameters.

The levels of b are samples beside the draws, so that they share the soil climate; each pair of
active-layer rule and nitrogen option is a run of its own. Restart points lie in
``restart/variance``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from temjax.files.findings import DataError, Finding
from temjax.parameters.registry import Parameters
from temjax.regional.diagnostics.totals import REGION
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.run.workers import Workers
from temjax.regional.studies.draw_run import DrawnMember, Samples, run_samples
from temjax.regional.studies.draw_statistics import Statistics, statistics
from temjax.regional.studies.parameter_sources import (
    Source,
    Unfitted,
    draw_sets,
    heat_is_shared,
    parameter_sources,
    replaced_sets,
)
from temjax.regional.studies.variance.analysis import (
    VarianceTerms,
    analysis_of_variance,
    walk_effects,
)
from temjax.regional.studies.variance.design import (
    Choices,
    groups_of_source,
    source_walks,
    with_options,
    without_depth_scale,
)

FOLDER = Path("restart") / "variance"
QUANTITIES = {"ΣΔNEP": "Tg C", "SOC_PF": "Tg C", "ΔSOC_NET": "Tg C", "NPP S_T": "Tg C yr⁻¹"}
PARAMETERS, MODEL, SCENARIO, RULE, NITROGEN, B = (
    "parameters", "climate model", "scenario", "active-layer rule", "nitrogen option", "b",
)  # fmt: skip
FACTORS = (PARAMETERS, MODEL, SCENARIO, RULE, NITROGEN, B)


@dataclass(frozen=True)
class Study:
    """What is run for a split of variance.

    Attributes:
        experiment: members, scenarios, and the rule and option of the walks.
        sources: distributions of the drawn parameters, possibly none.
        choices: levels of the other factors.
        draws: of the parameters, and walks.
        seed: of the draws.
        notes: what was chosen or left out.
    """

    experiment: Experiment
    sources: list[Source]
    choices: Choices
    draws: int
    seed: int
    notes: list[str]

    @property
    def levels(self) -> dict[str, list[str]]:
        """Labels of the levels by factor, in the order of ``FACTORS``."""
        members = self.experiment.members
        return dict(
            zip(
                FACTORS,
                (
                    [f"draw {number + 1}" for number in range(self.draws)],
                    list(dict.fromkeys(member for member, _ in members)),
                    list(dict.fromkeys(scenario for _, scenario in members)),
                    list(self.choices.rules),
                    list(self.choices.nitrogen),
                    [level.label for level in self.choices.depth_scales],
                ),
                strict=True,
            )
        )


@dataclass(frozen=True)
class Table:
    """Regional numbers of all combinations.

    Attributes:
        values: by quantity, axes in the order of ``FACTORS``; draws that failed are left out.
        failed: numbers of the draws that failed in some combination, from 1.
        levels: labels by factor.
        flagged: number of cells times runs by status other than ok.
    """

    values: dict[str, NDArray]
    failed: list[int]
    levels: dict[str, list[str]]
    flagged: Counter[str]

    def terms(self) -> dict[str, VarianceTerms]:
        """Analysis of variance by quantity."""
        return {name: analysis_of_variance(v, FACTORS) for name, v in self.values.items()}


@dataclass(frozen=True)
class ParameterSplit:
    """Shapley effects of the parameters on regional numbers.

    Attributes:
        member, scenario: of the walks.
        players: label of the vegetation types that vary together, and group of parameters.
        effects: by quantity, estimates by walk, ``(walk, player)``; failed walks are left out.
        failed: numbers of the walks that failed, from 1.
        flagged: number of cells times runs by status other than ok.
    """

    member: str
    scenario: str
    players: list[tuple[str, str]]
    effects: dict[str, NDArray]
    failed: list[int]
    flagged: Counter[str]


def plan(
    experiment: Experiment, chosen: Choices, draws: int, seed: int, unfitted: Unfitted
) -> Study:
    """The study of an experiment; where no parameter is uncertain, there is one draw.

    Raises:
        DataError: a parameter file without a posterior, or nothing that varies.
    """
    types = sorted(set(load_domain(experiment).vegetation) - {""})
    sources, notes = parameter_sources(experiment, types, unfitted)
    notes += chosen.notes
    if len(chosen.depth_scales) > 1:
        sources, more = without_depth_scale(sources)
        notes += more
    if not sources:
        draws = 1
        notes.append("no parameter is uncertain: one draw, the sets' own values")
    if any(source.chains is not None for source in sources):
        notes.append("parameters by group: the Gaussian in place of the draws of NUTS")
    study = Study(experiment, sources, chosen, draws, seed, notes)
    single = {name: labels for name, labels in study.levels.items() if len(labels) == 1}
    if len(single) == len(FACTORS):
        mend = "Give more draws, --rules, --b, --nitrogen, climate models or scenarios."
        raise DataError([Finding(experiment.name, "", "", "no factor has two levels", mend)])
    notes += [f"{name} does not vary ({labels[0]})" for name, labels in single.items()]
    return study


def run_table(
    study: Study,
    out: Path,
    workers: Workers,
    *,
    resume: bool,
    console: Console,
    scheduler: str | None = None,
) -> Table:
    """Run every combination of the factors.

    Raises:
        DataError: input that cannot be run, or restart points of another study.
    """
    jax.config.update("jax_enable_x64", True)
    levels = study.levels
    shape = tuple(len(labels) for labels in levels.values())
    values = {name: np.full(shape, np.nan) for name in QUANTITIES}
    samples, flagged = _crossed_samples(study), Counter()
    for rule_number, rule in enumerate(study.choices.rules):
        for nitrogen_number, nitrogen in enumerate(study.choices.nitrogen):
            experiment = with_options(study.experiment, rule, nitrogen)
            folder = out / FOLDER / f"{rule}-{nitrogen}"
            for member, of_region in _run(
                experiment, folder, workers, samples, f"{rule}, {nitrogen}", resume=resume,
                console=console, scheduler=scheduler,
            ):  # fmt: skip
                place = (
                    slice(None),
                    levels[MODEL].index(member.member),
                    levels[SCENARIO].index(member.scenario),
                    rule_number,
                    nitrogen_number,
                )
                flagged.update(of_region.flagged)
                for name, numbers in of_region.numbers[REGION].items():
                    if name in values:
                        values[name][place] = numbers.reshape(-1, study.draws).T
    finite = np.all([np.isfinite(v).reshape(study.draws, -1) for v in values.values()], axis=(0, 2))
    _require_draws(study, finite, "draws")
    failed = (np.flatnonzero(~finite) + 1).tolist()
    return Table({name: v[finite] for name, v in values.items()}, failed, levels, flagged)


def _crossed_samples(study: Study) -> Samples:
    """Draws by level of b."""
    depth_scales = study.choices.depth_scales
    number = study.draws * len(depth_scales)

    def sets(ordinary: Mapping[str, Parameters]) -> list[dict[str, Parameters]]:
        drawn = draw_sets(study.sources, ordinary, study.draws, study.seed)
        return [level.apply(of_draw) for level in depth_scales for of_draw in drawn]

    def copies(types: Sequence[str]) -> int:
        return number if heat_is_shared(study.sources, types) else len(depth_scales)

    return Samples(number, sets, copies)


def run_walks(
    study: Study,
    out: Path,
    workers: Workers,
    *,
    resume: bool,
    console: Console,
    scheduler: str | None = None,
) -> ParameterSplit:
    """Run the walks through the groups of parameters, for the first climate model and scenario.

    A cell depends on the parameters of its own type only, so all sources walk in the same runs.

    Raises:
        DataError: input that cannot be run, or restart points of another study.
    """
    jax.config.update("jax_enable_x64", True)
    member, scenario = study.experiment.members[0]
    experiment = study.experiment.select([member], [scenario])
    walks = [source_walks(source, study.draws, study.seed) for source in study.sources]
    steps = max(len(of_source.values) for of_source in walks)
    numbers: list[dict[str, dict[str, NDArray]]] = []
    flagged = Counter()
    for step in range(steps):
        now = [of_source.values[min(step, len(of_source.values) - 1)] for of_source in walks]
        samples = Samples(
            study.draws,
            lambda sets, now=now: replaced_sets(study.sources, sets, now, study.draws),
            lambda types: study.draws if heat_is_shared(study.sources, types) else 1,
        )
        folder = out / FOLDER / f"walk{step}"
        label = f"parameters by group {step + 1} of {steps}"
        ((_, of_region),) = _run(
            experiment, folder, workers, samples, label, resume=resume, console=console,
            scheduler=scheduler,
        )  # fmt: skip
        numbers.append(of_region.numbers)
        flagged.update(of_region.flagged)
    finite = np.ones(study.draws, dtype=bool)
    players, effects = [], {name: [] for name in QUANTITIES}
    for source, of_source in zip(study.sources, walks, strict=True):
        players += [(source.label, group) for group in groups_of_source(source)]
        for name in QUANTITIES:
            results = np.array([_sum_of_types(of_step, source, name) for of_step in numbers])
            finite &= np.isfinite(results).all(axis=0)
            used = results[: of_source.order.shape[1] + 1]
            effects[name].append(walk_effects(used, of_source.order))
    _require_draws(study, finite, "walks")
    joined = {name: np.concatenate(parts, axis=1)[finite] for name, parts in effects.items()}
    failed = (np.flatnonzero(~finite) + 1).tolist()
    return ParameterSplit(member, scenario, players, joined, failed, flagged)


def _sum_of_types(numbers: dict[str, dict[str, NDArray]], source: Source, name: str) -> NDArray:
    return np.sum([numbers[kind][name] for kind in source.columns if kind in numbers], axis=0)


def _run(
    experiment: Experiment, folder: Path, workers: Workers, samples: Samples, label: str, **options
) -> Iterator[tuple[DrawnMember, Statistics]]:
    for member in run_samples(experiment, folder, workers, samples, label, **options):
        yield member, statistics(member)


def _require_draws(study: Study, finite: NDArray, what: str) -> None:
    """Require results of two draws, or of all where there is one."""
    if finite.sum() < min(2, study.draws):
        message = f"{finite.sum()} of {finite.size} {what} have results in every combination"
        mend = "Look at the flagged cells of temjax project --draws; narrow the priors."
        raise DataError([Finding(study.experiment.name, "", "", message, mend)])

"""How good a fit is: fitted and held-out months beside what a seasonal climatology would give."""

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from temjax import ModelOptions, Parameters, Run
from temjax.calibration.fitting import FitResult
from temjax.calibration.objective import Objective, history_run
from temjax.calibration.tunables import DISEQUILIBRIUM
from temjax.files.findings import DataError, Finding
from temjax.sites import MonthlySeries, Site, Skill, paired, skill
from temjax.sites.compare import simulated_months


@dataclass(frozen=True)
class Score:
    """One observed variable and one group of months.

    Attributes:
        variable: output name.
        unit: of RMSE and bias.
        months: ``fitted``, ``held out`` or ``not fitted``.
        model: the fitted run.
        prior: the run at the centre of the prior, where one was made.
        other_years: the climatology of the other years, months a year alone has left out; ``None``
            for one mean year.
        own_cycle: the mean seasonal cycle of the very months scored: above it a fit of the season
            alone cannot come.
        annual: observed and simulated sum (mean for temperature) by year, complete years.
    """

    variable: str
    unit: str
    months: str
    model: Skill
    prior: Skill | None
    other_years: Skill | None
    own_cycle: Skill | None
    annual: tuple[tuple[int, float, float], ...]


def parameters_of(objective: Objective, free: np.ndarray) -> tuple[Parameters, float]:
    """Parameter set and disequilibrium factor of a free vector ``(free,)`` of the site."""
    parameters, history = objective.free.put(objective.parameters, jnp.asarray(free))
    return parameters, float(history.get(DISEQUILIBRIUM, 1.0))


def single_run(objective: Objective, free: np.ndarray, options: ModelOptions) -> Run:
    """A run of one free vector; an optimiser can exploit coarse sub-steps, so take fine ones.

    Raises:
        DataError: the run is not finite.
    """
    parameters, factor = parameters_of(objective, free)
    run, _ = history_run(
        parameters,
        objective.location,
        objective.forcing,
        jnp.asarray(factor),
        objective.since,
        options,
    )
    jax.block_until_ready(run.annual.pools)
    if not bool(run.finite):
        message = "the fitted run produced values that are not finite"
        mend = "Fit again with other starts, or free fewer parameters."
        raise DataError([Finding(objective.name, "run", "", message, mend)])
    return run


def site_free(result: FitResult, site: int, start: int | None = None) -> np.ndarray:
    """Free vector of one site of a fit, at its best start by default."""
    columns = list(result.objective.columns[site])
    return result.free[columns, result.best if start is None else start]


def other_years_climatology(values: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Mean of the same month in the other years that may be used, ``(year, 12)``.

    Args:
        values: observations.
        given: True where a month may serve as information.
    """
    total = np.where(given, values, 0.0).sum(axis=0)
    count = given.sum(axis=0)
    own = np.where(given, values, 0.0)
    left = count - given
    return np.where(left > 0, (total - own) / np.maximum(left, 1), np.nan)


def score_site(
    site: Site, objective: Objective, run: Run, prior_run: Run | None = None
) -> list[Score]:
    """Scores of every monthly series of a site, also of those that were not fitted."""
    targets = {t.variable: t for t in objective.targets if t.kind == "monthly"}
    scores = []
    for series in site.observations.monthly.values():
        target = targets.get(series.variable)
        observed, simulated = paired(series, simulated_months(run, series), np.asarray(run.years))
        before = None
        if prior_run is not None:
            before = paired(
                series, simulated_months(prior_run, series), np.asarray(prior_run.years)
            )[1]
        present = np.isfinite(observed)
        if target is None:
            groups = {"not fitted": present}
            given = present
        else:
            used, held = np.asarray(target.used) > 0, np.asarray(target.held) > 0
            groups = {"fitted": used, "held out": held}
            given = used
        for label, mask in groups.items():
            if mask.sum() >= 2:
                scores.append(_score(series, label, observed, simulated, before, mask, given))
    return scores


def _score(series: MonthlySeries, label, observed, simulated, before, mask, given) -> Score:
    seen = np.where(mask, observed, np.nan)
    several = observed.shape[0] > 1
    climatology = other_years_climatology(observed, given) if several else None
    cycle = _mean(seen) if several else None
    return Score(
        variable=series.variable,
        unit=series.unit,
        months=label,
        model=skill(seen, simulated),
        prior=None if before is None else skill(seen, before),
        other_years=None if climatology is None else _skill_if_any(seen, climatology),
        own_cycle=None if cycle is None else skill(seen, np.broadcast_to(cycle, seen.shape)),
        annual=_annual(series, observed, simulated, mask),
    )


def _skill_if_any(observed: np.ndarray, predicted: np.ndarray) -> Skill | None:
    both = np.isfinite(observed) & np.isfinite(predicted)
    return skill(observed, predicted) if both.sum() >= 2 else None


def _mean(values: np.ndarray) -> np.ndarray:
    kept = np.isfinite(values)
    count = kept.sum(axis=0)
    total = np.where(kept, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _annual(series: MonthlySeries, observed, simulated, mask) -> tuple:
    reduce = np.mean if series.variable == "soil_temperature" else np.sum
    years = [series.period[0]] if series.is_climatology else series.years
    rows = []
    for row, year in zip(range(observed.shape[0]), years, strict=False):
        if mask[row].all():
            pair = (float(reduce(observed[row])), float(reduce(simulated[row])))
            rows.append((int(year), *pair))
    return tuple(rows)


def as_record(score: Score) -> dict:
    """A score as plain numbers; what is not defined is ``None``."""

    def clean(value):
        if isinstance(value, dict):
            return {key: clean(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [clean(part) for part in value]
        if isinstance(value, float) and not np.isfinite(value):
            return None
        return value

    return clean(dataclasses.asdict(score))


def plain(values: np.ndarray) -> list:
    """Nested lists with ``None`` where a value is not finite."""
    if values.ndim:
        return [plain(part) for part in values]
    return float(values) if np.isfinite(values) else None

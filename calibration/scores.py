"""Skill scores of a fit, in fitted and held-out months, beside those of a climatology."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from temjax import ModelOptions, Parameters, Run
from temjax.calibration.checkpoint import FitError
from temjax.calibration.gross_flux import months_of
from temjax.calibration.history import HistoryRun, run_history
from temjax.calibration.multistart import FitResult
from temjax.calibration.objective import Objective
from temjax.calibration.tunables import DISEQUILIBRIUM
from temjax.files.findings import DataError, Finding
from temjax.sites import MonthlySeries, Site, Skill, paired, skill
from temjax.sites.compare import simulated_months
from temjax.sites.observations import leave_one_year_out_climatology, mean_over_years
from temjax.sites.place_numbers import PLACE_NUMBERS
from temjax.sites.vitality import vegetation_fault
from temjax.sites.winter import ZERO_CURTAIN, snow_months, zero_curtain


@dataclass(frozen=True)
class Score:
    """Skill of one observed variable over one group of months.

    Attributes:
        variable: output name.
        unit: of RMSE and bias.
        months: ``fitted``, ``held out`` or ``not fitted``; ``usable``: all of these; ``all``: also
            those with a known fault; ``under snow``: usable ones with snow in the run; of the zero
            curtain (``temjax.sites.winter``, days a year) ``autumns``.
        model: the fitted run.
        prior: the run at the centre of the prior, where one was made.
        other_years: the leave-one-year-out climatology, without months observed in one year only;
            ``None`` for one mean year.
        own_cycle: the mean seasonal cycle of the scored months themselves, the upper limit of a
            fit of the season alone.
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


def parameters_at(objective: Objective, free: np.ndarray) -> tuple[Parameters, float]:
    """Parameters and disequilibrium factor at a free vector ``(free,)`` of the site."""
    parameters, history = objective.free.insert(objective.parameters, jnp.asarray(free))
    return parameters, float(history.get(DISEQUILIBRIUM, 1.0))


def place_numbers_at(objective: Objective, free: np.ndarray) -> dict[str, float]:
    """Numbers of the place (``PLACE_NUMBERS``) that are free, at a free vector ``(free,)``."""
    _, place = objective.free.insert(objective.parameters, jnp.asarray(free))
    return {name: float(place[name]) for name in PLACE_NUMBERS if name in place}


def scoring_options(objective: Objective) -> ModelOptions:
    """Options of the runs that are scored: those of the fit, with the default sub-steps."""
    return dataclasses.replace(objective.options, substeps=ModelOptions.substeps)


def centre_run(site: Site, objective: Objective, options: ModelOptions | None = None) -> Run:
    """Run of a site at the centre of the prior, where a fit begins.

    Args:
        site: of the objective.
        objective: whose prior it is.
        options: by default ``scoring_options``.

    Raises:
        DataError: the run is not finite.
        FitError: its vegetation cannot live there, and it matters to the fit.
    """
    centre = np.zeros(len(objective.free.names))
    options = options or scoring_options(objective)
    run = run_at(objective, centre, options, "the prior's centre").run
    fault = vegetation_fault(run, site, parameters_at(objective, centre)[0])
    if fault and not objective.heat_suffices:
        raise FitError(f"{site.name}: {fault}")
    return run


def run_at(
    objective: Objective, free: np.ndarray, options: ModelOptions, where: str = "the fit's optimum"
) -> HistoryRun:
    """Run at one free vector; with fine sub-steps, as an optimiser can exploit coarse ones.

    Raises:
        DataError: the run is not finite.
    """
    parameters, place = objective.free.insert(objective.parameters, jnp.asarray(free))
    history = run_history(
        parameters,
        objective.location,
        objective.forcing,
        place,
        objective.first_row,
        options,
    )
    jax.block_until_ready(history.run.annual.pools)
    if not bool(history.run.finite):
        message = f"the run at {where} produced values that are not finite"
        mend = "Try temjax simulate with this parameter set, other starts, or fewer parameters."
        raise DataError([Finding(objective.name, "run", "", message, mend)])
    return history


def site_vector(result: FitResult, site: int, start: int | None = None) -> np.ndarray:
    """Free vector ``(free,)`` of one site of a fit, by default that of the best start."""
    vector = result.free[:, result.best if start is None else start]
    return np.asarray(result.objective.part_point(site, jnp.asarray(vector)))


def score_site(
    site: Site, objective: Objective, run: Run, prior_run: Run | None = None
) -> list[Score]:
    """Scores of every monthly series of a site, including those that were not fitted."""
    scores = []
    for series in site.observations.monthly.values():
        masks = months_of(objective.targets, series.variable)
        every, simulated = paired(
            series, simulated_months(run, series), np.asarray(run.years), usable_only=False
        )
        observed, _ = paired(series, simulated_months(run, series), np.asarray(run.years))
        before = None
        if prior_run is not None:
            before = paired(
                series, simulated_months(prior_run, series), np.asarray(prior_run.years)
            )[1]
        present = np.isfinite(observed)
        if masks is None:
            groups = {"not fitted": present}
            available = present
        else:
            used, held_out = masks
            groups = {"fitted": used, "held out": held_out}
            available = used
        groups |= {"usable": present, "all": np.isfinite(every)}
        for label, mask in groups.items():
            if mask.sum() >= 2:
                scores.append(_score(series, label, every, simulated, before, mask, available))
        if series.variable == "soil_temperature":
            snow = present & snow_months(series, run)
            if snow.sum() >= 2:
                label = "under snow"
                scores.append(_score(series, label, every, simulated, before, snow, available))
            southern = float(site.location.latitude) < 0
            scores += _curtain(series, observed, simulated, before, available, southern)
    return scores


def _curtain(series: MonthlySeries, observed, simulated, before, available, southern) -> list:
    """Score of the length of the zero curtain, in autumns without a missing month; else none."""
    seen = zero_curtain(observed, southern=southern)
    made = zero_curtain(np.where(np.isfinite(observed), simulated, np.nan), southern=southern)
    if not np.isfinite(seen).any():
        return []
    other = None
    if observed.shape[0] > 1:
        climatology = leave_one_year_out_climatology(observed, available)
        other = _skill_if_any(seen, zero_curtain(climatology, southern=southern))
    years = [series.period[0]] if series.is_climatology else series.years
    lengths = zip(years, seen, made, strict=False)
    return [
        Score(
            variable=ZERO_CURTAIN,
            unit="d",
            months="autumns",
            model=skill(seen, made),
            prior=None if before is None else skill(seen, zero_curtain(before, southern=southern)),
            other_years=other,
            own_cycle=None,
            annual=tuple((int(y), float(o), float(m)) for y, o, m in lengths if np.isfinite(o)),
        )
    ]


def merged_scores(scores: Sequence[Score]) -> list[Score]:
    """Scores with those of the same months in one, such as ``fitted, usable, all``."""
    merged: list[Score] = []
    for score in scores:
        # fitted, held-out and other months are usable ones, and these are some of all
        same = [
            number
            for number, other in enumerate(merged)
            if score.months in ("usable", "all")
            and other.variable == score.variable
            and other.model.count == score.model.count
            and "held out" not in other.months
        ]
        if same:
            other = merged[same[-1]]
            merged[same[-1]] = dataclasses.replace(other, months=f"{other.months}, {score.months}")
        else:
            merged.append(score)
    return merged


def score_rows(site: str, scores: Sequence[Score]) -> list[dict]:
    """Rows of a table of scores; those of the same months share one."""
    return [
        {
            "site": site,
            "variable": score.variable,
            "months": score.months,
            "count": score.model.count,
            "squared_correlation": score.model.squared_correlation,
            "nash_sutcliffe": score.model.nash_sutcliffe,
            "nash_sutcliffe_before": getattr(score.prior, "nash_sutcliffe", np.nan),
            "other_years": getattr(score.other_years, "nash_sutcliffe", np.nan),
            "rmse": score.model.rmse,
            "rmse_before": getattr(score.prior, "rmse", np.nan),
            "bias": score.model.bias,
            "unit": score.unit,
        }
        for score in merged_scores(scores)
    ]


def _score(series: MonthlySeries, label, observed, simulated, before, mask, available) -> Score:
    scored = np.where(mask, observed, np.nan)
    several = observed.shape[0] > 1
    climatology = leave_one_year_out_climatology(observed, available) if several else None
    cycle = mean_over_years(scored) if several else None
    return Score(
        variable=series.variable,
        unit=series.unit,
        months=label,
        model=skill(scored, simulated),
        prior=None if before is None else skill(scored, before),
        other_years=None if climatology is None else _skill_if_any(scored, climatology),
        own_cycle=None if cycle is None else skill(scored, np.broadcast_to(cycle, scored.shape)),
        annual=_annual(series, observed, simulated, mask),
    )


def _skill_if_any(observed: np.ndarray, predicted: np.ndarray) -> Skill | None:
    both = np.isfinite(observed) & np.isfinite(predicted)
    return skill(observed, predicted) if both.sum() >= 2 else None


def _annual(series: MonthlySeries, observed, simulated, mask) -> tuple:
    reduce = np.mean if series.variable == "soil_temperature" else np.sum
    years = [series.period[0]] if series.is_climatology else series.years
    rows = []
    for row, year in zip(range(observed.shape[0]), years, strict=False):
        if mask[row].all():
            pair = (float(reduce(observed[row])), float(reduce(simulated[row])))
            rows.append((int(year), *pair))
    return tuple(rows)


def score_warning(site: Site, score: Score) -> str:
    """Warning of one score, empty if there is none."""
    variable, reference, cycle = (
        score.variable.replace("_", " "),
        score.other_years,
        score.own_cycle,
    )
    efficiency = score.model.nash_sutcliffe
    if score.months == "held out" and reference is not None:
        if efficiency < reference.nash_sutcliffe:
            return (
                f"{site.name}: in the held-out months the climatology of the fitted years beats "
                f"the model for {variable} (NSE {reference.nash_sutcliffe:.2f} against "
                f"{efficiency:.2f})."
            )
    if score.months == "fitted" and cycle is not None and efficiency > cycle.nash_sutcliffe:
        return (
            f"{site.name}: fitted {variable} scores above the data's own mean seasonal cycle: "
            "check that forcing and target are independent."
        )
    return ""


def score_record(score: Score) -> dict:
    """Score as JSON values; ``None`` where a number is not defined."""

    def clean(value):
        if isinstance(value, dict):
            return {key: clean(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [clean(part) for part in value]
        if isinstance(value, float) and not np.isfinite(value):
            return None
        return value

    return clean(dataclasses.asdict(score))


def finite_or_none(values: np.ndarray) -> list:
    """Nested lists for JSON, with ``None`` where a value is not finite."""
    if values.ndim:
        return [finite_or_none(part) for part in values]
    return float(values) if np.isfinite(values) else None

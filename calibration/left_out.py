"""Each place left out once: what a type fitted to the other places says at the one left out.

Every fit goes on from the optimum of the joint fit, so a few steps do. The fits are the starts of
one run of the same objective: in the one without a place its residuals do not count, its deviations
and own numbers stay at their priors' centre, and what is scored there are the parameters of the
type. Beside it stands the fit of each place by itself, where only its residuals count.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np

from temjax import Run
from temjax.calibration.checkpoint import NoFiniteStart
from temjax.calibration.joint import JointObjective
from temjax.calibration.multistart import FitResult, fit
from temjax.calibration.objective import Objective
from temjax.calibration.progress import ShowProgress, no_progress
from temjax.calibration.scores import Score, run_at, score_site, scoring_options
from temjax.files.findings import DataError
from temjax.sites import Site

if TYPE_CHECKING:
    from temjax.calibration.result import Calibration

STEPS = 12
TOLERANCE = 1e-3  # relative decrease of the loss below which a fit stops
SCORED = ("usable", "autumns")  # groups of months; the latter of the zero curtain


@dataclass(frozen=True)
class LeftOut:
    """Scores of every place by the prior, its own fit, the joint fit, and the others' fit.

    Attributes:
        rows: of a table; one per place and variable.
        notes: fits or runs that failed, as sentences.
        steps: of the fits, evaluations of all parts.
        seconds: they took.
    """

    rows: tuple[dict, ...]
    notes: tuple[str, ...]
    steps: int
    seconds: float

    def lines(self) -> list[str]:
        """What was done, as sentences."""
        return [
            "left out: each place scored with the parameters of the type fitted to the others, its "
            f"own numbers at their priors ({self.steps} steps in {self.seconds:.0f} s)",
            *self.notes,
        ]

    def record(self) -> dict:
        """Rows and notes as values of JSON; a number that is not defined is ``None``."""
        clean = [
            {
                key: None if isinstance(value, float) and not math.isfinite(value) else value
                for key, value in row.items()
            }
            for row in self.rows
        ]
        return {"rows": clean, "notes": list(self.notes), "steps": self.steps}


def check_leave_one_out(objective: Objective | JointObjective) -> None:
    """Check that leaving a place out says something.

    Raises:
        ValueError: fewer than two places, or none of their parameters shared.
    """
    if len(objective.site_parts) < 2 or all("@" in name for name in objective.reported.names):
        raise ValueError(
            "--leave-one-out needs two or more places that share parameters: give --type or --tied"
        )


def leave_one_out(
    calibration: "Calibration", *, out: Path | None = None, show: ShowProgress = no_progress
) -> LeftOut:
    """Fit without each place and with each place alone, and score the runs there.

    Args:
        calibration: of a joint fit.
        out: folder of the checkpoints; those of an interrupted run are gone on from.
        show: progress.
    """
    result, sites = calibration.result, calibration.sites
    count = len(sites)
    fits = _fits(result, count, out, show)
    points = np.concatenate([one.free for one in fits], axis=1)
    losses = np.concatenate([one.loss for one in fits])
    rows, notes = [], []
    for number, site in enumerate(sites):
        show("runs of the places left out", number, count)
        scores = {}
        for kind, column in (("left out", number), ("own fit", count + number)):
            scores[kind], note = _scores(
                site, result.objective, number, points[:, column], losses[column], kind
            )
            notes += [note] if note else []
        rows += _rows(site, calibration.site_scores[number], scores["left out"], scores["own fit"])
    show("runs of the places left out", count, count)
    return LeftOut(
        rows=tuple(rows),
        notes=tuple(notes),
        steps=sum(one.steps for one in fits),
        seconds=sum(one.seconds for one in fits),
    )


class _Batch(NamedTuple):
    """Some of the fits: best points ``(free, fit)``, losses there, steps and seconds."""

    free: np.ndarray
    loss: np.ndarray
    steps: int
    seconds: float


def _fits(result: FitResult, count: int, out: Path | None, show: ShowProgress) -> list[_Batch]:
    """Fits without each place, then with each alone, in batches of the joint fit's starts.

    Batches of that size are served by the compiled program of the joint fit; the last one is
    padded with copies of its last fit.
    """
    first, counted = first_points(result, count), counted_rows(result.objective, count)
    size, total = result.losses.shape[1], 2 * count
    batches = []
    for begin in range(0, total, size):
        columns = np.minimum(np.arange(begin, begin + size), total - 1)
        title = f"places left out and alone, {min(begin + size, total)} of {total}"
        show(title, 0, STEPS, "the first step")

        def show_step(step: int, _: float, running: int, title: str = title) -> None:
            show(title, step + 1, STEPS, f"{running} fits running")

        kept = slice(0, min(size, total - begin))
        try:
            one = fit(
                result.objective, first=first[:, columns], counted=counted[:, columns],
                steps=STEPS, tolerance=TOLERANCE, seed=result.seed, progress=show_step,
                checkpoint=None if out is None else out / f"checkpoint-left-out-{begin}.npz",
            )  # fmt: skip
            seconds = float(one.seconds.sum())
            batches.append(_Batch(one.free[:, kept], one.loss[kept], len(one.losses), seconds))
        except NoFiniteStart:
            shape = first[:, columns][:, kept].shape
            batches.append(_Batch(np.full(shape, np.nan), np.full(shape[1], np.inf), 1, 0.0))
    return batches


def first_points(result: FitResult, count: int) -> np.ndarray:
    """First points in free space, ``(free, 2 count)``: the joint optimum with some numbers at 0.

    Numbers of a place that does not count, deviations among them, are at their prior's centre.
    """
    objective = result.objective
    points = np.repeat(result.free[:, [result.best]], 2 * count, axis=1)
    of_part = [
        [column for column in columns if "@" in objective.reported.names[column]]
        for columns in objective.columns
    ]
    for number in range(count):
        points[of_part[number], number] = 0.0
        for other, columns in enumerate(of_part):
            if other != number:
                points[columns, count + number] = 0.0
    return points


def counted_rows(objective: JointObjective, count: int) -> np.ndarray:
    """Residuals that count in each fit, ``(n, 2 count)``; those of the prior always do."""
    part_of = np.concatenate(
        [np.full(part.number_of_residuals, i) for i, part in enumerate(objective.parts)]
    )
    places = np.arange(count)
    without, alone = part_of[:, None] != places, part_of[:, None] == places
    prior = np.ones((len(objective.free.names), 2 * count), bool)
    return np.concatenate([np.concatenate([without, alone], axis=1), prior])


def _scores(
    site: Site, objective: JointObjective, number: int, free: np.ndarray, loss: float, kind: str
) -> tuple[dict[str, Score], str]:
    """Scores of a place by variable at a point of the joint fit, and why there are none."""
    if not np.isfinite(loss):
        return {}, f"{site.name}, {kind}: the model fails where the fit begins"
    part = objective.site_parts[number]
    vector = np.asarray(objective.part_point(number, jnp.asarray(free)))
    try:
        run: Run = run_at(part, vector, scoring_options(part), f"{kind} of {site.name}").run
    except DataError as error:
        return {}, f"{site.name}, {kind}: {error.findings[0].message}"
    scores = score_site(site, part, run)
    return {score.variable: score for score in scores if score.months in SCORED}, ""


def _rows(
    site: Site, joint: Sequence[Score], left_out: dict[str, Score], own: dict[str, Score]
) -> list[dict]:
    """Rows of one place, a variable each."""
    rows = []
    for score in joint:
        if score.months not in SCORED:
            continue
        skills = {
            "prior": score.prior,
            "own": getattr(own.get(score.variable), "model", None),
            "joint": score.model,
            "left_out": getattr(left_out.get(score.variable), "model", None),
            "other_years": score.other_years,
        }
        row = {"place": site.name, "variable": score.variable, "count": score.model.count}
        for name, skill in skills.items():
            row[f"nash_sutcliffe_{name}"] = float(getattr(skill, "nash_sutcliffe", np.nan))
        for name, skill in skills.items():
            row[f"rmse_{name}"] = float(getattr(skill, "rmse", np.nan))
        rows.append(row | {"unit": score.unit})
    return rows

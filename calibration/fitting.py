"""A fit from many starts at once, which forgets nothing and can be taken up again."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from temjax.calibration.descent import Method, make_rule
from temjax.calibration.joint import JointObjective
from temjax.calibration.objective import Objective, first_failure
from temjax.calibration.side_by_side import SideBySide
from temjax.calibration.starts import prior_starts
from temjax.files.atomic import DamagedError, read_arrays, write_arrays
from temjax.sites.provenance import forcing_hash, parameter_hash

NOT_FINITE = "dropped: not finite at the start"
NOT_BALANCED = "dropped: no equilibrium at the start"


class FitError(RuntimeError):
    """A fit that cannot go on; the message says at which step and what was not finite."""


@dataclass(frozen=True)
class FitResult:
    """What a fit saw; nothing is thrown away.

    Attributes:
        objective: what was minimised.
        method: rule of descent.
        seed: of the starts.
        names: what moved; in joint fits ``name@site`` where a site has its own.
        losses: of every candidate, ``(step, start)``; infinite where the model failed.
        path: every candidate in free space, ``(step, free, start)``.
        gradients: in free space, ``(step, free, start)``.
        free: best point of every start, ``(free, start)``; NaN where it was dropped.
        loss: there, ``(start,)``; infinite where it was dropped.
        residuals: there, ``(n, start)``, those of the prior last.
        jacobian: there, ``(n, free, start)``.
        reasons: why each start stopped.
        first_misfit: loss by target at the centre of the prior.
        seconds: wall time of each step, the first with compilation.
    """

    objective: Objective | JointObjective = field(repr=False)
    method: str
    seed: int
    names: tuple[str, ...]
    losses: np.ndarray = field(repr=False)
    path: np.ndarray = field(repr=False)
    gradients: np.ndarray = field(repr=False)
    free: np.ndarray = field(repr=False)
    loss: np.ndarray
    residuals: np.ndarray = field(repr=False)
    jacobian: np.ndarray = field(repr=False)
    reasons: tuple[str, ...]
    first_misfit: dict[str, float]
    seconds: np.ndarray = field(repr=False)

    @property
    def best(self) -> int:
        """Index of the start with the lowest loss."""
        return int(np.argmin(self.loss))

    @property
    def dropped(self) -> tuple[int, ...]:
        """Starts that could not be fitted."""
        return tuple(i for i, reason in enumerate(self.reasons) if reason.startswith("dropped"))

    @property
    def start_values(self) -> np.ndarray:
        """Centre of the prior, in units."""
        return np.asarray(self.objective.free.values(jnp.zeros(len(self.names))))

    @property
    def values(self) -> np.ndarray:
        """At the lowest loss, in units."""
        return np.asarray(self.objective.free.values(jnp.asarray(self.free[:, self.best])))

    @property
    def misfit(self) -> dict[str, float]:
        """Loss by target at the lowest loss."""
        return self.objective.misfit(self.residuals[:, self.best])

    @property
    def spread_ratio(self) -> float:
        """Root mean square of the weighted residuals of the observations at the lowest loss."""
        residuals = self.residuals[: self.objective.number_of_residuals, self.best]
        used = np.concatenate(
            [np.ravel(target.used) for part in self.objective.parts for target in part.targets]
        )
        return float(np.sqrt(np.sum(residuals**2) / np.sum(used)))

    @property
    def evaluations(self) -> int:
        """Model runs with Jacobian, all starts together."""
        return int(np.sum(~np.isnan(self.losses)))

    def agreeing(self, tolerance: float = 0.01) -> int:
        """Starts whose loss is within a share of the lowest."""
        return int(np.sum(self.loss <= self.loss[self.best] * (1 + tolerance)))


def fingerprint(objective: Objective | JointObjective, method: str, seed: int, starts: int) -> str:
    """Hash of what a checkpoint must agree with."""
    digest = hashlib.sha256(f"{method} {seed} {starts} {objective.free}".encode())
    for part in objective.parts:
        digest.update(f"{part.name} {part.options} {part.free}".encode())
        digest.update((forcing_hash(part.forcing) + parameter_hash(part.parameters)).encode())
        for target in part.targets:
            digest.update(f"{target.label} {target.weight} {target.rows}".encode())
            for leaf in (target.values, target.sd, target.used):
                digest.update(np.ascontiguousarray(leaf, dtype="<f8").tobytes())
    return digest.hexdigest()[:16]


def fit(
    objective: Objective | JointObjective,
    *,
    method: Method = "lm",
    starts: int = 1,
    seed: int = 0,
    steps: int = 25,
    learning_rate: float = 0.2,
    tolerance: float = 1e-4,
    first: np.ndarray | None = None,
    pinned: np.ndarray | None = None,
    checkpoint: Path | None = None,
    progress: Callable[[int, float, int], None] | None = None,
) -> FitResult:
    """Minimise half the sum of squared residuals from many starts side by side on all cores.

    Args:
        objective: from ``Objective.of`` or ``JointObjective.of``.
        method: ``lm`` (Levenberg–Marquardt), ``lbfgs`` or ``adam``; the last wants some 40 steps.
        starts: Sobol points of the prior, the first its centre.
        seed: of the Sobol sequence.
        steps: evaluations of loss and Jacobian per start at most.
        learning_rate: of Adam, in prior standard deviations per step, decaying to a tenth.
        tolerance: a start stops when its loss fell by less than this share.
        first: starts in free space, ``(free, start)``, in place of the Sobol points.
        pinned: numbers that stay at their start, ``(free, start)``; ``lm`` only.
        checkpoint: ``.npz`` file written after each step; if it exists the fit goes on from it.
        progress: called with the step, the lowest loss and the number of starts still running.

    Raises:
        FitError: no start has a finite loss; the checkpoint belongs to another fit.
        ValueError: unknown method, fewer than one start or step, pinned numbers without ``lm``.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps; a fit needs at least one")
    if first is None:
        candidate = np.asarray(prior_starts(objective.free, starts, seed))
    else:
        candidate = np.array(first, dtype=float)
        if candidate.ndim != 2 or candidate.shape[0] != len(objective.free.names):
            raise ValueError(
                f"starts have shape {candidate.shape}; give ({len(objective.free.names)}, start)"
            )
    size, count = candidate.shape
    rule = make_rule(
        method, objective.free, count, tolerance=tolerance, steps=steps,
        learning_rate=learning_rate, pinned=pinned,
    )  # fmt: skip
    cores = SideBySide(objective)
    record = _Record(size, count, objective.number_of_residuals + size)
    mark = fingerprint(objective, method, seed, count)
    if checkpoint is not None and Path(checkpoint).exists():
        candidate = record.read(Path(checkpoint), mark, rule)
    for step in range(len(record.losses), steps):
        if not record.running:
            break
        began = time.perf_counter()
        linear = cores.linearised(candidate)
        residuals, jacobian = linear.residuals, linear.jacobian
        loss, gradient = _loss(residuals, jacobian, linear.converged)
        if step == 0:
            record.first_misfit = objective.misfit(residuals[:, 0])
            if not np.isfinite(loss).any():
                raise FitError(_no_start(objective, candidate))
        ahead, reasons = rule.advance(candidate, loss, gradient, residuals, jacobian)
        if step == 0:
            reasons = [
                reason if np.isfinite(value) else (NOT_FINITE if settled else NOT_BALANCED)
                for reason, value, settled in zip(reasons, loss, linear.converged, strict=True)
            ]
        record.add(candidate, loss, gradient, residuals, jacobian, reasons, began)
        # A start that is through stays where it is best.
        done = np.array([reason != "" for reason in record.reasons])
        candidate = np.where(done, np.nan_to_num(record.free), ahead)
        if checkpoint is not None:
            record.write(Path(checkpoint), mark, rule, candidate)
        if progress is not None:
            progress(step, float(np.min(record.best)), record.running)
    return FitResult(
        objective=objective,
        method=method,
        seed=seed,
        names=objective.free.names,
        losses=np.stack(record.losses),
        path=np.stack(record.path),
        gradients=np.stack(record.gradients),
        free=record.free,
        loss=record.best,
        residuals=record.residuals,
        jacobian=record.jacobian,
        reasons=tuple(reason or f"all {steps} steps used" for reason in record.reasons),
        first_misfit=record.first_misfit,
        seconds=np.asarray(record.seconds),
    )


def _loss(residuals, jacobian, converged):
    """Loss and gradient; infinite and zero where the model failed."""
    loss = 0.5 * np.sum(residuals**2, axis=0)
    gradient = np.einsum("nfs,ns->fs", jacobian, residuals)
    good = np.isfinite(loss) & np.all(np.isfinite(gradient), axis=0) & converged
    return np.where(good, loss, np.inf), np.where(good, gradient, 0.0)


def _no_start(objective: Objective | JointObjective, candidate: np.ndarray) -> str:
    """Why no start can be fitted."""
    lines = []
    for part, columns in zip(objective.parts, objective.columns, strict=True):
        lines.append(f"{part.name}: {first_failure(part, candidate[list(columns), 0])}")
    return (
        "the loss is not finite at any start; at the centre of the prior the first fault is: "
        + "; ".join(lines)
    )


class _Record:
    """Histories and best points while a fit runs, and their file."""

    HISTORY = ("losses", "path", "gradients", "seconds")
    BEST = ("best", "free", "residuals", "jacobian")

    def __init__(self, free: int, starts: int, residuals: int) -> None:
        self.losses, self.path, self.gradients, self.seconds = [], [], [], []
        self.best = np.full(starts, np.inf)
        self.free = np.full((free, starts), np.nan)
        self.residuals = np.full((residuals, starts), np.nan)
        self.jacobian = np.full((residuals, free, starts), np.nan)
        self.reasons = [""] * starts
        self.first_misfit: dict[str, float] = {}

    @property
    def running(self) -> int:
        return sum(reason == "" for reason in self.reasons)

    def add(self, candidate, loss, gradient, residuals, jacobian, reasons, began) -> None:
        running = np.array([reason == "" for reason in self.reasons])
        # Starts that are through are still evaluated: NaN marks what does not count.
        self.losses.append(np.where(running, loss, np.nan))
        self.path.append(candidate.copy())
        self.gradients.append(gradient)
        better = running & (loss < self.best)
        self.best = np.where(better, loss, self.best)
        self.free = np.where(better, candidate, self.free)
        self.residuals = np.where(better, residuals, self.residuals)
        self.jacobian = np.where(better, jacobian, self.jacobian)
        self.reasons = [old or new for old, new in zip(self.reasons, reasons, strict=True)]
        self.seconds.append(time.perf_counter() - began)

    def write(self, path: Path, mark: str, rule, candidate: np.ndarray) -> None:
        """One file, replaced as a whole."""
        arrays = {name: np.asarray(getattr(self, name)) for name in (*self.HISTORY, *self.BEST)}
        arrays |= {f"rule_{name}": value for name, value in rule.arrays().items()}
        misfit = self.first_misfit
        arrays |= {
            "mark": mark,
            "candidate": candidate,
            "reasons": np.array(self.reasons),
            "misfit_names": np.array(list(misfit)),
            "misfit_values": np.array(list(misfit.values())),
        }
        write_arrays(path, arrays)

    def read(self, path: Path, mark: str, rule) -> np.ndarray:
        """Take up a file; returns the next candidates."""
        try:
            stored = read_arrays(path)
            if str(stored["mark"]) == mark:
                return self._take_up(stored, rule)
        except (DamagedError, KeyError) as error:
            raise FitError(f"{path} is damaged ({error}); remove it to start afresh") from error
        raise FitError(
            f"{path} belongs to another fit (other site, data, parameters, method, seed or "
            "number of starts); remove it or choose another folder"
        )

    def _take_up(self, stored: dict[str, np.ndarray], rule) -> np.ndarray:
        for name in self.HISTORY:
            setattr(self, name, list(stored[name]))
        for name in self.BEST:
            setattr(self, name, stored[name])
        self.reasons = [str(reason) for reason in stored["reasons"]]
        names, values = stored["misfit_names"], stored["misfit_values"]
        self.first_misfit = {str(k): float(v) for k, v in zip(names, values, strict=True)}
        rule.restore({k[5:]: v for k, v in stored.items() if k.startswith("rule_")})
        return stored["candidate"]

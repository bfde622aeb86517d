"""History of a fit: every candidate, the best point of each start, and the checkpoint file."""

import dataclasses
import hashlib
import time
from pathlib import Path

import numpy as np

from temjax.calibration.joint import JointObjective
from temjax.calibration.objective import Objective
from temjax.calibration.optimisers import Optimiser
from temjax.calibration.part import Linearisation
from temjax.files.atomic import DamagedError, read_arrays, write_arrays

CHECKPOINT = "checkpoint.npz"


class FitError(RuntimeError):
    """A fit that cannot start or be resumed; the message says why."""


class NoFiniteStart(FitError):
    """A fit whose model fails at every start."""


def fingerprint(
    objective: Objective | JointObjective,
    method: str,
    seed: int,
    starts: int,
    counted: np.ndarray | None = None,
) -> str:
    """Hash of what a fit and its checkpoint must share: data, priors, options and method."""
    digest = hashlib.sha256()

    def add(*values) -> None:
        digest.update(repr(values).encode())

    add(method, seed, starts, dataclasses.astuple(objective.free))
    if objective.pooling is not None:
        add(dataclasses.astuple(objective.pooling))
    if counted is not None:
        digest.update(np.packbits(counted).tobytes())
    for part in objective.parts:
        add(part.name, dataclasses.astuple(part.free), *part.identity())
        for target in part.targets:
            add(target.label, target.weight, target.rows)
            for leaf in (target.values, target.sd, target.used):
                digest.update(np.ascontiguousarray(leaf, dtype="<f8").tobytes())
    return digest.hexdigest()[:16]


class FitHistory:
    """History of a fit while it runs.

    Attributes:
        losses, path, gradients, seconds: one entry per step; see ``FitResult``.
        loss, free, residuals, jacobian: at the best point of every start.
        reasons: why each start stopped, empty while it runs.
        first_misfit: loss by target at the first start.
    """

    STEPS = ("losses", "path", "gradients", "seconds")
    BEST = ("loss", "free", "residuals", "jacobian")

    def __init__(self, free: int, starts: int, residuals: int) -> None:
        self.losses, self.path, self.gradients, self.seconds = [], [], [], []
        self.loss = np.full(starts, np.inf)
        self.free = np.full((free, starts), np.nan)
        self.residuals = np.full((residuals, starts), np.nan)
        self.jacobian = np.full((residuals, free, starts), np.nan)
        self.reasons = [""] * starts
        self.first_misfit: dict[str, float] = {}

    @property
    def running(self) -> np.ndarray:
        """Starts that have not stopped, ``(start,)``."""
        return np.array([reason == "" for reason in self.reasons])

    def add(
        self,
        candidate: np.ndarray,
        loss: np.ndarray,
        gradient: np.ndarray,
        linear: Linearisation,
        reasons: list[str],
        started: float,
    ) -> None:
        """Add one step.

        Args:
            candidate: evaluated points, ``(free, start)``.
            loss: there, ``(start,)``, infinite where the model failed.
            gradient: there, ``(free, start)``.
            linear: residuals and Jacobian there.
            reasons: why each start stops now, empty where it runs on.
            started: ``time.perf_counter()`` when the step began.
        """
        running = self.running
        # Starts that have stopped are still evaluated: NaN marks losses that do not count.
        self.losses.append(np.where(running, loss, np.nan))
        self.path.append(candidate.copy())
        self.gradients.append(gradient)
        better = running & (loss < self.loss)
        self.loss = np.where(better, loss, self.loss)
        self.free = np.where(better, candidate, self.free)
        self.residuals = np.where(better, linear.residuals, self.residuals)
        self.jacobian = np.where(better, linear.jacobian, self.jacobian)
        self.reasons = [old or new for old, new in zip(self.reasons, reasons, strict=True)]
        self.seconds.append(time.perf_counter() - started)

    def write(
        self, path: Path, fingerprint: str, optimiser: Optimiser, candidate: np.ndarray
    ) -> None:
        """Write a checkpoint, replacing the last one as a whole."""
        arrays = {name: np.asarray(getattr(self, name)) for name in (*self.STEPS, *self.BEST)}
        arrays |= {f"optimiser_{name}": value for name, value in optimiser.state().items()}
        arrays |= {
            "fingerprint": fingerprint,
            "candidate": candidate,
            "reasons": np.array(self.reasons),
            "misfit_names": np.array(list(self.first_misfit)),
            "misfit_values": np.array(list(self.first_misfit.values())),
        }
        write_arrays(path, arrays)

    def read(self, path: Path, fingerprint: str, optimiser: Optimiser) -> np.ndarray:
        """Restore a checkpoint.

        Returns:
            The next candidates, ``(free, start)``.

        Raises:
            FitError: the file is damaged or belongs to another fit.
        """
        try:
            arrays = read_arrays(path)
            if str(arrays["fingerprint"]) == fingerprint:
                return self._restore(arrays, optimiser)
        except (DamagedError, KeyError) as error:
            raise FitError(f"{path} is damaged ({error}); remove it to start afresh") from error
        raise FitError(
            f"{path} belongs to another fit (other site, data, parameters, method, seed or "
            "number of starts); remove it or choose another folder"
        )

    def _restore(self, arrays: dict[str, np.ndarray], optimiser: Optimiser) -> np.ndarray:
        for name in self.STEPS:
            setattr(self, name, list(arrays[name]))
        for name in self.BEST:
            setattr(self, name, arrays[name])
        self.reasons = [str(reason) for reason in arrays["reasons"]]
        names, values = arrays["misfit_names"], arrays["misfit_values"]
        self.first_misfit = {str(k): float(v) for k, v in zip(names, values, strict=True)}
        prefix = "optimiser_"
        optimiser.load_state(
            {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        )
        return arrays["candidate"]

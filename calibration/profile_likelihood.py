"""Profile likelihoods: the loss along one parameter, all others fitted again.

Unlike Laplace's approximation a profile follows curved and one-sided valleys; where it never rises
the parameter is not identified by data and prior.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

from temjax.calibration.multistart import FitResult, fit
from temjax.calibration.pooled import DEVIATION
from temjax.calibration.scores import finite_or_none
from temjax.calibration.transforms import FreeParameters
from temjax.calibration.tunables import expand_names
from temjax.calibration.uncertainty import Laplace

DISTANCES = (0.8, 1.645, 2.5)  # posterior standard deviations to each side of the optimum


@dataclass(frozen=True)
class ProfileLikelihood:
    """Loss along one parameter, ascending, the optimum among the points.

    Attributes:
        name: of the parameter.
        free: free parameters of the fit.
        shift: distance from the prior's centre in prior standard deviations, ``(point,)``.
        loss: lowest loss there; NaN where the model failed.
        points: all parameters there, in free space, ``(free, point)``.
        at_bound: whether the first and the last point lie at a bound.
    """

    name: str
    free: FreeParameters = field(repr=False)
    shift: np.ndarray
    loss: np.ndarray
    points: np.ndarray = field(repr=False)
    at_bound: tuple[bool, bool]

    def values(self, shift: np.ndarray | float) -> np.ndarray:
        """Values in the parameter's unit of shifts from the prior's centre."""
        row = self.free.names.index(self.name)
        shifts = np.zeros((len(self.free.names), np.size(shift)))
        shifts[row] = shift
        return self.free.values_at(shifts)[row]

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Likelihood-ratio interval: where the loss has risen by half the χ² quantile, in units.

        A side on which it does not rise so far ends at the bound if the profile reaches it, and is
        infinite otherwise: not identified within the profile.
        """
        threshold = norm.ppf(0.5 + level / 2)
        finite = np.isfinite(self.loss)
        shift, loss = self.shift[finite], self.loss[finite]
        lowest = int(np.argmin(loss))
        root = np.sqrt(2 * (loss - loss[lowest]))
        ends = []
        for side, sign, edge in (
            (slice(lowest, None, -1), -1, 0),
            (slice(lowest, None), 1, 1),
        ):
            x, rise = shift[side], root[side]
            if rise.max() >= threshold:
                i = np.flatnonzero(rise >= threshold)[0]
                end = np.interp(threshold, rise[i - 1 : i + 1], x[i - 1 : i + 1])
            elif self.at_bound[edge]:
                end = x[-1]
            else:
                ends.append(sign * np.inf)
                continue
            ends.append(float(self.values(end)[0]))
        return ends[0], ends[1]


def resolve_profiles(free: FreeParameters, names: tuple[str, ...]) -> tuple[str, ...]:
    """Free parameters to profile; deviations of places from a type are not among them.

    Args:
        free: free parameters of the fit.
        names: by name, TEM symbol, group or ``name@site``; ``all`` for all of them.

    Raises:
        ValueError: a parameter that is not free.
    """
    fitted = tuple(name for name in free.names if not name.startswith(DEVIATION))
    if names == ("all",):
        return fitted
    resolved = []
    for text in names:
        for name in (text,) if text in fitted else expand_names((text,)):
            if name not in fitted:
                raise ValueError(f"profile: {name!r} is not fitted; fitted are {', '.join(fitted)}")
            resolved.append(name)
    return tuple(dict.fromkeys(resolved))


def profile_records(profiles: dict[str, ProfileLikelihood]) -> list[dict]:
    """Values, losses and intervals as JSON values; an open end is ``None``."""
    records = []
    for name, one in profiles.items():
        low, high = finite_or_none(np.asarray(one.interval()))
        values, losses = finite_or_none(one.values(one.shift)), finite_or_none(one.loss)
        records.append({"name": name, "values": values, "losses": losses, "low": low, "high": high})
    return records


def profile_likelihoods(
    result: FitResult,
    posterior: Laplace,
    names: tuple[str, ...] | None = None,
    *,
    distances: tuple[float, ...] = DISTANCES,
    steps: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, ProfileLikelihood]:
    """Profile likelihoods of free parameters, points fitted in batches of the fit's own size.

    Args:
        result: a finished fit; its lowest loss is the middle of every profile.
        posterior: Laplace's approximation there: it sets the distance of the points and where the
            other parameters start.
        names: of free parameters; all by default.
        distances: of the points, in posterior standard deviations, to each side.
        steps: of Levenberg–Marquardt per point at most.
        progress: called with the number of points done and of all.

    Raises:
        ValueError: a name that was not fitted.
    """
    free = result.objective.free
    names = resolve_profiles(free, ("all",)) if names is None else names
    for name in names:
        if name not in free.names:
            raise ValueError(f"{name!r} was not fitted; fitted were {', '.join(free.names)}")
    points = _profile_points(posterior, free, names, distances)
    fitted, losses = _fit_points(result, points, steps, progress)
    low, high = free.shift_bounds(margin=1e-3)
    profiles, width = {}, 2 * len(distances)
    for number, name in enumerate(names):
        row, rows = free.names.index(name), range(number * width, (number + 1) * width)
        shift = np.array([points[i][1][row] for i in rows] + [posterior.centre[row]])
        loss = np.array([losses[i] for i in rows] + [result.loss[result.best]])
        others = np.stack([fitted[i] for i in rows] + [result.free[:, result.best]], axis=1)
        order = np.argsort(shift, kind="stable")
        shift, loss = shift[order], np.where(np.isfinite(loss), loss, np.nan)[order]
        at_bound = bool(shift[0] <= low[row] + 1e-9), bool(shift[-1] >= high[row] - 1e-9)
        profiles[name] = ProfileLikelihood(name, free, shift, loss, others[:, order], at_bound)
    return profiles


def _profile_points(
    posterior: Laplace,
    free: FreeParameters,
    names: tuple[str, ...],
    distances: tuple[float, ...],
) -> list[tuple[int, np.ndarray]]:
    """Row of the profiled parameter and first shifts ``(free,)`` of every point."""
    low, high = free.shift_bounds(margin=1e-3)
    points = []
    for name in names:
        row = free.names.index(name)
        # conditional mean of the other parameters per posterior sd of this one
        direction = posterior.covariance[:, row] / posterior.sd[row]
        for distance in (*(-d for d in distances[::-1]), *distances):
            points.append((row, np.clip(posterior.centre + distance * direction, low, high)))
    return points


def _fit_points(
    result: FitResult,
    points: list[tuple[int, np.ndarray]],
    steps: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[np.ndarray], list[float]]:
    """Point in free space and loss of every profile point, its own parameter pinned.

    Batches have the number of starts of the fit, so that its compiled program serves them; the
    last one is padded with copies of its last point.
    """
    free, size = result.objective.free, result.losses.shape[1]
    fitted, losses = [], []
    for first in range(0, len(points), size):
        batch = points[first : first + size]
        padded = batch + [batch[-1]] * (size - len(batch))
        pinned = np.zeros((len(free.names), size), bool)
        pinned[[row for row, _ in padded], range(size)] = True
        start = free.from_shifts(np.stack([shift for _, shift in padded], axis=1))
        refit = fit(result.objective, first=start, pinned=pinned, steps=steps, tolerance=1e-3)
        fitted += list(refit.free.T[: len(batch)])
        losses += list(refit.loss[: len(batch)])
        if progress is not None:
            progress(len(losses), len(points))
    return fitted, losses

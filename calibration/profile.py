"""Profile likelihoods: the loss along one number, all others fitted again.

Unlike Laplace's approximation a profile follows curved and one-sided valleys; where it never rises
the data (and the prior) do not decide the number.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

from temjax.calibration.fitting import FitResult, fit
from temjax.calibration.scores import plain
from temjax.calibration.transforms import Free
from temjax.calibration.uncertainty import Laplace

REACH = (0.8, 1.645, 2.5)  # posterior standard deviations to each side of the optimum


@dataclass(frozen=True)
class Profile:
    """Loss along one number, ascending, the optimum among the points.

    Attributes:
        name: of the number.
        free: transform of the fit.
        shift: distance from the prior's centre in prior standard deviations, ``(point,)``.
        loss: lowest loss there; NaN where the model failed.
        points: the other numbers there, in free space, ``(free, point)``.
        at_bound: whether the first and the last point lie against a bound.
    """

    name: str
    free: Free = field(repr=False)
    shift: np.ndarray
    loss: np.ndarray
    points: np.ndarray = field(repr=False)
    at_bound: tuple[bool, bool]

    def values(self, shift: np.ndarray | float) -> np.ndarray:
        """Values in the number's unit of distances from the prior's centre."""
        row = self.free.names.index(self.name)
        wide = np.zeros((len(self.free.names), np.size(shift)))
        wide[row] = shift
        return self.free.values_at(wide)[row]

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Where the loss has risen by half the χ² quantile, in the number's unit.

        A side on which it does not rise so far ends at the bound if the profile came to it, and is
        infinite otherwise: not decided within the profile.
        """
        rise = norm.ppf(0.5 + level / 2)
        kept = np.isfinite(self.loss)
        shift, loss = self.shift[kept], self.loss[kept]
        lowest = int(np.argmin(loss))
        root = np.sqrt(2 * (loss - loss[lowest]))
        ends = []
        for side, sign, edge in (
            (slice(lowest, None, -1), -1, 0),
            (slice(lowest, None), 1, 1),
        ):
            across, height = shift[side], root[side]
            if height.max() >= rise:
                i = np.flatnonzero(height >= rise)[0]
                end = np.interp(rise, height[i - 1 : i + 1], across[i - 1 : i + 1])
            elif self.at_bound[edge]:
                end = across[-1]
            else:
                ends.append(sign * np.inf)
                continue
            ends.append(float(self.values(end)[0]))
        return ends[0], ends[1]


def profile_rows(profiles: dict[str, Profile]) -> list[dict]:
    """Values, losses and intervals as plain numbers; an open end is ``None``."""
    rows = []
    for name, one in profiles.items():
        low, high = plain(np.asarray(one.interval()))
        values, losses = plain(one.values(one.shift)), plain(one.loss)
        rows.append({"name": name, "values": values, "losses": losses, "low": low, "high": high})
    return rows


def profile(
    result: FitResult,
    posterior: Laplace,
    names: tuple[str, ...] | None = None,
    *,
    reach: tuple[float, ...] = REACH,
    steps: int = 8,
    progress=None,
) -> dict[str, Profile]:
    """Profiles of some numbers, points side by side in batches of the fit's own size.

    Args:
        result: a finished fit; its lowest loss is the middle of every profile.
        posterior: Laplace's approximation there: it sets the distance of the points and where the
            other numbers start.
        names: of numbers of the fit; all by default.
        reach: distances of the points, in posterior standard deviations, to each side.
        steps: of Levenberg–Marquardt per point at most.
        progress: called with the number of points done and of all.

    Raises:
        ValueError: a name that was not fitted.
    """
    free = result.objective.free
    names = free.names if names is None else names
    for name in names:
        if name not in free.names:
            raise ValueError(f"{name!r} was not fitted; fitted were {', '.join(free.names)}")
    low, high = free.box(margin=1e-3)
    jobs = []
    for name in names:
        row = free.names.index(name)
        # the conditional mean of the others along this number
        along = posterior.covariance[:, row] / posterior.sd[row]
        for distance in (*(-r for r in reach[::-1]), *reach):
            point = posterior.centre + distance * along
            jobs.append((row, np.clip(point, low, high)))
    size = result.losses.shape[1]
    points, losses = [], []
    for first in range(0, len(jobs), size):
        part = jobs[first : first + size]
        padded = part + [part[-1]] * (size - len(part))
        pinned = np.zeros((len(free.names), size), bool)
        pinned[[row for row, _ in padded], range(size)] = True
        start = free.from_shifts(np.stack([point for _, point in padded], axis=1))
        found = fit(result.objective, first=start, pinned=pinned, steps=steps, tolerance=1e-3)
        points += list(found.free.T[: len(part)])
        losses += list(found.loss[: len(part)])
        if progress is not None:
            progress(len(losses), len(jobs))
    profiles, width = {}, 2 * len(reach)
    for number, name in enumerate(names):
        row, rows = free.names.index(name), range(number * width, (number + 1) * width)
        shift = np.array([jobs[i][1][row] for i in rows] + [posterior.centre[row]])
        loss = np.array([losses[i] for i in rows] + [result.loss[result.best]])
        others = np.stack([points[i] for i in rows] + [result.free[:, result.best]], axis=1)
        order = np.argsort(shift, kind="stable")
        shift, loss = shift[order], np.where(np.isfinite(loss), loss, np.nan)[order]
        edges = bool(shift[0] <= low[row] + 1e-9), bool(shift[-1] >= high[row] - 1e-9)
        profiles[name] = Profile(name, free, shift, loss, others[:, order], edges)
    return profiles

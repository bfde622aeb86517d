"""Which data pull a parameter where: shares of the gradient at the optimum of a fit.

At the optimum the derivatives of all shares of the loss add up to nothing: what one kind of data
gains by a larger value the others, and the prior, lose. The pull of a target is minus the
derivative of its share of the loss with respect to the parameter in prior standard deviations, so
a positive one asks for a larger value. What a kind of data would ask for by itself is one
Gauss–Newton step from the optimum with its residuals and the prior alone, all parameters free.
Errors are the stated ones, which make the optimum.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from temjax.calibration.multistart import FitResult
from temjax.calibration.pooled import DEVIATION
from temjax.calibration.transforms import FreeParameters

SHOWN = 6  # parameters of tables and figures
CONFLICT = 1.0  # loss per prior standard deviation that data pull both ways at least


class Source(NamedTuple):
    """A target of a part: where a pull comes from."""

    part: str
    target: str
    count: int


@dataclass(frozen=True)
class Pulls:
    """Pulls of all data on the free numbers of a fit.

    Attributes:
        free: free parameters.
        shift: of the optimum from the prior's centre in prior standard deviations, ``(free,)``.
        sources: targets of parts.
        by_source: pulls, ``(free, source)``.
        prior: pull of the prior, ``(free,)``.
        kinds: labels of targets, those of several parts one kind.
        by_kind: pulls of each, ``(free, kind)``.
        alone: shift that each kind asks for by itself with the prior, ``(free, kind)``.
    """

    free: FreeParameters = field(repr=False)
    shift: np.ndarray
    sources: tuple[Source, ...]
    by_source: np.ndarray = field(repr=False)
    prior: np.ndarray
    kinds: tuple[str, ...]
    by_kind: np.ndarray
    alone: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """Free numbers."""
        return self.free.names

    @property
    def rest(self) -> np.ndarray:
        """What is missing to balance: the hold of a bound, or of a fit that stopped earlier."""
        return -(self.by_kind.sum(axis=1) + self.prior)

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of the objective."""
        return tuple(dict.fromkeys(source.part for source in self.sources))

    @property
    def by_part(self) -> np.ndarray:
        """Pulls of all data of each part, ``(free, part)``."""
        columns = [
            [i for i, source in enumerate(self.sources) if source.part == part]
            for part in self.parts
        ]
        return np.stack([self.by_source[:, own].sum(axis=1) for own in columns], axis=1)

    def conflict(self, pulls: np.ndarray) -> np.ndarray:
        """Smaller of the sums of pulls up and down, ``(free,)``; of pulls ``(free, source)``."""
        return np.minimum(np.maximum(pulls, 0).sum(axis=1), np.maximum(-pulls, 0).sum(axis=1))

    def strongest(self, count: int = SHOWN) -> list[int]:
        """Rows of the numbers over which kinds or parts disagree most.

        Deviations of places from a type are not among them.
        """
        conflict = np.maximum(self.conflict(self.by_kind), self.conflict(self.by_part))
        order = np.argsort(-conflict, kind="stable")
        rows = [
            int(i)
            for i in order
            if conflict[i] >= CONFLICT and not self.names[i].startswith(DEVIATION)
        ]
        return rows[:count]

    def values_alone(self) -> np.ndarray:
        """Values in units that each kind asks for alone, within the bounds, ``(free, kind)``."""
        return self.free.values_at(self.alone)

    def lines(self, count: int = SHOWN) -> list[str]:
        """Conflicts in words, the strongest first."""
        rows = self.strongest(count)
        if not rows:
            return ["no parameter is pulled apart by kinds or places of data"]
        best, alone = self.free.values_at(self.shift), self.values_alone()
        lines = []
        for row in rows:
            kinds = self.conflict(self.by_kind)[row] >= CONFLICT
            pulls, labels = (
                (self.by_kind[row], self.kinds) if kinds else (self.by_part[row], self.parts)
            )
            words = [
                f"{_words(label)} {pull:+.1f}"
                for label, pull in sorted(
                    zip(labels, pulls, strict=True), key=lambda pair: -abs(pair[1])
                )
                if abs(pull) >= 0.1 * np.abs(pulls).max()
            ]
            text = f"{self.names[row]} {best[row]:.3g}: pulled by {', '.join(words)}"
            text += f", prior {self.prior[row]:+.1f}"
            if abs(self.rest[row]) >= CONFLICT:
                text += f", held by its bound or not balanced {self.rest[row]:+.1f}"
            if kinds:
                strong = np.abs(pulls) >= 0.1 * np.abs(pulls).max()
                asked = [
                    f"{_words(self.kinds[i])} {alone[row, i]:.3g}" for i in np.flatnonzero(strong)
                ]
                text += f"; alone they ask for {', '.join(asked)}"
            lines.append(text)
        return lines

    def rows(self) -> list[dict]:
        """Pull of every target on every free number, rows of a table."""
        unit = self.values_alone()
        rows = []
        for i, name in enumerate(self.names):
            for j, source in enumerate(self.sources):
                kind = self.kinds.index(source.target)
                rows.append(
                    {
                        "parameter": name, "part": source.part, "target": source.target,
                        "count": source.count, "pull": float(self.by_source[i, j]),
                        "pull_of_kind": float(self.by_kind[i, kind]),
                        "shift_of_kind_alone": float(self.alone[i, kind]),
                        "value_of_kind_alone": float(unit[i, kind]),
                    }
                )  # fmt: skip
            for part, pull in (("prior", self.prior[i]), ("not balanced", self.rest[i])):
                rows.append({"parameter": name, "part": part, "pull": float(pull)})
        return rows

    def record(self) -> dict:
        """Strongest conflicts as JSON values."""
        alone, best = self.values_alone(), self.free.values_at(self.shift)
        return {
            "lines": self.lines(),
            "kinds": list(self.kinds),
            "parts": list(self.parts),
            "parameters": [
                {
                    "name": self.names[row],
                    "value": float(best[row]),
                    "shift": float(self.shift[row]),
                    "by_kind": self.by_kind[row].tolist(),
                    "by_part": self.by_part[row].tolist(),
                    "prior": float(self.prior[row]),
                    "not_balanced": float(self.rest[row]),
                    "shift_alone": self.alone[row].tolist(),
                    "value_alone": alone[row].tolist(),
                }
                for row in self.strongest()
            ],
        }


def data_pulls(result: FitResult) -> Pulls:
    """Pulls of all data at the lowest loss of a fit."""
    objective, best = result.objective, result.best
    free = objective.free
    shift, slope = free.shifts(result.free[:, best])
    observed = objective.number_of_residuals
    jacobian = result.jacobian[:observed, :, best] / slope
    residuals = result.residuals[:observed, best]
    sources, pulls, position = [], [], 0
    kinds: dict[str, list[np.ndarray]] = {}
    for part in objective.parts:
        for target in part.targets:
            rows = np.arange(position, position + target.size)
            position += target.size
            count = int(np.sum(np.asarray(target.used)))
            sources.append(Source(part.name, target.label, count))
            pulls.append(-jacobian[rows].T @ residuals[rows])
            kinds.setdefault(target.label, []).append(rows)
    scale = float(objective.prior_scale) ** 2
    by_source = np.stack(pulls, axis=1)
    by_kind, alone = [], []
    for chunks in kinds.values():
        rows = np.concatenate(chunks)
        own, gradient = jacobian[rows], jacobian[rows].T @ residuals[rows]
        precision = own.T @ own + scale * np.eye(len(shift))
        by_kind.append(-gradient)
        alone.append(shift - np.linalg.solve(precision, gradient + scale * shift))
    return Pulls(
        free=free,
        shift=shift,
        sources=tuple(sources),
        by_source=by_source,
        prior=-scale * shift,
        kinds=tuple(kinds),
        by_kind=np.stack(by_kind, axis=1),
        alone=np.stack(alone, axis=1),
    )


def _words(label: str) -> str:
    return label.replace("_", " ")

"""Base sets compared: the same fit from several parameter sets, and which of them wins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from temjax import Run
from temjax.calibration.checkpoint import FitError
from temjax.calibration.joint import JointObjective
from temjax.calibration.multistart import FitResult
from temjax.calibration.objective import Objective
from temjax.sites import Site


class Candidate(NamedTuple):
    """A fit to be made: name of the base set, places with that set, objective."""

    base: str
    sites: tuple[Site, ...]
    objective: Objective | JointObjective


@dataclass(frozen=True)
class BaseComparison:
    """Losses of the fits from several base sets, with the stated errors.

    Attributes:
        losses: by set, lowest of all starts; priors count, each centred at its set.
        starting_losses: by set, at the centre of its prior.
        failed: by set that cannot be fitted, the reason.
    """

    losses: dict[str, float] = field(default_factory=dict)
    starting_losses: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def best(self) -> str:
        """Set with the lowest loss."""
        return min(self.losses, key=self.losses.__getitem__)

    @property
    def lead(self) -> float:
        """Loss of the next best set less that of the best; NaN if there is no other."""
        ordered = sorted(self.losses.values())
        return ordered[1] - ordered[0] if len(ordered) > 1 else float("nan")

    def lines(self) -> list[str]:
        """What was compared, as sentences."""
        if len(self.losses) + len(self.failed) < 2:
            return []
        losses = ", ".join(
            f"{name} {self.starting_losses[name]:.1f} → {loss:.1f}"
            for name, loss in sorted(self.losses.items(), key=lambda item: item[1])
        )
        lead = f", {self.lead:.1f} below the next" if len(self.losses) > 1 else ""
        return [
            f"base sets compared: {self.best} has the lowest loss{lead} ({losses})",
            *(f"base set {name} left out: {reason}" for name, reason in self.failed.items()),
        ]

    def record(self) -> dict:
        """Losses and reasons as values of JSON and TOML; empty of one set."""
        if not self.lines():
            return {}
        return {
            "best": self.best,
            "loss": self.losses,
            "loss_at_prior_centre": self.starting_losses,
            "left_out": self.failed,
        }


def candidates(
    sites: Sequence[Site],
    bases: Sequence[str],
    objective_of: Callable[[tuple[Site, ...]], Objective | JointObjective],
) -> tuple[Candidate, ...]:
    """Fits from each base set; from the places' own sets where none is named.

    A place's own parameter values (``[vegetation.overrides]``) go on top of every set.

    Args:
        sites: places of the fit.
        bases: names of parameter sets, each once.
        objective_of: objective of places.

    Raises:
        ValueError: a set named twice or unknown, or see ``objective_of``.
    """
    if len(set(bases)) < len(bases):
        twice = next(name for name in bases if list(bases).count(name) > 1)
        raise ValueError(f"base set {twice!r} is named twice")
    if not bases:
        own = dict.fromkeys(site.parameter_set for site in sites)
        return (Candidate(", ".join(own), tuple(sites), objective_of(tuple(sites))),)
    made = []
    for name in bases:
        based = tuple(replace(site, parameter_set=name) for site in sites)
        made.append(Candidate(name, based, objective_of(based)))
    return tuple(made)


def compare_bases(
    made: Sequence[Candidate], fit_one: Callable[[Candidate], tuple[FitResult, list[Run]]]
) -> tuple[Candidate, FitResult, list[Run], BaseComparison]:
    """Fit from each base set and take that with the lowest loss.

    Args:
        made: fits to be made.
        fit_one: makes one; returns it with the runs at its prior's centre.

    Raises:
        FitError: none of them can be fitted; that of the first.
    """
    found, errors = {}, {}
    for candidate in made:
        try:
            found[candidate.base] = (candidate, *fit_one(candidate))
        except FitError as error:
            errors[candidate.base] = error
    if not found:
        raise next(iter(errors.values()))
    comparison = BaseComparison(
        {name: float(result.loss[result.best]) for name, (_, result, _) in found.items()},
        {name: float(result.losses[0, 0]) for name, (_, result, _) in found.items()},
        {name: str(error) for name, error in errors.items()},
    )
    return *found[comparison.best], comparison

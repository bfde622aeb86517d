"""Fit of a community to its target values, and each target beside the model."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from temjax import ModelOptions, Parameters
from temjax.calibration.checkpoint import CHECKPOINT
from temjax.calibration.communities.part import CommunityPart
from temjax.calibration.communities.target_values import RELATIVE_ERROR, Community, TargetValue
from temjax.calibration.multistart import METHOD, STARTS, STEPS, FitResult, fit
from temjax.calibration.objective import DESCENT
from temjax.calibration.optimisers import Method
from temjax.calibration.progress import ShowProgress, no_progress
from temjax.calibration.tunables import no_effect_text
from temjax.calibration.uncertainty import Laplace, laplace
from temjax.files.findings import DataError, Finding
from temjax.files.names import split_names
from temjax.processes.respiration import GROWTH_FRACTION
from temjax.sites import Site

NEAR = RELATIVE_ERROR  # of a target's value; what lies farther away gets a reason
QUANTILE = 1.645  # of the normal distribution, for a central interval of 90 %
HOLDERS = 2  # named at most where a target is missed


@dataclass(frozen=True)
class TargetRow:
    """A target beside the model.

    Attributes:
        target: its value, error and source.
        prior: of the model at the prior's centre.
        fitted: at the lowest loss.
        low, high: 90 % interval of the fitted value by the posterior of the parameters.
        reason: why it is farther than ``NEAR`` from its target; empty where it is not.
    """

    target: TargetValue
    prior: float
    fitted: float
    low: float
    high: float
    reason: str

    @property
    def difference(self) -> float:
        """Fitted less target as a share of the target."""
        return self.fitted / self.target.value - 1

    def record(self) -> dict:
        """Values of JSON and TOML."""
        return {
            "target": self.target.name,
            "output": self.target.variable,
            "unit": self.target.unit,
            "value": self.target.value,
            "sd": self.target.sd,
            "stated": self.target.stated,
            "prior": self.prior,
            "fitted": self.fitted,
            "interval_90": [self.low, self.high],
            "difference": self.difference,
            "reason": self.reason,
            "error": self.target.sd_source,
            "source": self.target.source,
        }


@dataclass(frozen=True)
class CommunityFit:
    """Fit of a community, with all that is needed to judge it.

    Attributes:
        community: targets, base set and priors.
        site: whose climate it is, named as the community.
        climate: name of the site.
        part: objective.
        result: the fit of all starts.
        posterior: Laplace's approximation at the lowest loss.
        rows: targets beside the model, run with the default sub-steps.
        command: that repeats the fit.
        draws, scales, hierarchy: none; files of fits have a place for them.
    """

    community: Community
    site: Site
    climate: str
    part: CommunityPart
    result: FitResult
    posterior: Laplace
    rows: tuple[TargetRow, ...]
    command: str
    draws: None = None
    scales: None = None
    hierarchy: None = None

    @property
    def sites(self) -> tuple[Site, ...]:
        """The community's place: only one."""
        return (self.site,)

    @property
    def parameters(self) -> Parameters:
        """Calibrated parameter set, ready for ``temjax.simulate``."""
        best = jnp.asarray(self.result.free[:, self.result.best])
        return self.part.free.insert(self.part.parameters, best)[0]

    def account(self) -> list[str]:
        """What was chosen, and what the data do not say, as sentences."""
        flat = no_effect_text(self.result.without_effect)
        return [*self.part.notes, *([flat] if flat else [])]

    def warnings(self) -> list[str]:
        """Targets that are missed with the reason, starts that failed, parameters at bounds."""
        lines = [
            f"{row.target.name} {row.difference:+.0%} from its target: {row.reason}"
            for row in self.rows
            if row.reason
        ]
        if self.result.dropped:
            reasons = (f"start {i}: {self.result.reasons[i]}" for i in self.result.dropped)
            count = self.result.losses.shape[1]
            lines.append(f"{len(self.result.dropped)} of {count} starts were dropped: "
                         + "; ".join(reasons))  # fmt: skip
        if at_bounds := self.posterior.at_bounds():
            lines.append(f"{', '.join(at_bounds)}: the optimum lies against a bound, so the "
                         "interval means little")  # fmt: skip
        return lines


def calibrate_community(
    community: Community,
    site: Site,
    *,
    free: Sequence[str] = (),
    starts: int = STARTS,
    steps: int = STEPS,
    method: Method = METHOD,
    seed: int = 0,
    options: ModelOptions = DESCENT,
    out: Path | None = None,
    resume: bool = False,
    command: str = "",
    show: ShowProgress = no_progress,
) -> CommunityFit:
    """Fit a community to its target values in the climate of a site.

    Args:
        community: of ``open_community``.
        site: of ``temjax.sites.open_site``; only its location, climate and parameter values count.
        free: parameters by name, TEM symbol or group; by default those of a community.
        starts, steps, method, seed: see ``fit``.
        options: model options of the fit; the result is run with the default sub-steps.
        out: folder of the checkpoint, which must exist.
        resume: continue from the checkpoint; else it is replaced.
        command: that repeats the fit.
        show: progress.

    Raises:
        DataError: the climate lacks the years of the community's file.
        FitError: no start has a steady state with vegetation, or the checkpoint is another fit's.
        ValueError: a parameter that is unknown or cannot be freed.
    """
    try:
        part = CommunityPart.of(community, site, split_names(free, ()), options)
    except LookupError as error:
        mend = "Give years that the climate has, or leave the key out."
        fault = Finding(community.file, "climate.years", "", error.args[0], mend)
        raise DataError([fault]) from error
    checkpoint = None if out is None else out / CHECKPOINT.replace(".", f"-{community.name}.")
    if checkpoint is not None and not resume:
        checkpoint.unlink(missing_ok=True)
    title = f"fit {community.name}"
    show(title, 0, steps, "compiling")
    result = fit(
        part, starts=starts, steps=steps, method=method, seed=seed, checkpoint=checkpoint,
        progress=lambda step, loss, running: show(
            title, step + 1, steps, f"loss {loss:.2f}, {running} starts running"
        ),
    )  # fmt: skip
    posterior = laplace(result)
    place = dataclasses.replace(
        site,
        name=community.name,
        title=f"{community.title} in the climate of {site.title}",
        parameter_set=community.parameter_set,
    )
    rows = target_rows(community, part, result, posterior)
    return CommunityFit(community, place, site.name, part, result, posterior, rows, command)


def target_rows(
    community: Community, part: CommunityPart, result: FitResult, posterior: Laplace
) -> tuple[TargetRow, ...]:
    """Targets beside the steady state at the prior's centre and at the lowest loss."""
    fine = dataclasses.replace(
        part, options=dataclasses.replace(part.options, substeps=ModelOptions.substeps)
    )
    best = result.free[:, result.best]
    points = jnp.asarray(np.stack([np.zeros_like(best), best], axis=1))
    outputs, converged = fine.outputs(points)
    if not bool(converged[1]):
        message = "the steady state at the fit's optimum did not converge with fine sub-steps"
        mend = "Try other starts, or fewer parameters."
        raise DataError([Finding(community.name, "run", "", message, mend)])
    spread = posterior.predicted_sd()
    rows = []
    for number, target in enumerate(community.targets):
        prior, fitted = (float(x) for x in outputs[target.variable])
        half_width = QUANTILE * spread[number] * target.sd
        missed = abs(fitted / target.value - 1) > NEAR
        reason = _reason(community, number, result, posterior) if missed else ""
        low, high = fitted - half_width, fitted + half_width
        rows.append(TargetRow(target, prior, fitted, low, high, reason))
    return tuple(rows)


def _reason(community: Community, number: int, result: FitResult, posterior: Laplace) -> str:
    """Why a target is missed: the model's structure, bounds, or what else holds the parameters."""
    if not np.any(posterior.jacobian[number]):
        return "no free parameter moves it"
    parts = [_growth_respiration(community, number)]
    if at_bounds := posterior.at_bounds():
        parts.append(f"against a bound: {', '.join(at_bounds)}")
    holders = _holders(community, number, result, posterior)
    if holders:
        parts.append(f"held by {' and '.join(holders)}")
    return "; ".join(filter(None, parts)) or "the errors stated allow it"


def _growth_respiration(community: Community, number: int) -> str:
    """Targets of NPP beyond what growth respiration leaves of GPP; empty where they are not."""
    values = {one.name: one.value for one in community.targets}
    for end in ("_without_n_limit", ""):
        pair = (f"gpp{end}", f"npp{end}")
        if community.targets[number].name not in pair or not set(pair) <= set(values):
            continue
        ratio, most = values[pair[1]] / values[pair[0]], 1 - GROWTH_FRACTION
        if ratio > most:
            return (
                f"NPP over GPP of the targets is {ratio:.2f}, and growth respiration alone leaves "
                f"{most:.2f} in the model"
            )
    return ""


def _holders(community: Community, number: int, result: FitResult, posterior: Laplace) -> list[str]:
    """What holds the parameters back: targets and priors that lose where the target would gain.

    Along the direction in which the target gains most for the least loss of everything else, the
    derivatives of all shares of the loss add up to 0 at the optimum; the largest are named.
    """
    residuals = result.residuals[: len(community.targets), result.best]
    jacobian = posterior.jacobian
    direction = -np.sign(residuals[number]) * posterior.covariance @ jacobian[number]
    slopes = {
        target.name: residuals[i] * jacobian[i] @ direction
        for i, target in enumerate(community.targets)
        if i != number
    }
    slopes |= {
        f"the prior of {name}": shift * part
        for name, shift, part in zip(posterior.names, posterior.centre, direction, strict=True)
    }
    largest = max(slopes.values())
    named = sorted((n for n in slopes if slopes[n] > 0.2 * largest), key=slopes.get, reverse=True)
    return named[:HOLDERS] if largest > 0 else []

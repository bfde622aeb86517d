"""Gaussian distributions of parameters in prior space: posteriors of fitted sets, and priors.

Prior space is the logarithm of positive parameters, else the value. The form of ``[posterior]`` is
that of docs/calibration.md, "The fitted set".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import DataError, Finding
from temjax.files.toml import TomlError, read_toml
from temjax.parameters.registry import REGISTRY, Parameters

MARGIN = 1e-3  # of the range between the bounds, kept from them by draws
TWO_SIDED_90 = 1.6448536269514722  # standard deviations from mean to the 95th percentile
_ROUNDING = 1e-8  # negative eigenvalues, relative to the largest
_NUMBERS = ("mean", "lower", "upper")
_REFIT = "Fit again with temjax calibrate."


@dataclass(frozen=True)
class Gaussian:
    """Gaussian distribution of parameters in prior space.

    Attributes:
        names: of the numbers; one of a single place in a joint fit is ``name@place``.
        is_log: whether prior space is the logarithm, ``(name,)``.
        lower, upper: bounds in prior space, ``(name,)``.
        mean: ``(name,)``.
        covariance: ``(name, name)``.
    """

    names: tuple[str, ...]
    is_log: NDArray
    lower: NDArray
    upper: NDArray
    mean: NDArray
    covariance: NDArray

    def values(self, points: NDArray) -> NDArray:
        """Values in the parameters' units of points of prior space, ``(..., name)``."""
        return np.where(self.is_log, np.exp(np.where(self.is_log, points, 0.0)), points)

    def slopes(self) -> NDArray:
        """Derivative of the values with respect to prior space at the mean, ``(name,)``."""
        return np.where(self.is_log, self.values(self.mean), 1.0)

    def points(self, number: int, seed: int | Sequence[int]) -> NDArray:
        """Draws of prior space, whatever the bounds, ``(draw, name)``.

        The first draws of a seed are the same for every number.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        normal = np.random.default_rng(seed).standard_normal((number, self.mean.size))
        return self.mean + normal @ root.T

    def bounded(self, points: NDArray) -> NDArray:
        """Points of prior space, ``(..., name)``; those beyond a bound are put just inside it."""
        gap = MARGIN * (self.upper - self.lower)
        return np.clip(points, self.lower + gap, self.upper - gap)

    def draws(self, number: int, seed: int | Sequence[int]) -> NDArray:
        """Draws in the parameters' units and within the bounds, ``(draw, name)``."""
        return self.values(self.bounded(self.points(number, seed)))


def parameter_of(name: str) -> str:
    """Parameter of a number of a joint fit, without its place."""
    return name.partition("@")[0]


def prior(parameters: Parameters, names: Sequence[str]) -> Gaussian:
    """Independent priors of the registry, centred at the values of a set.

    Args:
        parameters: scalar values.
        names: tunable parameters whose values lie inside their bounds.
    """
    infos = [REGISTRY[name] for name in names]
    is_log = np.array([info.transform == "log" for info in infos], dtype=bool)
    centre = np.array([float(getattr(parameters, name)) for name in names])
    bounds = np.array([info.bounds for info in infos], dtype=float).reshape(-1, 2)
    return Gaussian(
        names=tuple(names),
        is_log=is_log,
        lower=to_prior_space(bounds[:, 0], is_log),
        upper=to_prior_space(bounds[:, 1], is_log),
        mean=to_prior_space(centre, is_log),
        covariance=np.diag([float(info.prior_sd) ** 2 for info in infos]),
    )


def to_prior_space(values: NDArray, is_log: NDArray) -> NDArray:
    """Points of prior space of values in the parameters' units."""
    return np.where(is_log, np.log(np.where(is_log, values, 1.0)), values)


def read_posterior(path: str | Path) -> Gaussian | None:
    """Posterior of a fitted set; ``None`` where the file has no ``[posterior]``.

    Raises:
        DataError: a file that is none, or a posterior that cannot be drawn from.
    """
    table = _document(Path(path)).get("posterior")
    if table is None:
        return None
    if not isinstance(table, dict):
        raise _fault(path, "posterior", "is no table", _REFIT)
    names = table.get("names")
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise _fault(path, "posterior.names", "holds no names", _REFIT)
    transform = table.get("transform")
    if not isinstance(transform, list) or not set(map(str, transform)) <= {"log", "identity"}:
        message = f"{transform} is not 'log' or 'identity' of every name"
        raise _fault(path, "posterior.transform", message, _REFIT)
    numbers = {key: _array(path, table, key, (len(names),)) for key in _NUMBERS}
    covariance = _array(path, table, "covariance", (len(names), len(names)))
    if len(transform) != len(names):
        message = f"has {len(transform)} entries for {len(names)} names"
        raise _fault(path, "posterior.transform", message, _REFIT)
    is_log = np.array([text == "log" for text in transform])
    return checked(path, Gaussian(tuple(names), is_log, covariance=covariance, **numbers))


def checked(path: str | Path, gaussian: Gaussian) -> Gaussian:
    """The distribution, if it is one.

    Raises:
        DataError: bounds in the wrong order, or a covariance that is not one.
    """
    wrong = np.flatnonzero(~(gaussian.lower < gaussian.upper))
    if wrong.size:
        name = gaussian.names[wrong[0]]
        raise _fault(path, f"posterior.lower of {name}", "is not below posterior.upper", _REFIT)
    covariance = gaussian.covariance
    asymmetry = np.abs(covariance - covariance.T).max()
    eigenvalues = np.linalg.eigvalsh(covariance)
    if asymmetry > _ROUNDING * np.abs(covariance).max() or (
        eigenvalues[0] < -_ROUNDING * max(eigenvalues[-1], 0.0)
    ):
        message = "is no covariance: not symmetric, or a variance along a direction is negative"
        raise _fault(path, "posterior.covariance", message, _REFIT)
    return gaussian


def posterior_arrays(path: str | Path) -> Path | None:
    """NetCDF file with the posterior over all places of a fit; ``None`` where there is none."""
    arrays = _named_arrays(path)
    return arrays.resolve() if arrays is not None and arrays.is_file() else None


def absent_arrays(path: str | Path) -> tuple[str, str] | None:
    """File that a fitted set names, that is not beside it, and what of the fit is lost with it.

    Returns:
        Name of the file, and in words what it alone holds: draws of NUTS, correlations with other
        places of a joint fit. ``None`` where nothing is lost.
    """
    arrays = _named_arrays(path)
    if arrays is None or arrays.is_file():
        return None
    document = _document(Path(path))
    fit, draws = document.get("fit"), document["posterior"].get("draws")
    lost = [f"the {draws} draws of NUTS"] if draws else []
    if isinstance(fit, dict) and (fit.get("tied") or fit.get("pooled")):
        lost.append("what ties it to the other places of its fit")
    return (arrays.name, " and ".join(lost)) if lost else None


def _named_arrays(path: str | Path) -> Path | None:
    table = _document(Path(path)).get("posterior")
    name = table.get("arrays") if isinstance(table, dict) else None
    return Path(path).parent / name if isinstance(name, str) and name else None


def read_intervals(path: str | Path) -> Gaussian:
    """Independent Gaussians from the 90 % intervals of a fitted set without ``[posterior]``.

    Raises:
        DataError: no intervals, or one that is none.
    """
    provenance = _document(Path(path)).get("provenance")
    intervals = provenance.get("interval_90") if isinstance(provenance, dict) else None
    if not isinstance(intervals, dict) or not intervals:
        message = "holds neither a posterior nor 90 % intervals"
        mend = "Give a file that temjax calibrate wrote."
        raise _fault(path, "provenance.interval_90", message, mend)
    names = [name for name in intervals if name in REGISTRY]
    for name in names:
        if not _is_interval(intervals[name]):
            message = f"{intervals[name]} is no interval"
            raise _fault(path, f"provenance.interval_90.{name}", message, _REFIT)
    is_log = np.array([REGISTRY[name].transform == "log" for name in names], dtype=bool)
    ends = np.array([intervals[name] for name in names], dtype=float).reshape(-1, 2)
    bounds = np.array([REGISTRY[name].bounds for name in names], dtype=float).reshape(-1, 2)
    low, high = (to_prior_space(ends[:, end], is_log) for end in (0, 1))
    return Gaussian(
        names=tuple(names),
        is_log=is_log,
        lower=to_prior_space(bounds[:, 0], is_log),
        upper=to_prior_space(bounds[:, 1], is_log),
        mean=(low + high) / 2,
        covariance=np.diag(((high - low) / (2 * TWO_SIDED_90)) ** 2),
    )


def _is_interval(ends: object) -> bool:
    numbers = isinstance(ends, list) and all(isinstance(end, int | float) for end in ends)
    return numbers and len(ends) == 2 and ends[0] <= ends[1]


def _document(path: Path) -> dict:
    try:
        return read_toml(path)
    except TomlError as error:
        raise _fault(path, "", str(error), "Give a fitted set.") from error


def _array(path: str | Path, table: dict, key: str, shape: tuple[int, ...]) -> NDArray:
    try:
        values = np.array(table.get(key), dtype=float)
    except (TypeError, ValueError) as error:
        raise _fault(path, f"posterior.{key}", "holds no numbers", _REFIT) from error
    if values.shape != shape or not np.isfinite(values).all():
        message = f"is not an array {shape} of finite numbers"
        raise _fault(path, f"posterior.{key}", message, _REFIT)
    return values


def _fault(path: str | Path, variable: str, message: str, mend: str) -> DataError:
    return DataError([Finding(str(path), variable, "", message, mend)])

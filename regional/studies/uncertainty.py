"""How sure regional totals are, as far as the fitted parameters say: linear and by samples.

Fitted files keep 90 % intervals of single parameters, not their correlations, and those of one
tower stand for a whole vegetation type. Parameters are therefore taken as independent, types as
independent of each other, types without a fit as known: what comes out is part of the uncertainty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import DataError, Finding
from temjax.files.toml import read_toml
from temjax.parameters.files import read_parameters, replace_parameters
from temjax.parameters.registry import REGISTRY, Parameters
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.run.cells import Cells
from temjax.regional.run.member_group import GROUND_SURFACE
from temjax.regional.studies.sensitivity import Outputs, Sensitivity
from temjax.units import teragrams

TWO_SIDED_90 = 1.6448536269514722  # standard deviations from mean to the 95th percentile


@dataclass(frozen=True)
class Spread:
    """A fitted parameter of one vegetation type.

    Attributes:
        vegetation: type whose file it is from.
        name: parameter.
        value: fitted.
        sd: (upper − lower end of the 90 % interval) / (2 · 1.645).
        low, high: bounds of the registry; samples beyond them are drawn again.
    """

    vegetation: str
    name: str
    value: float
    sd: float
    low: float
    high: float


def fitted_spreads(experiment: Experiment) -> list[Spread]:
    """Every parameter with an interval in the experiment's parameter files.

    Parameters the experiment leaves to the bundled set (ground surface) and quantities of the
    fit that are no parameters (disequilibrium) are left out.

    Raises:
        DataError: a file without intervals, or one whose interval is none.
    """
    found = []
    for vegetation, path in experiment.parameters.items():
        fitted = read_parameters(path)  # refuses what is no parameter set
        provenance = read_toml(Path(path)).get("provenance")
        intervals = provenance.get("interval_90") if isinstance(provenance, dict) else None
        if not isinstance(intervals, dict) or not intervals:
            message = "holds no 90 % intervals"
            mend = "Give a file that temjax calibrate wrote."
            raise DataError([Finding(str(path), "provenance.interval_90", "", message, mend)])
        for name, ends in intervals.items():
            kept = experiment.keep_ground_surface and name in GROUND_SURFACE
            if name not in REGISTRY or kept:
                continue
            if not _is_interval(ends):
                message, mend = f"{ends} is no interval", "Fit again."
                raise DataError(
                    [Finding(str(path), f"provenance.interval_90.{name}", "", message, mend)]
                )
            lower, upper = ends
            low, high = REGISTRY[name].bounds
            value = float(getattr(fitted, name))
            sd = (upper - lower) / (2 * TWO_SIDED_90)
            found.append(Spread(vegetation, name, value, sd, low, high))
    return found


def _is_interval(ends: object) -> bool:
    numbers = isinstance(ends, list) and all(isinstance(end, int | float) for end in ends)
    return numbers and len(ends) == 2 and ends[0] <= ends[1]


@dataclass(frozen=True)
class Total:
    """A regional number with its standard deviation; Tg C, or m for the active layer."""

    value: float
    sd: float


def _weight(area: NDArray, output: str, values: NDArray) -> NDArray:
    """What turns cells into the regional number: total of g m⁻², or area mean of metres."""
    known = np.isfinite(values)
    used = np.where(known, area, 0.0)
    if output == "thickness":
        return used / used.sum() if used.sum() > 0 else used
    return teragrams(used)


def linear(
    made: Sensitivity, vegetation: NDArray, area: NDArray, spreads: Sequence[Spread]
) -> tuple[dict[str, Total], dict[str, dict[tuple[str, str], float]]]:
    """First-order propagation: var = Σ (∂total/∂θ)² σ², over parameters and types.

    Args:
        made: derivatives of all cells.
        vegetation: type of each cell.
        area: km², 0 where a cell is masked.
        spreads: parameters with their SD; those without a derivative in ``made`` are left out.

    Returns:
        Totals by output, and the SD that each (type, parameter) alone would give.
    """
    totals, parts = {}, {}
    for output, values in made.values._asdict().items():
        weight = _weight(area, output, values)
        slopes = np.where(weight > 0, getattr(made.derivatives, output), 0.0)
        alone = {}
        for given in spreads:
            if given.name not in made.names:
                continue
            mine = weight * (vegetation == given.vegetation)
            slope = slopes[made.names.index(given.name)] @ mine
            alone[given.vegetation, given.name] = float(abs(slope) * given.sd)
        sd = float(np.sqrt(sum(value**2 for value in alone.values())))
        value = float(np.where(weight > 0, values, 0.0) @ weight)
        totals[output], parts[output] = Total(value, sd), alone
    return totals, parts


def sample_sets(
    sets: Mapping[str, Parameters], spreads: Sequence[Spread], number: int, seed: int
) -> list[dict[str, Parameters]]:
    """Parameter sets drawn from independent normals cut at the registry's bounds."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(number):
        made = dict(sets)
        for given in spreads:
            value = rng.normal(given.value, given.sd)
            while not given.low <= value <= given.high:
                value = rng.normal(given.value, given.sd)
            made[given.vegetation] = replace_parameters(
                made[given.vegetation], **{given.name: value}
            )
        drawn.append(made)
    return drawn


def repeated_cells(
    cells: Cells, names: Sequence[str], drawn: Sequence[Mapping[str, Parameters]]
) -> tuple[Cells, list[Parameters]]:
    """The cells once per sample on one axis, sample by sample, and all sets they point into."""
    size, samples = cells.index.size, len(drawn)
    sets = [given[name] for given in drawn for name in names]

    def tiled(values: NDArray) -> NDArray:
        return np.tile(values[..., :size], samples)

    shift = np.repeat(np.arange(samples) * len(names), size)
    return replace(
        cells,
        index=np.arange(size * samples),
        latitude=tiled(cells.latitude),
        elevation=tiled(cells.elevation),
        silt_plus_clay=tiled(cells.silt_plus_clay),
        parameter_index=tiled(cells.parameter_index) + shift,
        climate={name: tiled(values) for name, values in cells.climate.items()},
    ), [jax.tree.map(np.asarray, given) for given in sets]


def sample_totals(values: Outputs, area: NDArray, samples: int) -> dict[str, Total]:
    """Mean and SD over samples of the regional numbers; cells vary fastest."""
    made = {}
    for output, given in values._asdict().items():
        by_sample = given.reshape(samples, -1)
        numbers = [
            float(np.where(np.isfinite(row), row, 0.0) @ _weight(area, output, row))
            for row in by_sample
        ]
        made[output] = Total(float(np.mean(numbers)), float(np.std(numbers, ddof=1)))
    return made

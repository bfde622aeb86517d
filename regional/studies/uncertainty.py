"""Uncertainty of regional totals from fitted parameters: linear propagation and samples.

Fitted files hold 90 % intervals of single parameters, not their correlations, and those of one
tower are used for a whole vegetation type. Parameters are therefore taken as independent, types as
independent of each other, types without a fit as known: the result is part of the uncertainty.
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
class ParameterUncertainty:
    """Value and standard deviation of a fitted parameter of one vegetation type.

    Attributes:
        vegetation: type that the file is for.
        name: parameter.
        value: fitted value.
        sd: (upper − lower end of the 90 % interval) / (2 · 1.645).
        low, high: bounds of the registry; samples beyond them are rejected.
    """

    vegetation: str
    name: str
    value: float
    sd: float
    low: float
    high: float


def fitted_uncertainties(experiment: Experiment) -> list[ParameterUncertainty]:
    """Read the parameters with intervals from the experiment's parameter files.

    Parameters that the experiment takes from the bundled set (ground surface) and quantities of the
    fit that are not parameters (disequilibrium) are left out.

    Raises:
        DataError: a file without intervals, or one whose interval is none.
    """
    uncertainties = []
    for vegetation, path in experiment.parameters.items():
        fitted = read_parameters(path)  # raises if it is no parameter set
        provenance = read_toml(Path(path)).get("provenance")
        intervals = provenance.get("interval_90") if isinstance(provenance, dict) else None
        if not isinstance(intervals, dict) or not intervals:
            message = "holds no 90 % intervals"
            mend = "Give a file that temjax calibrate wrote."
            raise DataError([Finding(str(path), "provenance.interval_90", "", message, mend)])
        for name, ends in intervals.items():
            bundled = experiment.keep_ground_surface and name in GROUND_SURFACE
            if name not in REGISTRY or bundled:
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
            uncertainties.append(ParameterUncertainty(vegetation, name, value, sd, low, high))
    return uncertainties


def _is_interval(ends: object) -> bool:
    numbers = isinstance(ends, list) and all(isinstance(end, int | float) for end in ends)
    return numbers and len(ends) == 2 and ends[0] <= ends[1]


@dataclass(frozen=True)
class Total:
    """A regional number with its standard deviation; Tg C, or m for the active layer."""

    value: float
    sd: float


def _weight(area: NDArray, output: str, values: NDArray) -> NDArray:
    """Weights of cells in the regional number: total of g m⁻², or area mean of metres."""
    used = np.where(np.isfinite(values), area, 0.0)
    if output == "thickness":
        return used / used.sum() if used.sum() > 0 else used
    return teragrams(used)


def linear_propagation(
    sensitivity: Sensitivity,
    vegetation: NDArray,
    area: NDArray,
    uncertainties: Sequence[ParameterUncertainty],
) -> tuple[dict[str, Total], dict[str, dict[tuple[str, str], float]]]:
    """Propagate uncertainty to first order: var = Σ (∂total/∂θ)² σ², over parameters and types.

    Args:
        sensitivity: derivatives of all cells.
        vegetation: type of each cell.
        area: km², 0 where a cell is masked.
        uncertainties: parameters with their SD; those without a derivative are left out.

    Returns:
        Totals by output, and the SD that each (type, parameter) alone would give.
    """
    totals, parts = {}, {}
    for output, values in sensitivity.values._asdict().items():
        weight = _weight(area, output, values)
        slopes = np.where(weight > 0, getattr(sensitivity.derivatives, output), 0.0)
        alone = {}
        for parameter in uncertainties:
            if parameter.name not in sensitivity.names:
                continue
            type_weight = weight * (vegetation == parameter.vegetation)
            slope = slopes[sensitivity.names.index(parameter.name)] @ type_weight
            alone[parameter.vegetation, parameter.name] = float(abs(slope) * parameter.sd)
        sd = float(np.sqrt(sum(value**2 for value in alone.values())))
        value = float(np.where(weight > 0, values, 0.0) @ weight)
        totals[output], parts[output] = Total(value, sd), alone
    return totals, parts


def sample_sets(
    sets: Mapping[str, Parameters],
    uncertainties: Sequence[ParameterUncertainty],
    number: int,
    seed: int,
) -> list[dict[str, Parameters]]:
    """Draw parameter sets from independent normals truncated at the registry's bounds."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(number):
        sample = dict(sets)
        for parameter in uncertainties:
            value = rng.normal(parameter.value, parameter.sd)
            while not parameter.low <= value <= parameter.high:
                value = rng.normal(parameter.value, parameter.sd)
            sample[parameter.vegetation] = replace_parameters(
                sample[parameter.vegetation], **{parameter.name: value}
            )
        drawn.append(sample)
    return drawn


def repeated_cells(
    cells: Cells, names: Sequence[str], drawn: Sequence[Mapping[str, Parameters]]
) -> tuple[Cells, list[Parameters]]:
    """Repeat the cells for every sample along the cell axis.

    Returns:
        The cells, sample by sample, and the parameter sets that they refer to.
    """
    size, samples = cells.index.size, len(drawn)
    sets = [sample[name] for sample in drawn for name in names]

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
    ), [jax.tree.map(np.asarray, parameters) for parameters in sets]


def sample_totals(values: Outputs, area: NDArray, samples: int) -> dict[str, Total]:
    """Mean and SD of the regional numbers over samples; cells vary fastest."""
    totals = {}
    for output, field in values._asdict().items():
        by_sample = field.reshape(samples, -1)
        numbers = [
            float(np.where(np.isfinite(row), row, 0.0) @ _weight(area, output, row))
            for row in by_sample
        ]
        totals[output] = Total(float(np.mean(numbers)), float(np.std(numbers, ddof=1)))
    return totals

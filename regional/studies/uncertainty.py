"""Uncertainty of regional totals from parameters: linear propagation and samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np
from numpy.typing import NDArray

from temjax.parameters.registry import Parameters
from temjax.regional.run.cells import Cells
from temjax.regional.studies.parameter_sources import Source
from temjax.regional.studies.sensitivity import Outputs, Sensitivity
from temjax.units import teragrams


@dataclass(frozen=True)
class Total:
    """A regional number with its standard deviation; Tg C, or m for the active layer."""

    value: float
    sd: float


def regional_weight(area: NDArray, output: str, values: NDArray) -> NDArray:
    """Weights of cells in the regional number: total of g m⁻², or area mean of metres."""
    used = np.where(np.isfinite(values), area, 0.0)
    if output == "thickness":
        return used / used.sum() if used.sum() > 0 else used
    return teragrams(used)


def linear_propagation(
    sensitivity: Sensitivity, vegetation: NDArray, area: NDArray, sources: Sequence[Source]
) -> tuple[dict[str, Total], dict[str, dict[tuple[str, str], float]]]:
    """Propagate uncertainty to first order: var = Σ gᵀ C g over sources, g = ∂total/∂θ.

    Args:
        sensitivity: derivatives of all cells.
        vegetation: type of each cell.
        area: km², 0 where a cell is masked.
        sources: distributions of the parameters; those without a derivative are left out.

    Returns:
        Totals by output, and the SD that each (type, parameter) alone would give.
    """
    totals, parts = {}, {}
    for output, values in sensitivity.values._asdict().items():
        weight = regional_weight(area, output, values)
        alone, variance = {}, 0.0
        for source in sources:
            gaussian = source.gaussian
            gradient, slopes = source_gradient(sensitivity, vegetation, weight, output, source)
            for key, slope in slopes.items():
                column = source.columns[key[0]][key[1]]
                alone[key] = float(abs(slope) * np.sqrt(gaussian.covariance[column, column]))
            variance += float(gradient @ gaussian.covariance @ gradient)
        value = float(np.where(weight > 0, values, 0.0) @ weight)
        totals[output], parts[output] = Total(value, float(np.sqrt(max(variance, 0.0)))), alone
    return totals, parts


def without_correlations(sources: Sequence[Source]) -> list[Source]:
    """The same distributions with independent numbers."""
    return [
        replace(
            source,
            gaussian=replace(
                source.gaussian, covariance=np.diag(np.diagonal(source.gaussian.covariance))
            ),
        )
        for source in sources
    ]


def source_gradient(
    sensitivity: Sensitivity, vegetation: NDArray, weight: NDArray, output: str, source: Source
) -> tuple[NDArray, dict[tuple[str, str], float]]:
    """Derivatives of a regional number with respect to a source's numbers in prior space.

    Args:
        sensitivity: derivatives of all cells.
        vegetation: type of each cell.
        weight: of each cell in the regional number, see ``regional_weight``.
        output: field of ``Outputs``.
        source: distribution; parameters without a derivative are left out.

    Returns:
        Derivative by number of the Gaussian, and by (type, parameter).
    """
    gradient, slopes = np.zeros(source.gaussian.mean.size), {}
    for kind, columns in source.columns.items():
        of_type = type_derivatives(sensitivity, vegetation, weight, output, kind)
        for name, column in columns.items():
            if name not in of_type:
                continue
            slopes[kind, name] = float(of_type[name] * source.gaussian.slopes()[column])
            gradient[column] += slopes[kind, name]
    return gradient, slopes


def type_derivatives(
    sensitivity: Sensitivity, vegetation: NDArray, weight: NDArray, output: str, kind: str
) -> dict[str, float]:
    """Derivatives of a regional number with respect to a type's parameters, in their units.

    Args:
        sensitivity: derivatives of all cells.
        vegetation: type of each cell.
        weight: of each cell in the regional number, see ``regional_weight``.
        output: field of ``Outputs``.
        kind: vegetation type.
    """
    derivatives = np.where(weight > 0, getattr(sensitivity.derivatives, output), 0.0)
    summed = derivatives @ (weight * (vegetation == kind))
    return dict(zip(sensitivity.names, map(float, summed), strict=True))


def repeated_cells(
    cells: Cells,
    names: Sequence[str],
    drawn: Sequence[Mapping[str, Parameters]],
    shared_heat: bool = False,
) -> tuple[Cells, list[Parameters]]:
    """Repeat the cells for every sample along the cell axis, padding included.

    Args:
        cells: of a tile.
        names: of the parameter sets that the cells refer to.
        drawn: parameter sets by sample.
        shared_heat: whether samples of these cells differ in no parameter of soil heat.

    Returns:
        The cells, sample by sample, and the parameter sets that they refer to.
    """
    size, samples = cells.latitude.size, len(drawn)
    sets = [sample[name] for sample in drawn for name in names]

    def tiled(values: NDArray) -> NDArray:
        return np.tile(values, samples)

    shift = np.repeat(np.arange(samples) * len(names), size)
    return replace(
        cells,
        index=np.arange(size * samples),
        latitude=tiled(cells.latitude),
        elevation=tiled(cells.elevation),
        silt_plus_clay=tiled(cells.silt_plus_clay),
        parameter_index=tiled(cells.parameter_index) + shift,
        climate={name: tiled(values) for name, values in cells.climate.items()},
        copies=samples if shared_heat else 1,
    ), [jax.tree.map(np.asarray, parameters) for parameters in sets]


def sample_totals(values: Outputs, area: NDArray, samples: int) -> dict[str, Total]:
    """Mean and SD of the regional numbers over samples; cells vary fastest."""
    totals = {}
    for output, field in values._asdict().items():
        by_sample = field.reshape(samples, -1)
        numbers = [
            float(np.where(np.isfinite(row), row, 0.0) @ regional_weight(area, output, row))
            for row in by_sample
        ]
        totals[output] = Total(float(np.mean(numbers)), float(np.std(numbers, ddof=1)))
    return totals

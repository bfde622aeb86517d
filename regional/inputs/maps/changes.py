"""What maps were on their own grids and are on the run's: areas of classes, means of numbers."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from temjax.regional.inputs.grids.cells import Change
from temjax.regional.inputs.maps.source import SourceMap
from temjax.regional.inputs.maps.vegetation import Majority, label

_UNITS = {"elevation": "m", "permafrost": "1"}
_AREA, _MEAN = "km2", "mean"


def class_changes(
    majority: Majority, area: NDArray, inside: NDArray, kept: NDArray
) -> tuple[Change, ...]:
    """Areas of the types of a class map before and after, and the share that the majority has.

    Args:
        majority: types on the run's grid.
        area: km², ``(row, column)``.
        inside: cells of the run's grid that are asked for.
        kept: cells of the region.
    """
    changes, winner = [], majority.winner
    for index in range(len(majority.types)):
        share = majority.shares[index]
        own = float(area[kept & (winner == index)].sum())
        sums = [float((share * area)[cells].sum()) for cells in (inside, kept)]
        changes.append(Change("vegetation", label(majority, index), _AREA, *sums, own))
    kept_share = majority.kept_share[kept]
    for entry, value in (
        ("share of the majority, mean", np.average(kept_share, weights=area[kept])),
        ("share of the majority, least", kept_share.min()),
    ):
        changes.append(Change("vegetation", entry, "1", np.nan, np.nan, float(value)))
    return tuple(changes)


def number_changes(
    name: str,
    source: SourceMap,
    factor: float,
    values: NDArray,
    area: NDArray,
    inside: NDArray,
    kept: NDArray,
) -> tuple[Change, ...]:
    """Area-weighted mean, least and largest value of a map of numbers before and after.

    Args:
        name: of the quantity.
        source: the map.
        factor: from its unit.
        values: on the run's grid.
        area, inside, kept: see ``class_changes``.
    """
    unit = _UNITS.get(name, "%")
    covered = source.covered * area
    means = []
    for cells, weights in ((inside, covered), (kept, covered), (kept, area)):
        cells = cells & (source.covered > 0)
        total = float(weights[cells].sum())
        weighted = float((values * weights)[cells].sum())
        means.append(weighted / total if total else np.nan)
    own = source.values[source.valid] * factor
    return (
        Change(name, _MEAN, unit, *means),
        Change(name, "least", unit, float(own.min()), np.nan, float(values[kept].min())),
        Change(name, "largest", unit, float(own.max()), np.nan, float(values[kept].max())),
    )


def notes_of(changes: Iterable[Change]) -> list[str]:
    """One note for each variable: what it is on the map in the region, and in the run."""
    changes = tuple(changes)
    notes = []
    for name in dict.fromkeys(change.variable for change in changes):
        parts = [
            f"{change.entry} {change.in_region:.6g} {change.unit} on the map, "
            f"{change.in_run:.6g} in the run"
            for change in changes
            if change.variable == name
            and (change.in_region or change.in_run)
            and np.isfinite(change.in_region)
        ]
        parts += [
            f"{change.entry} {change.in_run:.3g}"
            for change in changes
            if change.variable == name == "vegetation" and not np.isfinite(change.in_region)
        ]
        notes.append(f"domain: {name} in the region: {'; '.join(parts)}")
    return notes

"""Thaw depths at points as data of a part: the cell of each, its years, and what is left out."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from temjax.calibration.region.study import Study
from temjax.sites.thaw_points import ThawPoint

BOUNDS = {"": 0, ">": 1, "<": -1}


@dataclass(frozen=True)
class PlacedPoint:
    """Observed thaw depth and the cell that it is compared with.

    Attributes:
        point: the observation.
        cell: of the domain.
        distance: from the point to the middle of the cell, km.
        years: in the history of the region.
    """

    point: ThawPoint
    cell: int
    distance: float
    years: tuple[int, ...]


def place_points(points: list[ThawPoint], study: Study) -> tuple[list[PlacedPoint], list[str]]:
    """Cells and years of observed thaw depths.

    Returns:
        Points that can be compared, and what was left out or chosen, as sentences.
    """
    placed, left_out, without_years = [], {}, 0
    for point in points:
        cell, distance, inside = study.nearest(point.latitude, point.longitude)
        years = tuple(year for year in point.years if year in study.history)
        reason = ""
        if not inside:
            reason = "outside the region"
        elif not study.valid[cell]:
            reason = "in a cell without valid maps or climate"
        elif point.years and not years:
            history = study.history
            reason = f"of years outside the run ({history[0]}–{history[-1]})"
        if reason:
            left_out.setdefault(reason, []).append(point.name)
            continue
        without_years += not point.years
        placed.append(PlacedPoint(point, cell, distance, years or study.last_decade))
    notes = [
        f"{len(names)} of {len(points)} thaw depths left out: {reason} "
        f"({', '.join(names[:3])}{' …' if len(names) > 3 else ''})"
        for reason, names in left_out.items()
    ]
    if without_years:
        first, *_, last = study.last_decade
        notes.append(f"{without_years} thaw depths name no year: compared with {first}–{last}")
    return placed, [*notes, *_distance_notes(placed, study)]


def _distance_notes(placed: list[PlacedPoint], study: Study) -> list[str]:
    """How far points lie from the cells they are compared with, along and up."""
    if not placed:
        return []
    far = max(placed, key=lambda one: one.distance)
    median = np.median([one.distance for one in placed])
    notes = [
        f"thaw depths are compared with the nearest cell: {median:.0f} km away in the median, at "
        f"most {far.distance:.0f} km ({far.point.name})"
    ]
    heights = {
        one.point.name: study.domain.elevation[one.cell] - one.point.elevation
        for one in placed
        if np.isfinite(one.point.elevation)
    }
    if heights:
        name = max(heights, key=lambda key: abs(heights[key]))
        notes[0] += f"; cell less point {heights[name]:+.0f} m of elevation at most ({name})"
    if lacking := len(placed) - len(heights):
        notes[0] += f"; {lacking} of {len(placed)} rows give no elevation"
    shared = Counter(one.cell for one in placed)
    several = [count for count in shared.values() if count > 1]
    if several:
        notes.append(
            f"{sum(several)} thaw depths share {len(several)} cell"
            f"{'s' * (len(several) > 1)}: the model has one value for each cell and year"
        )
    return notes

"""Vegetation of a run's cells: the type with most of the area of each in a class map."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.regional.experiment.domain_maps import NO_VEGETATION, MapsDomain
from temjax.regional.inputs.grids.cells import check_classes
from temjax.regional.inputs.grids.gridded import Reader
from temjax.regional.inputs.maps.source import SourceMap

_TIE = 1e-6  # shares that differ by less are equal
_MOST_CLASSES = 300


@dataclass(frozen=True)
class Majority:
    """Types of a class map on a run's grid.

    Attributes:
        types: parameter sets, ``none`` and classes that are mapped to nothing; in the order of
            their smallest class number.
        numbers: class numbers of each type.
        shares: of each type, ``(type, row, column)``.
    """

    types: tuple[str, ...]
    numbers: tuple[tuple[int, ...], ...]
    shares: NDArray

    @property
    def winner(self) -> NDArray:
        """Index of the type with most of the area, the first of equal ones, ``(row, column)``."""
        near = self.shares >= self.shares.max(axis=0) - _TIE
        return np.argmax(near, axis=0)

    @property
    def tied(self) -> NDArray:
        """Whether two types have the largest share, ``(row, column)``."""
        largest = self.shares.max(axis=0)
        return ((self.shares >= largest - _TIE).sum(axis=0) > 1) & (largest > 0)

    @property
    def kept_share(self) -> NDArray:
        """Share of the majority in what the map covers, ``(row, column)``; NaN without cover."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.shares.max(axis=0) / self.shares.sum(axis=0)


def majority(reader: Reader, settings: MapsDomain, source: SourceMap) -> Majority | None:
    """Types of a vegetation map on the run's grid; None with a finding where it is no class map."""
    path = str(reader.folder / source.variable.file)
    rows, columns = np.nonzero(source.valid)
    values = source.values[rows, columns]
    if values.dtype.kind == "f":
        findings = len(reader.findings)
        check_classes(reader, settings.vegetation, values, rows, columns)
        if len(reader.findings) > findings:
            return None
    present = np.unique(values)
    if present.size > _MOST_CLASSES:
        reader.add_finding(
            path, source.variable.variable, f"holds {present.size} different values: no class map",
            "Name the variable of classes.",
        )  # fmt: skip
        return None
    members = _by_type(present, settings.classes)
    shares = [source.share(np.array(found)) for found in members.values()]
    numbers = tuple(tuple(int(np.rint(value)) for value in found) for found in members.values())
    empty = np.zeros((0, *source.covered.shape))
    return Majority(tuple(members), numbers, np.stack(shares) if shares else empty)


def is_unmapped(name: str) -> bool:
    """Whether a type is a class that the table of classes does not have."""
    return name.startswith("class ")


def _by_type(present: NDArray, classes: Mapping[int, str]) -> dict[str, list[float]]:
    """Values of a map by type, in the order of their numbers."""
    members: dict[str, list[float]] = {}
    for value in present:
        number = int(np.rint(value))
        members.setdefault(classes.get(number, f"class {number}"), []).append(value)
    return members


def label(majority: Majority, index: int) -> str:
    """Name of a type with its class numbers, for tables."""
    name = majority.types[index]
    if is_unmapped(name):
        return f"{name} (not mapped)"
    listed = ", ".join(map(str, majority.numbers[index]))
    return f"{'left out' if name == NO_VEGETATION else name} ({listed})"

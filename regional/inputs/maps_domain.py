"""Domain of a run from maps on their own grids."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import raise_findings
from temjax.regional.experiment.domain_maps import NO_VEGETATION, MapsDomain
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.grids.cells import TEXTURE, Domain, cell_findings, check_classes, in_box
from temjax.regional.inputs.grids.grid import Grid
from temjax.regional.inputs.grids.gridded import Reader
from temjax.regional.inputs.maps.changes import class_changes, notes_of, number_changes
from temjax.regional.inputs.maps.run_grid import run_grid
from temjax.regional.inputs.maps.source import SourceMap, read_map
from temjax.regional.inputs.maps.vegetation import Majority, is_unmapped, majority
from temjax.regional.inputs.maps_units import factors

_ROUNDING = 1e-9  # of shares
_NUMBERS = (*TEXTURE, "elevation")


@dataclass(frozen=True)
class _Brought:
    """Maps on the run's grid.

    Attributes:
        maps: on their own grids, by name.
        vegetation: types.
        means: of texture (percent), elevation (m) and permafrost (share), ``(row, column)``.
        factors: from the maps' units to these.
    """

    maps: dict[str, SourceMap]
    vegetation: Majority
    means: dict[str, NDArray]
    factors: dict[str, float]


def maps_domain(experiment: Experiment) -> Domain:
    """Domain of an experiment from maps, each on its own grid.

    Raises:
        DataError: files, variables, units or grids that cannot be used; cells of the region with
            faults of their own are kept in ``findings`` instead.
    """
    settings = experiment.domain
    reader = Reader(settings.folder)
    grid = run_grid(reader, settings, experiment.climate)
    raise_findings(reader.findings)
    brought = _brought(reader, settings, grid)
    area = _areas(reader, settings, grid)
    raise_findings(reader.findings)
    latitude, longitude = grid.fields()
    inside = in_box(experiment.cells, latitude, longitude) & np.isfinite(latitude + longitude)
    kept = _region(reader, settings, brought, grid, inside)
    raise_findings(reader.findings)
    _tell_ties(reader, settings, brought.vegetation, grid, kept)
    changes = class_changes(brought.vegetation, area, inside, kept)
    for name, values in brought.means.items():
        source, factor = brought.maps[name], brought.factors[name]
        changes += number_changes(name, source, factor, values, area, inside, kept)
    for note in notes_of(changes):
        reader.notes.append(note)
    domain = _domain(settings, brought, grid, area, kept)
    domain = replace(domain, notes=tuple(reader.notes), changes=changes)
    numbers = dict(zip(TEXTURE, domain.texture.T, strict=True))
    smallest = [own[0] for own in brought.vegetation.numbers]
    classes = np.array(smallest, dtype=float)[brought.vegetation.winner[kept]]
    return replace(domain, findings=cell_findings(domain, settings, classes, numbers))


def _brought(reader: Reader, settings: MapsDomain, grid: Grid) -> _Brought:
    """Read every map and bring it to the run's grid.

    Raises:
        DataError: files, variables, classes or units that cannot be used.
    """
    names = ("vegetation", *_NUMBERS, *(("permafrost",) if settings.permafrost else ()))
    maps = {name: read_map(reader, getattr(settings, name), grid) for name in names}
    raise_findings(reader.findings)
    maps |= _without_empty_texture(reader, {name: maps[name] for name in TEXTURE})
    vegetation = majority(reader, settings, maps["vegetation"])
    means = {name: maps[name].mean() for name in _NUMBERS}
    if settings.permafrost and not settings.permafrost_classes:
        means["permafrost"] = maps["permafrost"].mean()
    scale = factors(reader, maps, means)
    means = {name: values * scale[name] for name, values in means.items()}
    if settings.permafrost_classes and settings.permafrost:
        source = maps["permafrost"]
        rows, columns = np.nonzero(source.valid)
        check_classes(reader, settings.permafrost, source.values[rows, columns], rows, columns)
        source = replace(source, values=np.isin(source.values, settings.permafrost_classes))
        maps["permafrost"], scale["permafrost"] = source, 1.0
        means["permafrost"] = source.mean()
    raise_findings(reader.findings)
    return _Brought(maps, vegetation, means, scale)


def _without_empty_texture(reader: Reader, maps: dict[str, SourceMap]) -> dict[str, SourceMap]:
    """Maps of texture without cells where sand, silt and clay are all 0, as HWSD marks water."""
    if len({source.values.shape for source in maps.values()}) > 1:
        return maps
    empty = np.all([source.valid & (source.values == 0) for source in maps.values()], axis=0)
    if not empty.any():
        return maps
    first = maps[TEXTURE[0]]
    reader.add_note(
        first.variable.file, "sand, silt, clay",
        f"all are 0 in {int(empty.sum())} cells of the map, which have no soil",
    )  # fmt: skip
    return {name: source.restricted(~empty) for name, source in maps.items()}


def _areas(reader: Reader, settings: MapsDomain, grid: Grid) -> NDArray | None:
    """Area of the run's cells in km²; None with a finding on a grid of two-dimensional
    coordinates."""
    if settings.cell_area_km2 is not None:
        return np.full(grid.shape, settings.cell_area_km2)
    area = grid.area()
    if area is None:
        reader.add_finding(
            str(settings.folder), "cell_area_km2", "unknown for a projected grid",
            "Add domain.cell_area_km2, or give resolution and box in [domain.grid].",
        )  # fmt: skip
    return area


def _region(
    reader: Reader, settings: MapsDomain, brought: _Brought, grid: Grid, inside: NDArray
) -> NDArray:
    """Whether cells of the run's grid belong to the region, ``(row, column)``; what is left out
    because a map does not cover it is told."""
    enough = settings.coverage - _ROUNDING
    covered = brought.maps["vegetation"].covered
    partly = inside & (covered > _ROUNDING) & (covered < enough)
    _tell_left_out(reader, settings, settings.vegetation, grid, partly)
    kept = inside & (covered >= enough)
    if brought.vegetation.types:
        types = np.array(brought.vegetation.types, dtype=object)[brought.vegetation.winner]
        kept &= types != NO_VEGETATION
    else:
        kept &= False
    if settings.permafrost is not None:
        lacks = kept & (brought.maps["permafrost"].covered < enough)
        _tell_left_out(reader, settings, settings.permafrost, grid, lacks)
        kept &= ~lacks
        share = np.nan_to_num(brought.means["permafrost"], nan=-1.0)
        kept &= share >= settings.permafrost_threshold - _ROUNDING
    for name in _NUMBERS:
        lacks = kept & (brought.maps[name].covered < enough)
        _tell_left_out(reader, settings, getattr(settings, name), grid, lacks)
        kept &= ~lacks
    if not kept.any():
        place = settings.permafrost or settings.vegetation
        reader.add_finding(
            str(settings.folder / place.file), place.variable, "no cell belongs to the region",
            "Check the classes, the permafrost map and threshold, and what the maps cover.",
        )  # fmt: skip
    return kept


def _tell_left_out(
    reader: Reader, settings: MapsDomain, variable: Variable, grid: Grid, cells: NDArray
) -> None:
    """Add the note of cells that a map does not cover enough."""
    if cells.any():
        reader.add_note(
            variable.file, variable.variable, f"covers less than {settings.coverage:.0%} of "
            f"{int(cells.sum())} cells, which are left out ({_first(grid, cells)})",
        )  # fmt: skip


def _tell_ties(
    reader: Reader, settings: MapsDomain, vegetation: Majority, grid: Grid, kept: NDArray
) -> None:
    """Add the notes of types of equal share, and of unmapped classes that are nowhere most."""
    variable, tied = settings.vegetation, vegetation.tied & kept
    if tied.any():
        reader.add_note(
            variable.file, variable.variable, f"two types have the same share of {int(tied.sum())} "
            f"cells, which take that of the smaller class number ({_first(grid, tied)})",
        )  # fmt: skip
    for index, name in enumerate(vegetation.types):
        some = kept & (vegetation.shares[index] > 0)
        if is_unmapped(name) and some.any() and not (vegetation.winner[kept] == index).any():
            reader.add_note(
                variable.file, variable.variable, f"{name} is in no entry of domain.classes and "
                f"has most of no cell, but a part of {int(some.sum())}",
            )  # fmt: skip


def _first(grid: Grid, cells: NDArray) -> str:
    """The first of some cells, for messages."""
    row, column = (int(index[0]) for index in np.nonzero(cells))
    latitude, longitude = (part[row, column] for part in grid.fields())
    return f"first: cell ({row}, {column}) at {latitude:.3f} N {longitude:.3f} E"


def _domain(
    settings: MapsDomain, brought: _Brought, grid: Grid, area: NDArray, kept: NDArray
) -> Domain:
    """Cells of the region."""
    rows, columns = np.nonzero(kept)
    numbers: Mapping[str, NDArray] = {n: values[kept] for n, values in brought.means.items()}
    types = np.array(
        ["" if is_unmapped(name) else name for name in brought.vegetation.types]
    )  # a class that is mapped to nothing is a fault of its cells
    latitude, longitude = (values[kept] for values in grid.fields())
    return Domain(
        latitude=latitude,
        longitude=longitude,
        elevation=numbers["elevation"],
        silt_plus_clay=(numbers["silt"] + numbers["clay"]) / 100,
        vegetation=types[brought.vegetation.winner[kept]],
        area=area[kept],
        row=rows,
        column=columns,
        grid=grid,
        synthetic=settings.synthetic,
        texture=np.stack([numbers[name] for name in TEXTURE], axis=1),
        majority_share=brought.vegetation.kept_share[kept],
        permafrost_share=numbers.get("permafrost"),
    )

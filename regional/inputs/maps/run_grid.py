"""Grid of a run: the climate's, or that of ``[domain.grid]``, with the edges of its cells."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from temjax.regional.experiment.domain_maps import DomainGrid, MapsDomain
from temjax.regional.experiment.settings import GriddedClimate, ProjectClimate, Variable
from temjax.regional.inputs.grids.grid import Grid
from temjax.regional.inputs.grids.gridded import Reader

_DIMENSIONS = 3  # of climate: time and two of the grid


def run_grid(
    reader: Reader, settings: MapsDomain, climate: GriddedClimate | ProjectClimate
) -> Grid | None:
    """Grid of a run; rows and columns have bounds. None with a finding where there is none."""
    if settings.grid is not None:
        return box_grid(settings.grid)
    own = Reader(climate.folder)
    found = climate_grid(own, climate)
    reader.findings += own.findings
    if own.findings:
        return None
    if found is None:
        reader.add_finding(
            str(climate.folder), "lat, lon",
            "no climate with latitude and longitude, whose grid would be the run's",
            "Put it there, or give resolution and box in [domain.grid].",
        )  # fmt: skip
        return None
    grid, file = found
    path = str(climate.folder / file)
    reader.add_note(path, "lat, lon", f"the run's grid is that of this file, {grid.shape}")
    if not grid.rectilinear:
        return grid
    edges = np.clip(grid.edges(0), -90, 90), grid.edges(1)
    if not all(np.isfinite(part).all() for part in edges):
        reader.add_finding(
            path, "lat, lon", "a single row or column without bounds",
            "Add bounds of lat and lon, or give resolution and box in [domain.grid].",
        )  # fmt: skip
        return None
    return replace(grid, bounds=edges)


def climate_grid(
    reader: Reader, climate: GriddedClimate | ProjectClimate
) -> tuple[Grid, str] | None:
    """Grid of the first file of a climate that has one, and the file; None without any.

    Args:
        reader: of the climate's folder; faults of the files read are added to it.
        climate: its files.
    """
    for file in _climate_files(climate):
        grid = _grid_of_climate(reader, climate, file)
        if grid is not None:
            return grid, file
        if reader.findings:
            return None
    return None


def box_grid(settings: DomainGrid) -> Grid:
    """Grid of cells of one width that fill a box; rows run northwards."""
    rows, columns = settings.shape
    west, south, _, _ = settings.box
    edges = [
        start + settings.resolution * np.arange(count + 1)
        for start, count in ((south, rows), (west, columns))
    ]
    bounds = tuple(np.stack([part[:-1], part[1:]], axis=1) for part in edges)
    centres = [part.mean(axis=1) for part in bounds]
    return Grid(("lat", "lon"), *centres, bounds=bounds)


def _climate_files(climate: GriddedClimate | ProjectClimate) -> list[str]:
    """Files of the climate's folder that may have its grid, the likeliest first."""
    if isinstance(climate, GriddedClimate):
        return [file.file for file in climate.driver("air_temperature")[0]]
    found = (path for path in climate.folder.rglob("*.nc*") if path.is_file())
    files = sorted(str(path.relative_to(climate.folder)) for path in found)
    model = climate.members[0].split("_r")[0].casefold()
    return sorted(files, key=lambda file: model not in Path(file).name.casefold())


def _grid_of_climate(
    reader: Reader, climate: GriddedClimate | ProjectClimate, file: str
) -> Grid | None:
    """Grid of the first variable of climate in a file; None where it has none."""
    dataset = reader.open(file)
    if dataset is None:
        return None
    wanted = None
    if isinstance(climate, GriddedClimate):
        wanted = climate.driver("air_temperature")[1]
    with dataset:
        names = [
            str(name)
            for name, variable in dataset.data_vars.items()
            if (name == wanted if wanted else variable.ndim >= _DIMENSIONS)
        ]
    return reader.grid_of(Variable(file=file, variable=names[0])) if names else None

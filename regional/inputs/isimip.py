"""ISIMIP2b climate: files identified by name, daily values averaged to months and cached on disk.

Names, units and periods: docs/specification/protocol.md 6. One year of one variable is in memory at
a time; the months of the region's climate cells are memory-mapped from the cache.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.atomic import atomic_write
from temjax.files.findings import Finding, nearest, raise_findings
from temjax.regional.experiment.settings import IsimipClimate
from temjax.regional.inputs.climate import VARIABLES, Segment
from temjax.regional.inputs.co2 import read_co2
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.gridded import Reader
from temjax.regional.inputs.time_axis import decode_dates
from temjax.regional.inputs.units import to_model_units
from temjax.runs.validation import check_climate, check_months

NAMES = {"air_temperature": "tas", "precipitation": "pr", "shortwave": "rsds"}
_FILE = re.compile(
    r"^(?P<variable>tas|pr|rsds)_(?P<step>day|mon|month|monthly)_(?P<model>[^_]+)_"
    r"(?P<scenario>[^_]+)_r1i1p1_EWEMBI(?:_[a-z]+)?_(?P<first>\d{8})-(?P<last>\d{8})\.nc4?$"
)


@dataclass(frozen=True)
class ClimateChunk:
    """Path and period of one file, from its name."""

    path: Path
    daily: bool
    first: date
    last: date


@dataclass(frozen=True)
class IsimipMonths:
    """Monthly climate of a member for the cells of a domain, see ``climate.Climate``.

    Attributes:
        data: memory-mapped months ``(year, 12, climate row, climate column)`` in the model's units.
        row, column: climate cell of each domain cell.
        warming: lapse-rate adjustment of each domain cell, K.
    """

    data: dict[str, NDArray]
    row: NDArray
    column: NDArray
    warming: NDArray
    years: NDArray
    co2: NDArray
    segments: tuple[Segment, ...]
    common_until: int | None
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def load(self, cells: NDArray) -> dict[str, NDArray]:
        """See ``Climate.load``."""
        row, column = self.row[cells], self.column[cells]
        loaded = {name: self.data[name][:, :, row, column].astype(float) for name in VARIABLES}
        loaded["air_temperature"] = loaded["air_temperature"] + self.warming[cells]
        return loaded


def isimip_climate(
    settings: IsimipClimate, domain: Domain, member: str, scenario: str
) -> IsimipMonths:
    """Load the climate of one member: history and scenario joined, CO2 from its text files.

    Raises:
        DataError: files that are missing, overlap or leave a gap, units or time axes that cannot
            be used, a domain beyond the grid.
    """
    reader = Reader(settings.folder)
    raise_findings(reader.findings)
    periods = {name: [] for name in VARIABLES}
    segments, climate_cells = [], None
    for name in VARIABLES:
        for part in (settings.history, scenario):
            chunks = find_chunks(reader, NAMES[name], member, part)
            raise_findings(reader.findings)
            climate_cells = climate_cells or _climate_cells(reader, chunks[0].path, domain)
            raise_findings(reader.findings)
            months = _monthly_means(reader, settings, chunks, climate_cells)
            raise_findings(reader.findings)
            periods[name].append((part, chunks[0].first.year, months))
    data = {}
    for name, parts in periods.items():
        data[name], covered = _join(reader, NAMES[name], parts)
        segments = segments or covered
        if covered != segments:
            reader.add_finding(
                str(settings.folder), NAMES[name], f"covers {_spans(covered)}, but "
                f"{NAMES[VARIABLES[0]]} covers {_spans(segments)}",
                "Give all variables for the same years.",
            )  # fmt: skip
    raise_findings(reader.findings)
    years = np.arange(segments[0].first, segments[-1].last + 1)
    co2 = read_co2(reader, settings, scenario, years)
    raise_findings(reader.findings)
    row = climate_cells.row - climate_cells.rows.start
    column = climate_cells.column - climate_cells.columns.start
    climate = IsimipMonths(
        data=data,
        row=row,
        column=column,
        warming=_lapse_rate_warming(settings.lapse_rate, domain.elevation, row, column),
        years=years,
        co2=co2,
        segments=tuple(segments),
        common_until=segments[0].last,
        notes=tuple(reader.notes),
    )
    climate.findings.update(_value_findings(settings, climate, domain, member, scenario))
    return climate


def find_chunks(reader: Reader, variable: str, model: str, scenario: str) -> list[ClimateChunk]:
    """Find the files of a variable in time order; missing files, gaps and overlaps are findings."""
    chunks, available = [], set()
    for path in sorted(reader.folder.rglob(f"{variable}_*.nc*")):
        parts = _FILE.match(path.name)
        if parts is None:
            continue
        available.add((parts["model"], parts["scenario"]))
        if (parts["model"], parts["scenario"]) == (model, scenario):
            first, last = (_date(parts[key]) for key in ("first", "last"))
            chunks.append(ClimateChunk(path, parts["step"] == "day", first, last))
    if not chunks:
        known = [f"{a} {b}" for a, b in sorted(available)]
        hint = nearest(f"{model} {scenario}", known) if known else (
            f"Name them {variable}_day_{model}_{scenario}_r1i1p1_EWEMBI_YYYYMMDD-YYYYMMDD.nc4."
        )  # fmt: skip
        reader.add_finding(str(reader.folder), variable, f"no files of {model} {scenario}", hint)
    chunks.sort(key=lambda chunk: chunk.first)
    for before, after in pairwise(chunks):
        expected = before.last + timedelta(days=1)
        if after.first != expected:
            what = "overlaps" if after.first < expected else "leaves a gap after"
            reader.add_finding(
                str(after.path), variable, f"begins {after.first}, {what} {before.path.name}",
                f"Give files that follow each other; {expected} is next.", str(after.first),
            )  # fmt: skip
    return chunks


def _date(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


@dataclass(frozen=True)
class ClimateCells:
    """Position of the domain's cells on the climate grid; ``rows`` and ``columns`` bound them."""

    row: NDArray
    column: NDArray
    rows: slice
    columns: slice


def _climate_cells(reader: Reader, path: Path, domain: Domain) -> ClimateCells | None:
    """Locate the climate cell of each domain cell; latitudes may ascend or descend."""
    dataset = reader.open_path(path)
    if dataset is None:
        return None
    with dataset:
        absent = [name for name in ("lat", "lon") if name not in dataset.variables]
        if absent:
            reader.add_finding(str(path), absent[0], "is not in the file", "Give ISIMIP grids.")
            return None
        axes = [reader.load_values(str(path), dataset[name]) for name in ("lat", "lon")]
        if any(axis is None or axis.ndim != 1 for axis in axes):
            reader.add_finding(str(path), "lat, lon", "are no axes", "Give lat(lat) and lon(lon).")
            return None
        lat, lon = (axis.astype(float) for axis in axes)
    longitude = np.where(lon.max() > 180, domain.longitude % 360, domain.longitude)
    indices = []
    for name, axis, values in (("lat", lat, domain.latitude), ("lon", lon, longitude)):
        index = np.abs(axis[:, None] - values).argmin(axis=0)
        half = abs(float(np.median(np.diff(axis)))) / 2 if axis.size > 1 else np.inf
        outside = np.abs(axis[index] - values) > half * (1 + 1e-6)
        if outside.any():
            cell = int(np.argmax(outside))
            reader.add_finding(
                str(path), name, f"{values[cell]:.3f} is beyond the grid "
                f"({outside.sum()} such cells)", "Give climate for the whole region.",
                domain.label(cell),
            )  # fmt: skip
        indices.append(index)
    row, column = indices
    return ClimateCells(
        row, column, slice(row.min(), row.max() + 1), slice(column.min(), column.max() + 1)
    )


def _monthly_means(
    reader: Reader, settings: IsimipClimate, chunks: list[ClimateChunk], cells: ClimateCells
) -> NDArray | None:
    """Monthly means ``(year, 12, row, column)`` in the model's units, through the cache on disk."""
    folder = settings.cache or settings.folder / "monthly"
    key = hashlib.sha256(repr((cells.rows, cells.columns)).encode())
    for chunk in chunks:
        stat = chunk.path.stat()
        key.update(f"{chunk.path.name} {stat.st_size} {stat.st_mtime_ns}".encode())
    name = "_".join(chunks[0].path.name.split("_")[:4])
    cached = folder / f"{name}_{key.hexdigest()[:16]}.npy"
    if not cached.is_file():
        years = [months for chunk in chunks for months in _chunk_years(reader, chunk, cells)]
        if reader.findings:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(cached) as partial, partial.open("wb") as file:
            np.save(file, np.stack(years))
    return np.load(cached, mmap_mode="r", allow_pickle=False)


def _chunk_years(reader: Reader, chunk: ClimateChunk, cells: ClimateCells) -> Iterator[NDArray]:
    """Monthly means of one file by calendar year, ``(12, row, column)``, one year in memory."""
    path = str(chunk.path)
    variable = chunk.path.name.split("_")[0]
    dataset = reader.open_path(chunk.path)
    if dataset is None:
        return
    with dataset:
        if variable not in dataset or "units" not in dataset.get("time", xr.DataArray()).attrs:
            absent = "time" if variable in dataset else variable
            reader.add_finding(path, absent, "is not in the file", "Give ISIMIP2b files.")
            return
        stamps = decode_dates(reader, path, dataset)
        if stamps is None:
            return
        months = np.array([(stamp.year, stamp.month) for stamp in stamps])
        _check_days(reader, path, chunk.daily, stamps, months)
        if reader.findings:
            return
        array = dataset[variable]
        if array.dims != ("time", "lat", "lon"):
            reader.add_finding(path, variable, f"has {array.dims}", "Give (time, lat, lon).")
            return
        units = str(array.attrs.get("units", ""))
        kind = next(kind for kind, name in NAMES.items() if name == variable)
        for year in np.unique(months[:, 0]):
            rows = np.flatnonzero(months[:, 0] == year)
            part = slice(rows[0], rows[-1] + 1)
            values = reader.load_values(path, array[part, cells.rows, cells.columns])
            if values is None:
                return
            values = values.astype(float)
            means = np.stack(
                [values[months[rows, 1] == month].mean(axis=0) for month in range(1, 13)]
            )
            flat = means.reshape(12, -1)
            converted = to_model_units(reader, path, variable, kind, units, flat)
            if converted is None:
                return
            yield converted.reshape(means.shape)


def _check_days(reader: Reader, path: str, daily: bool, stamps: NDArray, months: NDArray) -> None:
    """Check for every month of every year and, in daily files, every day of its calendar once."""
    records = [tuple(int(part) for part in month) for month in months]
    unique = list(dict.fromkeys(records))
    reader.findings += check_months(unique if daily else records, file=path)
    if not daily:
        return
    counts: dict[tuple[int, int], set[int]] = {}
    for stamp in stamps:
        counts.setdefault((stamp.year, stamp.month), set()).add(stamp.day)
    short = [stamp for stamp in stamps if len(counts[stamp.year, stamp.month]) != stamp.daysinmonth]
    repeated = len(stamps) - sum(len(days) for days in counts.values())
    if short or repeated:
        first = short[0] if short else stamps[0]
        what = "days are missing" if short else f"{repeated} days are repeated"
        reader.add_finding(
            path, "time", f"{what} in {first.year}-{first.month:02d}", "Give every day once.",
            f"{first.year}-{first.month:02d}",
        )  # fmt: skip


def _join(
    reader: Reader, variable: str, parts: list[tuple[str, int, NDArray]]
) -> tuple[NDArray, list[Segment]]:
    """Join the years of history and scenario."""
    segments = [Segment(name, first, first + len(months) - 1) for name, first, months in parts]
    for before, after in pairwise(segments):
        if after.first != before.last + 1:
            reader.add_finding(
                str(reader.folder), variable,
                f"{before.label} ends in {before.last}, {after.label} begins in {after.first}",
                f"Give {after.label} from {before.last + 1} on.", f"year {before.last + 1}",
            )  # fmt: skip
    return np.concatenate([months for *_, months in parts]), segments


def _spans(segments: list[Segment]) -> str:
    return ", ".join(f"{part.label} {part.first}-{part.last}" for part in segments)


def _lapse_rate_warming(
    lapse_rate: float, elevation: NDArray, row: NDArray, column: NDArray
) -> NDArray:
    """Lapse-rate warming of cells relative to the mean elevation of their climate cell, K."""
    _, cell = np.unique(np.stack([row, column]), axis=1, return_inverse=True)
    cell = cell.ravel()
    mean = np.bincount(cell, elevation) / np.bincount(cell)
    return -lapse_rate / 1000.0 * (elevation - mean[cell])


def _value_findings(
    settings: IsimipClimate, climate: IsimipMonths, domain: Domain, member: str, scenario: str
) -> dict[int, list[Finding]]:
    """Findings of faulty values by domain cell; a climate cell is checked once."""
    pairs, first, cell = np.unique(
        np.stack([climate.row, climate.column]), axis=1, return_index=True, return_inverse=True
    )
    findings: dict[int, list[Finding]] = {}
    cell = cell.ravel()
    for number in range(pairs.shape[1]):
        row, column = pairs[:, number]
        values = {name: climate.data[name][:, :, row, column] for name in VARIABLES}
        cell_findings = check_climate(
            values,
            latitude=domain.latitude[first[number]],
            file=f"{settings.folder} {member} {scenario}",
            names=NAMES,
            index_text=lambda at, index=first[number]: (
                f"{climate.years[at[0]]}-{at[1] + 1:02d}, {domain.label(int(index))}"
            ),
        )
        if cell_findings:
            for index in np.flatnonzero(cell == number):
                findings[int(index)] = cell_findings
    return findings

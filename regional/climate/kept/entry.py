"""Months of one variable of one file as they are kept: a NetCDF file in the order of cells.

Files of climate are read by time, runs and checks go by cells. ``NAME.v3.nc`` holds the months,
``(cell, month)`` float32 in the model's units, in chunks of some cells and some whole years. It is
written from front to back with one slab of years in memory, and the months of a block of cells lie
together in a few pieces. Chunks are compressed without loss by Zstandard where the NetCDF library
has it, after sorting the bytes of the numbers by their rank: normal noise becomes 9 % smaller,
tenths of a degree 57 %, at half the speed of plain numbers or better; zlib takes seven times as
long to write noise. (Blosc would be faster, but fails on what cannot be compressed.)
"""

import errno
import json
import resource
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import netCDF4
import numpy as np
from numpy.typing import NDArray

from temjax.files.atomic import atomic_write, process_suffix
from temjax.files.findings import DataError, Finding

FORM = 3  # of the files, and in their names
SLAB_BYTES = 256e6  # of float32 months in memory before they are written,
LONGEST_SLAB = 10  # or years
CHUNK_BYTES = 1 << 15
READ_BYTES = 4 << 20  # of chunks that an open file remembers at most
OPEN_FILES = 400  # or half of what the process may have; one takes milliseconds to open
GAP = 64  # cells between two wanted ones that are read rather than passed over
_TURNED = 4096  # cells turned at a time, whose months fit a core's cache
_UNREADABLE = (OSError, RuntimeError, LookupError, ValueError, TypeError)  # of the NetCDF library


@dataclass(frozen=True)
class YearOfMonths:
    """Months of a calendar year in one file.

    Attributes:
        values: model's units, ``(12, cell)``; NaN in absent months.
        covered: share of each month that the file's records cover, ``(12,)``.
        record: first record of each month, ``(12,)``.
    """

    year: int
    values: NDArray
    covered: NDArray
    record: NDArray


@dataclass(frozen=True)
class KeptMonths:
    """Months of one variable of one file, float32 in the model's units.

    Attributes:
        years: calendar years, ``(year,)``.
        covered, record: see ``YearOfMonths``, ``(year, 12)``.
        cells: their number.
        values: the file that holds them, or they themselves, ``(cell, month)``.
        notes: of the reading.
    """

    years: NDArray
    covered: NDArray
    record: NDArray
    cells: int
    values: Path | NDArray
    notes: tuple[str, ...] = ()

    def read(self, months: NDArray, cells: NDArray) -> NDArray:
        """Months of some cells, ``(month, cell)``, those of a cell side by side in memory.

        Args:
            months: counted from January of the first year here.
            cells: in any order.

        Raises:
            DataError: the file was deleted or cut meanwhile.
        """
        if isinstance(self.values, np.ndarray):
            return self.values[cells][:, months].T
        ranges, place = _ranges(cells)
        first, last = int(months.min()), int(months.max()) + 1
        try:
            stat = self.values.stat()
            variable = _open(self.values, stat.st_ino, stat.st_size)["months"]
            parts = [variable[start:stop, first:last] for start, stop in ranges]
        except _UNREADABLE as error:
            message = f"monthly means cannot be read again ({_reason(error)})"
            mend = "Run again: they are made anew from the files of the climate."
            raise DataError([Finding(str(self.values), "", "", message, mend)]) from error
        block = parts[0] if len(parts) == 1 else np.concatenate(parts)
        block = block if place is None else block[place]
        every = months.size == last - first and (np.diff(months) == 1).all()
        return (block if every else block[:, months - first]).T


def _reason(error: Exception) -> str:
    """Why a file cannot be read, without the NetCDF library's own words."""
    text = error.strerror if isinstance(error, FileNotFoundError) else None
    return text or "the file is damaged"


@lru_cache(min(OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2))
def _open(path: Path, inode: int, size: int) -> netCDF4.Dataset:
    """An entry, open; ``inode`` and ``size`` tell a file from one that took its place."""
    file = netCDF4.Dataset(path)
    file.set_auto_maskandscale(False)
    months = file["months"]
    row = 4 * months.chunking()[0] * months.shape[1]  # bytes of the chunks of one range of cells
    months.set_var_chunk_cache(min(2 * row, READ_BYTES))
    return file


def _ranges(cells: NDArray) -> tuple[list[tuple[int, int]], NDArray | None]:
    """Ranges that hold some cells, and the place of each cell in them; None for one by one."""
    wanted, inverse = np.unique(cells, return_inverse=True)
    cuts = np.flatnonzero(np.diff(wanted) > GAP) + 1
    parts = np.split(wanted, cuts)
    ranges = [(int(part[0]), int(part[-1]) + 1) for part in parts]
    before = np.cumsum([0, *(stop - start for start, stop in ranges)])
    place = np.concatenate(
        [part - start + at for part, (start, _), at in zip(parts, ranges, before, strict=False)]
    )[inverse]
    return ranges, None if np.array_equal(place, np.arange(before[-1])) else place


def slabs(years: Iterable[YearOfMonths]) -> Iterator[list[YearOfMonths]]:
    """Years that fit into memory together, or one."""
    slab: list[YearOfMonths] = []
    for year in years:
        full = (len(slab) + 1) * year.values.nbytes > SLAB_BYTES or len(slab) == LONGEST_SLAB
        if slab and full:
            yield slab
            slab = []
        slab.append(year)
    if slab:
        yield slab


def hold(years: list[YearOfMonths]) -> KeptMonths:
    """Months that stay in memory."""
    cells = years[0].values.shape[1]
    return KeptMonths(
        np.array([year.year for year in years]),
        np.stack([year.covered for year in years]),
        np.stack([year.record for year in years]),
        cells,
        _turned(years, 0, cells),
    )


def _turned(years: list[YearOfMonths], start: int, stop: int) -> NDArray:
    """Months of a range of cells, ``(cell, month)``."""
    parts = [year.values[:, start:stop] for year in years]
    return np.concatenate(parts).T.astype("f4", order="C")


def write(
    path: Path, years: Iterable[list[YearOfMonths]], finish: Callable[[], list[str]]
) -> KeptMonths:
    """Keep the months of a file.

    Args:
        path: of the entry.
        years: in slabs, at least one, none longer than the first.
        finish: called when all are read; gives the notes, or raises, and nothing is kept.

    Raises:
        OSError: the folder cannot be written to, or its disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, process_suffix()) as partial, netCDF4.Dataset(partial, "w") as file:
        for number, slab in enumerate(years):
            if not number:
                _define(file, len(slab), slab[0].values.shape[1])
            _append(file, slab)
        file.notes = json.dumps(finish())
    found = find(path)
    if found is None:
        raise OSError(errno.EIO, "what was written is damaged", str(path))
    return found


def _define(file: netCDF4.Dataset, years: int, cells: int) -> None:
    """Dimensions and variables of an entry whose longest slab has some years."""
    file.form = FORM
    for name, size in (("cell", cells), ("month", None), ("year", None), ("of_year", 12)):
        file.createDimension(name, size)
    chunk = int(np.clip(CHUNK_BYTES // (48 * years), 1, cells))
    zstd = {"compression": "zstd", "complevel": 1, "shuffle": True}
    file.createVariable(
        "months", "f4", ("cell", "month"), chunksizes=(chunk, 12 * years), fill_value=False,
        **(zstd if file.has_zstd_filter() else {}),
    )  # fmt: skip
    file.createVariable("years", "i8", ("year",))
    file.createVariable("covered", "f8", ("year", "of_year"))
    file.createVariable("record", "i8", ("year", "of_year"))
    file.set_auto_maskandscale(False)


def _append(file: netCDF4.Dataset, slab: list[YearOfMonths]) -> None:
    """Write the next years of an entry, in whole chunks."""
    before, cells = file.dimensions["year"].size, file.dimensions["cell"].size
    rows = slice(before, before + len(slab))
    months = slice(12 * rows.start, 12 * rows.stop)
    chunk = file["months"].chunking()[0]
    step = max(_TURNED // chunk, 1) * chunk
    for start in range(0, cells, step):
        stop = min(start + step, cells)
        file["months"][start:stop, months] = _turned(slab, start, stop)
    file["years"][rows] = [year.year for year in slab]
    file["covered"][rows] = np.stack([year.covered for year in slab])
    file["record"][rows] = np.stack([year.record for year in slab])


def find(path: Path) -> KeptMonths | None:
    """An entry; None where there is none, or not the whole of it."""
    try:
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            cells, months = file["months"].shape
            years, covered, record = (file[name][:] for name in ("years", "covered", "record"))
            if file.form != FORM or months != 12 * years.size:
                return None
            _ = file["months"][:1, :1]  # the library may lack the filter of the chunks
            return KeptMonths(years, covered, record, cells, path, tuple(json.loads(file.notes)))
    except (*_UNREADABLE, AttributeError):
        return None

"""Monthly means kept on disk: a pair of files for each file of climate, variable and set of cells.

Files of climate are read by time, runs and checks go by cells. ``NAME.v2.f4`` holds the months as
little-endian float32 without a header, in slabs of whole years one behind the other, in the order
of the file; a slab is ``(cell, month)``. So it is written from front to back with one slab in
memory, and the months of a block of cells lie together: one piece a slab. ``NAME.v2.json`` holds
the number of cells, the years of each slab, the calendar years with the cover and first record of
each month, and the notes of the reading.

NAME ends in a hash of the cells, the variable, and the file's name, size, time of change and
content (of a large file: of pieces all over it). An entry is never changed: a changed file has
another name, and its old entry may be deleted, as the whole folder may, whenever no run uses it.
"""

import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from temjax.files.atomic import atomic_write, process_suffix, write_text
from temjax.files.findings import DataError, Finding
from temjax.regional.climate.months import YearOfMonths
from temjax.regional.climate.projects import ProjectVariable
from temjax.regional.climate.reader import ClimateReader

FORM = 2  # of the files, and in their names
SLAB_BYTES = 256e6  # of float32 months in memory before they are written
HELD_BYTES = 128e6  # of months of a climate that need no folder: they stay in memory
PIECES, PIECE_BYTES = 16, 1 << 16  # of a source file that are hashed
GAP = 64  # cells between two wanted ones that are read rather than passed over
_TURNED = 4096  # cells turned at a time, whose months fit a core's cache


@dataclass(frozen=True)
class KeptMonths:
    """Months of one variable of one file, float32 in the model's units.

    Attributes:
        years: calendar years, ``(year,)``.
        covered, record: see ``YearOfMonths``, ``(year, 12)``.
        cells: their number.
        slabs: years in each slab.
        values: the file of the slabs, or the only one.
    """

    years: NDArray
    covered: NDArray
    record: NDArray
    cells: int
    slabs: tuple[int, ...]
    values: Path | NDArray

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
        found = np.empty((cells.size, months.size), np.float32)
        starts = 12 * np.concatenate([[0], np.cumsum(self.slabs)])
        of_slab = np.searchsorted(starts, months, "right") - 1
        try:
            with self.values.open("rb") as file:
                for slab in np.unique(of_slab):
                    inside = of_slab == slab
                    block = self._block(file, int(starts[slab]), 12 * self.slabs[slab], ranges)
                    block = block if place is None else block[place]
                    found[:, inside] = block[:, months[inside] - starts[slab]]
        except OSError as error:
            reason = error.strerror or str(error)
            message = f"monthly means cannot be read again ({reason})"
            mend = "Run again: they are made anew from the files of the climate."
            raise DataError([Finding(str(self.values), "", "", message, mend)]) from error
        return found.T

    def _block(
        self, file: BinaryIO, before: int, months: int, ranges: list[tuple[int, int]]
    ) -> NDArray:
        """Cells of some ranges of a slab, ``(cell, month)``.

        Raises:
            OSError: the file is too short.
        """
        block = np.empty((sum(stop - start for start, stop in ranges), months), "<f4")
        at = 0
        for start, stop in ranges:
            part = block[at : at + stop - start]
            file.seek(part.itemsize * (before * self.cells + start * months))
            if file.readinto(part) != part.nbytes:  # type: ignore[attr-defined]
                raise OSError("the file is too short")
            at += stop - start
        return block


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


class _FaultyError(Exception):
    """Raised where a file has a fault, so that nothing of it is kept."""


@dataclass
class MonthlyCache:
    """Where the months of a climate's files are kept.

    Attributes:
        folder: of the cache; where it cannot be written to, a temporary one takes its place until
            the process ends.
        places: of the cells, which tell one set of cells from another.
        held: bytes of months that may stay in memory instead.
    """

    folder: Path
    places: NDArray
    held: float = 0.0
    _temporary: Path | None = None
    _digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._digest = hashlib.sha256(np.ascontiguousarray(self.places)).digest()

    def months(
        self,
        reader: ClimateReader,
        path: Path,
        variable: ProjectVariable,
        read: Callable[[], Iterator[YearOfMonths]],
    ) -> KeptMonths | None:
        """The months of a file as they are kept, or read and kept; None with findings.

        Args:
            path, variable: what is read.
            read: reads the file.
        """
        name = self._name(reader, path, variable)
        found = _find(reader, self.folder / name)
        if found is not None:
            return found
        for folder in self._folders():
            findings, notes = len(reader.findings), list(reader.notes)
            slabs = _slabs(read())
            first = next(slabs, None)
            if first is None or len(reader.findings) > findings:
                return None
            size = sum(year.values.nbytes for year in first)
            ahead = [first]
            if size <= self.held:
                ahead += [slab for slab in (next(slabs, None),) if slab is not None]
                if len(reader.findings) > findings:
                    return None
                if len(ahead) == 1:
                    self.held -= size
                    return _held(first)
            try:
                path_of = folder() / name
                return _write(reader, path_of, chain(ahead, slabs), (findings, notes))
            except _FaultyError:
                return None
            except OSError as error:
                self._tell_unwritable(reader, error)
        return None

    def _name(self, reader: ClimateReader, path: Path, variable: ProjectVariable) -> str:
        """Name of an entry without its ending."""
        inside = path.relative_to(reader.folder) if path.is_relative_to(reader.folder) else path
        units = sorted(variable.units.items())
        key = hashlib.sha256(self._digest)
        key.update(f"{FORM} {inside} {variable.kind} {variable.name} {units}".encode())
        key.update(_source(path))
        return f"{path.name.partition('.nc')[0]}_{variable.name}_{key.hexdigest()[:16]}.v{FORM}"

    def _folders(self) -> Iterator[Callable[[], Path]]:
        """Folders to write to, the next if the one before fails."""
        if self._temporary is None:
            yield lambda: self.folder
        yield self._temporary_folder

    def _temporary_folder(self) -> Path:
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="temjax-monthly-"))
            atexit.register(shutil.rmtree, self._temporary, ignore_errors=True)
        return self._temporary

    def _tell_unwritable(self, reader: ClimateReader, error: OSError) -> None:
        """A note, or a finding where the temporary folder fails as well."""
        reason = error.strerror or type(error).__name__
        if self._temporary is None:
            text = f"monthly means cannot be kept there ({reason}): a temporary folder takes them"
            reader.add_note(str(self.folder), "cache", text)
            return
        reader.add_finding(
            str(self.folder), "climate.cache",
            f"monthly means can be kept neither there nor in {self._temporary.parent} "
            f"({reason})", "Name a folder on a disk with room for them in climate.cache.",
        )  # fmt: skip


def _source(path: Path) -> bytes:
    """Size, time of change and hash of a file; empty where it cannot be read, which is told by the
    reader of it."""
    try:
        stat = path.stat()
        digest = hashlib.blake2b(f"{stat.st_size} {stat.st_mtime_ns}".encode())
        last = max(stat.st_size - PIECE_BYTES, 0)
        with path.open("rb") as file:
            for start in np.unique(np.linspace(0, last, PIECES).astype(np.int64)):
                file.seek(int(start))
                digest.update(file.read(PIECE_BYTES))
    except OSError:
        return b""
    return digest.digest()


def _slabs(years: Iterator[YearOfMonths]) -> Iterator[list[YearOfMonths]]:
    """Years that fit into memory together, or one."""
    slab: list[YearOfMonths] = []
    for year in years:
        if slab and (len(slab) + 1) * year.values.nbytes > SLAB_BYTES:
            yield slab
            slab = []
        slab.append(year)
    if slab:
        yield slab


def _turned(slab: list[YearOfMonths], start: int, stop: int) -> NDArray:
    """Months of a range of cells, ``(cell, month)``."""
    return np.concatenate([year.values[:, start:stop] for year in slab]).T.astype("<f4", order="C")


def _held(slab: list[YearOfMonths]) -> KeptMonths:
    """Months that stay in memory."""
    cells = slab[0].values.shape[1]
    return KeptMonths(
        np.array([year.year for year in slab]),
        np.stack([year.covered for year in slab]),
        np.stack([year.record for year in slab]),
        cells,
        (len(slab),),
        _turned(slab, 0, cells),
    )


def _write(
    reader: ClimateReader,
    path: Path,
    slabs: Iterable[list[YearOfMonths]],
    before: tuple[int, list[str]],
) -> KeptMonths:
    """Keep the months of a file.

    Args:
        path: without its ending.
        before: number of findings and the notes before the file was read.

    Raises:
        _FaultyError: the file has a fault.
        OSError: the folder cannot be written to, or its disk is full.
    """
    findings, notes = before
    sizes, years, cells = [], [], 0
    values = path.with_name(f"{path.name}.f4")
    values.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(values, process_suffix()) as partial, partial.open("wb") as file:
        for slab in slabs:
            cells = slab[0].values.shape[1]
            for start in range(0, cells, _TURNED):
                file.write(_turned(slab, start, min(start + _TURNED, cells)).data)
            sizes.append(len(slab))
            years += [[year.year, year.covered.tolist(), year.record.tolist()] for year in slab]
        if len(reader.findings) > findings:
            raise _FaultyError
    told = [note for note in reader.notes if note not in notes]
    content = {"form": FORM, "cells": cells, "slabs": sizes, "years": years, "notes": told}
    write_text(path.with_name(f"{path.name}.json"), json.dumps(content) + "\n")
    return _kept(values, content)


def _kept(values: Path, content: dict) -> KeptMonths:
    years, covered, record = zip(*content["years"], strict=True)
    return KeptMonths(
        np.array(years),
        np.array(covered),
        np.array(record),
        int(content["cells"]),
        tuple(content["slabs"]),
        values,
    )


def _find(reader: ClimateReader, path: Path) -> KeptMonths | None:
    """An entry with its notes; None where there is none, or not the whole of it."""
    values = path.with_name(f"{path.name}.f4")
    try:
        content = json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))
        kept = _kept(values, content)
        if values.stat().st_size != 4 * 12 * kept.cells * sum(kept.slabs):
            return None
        reader.notes += [note for note in content["notes"] if note not in reader.notes]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kept

"""Months of a climate's files: found in a folder, or read and kept there, or held in memory.

An entry is named after the file and variable, with a hash of the cells, the variable, and the
file's name, size, time of change and content (of a large file: of pieces all over it). An entry is
never changed: a changed file has another name, and its old entry is deleted when room is made
(``kept.room``), as the whole folder may be, whenever no run uses it.
"""

import atexit
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from temjax.conventions.coordinates import time_coordinate
from temjax.regional.climate.kept import room
from temjax.regional.climate.kept.entry import (
    FORM,
    KeptMonths,
    YearOfMonths,
    find,
    hold,
    slabs,
    write,
)
from temjax.regional.inputs.grids.files import FileReader
from temjax.regional.inputs.time_axis import calendar_months

HELD_BYTES = 128e6  # of months of a climate that need no folder: they stay in memory
PIECES, PIECE_BYTES = 16, 1 << 16  # of a source file that are hashed
_MEND = "Free room, or name a folder on a larger disk in climate.cache."
Read = Callable[[], Iterator[YearOfMonths]]


class Wanted(Protocol):
    """A variable of a file: its name there, its kind, and other words for its units."""

    kind: str
    name: str
    units: Mapping[str, str]


class _FaultyError(Exception):
    """Raised where a file has a fault, so that nothing of it is kept."""


@dataclass
class MonthlyCache:
    """Where the months of a climate's files are kept.

    Attributes:
        folder: of the cache; where it cannot be written to, a temporary one takes its place until
            the process ends.
        places: of the cells, ``(..., cell)``, which tell one set of cells from another.
        held: bytes of months that may stay in memory instead.
        limit: bytes of other climates that may stay in the folder.
    """

    folder: Path
    places: NDArray
    held: float = 0.0
    limit: float = np.inf
    _temporary: Path | None = None
    _digest: bytes = field(init=False)
    _names: dict[tuple[Path, str], str] = field(default_factory=dict)
    _kept: list[Path] = field(default_factory=list)
    _deleted: room.Made = field(default_factory=room.Made)

    def __post_init__(self) -> None:
        self._digest = hashlib.sha256(np.ascontiguousarray(self.places)).digest()

    def prepare(self, reader: FileReader, wanted: Sequence[tuple[Path, Wanted]]) -> None:
        """Make room for the months of files that are not kept yet; a finding where there is none.

        Args:
            wanted: files and variables that are going to be asked for.
        """
        names = [self._name(reader, path, variable) for path, variable in wanted]
        needed = sum(
            48 * self.places.shape[-1] * number_of_years(path, variable.name)
            for name, (path, variable) in zip(names, wanted, strict=True)
            if not (self.folder / name).is_file()
        )
        if needed <= self.held:
            needed = 0
            if not any((self.folder / name).is_file() for name in names):
                return
        self._deleted = room.make_room(self.folder, names, needed, self.limit)
        free = room.free_bytes(self.folder)
        where = str(self.folder)
        if not os.access(self.folder, os.W_OK):
            free, where = room.free_bytes(Path(tempfile.gettempdir())), tempfile.gettempdir()
        if needed > free:
            reader.add_finding(
                str(self.folder), "climate.cache",
                f"the months of the climate take up to {size_text(needed)} on the disk of {where}, "
                f"{size_text(free)} are free", _MEND,
            )  # fmt: skip

    def told(self) -> str:
        """How much is kept and where, what else is there and what was deleted; empty for nothing on
        disk."""
        if not self._kept:
            return ""
        kept = sum(path.stat().st_size for path in self._kept if path.exists())
        folder = self._kept[0].parent
        rest = room.contents(folder).size - kept
        text = f"{folder}: months on disk: {size_text(kept)} in {len(self._kept)} files"
        text += f", {size_text(rest)} of other climates" if rest > 0 else ""
        if self._deleted.files:
            text += f"; {self._deleted.files} older files deleted ({size_text(self._deleted.size)})"
        return text

    def months(
        self, reader: FileReader, path: Path, variable: Wanted, read: Read
    ) -> KeptMonths | None:
        """The months of a file as they are kept, or read and kept; None with findings.

        Args:
            path, variable: what is read.
            read: reads the file.
        """
        name = self._name(reader, path, variable)
        found = find(self.folder / name)
        if found is not None:
            reader.notes += [note for note in found.notes if note not in reader.notes]
            return self._in_use(found)
        for folder in self._folders():
            findings, notes = len(reader.findings), list(reader.notes)
            years, ahead = read(), []
            for year in years:
                ahead.append(year)
                if sum(one.values.nbytes for one in ahead) > self.held:
                    break
            else:
                if not ahead or len(reader.findings) > findings:
                    return None
                self.held -= sum(one.values.nbytes for one in ahead)
                return hold(ahead)

            def finish(findings: int = findings, notes: list[str] = notes) -> list[str]:
                if len(reader.findings) > findings:
                    raise _FaultyError
                return [note for note in reader.notes if note not in notes]

            try:
                whole = slabs(_emptied(ahead, years))
                return self._in_use(write(folder() / name, whole, finish))
            except _FaultyError:
                return None
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    self._tell_full(reader, path, variable)
                    return None
                self._tell_unwritable(reader, error)
        return None

    def _in_use(self, kept: KeptMonths) -> KeptMonths:
        assert isinstance(kept.values, Path)
        room.mark_used(kept.values)
        self._kept.append(kept.values)
        return kept

    def _name(self, reader: FileReader, path: Path, variable: Wanted) -> str:
        """Name of an entry."""
        if (path, variable.name) in self._names:
            return self._names[path, variable.name]
        inside = path.relative_to(reader.folder) if path.is_relative_to(reader.folder) else path
        units = sorted(variable.units.items())
        key = hashlib.sha256(self._digest)
        key.update(f"{FORM} {inside} {variable.kind} {variable.name} {units}".encode())
        key.update(_source(path))
        stem = path.name.partition(".nc")[0]
        name = f"{stem}_{variable.name}_{key.hexdigest()[:16]}.v{FORM}.nc"
        self._names[path, variable.name] = name
        return name

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

    def _tell_full(self, reader: FileReader, path: Path, variable: Wanted) -> None:
        """A finding: the disk is full, though there was room."""
        size = 48 * self.places.shape[-1] * number_of_years(path, variable.name)
        reader.add_finding(
            str(self._temporary or self.folder), "climate.cache",
            f"the disk is full: the months of {path.name} take up to {size_text(size)}", _MEND,
        )  # fmt: skip

    def _tell_unwritable(self, reader: FileReader, error: OSError) -> None:
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


def _emptied(ahead: list[YearOfMonths], rest: Iterator[YearOfMonths]) -> Iterator[YearOfMonths]:
    """Years that were read ahead, each let go when it is given, and the others."""
    while ahead:
        yield ahead.pop(0)
    yield from rest


def size_text(number: float) -> str:
    """Bytes in words."""
    return f"{number / 1e9:.3g} GB" if number >= 1e8 else f"{number / 1e6:.3g} MB"


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


def number_of_years(path: Path, name: str) -> int:
    """Calendar years from the first record of a file's variable to the last; 0 where a reader of
    the file finds a fault."""
    reader = FileReader(path.parent)
    dataset = reader.open_path(path)
    if dataset is None:
        return 0
    with dataset:
        stamps = time_coordinate(dataset.variables, dataset[name].dims) if name in dataset else None
        values = None if stamps is None else reader.load_values(str(path), dataset[stamps])
        if values is None or not values.size or not np.isfinite(values).all():
            return 0
        ends = sorted({int(np.argmin(values)), int(np.argmax(values))})
        part = dataset.isel({dataset[stamps].dims[0]: ends})
        axis = calendar_months(reader, str(path), part, name)
    return 0 if axis is None else axis.months[-1][0] - axis.months[0][0] + 1

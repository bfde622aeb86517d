"""A member's products where its tiles left them: in their restart points, read when asked for.

Neither the run nor the processes that write its files ever hold a member: of ten thousand cells it
is more than a gigabyte, and to hand it from process to process took a tenth of a run.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temjax.files.atomic import Archive, DamagedError
from temjax.files.findings import DataError, Finding
from temjax.regional.run.restart import PRODUCT

Points = Mapping[str, tuple[Path, ...]]  # of a tile: run (``historical`` …) to files, in time


@dataclass(frozen=True)
class KeptProducts(Mapping[str, NDArray]):
    """``S_T/npp`` … as ``(year, [depth,] cell)`` float64; NaN where there is no value.

    Attributes:
        tiles: domain cells of each tile and its restart points.
        masked: cells without values, ``(cell,)``.
        by_cell: what is known of cells and belongs to no year, by name, ``(cell,)``.
    """

    tiles: list[tuple[NDArray, Points]]
    masked: NDArray
    by_cell: Mapping[str, NDArray]
    _archives: dict[Path, Archive] = field(default_factory=dict, repr=False, compare=False)

    def __getitem__(self, key: str) -> NDArray:
        """
        Raises:
            DataError: a restart point is gone or damaged.
        """
        if key in self.by_cell:
            return self.by_cell[key]
        run, _, _ = key.partition("/")
        whole: NDArray | None = None
        for index, points in self.tiles:
            if run not in points:
                raise KeyError(key)
            values = np.concatenate([self._read(path, key) for path in points[run]])
            if whole is None:
                whole = np.full((*values.shape[:-1], self.masked.size), np.nan)
            whole[..., index] = values[..., : index.size]
        if whole is None:
            raise KeyError(key)
        whole[..., self.masked] = np.nan
        return whole

    def __iter__(self) -> Iterator[str]:
        yield from self.by_cell
        for run, paths in self.tiles[0][1].items():
            start = f"{PRODUCT}{run}/"
            with _faults_told(paths[0]):
                names = list(self._archive(paths[0]))
            yield from (name.removeprefix(PRODUCT) for name in names if name.startswith(start))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_archives": {}}

    def _archive(self, path: Path) -> Archive:
        if path not in self._archives:
            self._archives[path] = Archive(path)
        return self._archives[path]

    def _read(self, path: Path, key: str) -> NDArray:
        with _faults_told(path):
            return self._archive(path)[f"{PRODUCT}{key}"]


@contextmanager
def _faults_told(path: Path) -> Iterator[None]:
    try:
        yield
    except DamagedError as error:
        message, mend = f"changed while the run went on ({error})", "Run again with --resume."
        raise DataError([Finding(str(path), "restart", "", message, mend)]) from error


@dataclass(frozen=True)
class Chosen(Mapping[str, NDArray]):
    """Some products under names of their own, each made when asked for.

    Attributes:
        names: of the products.
        take: gives one by its name; a function that can be sent to another process.
    """

    names: tuple[str, ...]
    take: Callable[[str], NDArray]

    def __getitem__(self, name: str) -> NDArray:
        if name not in self.names:
            raise KeyError(name)
        return self.take(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

"""Products of a member in the restart points of its tiles, read on access.

Neither the run nor the processes that write its files hold a member in memory: of ten thousand
cells it is more than a gigabyte, and passing it between processes took a tenth of a run. To read
all products of 10 600 cells (212 tiles, 1 GB) through ``Archive``, which seeks to one array at a
time, takes 2.5 s of CPU; ``numpy.load`` of the archive for each array takes 13 s, and one
memory-mapped file per array 6.6 s and 24 000 files in place of 424.
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

RestartFiles = Mapping[str, tuple[Path, ...]]  # of a tile: run (``historical`` …) to files in time


@dataclass(frozen=True)
class RestartProducts(Mapping[str, NDArray]):
    """Products ``S_T/npp`` … as ``(year, [depth,] cell)`` float64; NaN in cells without values.

    Attributes:
        tiles: domain cells and restart files of each tile.
        masked: cells without values, ``(cell,)``.
        by_cell: diagnostics of cells that belong to no year, by name, ``(cell,)``.
    """

    tiles: list[tuple[NDArray, RestartFiles]]
    masked: NDArray
    by_cell: Mapping[str, NDArray]
    _archives: dict[Path, Archive] = field(default_factory=dict, repr=False, compare=False)

    def __getitem__(self, key: str) -> NDArray:
        """Read a product of all tiles.

        Raises:
            DataError: a restart file is missing or damaged.
        """
        if key in self.by_cell:
            return self.by_cell[key]
        run, _, _ = key.partition("/")
        product: NDArray | None = None
        for index, files in self.tiles:
            if run not in files:
                raise KeyError(key)
            values = np.concatenate([self._read(path, key) for path in files[run]])
            if product is None:
                product = np.full((*values.shape[:-1], self.masked.size), np.nan)
            product[..., index] = values[..., : index.size]
        if product is None:
            raise KeyError(key)
        product[..., self.masked] = np.nan
        return product

    def __iter__(self) -> Iterator[str]:
        yield from self.by_cell
        for run, paths in self.tiles[0][1].items():
            prefix = f"{PRODUCT}{run}/"
            with _damage_as_finding(paths[0]):
                names = list(self._archive(paths[0]))
            yield from (name.removeprefix(PRODUCT) for name in names if name.startswith(prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_archives": {}}

    def _archive(self, path: Path) -> Archive:
        if path not in self._archives:
            self._archives[path] = Archive(path)
        return self._archives[path]

    def _read(self, path: Path, key: str) -> NDArray:
        with _damage_as_finding(path):
            return self._archive(path)[f"{PRODUCT}{key}"]


@contextmanager
def _damage_as_finding(path: Path) -> Iterator[None]:
    try:
        yield
    except DamagedError as error:
        message, mend = f"changed while the run went on ({error})", "Run again with --resume."
        raise DataError([Finding(str(path), "restart", "", message, mend)]) from error


@dataclass(frozen=True)
class LazyProducts(Mapping[str, NDArray]):
    """Products by name, each computed or read on access.

    Attributes:
        names: of the products.
        read: returns a product by its name; a function that can be pickled.
    """

    names: tuple[str, ...]
    read: Callable[[str], NDArray]

    def __getitem__(self, name: str) -> NDArray:
        if name not in self.names:
            raise KeyError(name)
        return self.read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

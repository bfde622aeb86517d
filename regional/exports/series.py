"""Series of a finished member: history and one of its branches, joined along time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cftime
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.outputs.intercomparison import Frequency
from temjax.regional.results.formats import open_dataset
from temjax.regional.results.member_files import FILE_NAMES
from temjax.regional.results.read_back import StoredMember, result_files

BRANCHES = ("S_T", "S_R")
_TIME = ("time", "time_bnds")
_PLACE = ("lat", "lon", "crs", "depth")  # and the two horizontal dimensions


@dataclass(frozen=True)
class Series:
    """History and a branch at one frequency, with the same variables.

    Attributes:
        paths: files in the order of time.
        sizes: time steps of the files.
        names: variables that all of them have.
        axis: ``time`` and ``time_bnds`` of all steps as in the files, 365-day calendar.
        years: calendar year of each step, ``(time,)``.
        place: horizontal coordinates and depth.
        attributes: global ones of the branch.
    """

    paths: tuple[Path, ...]
    sizes: tuple[int, ...]
    names: frozenset[str]
    axis: xr.Dataset
    years: NDArray
    place: xr.Dataset
    attributes: dict

    @cached_property
    def starts(self) -> NDArray:
        """First step of each file in the series."""
        return np.cumsum([0, *self.sizes[:-1]])

    def blocks(
        self, names: tuple[str, ...], first: int, stop: int, steps: int
    ) -> Iterator[tuple[int, dict[str, NDArray]]]:
        """Values of steps ``first`` to ``stop`` in blocks of up to ``steps``.

        Yields:
            Step of the block's beginning, and ``(time, [depth,] row, column)`` by name; NaN where
            there is no value.
        """
        for path, start, size in zip(self.paths, self.starts, self.sizes, strict=True):
            for begin in range(max(first, start), min(stop, start + size), steps):
                end = min(begin + steps, stop, start + size)
                others = [name for name in self.names if name not in names]
                with open_dataset(path, without=others) as file:
                    part = file.isel(time=slice(begin - start, end - start))
                    yield begin, {name: part[name].values for name in names}


def member_series(
    folder: Path, member: StoredMember, branch: str, frequency: Frequency
) -> Series | None:
    """History and branch (``S_T``, ``S_R``) of a member; None where a file of them is absent.

    Raises:
        DataError: a file that cannot be read.
    """
    paths = []
    for run in ("historical", branch):
        found = result_files(folder, member.attributes, FILE_NAMES[run], member.suffix, frequency)
        if len(found) != 1:
            return None
        paths.append(found[0])
    axes, names, attributes = [], [], {}
    for path in paths:
        with open_dataset(path) as file:
            grid = tuple(map(str, file["cell_status"].dims))
            axes.append(file[list(_TIME)].load())
            kept = [name for name in dict.fromkeys((*grid, *_PLACE)) if name in file.variables]
            place = file[kept].load()
            names.append({str(name) for name in file.data_vars if "time" in file[name].dims})
            attributes = dict(file.attrs)
    axis = xr.concat(
        axes, "time", data_vars="all", coords="minimal", compat="override", join="outer"
    )
    stamps = cftime.num2date(axis["time"].values, axis["time"].attrs["units"], "noleap")
    return Series(
        paths=tuple(paths),
        sizes=tuple(part.sizes["time"] for part in axes),
        names=frozenset(set.intersection(*names) - set(_TIME)),
        axis=axis,
        years=np.array([stamp.year for stamp in stamps]),
        place=place,
        attributes=attributes,
    )

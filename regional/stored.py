"""Members of a finished run, read back from the files in its folder."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import netCDF4
import numpy as np
from numpy.typing import NDArray

from regional.domain import Domain
from regional.gridded import Grid
from regional.output import FILE_NAMES, FILL
from regional.run import STATUS
from regional.synthetic import LABEL
from temjax.validation import DataError, Finding


class StoredProducts(Mapping[str, NDArray]):
    """``S_T/npp`` … as ``(year, [depth,] cell)`` float64, read when asked for and not kept."""

    def __init__(self, paths: Mapping[str, Path], row: NDArray, column: NDArray):
        self._paths, self._row, self._column = paths, row, column

    def __getitem__(self, key: str) -> NDArray:
        run, name = key.split("/", 1)
        with netCDF4.Dataset(self._paths[run]) as file:
            if name not in file.variables:
                raise KeyError(key)
            values = np.ma.filled(file[name][:].astype(float), np.nan)
        return values[..., self._row, self._column]

    def __iter__(self) -> Iterator[str]:
        for run, path in self._paths.items():
            with netCDF4.Dataset(path) as file:
                yield from (f"{run}/{name}" for name in file.variables)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True)
class StoredMember:
    """A member as its files tell it; what the diagnostics of a ``MemberResult`` need.

    Attributes:
        member, scenario: climate model and pathway.
        attributes: global attributes of the S_T file.
        climate: regional annual climate by name, with ``years``.
        domain: cells; elevation and texture are not in the files (NaN).
        status: index into ``STATUS``, ``(cell,)``.
        products: lazily read.
        years: of ``historical`` and ``future``.
    """

    member: str
    scenario: str
    attributes: dict
    climate: dict[str, NDArray]
    domain: Domain
    status: NDArray
    products: StoredProducts
    years: dict[str, NDArray]
    cells: dict

    @cached_property
    def label(self) -> str:
        """Member and scenario for people."""
        return f"{self.member} {self.scenario}"


def read_run(folder: Path) -> list[StoredMember]:
    """All members in a folder of results, in order of scenario and member.

    Raises:
        DataError: no results, or a member whose files are not complete.
    """
    summaries = sorted(folder.glob("summary_*.json"))
    if not summaries:
        mend = "Give the --out folder of a finished temjax project."
        raise DataError([Finding(str(folder), "", "", "holds no results of a region", mend)])
    members = [_read_member(folder, path) for path in summaries]
    return sorted(members, key=lambda member: (member.scenario, member.member))


def _read_member(folder: Path, summary: Path) -> StoredMember:
    told = json.loads(summary.read_text(encoding="utf-8"))
    attributes = told["attributes"]
    paths = {run: annual_file(folder, attributes, name) for run, name in FILE_NAMES.items()}
    with netCDF4.Dataset(paths["S_T"]) as file:
        domain, status = _read_cells(file, attributes)
        future = _calendar_years(file)
    with netCDF4.Dataset(paths["historical"]) as file:
        history = _calendar_years(file)
    return StoredMember(
        member=attributes["climate_model"],
        scenario=attributes["climate_scenario"],
        attributes=attributes,
        climate={name: np.asarray(values) for name, values in told["climate"].items()},
        domain=domain,
        status=status,
        products=StoredProducts(paths, domain.row, domain.column),
        years={"historical": history, "future": future},
        cells=told["cells"],
    )


def annual_file(folder: Path, attributes: dict, name: str) -> Path:
    """The annual file of a member's run (``transient`` …), found by the attributes of the member.

    Raises:
        DataError: none, or several.
    """
    label = f"{attributes['climate_model']}_{attributes['climate_scenario']}".lower()
    start = f"temjax_{label}"
    found = sorted(folder.glob(f"{start}_{name}_{attributes['region']}_annual_*.nc"))
    if len(found) != 1:
        message = f"{len(found)} files {start}_{name}_… beside summary_{label}.json, one is needed"
        mend = "Run temjax project again with --resume, into a folder of its own."
        raise DataError([Finding(str(folder), name, "", message, mend)])
    return found[0]


def _calendar_years(file: netCDF4.Dataset) -> NDArray:
    time = file["time"]
    stamps = netCDF4.num2date(time[:], time.units, time.calendar)
    return np.array([stamp.year for stamp in stamps])


def _read_cells(file: netCDF4.Dataset, attributes: dict) -> tuple[Domain, NDArray]:
    given = np.ma.filled(file["cell_status"][:], -1)
    row, column = np.nonzero(given >= 0)
    grid = Grid(
        tuple(file["cell_status"].dimensions),
        np.asarray(file["lat"][:]),
        np.asarray(file["lon"][:]),
    )
    latitude, longitude = (values[row, column] for values in grid.fields())
    vegetation = np.ma.filled(file["vegetation"][:], -1)[row, column]
    types = np.array([*file["vegetation"].flag_meanings.split(), ""])
    area = np.ma.filled(file["cell_area"][:].astype(float), FILL)[row, column] / 1e6
    unknown = np.full(row.shape, np.nan)
    domain = Domain(
        latitude=latitude,
        longitude=longitude,
        elevation=unknown,
        silt_plus_clay=unknown,
        vegetation=types[vegetation],
        area=area,
        row=row,
        column=column,
        grid=grid,
        synthetic=LABEL in attributes["title"],
    )
    assert len(STATUS) > given.max()
    return domain, given[row, column].astype(int)

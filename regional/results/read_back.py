"""Reader of the members of a finished run from the files in its folder."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import cftime
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.findings import DataError, Finding
from temjax.options import ModelOptions
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.grids.gridded import Grid
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.member import STATUS
from temjax.regional.results.effect import SummaryRow
from temjax.regional.results.formats import SUFFIXES, open_dataset
from temjax.regional.results.member_files import FILE_NAMES
from temjax.units import SQUARE_METRES_PER_SQUARE_KILOMETRE


class StoredProducts(Mapping[str, NDArray]):
    """Products ``S_T/npp`` … as ``(year, [depth,] cell)`` float64, read on access, not cached.

    Files are closed after each access: the libraries cache decompressed chunks of open files.
    """

    def __init__(self, paths: Mapping[str, Path], row: NDArray, column: NDArray):
        self._paths, self._row, self._column = paths, row, column

    @cached_property
    def _names(self) -> dict[str, tuple[str, ...]]:
        names = {}
        for run, path in self._paths.items():
            with open_dataset(path) as file:
                names[run] = tuple(map(str, file.variables))
        return names

    def __getitem__(self, key: str) -> NDArray:
        run, name = key.split("/", 1)
        if name not in self._names[run]:
            raise KeyError(key)
        others = [other for other in self._names[run] if other != name]
        with open_dataset(self._paths[run], without=others) as file:
            return file[name].values.astype(float)[..., self._row, self._column]

    def __iter__(self) -> Iterator[str]:
        for run, names in self._names.items():
            yield from (f"{run}/{name}" for name in names)

    def __len__(self) -> int:
        return sum(map(len, self._names.values()))


@dataclass(frozen=True)
class StoredMember:
    """A member read from its files; has what the diagnostics of a ``MemberResult`` need.

    Attributes:
        member, scenario: climate model and pathway.
        attributes: global attributes of the S_T file.
        climate: regional annual climate by name, with ``years``.
        domain: cells; elevation and texture are not in the files (NaN).
        status: index into ``STATUS``, ``(cell,)``.
        products: read on access.
        years: of ``historical`` and ``future``.
        cells: status and reasons of every cell that is not ok.
        suffix: of the member's files.
        summary: regional numbers.
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
    suffix: str
    summary: tuple[SummaryRow, ...]

    @cached_property
    def label(self) -> str:
        """Member and scenario in one text."""
        return f"{self.member} {self.scenario}"

    @cached_property
    def options(self) -> ModelOptions:
        """The model's choices of the run."""
        known = {field.name for field in fields(ModelOptions)}
        stored = json.loads(self.attributes["model_options"])
        return ModelOptions(**{name: stored[name] for name in known & stored.keys()})


def read_run(folder: Path, scenario: str | None = None) -> list[StoredMember]:
    """Read all members of a folder, or those of a scenario, ordered by scenario and member.

    Raises:
        DataError: no results, or a member whose files are incomplete.
    """
    paths = sorted(folder.glob("summary_*.json"))
    if not paths:
        mend = "Give the --out folder of a finished temjax project."
        raise DataError([Finding(str(folder), "", "", "holds no results of a region", mend)])
    summaries = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    members = [
        _read_member(folder, summary)
        for summary in summaries
        if scenario in (None, summary["attributes"]["climate_scenario"])
    ]
    return sorted(members, key=lambda member: (member.scenario, member.member))


def _read_member(folder: Path, summary: dict) -> StoredMember:
    attributes = summary["attributes"]
    suffix = SUFFIXES[summary.get("format", "netcdf")]
    paths = {run: annual_file(folder, attributes, name, suffix) for run, name in FILE_NAMES.items()}
    with open_dataset(paths["S_T"]) as file:
        domain, status = _read_cells(file, attributes)
        future = _calendar_years(file)
    with open_dataset(paths["historical"]) as file:
        history = _calendar_years(file)
    return StoredMember(
        member=attributes["climate_model"],
        scenario=attributes["climate_scenario"],
        attributes=attributes,
        climate={name: np.asarray(values) for name, values in summary["climate"].items()},
        domain=domain,
        status=status,
        products=StoredProducts(paths, domain.row, domain.column),
        years={"historical": history, "future": future},
        cells=summary["cells"],
        suffix=suffix,
        summary=tuple(
            SummaryRow(row["name"], np.nan if row["value"] is None else row["value"], row["unit"])
            for row in summary["numbers"]
        ),
    )


def result_files(
    folder: Path, attributes: dict, name: str, suffix: str, frequency: str = "annual"
) -> list[Path]:
    """Files of a member's run (``transient`` …) by year or month, from the member's attributes."""
    label = f"{attributes['climate_model']}_{attributes['climate_scenario']}".lower()
    pattern = f"temjax_{label}_{name}_{attributes['region']}_{frequency}_*{suffix}"
    return sorted(folder.glob(pattern))


def annual_file(folder: Path, attributes: dict, name: str, suffix: str) -> Path:
    """Path of the annual file of a member's run (``transient`` …) from the member's attributes.

    Raises:
        DataError: no such file, or several.
    """
    paths = result_files(folder, attributes, name, suffix)
    if len(paths) != 1:
        label = f"{attributes['climate_model']}_{attributes['climate_scenario']}".lower()
        message = f"{len(paths)} files temjax_{label}_{name}_… beside summary_{label}.json, one is"
        mend = "Run temjax project again with --resume, into a folder of its own."
        raise DataError([Finding(str(folder), name, "", f"{message} needed", mend)])
    return paths[0]


def _calendar_years(file: xr.Dataset) -> NDArray:
    time = file["time"]
    stamps = cftime.num2date(time.values, time.attrs["units"], time.attrs["calendar"])
    return np.array([stamp.year for stamp in stamps])


def _read_cells(file: xr.Dataset, attributes: dict) -> tuple[Domain, NDArray]:
    status = file["cell_status"].values
    row, column = np.nonzero(np.isfinite(status))
    dims = tuple(map(str, file["cell_status"].dims))
    grid = Grid(dims, file["lat"].values, file["lon"].values)
    latitude, longitude = (values[row, column] for values in grid.fields())
    vegetation = np.nan_to_num(file["vegetation"].values[row, column], nan=-1).astype(int)
    types = np.array([*file["vegetation"].attrs["flag_meanings"].split(), ""])
    area = file["cell_area"].values[row, column].astype(float)
    unknown = np.full(row.shape, np.nan)
    domain = Domain(
        latitude=latitude,
        longitude=longitude,
        elevation=unknown,
        silt_plus_clay=unknown,
        vegetation=types[vegetation],
        area=area / SQUARE_METRES_PER_SQUARE_KILOMETRE,
        row=row,
        column=column,
        grid=grid,
        synthetic=LABEL in attributes["title"],
    )
    assert len(STATUS) > np.nanmax(status)
    return domain, status[row, column].astype(int)

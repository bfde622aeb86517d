"""Monthly climate of NetCDF files on the domain's grid, joined in time, with annual CO2."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding, raise_findings
from temjax.regional.experiment.settings import GriddedClimate, Variable
from temjax.regional.inputs.climate import VARIABLES, Segment
from temjax.regional.inputs.co2 import read_co2_file
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.gridded import Reader
from temjax.regional.inputs.time_axis import whole_years
from temjax.regional.inputs.units import to_model_units
from temjax.runs.validation import check_climate


@dataclass(frozen=True)
class GriddedMonthlyClimate:
    """Monthly climate in memory, ``(year, 12, cell)`` float32 as read; see ``Climate``."""

    data: Mapping[str, NDArray]
    years: NDArray
    co2: NDArray
    segments: tuple[Segment, ...]
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    common_until: int | None = None
    notes: tuple[str, ...] = ()

    def load(self, cells: NDArray) -> dict[str, NDArray]:
        """See ``Climate.load``."""
        return {name: self.data[name][..., cells].astype(float) for name in VARIABLES}


def monthly_netcdf_climate(settings: GriddedClimate, domain: Domain) -> GriddedMonthlyClimate:
    """Read the monthly climate and annual CO2 of a domain.

    Raises:
        DataError: files, variables, units or months that cannot be used; faulty values of single
            cells are kept in ``findings`` instead.
    """
    reader = Reader(settings.folder)
    parts, segments, by_cell = [], [], {}
    for source in settings.files:
        part = _read_file(reader, settings, source.file, domain)
        if part is None:
            continue
        years, data = part
        if segments and years[0] != segments[-1].last + 1:
            reader.add_finding(
                str(settings.folder / source.file), "time",
                f"begins in {years[0]}, but the file before ends in {segments[-1].last}",
                "List the files in time order, without gap or overlap.", f"year {years[0]}",
            )  # fmt: skip
        segments.append(Segment(source.label, int(years[0]), int(years[-1])))
        parts.append(data)
        for cell, findings in _value_findings(settings, source.file, years, data, domain).items():
            by_cell.setdefault(cell, []).extend(findings)
    co2 = _read_co2(reader, settings, segments)
    raise_findings(reader.findings)
    return GriddedMonthlyClimate(
        data={name: np.concatenate([part[name] for part in parts]) for name in VARIABLES},
        years=np.arange(segments[0].first, segments[-1].last + 1),
        co2=co2,
        segments=tuple(segments),
        findings=by_cell,
        notes=tuple(reader.notes),
    )


def _read_file(
    reader: Reader, settings: GriddedClimate, file: str, domain: Domain
) -> tuple[NDArray, dict[str, NDArray]] | None:
    """Calendar years and the three variables ``(year, 12, cell)`` of one file."""
    dataset = reader.open(file)
    if dataset is None:
        return None
    path = str(reader.folder / file)
    with dataset:
        years = whole_years(reader, path, dataset)
        data, cells, placed = {}, None, True
        for name in VARIABLES:
            label = getattr(settings, name)
            variable = Variable(file=file, variable=label)
            gridded = reader.read_variable(dataset, variable, domain.grid)
            if gridded is None or years is None:
                continue
            if gridded.values.ndim != 3 or gridded.values.shape[0] != 12 * years.size:
                reader.add_finding(
                    path, label, f"has shape {gridded.values.shape}, but the file "
                    f"holds {12 * years.size} months",
                    "Give (time, latitude, longitude), one record per month.",
                )  # fmt: skip
                return None
            if cells is None and placed:
                cells = reader.cells_in(file, gridded.grid, domain.grid, domain.row, domain.column)
                placed = cells is not None
            values = gridded.values[:, *cells] if placed else gridded.values
            values = values.reshape(years.size, 12, -1)
            converted = to_model_units(reader, path, label, name, gridded.units, values)
            if converted is not None and placed:
                data[name] = converted
    return (years, data) if len(data) == len(VARIABLES) else None


def _read_co2(reader: Reader, settings: GriddedClimate, segments: list[Segment]) -> NDArray:
    """July CO2 of the climate's years, ppmv."""
    series: dict[int, float] = {}
    for source in settings.co2:
        series |= read_co2_file(reader, source) or {}
    if not segments:
        return np.empty(0)
    years = range(segments[0].first, segments[-1].last + 1)
    absent = [year for year in years if year not in series]
    if absent and series:
        reader.add_finding(
            str(reader.folder / settings.co2[-1].file), settings.co2[-1].variable,
            f"CO2 lacks {len(absent)} of the climate's years",
            "Give CO2 for every year of the climate.", f"year {absent[0]}",
        )  # fmt: skip
    return np.array([series.get(year, np.nan) for year in years])


def _value_findings(
    settings: GriddedClimate, file: str, years: NDArray, data: dict[str, NDArray], domain: Domain
) -> dict[int, list[Finding]]:
    """Findings of faulty values, by cell."""
    path = str(settings.folder / file)
    names = {name: getattr(settings, name) for name in VARIABLES}

    def check(cells: slice, variables: Iterable[str], radiation: bool) -> list[Finding]:
        return check_climate(
            {name: data[name][..., cells].astype(float) for name in variables},
            latitude=domain.latitude[cells] if radiation else None,
            file=path,
            names=names,
            index_text=lambda at: (
                f"record {12 * at[0] + at[1]} ({years[at[0]]}-{at[1] + 1:02d}), "
                + domain.label((cells.start or 0) + at[2])
            ),
        )

    by_cell: dict[int, list[Finding]] = {}
    if check(slice(None), data, radiation=False):
        for cell in range(domain.size):
            by_cell[cell] = check(slice(cell, cell + 1), data, radiation=False)
    # the check of radiation is slow: cells are halved until those above the limit are left
    parts = [slice(0, domain.size)]
    while parts:
        part = parts.pop()
        plain = check(part, ["shortwave"], radiation=False)
        above = check(part, ["shortwave"], radiation=True)[len(plain) :]
        middle = (part.start + part.stop) // 2
        if above and middle > part.start:
            parts += [slice(middle, part.stop), slice(part.start, middle)]
        elif above:
            by_cell.setdefault(part.start, []).extend(above)
    return {cell: by_cell[cell] for cell in sorted(by_cell) if by_cell[cell]}

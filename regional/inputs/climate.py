"""Monthly climate of a region: read or generated once, handed out tile by tile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol as Interface
from typing import runtime_checkable

import cftime
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.findings import Finding, raise_findings
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.experiment.settings import GriddedClimate, IsimipClimate, Variable
from temjax.regional.inputs import synthetic
from temjax.regional.inputs.domain import Domain, in_box, synthetic_cells
from temjax.regional.inputs.gridded import Reader
from temjax.regional.inputs.units import to_model_units
from temjax.runs.validation import check_climate, check_months
from temjax.sites.history import global_co2

VARIABLES = ("air_temperature", "precipitation", "shortwave")


@dataclass(frozen=True)
class Segment:
    """A stretch of years from one source."""

    label: str
    first: int
    last: int


@runtime_checkable
class Climate(Interface):
    """What a run needs to know of a member's climate.

    Attributes:
        years: consecutive calendar years, ``(year,)``.
        co2: July values of those years, ppmv, ``(year,)``.
        segments: the sources in order.
        findings: faults by cell; such cells are masked.
        common_until: last year in which all scenarios of this climate model are the same; None
            where there is one scenario only.
    """

    years: NDArray
    co2: NDArray
    common_until: int | None
    segments: tuple[Segment, ...]
    findings: dict[int, list[Finding]]

    def load(self, cells: NDArray) -> dict[str, NDArray]:
        """Air temperature °C, precipitation mm month⁻¹, shortwave W m⁻²: ``(year, 12, cell)``."""


@dataclass(frozen=True)
class SyntheticPlateauClimate:
    """A pseudo-GCM over the synthetic cells, computed for the cells asked for."""

    cells: synthetic.Plateau
    member: str
    scenario: str
    years: NDArray
    co2: NDArray
    segments: tuple[Segment, ...]
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    common_until: int | None = synthetic.COMMON_UNTIL

    def load(self, cells: NDArray) -> dict[str, NDArray]:
        """See ``Climate.load``."""
        made = synthetic.climate(self.cells.select(cells), self.member, self.scenario)
        return {name: getattr(made, name) for name in VARIABLES}


@dataclass(frozen=True)
class GriddedMonthlyClimate:
    """Monthly climate held as ``(year, 12, cell)`` float32, as read."""

    data: Mapping[str, NDArray]
    years: NDArray
    co2: NDArray
    segments: tuple[Segment, ...]
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    common_until: int | None = None

    def load(self, cells: NDArray) -> dict[str, NDArray]:
        """See ``Climate.load``."""
        return {name: self.data[name][..., cells].astype(float) for name in VARIABLES}


def load_climate(experiment: Experiment, domain: Domain, member: str, scenario: str) -> Climate:
    """Climate of one member on a domain.

    Raises:
        DataError: files, variables, units or months that cannot be used at all, or years that do
            not cover the protocol. Faulty values of single cells are kept in ``findings``.
    """
    if isinstance(experiment.climate, IsimipClimate):
        from temjax.regional.inputs.isimip import isimip_climate  # reads with this module's helpers

        climate: Climate = isimip_climate(experiment.climate, domain, member, scenario)
        source = str(experiment.climate.folder)
    elif isinstance(experiment.climate, GriddedClimate):
        climate = _gridded_climate(experiment.climate, domain)
        source = str(experiment.climate.folder)
    else:
        cells = synthetic_cells(experiment.domain)
        years = np.arange(synthetic.FIRST_YEAR, synthetic.LAST_YEAR + 1)
        climate = SyntheticPlateauClimate(
            cells=cells.select(in_box(experiment.cells, cells.latitude, cells.longitude)),
            member=member,
            scenario=scenario,
            years=years,
            co2=global_co2(int(years[0]), int(years[-1]), scenario)[:, 6],
            segments=(
                Segment(f"{synthetic.LABEL} pseudo-GCM {member}", int(years[0]), int(years[-1])),
            ),
        )
        source = f"{synthetic.LABEL} plateau"
    raise_findings(_period_findings(experiment, climate.years, source))
    return climate


def _period_findings(experiment: Experiment, years: NDArray, source: str) -> list[Finding]:
    """Every period of the protocol must lie within the climate's years."""
    findings = []
    for name in ("equilibrium_years", "spin_up_years", "historical", "future"):
        first, last = getattr(experiment.protocol, name)
        if first < years[0] or last > years[-1]:
            absent = first if first < years[0] else int(years[-1]) + 1
            findings.append(
                Finding(
                    source,
                    f"protocol.{name}",
                    f"year {absent}",
                    f"years do not overlap: {first}-{last} is asked for, "
                    f"climate has {years[0]}-{years[-1]}",
                    "Give climate for these years or change the period.",
                )
            )
    return findings


def _gridded_climate(settings: GriddedClimate, domain: Domain) -> GriddedMonthlyClimate:
    reader = Reader(settings.folder)
    parts, segments, faults = [], [], {}
    for source in settings.files:
        part = _read_file(reader, settings, source.file, domain)
        if part is None:
            continue
        years, data = part
        if segments and years[0] != segments[-1].last + 1:
            reader.find(
                str(settings.folder / source.file), "time",
                f"begins in {years[0]}, but the file before ends in {segments[-1].last}",
                "List the files in time order, without gap or overlap.", f"year {years[0]}",
            )  # fmt: skip
        segments.append(Segment(source.label, int(years[0]), int(years[-1])))
        parts.append(data)
        for cell, found in _value_findings(settings, source.file, years, data, domain).items():
            faults.setdefault(cell, []).extend(found)
    co2 = _read_co2(reader, settings, segments)
    raise_findings(reader.findings)
    return GriddedMonthlyClimate(
        data={name: np.concatenate([part[name] for part in parts]) for name in VARIABLES},
        years=np.arange(segments[0].first, segments[-1].last + 1),
        co2=co2,
        segments=tuple(segments),
        findings=faults,
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
        data = {}
        for name in VARIABLES:
            taken = reader.take(dataset, Variable(file=file, variable=getattr(settings, name)))
            if taken is None or years is None:
                continue
            if taken.grid is None:
                reader.find(path, "lat, lon", "the file has no lat and lon",
                            "Add latitude and longitude of the cells.")  # fmt: skip
                return None
            if not reader.same_grid(file, taken.grid, domain.grid):
                return None
            if taken.values.ndim != 3 or taken.values.shape[0] != 12 * years.size:
                reader.find(
                    path, getattr(settings, name), f"has shape {taken.values.shape}, but the file "
                    f"holds {12 * years.size} months",
                    "Give (time, latitude, longitude), one record per month.",
                )  # fmt: skip
                return None
            values = taken.values[:, domain.row, domain.column].reshape(years.size, 12, -1)
            converted = to_model_units(
                reader, path, getattr(settings, name), name, taken.units, values
            )
            if converted is not None:
                data[name] = converted
    return (years, data) if len(data) == len(VARIABLES) else None


def dates(reader: Reader, path: str, dataset: xr.Dataset) -> NDArray | None:
    """The dates of a time axis that has units; None with a finding where they are none."""
    time = dataset["time"]
    numbers = reader.numbers(path, time)
    if numbers is None:
        return None
    units, calendar = str(time.attrs["units"]), str(time.attrs.get("calendar", "standard"))
    wrong = np.flatnonzero(~np.isfinite(numbers))
    try:
        if numbers.ndim != 1 or wrong.size:
            raise ValueError(f"record {wrong[0]} is no number" if wrong.size else "not one axis")
        return cftime.num2date(numbers, units, calendar)
    except (ValueError, TypeError, OverflowError) as error:
        mend = "Give CF time: `days since ...` in a CF calendar."
        reader.find(path, "time", f"units {units!r}: no dates ({error})", mend)
        return None


def whole_years(reader: Reader, path: str, dataset: xr.Dataset) -> NDArray | None:
    """The calendar years of a monthly time axis."""
    if "time" not in dataset.variables or "units" not in dataset["time"].attrs:
        reader.find(path, "time", "no time axis with units", "Add CF time: `days since ...`.")
        return None
    stamps = dates(reader, path, dataset)
    if stamps is None:
        return None
    months = [(stamp.year, stamp.month) for stamp in stamps]
    found = check_months(months, file=path)
    reader.findings += found
    if found or not months:
        return None
    return np.arange(months[0][0], months[-1][0] + 1)


def _read_co2(reader: Reader, settings: GriddedClimate, segments: list[Segment]) -> NDArray:
    """July values of CO2 for the climate's years."""
    series: dict[int, float] = {}
    for source in settings.co2:
        dataset = reader.open(source.file)
        if dataset is None:
            continue
        path = str(reader.folder / source.file)
        with dataset:
            taken = reader.take(dataset, source)
            if taken is None:
                continue
            years = reader.numbers(path, dataset["year"]) if "year" in dataset.variables else None
            if years is None or taken.values.shape != years.shape or years.ndim != 1:
                reader.find(path, "year", "no yearly series", "Give co2(year) with a year axis.")
                continue
            values = to_model_units(reader, path, source.variable, "co2", taken.units, taken.values)
            if not (np.abs(years) < 1e6).all():
                reader.find(path, "year", "holds no calendar years", "Give whole years.")
                continue
            years = years.astype(int)
        if values is None:
            continue
        reader.findings += check_climate(
            {"co2": values[:, None]},
            file=path,
            names={"co2": source.variable},
            index_text=lambda at, years=years: f"year {years[at[0]]}",
        )
        series.update(zip(years.tolist(), values.astype(float).tolist(), strict=True))
    if not segments:
        return np.empty(0)
    wanted = range(segments[0].first, segments[-1].last + 1)
    absent = [year for year in wanted if year not in series]
    if absent and series:
        reader.find(
            str(reader.folder / settings.co2[-1].file), settings.co2[-1].variable,
            f"CO2 lacks {len(absent)} of the climate's years",
            "Give CO2 for every year of the climate.", f"year {absent[0]}",
        )  # fmt: skip
    return np.array([series.get(year, np.nan) for year in wanted])


def _value_findings(
    settings: GriddedClimate, file: str, years: NDArray, data: dict[str, NDArray], domain: Domain
) -> dict[int, list[Finding]]:
    """Faulty values by cell."""
    path = str(settings.folder / file)
    names = {name: getattr(settings, name) for name in VARIABLES}

    def check(cells: slice) -> list[Finding]:
        return check_climate(
            {name: values[..., cells].astype(float) for name, values in data.items()},
            latitude=domain.latitude[cells],
            file=path,
            names=names,
            index_text=lambda at: (
                f"record {12 * at[0] + at[1]} ({years[at[0]]}-{at[1] + 1:02d}), "
                + domain.name((cells.start or 0) + at[2])
            ),
        )

    if not check(slice(None)):
        return {}
    by_cell = {cell: check(slice(cell, cell + 1)) for cell in range(domain.size)}
    return {cell: found for cell, found in by_cell.items() if found}


def merge_findings(*parts: Mapping[int, list[Finding]]) -> dict[int, list[Finding]]:
    """Findings by cell of several sources together."""
    merged: dict[int, list[Finding]] = {}
    for part in parts:
        for cell, found in part.items():
            merged.setdefault(cell, []).extend(found)
    return dict(sorted(merged.items()))

"""Monthly climate of a member: read and repaired by blocks of cells, checked once, with its notes.

No more is in memory than the months of the cells that are asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding
from temjax.processes.radiation import (
    SHORTWAVE_TO_CALORIES,
    canopy_irradiance,
    gross_irradiance,
)
from temjax.regional.climate.join import JoinedMonths
from temjax.regional.climate.places import ClimateCells
from temjax.regional.climate.projects import CLOUD_COVER
from temjax.regional.climate.reader import ClimateReader
from temjax.regional.climate.repair import RepairCounts, repair_months
from temjax.regional.climate.suspicion import Suspicions
from temjax.regional.experiment.settings import RepairSettings
from temjax.regional.inputs.climate import VARIABLES, Segment, cell_blocks
from temjax.regional.inputs.domain import Domain
from temjax.runs.validation import check_climate

_HOURS_CELLS = 20_000  # whose days of radiation are in memory together


@dataclass(frozen=True)
class Driver:
    """Months of one driver, and the files they are from.

    Attributes:
        name: in the files.
        files, labels: of the sources that ``months.source`` counts.
    """

    name: str
    months: JoinedMonths
    files: Sequence[str]
    labels: Sequence[str]


@dataclass(frozen=True)
class MonthlyClimate:
    """Monthly climate of a member for the cells of a domain, see ``inputs.climate.Climate``.

    Attributes:
        drivers: months as read, by kind. Shortwave may be computed from cloud cover.
        of_domain: climate cell of each domain cell.
        irradiance: extraterrestrial, of the climate cells, cal cm⁻² d⁻¹, ``(12, climate cell)``.
        warming: lapse-rate adjustment of each domain cell, K.
        repair: what is repaired when cells are loaded.
        repairs: what that is over the whole domain, by the names of ``RepairCounts``.
        notes: choices, repairs and suspicions, a line each.
        uneven: years of each driver, where they differ; empty otherwise.
        kept: see ``inputs.climate.Climate``.
    """

    drivers: dict[str, Driver]
    of_domain: NDArray
    irradiance: NDArray
    warming: NDArray
    years: NDArray
    co2: NDArray
    segments: tuple[Segment, ...]
    common_until: int | None
    repair: RepairSettings
    repairs: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    kept: str = ""
    uneven: str = ""

    def load(self, cells: NDArray) -> dict[str, NDArray]:
        """See ``Climate.load``."""
        shape = (cells.size, self.years.size, 12)  # months of a cell side by side
        loaded = {name: np.empty(shape).transpose(1, 2, 0) for name in VARIABLES}
        for part in cell_blocks(cells.size, self.years.size):
            repaired, _ = self.repaired(self.of_domain[cells[part]])
            for name, values in repaired.items():
                loaded[name][..., part] = values
        loaded["air_temperature"] += self.warming[cells]
        return loaded

    def repaired(
        self, climate_cells: NDArray, weight: NDArray | None = None
    ) -> tuple[dict[str, NDArray], RepairCounts]:
        """Repaired months of climate cells, float64, and what was repaired."""
        first = int(self.years[0])
        sources = [slice(s.first - first, s.last - first + 1) for s in self.segments]
        as_read = {name: self._as_read(name, climate_cells).astype(float) for name in VARIABLES}
        return repair_months(as_read, self.top(climate_cells), sources, self.repair, weight)

    def driver(self, name: str) -> Driver:
        """The driver that a variable is read or computed from."""
        return self.drivers.get(name) or self.drivers[CLOUD_COVER]

    def top(self, climate_cells: NDArray) -> NDArray:
        """Extraterrestrial radiation of climate cells, W m⁻², ``(12, cell)``."""
        return self.irradiance[:, climate_cells] / SHORTWAVE_TO_CALORIES

    def _as_read(self, name: str, climate_cells: NDArray) -> NDArray:
        """Months of a driver, float32; shortwave below cloud cover where that stands for it."""
        values = self.driver(name).months.values(climate_cells)
        if name in self.drivers:
            return values
        below = np.asarray(canopy_irradiance(self.irradiance[:, climate_cells], values))
        return (below / SHORTWAVE_TO_CALORIES).astype(np.float32)


def monthly_climate(
    reader: ClimateReader,
    drivers: dict[str, Driver],
    cells: ClimateCells,
    domain: Domain,
    repair: RepairSettings,
    read_co2: Callable[[NDArray], NDArray],
    *,
    common: str | None = None,
    lapse_rate: float = 0.0,
    source: str = "",
    kept: Callable[[], str] = str,
) -> MonthlyClimate | None:
    """Put a climate together, check its values and count its repairs; None with findings.

    Args:
        drivers: by kind; cloud cover may stand for shortwave.
        read_co2: reads July CO2 of calendar years.
        common: label of the source that all scenarios share.
        lapse_rate: K km⁻¹.
        source: of the values in findings, instead of the file of each.
        kept: tells what months are on disk.
    """
    first = max(driver.months.first for driver in drivers.values())
    last = min(driver.months.last for driver in drivers.values())
    uneven = _tell_uneven_years(reader, drivers, first, last)
    if last < first or reader.findings:
        return None
    drivers = {
        kind: replace(driver, months=driver.months.years(first, last))
        for kind, driver in drivers.items()
    }
    years = np.arange(first, last + 1)
    co2 = read_co2(years)
    if reader.findings:
        return None
    if CLOUD_COVER in drivers:
        name = drivers[CLOUD_COVER].name
        reader.add_note(str(reader.folder), name, "shortwave is computed from it, as TEM does")
    climate = MonthlyClimate(
        drivers=drivers,
        of_domain=cells.of_domain,
        irradiance=_irradiance(cells.latitude),
        warming=_lapse_rate_warming(lapse_rate, domain.elevation, cells.of_domain),
        years=years,
        co2=co2,
        segments=_segments(drivers["air_temperature"], years),
        common_until=_common_until(drivers["air_temperature"], years, common),
        repair=repair,
        uneven=uneven,
    )
    findings, repairs, suspicions = _check_values(climate, cells, domain, source)
    if repairs:
        reader.add_note(str(reader.folder), "repaired", str(repairs))
    for name, text in suspicions:
        reader.add_note(str(reader.folder), name, f"suspicious: {text}")
    notes = tuple(reader.notes)
    counts = asdict(repairs) if repairs else {}
    return replace(climate, findings=findings, repairs=counts, notes=notes, kept=kept())


def _irradiance(latitude: NDArray) -> NDArray:
    """Extraterrestrial irradiance of cells, cal cm⁻² d⁻¹, ``(12, cell)``; of a large region once a
    latitude and by blocks, since it takes every hour of the year."""
    of_cell = None
    if latitude.size > _HOURS_CELLS:
        latitude, of_cell = np.unique(latitude, return_inverse=True)
    blocks = np.split(latitude.astype(float), range(_HOURS_CELLS, latitude.size, _HOURS_CELLS))
    found = np.concatenate(
        [np.asarray(gross_irradiance(jnp.asarray(block))) for block in blocks], axis=1
    )
    return found if of_cell is None else found[:, of_cell]


def _tell_uneven_years(
    reader: ClimateReader, drivers: dict[str, Driver], first: int, last: int
) -> str:
    """The years of drivers that differ, empty where they do not: what is left out is a note,
    nothing in common a finding."""
    spans = {driver.name: (driver.months.first, driver.months.last) for driver in drivers.values()}
    if len(set(spans.values())) == 1:
        return ""
    text = ", ".join(f"{name} {a}-{b}" for name, (a, b) in spans.items())
    if last < first:
        mend = "Give all drivers for the same years."
        reader.add_finding(str(reader.folder), "time", f"years do not overlap ({text})", mend)
    else:
        message = f"{first}-{last} is used, the years that all have ({text})"
        reader.add_note(str(reader.folder), "time", message)
    return text


def _year_sources(driver: Driver) -> NDArray:
    """Source of most months of each year."""
    return np.array([np.bincount(row[row >= 0]).argmax() for row in driver.months.source])


def _segments(driver: Driver, years: NDArray) -> tuple[Segment, ...]:
    """Consecutive years of one label."""
    labels = [driver.labels[source] for source in _year_sources(driver)]
    starts = [0, *(i for i, (a, b) in enumerate(pairwise(labels), start=1) if a != b)]
    stops = [*starts[1:], len(labels)]
    return tuple(
        Segment(labels[start], int(years[start]), int(years[stop - 1]))
        for start, stop in zip(starts, stops, strict=True)
    )


def _common_until(driver: Driver, years: NDArray, common: str | None) -> int | None:
    """Last of the leading years that are whole from the source that scenarios share."""
    if common is None:
        return None
    shared = np.array([label == common for label in driver.labels])
    inside = (shared[driver.months.source] & (driver.months.source >= 0)).all(axis=1)
    leading = int(np.argmin(np.append(inside, False)))
    return int(years[leading - 1]) if leading else None


def _lapse_rate_warming(lapse_rate: float, elevation: NDArray, cell: NDArray) -> NDArray:
    """Lapse-rate warming of cells relative to the mean elevation of their climate cell, K."""
    mean = np.bincount(cell, elevation) / np.bincount(cell)
    return -lapse_rate / 1000.0 * (elevation - mean[cell])


def _check_values(
    climate: MonthlyClimate,
    cells: ClimateCells,
    domain: Domain,
    source: str,
) -> tuple[dict[int, list[Finding]], RepairCounts, list[tuple[str, str]]]:
    """Findings by domain cell, repairs and suspicions; a climate cell is checked once."""
    number = cells.first.size
    weight = np.bincount(climate.of_domain, minlength=number)
    repairs, suspicions = RepairCounts(), Suspicions(climate.years)
    faulty: dict[int, list[Finding]] = {}
    for block in cell_blocks(number, climate.years.size):
        values, counts = climate.repaired(block, weight[block])
        repairs += counts
        suspicions.add(
            values,
            climate.top(block),
            lambda at, block=block: domain.label(int(cells.first[block[at]])),
        )
        if _findings(climate, cells, domain, source, values, block):
            for at, cell in enumerate(block):
                one = {name: field[..., at : at + 1] for name, field in values.items()}
                found = _findings(climate, cells, domain, source, one, block[at : at + 1])
                if found:
                    faulty[int(cell)] = found
    by_cell = {
        int(cell): faulty[int(of)] for cell, of in enumerate(climate.of_domain) if int(of) in faulty
    }
    names = {name: climate.driver(name).name for name in VARIABLES}
    return by_cell, repairs, suspicions.notes(names)


def _findings(
    climate: MonthlyClimate,
    cells: ClimateCells,
    domain: Domain,
    source: str,
    values: dict[str, NDArray],
    block: NDArray,
) -> list[Finding]:
    """Findings of the values of climate cells, each with the file and record of its first."""
    found = []
    for name in VARIABLES:
        driver, places = climate.driver(name), []

        def place(at: tuple[int, ...], driver: Driver = driver, places: list = places) -> str:
            year, month, cell = at
            places.append((year, month))
            record = driver.months.record[year, month]
            when = f"{climate.years[year]}-{month + 1:02d}"
            when = when if source else f"record {record} ({when})"
            return f"{when}, {domain.label(int(cells.first[block[cell]]))}"

        for finding, (year, month) in zip(
            check_climate(
                {name: values[name]},
                extraterrestrial=climate.top(block),
                file=source,
                names={name: driver.name},
                index_text=place,
            ),
            places,
            strict=True,
        ):
            file = int(driver.months.source[year, month])
            if not source:
                finding = replace(finding, file=driver.files[max(file, 0)])
            found.append(finding)
    return found

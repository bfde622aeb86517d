"""Climate of NetCDF files on the domain's grid: files named one by one, in any cut and order."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from temjax.regional.climate.join import Joiner
from temjax.regional.climate.kept.cache import HELD_BYTES, MonthlyCache
from temjax.regional.climate.monthly import Driver, MonthlyClimate, monthly_climate
from temjax.regional.climate.months import file_years
from temjax.regional.climate.places import ClimateCells, grid_cells
from temjax.regional.climate.projects import ProjectVariable
from temjax.regional.climate.reader import ClimateReader
from temjax.regional.experiment.settings import ClimateFile, GriddedClimate
from temjax.regional.inputs.climate import VARIABLES
from temjax.regional.inputs.co2 import co2_of_files
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.folder import kind_of

Held = Mapping[str, Mapping[str, str]]  # file → driver → name in it


def netcdf_climate(settings: GriddedClimate, domain: Domain) -> MonthlyClimate:
    """Read the climate and annual CO2 of a domain.

    Raises:
        DataError: files, variables, units or months that cannot be used; faulty values of single
            cells are kept in ``findings`` instead.
    """
    reader = ClimateReader(settings.folder)
    held = _held_names(reader, settings)
    for file in [file for file, drivers in held.items() if not drivers and not reader.findings]:
        reader.add_note(str(settings.folder / file), "", "holds no driver of the model; not used")
    cells = grid_cells(reader, domain)
    cache = MonthlyCache(
        settings.months_folder,
        cells.places,
        held=0.0 if settings.cache else HELD_BYTES,
        limit=1e9 * settings.cache_gb,
    )
    cache.prepare(reader, _wanted(settings, held))
    reader.raise_faults()
    drivers = {}
    for name in VARIABLES:
        driver = _driver(reader, settings, name, held, cells, cache)
        if driver is not None:
            drivers[name] = driver
    _tell_lacking_years(reader, drivers, settings, held)
    if reader.findings:
        co2_of_files(reader, settings.co2, None)  # its faults as well
    reader.raise_faults()
    climate = monthly_climate(
        reader,
        drivers,
        cells,
        domain,
        settings.repair,
        lambda years: co2_of_files(reader, settings.co2, years),
        kept=cache.told,
    )
    reader.raise_faults()
    return climate


def _held_names(reader: ClimateReader, settings: GriddedClimate) -> Held:
    """Drivers that each file holds, by their names in it; unreadable files are findings."""
    held: dict[str, dict[str, str]] = {}
    for driver in VARIABLES:
        for source in settings.driver(driver)[0]:
            if source.file in held:
                continue
            dataset = reader.open(source.file)
            if dataset is None:
                held[source.file] = {}
                continue
            with dataset:
                held[source.file] = {}
                for kind in VARIABLES:
                    wanted = settings.driver(kind)[1]
                    known = [str(v) for v in dataset.data_vars]
                    found = [
                        v for v in known
                        if (v == wanted if wanted else kind_of(v, dataset[v]) == kind)
                    ]  # fmt: skip
                    if found:
                        held[source.file][kind] = found[0]
    return held


def _wanted(settings: GriddedClimate, held: Held) -> list[tuple[Path, ProjectVariable]]:
    """Files and the drivers to read from them."""
    return [
        (settings.folder / source.file, ProjectVariable(kind, held[source.file][kind]))
        for kind in VARIABLES
        for source in settings.driver(kind)[0]
        if kind in held.get(source.file, {})
    ]


def _driver(
    reader: ClimateReader,
    settings: GriddedClimate,
    kind: str,
    held: Held,
    cells: ClimateCells,
    cache: MonthlyCache,
) -> Driver | None:
    """Months of one driver from the files that hold it."""
    sources, name = settings.driver(kind)
    holding = [source for source in sources if kind in held.get(source.file, {})]
    if not holding:
        if all(held.get(source.file) for source in sources):
            _tell_absent(reader, settings, sources, name or kind, held)
        return None
    labels = [source.label or settings.member for source in holding]
    name = held[holding[0].file][kind]
    joiner = Joiner(reader, name)
    findings = len(reader.findings)
    for source in holding:
        path = settings.folder / source.file
        variable = ProjectVariable(kind, held[source.file][kind])
        read = partial(file_years, reader, path, variable, cells.place)
        joiner.add(str(path), cache.months(reader, path, variable, read))
    if len(reader.findings) > findings:
        return None
    months = joiner.joined(0 if settings.repair.strict else settings.repair.missing_months)
    return None if months is None else Driver(name, months, joiner.files, labels)


def _tell_absent(
    reader: ClimateReader,
    settings: GriddedClimate,
    sources: list[ClimateFile],
    name: str,
    held: Held,
) -> None:
    known = sorted({label for source in sources for label in held[source.file].values()})
    others = len(sources) - 1
    count = f" nor in {others} {'others' if others > 1 else 'other'}" if others else ""
    reader.add_finding(
        str(settings.folder / sources[0].file), name, f"variable is not in the file{count}",
        f"Add the file that holds it to climate.files. Drivers found: {', '.join(known)}.",
    )  # fmt: skip


def _tell_lacking_years(
    reader: ClimateReader, drivers: dict[str, Driver], settings: GriddedClimate, held: Held
) -> None:
    """Tell a file without a driver that other files hold beside its drivers, where no file has the
    driver for its years."""
    for kind, driver in drivers.items():
        for other in drivers.values():
            lacking = [
                year
                for year in range(other.months.first, other.months.last + 1)
                if not driver.months.first <= year <= driver.months.last
            ]
            if not lacking:
                continue
            source = other.months.source[lacking[0] - other.months.first].max()
            file = other.files[int(source)]
            relative = next(f for f in held if str(settings.folder / f) == file)
            beside = any({kind, *held[relative]} <= set(others) for others in held.values())
            if kind in held[relative] or not beside:
                continue
            reader.add_finding(
                file, driver.name, f"variable is not in the file, and no file has it for "
                f"{lacking[0]}-{lacking[-1]}", "Give every driver for the same years.",
            )  # fmt: skip
            break

"""Climate of a member from files in the form of a project, with CO2 of its text files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from numpy.typing import NDArray

from temjax.regional.climate.files import Parts, co2_texts, member_files
from temjax.regional.climate.join import Joiner
from temjax.regional.climate.kept.cache import MonthlyCache
from temjax.regional.climate.monthly import Driver, MonthlyClimate, monthly_climate
from temjax.regional.climate.months import file_years
from temjax.regional.climate.places import ClimateCells, nearest_cells
from temjax.regional.climate.projects import PROJECTS, Project, ProjectVariable
from temjax.regional.climate.reader import ClimateReader
from temjax.regional.experiment.settings import ProjectClimate
from temjax.regional.inputs.co2 import co2_of_files, co2_of_texts
from temjax.regional.inputs.domain import Domain


def project_climate(
    settings: ProjectClimate,
    domain: Domain,
    member: str,
    scenario: str,
    *,
    read_co2: Callable[[NDArray], NDArray] | None = None,
    named: bool = False,
) -> MonthlyClimate:
    """Load the climate of one member: history and scenario joined, CO2 from its files.

    Args:
        settings: the climate table.
        domain: cells.
        member, scenario: whose files.
        read_co2: gives July CO2 of calendar years in place of the files.
        named: see ``files.member_files``.

    Raises:
        DataError: files that are missing, contradict each other or leave a gap, units or time axes
            that cannot be used, a domain beyond the grid.
    """
    project = PROJECTS[settings.kind]
    reader = ClimateReader(settings.folder)
    files = member_files(reader, settings, member, scenario, named=named)
    reader.raise_faults()
    first = next(iter(files.values()))
    path = next(iter(first.values()))[0]
    cells = nearest_cells(reader, path, project.variables[0].name, domain)
    reader.raise_faults()
    cache = MonthlyCache(settings.months_folder, cells.places, limit=1e9 * settings.cache_gb)
    wanted = [
        (path, variable)
        for variable in project.variables
        for paths in files[variable.kind].values()
        for path in paths
    ]
    cache.prepare(reader, wanted)
    reader.raise_faults()
    drivers = {}
    for variable in project.variables:
        driver = _driver(reader, settings, variable, files[variable.kind], cells, cache)
        if driver is not None:
            drivers[variable.kind] = driver
    reader.raise_faults()
    parts = project.parts(settings.history, scenario)
    climate = monthly_climate(
        reader,
        drivers,
        cells,
        domain,
        settings.repair,
        read_co2 or partial(_co2, reader, settings, project, member, parts),
        common=parts[0] if len(parts) > 1 else None,
        lapse_rate=settings.lapse_rate,
        source=f"{settings.folder} {member} {scenario}",
        kept=cache.told,
    )
    reader.raise_faults()
    return climate


def project_files(
    settings: ProjectClimate,
    member: str,
    scenario: str,
    *,
    named: bool = False,
    with_co2: bool = True,
) -> list[Path]:
    """Every file that the climate of a member is read from.

    Args:
        settings: the climate table.
        member, scenario: whose files.
        named: see ``files.member_files``.
        with_co2: whether its CO2 belongs to it.

    Raises:
        DataError: files that are missing.
    """
    reader = ClimateReader(settings.folder)
    files = member_files(reader, settings, member, scenario, named=named)
    reader.raise_faults()
    found = [path for parts in files.values() for paths in parts.values() for path in paths]
    if with_co2 and settings.co2:
        found += [settings.folder / source.file for source in settings.co2]
    elif with_co2:
        for part in PROJECTS[settings.kind].parts(settings.history, scenario):
            found += co2_texts(settings, member, part)
    return list(dict.fromkeys(found))


def _driver(
    reader: ClimateReader,
    settings: ProjectClimate,
    variable: ProjectVariable,
    parts: Parts,
    cells: ClimateCells,
    cache: MonthlyCache,
) -> Driver | None:
    """Months of one driver from the files of history and scenario."""
    joiner, labels = Joiner(reader, variable.name), []
    for part, paths in parts.items():
        for path in paths:
            read = partial(file_years, reader, path, variable, cells.place)
            joiner.add(str(path), cache.months(reader, path, variable, read))
            labels.append(part)
    months = joiner.joined(0 if settings.repair.strict else settings.repair.missing_months)
    return None if months is None else Driver(variable.name, months, joiner.files, labels)


def _co2(
    reader: ClimateReader,
    settings: ProjectClimate,
    project: Project,
    member: str,
    parts: tuple[str, ...],
    years: NDArray,
) -> NDArray:
    """July CO2 of calendar years, ppmv, from NetCDF or the project's text files."""
    if settings.co2:
        return co2_of_files(reader, settings.co2, years)
    texts = {part: co2_texts(settings, member, part) for part in parts}
    for part, found in texts.items():
        if not found:
            name = project.co2_names(member, part)[0]
            reader.add_finding(
                str(settings.folder), "co2", f"no file {name}",
                f"Put {name} there (lines of year and ppm), or name NetCDF files in climate.co2.",
            )  # fmt: skip
    paths = list(dict.fromkeys(path for found in texts.values() for path in found))
    return co2_of_texts(reader, paths, years)

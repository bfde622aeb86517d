"""Records of FLUXNET files: FLUXNET2015, FLUXNET from 2025, AmeriFlux FLUXNET and ICOS ETC L2.

Fluxes and precipitation are daily means: they become sums over the calendar month (29 days in leap
Februaries). Net ecosystem production is -NEE. ``*_QC`` is the share of measured and good-quality
gap-filled half-hours.
"""

from pathlib import Path

from temjax.files.findings import DataError, Finding
from temjax.sites.entry_tables import Sensors
from temjax.sites.readers.archive import TowerFiles, find_files
from temjax.sites.readers.badm import read_badm
from temjax.sites.readers.fluxnet_columns import (
    CLIMATE_COLUMNS,
    CO2_COLUMN,
    climate_values,
    is_wanted,
    observed_values,
)
from temjax.sites.readers.fluxnet_table import FluxnetTable, read_table
from temjax.sites.readers.reanalysis import read_reanalysis
from temjax.sites.readers.record import Reading, TowerRecord


def read_fluxnet_record(
    path: Path, reading: Reading, sensors: Sensors | None = None
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of a file, archive or folder and its findings; no record where there is no table.

    The reanalysis, the units of variables and the facts of the site are read from the files that
    the products put beside the table with the fluxes.

    Args:
        path: of the file, archive or folder.
        reading: choices.
        sensors: as a site file states them.
    """
    files, findings = find_files(path)
    if files is None:
        return None, findings
    try:
        return _record(files, reading, sensors or Sensors())
    except DataError as error:
        return None, error.findings


def _record(
    files: TowerFiles, reading: Reading, sensors: Sensors
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of the files of a tower and its findings."""
    facts, findings = read_badm(files.variables, files.site)
    gauge = sensors.precipitation
    asked = {} if gauge is None else {"precipitation": gauge.column.upper()}
    own = {*asked.values(), (sensors.soil_temperature.column or "").upper()}

    def wanted(column: str) -> bool:
        return is_wanted(column) or column.removesuffix("_QC") in own

    table, faults = read_table(files.fluxes, wanted, reading.minimum_coverage, facts.units)
    findings += faults
    if table is None:
        return None, findings
    reanalysis, faults = _reanalysis(files, reading, table)
    findings += faults
    climate, climate_notes, absent = climate_values(table, reanalysis and reanalysis.climate, asked)
    if reading.co2 == "tower" and "co2" not in climate:
        climate_notes.append(f"{CO2_COLUMN}: no value in the file; the global series is used")
    observed = observed_values(table, reading, facts.depths, sensors.soil_temperature)
    record = TowerRecord(
        file=table.where,
        product=files.product,
        tower=files.tower,
        years=table.years,
        present=table.present,
        climate=climate,
        observed=observed.variables,
        absent=absent | observed.absent,
        usual={
            name: (asked.get(name, CLIMATE_COLUMNS[name][0]), f"line {table.header_line}")
            for name in absent
        },
        notes=(*files.notes, *table.notes, *climate_notes, *observed.notes),
        location=facts.location,
        lines=table.line,
        time="TIMESTAMP",
        sources=(table.source, *(reanalysis.sources if reanalysis else ()), *facts.sources),
        reanalysis=reanalysis,
        facts=facts.facts,
    )
    return record, findings


def _reanalysis(
    files: TowerFiles, reading: Reading, table: FluxnetTable
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of the reanalysis beside the table, where history or a climate column needs it."""
    complete = all(any(map(table.count, columns)) for columns in CLIMATE_COLUMNS.values())
    if files.reanalysis is None or (complete and reading.history != "auto"):
        return None, []
    return read_reanalysis(files.reanalysis, reading)

"""The reader of a tower's file, by the kind of the file."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from temjax.files.findings import Finding
from temjax.sites.entry import SiteEntry
from temjax.sites.readers.abcflux import is_abcflux, read_abcflux
from temjax.sites.readers.archive import is_archive
from temjax.sites.readers.csv_text import header_names
from temjax.sites.readers.fluxnet import read_fluxnet_record
from temjax.sites.readers.mapped_csv import read_mapped
from temjax.sites.readers.netcdf import is_tower_netcdf, read_netcdf_record
from temjax.sites.readers.record import Reading, TowerRecord

TABLE_SUFFIXES = (".csv", ".txt", ".tsv", ".dat")  # of a table that [table] of a site file maps


def is_tower(path: str | Path) -> bool:
    """Whether a path has the form of a tower's data: CSV table, NetCDF, zip archive or folder.

    A folder is one with files named as those of a product are.
    """
    return Path(path).suffix.lower() == ".csv" or is_tower_netcdf(path) or is_archive(path)


def holds_many_sites(path: Path) -> bool:
    """Whether a path is a table whose rows are of many sites (ABCflux)."""
    return path.suffix.lower() in TABLE_SUFFIXES and is_abcflux(header_names(path))


def read_record(
    path: str | Path, reading: Reading = Reading(), entry: SiteEntry | None = None
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of a tower's file, archive or folder and its findings.

    Args:
        path: of the file, zip archive or unpacked folder.
        reading: choices.
        entry: site file, for the columns that it names.

    Returns:
        The record, None where none can be formed; the findings then say why.
    """
    path = Path(path)
    if entry is not None and entry.table is not None and path.suffix.lower() in TABLE_SUFFIXES:
        record, findings = read_mapped(path, reading, entry.table)
        used: tuple[str, ...] = ()
    elif is_tower_netcdf(path):
        record, findings = read_netcdf_record(path, reading)
        used = ("partition", "threshold")
    elif not is_archive(path) and is_abcflux(header_names(path)):
        record, findings = read_abcflux(path, reading, entry.fluxnet_id if entry else None)
        used = ("partition", "site_id")
    else:
        record, findings = read_fluxnet_record(path, reading, entry.sensors if entry else None)
        used = ("partition", "threshold")
    unused = unused_choices(reading, used)
    if record is not None and unused:
        note = f"{unused} not used: {record.product} has no such choice"
        record = replace(record, notes=(*record.notes, note))
    return record, findings


def unused_choices(reading: Reading, used: Collection[str] = ()) -> str:
    """Choices that were made of columns and rows and that a source does not offer, in words."""
    made = {name: getattr(reading, name) for name in ("partition", "threshold", "site_id")}
    return ", ".join(
        f"--{name.replace('_', '-')} {value}"
        for name, value in made.items()
        if value is not None and name not in used
    )

"""The reader of a tower's file, by the kind of the file."""

from pathlib import Path

from temjax.files.findings import Finding
from temjax.sites.entry import SiteEntry
from temjax.sites.readers.archive import is_archive
from temjax.sites.readers.fluxnet import read_fluxnet_record
from temjax.sites.readers.record import Reading, TowerRecord


def is_tower(path: str | Path) -> bool:
    """Whether a path has the form of a tower's data: a CSV table, a zip archive, a folder of them.

    A folder is one with files named as those of a product are.
    """
    return Path(path).suffix.lower() == ".csv" or is_archive(path)


def read_record(
    path: str | Path, reading: Reading = Reading(), entry: SiteEntry | None = None
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of a tower's file, archive or folder and its findings.

    Args:
        path: of the file, zip archive or unpacked folder.
        reading: choices.
        entry: site file, for tables whose columns it names.

    Returns:
        The record, None where none can be formed; the findings then say why.
    """
    return read_fluxnet_record(Path(path), reading)

"""Sites by catalog name, site file or tower's file."""

import os
from pathlib import Path

from temjax.files.findings import DataError, Finding, raise_findings
from temjax.sites.entry import SiteEntry, read_entry
from temjax.sites.readers.archive import find_tower
from temjax.sites.readers.kinds import is_tower
from temjax.sites.readers.record import Reading
from temjax.sites.site import Site, catalog_entry, load, names, read_site
from temjax.sites.tower import read_tower

FLUXNET_FOLDER = "TEMJAX_FLUXNET"


def catalog_fluxnet_file(name: str) -> Path | None:
    """Table or archive of a catalog's tower in the folder of TEMJAX_FLUXNET, None without one.

    The folder may hold archives as downloaded or unpacked, see ``archive.find_tower``.

    Raises:
        DataError: no such folder, or several products of the tower in it.
    """
    folder = os.environ.get(FLUXNET_FOLDER)
    if not folder or name not in names():
        return None
    if not Path(folder).is_dir():
        mend = "Name the folder with the towers' files."
        raise DataError([Finding(folder, FLUXNET_FOLDER, "", "no such folder", mend)])
    tower = catalog_entry(name).fluxnet_id
    if tower is None:
        return None
    path, findings = find_tower(Path(folder), tower)
    raise_findings(findings)
    return path


def tower_file(source: str | Path) -> Path | None:
    """Tower's file that a source names, itself or by the catalog; None: another source.

    Raises:
        DataError: see ``catalog_fluxnet_file``.
    """
    path = catalog_fluxnet_file(str(source)) or Path(source)
    return path if is_tower(path) else None


def table_file(entry: SiteEntry, site_path: str | Path) -> Path | None:
    """The table that a site file names, beside it or by its path; None where it names none."""
    if entry.table is None or entry.table.file is None:
        return None
    return Path(site_path).parent / entry.table.file


def open_site(
    source: str | Path,
    *,
    site_file: str | Path | None = None,
    reading: Reading = Reading(),
) -> Site:
    """Site of a catalog name, a site file (TOML) or a tower's file, archive or folder.

    A tower of the catalog is read from its own file where TEMJAX_FLUXNET names a folder that has
    it.

    Args:
        source: name or path.
        site_file: site file with the facts a tower's file lacks.
        reading: choices of reading a tower's file.

    Raises:
        DataError: unknown name, or faults of a file.
        ValueError: a site file beside another source than a tower's file.
    """
    path = tower_file(source)
    if path is not None:
        return read_tower(path, site=site_file, reading=reading)
    if site_file is not None:
        raise ValueError("a site file goes with a tower's file")
    if Path(source).suffix != ".toml":
        return load(str(source))
    table = table_file(read_entry(source), source)
    return read_site(source) if table is None else read_tower(table, site=source, reading=reading)

"""Sites by catalog name, site file or tower's file, and which site file goes with which tower."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from temjax.files.findings import DataError, Finding, raise_findings
from temjax.files.toml import TomlError, read_toml
from temjax.sites.entry import SiteEntry, read_entry
from temjax.sites.place_reading import check_one_history, check_one_site_id
from temjax.sites.readers.archive import find_tower, fluxnet_id
from temjax.sites.readers.kinds import is_tower, unused_choices
from temjax.sites.readers.record import Reading
from temjax.sites.site import Site, catalog_entry, entry_of_fluxnet, load, names, read_site
from temjax.sites.tower import read_tower

FLUXNET_FOLDER = "TEMJAX_FLUXNET"
Source = str | os.PathLike


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


def own_tower(source: Source) -> Path | None:
    """Path of a tower's file, archive or folder; None for a name of the catalog and a site file."""
    return Path(source) if str(source) not in names() and is_tower(source) else None


def table_file(entry: SiteEntry, site_path: str | Path) -> Path | None:
    """The table that a site file names, beside it or by its path; None where it names none."""
    if entry.table is None or entry.table.file is None:
        return None
    return Path(site_path).parent / entry.table.file


def open_site(
    source: Source,
    *,
    site_file: Source | None = None,
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
    (site,) = open_places([source], [] if site_file is None else [site_file], reading)
    return site


def open_places(
    places: Sequence[Source], site_files: Sequence[Source] = (), reading: Reading = Reading()
) -> tuple[Site, ...]:
    """Sites of catalog names, site files and towers' files, in this order.

    Args:
        places: names or paths.
        site_files: facts of the towers that are given as files, see ``pair_site_files``.
        reading: choices of reading the towers' files.

    Raises:
        DataError: unknown name, or faults of a file.
        ValueError: a site file too many, or a tower without one.
    """
    towers = [tower for place in places if (tower := own_tower(place)) is not None]
    pairs = pair_site_files(towers, site_files)
    lacking = [tower for tower, site in zip(towers, pairs, strict=True) if _needs_site(tower, site)]
    if site_files and lacking:
        raise ValueError(
            f"no site file is left for {', '.join(map(str, lacking))}: give --site once for every "
            "tower that is not in the catalog"
        )
    raise_findings(check_one_site_id(towers, reading))
    if len(places) > 1:
        raise_findings(check_one_history(towers, reading))
    of_tower = iter(zip(towers, pairs, strict=True))
    sites = []
    for place in places:
        if own_tower(place) is None:
            sites.append(_open_other(place, reading))
        else:
            tower, site_file = next(of_tower)
            sites.append(read_tower(tower, site=site_file, reading=reading))
    return tuple(sites)


def pair_site_files(towers: Sequence[Path], site_files: Sequence[Source]) -> list[Path | None]:
    """Site file of every tower: that of its own ``fluxnet_id``, else by order.

    Where there are fewer site files than towers, those without a matching one go to the towers
    that the catalog does not know.

    Args:
        towers: files, archives or folders, which bear the id in their name.
        site_files: TOML files.

    Raises:
        ValueError: more site files than towers, or one of several that belongs to another tower.
    """
    left = [Path(file) for file in site_files]
    if len(left) > len(towers):
        known = ", ".join(map(str, towers)) or "none (a folder holds one tower's tables or archive)"
        raise ValueError(
            f"a site file goes with a tower's file: {len(left)} site files "
            f"({', '.join(map(str, left))}), towers given as files: {known}"
        )
    ids = {file: id_of_site(file) for file in left}
    pairs: list[Path | None] = []
    for tower in towers:
        own = fluxnet_id(tower)
        matching = next((file for file in left if own is not None and ids[file] == own), None)
        pairs.append(matching)
        if matching is not None:
            left.remove(matching)
    waiting = [number for number, file in enumerate(pairs) if file is None]
    if len(left) < len(waiting):
        unknown = [n for n in waiting if _needs_site(towers[n], None)]
        waiting = [*unknown, *(n for n in waiting if n not in unknown)]
    for number, file in zip(waiting, left, strict=False):
        own = fluxnet_id(towers[number])
        if len(towers) > 1 and None not in (own, ids[file]):
            raise ValueError(
                f"{file} is the site file of {ids[file]}, and none is left for {towers[number]} "
                f"({own}): give each tower's own"
            )
        pairs[number] = file
    return pairs


def _needs_site(tower: Path, site_file: Path | None) -> bool:
    """Whether the facts of a tower are known neither from a site file nor from the catalog."""
    return site_file is None and entry_of_fluxnet(fluxnet_id(tower)) is None


def id_of_site(file: Path) -> str | None:
    """Tower that a site file names; None where it names none or cannot be read."""
    try:
        value = read_toml(file).get("fluxnet_id")
    except TomlError:
        return None
    return value if isinstance(value, str) else None


def _open_other(place: Source, reading: Reading) -> Site:
    """Site of a catalog name, from its tower's file where there is one, or of a site file."""
    file = catalog_fluxnet_file(str(place))
    if file is not None:
        return read_tower(file, reading=reading)
    if Path(place).suffix != ".toml":
        return _with_unused(load(str(place)), reading)
    table = table_file(read_entry(place), place)
    if table is None:
        return _with_unused(read_site(place), reading)
    return read_tower(table, site=place, reading=reading)


def _with_unused(site: Site, reading: Reading) -> Site:
    """Site of a mean year, with a note on the choices that only a tower's file offers."""
    unused = [text] if (text := unused_choices(reading)) else []
    if reading.history != "auto":
        unused.append(f"--history {reading.history}")
    if reading.minimum_quality is not None:
        unused.append(f"--quality {reading.minimum_quality:g}")
    if not unused:
        return site
    note = f"{', '.join(unused)} not used: {site.name} is a mean year, without a tower's file"
    return replace(site, notes=(note, *site.notes))

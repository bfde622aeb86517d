"""Files of a tower in an archive, a folder or beside each other, by the names that products use."""

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

from temjax.files.findings import DataError, Finding

Kind = Literal["fluxes", "subset", "reanalysis", "variables", "site"]

# Product, name of its files without ".csv", kind of file. FLUXNET2015: Pastorello et al. (2020);
# FLUXNET from 2025: README of the archives (ONEFlux v1.3); T is MM, DD, WW, HH, HR or YY.
FILES: tuple[tuple[str, str, Kind], ...] = (
    ("FLUXNET2015", "FLX_{tower}_FLUXNET2015_FULLSET_{step}_*", "fluxes"),
    ("FLUXNET2015", "FLX_{tower}_FLUXNET2015_SUBSET_{step}_*", "subset"),
    ("FLUXNET2015", "FLX_{tower}_FLUXNET2015_ERAI_{step}_*", "reanalysis"),
    ("FLUXNET", "{network}_{tower}_FLUXNET_FLUXMET_{step}_*", "fluxes"),
    ("FLUXNET", "{network}_{tower}_FLUXNET_ERA5_{step}_*", "reanalysis"),
    ("FLUXNET", "{network}_{tower}_FLUXNET_BIFVARINFO_{step}_*", "variables"),
    ("FLUXNET", "{network}_{tower}_FLUXNET_BIF_*", "site"),
    ("AmeriFlux FLUXNET", "AMF_{tower}_FLUXNET_FULLSET_{step}_*", "fluxes"),
    ("AmeriFlux FLUXNET", "AMF_{tower}_FLUXNET_SUBSET_{step}_*", "subset"),
    ("ICOS ETC L2", "ICOSETC_{tower}_FLUXNET_{step}_*L2*", "fluxes"),
    ("ICOS ETC L2", "ICOSETC_{tower}_VARINFO_FLUXNET_{step}_*L2*", "variables"),
    ("ICOS ETC L2", "ICOSETC_{tower}_SITEINFO_*L2*", "site"),
)
COMPANIONS = {
    "reanalysis": "reanalysis at the tower, without fluxes",
    "variables": "units and heights of variables, without fluxes",
    "site": "facts of the site, without fluxes",
}
PARTS = {
    "{network}": "(?P<network>AMF|EUF|ICOS|JPF|TERN|OZF|CNF|KOF|FLX|SAEON)",
    "{tower}": "(?P<tower>[A-Z]{2}-[A-Z0-9]{3})",
    "{step}": "(?P<step>MM|DD|WW|HH|HR|YY)",
    "*": ".*",
}
TOWER = re.compile(r"(?<![A-Za-z0-9])([A-Z]{2}-[A-Za-z0-9]{3})(?![A-Za-z0-9])")
STEPS = ("MM", "DD", "HH", "HR", "WW")  # the order in which they are preferred
TABLES = (".csv", ".txt")
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError,
    NotImplementedError,  # what damage makes of the versions and methods that archives name
)  # fmt: skip
UNKNOWN_PRODUCT = "FLUXNET-like table"


def _pattern(name: str) -> re.Pattern[str]:
    """Regular expression of a file name with the parts in braces."""
    text = re.escape(name)
    for part, expression in PARTS.items():
        text = text.replace(re.escape(part), expression)
    return re.compile(text, re.IGNORECASE)


PATTERNS = tuple((product, _pattern(name), kind) for product, name, kind in FILES)


@dataclass(frozen=True)
class MemberFile:
    """File of a tower: on its own or inside a zip archive.

    Attributes:
        path: the file, or the archive it is in.
        member: name inside the archive; empty for a file on its own.
    """

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """Name without folders."""
        return PurePosixPath(self.member).name or self.path.name

    @property
    def where(self) -> str:
        """The file as findings name it: ``X.zip:member.csv``."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    def read_bytes(self) -> bytes:
        """Contents.

        Raises:
            DataError: the file cannot be read, or its archive is damaged or locked.
        """
        mend = "Check the path."
        try:
            if not self.member:
                return self.path.read_bytes()
            mend = "Download the archive again."
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(self.member)
        except DAMAGED:
            message = "the zip archive is damaged"
        except RuntimeError:
            message, mend = "the zip archive is locked with a password", "Unpack it."
        except OSError as error:
            message = error.strerror or "cannot be read"
            if self.member and self.path.is_file():  # a position in the archive that is not there
                message = "the zip archive is damaged"
        raise DataError([Finding(self.where, "file", "", message, mend)])

    @cached_property
    def label(self) -> "Label":
        """What the name says."""
        stem = self.name.rsplit(".", 1)[0]
        for product, pattern, kind in PATTERNS:
            match = pattern.fullmatch(stem)
            if match:
                parts = match.groupdict()
                step = (parts.get("step") or "").upper()
                return Label(product, kind, parts["tower"], step)
        return Label(UNKNOWN_PRODUCT, None, _tower(stem), "")


@dataclass(frozen=True)
class Label:
    """What a file name says: product, kind of file, tower and resolution; empty where nothing."""

    product: str
    kind: Kind | None
    tower: str | None
    step: str


@dataclass(frozen=True)
class TowerFiles:
    """Files of one tower.

    Attributes:
        fluxes: the table with the fluxes.
        product: by the file's name.
        tower: id such as ``CN-HaM``; None where no name says it.
        reanalysis, variables, site: the companion with the reanalysis, the units and heights of
            variables (BIFVARINFO), and the facts of the site (BIF); None where absent.
        notes: which file of several is read.
    """

    fluxes: MemberFile
    product: str
    tower: str | None
    reanalysis: MemberFile | None = None
    variables: MemberFile | None = None
    site: MemberFile | None = None
    notes: tuple[str, ...] = ()


def fluxnet_id(path: str | Path) -> str | None:
    """Tower in a name such as ``FLX_CN-HaM_FLUXNET2015_FULLSET_MM_2002-2004_1-4.csv``.

    Of a folder or an archive whose name does not say it, the tower of the files inside.
    """
    named = _tower(Path(path).name)
    if named:
        return named
    inside = find_files(path)[0] if is_archive(path) else None
    return inside.tower if inside else None


def is_archive(path: str | Path) -> bool:
    """Whether a path is a zip archive, by its name, or a folder with files named as a product's."""
    path = Path(path)
    if not path.is_dir():
        return path.suffix.lower() == ".zip"
    return any(file.label.kind is not None for file in list_members(path)[0])


def find_files(path: str | Path) -> tuple[TowerFiles | None, list[Finding]]:
    """Files of the tower that a CSV file, a zip archive or an unpacked folder holds.

    The table with the fluxes is FULLSET or FLUXMET, else SUBSET, of the coarsest resolution that
    shows months: monthly, else daily, (half-)hourly, weekly.

    Returns:
        The files, None with a finding.
    """
    path = Path(path)
    if path.is_dir() or path.suffix.lower() == ".zip":
        members, findings = list_members(path)
        return (None, findings) if findings else choose(members, path)
    given = MemberFile(path)
    label = given.label
    if label.kind in COMPANIONS:
        mend = (
            "Give the file with the fluxes (FULLSET, FLUXMET or SUBSET); this one is read with it."
        )
        return None, [Finding(str(path), "file", "", COMPANIONS[label.kind], mend)]
    beside = list_members(path.parent, 0)[0] if label.tower and path.is_file() else []
    return _with_companions(given, label.tower, beside, ()), []


def list_members(path: Path, depth: int = 2) -> tuple[list[MemberFile], list[Finding]]:
    """Tables in an archive or a folder (or the one archive in it) to a depth, and findings."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if not file.name.startswith((".", "__")))
        members = [MemberFile(file) for file in files if file.suffix.lower() in TABLES]
        for folder in [file for file in files if depth and file.is_dir()]:
            members += list_members(folder, depth - 1)[0]
        zipped = [file for file in files if file.suffix.lower() == ".zip" and _tower(file.name)]
        return (members, []) if members or len(zipped) != 1 else list_members(zipped[0])
    mend = "Download the archive again."
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except DAMAGED:
        return [], [Finding(str(path), "file", "", "damaged, or no zip archive", mend)]
    except OSError as error:
        message = error.strerror or "cannot be read"
        return [], [Finding(str(path), "file", "", message, "Check the path.")]
    inner = [name for name in names if name.lower().endswith(".zip")]
    if inner and len(inner) == len([name for name in names if not name.endswith("/")]):
        message = f"holds {len(inner)} further archives: {', '.join(inner[:4])}"
        return [], [Finding(str(path), "file", "", message, "Unpack it and give one of them.")]
    return [
        MemberFile(path, name)
        for name in sorted(names)
        if PurePosixPath(name).suffix.lower() in TABLES
        and not any(part.startswith((".", "__")) for part in PurePosixPath(name).parts)
    ], []


def choose(
    members: Iterable[MemberFile], source: Path, tower: str | None = None
) -> tuple[TowerFiles | None, list[Finding]]:
    """Files of one tower among the tables of an archive or folder.

    Args:
        members: tables.
        source: the archive or folder, as findings name it.
        tower: id; by default the only one there is.

    Returns:
        The files, None with a finding.
    """
    members = [file for file in members if tower is None or file.label.tower == tower]

    def fault(message: str, mend: str) -> tuple[None, list[Finding]]:
        return None, [Finding(str(source), "file", "", message, mend)]

    tables = [file for file in members if file.label.kind in ("fluxes", "subset")]
    yearly = [file for file in tables if file.label.step == "YY"]
    tables = [file for file in tables if file.label.step in STEPS]
    if not tables and yearly:
        return fault(
            f"only a yearly file of fluxes ({yearly[0].name})", "Give the MM, DD or HH file."
        )
    if not tables:
        tables = [
            file
            for file in members
            if file.label.kind is None
            and file.name.lower().endswith(".csv")
            and (file.member or file.label.tower)
        ]
    if not tables:
        return fault(
            "no table of a tower: neither *_FULLSET_*, *_FLUXMET_* nor *_SUBSET_* CSV files",
            "Give the archive of one tower as downloaded, or its MM (monthly) CSV.",
        )
    towers = sorted({file.label.tower or "" for file in tables} - {""})
    if len(towers) > 1:
        shown = ", ".join(towers[:8]) + (f" and {len(towers) - 8} more" if towers[8:] else "")
        return fault(f"files of {len(towers)} towers: {shown}", "Give the files of one tower.")
    best = min(map(_rank, tables))
    chosen = [file for file in tables if _rank(file) == best]
    if len(chosen) > 1:
        names = ", ".join(file.name for file in chosen[:6])
        whose = " and ".join(towers) or "one kind"
        return fault(f"several files of {whose}: {names}", "Keep one, or give the file.")
    note = f"read from {source.name}: {chosen[0].name}"
    name = (towers[0] if towers else None) or _tower(source.name)
    return _with_companions(chosen[0], name, members, (note,)), []


def find_tower(folder: Path, tower: str) -> tuple[Path | None, list[Finding]]:
    """Table or archive of one tower in a folder that may hold many; None without one.

    Returns:
        The path, None with a finding where the folder holds several products of the tower.
    """
    groups: dict[Path, list[MemberFile]] = {}
    for file in list_members(folder)[0]:
        groups.setdefault(file.path.parent, []).append(file)
    found: list[TowerFiles] = []
    for members in groups.values():
        members = [file for file in members if file.label.tower == tower]
        files, findings = choose(members, folder, tower)
        if findings and any(file.label.kind in (None, "fluxes", "subset") for file in members):
            return None, findings
        found += [files] if files else []
    archives = [file for file in sorted(folder.rglob("*.zip")) if _tower(file.name) == tower]
    if not found:
        for archive in archives:
            files, findings = find_files(archive)
            if files is None:
                return None, findings
            found.append(files)
    if len(found) > 1:
        names = ", ".join(files.fluxes.where for files in found)
        mend = "Keep one, or give the file in place of the name."
        return None, [Finding(str(folder), "file", "", f"several files of {tower}: {names}", mend)]
    return (found[0].fluxes.path if found else None), []


def _tower(name: str) -> str | None:
    """Tower in a file name."""
    match = TOWER.search(name)
    return match.group(1) if match else None


def _rank(file: MemberFile) -> tuple[int, int]:
    """Order of preference of a table: whole before subset, then by resolution."""
    step = file.label.step
    return int(file.label.kind == "subset"), STEPS.index(step) if step in STEPS else 0


def _with_companions(
    fluxes: MemberFile, tower: str | None, others: list[MemberFile], notes: tuple[str, ...]
) -> TowerFiles:
    """Files of a tower with the companions of its table: same tower, same product where possible.

    Monthly reanalysis comes before daily and half-hourly; units are those of the table's own
    resolution.
    """
    label = fluxes.label
    same = [file for file in others if tower and file.label.tower == tower]
    found = {}
    for kind in COMPANIONS:
        of_kind = [
            file
            for file in same
            if file.label.kind == kind
            and (file.label.step in STEPS or kind == "site")
            and (kind != "variables" or not label.step or file.label.step == label.step)
        ]
        of_kind.sort(key=lambda file: (file.label.product != label.product, _rank(file), file.name))
        if of_kind:
            found[kind] = of_kind[0]
    return TowerFiles(fluxes, label.product, tower, notes=notes, **found)

"""Reanalysis beside a tower's file (ERA5, ERA-Interim), downscaled to the tower, as a record."""

import re
from pathlib import Path

from temjax.files.findings import Finding
from temjax.sites.readers.archive import (
    STEPS,
    TOWER,
    MemberFile,
    find_files,
    is_archive,
    list_members,
)
from temjax.sites.readers.fluxnet_table import read_table
from temjax.sites.readers.record import MonthlyValues, Reading, TowerRecord, days_of_months

COLUMNS = {"air_temperature": "TA_ERA", "precipitation": "P_ERA", "shortwave": "SW_IN_ERA"}
_PRODUCT = re.compile(r"_(ERA5|ERAI)_")
_MEND = "Give the ERA5 or ERAI file of the tower's archive (MM, DD or HH), as it was published."


def is_reanalysis_path(path: Path) -> bool:
    """Whether a path has the form of a reanalysis: CSV, archive, or folder with either."""
    archives = path.is_dir() and any(TOWER.search(file.name) for file in path.glob("*.zip"))
    return path.suffix.lower() == ".csv" or archives or is_archive(path)


def find_reanalysis(path: Path, tower: str | None) -> tuple[MemberFile | None, list[Finding]]:
    """Reanalysis file that a path names: itself, or that of the tower in an archive or folder.

    That of another tower is taken only where the path names it: a CSV file, or an archive or
    folder with its id in the name.

    Args:
        path: CSV file, zip archive or unpacked folder.
        tower: id of the tower; None where unknown.

    Returns:
        The file, None with a finding.
    """

    def fault(message: str, mend: str) -> tuple[None, list[Finding]]:
        return None, [Finding(str(path), "history", "", message, mend)]

    if path.is_dir() and tower is not None:
        zipped = [file for file in path.glob("*.zip") if f"_{tower}_" in file.name]
        path = zipped[0] if len(zipped) == 1 else path
    if path.is_dir() and not is_archive(path):
        return fault(f"no reanalysis of {tower or 'a tower'} in it", _MEND)
    if not is_archive(path):
        own = MemberFile(path)
        beside = find_files(path)[0] if own.label.kind in ("fluxes", "subset") else None
        return (beside.reanalysis if beside and beside.reanalysis else own), []
    members, findings = list_members(path)
    if findings:
        return None, findings
    found = [
        file for file in members if file.label.kind == "reanalysis" and file.label.step in STEPS
    ]
    if not found:
        return fault("no reanalysis in it (*_ERA5_* or *_ERAI_* CSV, MM, DD or HH)", _MEND)
    mine = [file for file in found if tower is None or file.label.tower == tower]
    towers = sorted({str(file.label.tower) for file in mine or found})
    named = TOWER.search(path.name)
    if len(towers) > 1 or not (mine or named):
        whose = f"the reanalysis of {', '.join(towers[:6])}" + (", …" if towers[6:] else "")
        mend = "Give the tower's own, or name the CSV itself to use it all the same."
        return fault(f"{whose}, not of {tower or 'one tower'}", mend)
    old = "FLUXNET2015"  # ERA-Interim, where ERA5 is there as well
    best = min(
        mine or found,
        key=lambda f: (STEPS.index(f.label.step), f.label.product == old, f.name),
    )
    return best, []


def read_reanalysis(
    member: MemberFile, reading: Reading = Reading()
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of a reanalysis file, climate only, and its findings.

    Args:
        member: ``…_FLUXNET_ERA5_MM_1981-2024_….csv`` or ``…_FLUXNET2015_ERAI_DD_….csv``, of any
            resolution.
        reading: choices; ``minimum_coverage`` of files shorter than monthly.

    Returns:
        The record with product ``ERA5`` or ``ERAI``, None where none can be formed.
    """
    table, findings = read_table(member, set(COLUMNS.values()).__contains__,
                                 reading.minimum_coverage)  # fmt: skip
    if table is None or findings:
        return None, findings
    climate = {}
    notes = [f"{member.name}: {note.removeprefix(f'{member.name}: ')}" for note in table.notes]
    for name, column in COLUMNS.items():
        if not table.count(column):
            notes.append(f"{member.name}: no values of {column}")
            continue
        factor = days_of_months(table.years) if name == "precipitation" else 1
        climate[name] = MonthlyValues(table.columns[column] * factor, column)
    if not climate:
        message = f"no values of {', '.join(COLUMNS.values())}: not a reanalysis of a tower"
        where = f"line {table.header_line}"
        return None, [Finding(table.where, COLUMNS["air_temperature"], where, message, _MEND)]
    product = _PRODUCT.search(member.name)
    record = TowerRecord(
        file=table.where,
        product=product.group(1) if product else "reanalysis",
        tower=member.label.tower,
        years=table.years,
        present=table.present,
        climate=climate,
        notes=tuple(notes),
        lines=table.line,
        time="TIMESTAMP",
        sources=(table.source,),
    )
    return record, []

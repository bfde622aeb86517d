"""Reanalysis beside a tower's file (ERA5, ERA-Interim), downscaled to the tower, as a record."""

import re

from temjax.files.findings import Finding
from temjax.sites.readers.archive import MemberFile
from temjax.sites.readers.fluxnet_table import read_table
from temjax.sites.readers.record import MonthlyValues, Reading, TowerRecord, days_of_months

COLUMNS = {"air_temperature": "TA_ERA", "precipitation": "P_ERA", "shortwave": "SW_IN_ERA"}
_PRODUCT = re.compile(r"_(ERA5|ERAI)_")
_MEND = "Give the ERA5 or ERAI file of the tower's archive (MM, DD or HH), as it was published."


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
        tower=None,
        years=table.years,
        present=table.present,
        climate=climate,
        notes=tuple(notes),
        lines=table.line,
        time="TIMESTAMP",
        sources=(table.source,),
    )
    return record, []

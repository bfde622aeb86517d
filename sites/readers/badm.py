"""Facts of a tower in BADM interchange files (BIF): units and heights of variables, the site.

The files are long tables (``SITE_ID, GROUP_ID, VARIABLE_GROUP, VARIABLE, DATAVALUE``, columns in
any order); rows of one ``GROUP_ID`` belong together (Pastorello et al. 2020).
"""

import re
from dataclasses import dataclass, field

import pandas as pd

from temjax.files.findings import Finding
from temjax.sites.readers.archive import MemberFile
from temjax.sites.readers.csv_table import CsvTable, read_csv_table

LOCATION = {
    "LOCATION_LAT": "latitude",
    "LOCATION_LONG": "longitude",
    "LOCATION_ELEV": "elevation",
}
FACTS = {"SITE_NAME": "title", "IGBP": "igbp"}
LONG_COLUMNS = ("VARIABLE", "DATAVALUE")


@dataclass(frozen=True)
class BadmFacts:
    """What BIF files state.

    Attributes:
        units: column of the data, in capitals -> unit.
        depths: column in capitals -> depth below the surface, m.
        location: those of ``latitude``, ``longitude`` (degrees), ``elevation`` (m) that are there.
        facts: those of ``title``, ``igbp`` that are there.
        sources: name and hash of the files.
    """

    units: dict[str, str] = field(default_factory=dict)
    depths: dict[str, float] = field(default_factory=dict)
    location: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)


def read_badm(*members: MemberFile | None) -> tuple[BadmFacts, list[Finding]]:
    """Facts in BIF and BIFVARINFO files, the first that states one, and findings."""
    facts, findings = BadmFacts(), []
    for member in members:
        if member is None:
            continue
        table, faults = read_csv_table(member, words=True)
        groups, wrong = ([], []) if table is None else _groups(table)
        findings += faults if table is None else wrong  # commas in words are no fault
        facts.sources.extend([] if table is None else [table.source])
        for group in groups:
            _variable(group, facts)
            for key, name in LOCATION.items():
                value = _number(group.get(key, ""))
                if value is not None:
                    facts.location.setdefault(name, value)
            for key, name in FACTS.items():
                if group.get(key):
                    facts.facts.setdefault(name, group[key])
    return facts, findings


def _groups(table: CsvTable) -> tuple[list[dict[str, str]], list[Finding]]:
    """Groups of variables that belong together, each VARIABLE -> DATAVALUE."""
    frame = table.frame.set_axis([name.upper() for name in table.frame], axis=1)
    if not set(LONG_COLUMNS) <= set(frame):
        if "VAR_INFO_VARNAME" in frame:  # a table with a column for each variable
            return frame.to_dict("records"), []
        message = "no columns VARIABLE and DATAVALUE: not the form of a BIF file"
        mend = "Give the file of the archive, or take it out of the folder."
        return [], [Finding(table.where, "file", f"line {table.header_line}", message, mend)]
    number = frame["GROUP_ID"] if "GROUP_ID" in frame else pd.Series("", index=frame.index)
    groups: dict[str, dict[str, str]] = {}
    for key, variable, value in zip(number, frame["VARIABLE"], frame["DATAVALUE"], strict=True):
        groups.setdefault(key, {}).setdefault(variable.upper(), value)
    return list(groups.values()), []


def _variable(group: dict[str, str], facts: BadmFacts) -> None:
    """Unit and depth of a group that describes a variable; later instruments replace earlier."""
    name = group.get("VAR_INFO_VARNAME", "").upper()
    if not name:
        return
    if group.get("VAR_INFO_UNIT"):
        facts.units[name] = group["VAR_INFO_UNIT"]
    height = _number(group.get("VAR_INFO_HEIGHT", ""))
    if height is not None and height <= 0:
        facts.depths[name] = -height


def _number(text: str) -> float | None:
    """First number of a text, None without one."""
    match = re.match(r"\s*([+-]?\d+(?:[.,]\d+)?)", text)
    return float(match[1].replace(",", ".")) if match and not text.startswith("-9999") else None

"""``[table]`` of a site file to fill in, guessed from the names of a table's columns."""

import json
import os
import re
from pathlib import Path

from temjax.conventions.units import UNDERSTOOD, known_unit
from temjax.sites.readers.abcflux import is_abcflux
from temjax.sites.readers.csv_text import fields_of_header, head_of, layout_of
from temjax.sites.table_mapping import TIME_PARTS, Columns

FLUXNET_COLUMN = re.compile(
    r"(TA|P|SW_IN|TS|SWC|NEE|GPP|RECO|LE|H|VPD|PA|CO2)_(F|VUT|CUT|DT|NT|ERA)"
)
# What names of columns begin with, in small letters; longer beginnings first
GUESSES = {
    "soil_temperature": r"ts|t_?soil|soil_?t(emp(erature)?)?|temp(erature)?_?soil|tg|t_?grnd",
    "air_temperature": r"ta|t_?air|air_?t(emp(erature)?)?|temp(erature)?|t2m|tmean|tas|tmp|tavg|t",
    "precipitation": r"p|pr|pre|prec|precip|precipitation|rain|rainfall|ppt|tp|prcp",
    "shortwave": r"sw|sw_?in|sw_?down|swdown|rg|rsds|ssrd|srad|solar|fsds?|glob|global",
    "net_ecosystem_production": r"nee|nep|fc|fco2|co2_?flux",
    "gross_primary_production": r"gpp|gep|gp",
    "ecosystem_respiration": r"reco|er|re|ter|resp|rec|respiration",
    "co2": r"co2|ca",
}
TIMES = r"timestamp(_start|_end)?|date|time|date_?time|datum|yyyymm|ym|period"
PARTS = {
    "year": r"year|yr|yyyy|jahr|meas_year",
    "month": r"month|mon|mo|mm|interval_month",
    "day": r"day|dd|dom|day_of_month",
    "day_of_year": r"doy|jday|julian_?day|day_of_year",
    "hour": r"hour|hr|hh",
    "minute": r"minute|min",
}
QUALITY = re.compile(r"(?i)(_|\b)(qc|qf|qa|qcf|flag|quality)(_|\b|$)")
ERROR = re.compile(r"(?i)(_|\b)(sd|std|se|unc|uncertainty|err|error|randunc|jointunc)(_|\b|$)")


def is_unknown_table(path: Path) -> bool:
    """Whether a path is a CSV table that is none of a known product."""
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".txt", ".tsv", ".dat") or not path.is_file():
        return False
    _, header, _ = layout(path)
    known = any(name.upper().startswith("TIMESTAMP") for name in header) and any(
        FLUXNET_COLUMN.match(name.upper()) for name in header
    )
    return bool(header) and not known and not is_abcflux(header)


def layout(path: Path) -> tuple[int, list[str], list[str]]:
    """Line of the header below comments, its names, and the units in the line below it if any."""
    lines = head_of(path)
    found = layout_of("\n".join(lines).encode())
    if found is None:
        return 1, [], []
    separator, row, names = found
    below, then = (
        fields_of_header(line, separator)[1] for line in [*lines, "", ""][row + 1 : row + 3]
    )
    words = bool(below) and not any(_is_value(cell) for cell in below)
    return row + 1, names, below if words and any(_is_value(cell) for cell in then) else []


def _is_value(cell: str) -> bool:
    """Whether a cell begins as a number or a date does."""
    return bool(re.match(r"[-+.]?\d", cell))


def guess(name: str) -> str | None:
    """Variable that a column with this name holds; None where the name does not tell."""
    if QUALITY.search(name) or ERROR.search(name):
        return None
    plain = re.sub(r"[\s(\[].*", "", name.strip()).casefold()
    for variable, pattern in GUESSES.items():
        if re.fullmatch(rf"({pattern})(_.*|\d.*)?", plain):
            return variable
    return None


def guessed_unit(name: str, variable: str) -> str | None:
    """Unit that stands in the name of a column, such as ``TA (degC)`` or ``NEE_umol_m-2_s-1``."""
    quantity = Columns.model_fields[variable].annotation.__args__[0].quantity
    brackets = re.search(r"[(\[](.+)[)\]]", name)
    words = name.split("_")
    tails = [brackets[1]] if brackets else []
    tails += [" ".join(words[i:]) for i in range(1, len(words))]
    return next((tail for tail in tails if known_unit(tail, quantity)), None)


def table_lines(path: Path, folder: Path) -> list[str]:
    """``[table]`` with the dates and a block for every column whose name tells what it holds.

    Args:
        path: of the table.
        folder: of the site file.
    """
    line, header, units = layout(path)
    unit_of = dict(zip(header, units, strict=False))
    beside = Path(os.path.relpath(path, folder)).as_posix()
    lines = ["[table]", f"file = {_quoted(beside)}   # from the folder of this file"]
    if line > 1:
        lines.append(f"header = {line}   # line of the names of the columns")
    if units:
        lines.append(f"first_row = {line + 2}   # first line of data")
    lines += _time_lines(header)
    lines.append('# step = "month"   # month, day, hour, half-hour; else found from the dates')
    if not any(line.startswith("stamp") for line in lines):
        lines.append('# stamp = "end"   # where a date is the end of what its row covers')
    lines.append("# missing = [-9999, -999]   # besides empty cells, NaN and NA")
    if fields_of_header(head_of(path)[line - 1])[0] != ",":
        lines.append('# decimal = ","   # where decimals have a comma')
    taken: set[str] = set()
    others = []
    for name in filter(None, header):
        variable = guess(name)
        if variable is None:
            others.append(name)
            continue
        mark = "# " if variable in taken else ""
        block = _column_lines(name, variable, header, unit_of.get(name, ""))
        lines += ["", *(f"{mark}{line}" for line in block)]
        taken.add(variable)
    unknown = [name for name in others if not _is_time(name)]
    if unknown:
        lines += [
            "",
            f"# Other columns: {', '.join(unknown)}",
            "# Name one that is wanted as above, in [table.columns.VARIABLE], VARIABLE one of",
            f"# {', '.join(Columns.model_fields)}",
        ]
    return lines


def _is_time(name: str) -> bool:
    """Whether a column holds dates or parts of them."""
    plain = name.strip().casefold()
    return bool(re.fullmatch("|".join([TIMES, *PARTS.values()]), plain))


def _time_lines(header: list[str]) -> list[str]:
    """Keys of the dates, behind a # where no name tells."""
    plain = {name.strip().casefold(): name for name in header}
    dates = [folded for folded in plain if re.fullmatch(TIMES, folded)]
    if dates:
        first = next((folded for folded in dates if not folded.endswith("_end")), dates[0])
        end = ['stamp = "end"   # a date is the end of what its row covers']
        return [
            f"time = {_quoted(plain[first])}   # column of the dates",
            *(end if first.endswith("_end") else []),
        ]
    parts = {
        part: name
        for part in TIME_PARTS
        for folded, name in plain.items()
        if re.fullmatch(PARTS[part], folded)
    }
    if "year" in parts:
        if "month" in parts:
            parts.pop("day_of_year", None)
        return [f"{part} = {_quoted(name)}" for part, name in parts.items()]
    return ['# time = ""   # column of the dates: fill in; or year = "…" and month = "…"']


def _column_lines(name: str, variable: str, header: list[str], below: str) -> list[str]:
    """``[table.columns.<variable>]`` of a column.

    Args:
        name: of the column.
        variable: that it is guessed to hold.
        header: all names.
        below: what stands below the name in a line of units.
    """
    quantity = Columns.model_fields[variable].annotation.__args__[0].quantity
    unit = guessed_unit(f"{name} [{below}]" if below else name, variable)
    lines = [f"[table.columns.{variable}]", f"column = {_quoted(name)}"]
    lines.append(f"unit = {_quoted(unit)}" if unit else '# unit = ""   # fill in, see below')
    lines.append(f"# units: {', '.join(UNDERSTOOD[quantity])}")
    if variable == "net_ecosystem_production":
        lines.append('# sign = "uptake negative"   # NEE; "uptake positive": NEP. fill in')
    if variable in ("gross_primary_production", "ecosystem_respiration"):
        lines.append('# sign = "negative"   # where the flux of summer is below zero')
    if variable == "soil_temperature":
        lines.append("# depth = 0.05   # m")
    stem = re.sub(r"(_F)?$", "", name)
    for key, pattern in (("quality", QUALITY), ("sd", ERROR)):
        beside = next((n for n in header if n.startswith(stem) and pattern.search(n)), None)
        if beside:
            lines.append(f"# {key} = {_quoted(beside)}")
    if any("quality" in line for line in lines):
        lines.append(
            '# quality_unit = "share"   # or "percent", or "flag" with good_flags = [0, 1]'
        )
    return lines


def _quoted(text: str) -> str:
    """TOML string."""
    return json.dumps(text, ensure_ascii=False)

"""Units of FLUXNET columns by resolution, brought to those of monthly files."""

import re
from collections.abc import Mapping

import numpy as np

from temjax.conventions.units import QUANTITIES, UNDERSTOOD, known_unit, parse_unit
from temjax.files.findings import Finding

COLUMNS = (
    ("air_temperature", re.compile(r"TA_.*")),
    ("soil_temperature", re.compile(r"TS(_.*)?")),
    ("precipitation", re.compile(r"P(_.*)?")),
    ("shortwave", re.compile(r"SW_IN_.*")),
    ("co2", re.compile(r"CO2_.*")),
    ("net_ecosystem_production", re.compile(r"NEE_.*")),
    ("gross_primary_production", re.compile(r"GPP_.*")),
    ("ecosystem_respiration", re.compile(r"RECO_.*")),
)
GOOD_FLAGS = (0.0, 1.0)  # of half-hours: measured, filled with good quality
WITHOUT_TIME = ("mm", "kg m-2")  # of precipitation: per time step, or carelessly per day
NOT_STATED = ("", "-", "--", "na", "n/a", "none", "nan", "adimensional")
DAY = np.timedelta64(1, "D")


def variable_of(column: str) -> str | None:
    """Variable of a column (in capitals); None of a quality flag and of others."""
    if column.endswith("_QC"):
        return None
    return next((name for name, pattern in COLUMNS if pattern.fullmatch(column)), None)


def standard_unit(variable: str, step: str) -> str:
    """Unit that the products use for a variable at a resolution; ``mm`` is of the time step."""
    short = step in ("HH", "HR")
    units = {
        "temperature": "degC",
        "water": "mm" if short else "mm d-1",
        "energy": "W m-2",
        "co2": "umol mol-1",
        "carbon": "umol m-2 s-1" if short else "gC m-2 d-1",
    }
    return units[QUANTITIES[variable]]


def to_monthly_units(
    columns: Mapping[str, np.ndarray],
    step: str,
    begin: np.ndarray,
    end: np.ndarray,
    units: Mapping[str, str],
    where: str,
) -> tuple[dict[str, np.ndarray], list[str], list[Finding]]:
    """Columns per row in g C m-2 d-1, mm d-1, °C, W m-2 and ppm, notes and findings.

    Args:
        columns: name in capitals -> values, ``(row,)``.
        step: resolution.
        begin, end: interval of each row, ``(row,)``.
        units: column -> unit that the file or its companion states; by default the product's.
        where: the file, as findings name it.
    """
    month, year = begin.astype("datetime64[M]"), begin.astype("datetime64[Y]")
    days = {
        "step": (end - begin) / DAY,
        "month": ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")) / DAY,
        "year": ((year + 1).astype("datetime64[D]") - year.astype("datetime64[D]")) / DAY,
    }
    converted, findings = {}, []
    other: dict[tuple[str, str], list[str]] = {}
    unknown: dict[tuple[str, str], list[str]] = {}
    for name, values in columns.items():
        converted[name] = values
        variable = variable_of(name)
        if variable is None:
            if name.endswith("_QC") and step in ("HH", "HR"):
                share = np.isin(values, GOOD_FLAGS).astype(float)
                converted[name] = np.where(np.isnan(values), np.nan, share)
            continue
        standard = parse_unit(standard_unit(variable, step), QUANTITIES[variable])
        unit, stated = standard, _stated(name, units)
        careless = variable == "precipitation" and (stated or "").strip().lower() in WITHOUT_TIME
        if stated and not careless:
            unit = known_unit(stated, QUANTITIES[variable])
            if unit is None or unit.lacks_time:
                unknown.setdefault((stated, variable), []).append(name)
                continue
            if not unit.same_as(standard):
                other.setdefault((stated, standard_unit(variable, step)), []).append(name)
        factor = unit.factor(**days)
        if unit.offset or np.any(factor != 1):
            converted[name] = values * factor + unit.offset
    for (unit, variable), names in unknown.items():
        message = f"unit {unit!r} is not understood ({len(names)} columns of this unit)"
        mend = f"Give one of: {', '.join(UNDERSTOOD[QUANTITIES[variable]])}."
        findings.append(Finding(where, names[0], "", message, mend))
    notes = [
        f"{', '.join(names[:4])}{', …' if names[4:] else ''}: {unit}, as the files state, in place "
        f"of the product's {standard}: converted"
        for (unit, standard), names in other.items()
    ]
    return converted, notes, findings


def _stated(column: str, units: Mapping[str, str]) -> str | None:
    """Stated unit of a column, or the only one of the columns of its flux."""
    units = {name: unit for name, unit in units.items() if unit.lower() not in NOT_STATED}
    if column in units:
        return units[column]
    family = column.split("_", 1)[0]
    if family not in ("NEE", "GPP", "RECO"):
        return None
    alike = {name: unit for name, unit in units.items() if name.split("_", 1)[0] == family}
    stated = {unit for name, unit in alike.items() if variable_of(name)}
    return stated.pop() if len(stated) == 1 else None

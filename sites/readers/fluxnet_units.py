"""Units of FLUXNET columns by resolution, brought to those of monthly files."""

import re
from collections.abc import Mapping

import numpy as np

from temjax.files.findings import Finding
from temjax.sites.readers.units import canonical_unit, conversion, unit_examples

QUANTITIES = (
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


def quantity_of(column: str) -> str | None:
    """Quantity of a column (in capitals); None of a quality flag and of others."""
    if column.endswith("_QC"):
        return None
    return next((name for name, pattern in QUANTITIES if pattern.fullmatch(column)), None)


def standard_unit(quantity: str, step: str) -> str:
    """Unit that the products use for a quantity at a resolution."""
    short = step in ("HH", "HR")
    units = {
        "air_temperature": "degC",
        "soil_temperature": "degC",
        "precipitation": "mm" if short else "mm d-1",
        "shortwave": "W m-2",
        "co2": "umol mol-1",
    }
    return units.get(quantity, "umol m-2 s-1" if short else "gC m-2 d-1")


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
    converted, findings = {}, []
    other: dict[tuple[str, str], list[str]] = {}
    unknown: dict[tuple[str, str], list[str]] = {}
    for name, values in columns.items():
        quantity = quantity_of(name)
        if quantity is None:
            if name.endswith("_QC") and step in ("HH", "HR"):
                share = np.isin(values, GOOD_FLAGS).astype(float)
                values = np.where(np.isnan(values), np.nan, share)
            converted[name] = values
            continue
        standard = standard_unit(quantity, step)
        stated = _stated(name, units) or standard
        careless = quantity == "precipitation" and stated.strip().lower() in WITHOUT_TIME
        if careless or canonical_unit(stated) == canonical_unit(standard):
            unit = standard
        else:
            unit = stated
            other.setdefault((stated, standard), []).append(name)
        if unit == "mm":
            converted[name] = values * (DAY / (end - begin))
            continue
        if conversion(quantity, unit) is None:
            unknown.setdefault((unit, quantity), []).append(name)
            converted[name] = values
            continue
        converted[name] = _daily(values, quantity, unit, begin)
    for (unit, quantity), names in unknown.items():
        other.pop((unit, standard_unit(quantity, step)), None)
        message = f"unit {unit!r} is not understood ({len(names)} columns of this unit)"
        mend = f"Give {unit_examples(quantity)}."
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
    stated = {unit for name, unit in alike.items() if quantity_of(name)}
    return stated.pop() if len(stated) == 1 else None


def _daily(values: np.ndarray, quantity: str, unit: str, begin: np.ndarray) -> np.ndarray:
    """Values in the unit of monthly files, a mean per day where the model's unit is a sum."""
    rule = conversion(quantity, unit)
    if rule is None:
        raise ValueError(f"no conversion of {quantity} from {unit}")
    values = values * rule.factor + rule.offset if (rule.factor, rule.offset) != (1, 0) else values
    monthly_sum = conversion(quantity, standard_unit(quantity, "MM"))
    if monthly_sum is None or not monthly_sum.daily or rule.daily:
        return values
    month = begin.astype("datetime64[M]")
    days = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")) / DAY
    return values / days

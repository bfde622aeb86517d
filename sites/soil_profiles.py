"""Measured soil temperature profiles: ``[[profiles]]`` of a site file, and their faults."""

import datetime
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from temjax.conventions.units import known_unit
from temjax.files.findings import Finding, finding_of_mask
from temjax.soil_column import COLUMN_DEPTH

PLAUSIBLE = (-60.0, 60.0)  # °C
Numbers = Annotated[list[float], Field(min_length=1)]


@dataclass(frozen=True, eq=False)
class SoilProfile:
    """Soil temperatures of one day at several depths.

    Attributes:
        date: of the measurement.
        depths: m, from the surface down, ``(depth,)``.
        values: °C, ``(depth,)``.
        sd: their standard deviations, K; NaN where unknown.
        source: of the figures.
    """

    date: datetime.date
    depths: np.ndarray
    values: np.ndarray
    sd: np.ndarray
    source: str


class ProfileTable(BaseModel):
    """``[[profiles]]``: soil temperatures of one day by depth.

    Attributes:
        date: of the measurement, as 2007-04-01.
        depth: of the sensors or of the middle of layers, m.
        value: soil temperature at each depth.
        sd: standard deviation, one for all depths or one each; None: unknown.
        unit: of values and sd.
        source: of the figures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    date: datetime.date
    depth: Numbers
    value: Numbers
    sd: float | Numbers | None = None
    unit: str
    source: str

    @property
    def errors(self) -> list[float]:
        """Standard deviations as a list: none, one, or one a depth."""
        if self.sd is None:
            return []
        return self.sd if isinstance(self.sd, list) else [self.sd]

    @property
    def profile(self) -> SoilProfile:
        """Profile in °C; ``check_profiles`` has no findings."""
        unit = known_unit(self.unit, "temperature")
        shape = (len(self.depth),)
        sd = np.asarray(self.errors or [np.nan], dtype=float) * unit.scale
        return SoilProfile(
            self.date,
            np.asarray(self.depth, dtype=float),
            np.asarray(self.value, dtype=float) * unit.scale + unit.offset,
            np.broadcast_to(sd, shape).copy(),
            self.source,
        )


def check_profiles(tables: list[ProfileTable], *, file: str) -> list[Finding]:
    """Findings of profiles: unit, depths, lengths, values no soil has, standard deviations."""
    findings, days = [], [table.date for table in tables]
    for number, table in enumerate(tables, start=1):
        key, day = f"profiles[{number}]", str(table.date)
        if table.date in days[: number - 1]:
            message = f"a second profile of {day}"
            findings.append(Finding(file, f"{key}.date", day, message, "Give one profile a day."))
        found = _form(key, table, file)
        findings += found or _values(key, table, file)
    return findings


def _form(key: str, table: ProfileTable, file: str) -> list[Finding]:
    """Findings of a profile that keep its values from being read."""
    day, findings = str(table.date), []
    unit = known_unit(table.unit, "temperature")
    if unit is None:
        message = f"unit {table.unit!r} is not understood for soil temperature"
        findings.append(Finding(file, f"{key}.unit", day, message, "Give one of: degC, K, degF."))
    count = len(table.depth)
    for part, given in (("value", table.value), ("sd", table.errors)):
        if len(given) != count and not (part == "sd" and len(given) < 2):
            message = f"{len(given)} numbers beside {count} depths"
            mend = f"Give one {part} a depth" + (", or one for all." if part == "sd" else ".")
            findings.append(Finding(file, f"{key}.{part}", day, message, mend))
    return findings


def _values(key: str, table: ProfileTable, file: str) -> list[Finding]:
    """Findings of depths and values of a profile in its right form."""
    profile, day = table.profile, str(table.date)
    low, high = PLAUSIBLE
    depths, values, sd = profile.depths, profile.values, profile.sd

    def at(index: tuple[int, ...]) -> str:
        return f"{day}, {depths[index[-1]]:g} m"

    findings = finding_of_mask(
        (depths < 0) | (depths > COLUMN_DEPTH), depths, file, f"{key}.depth", at,
        lambda value: f"{value:g} m lies outside the soil column, 0 to {COLUMN_DEPTH:g} m",
        "Give depths in m below the surface, positive.",
    )  # fmt: skip
    findings += finding_of_mask(
        np.diff(depths, prepend=-np.inf) <= 0, depths, file, f"{key}.depth", at,
        lambda value: f"{value:g} m is not below the depth before it",
        "Give each depth once, from the surface down.",
    )  # fmt: skip
    findings += finding_of_mask(
        (values < low) | (values > high), values, file, f"{key}.value", at,
        lambda value: f"{value:g} °C is no soil temperature",
        "Check the unit, and leave depths without a value out.",
    )  # fmt: skip
    return findings + finding_of_mask(
        sd <= 0, sd, file, f"{key}.sd", at,
        lambda value: f"standard deviation {value:g} K is not positive",
        "Give a standard deviation above 0, or leave sd out.",
    )  # fmt: skip


def check_profile_years(
    tables: list[ProfileTable], years: tuple[int, int], *, file: str
) -> list[Finding]:
    """Findings of profiles outside the first and last year of a place's climate."""
    return [
        Finding(
            file, f"profiles[{number}].date", str(table.date),
            f"the climate of this file covers {years[0]}-{years[1]}",
            "Give profiles of these years, or an earlier history.first_year.",
        )
        for number, table in enumerate(tables, start=1)
        if not years[0] <= table.date.year <= years[1]
    ]  # fmt: skip

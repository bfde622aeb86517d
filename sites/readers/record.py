"""Monthly record of a tower in the model's units, whatever file it came from."""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Partition = Literal["DT", "NT"]
Threshold = Literal["VUT", "CUT"]

MINIMUM_QUALITY = 0.5  # least share of measured data in a month
MINIMUM_COVERAGE = 0.8  # least share of a month's days, hours or half-hours in the file
CLIMATE = ("air_temperature", "precipitation", "shortwave")


@dataclass(frozen=True)
class Reading:
    """Choices made when a tower's files are read.

    What is left at its default is taken from ``[reading]`` of the site file (``place_reading``).

    Attributes:
        partition: day-time (DT) or night-time (NT) partition of GPP and RECO; None: DT where the
            file has enough values of it, else NT.
        threshold: friction-velocity threshold by year (VUT) or constant (CUT); None: VUT where the
            file has enough values of it, else CUT.
        minimum_quality: observations whose quality is below become missing (0-1); None: 0.5.
        minimum_coverage: months of daily or shorter data with a smaller share become missing (0-1).
        fill_from_climatology: fill gaps of the climate inside the record with the mean of the same
            month of the record; otherwise they are an error.
        history: climate before the record and in its gaps: ``auto`` (the reanalysis beside the
            record, else the mean year), ``mean-year``, or the path of a reanalysis file, of an
            archive or folder that has one, or of a gridded climate.
        co2: the global series, or the tower's with the global series in its gaps (tower analysers
            are often not calibrated for absolute CO2).
        site_id: rows of a table of many sites.
    """

    partition: Partition | None = None
    threshold: Threshold | None = None
    minimum_quality: float | None = None
    minimum_coverage: float = MINIMUM_COVERAGE
    fill_from_climatology: bool = False
    history: str = "auto"
    co2: Literal["global", "tower"] = "global"
    site_id: str | None = None

    @property
    def least_quality(self) -> float:
        """Quality below which observations become missing."""
        return MINIMUM_QUALITY if self.minimum_quality is None else self.minimum_quality


@dataclass(frozen=True)
class MonthlyValues:
    """Monthly values of one variable in the model's unit.

    Attributes:
        values: ``(year, 12)``, NaN where missing. °C, mm month⁻¹, W m⁻², g C m⁻² month⁻¹, ppmv;
            production positive, so NEP is -NEE.
        source: the column or variable of the file, as the file spells it.
        quality: share of measured and good-quality filled data, ``(year, 12)``; None: not stated.
        sd: standard deviation of each value, same shape and unit; None: not stated.
        sd_source: where ``sd`` comes from, in words.
        partition: of GPP and RECO; None of other variables.
        depth: of a soil sensor, m; None of other variables.
    """

    values: np.ndarray
    source: str
    quality: np.ndarray | None = None
    sd: np.ndarray | None = None
    sd_source: str = ""
    partition: Partition | None = None
    depth: float | None = None


@dataclass(frozen=True)
class TowerRecord:
    """Climate and observations of a tower by calendar month.

    Attributes:
        file: the file, archive or folder, as findings name it.
        product: ``FLUXNET2015``, ``FLUXNET`` (ONEFlux from 2025), ``ABCFlux``, ``PLUMBER2``, …
        tower: id such as ``CN-HaM``; None where the file does not say.
        years: calendar years, consecutive, ``(year,)``.
        present: months that are in the file, ``(year, 12)``.
        climate: of ``CLIMATE`` and ``co2``, those the file has.
        observed: of ``observations.OBSERVED``, those with a value.
        absent: variable, observed or of the climate -> reason why the record has none of it, a
            clause.
        usual: climate variable that is absent -> the column it usually is, and where the header
            of the file stands.
        notes: choices made while reading, as sentences.
        location: those of ``latitude``, ``longitude`` (degrees), ``elevation`` (m) in the file.
        facts: those of ``title``, ``igbp`` that the files state of the site.
        lines: line of the file per month, ``(year, 12)``, 0 where absent; None: not a table.
        time: column of the dates, as findings name it; ``TIMESTAMP`` of FLUXNET's tables.
        sources: name and hash of every file read.
        attributes: what else the file says of the place, as words (``IGBP``, ``biome``, …).
        reanalysis: the record of the reanalysis beside the tower's file (climate only).
    """

    file: str
    product: str
    tower: str | None
    years: np.ndarray
    present: np.ndarray
    climate: Mapping[str, MonthlyValues]
    observed: Mapping[str, MonthlyValues] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    usual: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    location: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    lines: np.ndarray | None = None
    time: str = "time"
    sources: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    reanalysis: "TowerRecord | None" = None

    @property
    def period(self) -> tuple[int, int]:
        """First and last calendar year."""
        return int(self.years[0]), int(self.years[-1])

    def month_text(self, at: tuple[int, ...]) -> str:
        """Line and month ``(year, month)`` in words, the month as the table writes it."""
        year, month = self.years[at[0]], f"{at[1] + 1:02d}"
        stamp = f"TIMESTAMP {year}{month}" if self.time == "TIMESTAMP" else f"{year}-{month}"
        line = 0 if self.lines is None else int(self.lines[at[0], at[1]])
        return f"line {line} ({stamp})" if line else stamp


def days_of_months(years: np.ndarray) -> np.ndarray:
    """Days of each calendar month, ``(year, 12)``."""
    return np.array([[calendar.monthrange(int(y), m)[1] for m in range(1, 13)] for y in years])

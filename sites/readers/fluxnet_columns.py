"""Columns of FLUXNET files that hold climate and observations, chosen by their values.

NEE by the friction-velocity threshold of each year (VUT), else by a constant one (CUT); of a
threshold the reference (REF), else the median threshold (USTAR50), else the mean. GPP and RECO of
the day-time partition (DT), else night-time (NT), by the threshold of NEE. The first alternative
of a pair is taken where it has at least ``ENOUGH`` of the months that the other one has.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from temjax.sites.entry_tables import SoilSensor
from temjax.sites.readers.fluxnet_quality import flux_quality, net_sd, quality_of, range_sd
from temjax.sites.readers.fluxnet_table import FluxnetTable, month_list
from temjax.sites.readers.record import MonthlyValues, Partition, Reading, days_of_months

CLIMATE_COLUMNS = {
    "air_temperature": ("TA_F", "TA_F_MDS"),
    "precipitation": ("P_F", "P"),
    "shortwave": ("SW_IN_F", "SW_IN_F_MDS"),
}
CO2_COLUMN = "CO2_F_MDS"
ESTIMATES = ("REF", "USTAR50", "MEAN")
THRESHOLDS = {"VUT": "by year", "CUT": "constant"}
PARTITIONS: dict[Partition, str] = {"DT": "day-time", "NT": "night-time"}
FLUXES = {"gross_primary_production": "GPP", "ecosystem_respiration": "RECO"}
SOIL = (r"TS_F_MDS_(\d+)", r"TS_F_MDS", r"TS_F_(\d+)", r"TS_F", r"TS_(\d+)(?:_\d+_\d+)?", r"TS")
ENOUGH = 0.8
NO_QUALITY = "the file gives no quality; no month is left out for it"
USUAL_DEPTH = 0.05  # m, of the soil temperature that is compared with the model
WANTED = tuple(
    re.compile(pattern)
    for pattern in (
        r"(TA_F|SW_IN_F)(_MDS)?(_QC)?",
        r"P(_F)?(_QC)?",
        r"CO2_F_MDS",
        r"NEE_[VC]UT_(REF|USTAR50|MEAN)(_QC|_RANDUNC|_JOINTUNC)?",
        r"NEE_[VC]UT_(16|25|75|84)",
        r"(GPP|RECO)_(DT|NT)_[VC]UT_(REF|USTAR50|MEAN|16|25|75|84)",
        *(f"{pattern}(_QC)?" for pattern in SOIL),
    )
)


def is_wanted(column: str) -> bool:
    """Whether a column (in capitals) can hold climate, observations, their quality or errors."""
    return any(pattern.fullmatch(column) for pattern in WANTED)


@dataclass
class Observed:
    """Observed variables of a file, those it lacks with the reason, and the choices made."""

    variables: dict[str, MonthlyValues] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def climate_values(
    table: FluxnetTable,
    others: Mapping[str, MonthlyValues] | None,
    asked: Mapping[str, str] = MappingProxyType({}),
) -> tuple[dict[str, MonthlyValues], list[str], dict[str, str]]:
    """Climate of a file, notes, and the reason for each variable that it lacks.

    Args:
        table: of the file.
        others: climate of the reanalysis beside the file; None without one.
        asked: columns that the site file asks for, by variable.
    """
    days = days_of_months(table.years)
    climate, notes, absent = {}, [], {}
    for name, usual in CLIMATE_COLUMNS.items():
        columns = (asked[name],) if name in asked else usual
        column = next((column for column in columns if table.count(column)), None)
        words = name.replace("_", " ")
        if column is None:
            there = columns[0] in table.names
            absent[name] = "no value in the file" if there else "no such column"
            if others and name in others:
                notes.append(f"{words}: from the reanalysis ({_empty(table, columns[:1])})")
            continue
        if name in asked:
            notes.append(f"{words}: {column} (as the site file asks)")
        elif column != columns[0]:
            notes.append(f"{words}: {column} ({_empty(table, columns[:1])})")
        notes += _sparse(table, column)
        factor = days if name == "precipitation" else 1
        climate[name] = MonthlyValues(
            table.columns[column] * factor, column, quality_of(table, column)
        )
    if table.count(CO2_COLUMN):
        climate["co2"] = MonthlyValues(table.columns[CO2_COLUMN], CO2_COLUMN)
    return climate, notes, absent


def observed_values(
    table: FluxnetTable, reading: Reading, depths: Mapping[str, float], sensor: SoilSensor
) -> Observed:
    """Observed variables of a file with quality and uncertainty.

    Args:
        table: of the file.
        reading: choices that the user makes.
        depths: column of soil temperature -> depth, m, where known.
        sensor: of soil temperature that the site file asks for.
    """
    observed = Observed()
    threshold = _net_production(table, reading, observed)
    _partitioned(table, reading, threshold, observed)
    _soil_temperature(table, depths, sensor, observed)
    for variable in observed.variables.values():
        observed.notes += _sparse(table, variable.source)
    return observed


def _net_production(table: FluxnetTable, reading: Reading, observed: Observed) -> str:
    """Add net ecosystem production; the threshold of its column."""
    days = days_of_months(table.years)
    best = {name: _best(table, f"NEE_{name}") for name in THRESHOLDS}
    chosen = _prefer(table, best, reading.threshold)
    name = "net_ecosystem_production"
    if chosen is None:
        allowed = [reading.threshold] if reading.threshold else list(THRESHOLDS)
        observed.absent[name] = _no_values(
            table, [f"NEE_{threshold}" for threshold in allowed], best.values()
        )
        return reading.threshold or "VUT"
    column = best[chosen]
    reason = _why(table, best, chosen, reading.threshold, [f"NEE_{t}" for t in THRESHOLDS])
    reasons = [reason, _why_estimate(table, column, f"NEE_{chosen}")]
    reasons = [text for text in reasons if text]
    if reasons:
        observed.notes.append(f"net ecosystem production: {column} ({'; '.join(reasons)})")
    sd, source = net_sd(table, column, f"NEE_{chosen}")
    if not source:
        observed.notes.append(f"{column}: the file gives no uncertainty")
    elif not source.endswith("_JOINTUNC"):
        joint = _empty(table, (f"{column}_JOINTUNC",))
        observed.notes.append(f"{column}: uncertainty from {source} ({joint})")
    quality = flux_quality(table, column, chosen)
    if quality is None:
        observed.notes.append(f"{column}: {NO_QUALITY}")
    observed.variables[name] = MonthlyValues(
        table.columns[column] * -days,
        column,
        quality=quality,
        sd=None if sd is None else sd * days,
        sd_source=source,
    )
    return chosen


def _partitioned(table: FluxnetTable, reading: Reading, threshold: str, observed: Observed) -> None:
    """Add gross primary production and ecosystem respiration, of one partition if possible."""
    days = days_of_months(table.years)
    thresholds = [threshold]
    if reading.threshold is None:
        thresholds += [other for other in THRESHOLDS if other != threshold]
    best = {
        name: {
            partition: next(
                filter(None, (_best(table, f"{flux}_{partition}_{t}") for t in thresholds)), None
            )
            for partition in PARTITIONS
        }
        for name, flux in FLUXES.items()
    }
    choices = {name: _prefer(table, of_flux, reading.partition) for name, of_flux in best.items()}
    if reading.partition is None and "NT" in choices.values():  # both of one partition if possible
        choices = {name: "NT" if best[name]["NT"] else choices[name] for name in best}
    why: dict[str, list[tuple[str, str]]] = {}
    without: dict[str, list[str]] = {}
    for name, flux in FLUXES.items():
        words, partition = name.replace("_", " "), choices[name]
        if partition is None:
            allowed = [reading.partition] if reading.partition else list(PARTITIONS)
            prefixes = [f"{flux}_{p}_{t}" for t in thresholds for p in allowed]
            others = [_best(table, f"{flux}_{p}_{t}") for t in THRESHOLDS for p in PARTITIONS]
            observed.absent[name] = _no_values(table, prefixes, others)
            continue
        column = best[name][partition]
        used = column.split("_")[2]
        reasons = [
            _why(
                table, best[name], partition, reading.partition, [f"{flux}_{p}" for p in PARTITIONS]
            ),
            _why_estimate(table, column, f"{flux}_{partition}_{used}"),
        ]
        if used != threshold:
            reasons.append(f"no value by the threshold of net ecosystem production, {threshold}")
        elif used == "CUT" and reading.threshold is None:
            reasons.append("the threshold of net ecosystem production")
        reason = "; ".join(text for text in reasons if text)
        if reason:
            why.setdefault(reason.replace(flux, "*"), []).append((f"{words}: {column}", reason))
        sd, source = range_sd(table, f"{flux}_{partition}_{used}")
        if sd is None:
            without.setdefault("the file gives no uncertainty", []).append(column)
        elif "_84" not in source:
            without.setdefault("uncertainty from the 25-75 % range", []).append(column)
        quality = flux_quality(table, f"NEE_{used}_REF", used)
        if quality is None and "net_ecosystem_production" not in observed.variables:
            without.setdefault(NO_QUALITY, []).append(column)
        observed.variables[name] = MonthlyValues(
            table.columns[column] * days,
            column,
            quality=quality,
            sd=None if sd is None else sd * days,
            sd_source=source,
            partition=partition,
        )
    for reason, told in why.items():
        columns = ", ".join(column for column, _ in told)
        observed.notes.append(f"{columns} ({told[0][1] if len(told) == 1 else reason})")
    observed.notes += [f"{', '.join(columns)}: {text}" for text, columns in without.items()]


def _soil_temperature(
    table: FluxnetTable, depths: Mapping[str, float], sensor: SoilSensor, observed: Observed
) -> None:
    """Add soil temperature: as asked for, nearest ``USUAL_DEPTH``, or of the first with values."""
    sensors = [sensor.column.upper()] if sensor.column else _sensors(table)
    valued = [column for column in sensors if table.count(column)]
    if not valued:
        lacking = _empty(table, tuple(sensors)) if sensors else "no TS_F_MDS_* column"
        observed.absent["soil_temperature"] = lacking
        return
    known = [column for column in valued if column in depths]
    column = min(known, key=lambda name: abs(depths[name] - USUAL_DEPTH), default=valued[0])
    if known and column != valued[0]:
        text = f"at {depths[column]:g} m, nearest to {USUAL_DEPTH:g} m of {len(known)} known depths"
        observed.notes.append(f"soil temperature: {column} ({text})")
    elif column != sensors[0]:
        text = f"every value of {', '.join(sensors[: sensors.index(column)])} is missing"
        observed.notes.append(f"soil temperature: {column} ({text})")
    elif sensor.column:
        observed.notes.append(f"soil temperature: {column} (as the site file asks)")
    elif not re.fullmatch(SOIL[0], column):
        observed.notes.append(f"soil temperature: {column} (the file has no TS_F_MDS_* column)")
    observed.variables["soil_temperature"] = MonthlyValues(
        table.columns[column], column, quality=quality_of(table, column), depth=depths.get(column)
    )


def _sensors(table: FluxnetTable) -> list[str]:
    """Columns of soil temperature in the order of preference."""
    found = []
    for rank, pattern in enumerate(SOIL):
        for column in table.columns:
            match = re.fullmatch(pattern, column)
            if match:
                number = int(match[1]) if match.groups() and match[1] else 0
                found.append((rank, number, column))
    return [column for *_, column in sorted(found)]


def _best(table: FluxnetTable, prefix: str) -> str | None:
    """First estimate of a flux with values; None without one."""
    columns = (f"{prefix}_{estimate}" for estimate in ESTIMATES)
    return next((column for column in columns if table.count(column)), None)


def _prefer(table: FluxnetTable, best: Mapping[str, str | None], asked: str | None) -> str | None:
    """The alternative asked for if it has values, else the first with enough months."""
    if asked is not None:
        return asked if best[asked] else None
    first, second = best
    months = [table.count(best[name] or "") for name in (first, second)]
    if months[0] and months[0] >= ENOUGH * months[1]:
        return first
    return second if months[1] else None


def _why(
    table: FluxnetTable,
    best: Mapping[str, str | None],
    chosen: str,
    asked: str | None,
    prefixes: list[str],
) -> str:
    """Why the second of two alternatives is taken; empty for the first or one asked for."""
    first = next(iter(best))
    if chosen == first or asked is not None:
        return ""
    if best[first] is None:
        return f"the file has no {prefixes[0]}_* values"
    counts = f"{table.count(best[first])} months against {table.count(best[chosen] or '')}"
    return f"{best[first]} has {counts}"


def _why_estimate(table: FluxnetTable, column: str, prefix: str) -> str:
    """Why the estimate is not the reference; empty where it is."""
    return "" if column == f"{prefix}_REF" else _empty(table, (f"{prefix}_REF",))


def _no_values(table: FluxnetTable, prefixes: list[str], others: Iterable[str | None]) -> str:
    """Reason why a flux is absent, with the column that would have values."""
    patterns = [f"{prefix}_{estimate}" for prefix in prefixes for estimate in ESTIMATES]
    there = [column for column in patterns if column in table.names]
    stars = " or ".join(dict.fromkeys(f"{prefix}_*" for prefix in prefixes))
    reason = f"every value of {', '.join(there)} is missing" if there else f"no {stars} column"
    valued = [column for column in others if column]
    return f"{reason} ({valued[0]} has values)" if valued else reason


def _empty(table: FluxnetTable, columns: tuple[str, ...]) -> str:
    """Why columns hold nothing: absent or without a value."""
    there = [column for column in columns if column in table.names]
    if there:
        return f"every value of {', '.join(there)} is missing"
    return f"the file has no {', '.join(columns)}"


def _sparse(table: FluxnetTable, column: str) -> list[str]:
    """Note on months of a column that too few values cover."""
    few = table.sparse.get(column)
    if few is None or not few.any():
        return []
    months = month_list(table.years, few)
    return [f"{column}: months left out, too few of their values are in the file: {months}"]

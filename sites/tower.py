"""Site of a tower's record: facts, climate from the first year on, observations with errors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from temjax.files.findings import DataError, Finding, raise_findings
from temjax.files.names import name_of
from temjax.runs.validation import check_climate
from temjax.sites.climate import check_gaps, complete_climate
from temjax.sites.climate_history import ClimateHistory, climate_history
from temjax.sites.entry import (
    History,
    SiteEntry,
    SiteLocation,
    Soil,
    Vegetation,
    check_entry,
    read_entry,
)
from temjax.sites.history import Warming
from temjax.sites.observation_checks import check_codes, check_observations, quality_form
from temjax.sites.observation_notes import (
    STUCK_MONTHS,
    month_ranges,
    observation_notes,
    stuck_months,
)
from temjax.sites.observations import OBSERVED, MonthlySeries
from temjax.sites.place import check_place, place_notes
from temjax.sites.readers.kinds import read_record
from temjax.sites.readers.record import MonthlyValues, Reading, TowerRecord
from temjax.sites.site import Site, entry_of_fluxnet, make_site
from temjax.sites.traps import structural_sd, suspect_months, widened

SENSOR_DEPTH = 0.05  # m; assumed where the file does not state it


def read_tower(
    path: str | Path,
    *,
    site: str | Path | SiteEntry | None = None,
    reading: Reading = Reading(),
    warming: Warming | None = None,
    first_year: int | None = None,
    **facts,
) -> Site:
    """Site of a tower's file, archive or folder.

    Facts the file does not hold come from ``facts``, then from ``site``, then from the catalog
    where it knows the tower.

    Args:
        path: of the file, zip archive or unpacked folder.
        site: a site file (docs/sites.md) or its parsed form.
        reading: choices, see ``Reading``.
        warming: of the climate before every record; by default that of the site file, else none.
        first_year: start of the forcing; by default that of the site file, else 1901.
        **facts: ``elevation`` (m), ``texture`` (sand, silt, clay; percent), ``vegetation`` (name
            of a parameter set), ``latitude``, ``longitude`` (degrees).

    Raises:
        DataError: every fault found, with file, column, line and mend.
    """
    base = read_entry(site) if isinstance(site, str | Path) else site
    record, findings = read_record(path, reading, base)
    if record is None:
        raise DataError(findings)
    entry, absent_facts = tower_entry(record, base, **facts)
    findings = [*absent_facts, *findings]
    if entry is None:
        raise DataError(findings)
    findings += check_entry(entry, file=str(site) if isinstance(site, str | Path) else record.file)
    past, faults = climate_history(record, entry, reading)
    findings += faults or _unnamed_gaps(record, reading, past, findings)
    findings += check_record(record, entry)
    raise_findings(findings)
    return site_of_record(record, entry, reading, past, warming=warming, first_year=first_year)


def site_of_record(
    record: TowerRecord,
    entry: SiteEntry,
    reading: Reading,
    past: ClimateHistory,
    *,
    warming: Warming | None = None,
    first_year: int | None = None,
) -> Site:
    """Site of a record whose values are without findings.

    Args:
        record: of the tower.
        entry: facts of the site.
        past: climate before the record, from ``climate_history``.
        reading, warming, first_year: see ``read_tower``.

    Raises:
        DataError: the climate cannot be completed.
    """
    settings = entry.history or History(source="")
    forcing, notes, findings = complete_climate(
        record,
        entry,
        reading,
        past,
        warming=warming or settings.warming,
        first_year=settings.first_year if first_year is None else first_year,
    )
    raise_findings(findings)
    observations, absent, quality_notes = tower_observations(record, entry, reading)
    partitions = {
        series.partition for series in record.observed.values() if series.partition is not None
    }
    return make_site(
        entry,
        forcing,
        observations,
        sources=tuple(dict.fromkeys((*record.sources, *past.sources))),
        partition=next(iter(partitions), "DT"),
        notes=(*record.notes, *notes, *quality_notes),
        product=record.product,
        absent=absent,
    )


@dataclass(frozen=True)
class TowerCheck:
    """Check of a tower's file.

    Attributes:
        findings: faults of the file, with those that only the facts of its site show.
        record: what was read; None where no record can be formed.
        site: what a run would use; None with findings, or where facts of the site are missing.
        missing: the facts of the site that are missing; None where all are known.
    """

    findings: list[Finding]
    record: TowerRecord | None = None
    site: Site | None = None
    missing: Finding | None = None


def check_tower(
    path: str | Path,
    *,
    site: str | Path | SiteEntry | None = None,
    reading: Reading = Reading(),
) -> list[Finding]:
    """Findings of a tower's file, see ``examine_tower``."""
    return examine_tower(path, site=site, reading=reading).findings


def examine_tower(
    path: str | Path,
    *,
    site: str | Path | SiteEntry | None = None,
    reading: Reading = Reading(),
) -> TowerCheck:
    """Check of a tower's file, archive or folder.

    Args:
        path: of the file, zip archive or unpacked folder.
        site: a site file or its parsed form; by default the catalog's entry, if there is one.
        reading: choices, see ``Reading``.

    Raises:
        DataError: faults of the site file.
    """
    base = read_entry(site) if isinstance(site, str | Path) else site
    record, findings = read_record(path, reading, base)
    if record is None:
        return TowerCheck(findings)
    entry = base or entry_of_fluxnet(record.tower)
    past, faults = climate_history(record, entry, reading)
    findings += faults or _unnamed_gaps(record, reading, past, findings)
    findings += check_record(record, entry)
    if findings:
        return TowerCheck(findings, record)
    entry, missing = tower_entry(record, base)
    if entry is None:
        return TowerCheck([], record, missing=missing[0])
    try:
        return TowerCheck([], record, site_of_record(record, entry, reading, past))
    except DataError as error:
        return TowerCheck(error.findings, record)


def _unnamed_gaps(
    record: TowerRecord, reading: Reading, past: ClimateHistory, findings: list[Finding]
) -> list[Finding]:
    """Gaps of columns that no finding names: a cell that is no number is not missing as well."""
    named = {finding.variable for finding in findings}
    return [gap for gap in check_gaps(record, reading, past) if gap.variable not in named]


def tower_entry(
    record: TowerRecord, base: SiteEntry | None, **facts
) -> tuple[SiteEntry | None, list[Finding]]:
    """Facts of the site: those given, then of the site file, the catalog and the record.

    Returns:
        The entry, None where facts are missing, and findings that name them.
    """
    base = base or entry_of_fluxnet(record.tower)
    source = "given with the file"
    known = {name: value for name, value in facts.items() if value is not None}
    if base is None:
        for name, value in record.location.items():
            known.setdefault(name, value)
        needed = ("latitude", "elevation", "texture", "vegetation")
        missing = [name for name in needed if name not in known]
        if missing:
            message = f"the file does not hold {', '.join(missing)}"
            mend = (
                "Give a site file (--site SITE.toml); temjax site FILE --out SITE.toml writes one "
                "to fill in."
            )
            return None, [Finding(record.file, "site", "", message, mend)]
    location = base.location.model_dump() if base else {"source": source}
    location |= {n: known[n] for n in ("latitude", "longitude", "elevation") if n in known}
    tables: dict = {"location": SiteLocation(**location)}
    if "texture" in known:
        sand, silt, clay = known["texture"]
        tables["soil"] = Soil(sand=sand, silt=silt, clay=clay, source=source)
    if "vegetation" in known:
        overrides = base.vegetation.overrides if base else {}
        tables["vegetation"] = Vegetation(
            parameter_set=known["vegetation"], source=source, overrides=overrides
        )
    if base is not None:
        return base.model_copy(update=tables), []
    name = name_of(record.tower or Path(record.file).stem)
    tower = name_of(record.tower) if record.tower else None
    return SiteEntry(name=name, title=name, fluxnet_id=tower, **tables), []


def check_record(record: TowerRecord, entry: SiteEntry | None) -> list[Finding]:
    """Findings in the values of a record: climate, observations, place."""
    findings, codes = check_codes(record)
    climate = {
        name: np.where(np.isnan(variable.values) | codes[name], 0.0, variable.values)
        for name, variable in record.climate.items()
        if name != "co2"
    }
    labels = {name: variable.source for name, variable in record.climate.items()}
    findings += check_climate(
        climate,
        latitude=None if entry is None else entry.location.latitude,
        file=record.file,
        names=labels,
        index_text=record.month_text,
    )
    findings += check_observations(record, codes)
    return findings if entry is None else findings + check_place(record, entry)


def tower_observations(
    record: TowerRecord, entry: SiteEntry, reading: Reading
) -> tuple[dict[str, MonthlySeries], dict[str, str], list[str]]:
    """Monthly series of the observed variables, those that are absent with the reason, and notes.

    Months below the least quality become missing; an error that is not stated for a month is the
    median of the others, and known doubts about the data widen it.
    """
    series, absent = {}, dict(record.absent)
    notes: dict[str, list[str]] = {}  # text -> the columns that it holds for
    for name in OBSERVED:
        variable = record.observed.get(name)
        if variable is None:
            absent.setdefault(name, f"not in {Path(record.file).name}")
            continue
        values = variable.values
        if not np.isfinite(values).any():
            absent[name] = f"{variable.source} has no value"
            continue
        unfit, month_notes = _unfit_months(record, variable, reading)
        values = np.where(unfit, np.nan, values)
        if not np.isfinite(values).any():
            absent[name] = f"no month of {variable.source} is left: {'; '.join(month_notes)}"
            continue
        known = {"partition": variable.partition or "DT", "product": record.product}
        doubt = structural_sd(entry.traps, name, record.period, **known)
        if (doubt > 0).any():
            month_notes.append(
                f"error widened by a doubt of {doubt.max():.3g} {OBSERVED[name][0]} about "
                f"{record.product} data of this tower"
            )
        for text in month_notes:
            notes.setdefault(text, []).append(variable.source)
        series[name] = MonthlySeries(
            variable=name,
            unit=OBSERVED[name][0],
            period=record.period,
            values=values,
            sd=widened(_whole_sd(variable), doubt),
            suspect=suspect_months(entry.traps, name, record.period, **known),
            source=f"{variable.source} of {Path(record.file).name}",
            depth=(variable.depth or SENSOR_DEPTH) if name == "soil_temperature" else None,
        )
    for name, variable in record.climate.items():
        if name != "co2" and variable.quality is not None:
            low = _quality_share(variable) < reading.minimum_quality
            if low.any():
                text = f"{low.sum()} months mostly gap-filled or from reanalysis"
                notes.setdefault(text, []).append(variable.source)
    merged = [f"{', '.join(sources)}: {text}" for text, sources in notes.items()]
    return series, absent, [*place_notes(record, entry), *merged, *observation_notes(record)]


def _quality_share(variable: MonthlyValues) -> np.ndarray:
    """Quality as a share, 0-1, NaN where not stated."""
    if variable.quality is None:
        return np.full(variable.values.shape, np.nan)
    percent = quality_form(variable.quality) == "percent"
    return variable.quality / 100 if percent else variable.quality


def _unfit_months(
    record: TowerRecord, variable: MonthlyValues, reading: Reading
) -> tuple[np.ndarray, list[str]]:
    """Months to leave out, below the least quality or of one value over a year, and notes."""
    present, share = np.isfinite(variable.values), _quality_share(variable)
    low = present & (share < reading.minimum_quality)
    notes = []
    if variable.quality is not None and quality_form(variable.quality) == "percent":
        notes.append("quality read as percent")
    if low.any():
        notes.append(
            f"quality below {reading.minimum_quality:g}, left out: "
            f"{month_ranges(record.years, low)}"
        )
    stuck = stuck_months(record, variable) & present & ~low
    if stuck.any():
        notes.append(
            f"one value in {STUCK_MONTHS} months on end or more, left out: "
            f"{month_ranges(record.years, stuck)}"
        )
    unknown = int((present & np.isnan(share)).sum())
    if variable.quality is not None and unknown:
        notes.append(f"quality not stated in {unknown} months, kept")
    return low | stuck, notes


def _whole_sd(variable: MonthlyValues) -> np.ndarray:
    """Standard deviation of every month, the median where none above 0 is stated; NaN without."""
    if variable.sd is None:
        return np.full(variable.values.shape, np.nan)
    valid = np.isfinite(variable.sd) & (variable.sd > 0)
    middle = np.median(variable.sd[valid]) if valid.any() else np.nan
    return np.where(valid, variable.sd, middle)

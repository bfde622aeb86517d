"""Site of a tower's record: facts, climate from the first year on, observations with errors."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from temjax.files.findings import DataError, Finding, raise_findings
from temjax.files.names import name_of
from temjax.runs.validation import check_climate
from temjax.sites.climate import check_gaps, complete_climate
from temjax.sites.climate_checks import check_levels
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
from temjax.sites.observation_checks import check_codes, check_observations
from temjax.sites.place import check_place
from temjax.sites.place_reading import place_reading
from temjax.sites.readers.archive import fluxnet_id
from temjax.sites.readers.kinds import read_record
from temjax.sites.readers.record import Reading, TowerRecord
from temjax.sites.site import Site, entry_of_fluxnet, make_site
from temjax.sites.tower_observations import tower_observations


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
    record, reading, findings = _record_at(path, reading, base)
    if record is None:
        raise DataError(findings)
    entry, absent_facts = tower_entry(record, base, **facts)
    findings = [*absent_facts, *findings]
    if entry is None:
        raise DataError(findings)
    findings += check_entry(entry, file=str(site) if isinstance(site, str | Path) else record.file)
    past, faults = climate_history(record, entry, reading)
    findings += faults or _unnamed_gaps(record, reading, past, entry, findings)
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
    record, reading, findings = _record_at(path, reading, base)
    if record is None:
        return TowerCheck(findings)
    entry = base or entry_of_fluxnet(record.tower)
    past, faults = climate_history(record, entry, reading)
    findings += faults or _unnamed_gaps(record, reading, past, entry, findings)
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


def _record_at(
    path: str | Path, reading: Reading, base: SiteEntry | None
) -> tuple[TowerRecord | None, Reading, list[Finding]]:
    """Record of a tower's file, the choices of its place, and findings.

    The choices are those of the call, then of the site file, or of the catalog where it knows the
    tower. The record notes which are of the place, and a site file of another tower.
    """
    place = base or entry_of_fluxnet(fluxnet_id(path))
    reading, notes = place_reading(reading, place)
    record, findings = read_record(path, reading, place)
    if record is None:
        return None, reading, findings
    if base is not None and None not in (base.fluxnet_id, record.tower):
        if base.fluxnet_id != record.tower:
            whose = f"{base.name} is the site file of {base.fluxnet_id}"
            notes = [f"{whose}, the tower's file that of {record.tower}", *notes]
    return replace(record, notes=(*notes, *record.notes)), reading, findings


def _unnamed_gaps(
    record: TowerRecord,
    reading: Reading,
    past: ClimateHistory,
    entry: SiteEntry | None,
    findings: list[Finding],
) -> list[Finding]:
    """Gaps of columns that no finding names: a cell that is no number is not missing as well."""
    named = {finding.variable for finding in findings}
    gaps = check_gaps(record, reading, past, entry)
    return [gap for gap in gaps if gap.variable not in named]


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
    latitude = None if entry is None else entry.location.latitude
    findings += check_climate(
        climate,
        latitude=latitude,
        file=record.file,
        names=labels,
        index_text=record.month_text,
    )
    findings += check_observations(record, codes)
    findings = findings or check_levels(record, latitude)  # of what is sound value by value
    return findings if entry is None else findings + check_place(record, entry)

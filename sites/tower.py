"""Site of a tower's record: facts, climate from the first year on, observations with errors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from temjax.files.findings import DataError, Finding, raise_findings
from temjax.runs.validation import check_climate
from temjax.sites.climate import check_gaps, complete_climate
from temjax.sites.entry import SiteEntry, SiteLocation, Soil, Vegetation, check_entry, read_entry
from temjax.sites.history import Warming
from temjax.sites.observations import OBSERVED, MonthlySeries
from temjax.sites.readers.kinds import read_record
from temjax.sites.readers.record import Reading, TowerRecord
from temjax.sites.site import Site, entry_of_fluxnet, make_site, suspect_months

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
    findings += [*check_record(record, entry), *check_gaps(record, reading)]
    raise_findings(findings)
    return site_of_record(record, entry, reading, warming=warming, first_year=first_year)


def site_of_record(
    record: TowerRecord,
    entry: SiteEntry,
    reading: Reading,
    *,
    warming: Warming | None = None,
    first_year: int | None = None,
) -> Site:
    """Site of a record whose values are without findings.

    Args:
        record: of the tower.
        entry: facts of the site.
        reading, warming, first_year: see ``read_tower``.

    Raises:
        DataError: the climate cannot be completed.
    """
    history = entry.history
    forcing, notes, findings = complete_climate(
        record,
        entry,
        reading,
        warming=warming or (history.warming if history else "none"),
        first_year=first_year or (history.first_year if history else 1901),
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
        sources=record.sources,
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
    findings = [*findings, *check_record(record, entry), *check_gaps(record, reading)]
    if findings:
        return TowerCheck(findings, record)
    entry, missing = tower_entry(record, base)
    if entry is None:
        return TowerCheck([], record, missing=missing[0])
    try:
        return TowerCheck([], record, site_of_record(record, entry, reading))
    except DataError as error:
        return TowerCheck(error.findings, record)


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
    name = record.tower or Path(record.file).stem
    return SiteEntry(name=name, title=name, fluxnet_id=record.tower, **tables), []


def check_record(record: TowerRecord, entry: SiteEntry | None) -> list[Finding]:
    """Findings in the values of a record: climate and observations."""
    climate = {
        name: np.where(np.isnan(variable.values), 0.0, variable.values)
        for name, variable in record.climate.items()
        if name != "co2"
    }
    labels = {name: variable.source for name, variable in record.climate.items()}
    return check_climate(
        climate,
        latitude=None if entry is None else entry.location.latitude,
        file=record.file,
        names=labels,
        index_text=record.month_text,
    )


def tower_observations(
    record: TowerRecord, entry: SiteEntry, reading: Reading
) -> tuple[dict[str, MonthlySeries], dict[str, str], list[str]]:
    """Monthly series of the observed variables, those that are absent with the reason, and notes.

    Months below the least quality become missing; an error that is not stated for a month is the
    median of the others.
    """
    series, absent, notes = {}, dict(record.absent), []
    for name in OBSERVED:
        variable = record.observed.get(name)
        if variable is None:
            absent.setdefault(name, f"not in {Path(record.file).name}")
            continue
        values = variable.values
        if variable.quality is not None:
            low = np.isfinite(values) & (variable.quality < reading.minimum_quality)
            values = np.where(low, np.nan, values)
            if low.any():
                stamps = ", ".join(f"{record.years[y]}-{m + 1:02d}" for y, m in np.argwhere(low))
                notes.append(
                    f"{variable.source}: quality below {reading.minimum_quality:g}, left out: "
                    f"{stamps}"
                )
        if not np.isfinite(values).any():
            absent[name] = f"every month of {variable.source} is below the least quality"
            continue
        sd = np.full(values.shape, np.nan) if variable.sd is None else variable.sd
        valid = np.isfinite(sd) & (sd > 0)
        if valid.any():
            sd = np.where(valid, sd, np.median(sd[valid]))
        series[name] = MonthlySeries(
            variable=name,
            unit=OBSERVED[name][0],
            period=record.period,
            values=values,
            sd=sd,
            suspect=suspect_months(
                entry.traps, name, record.period, partition=variable.partition or "DT"
            ),
            source=f"{variable.source} of {Path(record.file).name}",
            depth=(variable.depth or SENSOR_DEPTH) if name == "soil_temperature" else None,
        )
    for name, variable in record.climate.items():
        if name != "co2" and variable.quality is not None:
            low = variable.quality < reading.minimum_quality
            if low.any():
                notes.append(
                    f"{variable.source}: {low.sum()} months mostly gap-filled or from reanalysis"
                )
    return series, absent, notes

"""Records of a tower's NetCDF files, PLUMBER2 and CalLMIP: the file given and the one beside it."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from temjax.files.findings import Finding
from temjax.sites.observations import OBSERVED
from temjax.sites.readers import callmip, plumber2
from temjax.sites.readers.netcdf_series import PointSeries, RecordPart, read_series
from temjax.sites.readers.record import MonthlyValues, Reading, TowerRecord

SUFFIXES = (".nc", ".nc4")
FORMS = (
    "Give a PLUMBER2 file (<site>_<years>_<source>_Met.nc with Tair, Precip, SWdown, or _Flux.nc "
    "with NEE) or a CalLMIP one (<site>_daily_aggregated_<years>_<source>_Flux.nc with NEE_daily)."
)
_CLIMATE = {name for names in plumber2.CLIMATE_NAMES.values() for name in names}
_WANTED = plumber2.VARIABLES | callmip.VARIABLES
_NAME = re.compile(
    r"(?P<site>.+?)_(?P<daily>daily_aggregated_)?(?P<years>\d{4}-\d{4})_(?P<source>.+)_"
    r"(?P<kind>Met|Flux)\.nc4?",
    re.IGNORECASE,
)


def is_tower_netcdf(path: str | Path) -> bool:
    """Whether a path has the form of a tower's NetCDF file."""
    return Path(path).suffix.lower() in SUFFIXES


def read_netcdf_record(
    path: str | Path, reading: Reading = Reading()
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of a Met or Flux file and of the other one beside it, and findings.

    The other file stands in the same folder, or in a folder ``Met`` or ``Flux`` beside it. Of a Met
    file alone the observations are absent; of a Flux file alone the climate is empty.
    """
    path = Path(path)
    given, names, findings = read_series(path, _WANTED)
    if given is None and not findings:
        held = ", ".join(names[:6]) or "none"
        message = f"no variable of a tower that is known (it has {held})"
        findings = [Finding(str(path), "file", "", message, FORMS)]
    if given is None:
        return None, findings
    met = given if _CLIMATE & given.values.keys() else None
    flux = given if _fluxes_of(given) else None
    notes = list(given.notes)
    if met is None or flux is None:
        other, other_notes, findings = _companion(path, "Flux" if flux is None else "Met")
        notes += other_notes
        met, flux = met or other, flux or other
    if met is not None and flux is not None:
        findings = [*findings, *_other_tower(met, flux)]
    if findings:
        return None, findings
    climate = plumber2.read_climate(met, reading) if met else None
    read_fluxes = _fluxes_of(flux) if flux else None
    fluxes = read_fluxes(flux, reading) if flux and read_fluxes else None
    parts = [part for part in (climate, fluxes) if part is not None]
    if not any(part.present.any() for part in parts):
        message = f"no month with {reading.minimum_coverage:.0%} of its time in the file"
        return None, [Finding(str(path), "time", "", message, "Give a longer series.")]
    record = _record(path, met, flux, climate, fluxes, notes)
    return record, [finding for part in parts for finding in part.findings]


def _fluxes_of(series: PointSeries) -> Callable[[PointSeries, Reading], RecordPart] | None:
    """Reader of the fluxes of a file; None where it has none."""
    for reader in (plumber2, callmip):
        if series.values.keys() & set(reader.FLUX_NAMES):
            return reader.read_fluxes
    return None


def _companion(path: Path, kind: str) -> tuple[PointSeries | None, list[str], list[Finding]]:
    """The file of the other kind beside a file, notes, and findings of what is wrong in it.

    Of several the one of the same years, then of the same source, then of half-hours is taken.
    """
    own = _NAME.fullmatch(path.name)
    if own is None:
        note = f"{path.name}: no {kind} file is looked for, the name has not the form of a pair"
        return None, [note], []
    folders = [path.parent, *_siblings(path.parent, kind)]
    matches = [
        (match, file)
        for folder in folders
        for file in sorted(folder.iterdir())
        if (match := _NAME.fullmatch(file.name))
        and match["site"] == own["site"]
        and match["kind"].lower() == kind.lower()
    ]
    if not matches:
        return None, [f"{path.name}: no {kind} file of {own['site']} beside it"], []
    ranked = sorted(
        matches,
        key=lambda found: (
            found[0]["years"] != own["years"],
            found[0]["source"] != own["source"],
            bool(found[0]["daily"]),
        ),
    )
    taken = ranked[0][1]
    notes = [f"{taken.name} is read with {path.name}"]
    if len(ranked) > 1:
        notes.append(f"not read: {', '.join(file.name for _, file in ranked[1:])}")
    series, _, findings = read_series(taken, _WANTED)
    needed = _CLIMATE if kind == "Met" else {*plumber2.FLUX_NAMES, *callmip.FLUX_NAMES}
    if findings:
        return None, notes, findings
    if series is None or not needed & series.values.keys():
        what = "climate" if kind == "Met" else "carbon flux"
        return None, [f"{taken.name} beside {path.name} has no {what}"], []
    return series, [*notes, *series.notes], []


def _siblings(folder: Path, kind: str) -> list[Path]:
    """Folders called as the kind beside a folder that is called Met or Flux."""
    if folder.resolve().name.lower() not in ("met", "flux"):
        return []
    parent = folder.resolve().parent
    return [f for f in sorted(parent.iterdir()) if f.is_dir() and f.name.lower() == kind.lower()]


def _tower(series: PointSeries) -> str | None:
    """Id of the tower: the file's attribute, else from its name."""
    stated = str(series.globals.get("site_code", "")).strip()
    name = _NAME.fullmatch(series.path.name)
    return stated or (name["site"] if name else None)


def _other_tower(met: PointSeries, flux: PointSeries) -> list[Finding]:
    """Finding where the two files are of different towers."""
    of_met, of_flux = _tower(met), _tower(flux)
    if of_met is None or of_flux is None or of_met == of_flux:
        return []
    message = f"{of_flux!r} here, {of_met!r} in {met.path.name}"
    return [flux.finding("site_code", message, "Put the files of one tower together.")]


def _record(
    path: Path,
    met: PointSeries | None,
    flux: PointSeries | None,
    climate: RecordPart | None,
    fluxes: RecordPart | None,
    notes: list[str],
) -> TowerRecord:
    """Both parts on the calendar years that either has."""
    parts = [part for part in (climate, fluxes) if part is not None]
    whole = [int(year) for part in parts for year in part.years[part.present.any(axis=1)]]
    years = np.arange(min(whole), max(whole) + 1)
    present = np.zeros((years.size, 12), dtype=bool)
    for part in parts:
        present |= _on_years(part.present, part, years, False)
    held = {
        name: _values_on_years(values, part, years)
        for part in parts
        for name, values in part.values.items()
    }
    if fluxes is None:
        absent = dict.fromkeys(OBSERVED, notes[-1])  # why there is no Flux file
    else:
        absent = {"soil_temperature": "the product has none"} | fluxes.absent
    absent |= climate.absent if climate else {}
    for name in [n for n in OBSERVED if n in held and not np.isfinite(held[n].values).any()]:
        absent[name] = f"no month of {held.pop(name).source} has values for enough of its time"
    mixed = [f"{v.source} is {v.partition}" for v in held.values() if v.partition]
    if len({v.partition for v in held.values() if v.partition}) > 1:
        notes = [*notes, f"of two partitions: {', '.join(mixed)} (--partition takes one)"]
    files = {series.path: series for series in (met, flux) if series is not None}
    main = next(iter(files.values()))
    daily = flux is not None and _fluxes_of(flux) is callmip.read_fluxes
    location = {**(flux.location if flux else {}), **(met.location if met else {})}
    return TowerRecord(
        file=str(path),
        product="CalLMIP" if daily else "PLUMBER2",
        tower=_tower(main),
        years=years,
        present=present,
        climate={n: v for n, v in held.items() if n not in OBSERVED},
        observed={n: v for n, v in held.items() if n in OBSERVED},
        absent=absent,
        usual={
            name: (" or ".join(plumber2.CLIMATE_NAMES[name]), "")
            for name in absent
            if name not in OBSERVED
        },
        notes=tuple([*notes, *(note for part in parts for note in part.notes)]),
        location=location,
        facts={**(flux.facts if flux else {}), **(met.facts if met else {})},
        sources=tuple(series.source for series in files.values()),
    )


def _on_years(values: np.ndarray, part: RecordPart, years: np.ndarray, empty) -> np.ndarray:
    """Monthly array on other calendar years, ``empty`` where the part has none."""
    spread = np.full((years.size, 12), empty, dtype=values.dtype)
    _, to, of = np.intersect1d(years, part.years, return_indices=True)
    spread[to] = values[of]
    return spread


def _values_on_years(values: MonthlyValues, part: RecordPart, years: np.ndarray) -> MonthlyValues:
    spread = {
        name: None if array is None else _on_years(array, part, years, np.nan)
        for name in ("values", "quality", "sd")
        for array in (getattr(values, name),)
    }
    return dataclasses.replace(values, **spread)

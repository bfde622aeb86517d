"""A place to run: location, forcing, observations and parameter set in one object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from temjax.files.findings import DataError, Finding, nearest
from temjax.forcing import Forcing, Location
from temjax.parameters.files import load_parameters, replace_parameters
from temjax.parameters.registry import Parameters
from temjax.sites.entry import CLIMATE, SiteEntry, Trap, read_entry
from temjax.sites.history import site_forcing
from temjax.sites.observations import OBSERVED, AnnualFigure, MonthlySeries, Observations


@dataclass(frozen=True)
class Site:
    """One place.

    Attributes:
        name: short name, used in file names.
        title: name for people.
        location: latitude, elevation, texture, vegetation.
        forcing: monthly climate and CO2, ``(year, 12)``.
        observations: what was measured there.
        parameter_set: name of the published or first-guess set.
        parameter_overrides: values of this place that replace those of the set.
        notes: known faults of the data and choices made while reading, for people.
        sources: where the climate came from.
        longitude: degrees east, NaN where unknown; the model does not use it.
    """

    name: str
    title: str
    location: Location
    forcing: Forcing
    observations: Observations
    parameter_set: str
    parameter_overrides: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    longitude: float = float("nan")

    def parameters(self, base: Parameters | None = None) -> Parameters:
        """The parameter set with the values of this place.

        Args:
            base: replaces the named set; the site's own values still go on top.
        """
        start = load_parameters(self.parameter_set) if base is None else base
        return replace_parameters(start, **self.parameter_overrides)


def names() -> tuple[str, ...]:
    """Names of the catalog."""
    folder = files("temjax.sites") / "catalog"
    found = (item.name for item in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


@cache
def catalog_entry(name: str) -> SiteEntry:
    """The catalog's description of a place.

    Raises:
        DataError: no such place.
    """
    if name not in names():
        fault = Finding("catalog", "site", "", f"unknown site {name!r}", nearest(name, names()))
        raise DataError([fault])
    with as_file(files("temjax.sites") / "catalog" / f"{name}.toml") as path:
        return read_entry(path)


def entry_of_fluxnet(fluxnet_id: str | None) -> SiteEntry | None:
    """Catalog entry of a FLUXNET site id, None where the catalog has none."""
    if fluxnet_id is None:
        return None
    entries = (catalog_entry(name) for name in names())
    return next((entry for entry in entries if entry.fluxnet_id == fluxnet_id), None)


def load(name: str) -> Site:
    """A place of the catalog, with its climatology as forcing and observation.

    The tower's own months need the tower's file: ``sites.read_fluxnet``.

    Raises:
        DataError: no such place, with the nearest names.
    """
    return site_from_entry(catalog_entry(name))


def read_site(path: str | Path) -> Site:
    """A place described by a site file that carries its climatology.

    Raises:
        DataError: naming the file, every wrong key and the mend.
    """
    entry = read_entry(path)
    if not entry.climatology:
        mend = "Add [climatology.*] tables, or give a FLUXNET file with --site."
        raise DataError([Finding(str(path), "climatology", "", "no climate given", mend)])
    return site_from_entry(entry)


def site_from_entry(entry: SiteEntry) -> Site:
    """Site whose forcing and observations are the entry's climatology."""
    assert entry.period is not None  # the entry's validator has seen to it
    history = entry.history
    climate = {name: np.asarray(entry.climatology[name].mean) for name in CLIMATE}
    forcing = site_forcing(
        climate,
        entry.period,
        warming=history.warming if history else "none",
        first_year=history.first_year if history else entry.period[0],
    )
    monthly = {}
    for name in OBSERVED:
        table = entry.climatology.get(name)
        if table is None:
            continue
        values = np.asarray([table.mean])
        monthly[name] = MonthlySeries(
            variable=name,
            unit=table.unit,
            period=entry.period,
            values=values,
            sd=np.full_like(values, np.nan) if table.sd is None else np.asarray([table.sd]),
            suspect=suspect_months(entry.traps, name, entry.period, partition="DT", mean=True),
            source=table.source,
            depth=table.depth,
        )
    sources = dict.fromkeys(entry.climatology[name].source for name in CLIMATE)
    notes = (f"history: {history.source}",) if history else ()
    return make_site(entry, forcing, monthly, sources=tuple(sources), partition="DT", notes=notes)


def make_site(
    entry: SiteEntry,
    forcing: Forcing,
    monthly: Mapping[str, MonthlySeries],
    *,
    sources: tuple[str, ...],
    partition: str,
    notes: tuple[str, ...] = (),
) -> Site:
    """Site of an entry with the forcing and monthly observations a reader made."""
    annual: dict[str, tuple[AnnualFigure, ...]] = {}
    for row in (*entry.annual, *entry.published):
        if row.year is not None:
            figure = AnnualFigure(row.year, row.value, row.unit, row.source)
            annual[row.variable] = (*annual.get(row.variable, ()), figure)
    assumed = [f"{key} assumed: {text}" for key, text in _assumptions(entry)]
    return Site(
        name=entry.name,
        title=entry.title,
        location=entry.model_location,
        forcing=forcing,
        observations=Observations(
            monthly=dict(monthly),
            stocks=dict(entry.stocks),
            annual=annual,
        ),
        parameter_set=entry.vegetation.parameter_set,
        parameter_overrides={k: v.value for k, v in entry.vegetation.overrides.items()},
        notes=(
            *(
                f"{trap.variable}: {trap.text}"
                for trap in entry.traps
                if trap.partition in (None, partition)
            ),
            *notes,
            *assumed,
        ),
        sources=sources,
        longitude=float("nan") if entry.location.longitude is None else entry.location.longitude,
    )


def suspect_months(
    traps: list[Trap], variable: str, period: tuple[int, int], *, partition: str, mean: bool = False
) -> np.ndarray:
    """Months that a known fault makes unfit to fit, ``(year, 12)``.

    With ``mean`` the period is one mean year ``(1, 12)``: faults of single years do not condemn
    it, faults of a month in every year do.
    """
    years = np.arange(period[0], period[1] + 1)
    marked = np.zeros((1 if mean else years.size, 12), dtype=bool)
    for trap in traps:
        if not trap.suspect or trap.variable != variable:
            continue
        if trap.partition not in (None, partition) or (mean and trap.years):
            continue
        rows = np.isin(years, trap.years) if trap.years else np.ones(len(marked), dtype=bool)
        months = np.isin(np.arange(1, 13), trap.months) if trap.months else np.ones(12, dtype=bool)
        marked |= rows[:, None] & months
    return marked


def _assumptions(entry: SiteEntry) -> list[tuple[str, str]]:
    """What the entry itself calls assumed."""
    rows = [("texture", entry.soil.source)] if entry.soil.assumed else []
    rows += [(k, v.source) for k, v in entry.vegetation.overrides.items() if v.assumed]
    rows += [(k, v.source) for k, v in entry.stocks.items() if v.assumed]
    return rows

"""Site: location, forcing, observations and parameter set in one object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from temjax.files.findings import DataError, Finding, nearest, raise_findings
from temjax.forcing import Forcing, Location
from temjax.parameters.files import load_parameters, replace_parameters
from temjax.parameters.registry import Parameters
from temjax.sites.entry import CLIMATE, SiteEntry, check_whole_climatology, read_entry
from temjax.sites.history import site_forcing
from temjax.sites.observations import OBSERVED, AnnualValue, MonthlySeries, Observations
from temjax.sites.traps import doubts, trap_notes, widened


@dataclass(frozen=True)
class Site:
    """Site of a single-point run.

    Attributes:
        name: short name, used in file names.
        title: name in texts and figures.
        location: latitude, elevation, texture, vegetation.
        forcing: monthly climate and CO2, ``(year, 12)``.
        observations: monthly series, stocks and annual values.
        parameter_set: name of the published or first-guess set.
        parameter_overrides: parameter values of the site that replace those of the set.
        notes: known faults of the data and choices made while reading, as sentences.
        sources: of the climate.
        longitude: degrees east, NaN where unknown; the model does not use it.
        product: of the observations, such as ``FLUXNET2015``; empty where they have none.
        absent: observed variables that the site lacks -> the reason, a clause.
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
    product: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)

    def parameters(self, base: Parameters | None = None) -> Parameters:
        """Parameter set with the values of the site.

        Args:
            base: replaces the named set; the site's own values still go on top.
        """
        base = load_parameters(self.parameter_set) if base is None else base
        return replace_parameters(base, **self.parameter_overrides)


def names() -> tuple[str, ...]:
    """Names of the sites in the catalog."""
    folder = files("temjax.sites") / "catalog"
    file_names = (item.name for item in folder.iterdir())
    return tuple(sorted(n.removesuffix(".toml") for n in file_names if n.endswith(".toml")))


@cache
def catalog_entry(name: str) -> SiteEntry:
    """Catalog entry of a site.

    Raises:
        DataError: no such site.
    """
    if name not in names():
        fault = Finding("catalog", "site", "", f"unknown site {name!r}", nearest(name, names()))
        raise DataError([fault])
    with as_file(files("temjax.sites") / "catalog" / f"{name}.toml") as path:
        return read_entry(path)


def entry_of_fluxnet(fluxnet_id: str | None) -> SiteEntry | None:
    """Catalog entry of a FLUXNET site id; None if there is none."""
    if fluxnet_id is None:
        return None
    entries = (catalog_entry(name) for name in names())
    return next((entry for entry in entries if entry.fluxnet_id == fluxnet_id), None)


def load(name: str) -> Site:
    """Site of the catalog, with its climatology as forcing and observations.

    The months of the tower need its file: ``sites.read_fluxnet``.

    Raises:
        DataError: no such site, with the nearest names.
    """
    return site_from_entry(catalog_entry(name))


def read_site(path: str | Path) -> Site:
    """Site of a site file that has a climatology.

    Raises:
        DataError: every fault, with file, key and mend.
    """
    entry = read_entry(path)
    raise_findings(check_whole_climatology(entry, file=str(path)))
    if entry.history is not None and entry.history.climate not in (None, "mean-year"):
        message = "goes with a tower's file; without one the climate is the climatology"
        mend = "Give a tower's file with --site, or remove this key."
        raise DataError([Finding(str(path), "history.climate", "", message, mend)])
    return site_from_entry(entry)


def site_from_entry(entry: SiteEntry) -> Site:
    """Site whose forcing and observations are the climatology of an entry."""
    assert entry.period is not None  # by check_whole_climatology
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
        doubt = doubts(
            entry.traps, name, entry.period, partition="DT", product=entry.product, mean=True
        )
        monthly[name] = MonthlySeries(
            variable=name,
            unit=table.unit,
            period=entry.period,
            values=values,
            sd=widened(
                np.full_like(values, np.nan) if table.sd is None else np.asarray([table.sd]),
                doubt.sd,
            ),
            suspect=doubt.suspect,
            source=table.source,
            depth=table.depth,
        )
    sources = dict.fromkeys(entry.climatology[name].source for name in CLIMATE)
    notes = (f"history: {history.source}",) if history else ()
    return make_site(
        entry,
        forcing,
        monthly,
        sources=tuple(sources),
        partition="DT",
        notes=notes,
        product=entry.product,
    )


def make_site(
    entry: SiteEntry,
    forcing: Forcing,
    monthly: Mapping[str, MonthlySeries],
    *,
    sources: tuple[str, ...],
    partition: str,
    notes: tuple[str, ...] = (),
    product: str = "",
    absent: Mapping[str, str] | None = None,
) -> Site:
    """Site of an entry with given forcing and monthly observations."""
    annual: dict[str, tuple[AnnualValue, ...]] = {}
    for row in (*entry.annual, *entry.published):
        if row.year is not None:
            value = AnnualValue(row.year, row.value, row.unit, row.source)
            annual[row.variable] = (*annual.get(row.variable, ()), value)
    assumed = [f"{key} assumed: {text}" for key, text in _assumptions(entry)]
    periods = [series.period for series in monthly.values()]
    years = {year for first, last in periods for year in range(first, last + 1)}
    return Site(
        name=entry.name,
        title=entry.title,
        location=entry.model_location,
        forcing=forcing,
        observations=Observations(
            monthly=dict(monthly),
            stocks=dict(entry.stocks),
            type_stocks=dict(entry.type_stocks),
            thaw_depth=None if entry.thaw_depth is None else entry.thaw_depth.stock,
            annual=annual,
            profiles=tuple(table.profile for table in entry.profiles),
        ),
        parameter_set=entry.vegetation.parameter_set,
        parameter_overrides={k: v.value for k, v in entry.vegetation.overrides.items()},
        notes=(
            *trap_notes(entry.traps, years, partition=partition, product=product),
            *notes,
            *assumed,
        ),
        sources=sources,
        longitude=float("nan") if entry.location.longitude is None else entry.location.longitude,
        product=product,
        absent=dict(absent or {}),
    )


def _assumptions(entry: SiteEntry) -> list[tuple[str, str]]:
    """Name and source of every value of an entry that is marked as assumed."""
    rows = [("texture", entry.soil.source)] if entry.soil.assumed else []
    rows += [(k, v.source) for k, v in entry.vegetation.overrides.items() if v.assumed]
    rows += [(k, v.source) for k, v in entry.stocks.items() if v.assumed]
    rows += [(f"{k} of the type", v.source) for k, v in entry.type_stocks.items() if v.assumed]
    if entry.thaw_depth is not None and entry.thaw_depth.assumed:
        rows.append(("thaw depth", entry.thaw_depth.source))
    return rows

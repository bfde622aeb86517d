"""Regions from xarray datasets in memory, stored as the input files of a run.

The stored files go through the same readers and checks as any others, and the run folder is enough
to repeat the run. ``climate`` holds monthly air temperature, precipitation and shortwave
``(time, lat, lon)``, recognised by name or CF standard name, and CO2 by year or month; ``domain``
holds ``vegetation``, ``sand``, ``silt``, ``clay``, ``elevation`` and, optionally, ``mask``
``(lat, lon)``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.atomic import atomic_write
from temjax.files.findings import DataError, Finding, nearest, raise_findings
from temjax.parameters.files import parameter_set_names
from temjax.regional.experiment.experiment import Experiment, parse_experiment
from temjax.regional.experiment.settings import GriddedClimate, GriddedDomain, Protocol
from temjax.regional.inputs.climate import VARIABLES
from temjax.regional.inputs.folder import kind_of

CALL = "project()"  # in findings of its arguments
CLIMATE, DOMAIN = "climate (in memory)", "domain (in memory)"
CO2_FILE, DOMAIN_FILE = "co2.nc", "domain.nc"
_FIELDS = ("vegetation", "sand", "silt", "clay", "elevation")
_COORDINATES = ("lat", "latitude", "lon", "longitude", "y", "x", "time", "year")
_ATTRIBUTES = ("units", "standard_name", "calendar")
_JULY = 7
_DEFAULTS = {
    "name": "region", "title": "Region from datasets in memory", "region": "region",
    "member": "climate", "scenario": "in-memory",
}  # fmt: skip
# arguments that belong to a table of an experiment file; the others are keys of its first level
_TABLES = {
    **dict.fromkeys(Protocol.model_fields.keys() - {"kind"}, "protocol"),
    **dict.fromkeys(("classes", "cell_area_km2", "synthetic"), "domain"),
    **dict.fromkeys(("member", "scenario", "repair"), "climate"),
}
_TOP_LEVEL = set(Experiment.model_fields) - {"domain", "climate", "protocol", "parameters"}


def experiment_from_datasets(
    climate: xr.Dataset | Mapping[str, xr.Dataset],
    domain: xr.Dataset,
    folder: Path,
    settings: Mapping[str, object],
) -> Experiment:
    """Store datasets as files and build the experiment that reads them.

    Args:
        climate: of all years, or several datasets in time order by label.
        domain: maps of the cells. ``vegetation`` holds names of parameter sets, or numbers of the
            setting ``classes``; cells without one, and those where ``mask`` is 0, are outside.
        folder: of the files, created if needed.
        settings: keys of an experiment file without their tables: periods of the protocol,
            ``classes``, ``cell_area_km2``, ``member``, ``scenario``, ``run`` …

    Raises:
        DataError: settings or variables that are missing, unknown or of the wrong kind; values are
            checked when the experiment reads its files.
    """
    document = _document(settings)
    parts = {"": climate} if isinstance(climate, xr.Dataset) else dict(climate)
    sources = {label: f"{CLIMATE}{f' {label!r}' if label else ''}" for label in parts}
    first = next(iter(parts))
    names, findings = _climate_names(parts[first], sources[first])
    classes, fields = _domain_fields(domain, document["domain"], findings)
    raise_findings(findings)
    folder.mkdir(parents=True, exist_ok=True)
    _store(fields, folder / DOMAIN_FILE, DOMAIN)
    document["domain"] |= {
        "kind": "gridded",
        "folder": str(folder.absolute()),
        "classes": classes,
        **{name: {"file": DOMAIN_FILE, "variable": name} for name in fields if name != "mask"},
    }
    if "mask" in fields:
        document["domain"]["permafrost"] = {"file": DOMAIN_FILE, "variable": "mask"}
    files = []
    for number, (label, dataset) in enumerate(parts.items()):
        file = f"climate{f'_{number + 1}' if len(parts) > 1 else ''}.nc"
        variables = [names[kind] for kind in VARIABLES if names[kind] in dataset]
        _store(_select(dataset, variables), folder / file, sources[label])
        files.append({"file": file, "label": label or str(document["climate"]["member"])})
    co2 = _annual_co2([(sources[label], dataset) for label, dataset in parts.items()])
    _store(co2, folder / CO2_FILE, CLIMATE)
    document["climate"] |= {
        "kind": "monthly-netcdf",
        "folder": str(folder.absolute()),
        "files": files,
        **{kind: names[kind] for kind in VARIABLES},
        "co2": [{"file": CO2_FILE, "variable": "co2"}],
    }
    return parse_experiment(document, folder, CALL)


def name_datasets(findings: Iterable[Finding], experiment: Experiment) -> list[Finding]:
    """Findings of stored files under the names of the datasets they were stored from."""
    labels = {}
    if isinstance(experiment.domain, GriddedDomain):
        labels[str(experiment.domain.folder)] = "datasets (in memory)"
        labels[str(experiment.domain.folder / DOMAIN_FILE)] = DOMAIN
    if isinstance(experiment.climate, GriddedClimate):
        files, folder = experiment.climate.files, experiment.climate.folder
        for part in files:
            label = f" {part.label!r}" if len(files) > 1 else ""
            labels[str(folder / part.file)] = f"{CLIMATE}{label}"
        labels[str(folder / CO2_FILE)] = CLIMATE
    return [replace(fault, file=labels.get(fault.file, fault.file)) for fault in findings]


def _document(settings: Mapping[str, object]) -> dict:
    """Tables of an experiment file with the settings in their places, and defaults."""
    known = {*_TABLES, *_TOP_LEVEL}
    raise_findings(
        Finding(CALL, key, "", "unknown argument", nearest(key, known))
        for key in settings
        if key not in known
    )
    document: dict = {"domain": {}, "climate": {}, "protocol": {}}
    for key, value in {**_DEFAULTS, **settings}.items():
        table = document[_TABLES[key]] if key in _TABLES else document
        table[key] = asdict(value) if is_dataclass(value) else value
    protocol = document["protocol"]
    if "equilibrium_years" in protocol:
        protocol.setdefault("spin_up_years", protocol["equilibrium_years"])
    return document


def _climate_names(dataset: xr.Dataset, source: str) -> tuple[dict[str, str], list[Finding]]:
    """Names of the model's drivers in a dataset, and findings of absent and ambiguous ones."""
    names, findings = {}, []
    for kind in VARIABLES:
        matching = [str(n) for n in dataset.data_vars if kind_of(str(n), dataset[n]) == kind]
        if not matching:
            known = ", ".join(map(str, dataset.data_vars))
            mend = f"Name it {kind}, or give it the CF standard name. The dataset has: {known}."
            findings.append(Finding(source, kind, "", "variable is not in the dataset", mend))
        elif len(matching) > 1:
            message = f"{' and '.join(matching)} are of one kind"
            findings.append(Finding(source, kind, "", message, "Drop all but one."))
        names[kind] = matching[0] if matching else ""
    return names, findings


def _domain_fields(
    domain: xr.Dataset, settings: dict, findings: list[Finding]
) -> tuple[dict[int, str], xr.Dataset]:
    """Classes and numeric fields of a domain; faults are added to ``findings``."""
    absent = [name for name in _FIELDS if name not in domain]
    known = [str(name) for name in domain.data_vars]
    for name in absent:
        hint = nearest(name, known) if known else "The dataset is empty."
        findings.append(Finding(DOMAIN, name, "", "variable is not in the dataset", hint))
    if absent:
        return {}, domain
    fields = _select(domain, [*_FIELDS, *(["mask"] if "mask" in domain else [])])
    vegetation = fields["vegetation"]
    classes = {int(number): str(name) for number, name in settings.get("classes", {}).items()}
    if vegetation.dtype.kind in "OUS":
        types = np.array(
            [name if isinstance(name, str) else "" for name in vegetation.values.ravel()]
        ).reshape(vegetation.shape)
        classes = {number: name for number, name in enumerate(parameter_set_names(), start=1)}
        numbers = {name: number for number, name in classes.items()}
        for name in sorted(set(types.ravel()) - {"", *numbers}):
            message = f"{name!r} is no parameter set"
            at = str(tuple(int(index) for index in np.argwhere(types == name)[0]))
            hint = nearest(name, numbers)
            findings.append(Finding(DOMAIN, "vegetation", f"cell {at}", message, hint))
        numeric = [numbers.get(name, np.nan) for name in types.ravel()]
        values = np.array(numeric, dtype=float).reshape(types.shape)
        fields["vegetation"] = fields["vegetation"].copy(data=values)
        used = {numbers[name] for name in set(types.ravel()) & set(numbers)}
        classes = {number: name for number, name in classes.items() if number in used}
    elif not classes:
        mend = "Give classes={number: name of a parameter set}, or names in vegetation."
        findings.append(Finding(CALL, "classes", "", "missing", mend))
    if "mask" in fields:
        fields["mask"] = fields["mask"].astype(float)
    return classes, fields


def _select(dataset: xr.Dataset, names: list[str]) -> xr.Dataset:
    """Variables with the coordinates of their grid, latitude and longitude last."""
    mapping = [name for name in dataset.variables if "grid_mapping_name" in dataset[name].attrs]
    coordinates = [name for name in (*_COORDINATES, *mapping) if name in dataset.variables]
    selected = dataset.reset_coords()[[*names, *coordinates]].set_coords(coordinates)
    latitude = next((selected[n] for n in ("lat", "latitude") if n in selected.coords), None)
    longitude = next((selected[n] for n in ("lon", "longitude") if n in selected.coords), None)
    if latitude is None or longitude is None:
        return selected
    horizontal = latitude.dims if latitude.ndim == 2 else (*latitude.dims, *longitude.dims)
    leading = [dim for dim in ("time",) if dim in selected.dims]
    return selected.transpose(*leading, ..., *horizontal, missing_dims="ignore")


def _annual_co2(parts: list[tuple[str, xr.Dataset]]) -> xr.Dataset:
    """CO2 by year from datasets that have it by year or by month, of which July is taken."""
    years, values, units = [], [], ""
    for source, dataset in parts:
        name = next((n for n in dataset.data_vars if kind_of(str(n), dataset[n]) == "co2"), None)
        if name is None:
            continue
        co2 = dataset[name]
        units = str(co2.attrs.get("units", ""))
        if co2.dims == ("year",) and "year" in co2.coords:
            years.append(co2["year"].values)
            values.append(co2.values)
        elif co2.dims == ("time",):
            year, month = _calendar(dataset, source)
            years.append(year[month == _JULY])
            values.append(co2.values[month == _JULY])
        else:
            mend = "Give co2(year) with a year coordinate, or co2(time)."
            raise DataError([Finding(source, str(name), "", f"has dimensions {co2.dims}", mend)])
    if not years:
        mend = "Add co2(year) or co2(time) in ppm."
        raise DataError([Finding(CLIMATE, "co2", "", "variable is not in the dataset", mend)])
    series = xr.DataArray(
        np.concatenate(values), {"year": np.concatenate(years)}, ("year",), attrs={"units": units}
    )
    return xr.Dataset({"co2": series})


def _calendar(dataset: xr.Dataset, source: str) -> tuple[NDArray, NDArray]:
    """Year and month of every record of the time axis."""
    try:
        time = xr.decode_cf(dataset[["time"]])["time"]
        return time.dt.year.values, time.dt.month.values
    except (KeyError, ValueError, AttributeError, TypeError, OverflowError) as error:
        mend = "Give CF time, or datetime objects."
        raise DataError([Finding(source, "time", "", f"no dates ({error})", mend)]) from error


def _store(dataset: xr.Dataset, path: Path, source: str) -> None:
    """Write a dataset as NetCDF without the attributes and encoding of where it came from."""
    plain = dataset.drop_encoding()
    plain.attrs = {}
    for name, variable in dataset.variables.items():
        mapping = "grid_mapping_name" in variable.attrs
        plain[name].attrs = {
            key: value for key, value in variable.attrs.items() if mapping or key in _ATTRIBUTES
        }
    try:
        with atomic_write(path) as partial:
            plain.to_netcdf(partial, engine="netcdf4")
    except (ValueError, TypeError) as error:
        mend = "Give numbers on latitude and longitude, and CF time."
        message = f"cannot be stored ({error})"
        raise DataError([Finding(source, "", "", message, mend)]) from error

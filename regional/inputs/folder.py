"""Check of a folder of NetCDF input without an experiment file.

Variables are recognised by CF standard name or by the names that ISIMIP, CRU and TEM use; those
that are recognised are checked, all others are ignored.
"""

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.findings import Finding
from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.gridded import Field, Reader
from temjax.regional.inputs.time_axis import whole_years
from temjax.regional.inputs.units import to_model_units
from temjax.runs.validation import check_climate, check_texture

_NAMES = {
    "air_temperature": {"air_temperature", "tair", "tas", "tmp", "temp", "ta"},
    "precipitation": {"precipitation", "precip", "pr", "pre", "prec"},
    "shortwave": {"shortwave", "nirr", "rsds", "swdown", "sw_in"},
    "co2": {"co2"},
}
_STANDARD_NAMES = {
    "air_temperature": "air_temperature",
    "precipitation_amount": "precipitation",
    "precipitation_flux": "precipitation",
    "lwe_thickness_of_precipitation_amount": "precipitation",
    "downwelling_shortwave_flux_in_air": "shortwave",
    "surface_downwelling_shortwave_flux_in_air": "shortwave",
    "mole_fraction_of_carbon_dioxide_in_air": "co2",
}
_FRACTIONS = ("sand", "silt", "clay")


def check_folder(folder: Path) -> list[Finding] | None:
    """Check the climate, CO2 and texture files of a folder; None if it holds no NetCDF."""
    files = sorted(file.name for file in folder.glob("*.nc*"))
    if not files:
        return None
    reader = Reader(folder)
    for file in files:
        dataset = reader.open(file)
        if dataset is not None:
            with dataset:
                _check_dataset(reader, file, dataset)
    return reader.findings


def kind_of(name: str, array: xr.DataArray) -> str | None:
    """Identify which of the model's drivers a variable is; None if it is none."""
    standard = array.attrs.get("standard_name", "")
    if standard in _STANDARD_NAMES:
        return _STANDARD_NAMES[standard]
    return next((kind for kind, names in _NAMES.items() if name.casefold() in names), None)


def _check_dataset(reader: Reader, file: str, dataset: xr.Dataset) -> None:
    path = str(reader.folder / file)
    kinds = {
        str(name): kind
        for name in dataset.data_vars
        if (kind := kind_of(str(name), dataset[name])) is not None
    }
    years = None
    if any("time" in dataset[name].dims for name in kinds):
        years = whole_years(reader, path, dataset)
    for name, kind in kinds.items():
        field = reader.read_variable(dataset, Variable(file=file, variable=name))
        if field is None:
            continue
        if field.values.ndim == 0:
            reader.add_finding(path, name, "is a single number", "Give monthly or yearly values.")
            continue
        values = to_model_units(reader, path, name, kind, field.units, _monthly(field, years))
        if values is not None:
            _check_values(reader, path, name, kind, values, field, years)
    _check_texture(reader, path, dataset)


def _monthly(field: Field, years: NDArray | None) -> NDArray:
    """Values as ``(year, 12, row, column)`` where the years are complete, unchanged otherwise."""
    if years is None or field.values.shape[0] != 12 * years.size:
        return field.values
    return field.values.reshape(years.size, 12, *field.values.shape[1:])


def _check_values(
    reader: Reader,
    path: str,
    name: str,
    kind: str,
    values: NDArray,
    field: Field,
    years: NDArray | None,
) -> None:
    complete = years is not None and values.ndim == 4
    latitude = None
    if field.grid is not None:
        latitude = field.grid.fields()[0]
        outside = np.argwhere(~(np.abs(latitude) <= 90))
        if outside.size:
            row, column = outside[0]
            reader.add_finding(
                path, "lat", f"latitude {latitude[row, column]:g} is out of range",
                "Give degrees north, -90 to 90.", f"cell ({row}, {column})",
            )  # fmt: skip
            latitude = None

    def place(at: tuple[int, ...]) -> str:
        if not complete:
            return f"record {at[0]}" + (f", cell {at[1:]}" if at[1:] else "")
        record = 12 * at[0] + at[1]
        return f"record {record} ({years[at[0]]}-{at[1] + 1:02d}), cell ({at[2]}, {at[3]})"

    reader.findings += check_climate(
        {kind: values.astype(float)},
        latitude=latitude if complete else None,
        file=path,
        names={kind: name},
        index_text=place,
    )


def _check_texture(reader: Reader, path: str, dataset: xr.Dataset) -> None:
    """Check that sand, silt and clay of one file sum to 100 in every cell."""
    names = {
        fraction: next((v for v in dataset.data_vars if fraction in str(v).casefold()), None)
        for fraction in _FRACTIONS
    }
    if None in names.values():
        return
    loaded = [reader.load_values(path, dataset[names[name]]) for name in _FRACTIONS]
    if any(values is None for values in loaded):
        return
    if len({values.shape for values in loaded}) > 1:
        reader.add_finding(path, "texture", "sand, silt and clay differ in shape", "Give one grid.")
        return
    fractions = np.stack([np.asarray(values, float) for values in loaded])
    faults = 0
    for at in np.ndindex(fractions.shape[1:]):
        cell = fractions[(slice(None), *at)]
        findings = np.isfinite(cell).any() and check_texture(*map(float, cell), file=path)
        if findings and not faults:
            first, place = findings[0], at
        faults += bool(findings)
    if faults:
        reader.add_finding(
            path, first.variable, f"{first.message} ({faults} such cells)", first.mend,
            f"cell {place}",
        )  # fmt: skip

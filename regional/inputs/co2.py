"""Annual CO2 of text files (year and ppm a line) and of NetCDF files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.gridded import Reader
from temjax.regional.inputs.units import to_model_units
from temjax.runs.validation import check_climate


def text_co2(reader: Reader, paths: Iterable[Path], years: NDArray) -> NDArray:
    """July CO2 of calendar years from text files, ppmv."""
    series: dict[int, float] = {}
    for path in paths:
        series |= _read_text(reader, path)
    absent = [int(year) for year in years if int(year) not in series]
    if absent and not reader.findings:
        reader.add_finding(
            str(reader.folder), "co2", f"no CO2 for {len(absent)} of the climate's years",
            "Give text files with lines of year and ppm for all of them.", f"year {absent[0]}",
        )  # fmt: skip
    co2 = np.array([series.get(int(year), np.nan) for year in years])
    if not reader.findings:
        reader.findings += check_climate(
            {"co2": co2[:, None]}, file=str(reader.folder),
            index_text=lambda at: f"year {years[at[0]]}",
        )  # fmt: skip
    return co2


def netcdf_co2(reader: Reader, sources: Sequence[Variable], years: NDArray | None) -> NDArray:
    """July CO2 of calendar years from NetCDF files, ppmv; without years only their faults."""
    series: dict[int, float] = {}
    for source in sources:
        series |= _read_netcdf(reader, source)
    if years is None:
        return np.empty(0)
    absent = [year for year in years.tolist() if year not in series]
    if absent and series:
        reader.add_finding(
            str(reader.folder / sources[-1].file), sources[-1].variable,
            f"CO2 lacks {len(absent)} of the climate's years",
            "Give CO2 for every year of the climate.", f"year {absent[0]}",
        )  # fmt: skip
    return np.array([series.get(year, np.nan) for year in years.tolist()])


def _read_text(reader: Reader, path: Path) -> dict[int, float]:
    series = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split("#")[0].split()
        if not fields:
            continue
        try:
            series[int(float(fields[0]))] = float(fields[1])
        except (ValueError, IndexError):
            reader.add_finding(
                str(path), "co2", f"{line.strip()!r} is not a year and a number",
                "Write one year and its ppm per line.", f"line {number}",
            )  # fmt: skip
            break
    return series


def _read_netcdf(reader: Reader, source: Variable) -> dict[int, float]:
    dataset = reader.open(source.file)
    if dataset is None:
        return {}
    path = str(reader.folder / source.file)
    with dataset:
        gridded = reader.read_variable(dataset, source)
        if gridded is None:
            return {}
        years = None
        if "year" in dataset.variables:
            years = reader.load_values(path, dataset["year"])
    if years is None or gridded.values.shape != years.shape or years.ndim != 1:
        reader.add_finding(path, "year", "no yearly series", "Give co2(year) with a year axis.")
        return {}
    values = to_model_units(reader, path, source.variable, "co2", gridded.units, gridded.values)
    if not (np.abs(years) < 1e6).all():
        reader.add_finding(path, "year", "holds no calendar years", "Give whole years.")
        return {}
    if values is None:
        return {}
    years = years.astype(int)
    reader.findings += check_climate(
        {"co2": values[:, None]},
        file=path,
        names={"co2": source.variable},
        index_text=lambda at: f"year {years[at[0]]}",
    )
    return dict(zip(years.tolist(), values.astype(float).tolist(), strict=True))

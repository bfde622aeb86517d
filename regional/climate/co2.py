"""July CO2 of the calendar years of a climate, from NetCDF or text files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temjax.regional.climate.reader import ClimateReader
from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.co2 import read_co2_file, read_co2_text
from temjax.runs.validation import check_climate


def co2_of_files(
    reader: ClimateReader, sources: Sequence[Variable], years: NDArray | None
) -> NDArray:
    """CO2 of years from files that the experiment names, ppmv; without years only their faults."""
    series: dict[int, float] = {}
    for source in sources:
        series |= read_co2_file(reader, source) or {}
    if years is None:
        return np.empty(0)
    last = sources[-1]
    return _of_years(reader, series, years, str(reader.folder / last.file), last.variable)


def co2_of_texts(reader: ClimateReader, paths: Iterable[Path], years: NDArray) -> NDArray:
    """CO2 of years from text files found by name, ppmv."""
    series: dict[int, float] = {}
    for path in paths:
        series |= read_co2_text(reader, path)
    co2 = _of_years(reader, series, years, str(reader.folder), "co2")
    if not reader.findings:
        reader.findings += check_climate(
            {"co2": co2[:, None]}, file=str(reader.folder),
            index_text=lambda at: f"year {years[at[0]]}",
        )  # fmt: skip
    return co2


def _of_years(
    reader: ClimateReader, series: dict[int, float], years: NDArray, file: str, variable: str
) -> NDArray:
    absent = [year for year in years.tolist() if year not in series]
    if absent and not reader.findings:
        reader.add_finding(
            file, variable, f"CO2 lacks {len(absent)} of the climate's years",
            "Give CO2 for every year of the climate.", f"year {absent[0]}",
        )  # fmt: skip
    return np.array([series.get(year, np.nan) for year in years.tolist()])

"""Annual CO2 of ISIMIP text files, history and scenario joined."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temjax.regional.experiment.settings import IsimipClimate
from temjax.regional.inputs.gridded import Reader
from temjax.runs.validation import check_climate

FILE = "co2_{scenario}_*.txt"


def co2_files(folder: Path, scenario: str) -> list[Path]:
    """Text files of annual CO2 of the history or a scenario."""
    return sorted(folder.rglob(FILE.format(scenario=scenario)))


def read_co2(reader: Reader, settings: IsimipClimate, scenario: str, years: NDArray) -> NDArray:
    """Annual CO2 of the history's and the scenario's text files, ppmv."""
    series: dict[int, float] = {}
    for part in (settings.history, scenario):
        for path in co2_files(settings.folder, part):
            series |= _read_co2_text(reader, path)
    absent = [int(year) for year in years if int(year) not in series]
    if absent and not reader.findings:
        reader.add_finding(
            str(settings.folder), "co2", f"no CO2 for {len(absent)} of the climate's years",
            f"Give {FILE.format(scenario=scenario)} with lines of year and ppm.",
            f"year {absent[0]}",
        )  # fmt: skip
    co2 = np.array([series.get(int(year), np.nan) for year in years])
    if not reader.findings:
        reader.findings += check_climate(
            {"co2": co2[:, None]}, file=str(settings.folder),
            index_text=lambda at: f"year {years[at[0]]}",
        )  # fmt: skip
    return co2


def _read_co2_text(reader: Reader, path: Path) -> dict[int, float]:
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

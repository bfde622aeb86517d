"""Climate of a run by month and cell, read again from the forcing files of its record."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.findings import DataError, Finding
from temjax.forcing import MONTH_DAYS
from temjax.outputs import FORCING_VARIABLES
from temjax.regional.climate.load import load_climate
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.experiment.products import Product
from temjax.regional.exports.series import Series
from temjax.regional.inputs.climate import VARIABLES
from temjax.regional.inputs.domain import load_domain
from temjax.regional.member import MASKED
from temjax.regional.results.cf_variables import time_variables
from temjax.regional.results.read_back import StoredMember
from temjax.regional.run.provenance import EXPERIMENT, INPUTS
from temjax.units import SECONDS_PER_DAY, ZERO_CELSIUS

_UNITS = {"air_temperature": "K", "precipitation": "kg m-2 s-1", "shortwave": "W m-2"}
FORCING_PRODUCTS = {
    name: Product(
        output=FORCING_VARIABLES[name],
        name=name,
        unit=_UNITS[name],
        long_name=FORCING_VARIABLES[name].long_name,
        standard_name="",
        cell_methods="time: mean",
        monthly_cell_methods="time: mean",
    )
    for name in VARIABLES
}


class ForcingSeries:
    """Climate of a member in the years of its run, with the interface of a monthly ``Series``.

    Units are K, kg m⁻² s⁻¹ and W m⁻². The climate is read on first use and stays in memory: 24
    bytes a cell and month for the three variables.

    Args:
        folder: of the run.
        member: of the run.
        annual: its annual series, whose years and place are those of the climate.
        data: folder of the forcing, if that was moved.
    """

    names = frozenset(VARIABLES)

    def __init__(self, folder: Path, member: StoredMember, annual: Series, data: Path | None):
        self._folder, self._member, self._data = folder, member, data
        self.attributes, self.place = annual.attributes, annual.place
        self.years = np.repeat(annual.years, 12)
        self.axis = xr.Dataset(time_variables(annual.years, monthly=True))

    @cached_property
    def _values(self) -> dict[str, NDArray]:
        """``(time, cell)`` by name.

        Raises:
            DataError: no record, forcing files that cannot be read, or other cells.
        """
        path = self._folder / INPUTS / EXPERIMENT
        if not path.is_file():
            mend = "Export without --climate."
            raise DataError([Finding(str(path), "", "", "no record of the run's climate", mend)])
        experiment = read_experiment(path).with_data(self._data)
        domain, stored = load_domain(experiment), self._member.domain
        same = domain.size == stored.size and (domain.row == stored.row).all()
        if not (same and (domain.column == stored.column).all()):
            message = f"{domain.size} cells, other ones than the {stored.size} of the run"
            mend = "Give the files of the run with --data, or export without --climate."
            raise DataError([Finding(str(path), "domain", "", message, mend)])
        climate = load_climate(experiment, domain, self._member.member, self._member.scenario)
        sound = ~np.isin(self._member.status, MASKED)
        wanted = np.isin(climate.years, self.years)
        values = {}
        for name, all_years in climate.load(np.arange(domain.size)).items():
            months = _converted(name, all_years[wanted])
            values[name] = np.where(sound, months.reshape(-1, domain.size), np.nan)
        return values

    def blocks(
        self, names: tuple[str, ...], first: int, stop: int, steps: int
    ) -> Iterator[tuple[int, dict[str, NDArray]]]:
        """Values of steps ``first`` to ``stop`` in blocks, as ``Series.blocks``."""
        to_grid = self._member.domain.to_grid
        for begin in range(first, stop, steps):
            end = min(begin + steps, stop)
            yield begin, {name: to_grid(self._values[name][begin:end]) for name in names}


def _converted(name: str, values: NDArray) -> NDArray:
    """Climate ``(year, 12, cell)`` in °C, mm month⁻¹, W m⁻² in the units of ``ForcingSeries``."""
    if name == "air_temperature":
        return values + ZERO_CELSIUS
    if name == "precipitation":
        return values / (SECONDS_PER_DAY * np.asarray(MONTH_DAYS))[:, None]
    return values

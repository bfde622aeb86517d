"""Area-weighted annual climate of a region."""

import numpy as np
from numpy.typing import NDArray

from temjax.regional.inputs.climate import VARIABLES, Climate
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.units import MONTH_LENGTHS
from temjax.regional.run.cells import Cells


class RegionalClimate:
    """Annual climate of a scenario averaged over cells by area, accumulated tile by tile."""

    def __init__(self, domain: Domain, climate: Climate):
        self._cell_area, self._climate = domain.area, climate
        self._sums: dict[str, NDArray | float] = dict.fromkeys(VARIABLES, 0.0)
        self._area = 0.0

    def add(self, cells: Cells) -> None:
        """Add the cells of one tile, without its padding."""
        weight = self._cell_area[cells.index]
        self._area += weight.sum()
        days = MONTH_LENGTHS / MONTH_LENGTHS.sum()
        for name in VARIABLES:
            share = 1.0 if name == "precipitation" else days[:, None]
            values = cells.climate[name][..., : cells.index.size]
            self._sums[name] = self._sums[name] + (values * share).sum(axis=1) @ weight

    def means(self) -> dict[str, NDArray]:
        """Annual means by name, ``(year,)``, with ``years`` and ``co2``; precipitation is a sum."""
        means = {name: np.asarray(value / self._area) for name, value in self._sums.items()}
        return {"years": self._climate.years} | means | {"co2": self._climate.co2}

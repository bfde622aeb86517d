"""Products of a regional run: the model outputs it keeps by year, and by month where asked for.

Names, units and conversions are those of ``temjax.outputs``: an output with an ISIMIP variable is
kept as that (docs/specification/protocol.md 6), any other under the model's own name and unit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.forcing import MONTH_DAYS
from temjax.outputs import ANNUAL_OUTPUTS, MONTHLY_OUTPUTS, IsimipVariable, OutputInfo
from temjax.parameters.cell import CellConstants
from temjax.runs.result import Run
from temjax.units import SECONDS_PER_DAY, SECONDS_PER_YEAR

MONTHLY_PREFIX = "monthly "
_SECONDS_PER_MONTH = SECONDS_PER_DAY * np.asarray(MONTH_DAYS)
_SOURCES = (  # model outputs, in the order of the files
    "gross_primary_production", "net_primary_production", "autotrophic_respiration",
    "heterotrophic_respiration", "evapotranspiration", "vegetation_carbon", "soil_organic_carbon",
    "soil_temperature", "maximum_thaw_depth", "available_water", "snowpack",
    "active_layer_thickness", "minimum_thaw_depth", "mean_annual_ground_temperature", "permafrost",
    "talik", "exposure_factor", "exposed_carbon", "exposed_nitrogen", "exposed_inorganic_nitrogen",
    "exposed_water", "frozen_carbon", "frozen_organic_nitrogen", "frozen_inorganic_nitrogen",
    "frozen_water", "inaccessible_inorganic_nitrogen", "structural_nitrogen", "labile_nitrogen",
    "soil_organic_nitrogen", "available_nitrogen", "litterfall_carbon", "litterfall_nitrogen",
    "net_nitrogen_mineralisation", "nitrogen_uptake", "potential_net_primary_production",
)  # fmt: skip


@dataclass(frozen=True)
class Product:
    """Variable of a regional file and the model output it is computed from.

    Attributes:
        output: the model output.
        name: in files.
        unit: UDUNITS.
        long_name: for files and plots.
        standard_name: CF, empty where none exists.
        cell_methods: CF, of the annual values.
        monthly_cell_methods: CF, of the monthly values; empty where there are none.
    """

    output: OutputInfo
    name: str
    unit: str
    long_name: str
    standard_name: str
    cell_methods: str
    monthly_cell_methods: str = ""

    @property
    def isimip(self) -> IsimipVariable | None:
        """The ISIMIP variable it is, if any."""
        return self.output.isimip

    @property
    def by_depth(self) -> bool:
        """Whether there is a depth axis."""
        return self.output.by_depth

    def annual(self, run: Run, constants: CellConstants) -> NDArray:
        """Values by year, ``(year, [depth,] *cell)``."""
        name, isimip = self.output.name, self.isimip
        if isimip is not None and isimip.annual_mean:
            months = _monthly_mean(np.asarray(getattr(run.monthly, name)))
            return _add_constants(months / isimip.divisor, isimip, constants)
        values = np.asarray(getattr(run.annual, name))
        if isimip is None:
            return values
        if self.output.is_sum:
            return values * (1 / isimip.divisor / SECONDS_PER_YEAR)
        return _add_constants(values / isimip.divisor, isimip, constants)

    def monthly(self, run: Run, constants: CellConstants) -> NDArray:
        """Values by month, ``(year, 12, [depth,] *cell)``; of products in ``MONTHLY_PRODUCTS``."""
        isimip = self.isimip
        values = np.asarray(getattr(run.monthly, self.output.name)) * (1 / isimip.divisor)
        if self.output.is_sum:
            seconds = _SECONDS_PER_MONTH.astype(values.dtype)
            return values / seconds.reshape((12,) + (1,) * (values.ndim - 2))
        return _add_constants(values, isimip, constants)


def _monthly_mean(values: NDArray) -> NDArray:
    """Mean over months, weighted by their days: ``(year, 12, ...)`` to ``(year, ...)``."""
    weights = np.asarray(MONTH_DAYS, dtype=values.dtype) / sum(MONTH_DAYS)
    return np.tensordot(values, weights, axes=([1], [0]))


def _add_constants(values: NDArray, isimip: IsimipVariable, constants: CellConstants) -> NDArray:
    """Values plus the offset of the unit and the constant of the cell, where there is one."""
    if isimip.offset:
        values = values + isimip.offset
    if isimip.cell_constant:
        values = values + np.asarray(getattr(constants, isimip.cell_constant))
    return values


def _isimip_product(info: OutputInfo, isimip: IsimipVariable) -> Product:
    """A product in ISIMIP's name and unit; sums become mean rates."""
    by_month = "time: mean" if info.is_sum else info.cell_methods
    return Product(
        output=info,
        name=isimip.name,
        unit=isimip.unit or info.unit,
        long_name=isimip.long_name or info.long_name,
        standard_name=isimip.standard_name or info.standard_name,
        cell_methods="time: mean" if isimip.annual_mean else by_month,
        monthly_cell_methods=by_month if info.name in MONTHLY_OUTPUTS else "",
    )


def _model_product(info: OutputInfo) -> Product:
    """A product under the model's own name; monthly fluxes are summed over the year."""
    return Product(
        output=info,
        name=info.name,
        unit=info.unit.removesuffix(" month-1"),
        long_name=info.long_name,
        # a sum over the year has none: names of fluxes are for rates
        standard_name="" if info.is_sum else info.standard_name,
        cell_methods=info.cell_methods,
    )


def _product(info: OutputInfo) -> Product:
    return _model_product(info) if info.isimip is None else _isimip_product(info, info.isimip)


PRODUCTS: dict[str, Product] = {
    product.name: product
    for product in (_product((MONTHLY_OUTPUTS | ANNUAL_OUTPUTS)[name]) for name in _SOURCES)
}
MONTHLY_PRODUCTS = tuple(name for name, product in PRODUCTS.items() if product.monthly_cell_methods)


def annual_products(run: Run, constants: CellConstants) -> dict[str, NDArray]:
    """All products of a run's years."""
    return {name: product.annual(run, constants) for name, product in PRODUCTS.items()}


def monthly_products(
    run: Run, constants: CellConstants, names: tuple[str, ...]
) -> dict[str, NDArray]:
    """Chosen products by month, ``(year, 12, [depth,] *cell)``: means of fluxes and temperature,
    water of snow and soil and carbon stocks at the month's end."""
    return {MONTHLY_PREFIX + name: PRODUCTS[name].monthly(run, constants) for name in names}

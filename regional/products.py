"""What a regional run keeps: annual products, in ISIMIP names and units where they exist.

Names and units of the ISIMIP2b biomes sector: protocol.md 6. Everything else keeps the model's own
name and unit from ``temjax.outputs``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.cell import CellConstants
from temjax.forcing import MONTH_DAYS
from temjax.outputs import ANNUAL_OUTPUTS, FLUX_OUTPUTS, OutputInfo
from temjax.simulate import Run

SECONDS_PER_YEAR = 86400.0 * sum(MONTH_DAYS)
GRAMS_PER_KILOGRAM = 1000.0
ZERO_CELSIUS = 273.15

Extract = Callable[[Run, CellConstants], NDArray]


@dataclass(frozen=True)
class Product:
    """One output variable.

    Attributes:
        name: in files.
        units: UDUNITS.
        long_name: for files and plots.
        extract: takes it from a run, ``(year, *cell)`` or ``(year, depth, *cell)``.
        cell_methods: CF.
        standard_name: CF, empty where none exists.
        isimip: whether name and units are ISIMIP's.
        by_depth: whether there is a depth axis.
    """

    name: str
    units: str
    long_name: str
    extract: Extract
    cell_methods: str
    standard_name: str = ""
    isimip: bool = False
    by_depth: bool = False


def _month_mean(values: NDArray) -> NDArray:
    """Mean over months, weighted by their days: ``(year, 12, ...)`` to ``(year, ...)``."""
    weights = np.asarray(MONTH_DAYS, dtype=values.dtype) / sum(MONTH_DAYS)
    return np.tensordot(values, weights, axes=([1], [0]))


def _rate(flux: str, factor: float) -> Extract:
    scale = factor / SECONDS_PER_YEAR
    return lambda run, _: np.asarray(getattr(run.annual, flux)) * scale


def _stock(pool: str) -> Extract:
    return lambda run, _: np.asarray(getattr(run.annual, pool)) / GRAMS_PER_KILOGRAM


def _own(name: str) -> Extract:
    return lambda run, _: np.asarray(getattr(run.annual, name))


def _soil_temperature(run: Run, _: CellConstants) -> NDArray:
    return _month_mean(np.asarray(run.monthly.soil_temperature)) + ZERO_CELSIUS


def _soil_moisture(run: Run, constants: CellConstants) -> NDArray:
    available = _month_mean(np.asarray(run.monthly.available_water))
    return available + np.asarray(constants.wilting_point)


def _snow(run: Run, _: CellConstants) -> NDArray:
    return _month_mean(np.asarray(run.monthly.snowpack))


_CARBON_RATE, _MEAN, _END = "kg m-2 s-1", "time: mean", "time: point"
_UPWARD = "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_"

_ISIMIP = (
    Product("gpp", _CARBON_RATE, "carbon mass flux out of atmosphere due to GPP",
            _rate("gross_primary_production", 1e-3), _MEAN,
            "gross_primary_productivity_of_biomass_expressed_as_carbon", True),
    Product("npp", _CARBON_RATE, "carbon mass flux out of atmosphere due to NPP",
            _rate("net_primary_production", 1e-3), _MEAN,
            "net_primary_productivity_of_biomass_expressed_as_carbon", True),
    Product("ra", _CARBON_RATE, "carbon mass flux into atmosphere due to autotrophic respiration",
            _rate("autotrophic_respiration", 1e-3), _MEAN, _UPWARD + "plant_respiration", True),
    Product("rh", _CARBON_RATE, "carbon mass flux into atmosphere due to heterotrophic respiration",
            _rate("heterotrophic_respiration", 1e-3), _MEAN,
            _UPWARD + "heterotrophic_respiration", True),
    Product("evap", _CARBON_RATE, "total evapotranspiration", _rate("evapotranspiration", 1.0),
            _MEAN, "water_evapotranspiration_flux", True),
    Product("cveg", "kg m-2", "carbon mass in vegetation", _stock("vegetation_carbon"), _END,
            "vegetation_carbon_content", True),
    Product("csoil", "kg m-2", "carbon mass in soil pool", _stock("soil_organic_carbon"), _END,
            "soil_mass_content_of_carbon", True),
    Product("tsl", "K", "temperature of soil", _soil_temperature, _MEAN, "soil_temperature", True,
            by_depth=True),
    Product("thawdepth", "m", "annual maximum thaw depth", _own("maximum_thaw_depth"),
            "time: maximum", "", True),
    Product("soilmoist", "kg m-2", "total soil moisture content of the rooting zone",
            _soil_moisture, _MEAN, "mass_content_of_water_in_soil", True),
    Product("swe", "kg m-2", "snow water equivalent", _snow, _MEAN, "surface_snow_amount", True),
)  # fmt: skip

_OWN_NAMES = (
    "active_layer_thickness", "minimum_thaw_depth", "mean_annual_ground_temperature", "permafrost",
    "talik", "exposure_factor", "exposed_carbon", "exposed_nitrogen", "exposed_inorganic_nitrogen",
    "exposed_water", "frozen_carbon", "frozen_organic_nitrogen", "frozen_inorganic_nitrogen",
    "frozen_water", "inaccessible_inorganic_nitrogen", "structural_nitrogen", "labile_nitrogen",
    "soil_organic_nitrogen", "available_nitrogen", "litterfall_carbon", "litterfall_nitrogen",
    "net_nitrogen_mineralisation", "nitrogen_uptake",
)  # fmt: skip


def _from_registry(info: OutputInfo) -> Product:
    """A product under the model's own name; monthly fluxes are summed over the year."""
    units = info.unit.removesuffix(" month-1")
    return Product(info.name, units, info.long_name, _own(info.name), info.cell_methods)


_REGISTRY = ANNUAL_OUTPUTS | {info.name: info for info in FLUX_OUTPUTS}
PRODUCTS: dict[str, Product] = {
    product.name: product
    for product in (*_ISIMIP, *(_from_registry(_REGISTRY[name]) for name in _OWN_NAMES))
}


def annual_products(run: Run, constants: CellConstants) -> dict[str, NDArray]:
    """All products of a run's years."""
    return {name: product.extract(run, constants) for name, product in PRODUCTS.items()}


def grams_per_year(rate: NDArray) -> NDArray:
    """An ISIMIP carbon flux (kg m⁻² s⁻¹) as g C m⁻² yr⁻¹."""
    return rate * (SECONDS_PER_YEAR * GRAMS_PER_KILOGRAM)

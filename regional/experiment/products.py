"""What a regional run keeps: annual products, in ISIMIP names and units where they exist.

Names and units of the ISIMIP2b biomes sector: protocol.md 6. Everything else keeps the model's own
name and unit from ``temjax.outputs``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.forcing import MONTH_DAYS
from temjax.outputs import ANNUAL_OUTPUTS, FLUX_OUTPUTS, OutputInfo
from temjax.parameters.cell import CellConstants
from temjax.runs.simulate import Run
from temjax.sites.output import STANDARD_NAMES

SECONDS_PER_YEAR = 86400.0 * sum(MONTH_DAYS)
GRAMS_PER_KILOGRAM = 1000.0
GRAMS_PER_TERAGRAM = 1e12
SQUARE_METRES = 1e6  # per km²
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


_RATE, _STOCK, _MEAN = "kg m-2 s-1", "kg m-2", "time: mean"
_INTO, _OUT_OF = "carbon mass flux into atmosphere", "carbon mass flux out of atmosphere"


def _carbon_rate(name: str, flux: str, long_name: str) -> Product:
    extract = _rate(flux, 1 / GRAMS_PER_KILOGRAM)
    return Product(name, _RATE, long_name, extract, _MEAN, STANDARD_NAMES[flux], isimip=True)


def _carbon_stock(name: str, pool: str, long_name: str) -> Product:
    extract = _stock(pool)
    return Product(
        name, _STOCK, long_name, extract, "time: point", STANDARD_NAMES[pool], isimip=True
    )


_ISIMIP = (
    _carbon_rate("gpp", "gross_primary_production", f"{_OUT_OF} due to GPP"),
    _carbon_rate("npp", "net_primary_production", f"{_OUT_OF} due to NPP"),
    _carbon_rate("ra", "autotrophic_respiration", f"{_INTO} due to autotrophic respiration"),
    _carbon_rate("rh", "heterotrophic_respiration", f"{_INTO} due to heterotrophic respiration"),
    Product(
        "evap", _RATE, "total evapotranspiration", _rate("evapotranspiration", 1.0), _MEAN,
        "water_evapotranspiration_flux", isimip=True,
    ),
    _carbon_stock("cveg", "vegetation_carbon", "carbon mass in vegetation"),
    _carbon_stock("csoil", "soil_organic_carbon", "carbon mass in soil pool"),
    Product(
        "tsl", "K", "temperature of soil", _soil_temperature, _MEAN,
        STANDARD_NAMES["soil_temperature"], isimip=True, by_depth=True,
    ),
    Product(
        "thawdepth", "m", "annual maximum thaw depth", _own("maximum_thaw_depth"),
        "time: maximum", isimip=True,
    ),
    Product(
        "soilmoist", _STOCK, "total soil moisture content of the rooting zone", _soil_moisture,
        _MEAN, "mass_content_of_water_in_soil", isimip=True,
    ),
    Product(
        "swe", _STOCK, "snow water equivalent", _snow, _MEAN, "surface_snow_amount", isimip=True
    ),
)  # fmt: skip

_OWN_NAMES = (
    "active_layer_thickness", "minimum_thaw_depth", "mean_annual_ground_temperature", "permafrost",
    "talik", "exposure_factor", "exposed_carbon", "exposed_nitrogen", "exposed_inorganic_nitrogen",
    "exposed_water", "frozen_carbon", "frozen_organic_nitrogen", "frozen_inorganic_nitrogen",
    "frozen_water", "inaccessible_inorganic_nitrogen", "structural_nitrogen", "labile_nitrogen",
    "soil_organic_nitrogen", "available_nitrogen", "litterfall_carbon", "litterfall_nitrogen",
    "net_nitrogen_mineralisation", "nitrogen_uptake", "potential_net_primary_production",
)  # fmt: skip


_OWN_STANDARD_NAMES = {
    "active_layer_thickness": "permafrost_active_layer_thickness",
    "soil_organic_nitrogen": "soil_mass_content_of_nitrogen",
}  # a sum over the year has none: names of fluxes are for rates


def _from_registry(info: OutputInfo) -> Product:
    """A product under the model's own name; monthly fluxes are summed over the year."""
    units = info.unit.removesuffix(" month-1")
    standard_name = _OWN_STANDARD_NAMES.get(info.name, "")
    return Product(
        info.name, units, info.long_name, _own(info.name), info.cell_methods, standard_name
    )


_REGISTRY = ANNUAL_OUTPUTS | {info.name: info for info in FLUX_OUTPUTS}
PRODUCTS: dict[str, Product] = {
    product.name: product
    for product in (*_ISIMIP, *(_from_registry(_REGISTRY[name]) for name in _OWN_NAMES))
}


def annual_products(run: Run, constants: CellConstants) -> dict[str, NDArray]:
    """All products of a run's years."""
    return {name: product.extract(run, constants) for name, product in PRODUCTS.items()}


MONTHLY_PREFIX = "monthly "
_SECONDS = 86400.0 * np.asarray(MONTH_DAYS)


def _monthly_rate(flux: str, factor: float) -> Extract:
    def extract(run: Run, _: CellConstants) -> NDArray:
        sums = np.asarray(getattr(run.monthly, flux))
        seconds = _SECONDS.astype(sums.dtype).reshape((12,) + (1,) * (sums.ndim - 2))
        return sums * factor / seconds

    return extract


def _monthly_own(name: str, factor: float = 1.0) -> Extract:
    return lambda run, _: np.asarray(getattr(run.monthly, name)) * factor


_PER_KILOGRAM = 1 / GRAMS_PER_KILOGRAM
MONTHLY: dict[str, Extract] = {
    "gpp": _monthly_rate("gross_primary_production", _PER_KILOGRAM),
    "npp": _monthly_rate("net_primary_production", _PER_KILOGRAM),
    "ra": _monthly_rate("autotrophic_respiration", _PER_KILOGRAM),
    "rh": _monthly_rate("heterotrophic_respiration", _PER_KILOGRAM),
    "evap": _monthly_rate("evapotranspiration", 1.0),
    "cveg": _monthly_own("vegetation_carbon", _PER_KILOGRAM),
    "csoil": _monthly_own("soil_organic_carbon", _PER_KILOGRAM),
    "tsl": lambda run, _: np.asarray(run.monthly.soil_temperature) + ZERO_CELSIUS,
    "soilmoist": lambda run, constants: (
        np.asarray(run.monthly.available_water) + np.asarray(constants.wilting_point)
    ),
    "swe": _monthly_own("snowpack"),
}
_AT_MONTHS_END = ("cveg", "csoil", "soilmoist", "swe")


def monthly_cell_methods(name: str) -> str:
    """CF cell method of a product by month; some annual means are taken from month-end values."""
    return "time: point" if name in _AT_MONTHS_END else PRODUCTS[name].cell_methods


def monthly_products(
    run: Run, constants: CellConstants, names: tuple[str, ...]
) -> dict[str, NDArray]:
    """Chosen products by month, ``(year, 12, [depth,] *cell)``: means of fluxes and temperature,
    water of snow and soil and carbon stocks at the month's end."""
    return {MONTHLY_PREFIX + name: MONTHLY[name](run, constants) for name in names}


def grams_per_year(rate: NDArray) -> NDArray:
    """An ISIMIP carbon flux (kg m⁻² s⁻¹) as g C m⁻² yr⁻¹."""
    return rate * (SECONDS_PER_YEAR * GRAMS_PER_KILOGRAM)

"""Names, units and metadata of everything a run returns; one registry for files, docs and tests."""

from dataclasses import dataclass
from typing import Literal

import equinox as eqx
from jaxtyping import Array, Bool, Float

from temjax.state import POOLS

FLUXES = (
    "gross_primary_production",
    "potential_gross_primary_production",
    "net_primary_production",
    "potential_net_primary_production",
    "autotrophic_respiration",
    "maintenance_respiration",
    "growth_respiration",
    "heterotrophic_respiration",
    "net_ecosystem_production",
    "litterfall_carbon",
    "litterfall_nitrogen",
    "potential_nitrogen_uptake",
    "nitrogen_uptake",
    "structural_nitrogen_uptake",
    "labile_nitrogen_uptake",
    "nitrogen_mobilisation",
    "nitrogen_resorption",
    "microbial_uptake_saturation",
    "net_nitrogen_mineralisation",
    "nitrogen_loss",
    "nitrogen_input",
    "rainfall",
    "snowfall",
    "snowmelt",
    "potential_evapotranspiration",
    "evapotranspiration",
    "rain_percolation",
    "snow_percolation",
    "rain_runoff",
    "snow_runoff",
    "unnormalised_leaf",
    "leaf",
)

FLUX_SYMBOLS = (
    "GPP", "INGPP", "NPP", "INNPP", "GPR", "RM", "RG", "RH", "NEP", "LTRC", "LTRN", "INUP", "U",
    "SUP", "LUP", "MOBIL", "RS", "MICX", "NMIN", "NLOST", "NINPUT", "RAIN", "SNOWFALL", "SNOWINF",
    "PET", "EET", "RPERC", "SPERC", "RRUN", "SRUN", "UNL", "LEAF",
)  # fmt: skip


def flux_index(name: str) -> int:
    """Row of a flux in the packed array."""
    return FLUXES.index(name)


@dataclass(frozen=True)
class OutputInfo:
    """Metadata of one output.

    Attributes:
        name: attribute of ``MonthlyOutput`` or ``AnnualOutput``.
        unit: unit of the model (UDUNITS).
        long_name: for plots and NetCDF.
        symbol: TEM's symbol, empty where TEM has none.
        isimip: variable name of the ISIMIP biomes sector, empty where none fits.
        cell_methods: CF cell method over the time step.
    """

    name: str
    unit: str
    long_name: str
    symbol: str = ""
    isimip: str = ""
    cell_methods: Literal["time: sum", "time: mean", "time: point", "time: maximum"] = "time: sum"


_CARBON_FLUX = "g m-2 month-1"
_WATER_FLUX = "mm month-1"
_ISIMIP_FLUXES = {
    "gross_primary_production": "gpp",
    "net_primary_production": "npp",
    "autotrophic_respiration": "ra",
    "heterotrophic_respiration": "rh",
    "evapotranspiration": "evap",
}
_WATER = FLUXES[FLUXES.index("rainfall") : FLUXES.index("unnormalised_leaf")]
_NITROGEN = (
    *FLUXES[FLUXES.index("litterfall_nitrogen") : FLUXES.index("microbial_uptake_saturation")],
    "net_nitrogen_mineralisation",
    "nitrogen_loss",
    "nitrogen_input",
)


def _flux_info(name: str, symbol: str) -> OutputInfo:
    words = name.replace("_", " ")
    if name in ("unnormalised_leaf", "leaf", "microbial_uptake_saturation"):
        return OutputInfo(name, "1", words, symbol, cell_methods="time: mean")
    if name in _WATER:
        return OutputInfo(name, _WATER_FLUX, words, symbol, _ISIMIP_FLUXES.get(name, ""))
    element = "nitrogen" if name in _NITROGEN else "carbon"
    return OutputInfo(
        name, _CARBON_FLUX, f"{words} (mass of {element})", symbol, _ISIMIP_FLUXES.get(name, "")
    )


def _point(name: str, unit: str, long_name: str, symbol: str = "", isimip: str = "") -> OutputInfo:
    return OutputInfo(name, unit, long_name, symbol, isimip, "time: point")


_POOL_INFO = (
    _point("vegetation_carbon", "g m-2", "carbon in vegetation", "VEGC", "cveg"),
    _point("structural_nitrogen", "g m-2", "structural nitrogen in vegetation", "STRN"),
    _point("labile_nitrogen", "g m-2", "labile nitrogen in vegetation", "STON"),
    _point("soil_organic_carbon", "g m-2", "soil organic carbon", "SOLC", "csoil"),
    _point("soil_organic_nitrogen", "g m-2", "soil organic nitrogen", "SOLN"),
    _point("available_nitrogen", "g m-2", "available inorganic nitrogen", "AVLN"),
    _point("available_water", "mm", "soil water above wilting point", "AVLW", "soilmoist"),
    _point("rain_runoff_store", "mm", "rain-derived runoff store", "RGRW"),
    _point("snow_runoff_store", "mm", "snow-derived runoff store", "SGRW"),
    _point("snowpack", "mm", "snow water equivalent", "SNW", "swe"),
)
_LEDGER_INFO = (
    _point("inaccessible_inorganic_nitrogen", "g m-2", "exposed mineral nitrogen below the roots"),
    _point("frozen_carbon", "g m-2", "change of frozen carbon since exposure began"),
    _point("frozen_organic_nitrogen", "g m-2", "change of frozen organic nitrogen"),
    _point("frozen_inorganic_nitrogen", "g m-2", "change of frozen inorganic nitrogen"),
    _point("frozen_water", "mm", "change of frozen water"),
)
_SOIL_MONTHLY_INFO = (
    OutputInfo("soil_temperature", "degC", "soil temperature by depth", "", "tsl", "time: mean"),
    OutputInfo("thaw_fraction", "1", "thawed share of the month at 5 cm", "F", "", "time: mean"),
    _point("thaw_depth", "m", "depth of thawed soil at the end of the month"),
)
_ANNUAL_INFO = (
    OutputInfo(
        "maximum_thaw_depth", "m", "annual maximum thaw depth", "", "thawdepth", "time: maximum"
    ),
    OutputInfo(
        "active_layer_thickness",
        "m",
        "active layer thickness by the rule in force; missing without permafrost",
        "ALT",
        "",
        "time: maximum",
    ),
    _point("minimum_thaw_depth", "m", "annual minimum thaw depth"),
    OutputInfo(
        "mean_annual_ground_temperature", "degC", "mean annual ground temperature", "MAGT", "",
        "time: mean",
    ),
    _point("permafrost", "1", "1 where some layer stayed frozen for two years"),
    _point("talik", "1", "1 where thawed soil remained all year"),
    OutputInfo("exposure_factor", "1", "thaw exposure factor of the year", "s", "", "time: mean"),
    OutputInfo("exposed_carbon", "g m-2", "soil carbon exposed by thaw in the year", "SOC_PF"),
    OutputInfo("exposed_nitrogen", "g m-2", "organic nitrogen exposed in the year", "SON_PF"),
    OutputInfo("exposed_inorganic_nitrogen", "g m-2", "inorganic nitrogen exposed in the year"),
    OutputInfo("exposed_water", "mm", "soil water exposed in the year"),
)  # fmt: skip

FLUX_OUTPUTS = tuple(map(_flux_info, FLUXES, FLUX_SYMBOLS))
MONTHLY_OUTPUTS: dict[str, OutputInfo] = {
    info.name: info for info in (*FLUX_OUTPUTS, *_POOL_INFO, *_SOIL_MONTHLY_INFO)
}
ANNUAL_OUTPUTS: dict[str, OutputInfo] = {
    info.name: info for info in (*_ANNUAL_INFO, *_POOL_INFO, *_LEDGER_INFO)
}


class MonthlyOutput(eqx.Module):
    """Monthly results; every flux and pool of the registry is an attribute.

    Attributes:
        fluxes: integrals over each month, ``(flux, year, 12, *cell)``, rows as ``FLUXES``.
        pools: month-end pools, ``(pool, year, 12, *cell)``, rows as ``POOLS``.
        soil_temperature: monthly mean by depth, °C, ``(year, 12, depth, *cell)``.
        thaw_fraction: share of the month thawed at 5 cm, ``(year, 12, *cell)``.
        thaw_depth: at month end, m, ``(year, 12, *cell)``.
    """

    fluxes: Float[Array, "flux year 12 *cell"]
    pools: Float[Array, "pool year 12 *cell"]
    soil_temperature: Float[Array, "year 12 depth *cell"]
    thaw_fraction: Float[Array, "year 12 *cell"]
    thaw_depth: Float[Array, "year 12 *cell"]

    def __getattr__(self, name: str):
        if name in FLUXES:
            return self.fluxes[FLUXES.index(name)]
        if name in POOLS:
            return self.pools[POOLS.index(name)]
        raise AttributeError(f"no monthly output {name!r}; see temjax.outputs.MONTHLY_OUTPUTS")

    @property
    def ecosystem_respiration(self) -> Float[Array, "year 12 *cell"]:
        """RECO = GPR + RH, g C m⁻² month⁻¹."""
        return self.autotrophic_respiration + self.heterotrophic_respiration


class AnnualOutput(eqx.Module):
    """Annual results ``(year, *cell)``; annual sums of fluxes and year-end pools by name.

    Attributes:
        maximum_thaw_depth: m.
        minimum_thaw_depth: m.
        active_layer_thickness: H of the rule in force, m; NaN without permafrost.
        mean_annual_ground_temperature: °C.
        permafrost: some layer frozen through two years.
        talik: thawed soil left all year.
        exposure_factor: s (–).
        exposed_carbon: SOC_PF of the year, g C m⁻².
        exposed_nitrogen: SON_PF of the year, g N m⁻².
        exposed_inorganic_nitrogen: g N m⁻².
        exposed_water: mm.
        ledgers: ``(ledger, year, *cell)`` at year end, rows as ``LEDGERS``.
        fluxes: annual sums, ``(flux, year, *cell)``.
        pools: year-end pools, ``(pool, year, *cell)``.
    """

    maximum_thaw_depth: Float[Array, "year *cell"]
    minimum_thaw_depth: Float[Array, "year *cell"]
    active_layer_thickness: Float[Array, "year *cell"]
    mean_annual_ground_temperature: Float[Array, "year *cell"]
    permafrost: Bool[Array, "year *cell"]
    talik: Bool[Array, "year *cell"]
    exposure_factor: Float[Array, "year *cell"]
    exposed_carbon: Float[Array, "year *cell"]
    exposed_nitrogen: Float[Array, "year *cell"]
    exposed_inorganic_nitrogen: Float[Array, "year *cell"]
    exposed_water: Float[Array, "year *cell"]
    ledgers: Float[Array, "ledger year *cell"]
    fluxes: Float[Array, "flux year *cell"]
    pools: Float[Array, "pool year *cell"]

    def __getattr__(self, name: str):
        if name in FLUXES:
            return self.fluxes[FLUXES.index(name)]
        if name in POOLS:
            return self.pools[POOLS.index(name)]
        if name in LEDGERS:
            return self.ledgers[LEDGERS.index(name)]
        raise AttributeError(f"no annual output {name!r}; see temjax.outputs.ANNUAL_OUTPUTS")


LEDGERS = tuple(info.name for info in _LEDGER_INFO)

"""Every output of a run, declared once; files, documentation and tests follow from it."""

from dataclasses import replace

from temjax.outputs.metadata import IsimipVariable, OutputInfo
from temjax.units import GRAMS_PER_KILOGRAM, ZERO_CELSIUS


def _carbon_rate(name: str, long_name: str) -> IsimipVariable:
    long_name = f"carbon mass flux {long_name}"
    return IsimipVariable(name, "kg m-2 s-1", long_name, divisor=GRAMS_PER_KILOGRAM)


def _carbon_stock(name: str, long_name: str) -> IsimipVariable:
    return IsimipVariable(name, "kg m-2", long_name, divisor=GRAMS_PER_KILOGRAM)


def _carbon(
    name: str, symbol: str, standard_name: str = "", isimip: IsimipVariable | None = None
) -> OutputInfo:
    long_name = f"{name.replace('_', ' ')} (mass of carbon)"
    return OutputInfo(
        name, "g m-2 month-1", long_name, symbol, standard_name, element="carbon", isimip=isimip
    )


def _nitrogen(name: str, symbol: str) -> OutputInfo:
    long_name = f"{name.replace('_', ' ')} (mass of nitrogen)"
    return OutputInfo(name, "g m-2 month-1", long_name, symbol, element="nitrogen")


def _water(
    name: str, symbol: str, standard_name: str = "", isimip: IsimipVariable | None = None
) -> OutputInfo:
    long_name = name.replace("_", " ")
    return OutputInfo(name, "mm month-1", long_name, symbol, standard_name, isimip=isimip)


def _ratio(name: str, symbol: str) -> OutputInfo:
    return OutputInfo(name, "1", name.replace("_", " "), symbol, cell_methods="time: mean")


def _point(name: str, unit: str, long_name: str, symbol: str = "", **others) -> OutputInfo:
    return OutputInfo(name, unit, long_name, symbol, cell_methods="time: point", **others)


_RESPIRATION = "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_"

FLUX_OUTPUTS = (  # rows of the packed arrays of fluxes, in this order
    _carbon(
        "gross_primary_production", "GPP",
        "gross_primary_productivity_of_biomass_expressed_as_carbon",
        _carbon_rate("gpp", "out of atmosphere due to GPP"),
    ),
    _carbon("potential_gross_primary_production", "INGPP"),
    _carbon(
        "net_primary_production", "NPP", "net_primary_productivity_of_biomass_expressed_as_carbon",
        _carbon_rate("npp", "out of atmosphere due to NPP"),
    ),
    _carbon("potential_net_primary_production", "INNPP"),
    _carbon(
        "autotrophic_respiration", "GPR", f"{_RESPIRATION}plant_respiration",
        _carbon_rate("ra", "into atmosphere due to autotrophic respiration"),
    ),
    _carbon("maintenance_respiration", "RM"),
    _carbon("growth_respiration", "RG"),
    _carbon(
        "heterotrophic_respiration", "RH", f"{_RESPIRATION}heterotrophic_respiration",
        _carbon_rate("rh", "into atmosphere due to heterotrophic respiration"),
    ),
    _carbon("net_ecosystem_production", "NEP"),
    _carbon("litterfall_carbon", "LTRC"),
    _nitrogen("litterfall_nitrogen", "LTRN"),
    _nitrogen("potential_nitrogen_uptake", "INUP"),
    _nitrogen("nitrogen_uptake", "U"),
    _nitrogen("structural_nitrogen_uptake", "SUP"),
    _nitrogen("labile_nitrogen_uptake", "LUP"),
    _nitrogen("nitrogen_mobilisation", "MOBIL"),
    _nitrogen("nitrogen_resorption", "RS"),
    _ratio("microbial_uptake_saturation", "MICX"),
    _nitrogen("net_nitrogen_mineralisation", "NMIN"),
    _nitrogen("nitrogen_loss", "NLOST"),
    _nitrogen("nitrogen_input", "NINPUT"),
    _water("rainfall", "RAIN", "rainfall_rate"),
    _water("snowfall", "SNOWFALL", "lwe_snowfall_rate"),
    _water("snowmelt", "SNOWINF"),
    _water("potential_evapotranspiration", "PET"),
    _water(
        "evapotranspiration", "EET", "lwe_water_evaporation_rate",
        IsimipVariable(
            "evap", "kg m-2 s-1", "total evapotranspiration", "water_evapotranspiration_flux"
        ),
    ),
    _water("rain_percolation", "RPERC"),
    _water("snow_percolation", "SPERC"),
    _water("rain_runoff", "RRUN"),
    _water("snow_runoff", "SRUN"),
    _ratio("unnormalised_leaf", "UNL"),
    _ratio("leaf", "LEAF"),
)  # fmt: skip

POOL_OUTPUTS = (  # rows as ``temjax.state.POOLS``
    _point(
        "vegetation_carbon", "g m-2", "carbon in vegetation", "VEGC", element="carbon",
        standard_name="vegetation_mass_content_of_carbon",
        isimip=_carbon_stock("cveg", "carbon mass in vegetation"),
    ),
    _point(
        "structural_nitrogen", "g m-2", "structural nitrogen in vegetation", "STRN",
        element="nitrogen",
    ),
    _point("labile_nitrogen", "g m-2", "labile nitrogen in vegetation", "STON", element="nitrogen"),
    _point(
        "soil_organic_carbon", "g m-2", "soil organic carbon", "SOLC", element="carbon",
        standard_name="soil_mass_content_of_carbon",
        isimip=_carbon_stock("csoil", "carbon mass in soil pool"),
    ),
    _point(
        "soil_organic_nitrogen", "g m-2", "soil organic nitrogen", "SOLN", element="nitrogen",
        standard_name="soil_mass_content_of_nitrogen",
    ),
    _point(
        "available_nitrogen", "g m-2", "available inorganic nitrogen", "AVLN", element="nitrogen"
    ),
    _point(
        "available_water", "mm", "soil water above wilting point", "AVLW",
        isimip=IsimipVariable(
            "soilmoist", "kg m-2", "total soil moisture content of the rooting zone",
            "mass_content_of_water_in_soil", cell_constant="wilting_point", annual_mean=True,
        ),
    ),
    _point("rain_runoff_store", "mm", "rain-derived runoff store", "RGRW"),
    _point("snow_runoff_store", "mm", "snow-derived runoff store", "SGRW"),
    _point(
        "snowpack", "mm", "snow water equivalent", "SNW",
        standard_name="lwe_thickness_of_surface_snow_amount",
        isimip=IsimipVariable(
            "swe", "kg m-2", standard_name="surface_snow_amount", annual_mean=True
        ),
    ),
)  # fmt: skip
LEDGER_OUTPUTS = (
    _point(
        "inaccessible_inorganic_nitrogen", "g m-2", "exposed mineral nitrogen below the roots",
        element="nitrogen",
    ),
    _point(
        "frozen_carbon", "g m-2", "change of frozen carbon since exposure began", element="carbon"
    ),
    _point(
        "frozen_organic_nitrogen", "g m-2", "change of frozen organic nitrogen", element="nitrogen"
    ),
    _point(
        "frozen_inorganic_nitrogen", "g m-2", "change of frozen inorganic nitrogen",
        element="nitrogen",
    ),
    _point("frozen_water", "mm", "change of frozen water"),
)  # fmt: skip
SOIL_OUTPUTS = (
    OutputInfo(
        "soil_temperature", "degC", "soil temperature by depth", "", "soil_temperature",
        "time: mean", by_depth=True,
        isimip=IsimipVariable(
            "tsl", "K", "temperature of soil", offset=ZERO_CELSIUS, annual_mean=True
        ),
    ),
    OutputInfo(
        "thaw_fraction", "1", "thawed share of the month at 5 cm", "F", cell_methods="time: mean"
    ),
    _point("thaw_depth", "m", "depth of thawed soil at the end of the month"),
)  # fmt: skip
ECOSYSTEM_RESPIRATION = _carbon("ecosystem_respiration", "RECO")  # a sum of two of the fluxes
THAW_OUTPUTS = (
    OutputInfo(
        "maximum_thaw_depth", "m", "annual maximum thaw depth", cell_methods="time: maximum",
        isimip=IsimipVariable("thawdepth"),
    ),
    OutputInfo(
        "active_layer_thickness", "m",
        "active layer thickness by the rule in force; missing without permafrost", "ALT",
        "permafrost_active_layer_thickness", "time: maximum",
    ),
    _point("minimum_thaw_depth", "m", "annual minimum thaw depth"),
    OutputInfo(
        "mean_annual_ground_temperature", "degC", "mean annual ground temperature", "MAGT",
        cell_methods="time: mean",
    ),
    _point("permafrost", "1", "1 where some layer stayed frozen for two years"),
    _point("talik", "1", "1 where thawed soil remained all year"),
    OutputInfo(
        "exposure_factor", "1", "thaw exposure factor of the year", "s", cell_methods="time: mean"
    ),
    OutputInfo(
        "exposed_carbon", "g m-2", "soil carbon exposed by thaw in the year", "SOC_PF",
        element="carbon",
    ),
    OutputInfo(
        "exposed_nitrogen", "g m-2", "organic nitrogen exposed in the year", "SON_PF",
        element="nitrogen",
    ),
    OutputInfo(
        "exposed_inorganic_nitrogen", "g m-2", "inorganic nitrogen exposed in the year",
        element="nitrogen",
    ),
    OutputInfo("exposed_water", "mm", "soil water exposed in the year"),
)  # fmt: skip


def _by_name(*infos: OutputInfo) -> dict[str, OutputInfo]:
    return {info.name: info for info in infos}


MONTHLY_OUTPUTS = _by_name(*FLUX_OUTPUTS, *POOL_OUTPUTS, *SOIL_OUTPUTS, ECOSYSTEM_RESPIRATION)
ANNUAL_OUTPUTS = _by_name(*THAW_OUTPUTS, *POOL_OUTPUTS, *LEDGER_OUTPUTS)
FORCING_VARIABLES = _by_name(  # the climate of a run, written beside its outputs
    OutputInfo(
        "air_temperature", "degC", "air temperature", standard_name="air_temperature",
        cell_methods="time: mean",
    ),
    OutputInfo(
        "precipitation", "mm month-1", "precipitation", standard_name="lwe_precipitation_rate"
    ),
    OutputInfo(
        "shortwave", "W m-2", "incident shortwave radiation",
        standard_name="surface_downwelling_shortwave_flux_in_air", cell_methods="time: mean",
    ),
    OutputInfo(
        "co2", "1e-6", "mole fraction of CO2 in air",
        standard_name="mole_fraction_of_carbon_dioxide_in_air", cell_methods="time: mean",
    ),
)  # fmt: skip

DEPTH_ATTRIBUTES = {  # CF, of the depth axis
    "standard_name": "depth",
    "long_name": "depth below the surface",
    "units": "m",
    "positive": "down",
    "axis": "Z",
}

FLUXES = tuple(info.name for info in FLUX_OUTPUTS)
FLUX_SYMBOLS = tuple(info.symbol for info in FLUX_OUTPUTS)
LEDGERS = tuple(info.name for info in LEDGER_OUTPUTS)


def flux_index(name: str) -> int:
    """Row of a flux in the packed array."""
    return FLUXES.index(name)


def _annual_sum(info: OutputInfo) -> OutputInfo:
    return replace(
        info,
        name=f"annual_{info.name}",
        unit=info.unit.replace("month-1", "year-1"),
        long_name=f"annual {info.long_name}",
    )


def _year_end(info: OutputInfo) -> OutputInfo:
    return replace(info, name=f"year_end_{info.name}")


# attributes of AnnualOutput as variables of a file that holds the months too: no name twice
ANNUAL_SUMS = {info.name: _annual_sum(info) for info in FLUX_OUTPUTS if info.is_sum}
ANNUAL_VARIABLES = ANNUAL_SUMS | {
    name: _year_end(info) if name in MONTHLY_OUTPUTS else info
    for name, info in ANNUAL_OUTPUTS.items()
}

"""Variables of model intercomparisons that outputs fill: WIE-MIP, ISIMIP3, ILAMB (CMIP names).

Names, units and frequencies are those of WIE-MIP's variable request (WIEMIP/wiemip-data-request),
of the protocol of ISIMIP3 (ISI-MIP/isimip-protocol-3, sectors biomes and permafrost) and of the
files that ilamb3 reads. No unit bears the sign of an element: WIE-MIP's request asks for that, and
UDUNITS takes C for coulomb.
"""

from dataclasses import dataclass
from typing import Literal

Frequency = Literal["monthly", "annual"]


@dataclass(frozen=True)
class IntercomparisonVariable:
    """Variable of model intercomparisons, a signed sum of outputs in one unit.

    Attributes:
        terms: outputs or forcing variables of the registry, with their signs.
        unit: UDUNITS.
        frequency: that is asked for.
        long_name: CMIP's or ISIMIP's.
        wiemip, isimip3, ilamb: its names; empty where the project has none.
        standard_name: CF; empty where none agrees in meaning.
        comment: what sets it apart from the project's definition.
        needs_months: whether annual values mislead who reads it.
    """

    terms: tuple[tuple[str, int], ...]
    unit: str
    frequency: Frequency
    long_name: str
    wiemip: str = ""
    isimip3: str = ""
    ilamb: str = ""
    standard_name: str = ""
    comment: str = ""
    needs_months: bool = False


def _sum_of(*names: str) -> tuple[tuple[str, int], ...]:
    return tuple((name, 1) for name in names)


_RATE, _STOCK = "kg m-2 s-1", "kg m-2"
_OUT, _IN = "Carbon Mass Flux out of Atmosphere due to", "Carbon Mass Flux into Atmosphere due to"
_RESPIRATION = "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_"
_EXPOSURE = (
    "carbon that takes part in the model's turnover; thaw adds to it what was frozen before, so "
    "cVeg and cSoil together change by nbp and by the carbon exposed"
)
INTERCOMPARISON_VARIABLES = (
    IntercomparisonVariable(
        _sum_of("gross_primary_production"), _RATE, "monthly",
        f"{_OUT} Gross Primary Production on Land", "gpp", "gpp-total", "gpp",
        "gross_primary_productivity_of_biomass_expressed_as_carbon",
    ),
    IntercomparisonVariable(
        _sum_of("net_primary_production"), _RATE, "monthly",
        f"{_OUT} Net Primary Production on Land", "npp", "npp-total", "npp",
        "net_primary_productivity_of_biomass_expressed_as_carbon",
    ),
    IntercomparisonVariable(
        _sum_of("autotrophic_respiration"), _RATE, "monthly",
        f"{_IN} Autotrophic (plant) Respiration on Land", "ra", "ra-total", "ra",
        f"{_RESPIRATION}plant_respiration",
    ),
    IntercomparisonVariable(
        _sum_of("heterotrophic_respiration"), _RATE, "monthly",
        f"{_IN} Heterotrophic Respiration on Land", "rh", "rh-total", "rh",
        f"{_RESPIRATION}heterotrophic_respiration",
    ),
    IntercomparisonVariable(
        (("net_primary_production", 1), ("heterotrophic_respiration", -1)), _RATE, "monthly",
        f"{_OUT} Net Biospheric Production on Land", "nbp", "nbp-total", "nbp",
        "surface_net_downward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_all_land_"
        "processes",
        "npp minus rh: no fire, harvest, land use or dissolved carbon in the model",
    ),
    IntercomparisonVariable(
        _sum_of("vegetation_carbon"), _STOCK, "annual", "Carbon Mass in Vegetation", "cVeg",
        "cveg-total", "cVeg", "vegetation_mass_content_of_carbon",
    ),
    IntercomparisonVariable(
        _sum_of("soil_organic_carbon"), _STOCK, "annual", "Carbon Mass in Soil Pool", "cSoil",
        "csoil-total", "cSoil", "soil_mass_content_of_carbon", _EXPOSURE,
    ),
    IntercomparisonVariable(
        _sum_of("structural_nitrogen", "labile_nitrogen"), _STOCK, "annual",
        "Nitrogen Mass in Vegetation", "nVeg",
        standard_name="vegetation_mass_content_of_nitrogen",
    ),
    IntercomparisonVariable(
        _sum_of("soil_organic_nitrogen"), _STOCK, "annual",
        "Nitrogen Organic in Soil (including below-ground litter)", "nOrgSoil",
    ),
    IntercomparisonVariable(
        _sum_of("available_nitrogen", "inaccessible_inorganic_nitrogen"), _STOCK, "annual",
        "Mineral Nitrogen in the Soil", "nInorgSoil",
        standard_name="soil_mass_content_of_inorganic_nitrogen_expressed_as_nitrogen",
    ),
    IntercomparisonVariable(
        _sum_of("nitrogen_uptake"), _RATE, "monthly", "Nitrogen uptake of Vegetation", "fNup",
    ),
    IntercomparisonVariable(
        _sum_of("net_nitrogen_mineralisation"), _RATE, "monthly", "Net Nitrogen Release from Soil "
        "and Litter as the Outcome of Nitrogen Immobilisation and Gross Mineralisation",
        "fNnetmin", standard_name="mass_flux_of_nitrogen_compounds_expressed_as_nitrogen_out_of_"
        "litter_and_soil_due_to_immobilisation_and_remineralization",
    ),
    IntercomparisonVariable(
        _sum_of("litterfall_carbon"), _RATE, "monthly",
        "Total Carbon Flux from Vegetation Directly to Soil", "fVegSoil", "fvegsoil-total",
        comment="litterfall: the model has no litter pool",
    ),
    IntercomparisonVariable(
        _sum_of("evapotranspiration"), _RATE, "monthly", "Total Evapo-Transpiration",
        "evapotrans", "evap-total", "evspsbl", "water_evapotranspiration_flux",
    ),
    IntercomparisonVariable(
        _sum_of("available_water"), _STOCK, "monthly", "Total Soil Moisture Content", "mrso",
        "rootmoist", standard_name="mass_content_of_water_in_soil",
        comment="of the rooting zone, below which the model has no water balance",
    ),
    IntercomparisonVariable(
        _sum_of("snowpack"), _STOCK, "monthly", "Snow Water Equivalent", "swe", "swe", "swe",
        "surface_snow_amount",
    ),
    IntercomparisonVariable(
        _sum_of("soil_temperature"), "K", "monthly", "Temperature of Soil", "soilTemp", "tsl",
        "tsl", "soil_temperature", needs_months=True,
    ),
    IntercomparisonVariable(
        _sum_of("active_layer_thickness"), "m", "annual", "Active Layer Thickness", "alt", "",
        "active_layer_thickness", "permafrost_active_layer_thickness",
        "largest of the year, where WIE-MIP asks for months, by the rule named in "
        "active_layer_rule; missing without permafrost",
    ),
    IntercomparisonVariable(
        _sum_of("maximum_thaw_depth"), "m", "annual", "Annual Maximum Thaw Depth", "", "thawdepth",
    ),
    IntercomparisonVariable(
        _sum_of("air_temperature"), "K", "monthly", "Near-Surface Air Temperature", "tas", "",
        "tas", "air_temperature",
    ),
    IntercomparisonVariable(
        _sum_of("precipitation"), _RATE, "monthly", "Precipitation", "pr", "", "pr",
        "precipitation_flux",
    ),
    IntercomparisonVariable(
        _sum_of("shortwave"), "W m-2", "monthly", "Surface Downwelling Shortwave Radiation",
        "rsds", "", "rsds", "surface_downwelling_shortwave_flux_in_air",
    ),
)  # fmt: skip

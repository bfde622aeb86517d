"""Parameter registry: the one declaration of every parameter.

``Parameters`` is a pytree with one array per parameter (a scalar, or one value per cell). The
declaration of each field carries its TEM symbol, unit, bounds, prior and source; ``REGISTRY`` is
read from those declarations, and so are the TOML files, the documentation and the fits.
"""

import dataclasses
import difflib

import equinox as eqx
from jaxtyping import Array, Float

from temjax.parameters.declaration import OURS, ParameterInfo, fixed, tunable

Value = Float[Array, "*cell"]


class Parameters(eqx.Module):
    """All parameters of one vegetation type ``()`` or gathered per cell ``(cell,)``."""

    # Photosynthesis: maximum rate as two lines in silt+clay
    cmax_texture_cut: Value = fixed("CMAXCUT", "1", "silt+clay where the CMAX line changes")
    cmax_slope_coarse: Value = fixed("CMAX1A", "g C m-2 month-1", "CMAX slope below the cut")
    cmax_intercept_coarse: Value = fixed("CMAX1B", "g C m-2 month-1", "CMAX at zero silt+clay")
    cmax_slope_fine: Value = fixed("CMAX2A", "g C m-2 month-1", "CMAX slope above the cut")
    cmax_intercept_fine: Value = fixed("CMAX2B", "g C m-2 month-1", "CMAX intercept above the cut")
    cmax_scale: Value = tunable(
        "CMAX", "1", "factor on the resolved maximum photosynthesis CMAX", (0.2, 2.5), 0.4
    )
    half_saturation_co2: Value = tunable("KC", "ppmv", "CO2 half saturation", (100, 600), 0.4)
    half_saturation_light: Value = tunable(
        "KI", "cal cm-2 day-1", "PAR half saturation", (20, 300), 0.25
    )
    temperature_minimum: Value = tunable(
        "TMIN", "degC", "photosynthesis stops below", (-8.5, 4.0), 1.5, "identity"
    )
    temperature_optimum_minimum: Value = tunable(
        "TOPTMIN", "degC", "lowest optimum temperature", (5.0, 18.0), 2.0, "identity"
    )
    temperature_optimum_maximum: Value = fixed("TOPTMAX", "degC", "highest optimum temperature")
    temperature_maximum: Value = tunable(
        "TMAX", "degC", "photosynthesis stops above", (20.0, 45.0), 3.0, "identity"
    )
    # Canopy and phenology
    leaf_carbon_maximum: Value = fixed("LEAFMXC", "g C m-2", "maximum leaf carbon")
    foliage_coefficient: Value = fixed("KLEAFC", "1", "foliage allometry coefficient")
    foliage_exponent: Value = tunable(
        "COV", "m2 g-1", "foliage allometry exponent", (-0.03, -0.0002), 0.002, "identity"
    )
    specific_leaf_area: Value = fixed("SLA", "m2 g-1", "specific leaf area")
    minimum_leaf: Value = fixed("MINLEAF", "1", "lowest relative leaf")
    leaf_evapotranspiration: Value = tunable(
        "ALEAF", "1", "leaf response to relative EET", (0.2, 1.0), 0.2
    )
    leaf_persistence: Value = tunable(
        "BLEAF", "1", "leaf carried from the month before", (0.1, 0.9), 0.15
    )
    leaf_intercept: Value = tunable("CLEAF", "1", "leaf intercept", (-0.06, 0.4), 0.02, "identity")
    # Plant respiration
    respiration_biomass_slope: Value = tunable(
        "KRA",
        "m2 g-1",
        "decline of log maintenance respiration with biomass",
        (-2e-3, -2e-5),
        2e-4,
        "identity",
    )
    respiration_rate_log: Value = tunable(
        "KRB",
        "ln(month-1)",
        "log maintenance respiration rate at 0 degC",
        (-7.5, -2.5),
        0.5,
        "identity",
    )
    respiration_q10_a0: Value = fixed("RAQ10A0", "1", "plant Q10, constant")
    respiration_q10_a1: Value = fixed("RAQ10A1", "degC-1", "plant Q10, linear")
    respiration_q10_a2: Value = fixed("RAQ10A2", "degC-2", "plant Q10, quadratic")
    respiration_q10_a3: Value = fixed("RAQ10A3", "degC-3", "plant Q10, cubic")
    respiration_freezing_q10: Value = tunable(
        "RMFQ10",
        "1",
        "decline of maintenance respiration by freezing per 10 K (freezing_cutoff)",
        (1.0, 400.0),
        1.0,
        source="our assumption: that of decomposition",
        default=20.0,
    )
    # Litterfall
    litterfall_rate_carbon: Value = tunable(
        "CFALL", "month-1", "fraction of vegetation C shed", (0.0015, 0.08), 0.5
    )
    litterfall_rate_nitrogen: Value = tunable(
        "NFALL", "month-1", "fraction of structural N shed", (0.0015, 0.05), 0.5
    )
    # Decomposition
    kdc_slope: Value = fixed("KDA", "month-1", "KDC, term in 1/(silt+clay)")
    kdc_intercept: Value = fixed("KDB", "month-1", "KDC, constant")
    kdc_scale: Value = tunable(
        "KDC", "1", "factor on the decomposition rate at 0 degC KDC", (0.2, 4.0), 0.4
    )
    heterotrophic_q10: Value = tunable("RHQ10", "1", "Q10 of decomposition", (1.3, 3.5), 0.2)
    heterotrophic_freezing_q10: Value = tunable(
        "RHFQ10",
        "1",
        "decline of decomposition by freezing per 10 K (freezing_cutoff)",
        (1.0, 400.0),
        1.0,
        source="frozen over thawed Q10 of four tundra soils, 7–52 (Mikan et al. 2002)",
        default=20.0,
    )
    moisture_minimum: Value = fixed("MOISTMIN", "m3 m-3", "decomposition stops below")
    moisture_optimum: Value = tunable(
        "MOISTOPT", "m3 m-3", "decomposition optimum", (0.2, 0.8), 0.1, "identity"
    )
    moisture_maximum: Value = fixed("MOISTMAX", "m3 m-3", "decomposition stops above")
    litter_carbon_to_nitrogen_reference: Value = tunable(
        "LCCLNC", "g C g-1 N", "litter C:N of the calibration site", (30, 200), 0.3
    )
    litter_to_soil_fraction: Value = fixed("PROPFTOS", "1", "litter that becomes soil matter")
    # Nitrogen
    nmax_texture_cut: Value = fixed("NMAXCUT", "1", "silt+clay where the NMAX line changes")
    nmax_slope_coarse: Value = fixed("NMAX1A", "g N m-2 month-1", "NMAX slope below the cut")
    nmax_intercept_coarse: Value = fixed("NMAX1B", "g N m-2 month-1", "NMAX at zero silt+clay")
    nmax_slope_fine: Value = fixed("NMAX2A", "g N m-2 month-1", "NMAX slope above the cut")
    nmax_intercept_fine: Value = fixed("NMAX2B", "g N m-2 month-1", "NMAX intercept above the cut")
    nmax_scale: Value = tunable(
        "NMAX", "1", "factor on the resolved maximum N uptake NMAX", (0.2, 4.0), 0.4
    )
    nup_slope: Value = fixed("NUPA", "g N g-1 C", "NUP, term in 1/(silt+clay)")
    nup_intercept: Value = fixed("NUPB", "g N g-1 C", "NUP, constant")
    nup_scale: Value = tunable(
        "NUP", "1", "factor on the microbial N uptake parameter NUP", (0.3, 3.0), 0.3
    )
    uptake_half_saturation: Value = fixed("KN1", "g N mm-1", "plant N uptake half saturation")
    immobilisation_half_saturation: Value = fixed("KN2", "g N mm-1", "microbial half saturation")
    labile_nitrogen_fraction: Value = fixed("LABNCON", "1", "labile over structural N, target")
    production_carbon_to_nitrogen: Value = tunable(
        "CNEVEN", "g C g-1 N", "C:N of new production", (20, 100), 0.25
    )
    production_carbon_to_nitrogen_minimum: Value = fixed("CNMIN", "g C g-1 N", "its lower limit")
    vegetation_carbon_to_nitrogen_slope: Value = fixed(
        "VEGC2NA", "g C g-1 N", "C:N of tissue, slope in annual EET/PET"
    )
    vegetation_carbon_to_nitrogen_intercept: Value = tunable(
        "VEGC2NB", "g C g-1 N", "C:N of tissue at zero EET/PET", (0.05, 450), 0.25
    )
    vegetation_carbon_to_nitrogen_minimum: Value = fixed("C2NMIN", "g C g-1 N", "its lower limit")
    soil_carbon_to_nitrogen: Value = tunable(
        "CNSOIL", "g C g-1 N", "C:N target of soil organic matter", (8, 40), 0.2
    )
    nitrogen_loss_rate: Value = fixed("NLOSS", "1", "loss of mineral N with drainage")
    # Rooting zone
    rooting_depth_quadratic: Value = fixed("ROOTZA", "m", "rooting depth, quadratic in silt+clay")
    rooting_depth_linear: Value = fixed("ROOTZB", "m", "rooting depth, linear")
    rooting_depth_constant: Value = fixed("ROOTZC", "m", "rooting depth, constant")
    rooting_depth_minimum: Value = fixed("MINROOTZ", "m", "least rooting depth")
    # Initial pools, lines in silt+clay
    initial_vegetation_carbon_slope: Value = fixed("VEGCyica", "g C m-2", "initial VEGC, slope")
    initial_vegetation_carbon_intercept: Value = fixed("VEGCyicb", "g C m-2", "initial VEGC")
    initial_structural_nitrogen_slope: Value = fixed("STRNyica", "g N m-2", "initial STRN, slope")
    initial_structural_nitrogen_intercept: Value = fixed("STRNyicb", "g N m-2", "initial STRN")
    initial_labile_nitrogen_slope: Value = fixed("STONyica", "g N m-2", "initial STON, slope")
    initial_labile_nitrogen_intercept: Value = fixed("STONyicb", "g N m-2", "initial STON")
    initial_soil_organic_carbon_slope: Value = fixed("SOLCyica", "g C m-2", "initial SOLC, slope")
    initial_soil_organic_carbon_intercept: Value = fixed("SOLCyicb", "g C m-2", "initial SOLC")
    initial_soil_organic_nitrogen_slope: Value = fixed("SOLNyica", "g N m-2", "initial SOLN, slope")
    initial_soil_organic_nitrogen_intercept: Value = fixed("SOLNyicb", "g N m-2", "initial SOLN")
    initial_available_nitrogen_slope: Value = fixed("AVLNyica", "g N m-2", "initial AVLN, slope")
    initial_available_nitrogen_intercept: Value = fixed("AVLNyicb", "g N m-2", "initial AVLN")
    initial_unnormalised_leaf: Value = fixed("UNLEAF12", "1", "initial UNL")
    initial_leaf_maximum: Value = fixed("PRVLEAFMX", "1", "initial yearly maximum of UNL")
    # Thaw exposure
    soil_carbon_depth_scale: Value = tunable(
        "b",
        "m",
        "depth scale of cumulative soil carbon (Eq. 2)",
        (0.4, 8.0),
        0.6,
        source="soil profiles and TEM 6.0.6, see docs/fidelity.md",
    )
    stefan_coefficient: Value = fixed(
        "E", "m (K d)-1/2", "Stefan coefficient of the active layer; NaN where none", OURS
    )
    # Soil carbon in layers
    surface_decomposition_scale: Value = tunable(
        "kappa",
        "1",
        "decomposition at the surface of layered soil over KDC of the bulk soil",
        (0.3, 30.0),
        0.5,
        default=4.0,
        source="ratio that gives the observed stock above the thaw depth; our first guesses",
    )
    decomposition_attenuation: Value = tunable(
        "a_z",
        "m-1",
        "decline of decomposition with depth",
        (0.0, 4.0),
        1.0,
        "identity",
        "CLM4.5 2 (Koven et al. 2013), CLM5 0.1, JULES 2 (Burke et al. 2017)",
        2.0,
    )
    litter_depth: Value = tunable(
        "z_r",
        "m",
        "depth over which litter falls to 1/e",
        (0.03, 0.6),
        0.4,
        default=0.13,
        source="90 % of roots in 0.3 m (plateau); Jackson et al. 1996, from memory",
    )
    soil_mixing: Value = tunable(
        "D_m",
        "m2 year-1",
        "mixing by frost and animals",
        (1e-5, 5e-3),
        1.0,
        default=5e-4,
        source="CLM4.5: 5e-4 with permafrost, 1e-4 without (Koven et al. 2013)",
    )
    mixing_limit: Value = fixed(
        "z_D", "m", "depth to which soil is mixed at most", "CLM4.5 (Koven et al. 2013)", 3.0
    )
    frozen_decomposition: Value = fixed(
        "", "1", "decomposition in ice relative to that in water", OURS, 0.0
    )
    old_carbon_rate: Value = tunable(
        "k_o",
        "year-1",
        "decay of thawed old carbon at 0 degC",
        (2e-4, 0.05),
        1.0,
        default=4e-3,
        source="our reading of incubations of permafrost soil (Schaedel et al. 2014), from memory",
    )
    old_carbon_attenuation: Value = fixed(
        "a_o", "m-1", "decline of the decay of old carbon with depth", OURS, 0.0
    )
    old_carbon_stock: Value = tunable(
        "C_2",
        "g C m-2",
        "observed soil carbon to 2 m",
        (1600.0, 140000.0),
        0.3,
        default=16000.0,
        source="plateau profiles by type (Mu et al. 2020); elsewhere from memory",
    )
    old_carbon_to_nitrogen: Value = tunable(
        "CN_o",
        "g C g-1 N",
        "C:N of old carbon",
        (8.0, 40.0),
        0.2,
        default=16.4,
        source="exposed carbon and nitrogen of Liu et al. (2022)",
    )
    # Soil heat: three horizons, the lowest to 40 m
    mat_thickness: Value = tunable(
        "", "m", "moss, litter or root mat", (0.01, 0.4), 0.4, source=OURS
    )
    mat_water: Value = tunable("", "m3 m-3", "water of the mat", (0.05, 0.7), 0.3, source=OURS)
    mat_conductivity_thawed: Value = fixed("", "W m-1 K-1", "mat, thawed")
    mat_conductivity_frozen: Value = fixed("", "W m-1 K-1", "mat, frozen")
    mat_heat_capacity_thawed: Value = fixed("", "J m-3 K-1", "mat, thawed, without latent heat")
    mat_heat_capacity_frozen: Value = fixed("", "J m-3 K-1", "mat, frozen")
    upper_thickness: Value = tunable(
        "", "m", "organic or upper mineral horizon", (0.2, 4.0), 0.4, source=OURS
    )
    upper_water: Value = tunable("", "m3 m-3", "its water", (0.05, 0.7), 0.3, source=OURS)
    upper_conductivity_thawed: Value = fixed("", "W m-1 K-1", "upper horizon, thawed")
    upper_conductivity_frozen: Value = fixed("", "W m-1 K-1", "upper horizon, frozen")
    upper_heat_capacity_thawed: Value = fixed("", "J m-3 K-1", "upper horizon, thawed")
    upper_heat_capacity_frozen: Value = fixed("", "J m-3 K-1", "upper horizon, frozen")
    lower_water: Value = tunable(
        "", "m3 m-3", "water of the lower mineral soil", (0.05, 0.6), 0.3, source=OURS
    )
    lower_conductivity_thawed: Value = fixed("", "W m-1 K-1", "lower mineral soil, thawed")
    lower_conductivity_frozen: Value = fixed("", "W m-1 K-1", "lower mineral soil, frozen")
    lower_heat_capacity_thawed: Value = fixed("", "J m-3 K-1", "lower mineral soil, thawed")
    lower_heat_capacity_frozen: Value = fixed("", "J m-3 K-1", "lower mineral soil, frozen")
    conductivity_scale: Value = tunable(
        "kscale", "1", "factor on every soil conductivity", (0.4, 2.5), 0.25, source=OURS
    )
    freezing_range: Value = tunable(
        "w", "K", "range below 0 degC over which pore water freezes", (0.05, 0.5), 0.3, source=OURS
    )
    surface_shortwave_coefficient: Value = tunable(
        "a",
        "K m2 W-1",
        "surface warming per unit of shortwave",
        (-0.005, 0.045),
        0.006,
        "identity",
        "fits to the tower soil temperatures, 0.0175–0.030",
    )
    surface_resistance: Value = tunable(
        "R_s",
        "m2 K W-1",
        "thermal resistance of plants, litter and boundary layer",
        (0.0, 0.5),
        0.05,
        "identity",
        OURS,
    )
    geothermal_flux: Value = fixed("", "W m-2", "heat flux at 40 m, upward", OURS)
    snow_fraction: Value = fixed("", "1", "share of the snowpack that insulates", OURS)
    snow_cap: Value = fixed("", "mm", "most snow water that insulates; inf: no limit", OURS)
    snow_windy: Value = fixed("", "1", "1 for TEM's windy types 1, 2, 6, 7, 8, 10, 12, else 0")


REGISTRY: dict[str, ParameterInfo] = {
    field.name: ParameterInfo(name=field.name, **field.metadata)
    for field in dataclasses.fields(Parameters)
}


def tunable_names() -> tuple[str, ...]:
    """Names of the tunable parameters, in registry order."""
    return tuple(name for name, info in REGISTRY.items() if info.tunable)


def resolve_name(name: str) -> str:
    """Registry name of a parameter from its name or its TEM symbol (any case).

    Raises:
        KeyError: no such parameter; the message offers the nearest names.
    """
    if name in REGISTRY:
        return name
    folded = name.casefold()
    for info in REGISTRY.values():
        if info.symbol and info.symbol.casefold() == folded:
            return info.name
    known = {name.casefold(): name for name in REGISTRY}
    known |= {info.symbol.casefold(): info.symbol for info in REGISTRY.values() if info.symbol}
    matches = [known[match] for match in difflib.get_close_matches(folded, known, n=3)]
    hint = f"; did you mean {', '.join(matches)}?" if matches else ""
    raise KeyError(f"unknown parameter {name!r}{hint}")

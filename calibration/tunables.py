"""Calibration parameters: the registry's tunables, the numbers of a place, named groups."""

from temjax.parameters.idle import FREEZING
from temjax.parameters.registry import (
    REGISTRY,
    ParameterInfo,
    resolve_name,
    tunable_names,
)
from temjax.sites.place_numbers import PLACE_NUMBERS, PRECIPITATION, SNOW, WARMTH

DISEQUILIBRIUM = "disequilibrium_factor"
# No parameters of TEM: numbers of a place, that act on its soil organic matter, forcing and snow.
HISTORY_PARAMETERS = {
    DISEQUILIBRIUM: ParameterInfo(
        name=DISEQUILIBRIUM,
        symbol="",
        unit="1",
        description="factor on soil organic C and N of the equilibrium of the first year",
        bounds=(0.4, 2.5),
        prior_sd=0.15,
        transform="log",
        source="our assumption; an equilibrium start lets the towers be hardly any sink",
        tunable=True,
    ),
    PRECIPITATION: ParameterInfo(
        name=PRECIPITATION,
        symbol="",
        unit="1",
        description="factor on the precipitation of the place, over its whole history",
        bounds=(0.4, 3.0),
        prior_sd=0.3,
        transform="log",
        source="corrections of gauges in Siberia and Alaska, +10 to +130 % a year "
        "(doi:10.1657/1523-0430(2005)037[0276:AODPDA]2.0.CO;2); width ours",
        tunable=True,
    ),
    SNOW: ParameterInfo(
        name=SNOW,
        symbol="",
        unit="1",
        description="factor on the conductivity of the snow of the place; its density and the "
        "ground it leaves bare act alike",
        bounds=(0.2, 5.0),
        prior_sd=0.4,
        transform="log",
        source="our assumption; densities explain R² 0.79 of measured conductivities "
        "(Sturm et al. 1997, doi:10.3189/S0022143000002781)",
        tunable=True,
    ),
    WARMTH: ParameterInfo(
        name=WARMTH,
        symbol="",
        unit="K",
        description="offset of the air temperature of the place, over its whole history",
        bounds=(-3.0, 3.0),
        prior_sd=0.5,
        transform="identity",
        source="our assumption; between the thermometer and the canopy or ground",
        tunable=True,
    ),
}
HISTORY_DEFAULTS = {DISEQUILIBRIUM: 1.0, **PLACE_NUMBERS}

# The family of Liu et al. (2022), Table S2, as far as the paper's text names it.
TABLE_S2 = (
    "cmax_scale",
    "respiration_rate_log",
    "respiration_biomass_slope",
    "kdc_scale",
    "nmax_scale",
    "nup_scale",
    "litterfall_rate_carbon",
    "litterfall_rate_nitrogen",
    "production_carbon_to_nitrogen",
    "vegetation_carbon_to_nitrogen_intercept",
    "soil_carbon_to_nitrogen",
)
THERMAL = (
    "surface_shortwave_coefficient",
    "surface_resistance",
    "conductivity_scale",
    "mat_thickness",
    "mat_water",
    "upper_water",
    "lower_water",
    "freezing_range",
)
# Numbers of a place, not of its vegetation type: each place of a type has its own.
PLACE = (DISEQUILIBRIUM, *PLACE_NUMBERS)
# The set a trial fit of the towers found most useful, and two numbers for soil temperature.
DEFAULT = (
    "cmax_scale",
    "respiration_rate_log",
    "kdc_scale",
    "litterfall_rate_carbon",
    "litterfall_rate_nitrogen",
    "nmax_scale",
    "temperature_minimum",
    "temperature_optimum_minimum",
    "nup_scale",
    "half_saturation_light",
    "heterotrophic_q10",
    DISEQUILIBRIUM,
    "surface_shortwave_coefficient",
    "surface_resistance",
)
# What groups tune to target values of a community, in their order; THAW with a thaw depth.
COMMUNITY = (
    "cmax_scale",
    "respiration_rate_log",
    "nmax_scale",
    "production_carbon_to_nitrogen",
    "litterfall_rate_carbon",
    "litterfall_rate_nitrogen",
    "vegetation_carbon_to_nitrogen_intercept",
    "kdc_scale",
    "soil_carbon_to_nitrogen",
    "nup_scale",
)
THAW = ("conductivity_scale", "mat_thickness", "upper_water")
# Why a parameter may have no effect where a fit ends.
NO_EFFECT = {
    "temperature_optimum_minimum": "the optimum is the air temperature of the month of most leaf, "
    "and that is not below TOPTMIN",
}
GROUPS = {
    "table-s2": TABLE_S2,
    "thermal": THERMAL,
    "default": DEFAULT,
    "freezing": FREEZING,
    "community": COMMUNITY,
    "place": PLACE,
}


def parameter_info(name: str) -> ParameterInfo:
    """Registry entry of a calibration parameter, by name or ``name@site``."""
    name = name.partition("@")[0]
    return HISTORY_PARAMETERS[name] if name in HISTORY_PARAMETERS else REGISTRY[name]


def expand_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Parameter names with groups expanded and TEM symbols resolved.

    Raises:
        ValueError: unknown, repeated or fixed parameter.
    """
    resolved: list[str] = []
    for name in names:
        if name in GROUPS:
            resolved += [member for member in GROUPS[name] if member not in resolved]
            continue
        if name not in HISTORY_PARAMETERS:
            try:
                name = resolve_name(name)
            except KeyError as error:
                hint = f"; groups are {', '.join(GROUPS)}; also {', '.join(HISTORY_PARAMETERS)}"
                raise ValueError(f"{error.args[0]}{hint}") from error
        if name in resolved:
            raise ValueError(f"parameter {name!r} is named twice")
        info = parameter_info(name)
        if not info.tunable:
            raise ValueError(
                f"parameter {name!r} ({info.symbol}) is fixed; tunable are "
                + ", ".join((*tunable_names(), *HISTORY_PARAMETERS))
            )
        resolved.append(name)
    if not resolved:
        raise ValueError("no parameter is free: name at least one")
    return tuple(resolved)


def no_effect_text(names: tuple[str, ...]) -> str:
    """Sentence on free parameters without effect; empty of none."""
    if not names:
        return ""
    reasons = [NO_EFFECT.get(name.partition("@")[0]) for name in names]
    texts = [
        f"{name} ({reason})" if reason else name
        for name, reason in zip(names, reasons, strict=True)
    ]
    verb, its = ("has", "its") if len(names) == 1 else ("have", "their")
    return (
        f"{', '.join(texts)} {verb} no effect at the optimum (derivative 0 of every observed "
        f"value): {its} interval is that of the prior"
    )

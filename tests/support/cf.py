"""What CF and UDUNITS say of the names and units in use, held apart from the registry."""

import math
import re

# canonical units in the CF standard name table, version 93
CANONICAL_UNITS = {
    "time": "s", "depth": "m", "latitude": "degree_north", "longitude": "degree_east",
    "projection_y_coordinate": "m", "projection_x_coordinate": "m", "cell_area": "m2",
    "gross_primary_productivity_of_biomass_expressed_as_carbon": "kg m-2 s-1",
    "net_primary_productivity_of_biomass_expressed_as_carbon": "kg m-2 s-1",
    "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_plant_respiration":
        "kg m-2 s-1",
    "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_heterotrophic_"
    "respiration": "kg m-2 s-1",
    "water_evapotranspiration_flux": "kg m-2 s-1", "vegetation_mass_content_of_carbon": "kg m-2",
    "soil_mass_content_of_carbon": "kg m-2", "soil_mass_content_of_nitrogen": "kg m-2",
    "soil_temperature": "K", "mass_content_of_water_in_soil": "kg m-2",
    "surface_snow_amount": "kg m-2", "permafrost_active_layer_thickness": "m",
    "lwe_thickness_of_surface_snow_amount": "m", "lwe_snowfall_rate": "m s-1",
    "lwe_precipitation_rate": "m s-1", "lwe_water_evaporation_rate": "m s-1",
    "rainfall_rate": "m s-1", "air_temperature": "K",
    "surface_downwelling_shortwave_flux_in_air": "W m-2",
    "mole_fraction_of_carbon_dioxide_in_air": "1",
}  # fmt: skip
CELL_METHODS = {"time: mean", "time: sum", "time: point", "time: maximum"}
ISIMIP_UNITS = {  # biomes and permafrost sectors of ISIMIP2b
    "gpp": "kg m-2 s-1", "npp": "kg m-2 s-1", "ra": "kg m-2 s-1", "rh": "kg m-2 s-1",
    "evap": "kg m-2 s-1", "cveg": "kg m-2", "csoil": "kg m-2", "soilmoist": "kg m-2",
    "swe": "kg m-2", "tsl": "K", "thawdepth": "m",
}  # fmt: skip

# unit -> size in SI and its dimensions
_UNITS = {
    "1": (1.0, {}), "1e-6": (1e-6, {}), "m": (1.0, {"m": 1}), "mm": (1e-3, {"m": 1}),
    "kg": (1.0, {"kg": 1}), "g": (1e-3, {"kg": 1}), "s": (1.0, {"s": 1}),
    "month": (86400 * 365 / 12, {"s": 1}), "year": (86400 * 365.0, {"s": 1}),
    "K": (1.0, {"K": 1}), "degC": (1.0, {"K": 1}), "W": (1.0, {"kg": 1, "m": 2, "s": -3}),
}  # fmt: skip


def parse_unit(text: str) -> tuple[float, dict[str, int]]:
    """Size in SI units and dimensions of a unit such as ``g m-2 month-1``.

    Raises:
        ValueError: a unit that is not known, or a wrong spelling.
    """
    size, dimensions = 1.0, {}
    for factor in text.split(" "):
        match = re.fullmatch(r"(1e-6|1|[A-Za-z]+)(-?\d)?", factor)
        if match is None or match[1] not in _UNITS:
            raise ValueError(f"unit {text!r}: {factor!r} is not understood")
        power = int(match[2] or 1)
        own, of = _UNITS[match[1]]
        size *= own**power
        for name, exponent in of.items():
            dimensions[name] = dimensions.get(name, 0) + exponent * power
    return size, {name: power for name, power in dimensions.items() if power}


def conversion_factor(unit: str, target: str) -> float:
    """What a value in ``unit`` is multiplied by to be in ``target``; water has 1000 kg m⁻³.

    Raises:
        ValueError: the dimensions differ.
    """
    (size, dimensions), (other, expected) = parse_unit(unit), parse_unit(target)
    if dimensions != expected and dimensions == _water_depth(expected):
        size, dimensions = size * 1000.0, expected
    if dimensions != expected or not math.isfinite(size):
        raise ValueError(f"{unit!r} and {target!r} have different dimensions")
    return size / other


def _water_depth(dimensions: dict[str, int]) -> dict[str, int]:
    """Dimensions of a mass of water per area as those of a depth."""
    changed = {name: power for name, power in dimensions.items() if name != "kg"}
    changed["m"] = changed.get("m", 0) + 3 * dimensions.get("kg", 0)
    return changed

"""Tendencies of the pools from the fluxes.

Source: docs/specification/model.md 5.1, 5.4, 5.7.
"""

from __future__ import annotations

from temjax.ecosystem.drivers import MonthDrivers
from temjax.numerics import Cell


def available_nitrogen_tendency(fluxes: dict[str, Cell]) -> Cell:
    """Tendency of AVLN, g N m⁻² month⁻¹; natural cells have no nitrogen input."""
    return (
        fluxes["net_nitrogen_mineralisation"]
        - fluxes["structural_nitrogen_uptake"]
        - fluxes["labile_nitrogen_uptake"]
        - fluxes["nitrogen_loss"]
    )


def pool_tendency(drivers: MonthDrivers, fluxes: dict[str, Cell]) -> dict[str, Cell]:
    """Tendency of every pool by name, g m⁻² or mm month⁻¹.

    Source: docs/specification/model.md 5.1, 5.7.
    """
    f = fluxes
    return {
        "vegetation_carbon": f["net_primary_production"] - f["litterfall_carbon"],
        "structural_nitrogen": (
            f["structural_nitrogen_uptake"]
            + f["nitrogen_mobilisation"]
            - f["litterfall_nitrogen"]
            - f["nitrogen_resorption"]
        ),
        "labile_nitrogen": (
            f["labile_nitrogen_uptake"] + f["nitrogen_resorption"] - f["nitrogen_mobilisation"]
        ),
        "soil_organic_carbon": f["litterfall_carbon"] - f["heterotrophic_respiration"],
        "soil_organic_nitrogen": f["litterfall_nitrogen"] - f["net_nitrogen_mineralisation"],
        "available_nitrogen": available_nitrogen_tendency(f),
        "available_water": (
            drivers.rainfall
            + drivers.snowmelt
            - f["evapotranspiration"]
            - f["rain_percolation"]
            - f["snow_percolation"]
        ),
        "rain_runoff_store": f["rain_percolation"] - f["rain_runoff"],
        "snow_runoff_store": f["snow_percolation"] - f["snow_runoff"],
        "snowpack": drivers.snowfall - drivers.snowmelt,
    }

"""TEM's mass-balance closure of a month's reported fluxes, for comparison only.

Source: docs/specification/model.md 7.
"""

from __future__ import annotations

import jax.numpy as jnp

from temjax.outputs import FLUXES
from temjax.state import POOLS


def close_month(before, after, fluxes):
    """Return the fluxes TEM reports for a month.

    Args:
        before, after: pools `(pool, *cell)` at the two month ends.
        fluxes: integrals over the month `(flux, *cell)`.
    """
    change = dict(zip(POOLS, after - before, strict=True))
    f = dict(zip(FLUXES, fluxes, strict=True))
    f["snowmelt"] = f["snowfall"] - change["snowpack"]
    f["snow_percolation"] = (
        f["snowmelt"]
        + f["rainfall"]
        - f["rain_percolation"]
        - f["evapotranspiration"]
        - change["available_water"]
    )
    f["rain_runoff"] = f["rain_percolation"] - change["rain_runoff_store"]
    f["snow_runoff"] = f["snow_percolation"] - change["snow_runoff_store"]

    net = f["net_primary_production"]
    f["potential_net_primary_production"] = jnp.maximum(f["potential_net_primary_production"], net)
    f["potential_gross_primary_production"] = jnp.maximum(
        f["potential_gross_primary_production"], f["gross_primary_production"]
    )
    f["autotrophic_respiration"] = f["gross_primary_production"] - net
    f["growth_respiration"] = f["autotrophic_respiration"] - f["maintenance_respiration"]
    f["litterfall_carbon"] = net - change["vegetation_carbon"]
    f["heterotrophic_respiration"] = f["litterfall_carbon"] - change["soil_organic_carbon"]
    f["net_ecosystem_production"] = net - f["heterotrophic_respiration"]

    uptake = jnp.maximum(f["nitrogen_uptake"], 0.0)
    f["nitrogen_uptake"] = uptake
    f["potential_nitrogen_uptake"] = jnp.maximum(f["potential_nitrogen_uptake"], uptake)
    f["structural_nitrogen_uptake"] = jnp.clip(f["structural_nitrogen_uptake"], 0.0, uptake)
    f["labile_nitrogen_uptake"] = uptake - f["structural_nitrogen_uptake"]
    f["nitrogen_resorption"] = (
        change["labile_nitrogen"] + f["nitrogen_mobilisation"] - f["labile_nitrogen_uptake"]
    )
    f["litterfall_nitrogen"] = (
        f["structural_nitrogen_uptake"]
        - change["structural_nitrogen"]
        - f["nitrogen_resorption"]
        + f["nitrogen_mobilisation"]
    )
    f["net_nitrogen_mineralisation"] = f["litterfall_nitrogen"] - change["soil_organic_nitrogen"]
    loss = jnp.maximum(f["nitrogen_loss"], 0.0)
    supply = jnp.maximum(f["nitrogen_input"], 0.0)
    without_input = f["net_nitrogen_mineralisation"] - uptake - change["available_nitrogen"]
    residual = supply + without_input
    f["nitrogen_loss"] = jnp.where(residual > 0.0, residual, loss)
    f["nitrogen_input"] = jnp.where(residual > 0.0, supply, loss - without_input)
    return jnp.stack([f[name] for name in FLUXES])

"""Arrays a run returns; fluxes, pools and ledgers are packed and read by name."""

import equinox as eqx
from jaxtyping import Array, Bool, Float

from temjax.outputs.registry import FLUXES, LEDGERS
from temjax.state import POOLS


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

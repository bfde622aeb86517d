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


class LayerOutput(eqx.Module):
    """Carbon of soil in layers, at year ends unless stated; see ``temjax.outputs.LAYER_OUTPUTS``.

    Attributes:
        active_carbon_by_layer: A, g C m⁻², ``(year, layer, *cell)``.
        thawed_carbon_by_layer: B, old carbon that has thawed, g C m⁻².
        frozen_carbon_by_layer: F, old carbon that has not, g C m⁻².
        exposed_carbon_by_layer: old carbon that thawed for the first time this year, g C m⁻².
        heterotrophic_respiration_by_layer: of active and old carbon, g C m⁻² month⁻¹,
            ``(year, 12, layer, *cell)``.
        thawed_carbon_respiration_by_layer: of thawed old carbon, g C m⁻² year⁻¹.
        permafrost_table: z_p, m, ``(year, *cell)``.
        thawed_nitrogen_to_roots: nitrogen of decayed old carbon that joined soil organic nitrogen,
            g N m⁻² year⁻¹, ``(year, *cell)``.
        thawed_nitrogen_below_roots: that stayed out of reach below roots.
    """

    active_carbon_by_layer: Float[Array, "year layer *cell"]
    thawed_carbon_by_layer: Float[Array, "year layer *cell"]
    frozen_carbon_by_layer: Float[Array, "year layer *cell"]
    exposed_carbon_by_layer: Float[Array, "year layer *cell"]
    heterotrophic_respiration_by_layer: Float[Array, "year 12 layer *cell"]
    thawed_carbon_respiration_by_layer: Float[Array, "year layer *cell"]
    permafrost_table: Float[Array, "year *cell"]
    thawed_nitrogen_to_roots: Float[Array, "year *cell"]
    thawed_nitrogen_below_roots: Float[Array, "year *cell"]

    @property
    def soil_carbon_by_layer(self) -> Float[Array, "year layer *cell"]:
        """Active, thawed and frozen carbon, g C m⁻²."""
        return (
            self.active_carbon_by_layer + self.thawed_carbon_by_layer + self.frozen_carbon_by_layer
        )

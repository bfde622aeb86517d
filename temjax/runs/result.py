"""Result of a run, and its arrays put together from months and soil climate."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax.heat.climate import SoilClimate
from temjax.outputs import AnnualOutput, LayerOutput, MonthlyOutput
from temjax.state import ExposureState, State


class Run(eqx.Module):
    """Result of ``simulate``.

    Attributes:
        years: calendar years, ``(year,)``.
        monthly: fluxes and pools, ``(year, 12, *cell)``.
        annual: thaw, exposure, annual sums, year-end pools, ``(year, *cell)``.
        soil: the soil climate of the run.
        state: where a following run starts.
        finite: false where a cell produced a value that is not finite; such a cell is to be
            masked and named, never averaged.
        layers: carbon of soil in layers; None of the bulk soil.
    """

    years: Array
    monthly: MonthlyOutput
    annual: AnnualOutput
    soil: SoilClimate
    state: State
    finite: Bool[Array, "*cell"]
    layers: LayerOutput | None = None


def ledger_rows(exposure: ExposureState) -> Float[Array, "ledger *cell"]:
    """Ledgers of thaw exposure in the order of ``AnnualOutput.ledgers``."""
    return jnp.stack(
        [
            exposure.inaccessible_inorganic_nitrogen,
            exposure.frozen_carbon,
            exposure.frozen_organic_nitrogen,
            exposure.frozen_inorganic_nitrogen,
            exposure.frozen_water,
        ]
    )


def put_together(
    soil: SoilClimate,
    fluxes: Float[Array, "year 12 flux *cell"],
    pools: Float[Array, "year 12 pool *cell"],
    ledgers: Float[Array, "year ledger *cell"],
    **exposure: Float[Array, "year *cell"],
) -> tuple[MonthlyOutput, AnnualOutput, Bool[Array, "*cell"]]:
    """Monthly and annual outputs of a run, and which cells are finite.

    Args:
        soil: climate of the run.
        fluxes, pools: of the months.
        ledgers: at year ends.
        exposure: fields of ``AnnualOutput`` that are neither soil climate, fluxes nor pools.
    """
    fluxes = jnp.moveaxis(fluxes, 2, 0)
    pools = jnp.moveaxis(pools, 2, 0)
    # of sums: a test of every value takes a seventh of the months' time
    annual_fluxes = jnp.sum(fluxes, axis=2)
    finite = jnp.isfinite(jnp.sum(annual_fluxes, axis=(0, 1))) & jnp.isfinite(
        jnp.sum(soil.soil_temperature, axis=(0, 1, 2))
    )
    monthly = MonthlyOutput(
        fluxes=fluxes,
        pools=pools,
        soil_temperature=soil.soil_temperature,
        thaw_fraction=soil.thaw_fraction,
        thaw_depth=soil.thaw_depth,
    )
    annual = AnnualOutput(
        maximum_thaw_depth=soil.maximum_thaw_depth,
        minimum_thaw_depth=soil.minimum_thaw_depth,
        mean_annual_ground_temperature=soil.mean_annual_ground_temperature,
        permafrost=soil.permafrost,
        talik=soil.talik,
        ledgers=jnp.moveaxis(ledgers, 1, 0),
        fluxes=annual_fluxes,
        pools=pools[:, :, 11],
        **exposure,
    )
    return monthly, annual, finite

"""The months of a year, one after the other."""

import dataclasses

import jax
from jaxtyping import Array, Float

from temjax.ecosystem.drivers import MonthDrivers
from temjax.ecosystem.imex import DEFAULT_SUBSTEPS, integrate_month
from temjax.native.accelerate import accelerated
from temjax.outputs import flux_index
from temjax.parameters.cell import CellConstants
from temjax.parameters.registry import Parameters
from temjax.state import Memory

Rows = tuple[Float[Array, "month flux *cell"], Float[Array, "month pool *cell"]]


@accelerated("months", static=2, cells="pools")
def _integrate(
    substeps: int,
    freezing_cutoff: bool,
    parameters: Parameters,
    constants: CellConstants,
    drivers: MonthDrivers,
    memory: Memory,
    pools: Float[Array, "pool *cell"],
) -> Rows:
    """One month after the other, each with the leaf area that the one before it ended with."""

    def month(carry, drivers):
        pools, leaf = carry
        current = dataclasses.replace(memory, unnormalised_leaf=leaf)
        pools, fluxes = integrate_month(
            parameters, constants, drivers, current, pools,
            substeps=substeps, freezing_cutoff=freezing_cutoff,
        )  # fmt: skip
        return (pools, fluxes[flux_index("unnormalised_leaf")]), (fluxes, pools)

    return jax.lax.scan(month, (pools, memory.unnormalised_leaf), drivers)[1]


def integrate_months(
    parameters: Parameters,
    constants: CellConstants,
    drivers: MonthDrivers,
    memory: Memory,
    pools: Float[Array, "pool *cell"],
    *,
    substeps: int = DEFAULT_SUBSTEPS,
    freezing_cutoff: bool = False,
) -> Rows:
    """Advance the pools month by month.

    On CPUs all months of many cells are one kernel; its derivatives are those of the months.

    Args:
        parameters, constants, memory, pools: as for ``integrate_month``.
        drivers: of the months, which are the leading axis of every leaf.
        substeps: of a month.
        freezing_cutoff: of respiration, see ``ModelOptions``.

    Returns:
        The integrals of all fluxes over each month, and the pools at its end.
    """
    return _integrate(substeps, freezing_cutoff, parameters, constants, drivers, memory, pools)

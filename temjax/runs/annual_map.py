"""Annual map of carbon, nitrogen and water: from one January to that a cycle of years later.

A cycle is one repeated year or several. Soil heat is not part of it: it does not read the pools, so
its cyclic climate is an input.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax.ecosystem.year import YearCarry, YearInputs, ecosystem_year, month_drivers
from temjax.numerics import largest
from temjax.options import ModelOptions
from temjax.parameters.cell import CellConstants
from temjax.parameters.registry import Parameters
from temjax.processes.nitrogen import carbon_to_nitrogen
from temjax.state import (
    POOLS,
    EcosystemState,
    ExposureState,
    LayeredSoil,
    Memory,
    pool_index,
)

# Least scale of a relative change, g m⁻² or mm; 0.1 of all other pools
LEAST_SCALE = {"vegetation_carbon": 1.0, "soil_organic_carbon": 10.0, "soil_organic_nitrogen": 1.0}
LEAST_LAYER = 0.1  # g C m⁻², the same of a layer
LEAST_VEGETATION = 1.0  # g C m⁻², below which a fixed point is bare ground
SLOW_ROWS = tuple(map(pool_index, POOLS[:5]))
NITROGEN_ROWS = tuple(pool_index(name) for name in POOLS if name.endswith("nitrogen"))
ORGANIC_NITROGEN = pool_index("soil_organic_nitrogen")
MEMORY = tuple(field.name for field in dataclasses.fields(Memory))
LAYER_ROW = len(POOLS) + len(MEMORY)  # first row of the layers
# Rows of a packed state that the map reads, slow ones first; organic soil nitrogen is diagnosed.
FREE_ROWS = tuple(
    (*POOLS, *MEMORY).index(name)
    for name in (
        "vegetation_carbon",
        "structural_nitrogen",
        "labile_nitrogen",
        "soil_organic_carbon",
        "available_nitrogen",
        "available_water",
        "decomposition_rate",
        "leaf_maximum",
        "rain_runoff_store",
        "snow_runoff_store",
        "snowpack",
        "unnormalised_leaf",
        "evapotranspiration_maximum",
        "optimum_temperature",
        "vegetation_carbon_to_nitrogen",
        "production_carbon_to_nitrogen",
    )
)

# Rows differentiated together. The first groups hold all that is slow: they are the whole Jacobian
# that Broyden's method starts from.
GROUP_SIZE = 4

# Pools, then yearly memory, then active carbon of soil in layers
PackedState = Float[Array, "state *cell"]


def pack_state(
    ecosystem: EcosystemState, memory: Memory, layers: LayeredSoil | None = None
) -> PackedState:
    """State of the map: pools, memory and active carbon of layers as rows."""
    rows = [getattr(memory, name) for name in MEMORY]
    active = [] if layers is None else [layers.active_carbon]
    return jnp.concatenate([ecosystem.pools, jnp.stack(rows), *active])


def unpack_state(packed: PackedState) -> tuple[EcosystemState, Memory]:
    """Pools and memory of a packed state."""
    pools = len(POOLS)
    return EcosystemState(packed[:pools]), Memory(*packed[pools:LAYER_ROW])


def limits_of_step(point: PackedState, image: PackedState) -> tuple[PackedState, PackedState]:
    """Lowest and highest state that a step of a search may reach: stocks stay of their size."""

    def rows(limit, stocks, memory):
        return jnp.concatenate(
            [stocks[: len(POOLS)], jnp.full_like(memory, limit), stocks[LAYER_ROW:]]
        )

    memory = point[len(POOLS) : LAYER_ROW]
    return (
        rows(-jnp.inf, 0.25 * point, memory),
        rows(jnp.inf, 4.0 * jnp.maximum(point, image) + 1e-3, memory),
    )


def total_nitrogen(pools: Float[Array, "pool *cell"]) -> Float[Array, "*cell"]:
    """Nitrogen of plants and soil, g N m⁻²."""
    return sum(pools[row] for row in NITROGEN_ROWS)


class CyclicMap(eqx.Module):
    """The map, with everything it depends on besides the state.

    Attributes:
        inputs: of the cycle's years, leading axis ``year``.
        snowpack: at the end of the cycle, mm.
        nitrogen: total of a closed cycle, g N m⁻²; ``None`` applies the baseline rule
            SOLN = SOLC/CNSOIL at each year end (docs/specification/model.md decision 5). In a
            closed cycle every total has a fixed point of its own.
    """

    parameters: Parameters
    constants: CellConstants
    gross_irradiance: Float[Array, "12 *cell"]
    inputs: YearInputs
    snowpack: Float[Array, "*cell"]
    nitrogen: Float[Array, "*cell"] | None
    options: ModelOptions = eqx.field(static=True)

    @property
    def row_groups(self) -> np.ndarray:
        """Rows that the map reads, in groups that are differentiated together, slow ones first."""
        return np.asarray(FREE_ROWS).reshape(-1, GROUP_SIZE)

    @property
    def slow_groups(self) -> int:
        """How many of the groups hold all that is slow."""
        return 1

    @property
    def jacobian_cost(self) -> int:
        """Evaluations of the map that its Jacobian costs."""
        return len(self.row_groups) * (GROUP_SIZE + 1)

    def __call__(self, packed: PackedState) -> PackedState:
        """One cycle, without exposure."""
        after, _ = jax.lax.scan(
            lambda state, inputs: (self._year(state, inputs), None),
            self._set_organic_nitrogen(packed),
            self.inputs,
        )
        # Snow is driven by forcing alone: left free, any constant offset would be a fixed point.
        return after.at[pool_index("snowpack")].set(self.snowpack)

    def _year(self, packed: PackedState, inputs: YearInputs) -> PackedState:
        ecosystem, memory = unpack_state(packed)
        shape = packed.shape[1:]
        carry = YearCarry(ecosystem, memory, ExposureState.zeros(shape, packed.dtype))
        carry, _ = ecosystem_year(
            self.parameters, self.constants, self.options, self.gross_irradiance, carry, inputs
        )
        return self._set_organic_nitrogen(pack_state(carry.ecosystem, carry.memory))

    def _set_organic_nitrogen(self, packed: PackedState) -> PackedState:
        """Diagnose soil organic nitrogen: from carbon, or from the total of a closed cycle."""
        if self.nitrogen is None:
            carbon = packed[pool_index("soil_organic_carbon")]
            organic = carbon / self.parameters.soil_carbon_to_nitrogen
        else:
            organic = self.nitrogen - (total_nitrogen(packed) - packed[ORGANIC_NITROGEN])
        return packed.at[ORGANIC_NITROGEN].set(organic)


def select_cells(mapping: CyclicMap, index: np.ndarray) -> CyclicMap:
    """The map of some cells of a batch ``(cell,)``, by NumPy: nothing is compiled."""

    def select(tree):
        return jax.tree.map(
            lambda leaf: np.asarray(leaf)[..., index] if jnp.ndim(leaf) else leaf, tree
        )

    co2 = mapping.inputs.co2
    inputs = select(dataclasses.replace(mapping.inputs, co2=None))
    # CO2 shared by all cells has months last
    inputs = dataclasses.replace(inputs, co2=co2 if jnp.ndim(co2) == 2 else select(co2))
    return dataclasses.replace(
        mapping,
        parameters=select(mapping.parameters),
        constants=select(mapping.constants),
        gross_irradiance=select(mapping.gross_irradiance),
        inputs=inputs,
        snowpack=select(mapping.snowpack),
        nitrogen=select(mapping.nitrogen),
    )


def relative_change(before: PackedState, after: PackedState) -> Float[Array, "*cell"]:
    """Largest relative change of the slow pools and of layers."""
    floors = jnp.asarray([LEAST_SCALE.get(name, 0.1) for name in POOLS], before.dtype)
    scale = jnp.maximum(
        jnp.abs(after[: len(POOLS)]), floors.reshape((-1,) + (1,) * (before.ndim - 1))
    )
    change = jnp.abs(after[: len(POOLS)] - before[: len(POOLS)]) / scale
    change = jnp.max(change[jnp.asarray(SLOW_ROWS)], axis=0)
    layers, layers_before = after[LAYER_ROW:], before[LAYER_ROW:]
    if not layers.shape[0]:
        return change
    of_layers = jnp.abs(layers - layers_before) / jnp.maximum(jnp.abs(layers), LEAST_LAYER)
    return jnp.maximum(change, jnp.max(of_layers, axis=0))


def initial_memory(
    parameters: Parameters, constants: CellConstants, inputs: YearInputs, irradiance: Array
) -> Memory:
    """Yearly memory before the first year, as TEM sets it.

    Source: docs/specification/model.md 1, 8.

    Args:
        parameters, constants: of the cells.
        inputs: of one year.
        irradiance: GIRR, cal cm⁻² day⁻¹, ``(12, *cell)``.
    """
    shape = jnp.shape(constants.rooting_depth)
    monthly_demand = month_drivers(inputs, irradiance).potential_evapotranspiration
    warmest = jnp.argmax(monthly_demand, axis=0)
    tissue, production = carbon_to_nitrogen(
        annual_evapotranspiration=1.0,
        annual_potential_evapotranspiration=1.0,
        december_co2=inputs.co2[11],
        slope=parameters.vegetation_carbon_to_nitrogen_slope,
        intercept=parameters.vegetation_carbon_to_nitrogen_intercept,
        minimum=parameters.vegetation_carbon_to_nitrogen_minimum,
        production_reference=parameters.production_carbon_to_nitrogen,
    )

    def cells(value):
        return jnp.broadcast_to(value, shape)

    return Memory(
        unnormalised_leaf=cells(parameters.initial_unnormalised_leaf),
        leaf_maximum=cells(parameters.initial_leaf_maximum),
        evapotranspiration_maximum=largest(monthly_demand),
        optimum_temperature=jnp.take_along_axis(inputs.air_temperature, warmest[None], axis=0)[0],
        decomposition_rate=constants.decomposition_rate,
        vegetation_carbon_to_nitrogen=cells(tissue),
        production_carbon_to_nitrogen=cells(production),
    )

"""Annual map with soil carbon in layers: from one January to that a cycle of years later.

Source: docs/specification/layered_soil.md 6.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from temjax.ecosystem.layered_year import LayeredCarry, LayeredInputs, layered_year, roots_of
from temjax.processes.soil_layers import (
    Bounds,
    active_thickness,
    ever_thaws,
    receives_carbon,
)
from temjax.runs.annual_map import (
    FREE_ROWS,
    GROUP_SIZE,
    LAYER_ROW,
    CyclicMap,
    PackedState,
    pack_state,
    unpack_state,
)
from temjax.runs.layered_run import setting_of
from temjax.state import ExposureState, LayeredSoil, pool_index

CARBON = pool_index("soil_organic_carbon")
PLANT_ROWS = tuple(map(pool_index, ("vegetation_carbon", "structural_nitrogen", "labile_nitrogen")))


class LayeredMap(CyclicMap):
    """The map of pools, memory and active carbon of layers; there is no old carbon that decays.

    SOLC is the sum of the layers. A layer that no month of the cycle thaws, or to which neither
    litter nor mixing comes, holds no carbon: what is there would stay for ever or nearly so, and
    the fixed point would not be isolated.
    """

    @property
    def row_groups(self) -> np.ndarray:
        """Rows that the map reads: plants and layers, which are slow, then the others."""
        layers = range(LAYER_ROW, LAYER_ROW + len(self.options.soil_layers) - 1)
        others = (row for row in FREE_ROWS if row not in (*PLANT_ROWS, CARBON))
        rows = [*PLANT_ROWS, *layers, *others]
        filled = rows + [CARBON] * (-len(rows) % GROUP_SIZE)  # which the map does not read
        return np.asarray(filled).reshape(-1, GROUP_SIZE)

    @property
    def slow_groups(self) -> int:
        """How many of the groups hold plants and layers."""
        slow = len(PLANT_ROWS) + len(self.options.soil_layers) - 1
        return -(-slow // GROUP_SIZE)

    def __call__(self, packed: PackedState) -> PackedState:
        """One cycle, without exposure."""
        return super().__call__(self._with_sum(packed))

    def _with_sum(self, packed: PackedState) -> PackedState:
        """The state with SOLC as the sum of its layers, and none in those that hold none."""
        active = jnp.where(self._holds_carbon(), packed[LAYER_ROW:], 0.0)
        packed = packed.at[LAYER_ROW:].set(active)
        return packed.at[CARBON].set(jnp.sum(active, axis=0))

    def _holds_carbon(self) -> Bool[Array, "layer *cell"]:
        """Layers that thaw in some month of the cycle and to which carbon comes."""
        inputs = self.inputs
        setting = setting_of(self.parameters, self.options, inputs.layer_temperature.shape[2:])
        bounds = setting.bounds
        thickness = active_thickness(bounds, inputs.table[0])
        thaws = ever_thaws(
            Bounds(bounds.top, bounds.top + thickness),
            setting.heat,
            jnp.max(inputs.layer_liquid_fraction, axis=(0, 1)),
        )
        before = jnp.max(inputs.thaw_depth_before, axis=0)
        receives = receives_carbon(
            bounds,
            rooting_depth=roots_of(self.constants, self.options, before),
            thaw_depth=before,
            mixing_limit=self.parameters.mixing_limit,
        )
        return thaws & receives

    def _year(self, packed: PackedState, inputs: LayeredInputs) -> PackedState:
        ecosystem, memory = unpack_state(packed)
        active = packed[LAYER_ROW:]
        none = ExposureState.zeros(packed.shape[1:], packed.dtype)
        layers = LayeredSoil(
            active, jnp.zeros_like(active), inputs.table, inputs.table, inputs.thaw_depth_before
        )
        carry = LayeredCarry(ecosystem, memory, none, layers)
        setting = setting_of(self.parameters, self.options, inputs.layer_temperature.shape[1:])
        carry, _ = layered_year(
            self.parameters,
            self.constants,
            self.options,
            setting,
            self.gross_irradiance,
            carry,
            inputs,
        )
        packed = pack_state(carry.ecosystem, carry.memory, carry.layers)
        return self._set_organic_nitrogen(packed)

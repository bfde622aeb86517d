"""Diagnostics of a solved step of soil heat: temperatures, thaw depth, imbalance.

Layer by layer from the top and elementwise in the cells, for the kernel that runs a year without
keeping its steps, and for its adjoint. ``heat.year`` computes the same of whole columns.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.processes.active_layer import counted_thickness, thawed_thickness
from temjax.processes.soil_heat import (
    LayerState,
    Surface,
    boundary_conduction,
    heat_gain,
    layer_imbalance,
    layer_state,
    surface_conduction,
)
from temjax.processes.soil_profile import DepthShares, half_layer_change
from temjax.soil_column import SoilColumn, ThermalProperties, thermal_properties

Cells = Float[Array, "*cell"]


class LayerProperties(NamedTuple):
    """Properties of a layer, and its weights in what a step reports; or cotangents of them.

    Attributes:
        thermal: thermal properties.
        upper_half: share of its upper half above the depth at which temperature is reported, 0–1.
        lower_half: of its lower half.
        counted: its thickness where thaw depth counts it, m, else 0.
    """

    thermal: ThermalProperties
    upper_half: Cells
    lower_half: Cells
    counted: Cells


def layer_properties(column: SoilColumn, shares: DepthShares) -> LayerProperties:
    """Properties of all layers of a column, with the weights of a single depth."""
    return LayerProperties(
        thermal=thermal_properties(column),
        upper_half=shares.upper_half[0],
        lower_half=shares.lower_half[0],
        counted=counted_thickness(column.thickness, column.top),
    )


class LayerDiagnostics(NamedTuple):
    """Diagnostics of a layer and its upper boundary; or cotangents of them.

    Attributes:
        flux: through the boundary, downward, W m⁻².
        top: temperature there, °C.
        centre: temperature in the middle of the layer, °C.
        temperature: at the reported depth, from the surface down to the middle of the layer, °C.
        thaw_depth: from the surface down to the bottom of the layer, m.
        fraction: liquid share of the layer's water (–).
    """

    flux: Cells
    top: Cells
    centre: Cells
    temperature: Cells
    thaw_depth: Cells
    fraction: Cells


class StepDiagnostics(NamedTuple):
    """Diagnostics of a step from the surface down to a layer.

    Attributes:
        layer: diagnostics of the layer.
        state: of the layer at the end of the step.
        lower_half: share of its lower half above the reported depth.
        gain: heat it gained, J m⁻².
        imbalance: largest of the layers above, J m⁻².
    """

    layer: LayerDiagnostics
    state: LayerState
    lower_half: Cells
    gain: Cells
    imbalance: Cells


def diagnose_surface(
    properties: LayerProperties, first: LayerState, surface: Surface
) -> LayerDiagnostics:
    """Diagnostics of the uppermost layer and the surface."""
    through, _ = surface_conduction(first, surface)
    top = through.temperature
    return LayerDiagnostics(
        flux=through.flux,
        top=top,
        centre=first.temperature,
        temperature=top + half_layer_change(properties.upper_half, top, first.temperature),
        thaw_depth=thawed_thickness(properties.counted, first.fraction),
        fraction=first.fraction,
    )


def diagnose_layer(
    temperature: Cells,
    thaw_depth: Cells,
    lower_half: Cells,
    upper: LayerState,
    properties: LayerProperties,
    lower: LayerState,
) -> LayerDiagnostics:
    """Diagnostics of a layer and the boundary above it.

    Args:
        temperature: at the reported depth, down to the middle of the layer above, °C.
        thaw_depth: down to the bottom of the layer above, m.
        lower_half: share of the lower half of the layer above that is above the reported depth.
        upper: state of the layer above.
        properties: of the layer.
        lower: its state.
    """
    through = boundary_conduction(upper, lower)
    top = through.temperature
    temperature = temperature + half_layer_change(lower_half, upper.temperature, top)
    return LayerDiagnostics(
        flux=through.flux,
        top=top,
        centre=lower.temperature,
        temperature=temperature + half_layer_change(properties.upper_half, top, lower.temperature),
        thaw_depth=thaw_depth + thawed_thickness(properties.counted, lower.fraction),
        fraction=lower.fraction,
    )


def observe_first_layer(
    properties: LayerProperties, old: Cells, new: Cells, surface: Surface
) -> StepDiagnostics:
    """Diagnostics of a step in the uppermost layer.

    Args:
        properties: of the layer.
        old: enthalpy before the step, J m⁻³.
        new: enthalpy after it.
        surface: driver of the top.
    """
    state = layer_state(properties.thermal, new)
    return StepDiagnostics(
        layer=diagnose_surface(properties, state, surface),
        state=state,
        lower_half=properties.lower_half,
        gain=heat_gain(properties.thermal, old, new),
        imbalance=jnp.zeros_like(new),
    )


def _largest_imbalance(above: StepDiagnostics, leaving: Cells, seconds: Cells) -> Cells:
    left = layer_imbalance(above.gain, above.layer.flux, leaving, seconds)
    return jnp.maximum(above.imbalance, jnp.abs(left))


def observe_layer(
    above: StepDiagnostics,
    properties: LayerProperties,
    old: Cells,
    new: Cells,
    seconds: Cells,
) -> StepDiagnostics:
    """Diagnostics of a step down to the next layer; arguments as for ``observe_first_layer``."""
    state = layer_state(properties.thermal, new)
    layer = diagnose_layer(
        above.layer.temperature,
        above.layer.thaw_depth,
        above.lower_half,
        above.state,
        properties,
        state,
    )
    return StepDiagnostics(
        layer=layer,
        state=state,
        lower_half=properties.lower_half,
        gain=heat_gain(properties.thermal, old, new),
        imbalance=_largest_imbalance(above, layer.flux, seconds),
    )


def largest_imbalance(lowest: StepDiagnostics, geothermal_flux: Cells, seconds: Cells) -> Cells:
    """Largest imbalance of a layer of the whole column, W m⁻²."""
    return _largest_imbalance(lowest, -geothermal_flux, seconds) / seconds

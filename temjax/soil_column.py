"""The soil column as data: layer thickness and thermal properties, ``(layer, *cell)``.

Three horizons (mat of moss, litter or roots; upper; lower mineral to 40 m) each hold a fixed number
of layers, so a horizon's thickness can be a fitted parameter: layer interfaces move smoothly with
it and always coincide with the horizon interfaces (properties by cell centre cost 9 cm of thaw
depth, docs/specification/soil_heat.md 3).
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.numerics import reciprocal
from temjax.parameters.registry import Parameters

LAYERS = 25
COLUMN_DEPTH = 40.0  # m
LATENT_HEAT = 334e6  # J m-3 of water
# Layers thicken with depth as (z + offset): near-uniform above the offset, geometric below.
STRETCHING_OFFSET = 1.0  # m

# Depth down to which fronts sweep every year, and the width of the fade below it
SWEPT_DEPTH, SWEPT_FADE = 4.0, 0.4  # m

HORIZONS = ("mat", "upper", "lower")


class SoilColumn(eqx.Module):
    """Thermal properties of a column, fixed in time.

    Attributes:
        thickness: layer thickness, m, ``(layer, *cell)``.
        conductivity_thawed: W m⁻¹ K⁻¹, ``(layer, *cell)``.
        conductivity_frozen: W m⁻¹ K⁻¹, ``(layer, *cell)``.
        heat_capacity_thawed: J m⁻³ K⁻¹, ``(layer, *cell)``.
        heat_capacity_frozen: J m⁻³ K⁻¹, ``(layer, *cell)``.
        latent_heat: heat to melt all water of the layer, J m⁻³, ``(layer, *cell)``.
        swept: 1 where thaw and freezing fronts sweep through every year, 0 far below: weight of the
            front's position within a layer, ``(layer, *cell)``.
        freezing_range: w, the water melts between −w and 0 °C, K, ``(*cell)``.
        geothermal_flux: W m⁻², upward through the bottom, ``(*cell)``.
    """

    thickness: Float[Array, "layer *cell"]
    conductivity_thawed: Float[Array, "layer *cell"]
    conductivity_frozen: Float[Array, "layer *cell"]
    heat_capacity_thawed: Float[Array, "layer *cell"]
    heat_capacity_frozen: Float[Array, "layer *cell"]
    latent_heat: Float[Array, "layer *cell"]
    swept: Float[Array, "layer *cell"]
    freezing_range: Float[Array, "*cell"]
    geothermal_flux: Float[Array, "*cell"]

    @property
    def melt_enthalpy(self) -> Float[Array, "layer *cell"]:
        """H_m, enthalpy of the fully thawed layer at 0 °C, J m⁻³.

        Source: docs/specification/soil_heat.md 2.
        """
        mean_capacity = 0.5 * (self.heat_capacity_thawed + self.heat_capacity_frozen)
        return self.latent_heat + mean_capacity * self.freezing_range

    @property
    def per_thickness(self) -> Float[Array, "layer *cell"]:
        """1/Δz, m⁻¹."""
        return reciprocal(self.thickness)

    @property
    def per_melt_enthalpy(self) -> Float[Array, "layer *cell"]:
        """1/H_m, J⁻¹ m³."""
        return reciprocal(self.melt_enthalpy)

    @property
    def per_heat_capacity_frozen(self) -> Float[Array, "layer *cell"]:
        """1/C_f, J⁻¹ m³ K."""
        return reciprocal(self.heat_capacity_frozen)

    @property
    def per_heat_capacity_thawed(self) -> Float[Array, "layer *cell"]:
        """1/C_t, J⁻¹ m³ K."""
        return reciprocal(self.heat_capacity_thawed)

    @property
    def conductivity_contrast(self) -> Float[Array, "layer *cell"]:
        """Conductivity thawed less frozen, W m⁻¹ K⁻¹."""
        return self.conductivity_thawed - self.conductivity_frozen

    @property
    def top(self) -> Float[Array, "layer *cell"]:
        """Depth of the top of each layer, m."""
        return layer_tops(self.thickness)

    @property
    def centre(self) -> Float[Array, "layer *cell"]:
        """Depth of the middle of each layer, m."""
        return jnp.cumsum(self.thickness, axis=0) - 0.5 * self.thickness


class ThermalProperties(NamedTuple):
    """Thermal properties as a heat step needs them, of all layers, of some, or of one.

    Attributes as those of ``SoilColumn``; the derived ones are computed once.
    """

    thickness: Float[Array, "*layer_cell"]
    per_thickness: Float[Array, "*layer_cell"]
    conductivity_frozen: Float[Array, "*layer_cell"]
    conductivity_contrast: Float[Array, "*layer_cell"]
    swept: Float[Array, "*layer_cell"]
    melt_enthalpy: Float[Array, "*layer_cell"]
    per_melt_enthalpy: Float[Array, "*layer_cell"]
    per_heat_capacity_frozen: Float[Array, "*layer_cell"]
    per_heat_capacity_thawed: Float[Array, "*layer_cell"]
    freezing_range: Float[Array, "*layer_cell"]


def thermal_properties(column: SoilColumn) -> ThermalProperties:
    """Thermal properties of all layers of a column, the freezing range repeated for each."""
    properties = {name: getattr(column, name) for name in ThermalProperties._fields}
    properties["freezing_range"] = jnp.broadcast_to(column.freezing_range, column.thickness.shape)
    return ThermalProperties(**properties)


def layer_counts(layers: int = LAYERS) -> tuple[int, int, int]:
    """Layers in the mat, upper and lower horizon for a total of ``layers``.

    Raises:
        ValueError: fewer than 8 layers cannot resolve three horizons.
    """
    if layers < 8:
        raise ValueError(f"{layers} soil layers requested; the three horizons need at least 8")
    mat = round(layers * 3 / LAYERS)
    upper = round(layers * 10 / LAYERS)
    return mat, upper, layers - mat - upper


def layer_thickness(
    mat_thickness: Float[Array, "*cell"],
    upper_thickness: Float[Array, "*cell"],
    layers: int = LAYERS,
) -> Float[Array, "layer *cell"]:
    """Thickness of every layer, m, smooth in the two horizon thicknesses.

    Within a horizon from z₁ to z₂ the n + 1 interfaces are geometric in z + 1 m. Closed form, so
    no root is sought for a growth ratio.

    Args:
        mat_thickness: m.
        upper_thickness: m.
        layers: total number of layers.
    """
    mat_thickness, upper_thickness = jnp.broadcast_arrays(mat_thickness, upper_thickness)
    upper_base = mat_thickness + upper_thickness
    bounds = (
        jnp.zeros_like(mat_thickness),
        mat_thickness,
        upper_base,
        jnp.full_like(mat_thickness, COLUMN_DEPTH),
    )
    thickness = []
    for count, start, stop in zip(layer_counts(layers), bounds[:-1], bounds[1:], strict=True):
        fraction = jnp.linspace(0.0, 1.0, count + 1, dtype=mat_thickness.dtype)
        fraction = fraction.reshape((-1,) + (1,) * mat_thickness.ndim)
        growth = (stop + STRETCHING_OFFSET) / (start + STRETCHING_OFFSET)
        interfaces = (start + STRETCHING_OFFSET) * growth**fraction
        thickness.append(jnp.diff(interfaces, axis=0))
    return jnp.concatenate(thickness)


def layer_tops(thickness: Float[Array, "layer *cell"]) -> Float[Array, "layer *cell"]:
    """Depth of the top of each layer, m."""
    return jnp.cumsum(thickness, axis=0) - thickness


def swept_by_fronts(thickness: Float[Array, "layer *cell"]) -> Float[Array, "layer *cell"]:
    """Weight of a front's position within a layer, 1 at the surface, fading at 4 m.

    See ``temjax.processes.half_layers.half_layer``.
    """
    return jax.nn.sigmoid((SWEPT_DEPTH - layer_tops(thickness)) / SWEPT_FADE)


def soil_column(
    parameters: Parameters, shape: tuple[int, ...] = (), layers: int = LAYERS
) -> SoilColumn:
    """The column of a vegetation type.

    Args:
        parameters: thermal parameters, scalar or ``(*cell)``.
        shape: cell shape to broadcast to.
        layers: total number of layers.

    Returns:
        Column with every field broadcast to ``(layer, *shape)`` or ``shape``.
    """
    counts = layer_counts(layers)

    def cells(value):
        return jnp.broadcast_to(jnp.asarray(value), shape)

    def by_horizon(quantity):
        values = [cells(getattr(parameters, f"{horizon}_{quantity}")) for horizon in HORIZONS]
        return jnp.concatenate(
            [
                jnp.broadcast_to(value, (count, *shape))
                for count, value in zip(counts, values, strict=True)
            ]
        )

    scale = cells(parameters.conductivity_scale)
    thickness = layer_thickness(
        cells(parameters.mat_thickness), cells(parameters.upper_thickness), layers
    )
    return SoilColumn(
        thickness=thickness,
        conductivity_thawed=scale * by_horizon("conductivity_thawed"),
        conductivity_frozen=scale * by_horizon("conductivity_frozen"),
        heat_capacity_thawed=by_horizon("heat_capacity_thawed"),
        heat_capacity_frozen=by_horizon("heat_capacity_frozen"),
        latent_heat=LATENT_HEAT * by_horizon("water"),
        swept=swept_by_fronts(thickness),
        freezing_range=cells(parameters.freezing_range),
        geothermal_flux=cells(parameters.geothermal_flux),
    )

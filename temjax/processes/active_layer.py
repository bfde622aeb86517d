"""Active layer diagnostics: thaw depth, thaw fraction, permafrost, talik, thaw index."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax.forcing import MONTH_DAYS
from temjax.numerics import larger, limited

Cells = Float[Array, "*cell"]
Layers = Float[Array, "layer *cell"]
# Of all layers, of some, or of one without its axis
Some = Float[Array, "*layer_cell"]

DEPTH_CUT = 10.0  # m


def thaw_depth(thickness: Layers, top: Layers, liquid_fraction: Layers) -> Cells:
    """Thaw depth U = Σ Δz·f of the layers down to 10 m, m.

    Source: docs/specification/protocol.md 2.

    The liquid-fraction sum resolves the front within a layer; interpolating the 0 °C isotherm is
    ten times rougher along a climate gradient (docs/specification/soil_heat.md 2).
    """
    counted = counted_thickness(thickness, top)
    return jnp.sum(thawed_thickness(counted, liquid_fraction), axis=0)


def counted_thickness(thickness: Layers, top: Layers) -> Layers:
    """Thickness of layers above 10 m, m: of the layer that crosses this depth, its upper part."""
    return limited(DEPTH_CUT - top, 0.0, thickness)


def thawed_thickness(counted_thickness: Some, liquid_fraction: Some) -> Some:
    """Δz·f, m: what a layer adds to thaw depth."""
    return counted_thickness * liquid_fraction


def thaw_switch(temperature: Cells, width: float) -> Cells:
    """Thaw limitation of photosynthesis, sigmoid(T5/width) (–).

    Source: docs/specification/model.md decision 4.

    Args:
        temperature: ground temperature at 5 cm, °C.
        width: K.
    """
    return jax.nn.sigmoid(temperature / width)


def thaw_fraction_by_signs(previous: Cells, current: Cells, following: Cells) -> Cells:
    """Thaw fraction F of TEM 4.2.3 from three monthly 5 cm temperatures.

    Source: docs/specification/model.md 10.

    Kept for comparison with the original: its spring weights run the wrong way (the colder the
    month before, the larger F). The model uses ``thaw_switch``.

    Args:
        previous: T5 of the month before, °C.
        current: T5 of the month, °C.
        following: T5 of the month after, °C.
    """
    previous = jnp.where(previous == 0.0, 0.002, previous)
    current = jnp.where(current == 0.0, 0.001, current)
    following = jnp.where(following == 0.0, 0.003, following)

    def share(first, second, crosses):
        # −a/(b − a) where a and b differ in sign; safe operands where they do not
        return jnp.where(crosses, -first / jnp.where(crosses, second - first, 1.0), 0.0)

    warm_before, warm, warm_after = previous > 0.0, current > 0.0, following > 0.0
    from_before = share(previous, current, warm_before != warm)
    to_after = share(current, following, warm != warm_after)
    both = (warm_before != warm) & (warm != warm_after)
    crossing = jnp.where(both, 0.5 * (from_before + to_after), from_before + to_after)
    steady = jnp.where(warm, 1.0, 0.0)
    unchanged = (warm_before == warm) & (warm == warm_after)
    return limited(jnp.where(unchanged, steady, crossing), 0.0, 1.0)


def thawing_degree_days(surface_temperature: Float[Array, "12 *cell"]) -> Cells:
    """Surface thawing index TDD_s = Σ max(T_air + a·SW, 0)·days of a year, K d.

    Source: docs/specification/plateau.md A5.

    Args:
        surface_temperature: monthly mean of T_air + a·SW, °C.
    """
    days = jnp.asarray(MONTH_DAYS, surface_temperature.dtype)
    days = days.reshape((12,) + (1,) * (surface_temperature.ndim - 1))
    return jnp.sum(larger(surface_temperature, 0.0) * days, axis=0)


def stays_frozen(largest_liquid_fraction: Layers) -> Layers:
    """Perennially frozen layers: 1 where some ice (T < 0 °C) remained at every step, else 0.

    Args:
        largest_liquid_fraction: the year's maximum of f per layer.
    """
    return (largest_liquid_fraction < 1.0).astype(largest_liquid_fraction.dtype)


def has_permafrost(frozen_this_year: Layers, frozen_last_year: Layers) -> Bool[Array, "*cell"]:
    """Permafrost: some layer stayed frozen through two successive years."""
    return jnp.any((frozen_this_year > 0.5) & (frozen_last_year > 0.5), axis=0)


def has_talik(minimum_thaw_depth: Cells, limit: float) -> Bool[Array, "*cell"]:
    """Talik: more than ``limit`` m stayed thawed all year (0.30 m).

    Source: docs/specification/protocol.md 2.
    """
    return minimum_thaw_depth > limit

"""Leaf phenology and foliage, and their yearly maxima.

Source: docs/specification/model.md 5.2, 8.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.numerics import Cell, CellLike, larger, largest, limited, reciprocal


class LeafTerms(NamedTuple):
    """Constants of a month's leaf phenology (each `(*cell)`)."""

    per_evapotranspiration: Cell
    """ALEAF/PRVEETMX, month mm⁻¹."""
    carried: Cell
    """BLEAF UNL(previous month) + CLEAF (-)."""
    per_maximum: Cell
    """1/PRVLEAFMX (-), 0 where there is no positive maximum."""
    minimum: Cell
    """MINLEAF (-)."""


def leaf_terms(
    *,
    evapotranspiration_maximum: CellLike,
    leaf_maximum: CellLike,
    previous_unnormalised_leaf: CellLike,
    leaf_evapotranspiration: CellLike,
    leaf_persistence: CellLike,
    leaf_intercept: CellLike,
    minimum_leaf: CellLike,
) -> LeafTerms:
    """Constants of a month's leaf phenology.

    Args:
        evapotranspiration_maximum: PRVEETMX, largest monthly EET of last year, mm month⁻¹; 1
            stands in for a value that is not positive.
        leaf_maximum: PRVLEAFMX, largest monthly UNL of last year (-).
        previous_unnormalised_leaf: last month's mean UNL (-).
        leaf_evapotranspiration, leaf_persistence, leaf_intercept, minimum_leaf: ALEAF, BLEAF,
            CLEAF, MINLEAF (-).
    """
    scale = jnp.where(evapotranspiration_maximum > 0, evapotranspiration_maximum, 1.0)
    has_leaf = leaf_maximum > 0
    return LeafTerms(
        per_evapotranspiration=leaf_evapotranspiration / scale,
        carried=leaf_persistence * previous_unnormalised_leaf + leaf_intercept,
        per_maximum=jnp.where(has_leaf, 1.0 / jnp.where(has_leaf, leaf_maximum, 1.0), 0.0),
        minimum=minimum_leaf,
    )


def unnormalised_leaf(*, terms: LeafTerms, evapotranspiration: CellLike) -> Cell:
    """Unnormalised leaf UNL (-): relative leaf area before division by last year's maximum.

    `ALEAF EET/PRVEETMX + BLEAF UNL(previous) + CLEAF`, at least half of MINLEAF; EET in
    mm month⁻¹.
    """
    return larger(
        terms.per_evapotranspiration * evapotranspiration + terms.carried, 0.5 * terms.minimum
    )


def leaf(*, terms: LeafTerms, unnormalised_leaf: CellLike) -> Cell:
    """Relative leaf area LEAF (-): UNL over last year's maximum PRVLEAFMX, in [MINLEAF, 1]."""
    return limited(unnormalised_leaf * terms.per_maximum, terms.minimum, 1.0)


def foliage(
    *, vegetation_carbon: CellLike, foliage_coefficient: CellLike, foliage_exponent: CellLike
) -> Cell:
    """Foliage FOLIAGE (-), the canopy as a fraction of a full one, from VEGC (g C m⁻²).

    `1/(1 + KLEAFC exp(COV VEGC))`; KLEAFC (-), COV (m2 g⁻¹).
    """
    return reciprocal(1.0 + foliage_coefficient * jnp.exp(foliage_exponent * vegetation_carbon))


def leaf_area_index(
    *,
    foliage: CellLike,
    leaf: CellLike,
    leaf_carbon_maximum: CellLike,
    specific_leaf_area: CellLike,
) -> Cell:
    """Leaf area index LAI = SLA LEAFMXC FOLIAGE LEAF (m2 m⁻²); SLA m2 g⁻¹, LEAFMXC g C m⁻²."""
    return specific_leaf_area * leaf_carbon_maximum * foliage * leaf


def projective_cover(leaf_area_index: CellLike) -> Cell:
    """Foliage projective cover FPC (-), a diagnostic."""
    return -jnp.expm1(-0.5 * leaf_area_index)


def update_leaf_memory(
    *,
    evapotranspiration: Float[Array, "12 *cell"],
    unnormalised_leaf: Float[Array, "12 *cell"],
    air_temperature: Float[Array, "12 *cell"],
    temperature_optimum_minimum: CellLike,
    temperature_optimum_maximum: CellLike,
    leaf_evapotranspiration: CellLike,
    leaf_persistence: CellLike,
    leaf_intercept: CellLike,
) -> tuple[Cell, Cell, Cell]:
    """Leaf memory of the next year (PRVLEAFMX, PRVEETMX, TOPT) from this year's months.

    Args:
        evapotranspiration: Monthly EET, mm month⁻¹.
        unnormalised_leaf: Monthly UNL, -.
        air_temperature: Monthly mean, °C.
        temperature_optimum_minimum, temperature_optimum_maximum: TOPTMIN, TOPTMAX, °C.
        leaf_evapotranspiration, leaf_persistence, leaf_intercept: ALEAF, BLEAF, CLEAF.

    TOPT is the temperature of the first month with the largest UNL, or the warmest month's
    where leaves do not vary (ALEAF = BLEAF = 0, CLEAF = 1), within [TOPTMIN, TOPTMAX].
    Which month that is jumps and carries no derivative; the temperature and the bounds do.
    """
    is_evergreen = (leaf_evapotranspiration == 0) & (leaf_persistence == 0) & (leaf_intercept == 1)
    month = jnp.argmax(jnp.where(is_evergreen, air_temperature, unnormalised_leaf), axis=0)
    air_temperature = jnp.broadcast_to(
        air_temperature, jnp.broadcast_shapes(air_temperature.shape, (12, *month.shape))
    )
    optimum = jnp.take_along_axis(air_temperature, month[None], axis=0)[0]
    return (
        largest(unnormalised_leaf),
        largest(evapotranspiration),
        limited(optimum, temperature_optimum_minimum, temperature_optimum_maximum),
    )

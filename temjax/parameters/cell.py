"""Parameters resolved at a cell: constants of its soil texture and initial pools.

Source: docs/specification/model.md 1.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.forcing import Location
from temjax.numerics import larger
from temjax.parameters.registry import Parameters

SMALLEST_SILT_PLUS_CLAY = 0.01
SMALLEST_INITIAL_AVAILABLE_NITROGEN = 0.01


class CellConstants(eqx.Module):
    """Constants of a cell.

    Attributes:
        rooting_depth: ROOTZ, m.
        total_porosity: TOTPOR, mm of water in the rooting zone.
        field_capacity: FLDCAP, mm.
        wilting_point: WILTPT, mm.
        available_water_capacity: AWC, mm.
        maximum_photosynthesis: CMAX, g C m⁻² month⁻¹.
        decomposition_rate: KDC, month⁻¹ at 0 °C.
        maximum_nitrogen_uptake: NMAX, g N m⁻² month⁻¹.
        microbial_nitrogen_uptake: NUP, g N g⁻¹ C.
        litter_decay: DECAY (–).
        elevation: m.
    """

    rooting_depth: Float[Array, "*cell"]
    total_porosity: Float[Array, "*cell"]
    field_capacity: Float[Array, "*cell"]
    wilting_point: Float[Array, "*cell"]
    available_water_capacity: Float[Array, "*cell"]
    maximum_photosynthesis: Float[Array, "*cell"]
    decomposition_rate: Float[Array, "*cell"]
    maximum_nitrogen_uptake: Float[Array, "*cell"]
    microbial_nitrogen_uptake: Float[Array, "*cell"]
    litter_decay: Float[Array, "*#cell"]
    elevation: Float[Array, "*cell"]


def cell_constants(parameters: Parameters, location: Location) -> CellConstants:
    """Constants of a cell from its parameters and texture.

    Source: docs/specification/model.md 1.

    Args:
        parameters: scalar or per-cell values.
        location: texture and elevation, ``(*cell)``.
    """
    p = parameters
    psi = larger(location.silt_plus_clay, SMALLEST_SILT_PLUS_CLAY)
    rooting_depth = larger(
        p.rooting_depth_minimum,
        p.rooting_depth_quadratic * psi**2
        + p.rooting_depth_linear * psi
        + p.rooting_depth_constant,
    )

    def two_lines(cut, slope_coarse, intercept_coarse, slope_fine, intercept_fine):
        return jnp.where(
            psi <= cut, slope_coarse * psi + intercept_coarse, slope_fine * psi + intercept_fine
        )

    cmax = two_lines(
        p.cmax_texture_cut,
        p.cmax_slope_coarse,
        p.cmax_intercept_coarse,
        p.cmax_slope_fine,
        p.cmax_intercept_fine,
    )
    nmax = two_lines(
        p.nmax_texture_cut,
        p.nmax_slope_coarse,
        p.nmax_intercept_coarse,
        p.nmax_slope_fine,
        p.nmax_intercept_fine,
    )
    field_capacity = 10 * rooting_depth * (24.75 * psi + 16.025)
    wilting_point = 10 * rooting_depth * (24.75 * psi + 3.025)
    fraction = p.litter_to_soil_fraction
    return CellConstants(
        rooting_depth=rooting_depth,
        total_porosity=10 * rooting_depth * (28 * psi + 33),
        field_capacity=field_capacity,
        wilting_point=wilting_point,
        available_water_capacity=field_capacity - wilting_point,
        maximum_photosynthesis=p.cmax_scale * cmax,
        decomposition_rate=p.kdc_scale * (p.kdc_slope / psi + p.kdc_intercept),
        maximum_nitrogen_uptake=p.nmax_scale * nmax,
        microbial_nitrogen_uptake=p.nup_scale * (p.nup_slope / psi + p.nup_intercept),
        litter_decay=0.26299 + 1.14757 * fraction - 0.42956 * fraction**2,
        elevation=jnp.broadcast_to(location.elevation, jnp.shape(rooting_depth)),
    )


def initial_pools(parameters: Parameters, location: Location) -> Float[Array, "pool *cell"]:
    """Initial pools as TEM sets them.

    Source: docs/specification/model.md 1.

    Lines in silt+clay, soil at field capacity, no snow. The AVLN line turns negative in fine soils
    (types 7 and 8 above 0.88); it is floored at 0.01 g N m⁻².
    """
    psi = larger(location.silt_plus_clay, SMALLEST_SILT_PLUS_CLAY)

    def line(pool: str):
        slope = getattr(parameters, f"initial_{pool}_slope")
        return slope * psi + getattr(parameters, f"initial_{pool}_intercept")

    available_nitrogen = larger(line("available_nitrogen"), SMALLEST_INITIAL_AVAILABLE_NITROGEN)
    water = cell_constants(parameters, location).available_water_capacity
    empty = jnp.zeros_like(water)
    return jnp.stack(
        [
            line("vegetation_carbon"),
            line("structural_nitrogen"),
            line("labile_nitrogen"),
            line("soil_organic_carbon"),
            line("soil_organic_nitrogen"),
            available_nitrogen,
            water,
            empty,
            empty,
            empty,
        ]
    )

"""Prognostic state: pools, yearly memory, soil heat and thaw exposure."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

POOLS = (
    "vegetation_carbon",
    "structural_nitrogen",
    "labile_nitrogen",
    "soil_organic_carbon",
    "soil_organic_nitrogen",
    "available_nitrogen",
    "available_water",
    "rain_runoff_store",
    "snow_runoff_store",
    "snowpack",
)


def pool_index(name: str) -> int:
    """Row of a pool in the packed array."""
    return POOLS.index(name)


class EcosystemState(eqx.Module):
    """Carbon, nitrogen (g m⁻²) and water (mm) pools in one packed array.

    One array, not ten: XLA on CPU handles many scalar leaves badly
    (docs/specification/model.md 15.1).

    Attributes:
        pools: shape ``(10, *cell)``, rows in the order of ``POOLS``.
    """

    pools: Float[Array, "pool *cell"]

    @property
    def vegetation_carbon(self) -> Float[Array, "*cell"]:
        """VEGC, g C m⁻²."""
        return self.pools[0]

    @property
    def structural_nitrogen(self) -> Float[Array, "*cell"]:
        """STRN, g N m⁻²."""
        return self.pools[1]

    @property
    def labile_nitrogen(self) -> Float[Array, "*cell"]:
        """STON, g N m⁻²."""
        return self.pools[2]

    @property
    def soil_organic_carbon(self) -> Float[Array, "*cell"]:
        """SOLC, g C m⁻²."""
        return self.pools[3]

    @property
    def soil_organic_nitrogen(self) -> Float[Array, "*cell"]:
        """SOLN, g N m⁻²."""
        return self.pools[4]

    @property
    def available_nitrogen(self) -> Float[Array, "*cell"]:
        """AVLN, g N m⁻²."""
        return self.pools[5]

    @property
    def available_water(self) -> Float[Array, "*cell"]:
        """AVLW, water above wilting point, mm."""
        return self.pools[6]

    @property
    def rain_runoff_store(self) -> Float[Array, "*cell"]:
        """RGRW, mm."""
        return self.pools[7]

    @property
    def snow_runoff_store(self) -> Float[Array, "*cell"]:
        """SGRW, mm."""
        return self.pools[8]

    @property
    def snowpack(self) -> Float[Array, "*cell"]:
        """SNW, mm of water."""
        return self.pools[9]


class Memory(eqx.Module):
    """Variables that TEM carries from month to month or year to year besides its pools.

    Attributes:
        unnormalised_leaf: UNL of the previous month (–).
        leaf_maximum: PRVLEAFMX, last year's maximum of UNL (–).
        evapotranspiration_maximum: PRVEETMX, last year's maximum monthly EET, mm month⁻¹.
        optimum_temperature: TOPT, °C.
        decomposition_rate: KD in force, month⁻¹ at 0 °C.
        vegetation_carbon_to_nitrogen: C2N of structural tissue, g C g⁻¹ N.
        production_carbon_to_nitrogen: CNEVEN in force, g C g⁻¹ N.
    """

    unnormalised_leaf: Float[Array, "*cell"]
    leaf_maximum: Float[Array, "*cell"]
    evapotranspiration_maximum: Float[Array, "*cell"]
    optimum_temperature: Float[Array, "*cell"]
    decomposition_rate: Float[Array, "*cell"]
    vegetation_carbon_to_nitrogen: Float[Array, "*cell"]
    production_carbon_to_nitrogen: Float[Array, "*cell"]


class SoilHeatState(eqx.Module):
    """State of soil heat.

    Attributes:
        enthalpy: volumetric, J m⁻³; zero where a layer has just frozen fully.
        snow_resistance: thermal resistance of the snow at the previous month's centre, m² K W⁻¹.
        frozen_all_year: 1 where a layer stayed frozen through the last year, else 0.
    """

    enthalpy: Float[Array, "layer *cell"]
    snow_resistance: Float[Array, "*cell"]
    frozen_all_year: Float[Array, "layer *cell"]


class ExposureState(eqx.Module):
    """Ledgers and thicknesses of thaw exposure.

    Source: docs/specification/protocol.md 2.

    The frozen ledgers are changes since the first exposure year: they start at zero and fall by
    what thaws; the size of the frozen stock is unknown, so they may be negative.

    Attributes:
        inaccessible_inorganic_nitrogen: exposed mineral N below the rooting zone (Q), g N m⁻².
        frozen_carbon: g C m⁻².
        frozen_organic_nitrogen: g N m⁻².
        frozen_inorganic_nitrogen: g N m⁻².
        frozen_water: mm.
        active_layer_thickness: H of the rule in force, m; 0 while no year has been valid.
        exposed_thickness: thickness the pools were last scaled to, m; 0 while none.
    """

    inaccessible_inorganic_nitrogen: Float[Array, "*cell"]
    frozen_carbon: Float[Array, "*cell"]
    frozen_organic_nitrogen: Float[Array, "*cell"]
    frozen_inorganic_nitrogen: Float[Array, "*cell"]
    frozen_water: Float[Array, "*cell"]
    active_layer_thickness: Float[Array, "*cell"]
    exposed_thickness: Float[Array, "*cell"]

    @classmethod
    def zeros(cls, shape: tuple[int, ...], dtype) -> "ExposureState":
        """State before the first exposure."""
        return cls(*(jnp.zeros(shape, dtype) for _ in range(7)))


class LayeredSoil(eqx.Module):
    """Carbon of soil in layers (``ModelOptions.soil_layers``) and the depths that go with it.

    Source: docs/specification/layered_soil.md 1, 3. Frozen carbon is no state: it is the observed
    carbon below the table.

    Attributes:
        active_carbon: A, what TEM calls SOLC by layer, g C m⁻².
        thawed_carbon: B, old carbon that has thawed since the reference climate, g C m⁻².
        permafrost_table: z_p, m.
        first_table: z_0, that of the reference climate, m.
        thaw_depth: D, maximum of last year, m.
    """

    active_carbon: Float[Array, "layer *cell"]
    thawed_carbon: Float[Array, "layer *cell"]
    permafrost_table: Float[Array, "*cell"]
    first_table: Float[Array, "*cell"]
    thaw_depth: Float[Array, "*cell"]


class State(eqx.Module):
    """Complete state of a run; pool names are forwarded from ``ecosystem``.

    ``layers`` is there with ``ModelOptions.soil_layers`` alone.
    """

    ecosystem: EcosystemState
    memory: Memory
    heat: SoilHeatState
    exposure: ExposureState
    layers: LayeredSoil | None = None

    def __getattr__(self, name: str):
        if name in POOLS:
            return getattr(self.ecosystem, name)
        raise AttributeError(f"State has no {name!r}; pools: {', '.join(POOLS)}")

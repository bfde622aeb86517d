"""Inputs of the cells of a tile."""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from temjax.forcing import Location
from temjax.parameters.files import gather_parameters
from temjax.parameters.registry import Parameters
from temjax.regional.inputs.climate import VARIABLES
from temjax.regional.inputs.timeline import Timeline


@dataclass(frozen=True)
class Cells:
    """Location, parameter set and climate of a tile's cells.

    Masked and padding cells carry the values of a valid cell.

    Attributes:
        number: of the tile.
        index: domain cell of each position; shorter than the arrays where the tile is padded.
        latitude, elevation, silt_plus_clay: ``(position,)``.
        parameter_index: which parameter set, ``(position,)``.
        climate: °C, mm month⁻¹, W m⁻², ``(year, 12, position)``.
        copies: how often the positions repeat each other in all that the soil climate depends on,
            one copy after the other; it is computed for one of them.
    """

    number: int
    index: NDArray
    latitude: NDArray
    elevation: NDArray
    silt_plus_clay: NDArray
    parameter_index: NDArray
    climate: dict[str, NDArray]
    copies: int = 1

    def hash(
        self, sets: Sequence[Parameters], timeline: Timeline, choices: str, until: int | None = None
    ) -> str:
        """Hash of all inputs of the tile's results up to timeline index ``until``."""
        digest = hashlib.sha256(choices.encode())
        fields = [f.name for f in dataclasses.fields(self)]
        arrays = [getattr(self, name) for name in fields[1 : fields.index("climate")]]
        used = slice(None if until is None else until + 1)  # with the next January
        rows = np.unique(np.concatenate([timeline.equilibrium_rows, timeline.rows[used]]))
        arrays += [self.climate[name][rows] for name in VARIABLES]
        arrays += [timeline.rows[used], timeline.co2[used], timeline.exposed[used]]
        arrays += [np.asarray(leaf) for leaf in jax.tree.leaves(list(sets))]
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def tile_inputs(
    cells: Cells, sets: Sequence[Parameters], dtype: str
) -> tuple[Parameters, Location]:
    """Parameters and location of a tile's cells as JAX arrays of a precision."""
    parameters = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, dtype),
        gather_parameters(sets, jnp.asarray(cells.parameter_index)),
    )
    location = Location(
        latitude=jnp.asarray(cells.latitude, dtype),
        elevation=jnp.asarray(cells.elevation, dtype),
        silt_plus_clay=jnp.asarray(cells.silt_plus_clay, dtype),
    )
    return parameters, location

"""Reading the reference tables of TEM 4.2.3 and building model inputs from their rows."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd

from temjax.ecosystem.imex import MonthDrivers
from temjax.forcing import MONTH_DAYS, Location
from temjax.parameters.cell import CellConstants, cell_constants
from temjax.parameters.files import gather_parameters, load_parameters
from temjax.parameters.registry import Parameters
from temjax.state import Memory

TYPES = {
    2: "alpine-tundra",
    3: "moist-tundra",
    4: "boreal-forest",
    7: "grassland",
    8: "xeric-shrubland",
}
"""Parameter set of each vegetation type number of the tables."""


def read_table(shared: Path, name: str) -> dict[str, np.ndarray]:
    """Columns of a reference table as arrays."""
    frame = pd.read_csv(shared / "reference" / "tem423" / f"{name}.csv")
    return {column: frame[column].to_numpy() for column in frame}


def parameters_of(types: np.ndarray) -> Parameters:
    """Parameters gathered by vegetation type number, leaves `(row,)`."""
    numbers = sorted(TYPES)
    sets = [load_parameters(TYPES[number]) for number in numbers]
    return gather_parameters(sets, jnp.asarray(np.searchsorted(numbers, types)))


def constants_of(parameters: Parameters, table: dict[str, np.ndarray]) -> CellConstants:
    """Cell constants from the texture column of a table."""
    psi = jnp.asarray(table["psiplusc"])
    elevation = jnp.asarray(table.get("elev", np.zeros(psi.shape)))
    return cell_constants(parameters, Location(jnp.zeros_like(psi), elevation, psi))


def month_days(months: np.ndarray) -> np.ndarray:
    """Length (d) of months counted from 1."""
    return np.asarray(MONTH_DAYS, float)[np.asarray(months, int) - 1]


def deviation(result, reference, floor: float = 1e-6) -> float:
    """Largest |result - reference| relative to max(|reference|, `floor` of the column maximum)."""
    reference = np.asarray(reference, float)
    floor = max(floor * np.abs(reference).max(), 1e-300)
    scale = np.maximum(np.abs(reference), floor)
    return float((np.abs(np.asarray(result, float) - reference) / scale).max())


POOL_COLUMNS = ("vegc", "strn", "ston", "solc", "soln", "avln", "avlw", "rgrw", "sgrw", "snw")
"""Columns of tables 13 in the order of `temjax.state.POOLS`."""


def month_case(table: dict[str, np.ndarray]):
    """Arguments of `month.right_hand_side` for all rows of table 13, cells trailing."""
    parameters = parameters_of(table["cmnt"])
    drivers = MonthDrivers(
        air_temperature=jnp.asarray(table["tair"]),
        previous_air_temperature=jnp.asarray(table["tprev"]),
        second_previous_air_temperature=jnp.asarray(table["tprev2"]),
        rainfall=jnp.asarray(table["rain"]),
        snowfall=jnp.asarray(table["snowfall"]),
        snowmelt=jnp.asarray(table["snowinf"]),
        potential_evapotranspiration=jnp.asarray(table["pet"]),
        days=jnp.asarray(month_days(table["month"])),
        photosynthetically_active_radiation=jnp.asarray(table["par"]),
        co2=jnp.asarray(table["co2"]),
        soil_temperature=jnp.asarray(table["tsoil20"]),
        thaw_fraction=jnp.asarray(table["thawfrac"]),
    )
    memory = Memory(
        unnormalised_leaf=jnp.asarray(table["unlprev"]),
        leaf_maximum=jnp.asarray(table["prvleafmx"]),
        evapotranspiration_maximum=jnp.asarray(table["prveetmx"]),
        optimum_temperature=jnp.asarray(table["topt"]),
        decomposition_rate=jnp.asarray(table["kd"]),
        vegetation_carbon_to_nitrogen=jnp.asarray(table["c2n"]),
        production_carbon_to_nitrogen=jnp.asarray(table["cneven"]),
    )
    pools = jnp.stack([jnp.asarray(table[column]) for column in POOL_COLUMNS])
    return parameters, constants_of(parameters, table), drivers, memory, pools

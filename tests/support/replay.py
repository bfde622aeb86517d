"""Replay of a complete run of TEM 4.2.3: equilibrium with the baseline rule, spin-up, transient."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from temjax.ecosystem.imex import MonthDrivers
from temjax.ecosystem.year import YearInputs, next_memory
from temjax.forcing import Location
from temjax.outputs import FLUXES, flux_index
from temjax.parameters.cell import cell_constants, initial_pools
from temjax.parameters.files import gather_parameters, load_parameters
from temjax.processes import snow
from temjax.processes.evapotranspiration import potential_evapotranspiration
from temjax.state import POOLS, pool_index
from tests.support.closure import close_month
from tests.support.random_cases import first_memory
from tests.support.tables import month_days

RUN = "run_arctic0_plain_snwfix.csv.gz"
CELL_SETS = ("moist-tundra", "moist-tundra", "alpine-tundra")
ELEVATION = (41.0, 51.0, 301.0)
SILT_PLUS_CLAY = 0.55
FORCING = ("tair", "prec", "nirr", "par", "co2", "tsoil20", "thawpercent")
LAST_YEAR = 269  # year 270 of the run goes on beyond its inputs


class Run(NamedTuple):
    """A reference run and our replay of it, phase 1 only: `(year, 12, cell)` each."""

    reference: dict[str, np.ndarray]
    ours: dict[str, np.ndarray]


def read_run(shared: Path, cells: tuple[int, ...], years: int):
    """Columns `(year, 12, cell)`, and whether a year is run and belongs to the equilibrium.

    Cells need different numbers of years to their equilibrium: shorter ones are padded in front,
    so that phase 1 begins in the same row for all.
    """
    frame = pd.read_csv(shared / "reference" / "tem423" / RUN)
    series = []
    for cell in cells:
        one = frame[frame.cell == cell + 1]
        one = one[(one.phase == 0) | (one.yr <= years)]
        series.append(one.sort_values(["phase", "yr", "mon"]))
    count = [len(one) // 12 for one in series]
    equilibrium = [int((one.phase == 0).sum()) // 12 for one in series]
    rows = max(count)
    columns = {}
    for name in frame.columns:
        block = np.empty((rows, 12, len(cells)))
        for index, one in enumerate(series):
            values = one[name].to_numpy(float).reshape(-1, 12)
            padding = np.repeat(values[:1], rows - count[index], axis=0)
            block[:, :, index] = np.concatenate([padding, values])
        columns[name] = block
    row = np.arange(rows)[:, None]
    is_run = row >= rows - np.asarray(count)
    return columns, is_run, np.arange(rows) < max(equilibrium)


def replay(shared: Path, integrate, cells=(0, 1, 2), years: int = LAST_YEAR) -> Run:
    """Run the reference's climate from TEM's starting pools.

    Args:
        shared: folder of the reference material.
        integrate: `(parameters, constants, drivers, memory, pools)` to pools and fluxes.
        cells: which of the run's three cells.
        years: length of phase 1.
    """
    columns, is_run, in_equilibrium = read_run(shared, cells, years)
    parameters = gather_parameters(
        [load_parameters(CELL_SETS[c]) for c in cells], range(len(cells))
    )
    ones = jnp.ones(len(cells))
    elevation = jnp.asarray([ELEVATION[c] for c in cells])
    location = Location(68.0 * ones, elevation, SILT_PLUS_CLAY * ones)
    constants = cell_constants(parameters, location)

    air = columns["tair"].reshape(-1, len(cells))
    previous = np.concatenate([air[11:12], air[:-1]])
    second = np.concatenate([air[10:12], air[:-2]])
    shape = columns["tair"].shape
    data = {name: jnp.asarray(columns[name]) for name in FORCING}
    data["previous"] = jnp.asarray(previous.reshape(shape))
    data["second"] = jnp.asarray(second.reshape(shape))
    days = jnp.asarray(month_days(np.arange(1, 13)))

    def month(carry, now):
        pools, memory, leaf = carry
        rain, snowfall = snow.partition_precipitation(now["prec"], now["tair"])
        drivers = MonthDrivers(
            air_temperature=now["tair"],
            previous_air_temperature=now["previous"],
            second_previous_air_temperature=now["second"],
            rainfall=rain,
            snowfall=snowfall,
            snowmelt=snow.snowmelt(
                pools[pool_index("snowpack")], now["tair"], now["previous"], elevation
            ),
            potential_evapotranspiration=potential_evapotranspiration(
                air_temperature=now["tair"], canopy_irradiance=now["nirr"], days=now["days"]
            ),
            days=now["days"],
            photosynthetically_active_radiation=now["par"],
            co2=now["co2"],
            soil_temperature=now["tsoil20"],
            thaw_fraction=now["thawpercent"],
        )
        memory_now = dataclasses.replace(memory, unnormalised_leaf=leaf)
        after, fluxes = integrate(parameters, constants, drivers, memory_now, pools)[:2]
        leaf = fluxes[flux_index("unnormalised_leaf")]
        return (after, memory, leaf), (close_month(pools, after, fluxes), after)

    def year(carry, row):
        pools, memory = carry
        now, runs, baseline = row
        now = now | {"days": days}
        (after, _, _), (fluxes, monthly) = jax.lax.scan(
            month, (pools, memory, memory.unnormalised_leaf), now
        )
        inputs = YearInputs(**{f.name: None for f in dataclasses.fields(YearInputs)})
        inputs = dataclasses.replace(inputs, air_temperature=now["tair"], co2=now["co2"])
        later = next_memory(parameters, constants, inputs, fluxes)
        organic = pool_index("soil_organic_nitrogen")
        target = after[pool_index("soil_organic_carbon")] / parameters.soil_carbon_to_nitrogen
        after = after.at[organic].set(jnp.where(baseline, target, after[organic]))
        kept = jax.tree.map(lambda new, old: jnp.where(runs, new, old), (after, later), carry)
        return kept, (fluxes, monthly)

    first_climate = dataclasses.replace(
        YearInputs(**{f.name: None for f in dataclasses.fields(YearInputs)}),
        air_temperature=data["tair"][0],
    )
    demand = potential_evapotranspiration(
        air_temperature=data["tair"][0], canopy_irradiance=data["nirr"][0], days=days[:, None]
    )
    first_drivers = MonthDrivers(**{f.name: None for f in dataclasses.fields(MonthDrivers)})
    first_drivers = dataclasses.replace(first_drivers, potential_evapotranspiration=demand)
    start = (
        initial_pools(parameters, location),
        first_memory(parameters, constants, first_climate, first_drivers),
    )

    @jax.jit
    def run(start, rows):
        return jax.lax.scan(year, start, rows)[1]

    fluxes, pools = run(start, (data, jnp.asarray(is_run), jnp.asarray(in_equilibrium)))
    transient = slice(int(in_equilibrium.sum()), None)
    ours = {name: np.asarray(fluxes[transient, :, i]) for i, name in enumerate(FLUXES)}
    ours |= {name: np.asarray(pools[transient, :, i]) for i, name in enumerate(POOLS)}
    return Run({name: block[transient] for name, block in columns.items()}, ours)

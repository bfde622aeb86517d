"""Attribution of carbon changes to climate, CO2 and thaw exposure, varied one at a time.

All runs start from the branch state of a finished experiment. A driver that does not change is held
constant: climate repeats the last years of the history, CO2 keeps the monthly values of the branch
year, exposure is off. "Exposure alone" takes the active layer of the changing climate, while
temperature and water of the ecosystem are those of the constant one.
"""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from temjax.files.atomic import write_text
from temjax.files.findings import DataError, Finding
from temjax.heat.climate import SoilClimate, soil_climate
from temjax.parameters.cell import cell_constants
from temjax.regional.diagnostics.totals import REGION, group_weights, total
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.experiment.products import PRODUCTS
from temjax.regional.inputs.domain import load_domain
from temjax.regional.inputs.timeline import Timeline, block_forcing, year_blocks
from temjax.regional.results.read_back import StoredMember, read_run
from temjax.regional.run.member_group import MemberGroup, prepare_group
from temjax.regional.run.tile import TileRun
from temjax.regional.run.workers import restart_points
from temjax.runs.simulate import simulate
from temjax.units import GRAMS_PER_KILOGRAM, grams_per_year

CONSTANT_CLIMATE_YEARS = 20
# fields of the soil climate that the active-layer rule reads
THAW = ("maximum_thaw_depth", "minimum_thaw_depth", "thawing_degree_days", "permafrost")


@dataclass(frozen=True)
class Drivers:
    """Drivers that change after the branch year."""

    climate: bool
    co2: bool
    exposure: bool


BASELINE, ALL = "none", "all"
RUNS = {
    BASELINE: Drivers(climate=False, co2=False, exposure=False),
    "climate": Drivers(climate=True, co2=False, exposure=False),
    "CO2": Drivers(climate=False, co2=True, exposure=False),
    "exposure": Drivers(climate=False, co2=False, exposure=True),
    ALL: Drivers(climate=True, co2=True, exposure=True),
}

Series = dict[str, NDArray]


def hold_drivers(timeline: Timeline, years: int, *, climate: bool, co2: bool) -> Timeline:
    """Timeline with climate and CO2 held constant from the branch on if they do not change."""
    first, last = timeline.future
    rows, co2_series = timeline.rows.copy(), timeline.co2.copy()
    if not climate:
        rows[first:] = np.resize(rows[first - years : first], last - first)
    if not co2:
        co2_series[first:] = co2_series[first - 1]
    return dataclasses.replace(timeline, rows=rows, co2=co2_series)


def attribute_tile(run: TileRun, constant_years: int) -> dict[str, Series]:
    """Run the driver experiments of one tile.

    Args:
        run: a tile of the experiment with a restart point of its history.
        constant_years: last years of the history that a constant climate repeats.

    Returns:
        By run: annual NPP and RH (g C m⁻² yr⁻¹), SOC and VegC (g C m⁻²), ``(year, position)``.

    Raises:
        DataError: the tile has no restart point yet.
    """
    run.set_reference()
    stored = run.stored_history()
    if stored is None:
        message = "has no restart point of the history"
        mend = "Run temjax project first, into the same folder."
        raise DataError([Finding(str(run.restarts.path("historical")), "", "", message, mend)])
    branch, products = stored
    reference, _ = run.held(branch, run.baseline(products))
    parameters, location = run.inputs
    constants = cell_constants(parameters, location)
    timelines = {
        name: hold_drivers(run.timeline, constant_years, climate=d.climate, co2=d.co2)
        for name, d in RUNS.items()
    }
    switches = {
        name: run.timeline.exposure_switch("S_T" if d.exposure else "S_R")
        for name, d in RUNS.items()
    }
    states = {name: branch if d.exposure else reference for name, d in RUNS.items()}
    parts: dict[str, list[Series]] = {name: [] for name in RUNS}
    first, last = run.timeline.future
    length = run.experiment.run.block_years
    for start, _ in year_blocks(first, last, length):
        block = start, start + length
        dtype = branch.ecosystem.pools.dtype.name
        forcings = {
            name: block_forcing(timelines[name], run.cells.climate, block, dtype) for name in RUNS
        }
        soils: dict[bool, SoilClimate] = {}
        for changes, name in ((True, ALL), (False, BASELINE)):
            soils[changes] = soil_climate(
                parameters, location, forcings[name][0], initial=states[name].heat,
                options=run.options, start=1, stop=length + 1,
                snowpack=states[name].ecosystem.snowpack,
            )  # fmt: skip
        thawing = dataclasses.replace(
            soils[False], **{name: getattr(soils[True], name) for name in THAW}
        )
        for name, drivers in RUNS.items():
            forcing, indices = forcings[name]
            soil = soils[drivers.climate]
            result = simulate(
                parameters, location, forcing, initial=states[name], options=run.options,
                exposure=jnp.asarray(switches[name][indices]), start=1, stop=length + 1,
                soil=thawing if drivers.exposure and not drivers.climate else soil,
                reference_thickness=run.reference,
            )  # fmt: skip
            jax.block_until_ready(result.state)
            states[name] = result.state
            products = {n: PRODUCTS[n].annual(result, constants) for n in ("npp", "rh", "csoil",
                                                                          "cveg")}  # fmt: skip
            parts[name].append({
                "NPP": grams_per_year(products["npp"]), "RH": grams_per_year(products["rh"]),
                "SOC": products["csoil"] * GRAMS_PER_KILOGRAM,
                "VegC": products["cveg"] * GRAMS_PER_KILOGRAM,
            })  # fmt: skip
    return {
        name: {
            label: np.concatenate([block[label] for block in blocks])[: last - first]
            for label in blocks[0]
        }
        for name, blocks in parts.items()
    }


def attribute(
    experiment: Experiment,
    out: Path,
    console: Console,
    constant_years: int = CONSTANT_CLIMATE_YEARS,
) -> Iterator[Path]:
    """Run the driver experiments of every member of a finished experiment; yields a JSON file each.

    Raises:
        DataError: the experiment has not been run into ``out``.
    """
    jax.config.update("jax_enable_x64", True)
    domain = load_domain(experiment)
    stored = {(m.member.lower(), m.scenario.lower()): m for m in read_run(out)}
    groups: dict[str, MemberGroup] = {}
    for member, scenario in experiment.members:
        of_model = [s for name, s in experiment.members if name == member]
        if member not in groups:  # its climates are read once for all scenarios
            groups = {
                member: prepare_group(
                    experiment, domain, member, of_model, out / "restart", console
                )
            }
        group = groups[member]
        position = of_model.index(scenario)
        finished = stored.get((member.lower(), scenario.lower()))
        if finished is None:
            message = f"holds no results of {member} {scenario}"
            mend = "Run temjax project with this member first."
            raise DataError([Finding(str(out), "", "", message, mend)])
        combined: dict[str, Series] = {}
        for tile in group.tiles:
            work = group.tile_work(tile)
            _, timeline, cells, folder = work.scenarios[position]
            points = restart_points(experiment, work, timeline, cells, folder)
            run = TileRun(experiment, timeline, cells, work.sets, *points, lambda *_: None)
            for name, series in attribute_tile(run, constant_years).items():
                run_series = combined.setdefault(name, {})
                for label, values in series.items():
                    shape = (len(values), domain.size)
                    field = run_series.setdefault(label, np.full(shape, np.nan))
                    field[:, cells.index] = values[:, : cells.index.size]
            console.print(f"{member} {scenario}: tile {tile + 1} of {len(group.tiles)}")
        yield _write(out, finished, domain.row, domain.column, combined, constant_years)


def _write(
    out: Path, stored: StoredMember, row: NDArray, column: NDArray,
    combined: dict[str, Series], constant_years: int,
) -> Path:  # fmt: skip
    """Write the totals of every group, Tg C (yr⁻¹), by run and year."""
    stored_cell = stored.domain.to_grid(np.arange(stored.domain.size, dtype=float))[row, column]
    present = np.flatnonzero(np.isfinite(stored_cell))
    stored_index = stored_cell[present].astype(int)
    groups, weights = {}, group_weights(stored)
    for group, weight in weights.items():
        cell_weight = np.zeros(row.size)
        cell_weight[present] = weight[stored_index]
        groups[group] = {
            name: {label: total(values, cell_weight).tolist() for label, values in series.items()}
            for name, series in combined.items()
        }
    path = out / f"attribution_{stored.member}_{stored.scenario}.json".lower()
    record = {
        "title": stored.attributes["title"],
        "member": stored.member,
        "scenario": stored.scenario,
        "unit": "Tg C (stocks), Tg C yr-1 (fluxes)",
        "area": float(weights[REGION].sum()),  # km²
        "held_years": constant_years,
        "years": stored.years["future"].tolist(),
        "groups": groups,
    }
    write_text(path, json.dumps(record, ensure_ascii=False) + "\n")
    return path

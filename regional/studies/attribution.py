"""Climate, CO2 and thaw exposure, one at a time: what the paper argues, computed.

All runs start from the branch state of a finished experiment. A driver that is off is held: climate
repeats the last years of the history, CO2 stays at the branch year's monthly values, exposure is
off. "Exposure alone" takes the active layer of the changing climate, while temperature and water
that the ecosystem feels are those of the held one.
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

from temjax.cell import cell_constants
from temjax.files.atomic import write_text
from temjax.files.findings import DataError, Finding
from temjax.heat.climate import SoilClimate, soil_climate
from temjax.regional.diagnostics.totals import group_weights, total
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.experiment.products import PRODUCTS
from temjax.regional.inputs.domain import load_domain
from temjax.regional.inputs.timeline import Timeline, block_forcing, blocks
from temjax.regional.results.read_back import StoredMember, read_run
from temjax.regional.run.member_group import Group, prepare
from temjax.regional.run.tile import TileRun
from temjax.regional.run.workers import restart_points
from temjax.runs.simulate import simulate
from temjax.units import GRAMS_PER_KILOGRAM, grams_per_year

HELD_YEARS = 20
# what the active-layer rule reads of a soil climate
THAW = ("maximum_thaw_depth", "minimum_thaw_depth", "thawing_degree_days", "permafrost")


@dataclass(frozen=True)
class Drivers:
    """Which drivers change after the branch year."""

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


def held(timeline: Timeline, years: int, *, climate: bool, co2: bool) -> Timeline:
    """The timeline with climate and CO2 held from the branch on where they do not change."""
    first, last = timeline.future
    rows, concentration = timeline.rows.copy(), timeline.co2.copy()
    if not climate:
        rows[first:] = np.resize(rows[first - years : first], last - first)
    if not co2:
        concentration[first:] = concentration[first - 1]
    return dataclasses.replace(timeline, rows=rows, co2=concentration)


def attribute_tile(run: TileRun, held_years: int) -> dict[str, Series]:
    """All runs of one tile: annual NPP and RH (g C m⁻² yr⁻¹), SOC and VegC (g C m⁻²).

    Args:
        run: a tile of the experiment with a restart point of its history.
        held_years: last years of the history that a held climate repeats.

    Raises:
        DataError: the tile has no restart point yet.
    """
    run.set_reference()
    past, history = run.timeline.past, run.timeline.historical
    if past[1] == history[1]:
        found = run.shared.load("past")
    else:
        found = run.restarts.load("historical")
    if found is None:
        message = "has no restart point of the history"
        mend = "Run temjax project first, into the same folder."
        raise DataError([Finding(str(run.restarts.path("historical")), "", "", message, mend)])
    branch = found[0]
    parameters, location = run.working
    constants = cell_constants(parameters, location)
    timelines = {
        name: held(run.timeline, held_years, climate=d.climate, co2=d.co2)
        for name, d in RUNS.items()
    }
    switches = {
        name: run.timeline.experiment_switch("S_T" if d.exposure else "S_R")
        for name, d in RUNS.items()
    }
    states = dict.fromkeys(RUNS, branch)
    parts: dict[str, list[Series]] = {name: [] for name in RUNS}
    first, last = run.timeline.future
    length = run.experiment.run.block_years
    for start, _ in blocks(first, last, length):
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
            made = simulate(
                parameters, location, forcing, initial=states[name], options=run.options,
                exposure=jnp.asarray(switches[name][indices]), start=1, stop=length + 1,
                soil=thawing if drivers.exposure and not drivers.climate else soil,
                reference_thickness=run.reference,
            )  # fmt: skip
            jax.block_until_ready(made.state)
            states[name] = made.state
            products = {
                n: PRODUCTS[n].annual(made, constants) for n in ("npp", "rh", "csoil", "cveg")
            }
            parts[name].append({
                "NPP": grams_per_year(products["npp"]), "RH": grams_per_year(products["rh"]),
                "SOC": products["csoil"] * GRAMS_PER_KILOGRAM,
                "VegC": products["cveg"] * GRAMS_PER_KILOGRAM,
            })  # fmt: skip
    return {
        name: {
            label: np.concatenate([part[label] for part in made])[: last - first]
            for label in made[0]
        }
        for name, made in parts.items()
    }


def attribute(
    experiment: Experiment, out: Path, console: Console, held_years: int = HELD_YEARS
) -> Iterator[Path]:
    """Run the drivers for every member of a finished experiment; yields a JSON file per member.

    Raises:
        DataError: the experiment has not been run into ``out``.
    """
    jax.config.update("jax_enable_x64", True)
    domain = load_domain(experiment)
    stored = {(m.member.lower(), m.scenario.lower()): m for m in read_run(out)}
    groups: dict[str, Group] = {}
    for member, scenario in experiment.members:
        of_model = [s for name, s in experiment.members if name == member]
        if member not in groups:  # its climates are read once for all scenarios
            groups = {
                member: prepare(experiment, domain, member, of_model, out / "restart", console)
            }
        group = groups[member]
        position = of_model.index(scenario)
        finished = stored.get((member.lower(), scenario.lower()))
        if finished is None:
            message = f"holds no results of {member} {scenario}"
            mend = "Run temjax project with this member first."
            raise DataError([Finding(str(out), "", "", message, mend)])
        whole: dict[str, Series] = {}
        for tile in group.tiles:
            work = group.work(tile)
            _, timeline, cells, folder = work.scenarios[position]
            points = restart_points(experiment, work, timeline, cells, folder)
            run = TileRun(experiment, timeline, cells, work.sets, *points, lambda *_: None)
            for name, series in attribute_tile(run, held_years).items():
                of_run = whole.setdefault(name, {})
                for label, values in series.items():
                    shape = (len(values), domain.size)
                    field = of_run.setdefault(label, np.full(shape, np.nan))
                    field[:, cells.index] = values[:, : cells.index.size]
            console.print(f"{member} {scenario}: tile {tile + 1} of {len(group.tiles)}")
        yield _write(out, finished, domain.row, domain.column, whole, held_years)


def _write(
    out: Path, stored: StoredMember, row: NDArray, column: NDArray,
    whole: dict[str, Series], held_years: int,
) -> Path:  # fmt: skip
    """Regional totals of every group, Tg C (yr⁻¹), by run and year."""
    at = stored.domain.to_grid(np.arange(stored.domain.size, dtype=float))[row, column]
    here = np.flatnonzero(np.isfinite(at))
    place = at[here].astype(int)
    groups = {}
    for group, weight in group_weights(stored).items():
        mine = np.zeros(row.size)
        mine[here] = weight[place]
        groups[group] = {
            name: {label: total(values, mine).tolist() for label, values in series.items()}
            for name, series in whole.items()
        }
    path = out / f"attribution_{stored.member}_{stored.scenario}.json".lower()
    record = {
        "title": stored.attributes["title"],
        "member": stored.member,
        "scenario": stored.scenario,
        "unit": "Tg C (stocks), Tg C yr-1 (fluxes)",
        "held_years": held_years,
        "years": stored.years["future"].tolist(),
        "groups": groups,
    }
    write_text(path, json.dumps(record, ensure_ascii=False) + "\n")
    return path

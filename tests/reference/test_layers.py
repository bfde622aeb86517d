"""A cell with soil carbon in layers beside an independent program of the same equations.

Source: docs/specification/layered_soil.md 8. The cell is a meadow of the SYNTHETIC plateau.
"""

import csv
import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from temjax import ModelOptions, find_equilibrium, load_parameters, replace_parameters, simulate
from temjax.forcing import Forcing, Location
from temjax.heat.climate import soil_climate
from temjax.options import SOIL_LAYERS
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs.climate import VARIABLES
from temjax.regional.inputs.synthetic import SyntheticPlateauClimate, plateau
from temjax.regional.inputs.timeline import build_timeline, equilibrium_forcing
from temjax.sites.history import global_co2

CELL = np.array([98])
OPTIONS = ModelOptions(substeps=16, soil_layers=SOIL_LAYERS)
SPIN_UP, BRANCH = 80, 200  # rows of the years
# From here on the other program's thaw depth counts the heat layer that crosses 10 m whole
FRONT_AT_10_M = 2046
# Of an earlier fit to the tower; kappa is written with four digits in the design, and these give
# its equilibrium
FITTED = dict(
    cmax_scale=0.7122470521119524, temperature_minimum=0.18004975521811417,
    respiration_rate_log=-3.830231308723673, litterfall_rate_carbon=0.010783366303996386,
    litterfall_rate_nitrogen=0.0019816441678663387, kdc_scale=1.0096909630776703,
    heterotrophic_q10=3.4965353205261387, nmax_scale=1.0018037872398105,
    surface_decomposition_scale=4.482910424980233,
)  # fmt: skip


def _columns(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name != "phase"
    }


def _inputs():
    cells = plateau(0.5)
    cell = cells.select(CELL)
    co2 = global_co2(1861, 2099, "rcp85")[:, 6]
    climate = SyntheticPlateauClimate(
        cells=cells, member="A", scenario="rcp85", years=np.arange(1861, 2100), co2=co2, segments=()
    )
    protocol = read_experiment("regional/experiments/qtp-analogue.toml").protocol
    timeline = build_timeline(
        protocol.model_copy(update={"spin_up_length": SPIN_UP}), climate, block_years=10
    )
    data = climate.load(CELL)
    forcing = Forcing(
        years=jnp.asarray(timeline.years),
        co2=jnp.asarray(timeline.co2),
        **{name: jnp.asarray(data[name][timeline.rows]) for name in VARIABLES},
    )
    place = Location(
        latitude=jnp.asarray(cell.latitude),
        elevation=jnp.asarray(cell.elevation),
        silt_plus_clay=jnp.asarray((cell.silt + cell.clay) / 100),
    )
    return place, forcing, equilibrium_forcing(timeline, data)


def _close(found, expected, name, tolerance=1e-8):
    scale = np.abs(expected).max() + 1e-9
    worst = np.abs(np.asarray(found) - expected).max() / scale
    assert worst <= tolerance, f"{name}: {worst:.1e}"


@pytest.mark.slow
def test_reference_cell(shared):
    reference = _columns(shared / "reference" / "layered" / "cell_run.csv")
    equilibrium = _columns(shared / "reference" / "layered" / "cell_layers.csv")
    parameters = replace_parameters(load_parameters("alpine-meadow"), **FITTED)
    place, forcing, first = _inputs()
    found = find_equilibrium(
        parameters, place, first, climate_years=40, options=OPTIONS,
        permafrost_table=jnp.asarray(reference["permafrost_table_m"][:1]),
    )  # fmt: skip
    assert bool(found.converged.all())
    active = found.state.layers.active_carbon[:, 0]
    _close(active, equilibrium["active_equilibrium_g_m2"], "equilibrium", 1e-9)
    state = found.state
    soil = soil_climate(
        parameters, place, forcing, state.heat, options=OPTIONS, snowpack=state.snowpack
    )
    table = jnp.max(soil.maximum_thaw_depth[40:SPIN_UP], axis=0)
    _close(table, reference["permafrost_table_m"][0], "first table", 1e-9)
    layers = dataclasses.replace(state.layers, thaw_depth=table)
    state = dataclasses.replace(state, layers=layers)
    rows = np.arange(reference["year"].size)
    runs = {
        name: simulate(
            parameters, place, forcing, initial=state, options=OPTIONS, soil=soil,
            exposure=jnp.asarray(exposed),
        )
        for name, exposed in (("ST", rows >= SPIN_UP), ("SR", (rows >= SPIN_UP) & (rows < BRANCH)))
    }  # fmt: skip
    for name, run in runs.items():
        old = run.layers.thawed_carbon_respiration_by_layer.sum(1)[:, 0]
        annual = run.annual
        _close(annual.net_primary_production[:, 0], reference[f"NPP_{name}"], f"NPP {name}")
        _close(
            annual.heterotrophic_respiration[:, 0] - old, reference[f"RH_active_{name}"],
            f"RH {name}",
        )  # fmt: skip
    _close(old, reference["RH_thawed_SR"], "RH of thawed carbon, S_R")
    _compare_until_the_front_is_deep(runs["ST"], reference)


def _compare_until_the_front_is_deep(run, reference):
    """Everything that depends on the depth of the table."""
    before = reference["year"] < FRONT_AT_10_M
    layers, annual = run.layers, run.annual
    old = layers.thawed_carbon_respiration_by_layer.sum(1)
    for name, values in (
        ("thawed_extent_m", run.soil.maximum_thaw_depth),
        ("permafrost_table_m", layers.permafrost_table),
        ("exposed_carbon", annual.exposed_carbon),
        ("RH_thawed_ST", old),
        ("N_inaccessible_ST", layers.thawed_nitrogen_below_roots),
        ("SOLN", annual.soil_organic_nitrogen),
        ("AVLN", annual.available_nitrogen),
        ("VEGC", annual.vegetation_carbon),
    ):
        _close(values[before, 0], reference[name][before], name)
    for name, values in (
        ("active", layers.active_carbon_by_layer),
        ("thawed", layers.thawed_carbon_by_layer),
        ("frozen", layers.frozen_carbon_by_layer),
        ("rh_layer", layers.heterotrophic_respiration_by_layer.sum(1)),
    ):
        expected = np.stack([reference[f"{name}_{layer}"] for layer in range(13)], axis=1)
        _close(values[before, :, 0], expected[before], name)

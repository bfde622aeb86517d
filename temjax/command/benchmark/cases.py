"""Cases of ``temjax benchmark``: synthetic cells, and one function per case.

Other packages add cases by the entry-point group ``temjax.benchmarks``: functions
``(cells, years) -> Case`` like those of ``CASES``. The model imports none of them.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax.command.doctor import AIR, RAIN, SUN
from temjax.forcing import Forcing, Location
from temjax.heat.climate import soil_climate
from temjax.options import ModelOptions
from temjax.parameters.files import gather_parameters, load_parameters
from temjax.parameters.idle import idle_parameters
from temjax.parameters.registry import Parameters, tunable_names
from temjax.runs.equilibrium import cyclic_map, find_equilibrium
from temjax.runs.result import Run
from temjax.runs.simulate import simulate
from temjax.state import State

SEED = 20
SPECIFIED_SUBSTEPS = 16  # of a month (docs/specification/model.md decision 2); the default is 48
BASES = 64  # different mean climates; more cells repeat them with other weather
TYPES = ("alpine-meadow", "alpine-steppe")
# of the calibration step, each times a factor
TUNED = tuple(name for name in tunable_names() if name not in idle_parameters(ModelOptions()))[:20]


@dataclass(frozen=True)
class Case:
    """Case of the benchmark.

    Attributes:
        name: as in ``--case``.
        function: called with ``arguments``.
        arguments: pytrees of arrays.
        cell_years: model years times cells of a call, or a function of the result.
        traceable: one program, to be compiled; otherwise the function compiles what it needs.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple
    cell_years: float | Callable[[Any], float]
    traceable: bool = True


@dataclass(frozen=True)
class Inputs:
    """Synthetic cells with their initial state; a single cell has no cell axis, like a site."""

    parameters: Parameters
    location: Location
    forcing: Forcing
    initial: State


@lru_cache(maxsize=2)
def _inputs(cells: int, years: int, dtype: str) -> Inputs:
    rng = np.random.default_rng(SEED)
    bases = min(cells, BASES)
    shift = np.linspace(-8.0, 3.0, bases) if bases > 1 else np.zeros(1)
    wetness = 0.5 + rng.random(bases)
    base = np.arange(cells) % bases
    air = np.asarray(AIR)[:, None] + shift
    rain = np.asarray(RAIN)[:, None] * wetness
    sun = np.asarray(SUN)[:, None] + np.zeros(bases)

    def cell(values, index):
        """Select cells; a single one has no axis."""
        values = jnp.asarray(values)
        return values[..., 0] if cells == 1 else values[..., index]

    def array(values, index):
        return cell(np.asarray(values, dtype), index)

    def locations(index):
        return Location(
            latitude=array(np.linspace(28.0, 40.0, bases), index),
            elevation=array(np.linspace(3000.0, 5000.0, bases), index),
            silt_plus_clay=array(0.2 + 0.6 * rng.permutation(bases) / max(bases - 1, 1), index),
        )

    def sets(index):
        if cells == 1:
            return load_parameters(TYPES[0])
        return gather_parameters([load_parameters(name) for name in TYPES], index % len(TYPES))

    each = np.arange(bases)
    mean = Forcing(
        years=jnp.asarray([1900]),
        air_temperature=array(air[None], each),
        precipitation=array(rain[None], each),
        shortwave=array(sun[None], each),
        co2=jnp.full((1, 12), 300.0, dtype),
    )
    location = locations(each)
    _, state, _ = cyclic_map(sets(each), location, mean)
    weather = 1.5 * rng.standard_normal((years, 12, cells), dtype="float32")
    warming = 0.02 * np.arange(years)[:, None, None]
    share = np.exp(0.3 * rng.standard_normal((years, 12, cells), dtype="float32"))
    forcing = Forcing(
        years=jnp.arange(1900, 1900 + years),
        air_temperature=array(air[None][..., base] + weather + warming, slice(None)),
        precipitation=array(rain[None][..., base] * share, slice(None)),
        shortwave=array(np.broadcast_to(sun[None][..., base], (years, 12, cells)), slice(None)),
        co2=jnp.broadcast_to(jnp.linspace(300.0, 500.0, years, dtype=dtype)[:, None], (years, 12)),
    )
    if cells == 1:
        return Inputs(sets(each), location, forcing, state)
    location, state = jax.tree.map(lambda leaf: leaf[..., base], (location, state))
    return Inputs(sets(base), location, forcing, state)


def synthetic_inputs(cells: int, years: int) -> Inputs:
    """Cells from mild to cold around the mean year of the tower CN-HaM, with synthetic weather.

    Soil heat is in equilibrium with the mean year; pools are TEM's initial ones.
    """
    return _inputs(cells, years, jnp.result_type(float).name)


def run_cells(parameters: Parameters, location: Location, forcing: Forcing, initial: State) -> Run:
    """Run of the whole model, soil heat included."""
    return simulate(parameters, location, forcing, initial=initial)


def _arguments(cells: int, years: int) -> tuple:
    inputs = synthetic_inputs(cells, years)
    return inputs.parameters, inputs.location, inputs.forcing, inputs.initial


def forward(cells: int, years: int) -> Case:
    """Forward run with soil heat."""
    return Case("forward", run_cells, _arguments(cells, years), cells * years)


def forward_specified(cells: int, years: int) -> Case:
    """Forward run with the sub-steps of the specification, as in regional runs."""
    options = ModelOptions(substeps=SPECIFIED_SUBSTEPS)

    def run(parameters, location, forcing, initial):
        return simulate(parameters, location, forcing, initial=initial, options=options)

    name = f"forward-{SPECIFIED_SUBSTEPS}-substeps"
    return Case(name, run, _arguments(cells, years), cells * years)


def forward_no_heat(cells: int, years: int) -> Case:
    """Forward run on a known soil climate."""
    arguments = _arguments(cells, years)
    parameters, location, forcing, initial = arguments
    soil = soil_climate(
        parameters, location, forcing, initial.heat, snowpack=initial.ecosystem.snowpack
    )

    def run(parameters, location, forcing, initial, soil):
        return simulate(parameters, location, forcing, initial=initial, soil=soil)

    return Case("forward-no-heat", run, (*arguments, soil), cells * years)


def gradient(cells: int, years: int) -> Case:
    """Value and gradient of a scalar of the run in every parameter of every cell."""

    def value(parameters, *rest):
        annual = run_cells(parameters, *rest).annual
        production = annual.net_primary_production - annual.heterotrophic_respiration
        return jnp.mean(production**2) + jnp.mean(annual.maximum_thaw_depth)

    return Case("gradient", jax.value_and_grad(value), _arguments(cells, years), cells * years)


def scaled(parameters: Parameters, factors: Float[Array, "parameter"]) -> Parameters:
    """Parameters with those of ``TUNED`` multiplied by factors."""
    pairs = zip(TUNED, factors, strict=True)
    values = {name: getattr(parameters, name) * factor for name, factor in pairs}
    return dataclasses.replace(parameters, **values)


def calibration(cells: int, years: int) -> Case:
    """Equilibrium and run with the Jacobian of monthly fluxes and thaw in 20 parameters."""
    parameters, location, forcing, _ = _arguments(cells, years)

    def residuals(factors, parameters, location, forcing):
        changed = scaled(parameters, factors)
        start = find_equilibrium(changed, location, forcing, climate="mean").state
        run = simulate(changed, location, forcing, initial=start)
        values = jnp.concatenate(
            [
                jnp.ravel(run.monthly.net_ecosystem_production),
                jnp.ravel(run.annual.maximum_thaw_depth),
            ]
        )
        return values, values

    factors = jnp.ones(len(TUNED), forcing.air_temperature.dtype)
    arguments = (factors, parameters, location, forcing)
    return Case("calibration", jax.jacfwd(residuals, has_aux=True), arguments, cells * years)


def equilibrium(cells: int, years: int) -> Case:
    """Equilibrium with one year; counts one-year evaluations."""
    parameters, location, forcing, _ = _arguments(cells, years)

    def find(parameters, location, forcing):
        return find_equilibrium(parameters, location, forcing, climate="mean")

    def evaluations(result) -> float:
        return float(jnp.sum(result.evaluations))

    return Case("equilibrium", find, (parameters, location, forcing), evaluations, traceable=False)


CASES: dict[str, Callable[[int, int], Case]] = {
    "forward": forward,
    f"forward-{SPECIFIED_SUBSTEPS}-substeps": forward_specified,
    "forward-no-heat": forward_no_heat,
    "gradient": gradient,
    "calibration": calibration,
    "equilibrium": equilibrium,
}

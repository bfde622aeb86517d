"""One tile of cells through all phases: equilibrium, spin-up, history, then S_R and S_T.

Every phase ends in a restart point; a phase that has one is not computed again.
"""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial, reduce
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from temjax.forcing import Forcing, Location
from temjax.heat.climate import SoilClimate, equilibrate_heat, soil_climate
from temjax.parameters.cell import CellConstants, cell_constants
from temjax.parameters.registry import Parameters
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.experiment.products import annual_products, monthly_products
from temjax.regional.inputs.timeline import (
    EXPERIMENTS,
    Timeline,
    block_forcing,
    blocks,
    equilibrium_forcing,
)
from temjax.regional.run.block import run_block, soil_of_block
from temjax.regional.run.cells import Cells, tile_inputs
from temjax.regional.run.restart import Products, Restarts
from temjax.runs.equilibrium import equilibrium_climate, find_equilibrium
from temjax.runs.quality import RunQuality
from temjax.runs.simulate import Run, exposure_history
from temjax.state import ExposureState, State

Report = Callable[[str, int, bool], None]
HISTORICAL = "historical"
_constants = jax.jit(cell_constants)  # not an operation is compiled by itself


class Stopped(Exception):
    """The run was asked to stop."""


class TileRun:
    """Runs the phases of one tile.

    Args:
        experiment: choices.
        timeline: years.
        cells: inputs.
        sets: parameter sets ``parameter_index`` points into.
        restarts: restart points of this tile.
        shared: restart points of the phases that the member's scenarios share.
        report: called with (phase, cell-years done, whether they were computed now); raises
            ``Stopped`` to end the run at a block's end.
    """

    def __init__(
        self,
        experiment: Experiment,
        timeline: Timeline,
        cells: Cells,
        sets: Sequence[Parameters],
        restarts: Restarts,
        shared: Restarts,
        report: Report,
    ):
        self.experiment, self.timeline, self.cells = experiment, timeline, cells
        self.options = experiment.options
        self.restarts, self.shared, self.report = restarts, shared, report
        self.precise = tile_inputs(cells, sets, "float64")
        self.working = self.precise
        if experiment.run.precision != "float64":
            self.working = tile_inputs(cells, sets, experiment.run.precision)
        self.reference: jax.Array | None = None

    def run(self) -> Products:
        """All phases; products named ``historical/...``, ``S_R/...``, ``S_T/...``, certificates."""
        self.set_reference()
        shared = self.shared
        state, products = self._phase("equilibrium", self._equilibrium, 0, shared)
        first, last = self.timeline.spin_up
        state, made = self._phase("spin-up", lambda: self._spin_up(state), last - first, shared)
        sounds = [_taken(made)]
        state = self._cast(state, self.experiment.run.precision)
        history = []
        for phase, span, restarts in self._historical_phases():
            compute = partial(self._historical, state, span)
            state, made = self._phase(phase, compute, span[1] - span[0], restarts)
            sounds.append(_taken(made))
            history.append(made)
        products |= _joined("", history)
        first, last = self.timeline.future
        compute = partial(self._future, state)
        _, made = self._phase("future", compute, 2 * (last - first), self.restarts)
        sounds.append(_taken(made))
        return products | made | _told(sounds)

    def _historical_phases(self) -> list[tuple[str, tuple[int, int], Restarts]]:
        """Name, years and restart points of the phases that the history is made of."""
        split, (first, last) = self.timeline.past[1], self.timeline.historical
        phases = [
            ("past", (first, split), self.shared),
            ("historical", (split, last), self.restarts),
        ]
        return [phase for phase in phases if phase[1][0] < phase[1][1]]

    def points(self) -> dict[str, tuple[Path, ...]]:
        """Restart points that hold the annual products of each run, in time."""
        history = tuple(points.path(phase) for phase, _, points in self._historical_phases())
        return {HISTORICAL: history} | dict.fromkeys(EXPERIMENTS, (self.restarts.path("future"),))

    def _phase(
        self,
        phase: str,
        compute: Callable[[], tuple[State | None, Products]],
        years: int,
        restarts: Restarts,
    ) -> tuple[State | None, Products]:
        """A phase from its restart point, or computed and saved."""
        found = restarts.load(phase)
        if found is not None:
            self.report(phase, years * self.cells.index.size, False)
            return found
        self.report(
            f"{phase} (the first tile compiles)" if self.cells.number == 0 else phase, 0, True
        )
        state, products = compute()
        restarts.save(phase, state, products)
        return state, products

    @staticmethod
    def _cast(state: State, precision: str) -> State:
        """A state in a precision. JAX's weak types are dropped, so that states from equilibrium,
        run and restart point all meet one compilation."""

        def cast(leaf):
            floating = jnp.issubdtype(leaf.dtype, jnp.floating)
            return leaf.astype(precision if floating else leaf.dtype)

        return jax.tree.map(cast, state)

    def _equilibrium_forcing(self) -> Forcing:
        return equilibrium_forcing(self.timeline, self.cells.climate)

    def _equilibrium(self) -> tuple[State, Products]:
        parameters, location = self.precise
        found = find_equilibrium(
            parameters,
            location,
            self._equilibrium_forcing(),
            climate=self.experiment.protocol.equilibrium_climate,
            climate_years=self.timeline.equilibrium_rows.size,
            options=self.options,
            reference_thickness=self.reference,
        )
        certificate = {
            name: np.asarray(getattr(found, name))
            for name in ("method", "residual", "heat_residual", "iterations", "spectral_radius")
        }
        return self._cast(found.state, "float64"), {
            f"equilibrium/{name}": value for name, value in certificate.items()
        }

    def _advance(
        self,
        phase: str,
        state: State,
        block: tuple[int, int],
        switch: NDArray,
        soil: SoilClimate | None = None,
    ) -> tuple[Run, RunQuality]:
        """The years of a block; ``soil`` if their soil climate is known."""
        parameters, location = self._inputs_of(state)
        forcing, indices = self._forcing(state, block)
        run, sound = run_block(
            parameters, location, forcing, state, jnp.asarray(switch[indices]),
            soil=soil, reference=self.reference, options=self.options,
        )  # fmt: skip
        jax.block_until_ready(run.state)
        years = min(block[1], self.timeline.years.size) - block[0]
        self.report(phase, years * self.cells.index.size, True)
        run = dataclasses.replace(run, state=self._cast(run.state, forcing.co2.dtype.name))
        return run, sound

    def _inputs_of(self, state: State) -> tuple[Parameters, Location]:
        """Parameters and location in the precision of a state."""
        return self.precise if state.ecosystem.pools.dtype == jnp.float64 else self.working

    def _forcing(self, state: State, block: tuple[int, int]) -> tuple[Forcing, NDArray]:
        dtype = str(state.ecosystem.pools.dtype)
        return block_forcing(self.timeline, self.cells.climate, block, dtype)

    def _spin_up(self, state: State) -> tuple[State, Products]:
        off = np.zeros(self.timeline.years.size, dtype=bool)
        sounds = [self._unknown()]
        for block in blocks(*self.timeline.spin_up, self.experiment.run.block_years):
            run, sound = self._advance("spin-up", state, block, off)
            state = run.state
            sounds.append(sound)
        return state, _told(sounds)

    def _historical(self, state: State, span: tuple[int, int]) -> tuple[State, Products]:
        constants = _constants(*self.working[:2])
        parts, sounds = [], []
        for block in blocks(*span, self.experiment.run.block_years):
            run, sound = self._advance("historical", state, block, self.timeline.exposed)
            state = run.state
            sounds.append(sound)
            parts.append(self._kept(run, constants))
        return state, _joined(f"{HISTORICAL}/", parts) | _told(sounds)

    def _future(self, branch: State) -> tuple[None, Products]:
        """S_R and S_T from one state; heat reads neither, so both share the soil climate."""
        constants = _constants(*self.working[:2])
        switches = {name: self.timeline.experiment_switch(name) for name in EXPERIMENTS}
        states = dict.fromkeys(EXPERIMENTS, branch)
        parts: dict[str, list[Products]] = {name: [] for name in EXPERIMENTS}
        sounds = []
        first, last = self.timeline.future
        for start, _ in blocks(first, last, self.experiment.run.block_years):
            # as long as the others even at the end, for one compilation; the excess is cut off
            block = start, start + self.experiment.run.block_years
            soil = self._soil(states[EXPERIMENTS[0]], block)
            for name in EXPERIMENTS:
                run, sound = self._advance("future", states[name], block, switches[name], soil)
                states[name] = run.state
                sounds.append(sound)
                parts[name].append(self._kept(run, constants))
        products = _told(sounds)
        for name in EXPERIMENTS:
            joined = _joined(f"{name}/", parts[name])
            products |= {key: value[: last - first] for key, value in joined.items()}
        return None, products

    def _unknown(self) -> RunQuality:
        """Of no year at all."""
        cells = self.cells.latitude.size
        return RunQuality(np.ones(cells, dtype=bool), np.zeros(cells), np.zeros(cells))

    def _kept(self, run: Run, constants: CellConstants) -> Products:
        """Annual products, and the monthly ones that were asked for."""
        monthly = monthly_products(run, constants, self.experiment.output.monthly)
        return annual_products(run, constants) | monthly

    def _soil(self, state: State, block: tuple[int, int]) -> SoilClimate:
        parameters, location = self._inputs_of(state)
        forcing, _ = self._forcing(state, block)
        return soil_of_block(parameters, location, forcing, state, self.options)

    def set_reference(self) -> None:
        """For ``const2020``: the active layer of the branch year, from a heat pass of its own."""
        if self.options.root_zone_nitrogen != "const2020":
            return
        found = self.restarts.load("reference")
        if found is not None:
            self.reference = jnp.asarray(found[1]["thickness"])
            return
        parameters, location = self.precise
        options = dataclasses.replace(self.options, root_zone_nitrogen="pulse_only")
        constants = cell_constants(parameters, location)
        protocol = self.experiment.protocol
        year = equilibrium_climate(
            self._equilibrium_forcing(),
            protocol.equilibrium_climate,
            self.timeline.equilibrium_rows.size,
        )
        heat, snowpack, _ = equilibrate_heat(parameters, location, year, options=options)
        exposure = ExposureState.zeros(location.shape, jnp.float64)
        for start, stop in blocks(0, self.timeline.future[0], self.experiment.run.block_years):
            forcing, _ = block_forcing(self.timeline, self.cells.climate, (start, stop), "float64")
            soil = soil_climate(
                parameters, location, forcing, initial=heat, options=options,
                start=1, stop=stop - start + 1, snowpack=snowpack,
            )  # fmt: skip
            off = jnp.zeros(stop - start)
            history = exposure_history(parameters, constants, options, soil, off, exposure, None)
            exposure = dataclasses.replace(
                exposure, active_layer_thickness=history.active_layer_thickness[-1]
            )
            heat, snowpack = soil.final, soil.snowpack[-1, -1]
        self.reference = exposure.active_layer_thickness
        self.restarts.save("reference", None, {"thickness": np.asarray(self.reference)})


def _told(sounds: list[RunQuality]) -> Products:
    """Quality of blocks or phases together, by name."""
    together = reduce(RunQuality.combine, sounds)
    return {name: np.asarray(values) for name, values in together._asdict().items()}


def _taken(products: Products) -> RunQuality:
    """Quality of a phase, no longer among its products."""
    return RunQuality(*(products.pop(name) for name in RunQuality._fields))


def _joined(prefix: str, parts: list[Products]) -> Products:
    """Blocks put together along the years, their names after ``prefix``."""
    return {f"{prefix}{name}": np.concatenate([part[name] for part in parts]) for name in parts[0]}

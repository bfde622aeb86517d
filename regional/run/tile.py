"""Run of one tile of cells: equilibrium, spin-up, history, then S_R and S_T.

Every phase ends with a restart point; a phase that has one is not computed again.
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
    equilibrium_forcing,
    year_blocks,
)
from temjax.regional.run.block import hold_at_thickness, run_block, soil_of_block
from temjax.regional.run.cells import Cells, tile_inputs
from temjax.regional.run.restart import Products, RestartPoints
from temjax.runs.equilibrium import equilibrium_climate, find_equilibrium
from temjax.runs.exposure import exposure_history
from temjax.runs.quality import RunQuality
from temjax.runs.result import Run
from temjax.state import ExposureState, State

ReportProgress = Callable[[str, int, bool], None]
HISTORICAL = "historical"
_constants = jax.jit(cell_constants)  # one compilation, not one for each operation


class Stopped(Exception):
    """Raised in a tile when its run is to stop."""


class TileRun:
    """Phases of one tile.

    Args:
        experiment: choices.
        timeline: years.
        cells: inputs.
        sets: parameter sets that ``parameter_index`` refers to.
        restarts: restart points of this tile.
        shared: restart points of the phases that the member's scenarios share.
        report: called with (phase, cell-years, whether they were computed now); raises
            ``Stopped`` to end the run after a block.
    """

    def __init__(
        self,
        experiment: Experiment,
        timeline: Timeline,
        cells: Cells,
        sets: Sequence[Parameters],
        restarts: RestartPoints,
        shared: RestartPoints,
        report: ReportProgress,
    ):
        self.experiment, self.timeline, self.cells = experiment, timeline, cells
        self.options = experiment.options
        self.restarts, self.shared, self.report = restarts, shared, report
        self.inputs_float64 = tile_inputs(cells, sets, "float64")
        self.inputs = self.inputs_float64
        if experiment.run.precision != "float64":
            self.inputs = tile_inputs(cells, sets, experiment.run.precision)
        self.reference: jax.Array | None = None

    def run(self) -> Products:
        """Run all phases.

        Returns:
            Products named ``historical/...``, ``S_R/...``, ``S_T/...``, convergence diagnostics of
            the equilibrium, and quality.
        """
        self.set_reference()
        shared = self.shared
        state, products = self._phase("equilibrium", self._equilibrium, 0, shared)
        first, last = self.timeline.spin_up
        compute = partial(self._spin_up, state)
        state, phase_products = self._phase("spin-up", compute, last - first, shared)
        quality = [_pop_quality(phase_products)]
        state = self._cast(state, self.experiment.run.precision)
        history = []
        for phase, span, restarts in self._historical_phases():
            compute = partial(self._historical, state, span)
            state, phase_products = self._phase(phase, compute, span[1] - span[0], restarts)
            quality.append(_pop_quality(phase_products))
            history.append(phase_products)
        products |= _concatenate("", history)
        first, last = self.timeline.future
        compute = partial(self._future, state, self.baseline(products))
        _, phase_products = self._phase("future", compute, 2 * (last - first), self.restarts)
        quality.append(_pop_quality(phase_products))
        return products | phase_products | _combine_quality(quality)

    def _historical_phases(self) -> list[tuple[str, tuple[int, int], RestartPoints]]:
        """Name, years and restart points of the phases of the history."""
        split, (first, last) = self.timeline.past[1], self.timeline.historical
        phases = [
            ("past", (first, split), self.shared),
            ("historical", (split, last), self.restarts),
        ]
        return [phase for phase in phases if phase[1][0] < phase[1][1]]

    def stored_history(self) -> tuple[State, Products] | None:
        """Branch state and products of the history from its restart points, if it has them all."""
        points = [restarts.load(phase) for phase, _, restarts in self._historical_phases()]
        if any(point is None for point in points):
            return None
        return points[-1][0], _concatenate("", [products for _, products in points])

    def restart_files(self) -> dict[str, tuple[Path, ...]]:
        """Restart files with the annual products of each run, in time."""
        history = tuple(restarts.path(phase) for phase, _, restarts in self._historical_phases())
        return {HISTORICAL: history} | dict.fromkeys(EXPERIMENTS, (self.restarts.path("future"),))

    def _phase(
        self,
        phase: str,
        compute: Callable[[], tuple[State | None, Products]],
        years: int,
        restarts: RestartPoints,
    ) -> tuple[State | None, Products]:
        """Read a phase from its restart point, or compute and save it."""
        restart_point = restarts.load(phase)
        if restart_point is not None:
            self.report(phase, years * self.cells.index.size, False)
            return restart_point
        self.report(
            f"{phase} (the first tile compiles)" if self.cells.number == 0 else phase, 0, True
        )
        state, products = compute()
        restarts.save(phase, state, products)
        return state, products

    @staticmethod
    def _cast(state: State, precision: str) -> State:
        """Cast a state to a precision. Weak types are dropped, so that states of equilibrium, run
        and restart point share one compilation."""

        def cast(leaf):
            floating = jnp.issubdtype(leaf.dtype, jnp.floating)
            return leaf.astype(precision if floating else leaf.dtype)

        return jax.tree.map(cast, state)

    def _equilibrium_forcing(self) -> Forcing:
        return equilibrium_forcing(self.timeline, self.cells.climate)

    def _equilibrium(self) -> tuple[State, Products]:
        parameters, location = self.inputs_float64
        equilibrium = find_equilibrium(
            parameters,
            location,
            self._equilibrium_forcing(),
            climate=self.experiment.protocol.equilibrium_climate,
            climate_years=self.timeline.equilibrium_rows.size,
            options=self.options,
            reference_thickness=self.reference,
        )
        diagnostics = ("method", "residual", "heat_residual", "iterations", "spectral_radius")
        return self._cast(equilibrium.state, "float64"), {
            f"equilibrium/{name}": np.asarray(getattr(equilibrium, name)) for name in diagnostics
        }

    def _advance(
        self,
        phase: str,
        state: State,
        block: tuple[int, int],
        switch: NDArray,
        soil: SoilClimate | None = None,
    ) -> tuple[Run, RunQuality]:
        """Simulate the years of a block; ``soil`` is their soil climate if it is known."""
        parameters, location = self._inputs_like(state)
        forcing, indices = self._forcing(state, block)
        if soil is None and self.cells.copies > 1:
            soil = self._soil(state, block)
        run, quality = run_block(
            parameters, location, forcing, state, jnp.asarray(switch[indices]),
            soil=soil, reference=self.reference, options=self.options,
        )  # fmt: skip
        jax.block_until_ready(run.state)
        years = min(block[1], self.timeline.years.size) - block[0]
        self.report(phase, years * self.cells.index.size, True)
        run = dataclasses.replace(run, state=self._cast(run.state, forcing.co2.dtype.name))
        return run, quality

    def _inputs_like(self, state: State) -> tuple[Parameters, Location]:
        """Parameters and location in the precision of a state."""
        float64 = state.ecosystem.pools.dtype == jnp.float64
        return self.inputs_float64 if float64 else self.inputs

    def _forcing(self, state: State, block: tuple[int, int]) -> tuple[Forcing, NDArray]:
        dtype = str(state.ecosystem.pools.dtype)
        return block_forcing(self.timeline, self.cells.climate, block, dtype)

    def _spin_up(self, state: State) -> tuple[State, Products]:
        off = np.zeros(self.timeline.years.size, dtype=bool)
        quality = [self._neutral_quality()]
        for block in year_blocks(*self.timeline.spin_up, self.experiment.run.block_years):
            run, block_quality = self._advance("spin-up", state, block, off)
            state = run.state
            quality.append(block_quality)
        return state, _combine_quality(quality)

    def _historical(self, state: State, span: tuple[int, int]) -> tuple[State, Products]:
        constants = _constants(*self.inputs)
        parts, quality = [], []
        for block in year_blocks(*span, self.experiment.run.block_years):
            run, block_quality = self._advance("historical", state, block, self.timeline.exposed)
            state = run.state
            quality.append(block_quality)
            parts.append(self._products(run, constants))
        return state, _concatenate(f"{HISTORICAL}/", parts) | _combine_quality(quality)

    def baseline(self, products: Products) -> NDArray | None:
        """Mean active layer of the years S_R is held at, from the history's, m, ``(cell,)``.

        NaN in cells without permafrost in the branch year; None where that is the only year.
        """
        count = self.experiment.protocol.branch_baseline_years
        if count == 1:
            return None
        layers = products[f"{HISTORICAL}/active_layer_thickness"][-count:]
        known = np.isfinite(layers)
        total = np.where(known, layers, 0.0).sum(axis=0)
        return np.where(known[-1], total / np.maximum(known.sum(axis=0), 1), np.nan)

    def held(self, branch: State, baseline: NDArray | None) -> tuple[State, Products]:
        """The branch state with the pools of the baseline, and what they expose for that."""
        if baseline is None:
            return branch, {}
        parameters, _ = self._inputs_like(branch)
        state, amounts = hold_at_thickness(
            _constants(*self._inputs_like(branch)), parameters.soil_carbon_depth_scale, branch,
            jnp.asarray(baseline), self.options,
        )  # fmt: skip
        dtype = branch.ecosystem.pools.dtype.name
        return self._cast(state, dtype), {name: np.asarray(v) for name, v in amounts.items()}

    def _future(self, branch: State, baseline: NDArray | None) -> tuple[None, Products]:
        """S_R and S_T from one state; soil heat is the same in both, so they share its climate.

        S_R is held at the baseline; what that exposes is logged in its first year.
        """
        constants = _constants(*self.inputs)
        switches = {name: self.timeline.exposure_switch(name) for name in EXPERIMENTS}
        reference, exposed = self.held(branch, baseline)
        states = dict.fromkeys(EXPERIMENTS, branch) | {EXPERIMENTS[0]: reference}
        parts: dict[str, list[Products]] = {name: [] for name in EXPERIMENTS}
        quality = []
        first, last = self.timeline.future
        for start, _ in year_blocks(first, last, self.experiment.run.block_years):
            # full length even at the end, for one compilation; the excess is cut off below
            block = start, start + self.experiment.run.block_years
            soil = self._soil(states[EXPERIMENTS[0]], block)
            for name in EXPERIMENTS:
                run, block_quality = self._advance(
                    "future", states[name], block, switches[name], soil
                )
                states[name] = run.state
                quality.append(block_quality)
                parts[name].append(self._products(run, constants))
        products = _combine_quality(quality)
        for name in EXPERIMENTS:
            whole = _concatenate(f"{name}/", parts[name])
            products |= {key: value[: last - first] for key, value in whole.items()}
        for name, amount in exposed.items():
            products[f"{EXPERIMENTS[0]}/{name}"][0] += amount
        return None, products

    def _neutral_quality(self) -> RunQuality:
        """RunQuality of no years, the neutral element of the combination."""
        cells = self.cells.latitude.size
        return RunQuality(np.ones(cells, dtype=bool), np.zeros(cells), np.zeros(cells))

    def _products(self, run: Run, constants: CellConstants) -> Products:
        """Annual products and the monthly ones of the experiment."""
        monthly = monthly_products(run, constants, self.experiment.output.monthly)
        return annual_products(run, constants) | monthly

    def _soil(self, state: State, block: tuple[int, int]) -> SoilClimate:
        parameters, location = self._inputs_like(state)
        forcing, _ = self._forcing(state, block)
        copies = self.cells.copies
        return soil_of_block(parameters, location, forcing, state, self.options, copies)

    def set_reference(self) -> None:
        """Set the active layer of the branch year for ``const2020`` from a run of soil heat."""
        if self.options.root_zone_nitrogen != "const2020":
            return
        restart_point = self.restarts.load("reference")
        if restart_point is not None:
            self.reference = jnp.asarray(restart_point[1]["thickness"])
            return
        parameters, location = self.inputs_float64
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
        for start, stop in year_blocks(0, self.timeline.future[0], self.experiment.run.block_years):
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


def _combine_quality(parts: list[RunQuality]) -> Products:
    """Combine the quality of blocks or phases, by name."""
    combined = reduce(RunQuality.combine, parts)
    return {name: np.asarray(values) for name, values in combined._asdict().items()}


def _pop_quality(products: Products) -> RunQuality:
    """Remove the quality of a phase from its products and return it."""
    return RunQuality(*(products.pop(name) for name in RunQuality._fields))


def _concatenate(prefix: str, parts: list[Products]) -> Products:
    """Concatenate products of blocks along the years; names get a prefix."""
    return {f"{prefix}{name}": np.concatenate([part[name] for part in parts]) for name in parts[0]}

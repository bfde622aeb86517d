"""Part of an objective on cells of a region: thaw depths at points, stocks of types or points.

The cells run as ``temjax project`` runs them, from the equilibrium through spin-up and history.
Cells and starts of a fit are the cells of one run. Where thaw depth is the only target soil heat
runs alone.
"""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from temjax import Forcing, Location, ModelOptions, Parameters, find_equilibrium
from temjax.calibration.part import OwnSet, Part
from temjax.calibration.part_table import PartTable
from temjax.calibration.point_target import PointTarget
from temjax.calibration.region.compare import part_table
from temjax.calibration.transforms import FreeParameters
from temjax.heat.climate import equilibrate_heat, soil_climate
from temjax.heat.equilibrium import tolerance
from temjax.parameters.files import replace_parameters
from temjax.processes.thaw_exposure import cumulative_fraction
from temjax.runs.simulate import simulate
from temjax.sites.provenance import forcing_hash, parameter_hash
from temjax.sites.stock_table import STOCKS as OBSERVED_STOCKS

THAW_DEPTH = "maximum_thaw_depth"
Annual = tuple[dict[str, Float[Array, "year cell"]], Bool[Array, "cell"]]
STOCKS = tuple(name for name, _ in OBSERVED_STOCKS.values())


class PartCells(eqx.Module):
    """Inputs of the cells of a part.

    Attributes:
        location: ``(cell,)``.
        cycle: the year of the equilibrium, ``(1, 12, cell)``.
        forcing: spin-up and history with a neighbour year at each end.
        exposed: whether thaw exposure acts, ``(year,)``, neighbours included.
        type_index: parameter set of each cell.
        labels: of the cells (static).
    """

    location: Location
    cycle: Forcing
    forcing: Forcing
    exposed: Bool[Array, "year"]
    type_index: Int[Array, "cell"]
    labels: tuple[str, ...] = eqx.field(static=True)


class TypeParameters(eqx.Module):
    """Parameter set of a vegetation type.

    Attributes:
        parameters: values of those that are not free.
        rows: free parameters and their rows in the free vector of the part (static).
    """

    parameters: Parameters
    rows: tuple[tuple[str, int], ...] = eqx.field(static=True)


class CellMean(NamedTuple):
    """Mean over cells and years that a datum is compared with.

    Attributes:
        cells: their positions.
        weights: of the cells, with the sum 1.
        rows: years of the forcing, as rows of the run.
        depths: top and bottom of a stock, m; none: as the model holds it.
    """

    cells: tuple[int, ...]
    weights: tuple[float, ...]
    rows: tuple[int, ...]
    depths: tuple[float, float] | None = None


class RegionPart(Part):
    """Residuals of measurements within a region as a function of the free vector.

    Attributes:
        free: free parameters, by their names in the fit: a place's, or the region's own.
        targets: one of each quantity.
        means: of each target, what every datum is compared with (static).
        datum_labels: of each target, the name of every datum (static).
        cells: inputs.
        types: parameter sets.
        type_names: vegetation types they are of (static).
        data, notes, absent: see ``Part`` (static).
        options: model choices of the descent (static).
        final_options: those of the region's own runs (static).
        name: of the region (static).
        title: the same with the word SYNTHETIC where it is (static).
        table: of each target, columns of a table of its data besides the values (static).
        prior_scale: factor on the residuals of the prior.
    """

    free: FreeParameters
    targets: tuple[PointTarget, ...]
    means: tuple[tuple[CellMean, ...], ...] = eqx.field(static=True)
    datum_labels: tuple[tuple[str, ...], ...] = eqx.field(static=True)
    cells: PartCells
    types: tuple[TypeParameters, ...]
    type_names: tuple[str, ...] = eqx.field(static=True)
    data: tuple = eqx.field(static=True)
    notes: tuple[str, ...] = eqx.field(static=True)
    absent: tuple[tuple[str, str], ...] = eqx.field(static=True)
    options: ModelOptions = eqx.field(static=True)
    final_options: ModelOptions = eqx.field(static=True)
    name: str = eqx.field(static=True)
    title: str = eqx.field(static=True)
    table: tuple[tuple[tuple[tuple[str, str], ...], ...], ...] = eqx.field(static=True)
    prior_scale: Float[Array, ""]

    @property
    def heat_suffices(self) -> bool:
        """Whether soil heat alone decides every target."""
        return all(target.variable == THAW_DEPTH for target in self.targets)

    def labels(self, target: PointTarget) -> list[str]:
        """Name of each datum of a target, in the order of its residuals."""
        return list(self.datum_labels[self._number(target)])

    def _number(self, target: PointTarget) -> int:
        return next(i for i, one in enumerate(self.targets) if one.variable == target.variable)

    def outputs(
        self, free: Float[Array, "free start"]
    ) -> tuple[dict[str, Float[Array, "datum start"]], Bool[Array, "start"]]:
        """Simulated counterparts of the data by variable, and whether they are finite.

        Cells whose equilibrium has not converged count, as their spin-up follows: ``temjax
        project`` keeps them too. ``compare`` tells how many there are.
        """
        outputs, _ = self.run(free)
        finite = [jnp.all(jnp.isfinite(values), axis=0) for values in outputs.values()]
        return outputs, jnp.all(jnp.stack(finite), axis=0)

    def run(
        self, free: Float[Array, "free start"]
    ) -> tuple[dict[str, Float[Array, "datum start"]], Bool[Array, "cell start"]]:
        """Simulated counterparts of the data by variable, and cells whose equilibrium converged."""
        starts = free.shape[1]
        parameters = self.parameters(free)
        location, cycle, forcing = (
            _spread(inputs, starts)
            for inputs in (self.cells.location, self.cells.cycle, self.cells.forcing)
        )
        run = _heat_run if self.heat_suffices else _full_run
        annual, converged = run(
            parameters, location, cycle, forcing, self.cells.exposed, self.options
        )
        shape = (-1, self.cells.type_index.size, starts)
        fields = {name: jnp.reshape(values, shape) for name, values in annual.items()}
        scale = jnp.reshape(parameters.soil_carbon_depth_scale, shape[1:])
        outputs = {
            target.variable: jnp.stack(
                [_mean_of(fields, scale, target.variable, mean) for mean in means]
            )
            for target, means in zip(self.targets, self.means, strict=True)
        }
        return outputs, jnp.reshape(converged, shape[1:])

    def own_sets(self, free: np.ndarray) -> dict[str, OwnSet]:
        """Sets of the types that have free numbers of their own beside those of a place."""
        values = np.asarray(self.free.values(jnp.asarray(free)))
        sets = {}
        for name, of_type in zip(self.type_names, self.types, strict=True):
            rows = dict(of_type.rows)
            if any(self.free.names[row] == f"{one}@{name}" for one, row in rows.items()):
                fitted = {one: float(values[row]) for one, row in rows.items()}
                parameters = replace_parameters(of_type.parameters, **fitted)
                sets[name] = OwnSet(parameters, tuple(rows.values()))
        return sets

    def compare(self, free: np.ndarray) -> PartTable:
        """Data beside runs with the region's own options: prior, and at a free vector."""
        final = dataclasses.replace(self, options=self.final_options)
        points = jnp.stack([jnp.zeros(len(free)), jnp.asarray(free)], axis=1)
        outputs, converged = jax.jit(lambda at: final.run(at))(points)
        simulated = {name: np.asarray(values) for name, values in outputs.items()}
        names = (self.name, self.title)
        table = part_table(names, self.targets, self.datum_labels, self.table, simulated)
        before, after = np.sum(~np.asarray(converged), axis=0)
        if not (before or after):
            return table
        line = (
            f"{self.title}: the equilibrium of {before} → {after} of {len(self.cells.labels)} "
            "cells has not converged before their spin-up, as temjax project would say of them"
        )
        return dataclasses.replace(table, lines=(*table.lines, line))

    def parameters(self, free: Float[Array, "free start"]) -> Parameters:
        """Parameters of every cell at every start, starts fastest, ``(cell × start,)``."""
        values = self.free.values(free)

        def leaf(name: str) -> Array:
            of_types = [
                values[dict(one.rows)[name]]
                if name in dict(one.rows)
                else jnp.full(free.shape[1], getattr(one.parameters, name))
                for one in self.types
            ]
            return jnp.ravel(jnp.stack(of_types)[self.cells.type_index])

        names = [field.name for field in dataclasses.fields(Parameters)]
        return Parameters(**{name: leaf(name) for name in names})

    def identity(self) -> tuple:
        """Options, forcing, parameters, and what the data are compared with."""
        return (
            dataclasses.astuple(self.options),
            forcing_hash(self.cells.forcing),
            forcing_hash(self.cells.cycle),
            tuple(parameter_hash(one.parameters) for one in self.types),
            tuple(one.rows for one in self.types),
            tuple(np.asarray(self.cells.type_index).tolist()),
            self.means,
            tuple(target.bounds for target in self.targets),
        )

    def first_failure(self, free: Float[Array, "free"]) -> str:
        """Description of the first datum or cell that fails at one free vector."""
        outputs, _ = self.outputs(jnp.asarray(free)[:, None])
        for target in self.targets:
            invalid = ~np.isfinite(np.asarray(outputs[target.variable])[:, 0])
            if invalid.any():
                label = self.labels(target)[int(np.argmax(invalid))]
                return f"{target.variable.replace('_', ' ')} of {label}"
        return "the derivative alone: every simulated value is finite"


def _spread(inputs: Location | Forcing, starts: int) -> Location | Forcing:
    """Inputs repeated for every start, the cells' axis last; CO2 is shared."""

    def spread(leaf):
        return jnp.repeat(jnp.asarray(leaf), starts, axis=-1)

    if isinstance(inputs, Location):
        return Location(*(spread(x) for x in (inputs.latitude, inputs.elevation,
                                              inputs.silt_plus_clay)))  # fmt: skip
    return eqx.tree_at(
        lambda f: (f.air_temperature, f.precipitation, f.shortwave), inputs, replace_fn=spread
    )


def _heat_run(
    parameters: Parameters,
    location: Location,
    cycle: Forcing,
    forcing: Forcing,
    exposed: Bool[Array, "year"],
    options: ModelOptions,
) -> Annual:
    """Thaw depth by year from a run of soil heat alone, and whether its equilibrium converged."""
    heat, snowpack, residual = equilibrate_heat(parameters, location, cycle, options=options)
    soil = soil_climate(
        parameters, location, forcing, initial=heat, options=options,
        start=1, stop=forcing.number_of_years - 1, snowpack=snowpack,
    )  # fmt: skip
    return {THAW_DEPTH: soil.maximum_thaw_depth}, residual <= tolerance(residual.dtype)


def _full_run(
    parameters: Parameters,
    location: Location,
    cycle: Forcing,
    forcing: Forcing,
    exposed: Bool[Array, "year"],
    options: ModelOptions,
) -> Annual:
    """Thaw depth and stocks by year, and whether the equilibrium converged."""
    equilibrium = find_equilibrium(parameters, location, cycle, climate="first", options=options)
    run = simulate(
        parameters, location, forcing, initial=equilibrium.state, options=options,
        exposure=exposed, start=1, stop=forcing.number_of_years - 1,
    )  # fmt: skip
    names = (*STOCKS, THAW_DEPTH, "active_layer_thickness")
    return {name: getattr(run.annual, name) for name in names}, equilibrium.converged


def _mean_of(
    fields: dict[str, Float[Array, "year cell start"]],
    depth_scale: Float[Array, "cell start"],
    variable: str,
    mean: CellMean,
) -> Float[Array, "start"]:
    """Simulated counterpart of one datum: weighted mean over its cells and years."""
    cells, rows = np.asarray(mean.cells), np.asarray(mean.rows)

    def chosen(field):
        return field[rows][:, cells]

    values = chosen(fields[variable])
    if mean.depths is not None:
        layers = chosen(fields["active_layer_thickness"])
        values = values * share_between(*mean.depths, layers, depth_scale[cells])
    return jnp.asarray(mean.weights) @ jnp.mean(values, axis=0)


def share_between(
    top: float,
    bottom: float,
    thickness: Float[Array, "..."],
    depth_scale: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Stock between two depths over that which the model holds, down to its active layer.

    Soil matter is distributed as thaw exposes it, by p(z) of Eq. 2 (docs/specification/protocol.md
    2). Without permafrost the model's stock is that of the whole soil, which is taken to lie above
    the bottom.

    Args:
        top, bottom: m.
        thickness: of the active layer, m; NaN without permafrost.
        depth_scale: b, m.
    """
    frozen_below = jnp.isfinite(thickness)
    held = cumulative_fraction(jnp.where(frozen_below, thickness, 1.0), depth_scale)
    between = cumulative_fraction(jnp.asarray(bottom), depth_scale)
    if top > 0:
        between = between - cumulative_fraction(jnp.asarray(top), depth_scale)
    return jnp.where(frozen_below, between / held, 1.0)

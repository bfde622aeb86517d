"""Sensitivity maps of a region: tiles combined, written as NetCDF, maps and totals."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import netCDF4
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console

from temjax import __version__
from temjax.files.atomic import write_text
from temjax.files.findings import DataError, Finding
from temjax.parameters.registry import REGISTRY
from temjax.regional.diagnostics.members import MeanSD
from temjax.regional.diagnostics.tables import Table
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.figures.maps import colour_range, draw_map
from temjax.regional.figures.panels import DENSITY
from temjax.regional.inputs.domain import Domain, load_domain
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.results.effect import delta
from temjax.regional.results.formats import FILL
from temjax.regional.run.member_group import MemberGroup, parameter_set, prepare_group
from temjax.regional.run.restart import NoRestartPoints, Products
from temjax.regional.run.tile import TileRun
from temjax.regional.studies.parameter_sources import Source, draw_sets, heat_is_shared
from temjax.regional.studies.sensitivity import (
    LABELS,
    LAST_YEARS,
    UNITS,
    Outputs,
    Sensitivity,
    sensitivity_of_tile,
)
from temjax.regional.studies.uncertainty import (
    Total,
    linear_propagation,
    regional_weight,
    repeated_cells,
    sample_totals,
    type_derivatives,
    without_correlations,
)
from temjax.units import GRAMS_PER_KILOGRAM, grams_per_year

STEP = 0.1  # relative step of a parameter in the maps
MAPPED = ("delta_nep", "exposed_carbon", "thickness")


@dataclass(frozen=True)
class RegionSensitivity:
    """Derivatives of a region's cells and the uncertainty of its totals from parameters.

    Attributes:
        domain: cells.
        area: km², 0 where a cell is masked or its equilibrium did not converge.
        sensitivity: values and derivatives of all cells; NaN in masked ones.
        linear: totals with the SD of linear propagation; empty without sources.
        independent: the same without the correlations of the posteriors.
        sampled: the same from parameter samples; empty without samples.
        parts: SD that each (type, parameter) alone would give, by output.
    """

    domain: Domain
    area: NDArray
    sensitivity: Sensitivity
    linear: dict[str, Total]
    independent: dict[str, Total]
    sampled: dict[str, Total]
    parts: dict[str, dict[tuple[str, str], float]]


def region_sensitivity(
    experiment: Experiment, names: tuple[str, ...], sources: Sequence[Source],
    samples: int, console: Console, seed: int = 1,
) -> Iterator[tuple[str, str, RegionSensitivity]]:  # fmt: skip
    """Differentiate every member with respect to parameters.

    Args:
        experiment: choices.
        names: parameters; linear propagation needs all of ``sources`` among them.
        sources: distributions of the parameters, possibly none.
        samples: number of parameter samples; below 2 none.
        console: for progress.
        seed: of the samples.

    Raises:
        DataError: a branch baseline of several years.
    """
    jax.config.update("jax_enable_x64", True)
    if experiment.protocol.branch_baseline_years > 1:
        key, message = "protocol.branch_baseline_years", "derivatives know the branch year alone"
        mend = "Leave the key out, or set it to 1, for temjax region-sensitivity."
        raise DataError([Finding(experiment.name, key, "", message, mend)])
    domain = load_domain(experiment)
    for member, scenario in experiment.members:
        group = prepare_group(experiment, domain, member, [scenario], Path(), console)
        tiles = []
        for tile in group.tiles:
            work = group.tile_work(tile)
            _, timeline, cells, _ = work.scenarios[0]
            tile_sensitivity = sensitivity_of_tile(experiment, timeline, cells, work.sets, names)
            tiles.append((cells.index, tile_sensitivity))
            console.print(f"{member} {scenario}: tile {tile + 1} of {len(group.tiles)}")
        sensitivity = _join(tiles, domain.size, list(group.findings))
        area = np.where(sensitivity.converged, domain.area, 0.0)
        totals, independent, parts, sampled = {}, {}, {}, {}
        uncertain = set(uncertain_names(sources))
        if uncertain and uncertain <= set(sensitivity.names):
            place = domain.vegetation, area
            totals, parts = linear_propagation(sensitivity, *place, sources)
            independent, _ = linear_propagation(sensitivity, *place, without_correlations(sources))
        elif uncertain:
            missing = ", ".join(sorted(uncertain - set(sensitivity.names)))
            text = f"note: no linear propagation without derivatives of {missing}"
            console.print(f"{text} (--parameters fitted)", markup=False, soft_wrap=True)
        if samples > 1 and uncertain:
            values = _sample_outputs(experiment, group, sources, samples, seed, domain.size)
            sampled = sample_totals(values, area, samples)
        yield (
            member,
            scenario,
            RegionSensitivity(domain, area, sensitivity, totals, independent, sampled, parts),
        )


def uncertain_names(sources: Sequence[Source]) -> list[str]:
    """Parameters that some vegetation type's source holds."""
    return list(dict.fromkeys(n for s in sources for of in s.columns.values() for n in of))


def _join(tiles: list[tuple[NDArray, Sensitivity]], size: int, masked: list[int]) -> Sensitivity:
    """Join tiles along the cell axis; masked cells carried a valid cell's input and become NaN."""

    def scatter(values: list[NDArray], fill: float = np.nan) -> NDArray:
        joined = np.full((*values[0].shape[:-1], size), fill)
        for (index, _), tile_values in zip(tiles, values, strict=True):
            joined[..., index] = tile_values
        joined[..., masked] = fill
        return joined

    parts = [part for _, part in tiles]
    return Sensitivity(
        names=parts[0].names,
        parameters=scatter([p.parameters for p in parts]),
        values=Outputs(*(scatter([p.values[i] for p in parts]) for i in range(len(LABELS)))),
        derivatives=Outputs(
            *(scatter([p.derivatives[i] for p in parts]) for i in range(len(LABELS)))
        ),
        converged=scatter([p.converged for p in parts], 0.0) > 0,
    )


def _sample_outputs(
    experiment: Experiment,
    group: MemberGroup,
    sources: Sequence[Source],
    samples: int,
    seed: int,
    size: int,
) -> Outputs:
    """Outputs of parameter samples, ``(sample · cell,)``; a tile runs its cells once per sample."""
    sets = {name: parameter_set(experiment, name) for name in group.names}
    drawn = draw_sets(sources, sets, samples, seed)
    shared = heat_is_shared(sources, group.names)
    outputs = Outputs(*(np.full((samples, size), np.nan) for _ in LABELS))
    for tile in group.tiles:
        work = group.tile_work(tile)
        _, timeline, cells, _ = work.scenarios[0]
        repeated, sets = repeated_cells(cells, group.names, drawn, shared)
        none = NoRestartPoints()
        run = TileRun(experiment, timeline, repeated, sets, none, none, lambda *_: None)
        for field, values in zip(outputs, outputs_of(run.run()), strict=True):
            field[:, cells.index] = values.reshape(samples, -1)[:, : cells.index.size]
    return Outputs(*(field.ravel() for field in outputs))


def outputs_of(products: Products) -> Outputs:
    """Outputs of ``sensitivity`` from the products of a run."""
    nep = {
        run: grams_per_year(products[f"{run}/npp"] - products[f"{run}/rh"]).sum(axis=0)
        for run in ("S_R", "S_T")
    }
    return Outputs(
        delta_nep=nep["S_T"] - nep["S_R"],
        exposed_carbon=delta(products, "exposed_carbon").sum(axis=0),
        thickness=products["S_T/active_layer_thickness"][-LAST_YEARS:].mean(axis=0),
        nep=nep["S_T"],
        net_soil_carbon=(
            GRAMS_PER_KILOGRAM * delta(products, "csoil")[-1]
            - delta(products, "exposed_carbon").sum(axis=0)
        ),
        npp=grams_per_year(products["S_T/npp"][-LAST_YEARS:]).mean(axis=0),
    )


def write_sensitivity(
    experiment: Experiment, member: str, scenario: str, result: RegionSensitivity, out: Path
) -> list[Path]:
    """Write derivatives per cell as NetCDF, maps of the effect of +10 %, and totals as JSON."""
    out.mkdir(parents=True, exist_ok=True)
    stem = f"sensitivity_{member}_{scenario}".lower()
    paths = [out / f"{stem}.nc", out / f"{stem}.png", out / f"{stem}.json"]
    label = f"{LABEL} " if result.domain.synthetic and LABEL not in experiment.title else ""
    title = f"{label}{experiment.title}: sensitivity to parameters, {member} {scenario}"
    _write_netcdf(paths[0], title, result)
    figure = sensitivity_maps(result, title)
    FigureCanvasAgg(figure)
    figure.savefig(paths[1], dpi=110)
    record = {
        "title": title,
        "member": member,
        "scenario": scenario,
        "configuration_hash": experiment.hash,
        "unit": "Tg C; npp in Tg C yr-1; thickness in m, area mean",
        "linear": {name: vars(total) for name, total in result.linear.items()},
        "linear_without_correlations": {
            name: vars(total) for name, total in result.independent.items()
        },
        "samples": {name: vars(total) for name, total in result.sampled.items()},
        "sd_by_parameter": {
            output: {f"{kind}: {name}": sd for (kind, name), sd in alone.items()}
            for output, alone in result.parts.items()
        },
        **by_type(result),
    }
    write_text(paths[2], json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return paths


def by_type(result: RegionSensitivity) -> dict[str, dict]:
    """Regional numbers, and their derivatives with respect to each type's parameters."""
    domain, sensitivity = result.domain, result.sensitivity
    types = sorted(set(domain.vegetation[result.area > 0]))
    cell = {kind: np.flatnonzero((domain.vegetation == kind) & (result.area > 0)) for kind in types}
    totals, derivatives = {}, {}
    for output, values in sensitivity.values._asdict().items():
        weight = regional_weight(result.area, output, values)
        totals[output] = float(np.where(weight > 0, values, 0.0) @ weight)
        derivatives[output] = {
            kind: type_derivatives(sensitivity, domain.vegetation, weight, output, kind)
            for kind in types
        }
    return {
        "totals": totals,
        "parameters": {
            kind: dict(
                zip(sensitivity.names, map(float, sensitivity.parameters[:, cells[0]]), strict=True)
            )
            for kind, cells in cell.items()
        },
        "derivatives": derivatives,  # in units of the totals per unit of the parameter
    }


def _write_netcdf(path: Path, title: str, result: RegionSensitivity) -> None:
    domain = result.domain
    latitude, longitude = domain.grid.fields()
    with netCDF4.Dataset(path, "w", format="NETCDF4_CLASSIC") as file:
        file.setncatts({"Conventions": "CF-1.8", "title": title, "source": f"temjax {__version__}"})
        file.createDimension("parameter", len(result.sensitivity.names))
        file.createDimension("name_length", 64)
        file.createDimension("y", domain.grid.shape[0])
        file.createDimension("x", domain.grid.shape[1])
        names = file.createVariable("parameter_name", "S1", ("parameter", "name_length"))
        names.long_name = "parameter"
        names[:] = netCDF4.stringtochar(np.array(result.sensitivity.names, dtype="S64"))
        for name, values, units, meaning in (
            ("lat", latitude, "degrees_north", "latitude"),
            ("lon", longitude, "degrees_east", "longitude"),
        ):
            coordinate = file.createVariable(name, "f8", ("y", "x"))
            coordinate.setncatts({"units": units, "standard_name": meaning})
            coordinate[:] = values

        def save(name: str, values: NDArray, units: str, long_name: str) -> None:
            axes = (*(("parameter",) if values.ndim == 2 else ()), "y", "x")
            variable = file.createVariable(
                name, "f4", axes, zlib=True, complevel=5, fill_value=FILL
            )
            variable.setncatts(
                {"units": units, "long_name": long_name,
                 "coordinates": f"lat lon{' parameter_name' if values.ndim == 2 else ''}"}
            )  # fmt: skip
            gridded = domain.to_grid(values)
            variable[:] = np.where(np.isfinite(gridded), gridded, FILL)

        for output, unit, label in zip(Outputs._fields, UNITS, LABELS, strict=True):
            save(output, getattr(result.sensitivity.values, output), unit, label)
            effect = getattr(result.sensitivity.derivatives, output) * result.sensitivity.parameters
            save(f"{output}_sensitivity", effect, unit, f"{label}: derivative times parameter")


def sensitivity_maps(result: RegionSensitivity, title: str) -> Figure:
    """Draw maps of the effect of +10 % of each parameter (rows) on each output (columns)."""
    names = result.sensitivity.names
    rows, across = result.domain.grid.shape
    height = float(np.clip(4.5 * rows / across, 1.5, 4.0)) + 0.6
    figure = Figure(figsize=(15.5, height * len(names) + 0.6), layout="constrained")
    panels = figure.subplots(len(names), len(MAPPED), squeeze=False)
    for row, (number, name) in zip(panels, enumerate(names), strict=True):
        for axes, output in zip(row, MAPPED, strict=True):
            slope = getattr(result.sensitivity.derivatives, output)[number]
            effect = STEP * slope * result.sensitivity.parameters[number]
            effect = np.where(result.area > 0, effect, np.nan)
            image = draw_map(axes, result.domain, effect, colour_range([effect]))
            label = LABELS[Outputs._fields.index(output)]
            symbol = f" ({REGISTRY[name].symbol})" if REGISTRY[name].symbol else ""
            axes.set_title(f"{label}: {name}{symbol} +10 %", fontsize=9)
            unit = UNITS[Outputs._fields.index(output)]
            text = unit if unit == "m" else DENSITY
            figure.colorbar(image, ax=axes, extend="both", label=text, shrink=0.9)
    figure.suptitle(title, fontsize=11)
    return figure


def _total_unit(unit: str) -> str:
    """Unit of the regional number of an output."""
    return {"m": "m", "g C m-2": "Tg C"}.get(unit, "Tg C yr⁻¹")


def uncertainty_table(result: RegionSensitivity) -> Table:
    """Table of regional numbers with the SD of linear propagation and of samples."""
    rows = []
    for output, label, unit in zip(Outputs._fields, LABELS, UNITS, strict=True):
        rows.append((
            f"{label}, {_total_unit(unit)}",
            *(MeanSD(total.value, total.sd).text() if total else "–"
              for total in (result.linear.get(output), result.independent.get(output),
                            result.sampled.get(output))),
        ))  # fmt: skip
    note = (
        "± 1 SD from posterior covariances of the fitted sets and, for types without a fit, from "
        "priors (or exact, with --unfitted exact)."
    )
    head = ("quantity", "linear", "without correlations", "samples")
    return Table("Uncertainty of parameters", note, head, rows)

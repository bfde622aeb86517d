"""Sensitivity maps of a region: tiles put together, written as NetCDF, a map and totals."""

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
from temjax.parameters.registry import REGISTRY
from temjax.regional.diagnostics.tables import Ours, Table
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.figures.maps import colour_range, draw_map
from temjax.regional.figures.paper_figures import DENSITY
from temjax.regional.inputs.domain import Domain, load_domain
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.results.effect import delta
from temjax.regional.results.formats import FILL
from temjax.regional.run.member_group import Group, parameter_set, prepare
from temjax.regional.run.restart import NoRestarts, Products
from temjax.regional.run.tile import TileRun
from temjax.regional.studies.sensitivity import (
    LABELS,
    LAST_YEARS,
    UNITS,
    Outputs,
    Sensitivity,
    sensitivity_of_tile,
)
from temjax.regional.studies.uncertainty import (
    Spread,
    Total,
    linear,
    repeated_cells,
    sample_sets,
    sample_totals,
)
from temjax.units import grams_per_year

STEP = 0.1  # of a parameter, for the maps
MAPPED = ("delta_nep", "exposed_carbon", "thickness")


@dataclass(frozen=True)
class RegionSensitivity:
    """Derivatives of a region's cells and what the fitted parameters' spreads make of them.

    Attributes:
        domain: cells.
        area: km², 0 where a cell is masked or its equilibrium did not converge.
        made: values and derivatives of all cells; NaN in masked ones.
        linear: totals with the SD of linear propagation; empty without fitted files.
        sampled: the same from parameter samples; empty without samples.
        parts: SD that each (type, parameter) alone would give, by output.
    """

    domain: Domain
    area: NDArray
    made: Sensitivity
    linear: dict[str, Total]
    sampled: dict[str, Total]
    parts: dict[str, dict[tuple[str, str], float]]


def region_sensitivity(
    experiment: Experiment, names: tuple[str, ...], spreads: Sequence[Spread], samples: int,
    console: Console, seed: int = 1,
) -> Iterator[tuple[str, str, RegionSensitivity]]:  # fmt: skip
    """Every member with its derivatives along ``names``.

    Args:
        experiment: choices.
        names: parameters; linear propagation needs all of ``spreads`` among them.
        spreads: fitted parameters with their SD, possibly none.
        samples: parameter samples beside it; below 2 none.
        console: for progress.
        seed: of the samples.
    """
    jax.config.update("jax_enable_x64", True)
    domain = load_domain(experiment)
    for member, scenario in experiment.members:
        group = prepare(experiment, domain, member, [scenario], Path(), console)
        tiles = []
        for tile in group.tiles:
            work = group.work(tile)
            _, timeline, cells, _ = work.scenarios[0]
            made = sensitivity_of_tile(experiment, timeline, cells, work.sets, names)
            tiles.append((cells.index, made))
            console.print(f"{member} {scenario}: tile {tile + 1} of {len(group.tiles)}")
        made = _join(tiles, domain.size, list(group.findings))
        area = np.where(made.converged, domain.area, 0.0)
        totals, parts = {}, {}
        if spreads and {given.name for given in spreads} <= set(made.names):
            totals, parts = linear(made, domain.vegetation, area, spreads)
        sampled = {}
        if samples > 1 and spreads:
            values = _sampled(experiment, group, spreads, samples, seed, domain.size)
            sampled = sample_totals(values, area, samples)
        yield (
            member,
            scenario,
            RegionSensitivity(domain, area, made, totals, sampled, parts),
        )


def _join(tiles: list[tuple[NDArray, Sensitivity]], size: int, masked: list[int]) -> Sensitivity:
    """Tiles on one cell axis; masked cells carried a good cell's input and are blanked."""

    def put(values: list[NDArray], fill: float = np.nan) -> NDArray:
        made = np.full((*values[0].shape[:-1], size), fill)
        for (index, _), given in zip(tiles, values, strict=True):
            made[..., index] = given
        made[..., masked] = fill
        return made

    parts = [made for _, made in tiles]
    return Sensitivity(
        names=parts[0].names,
        parameters=put([p.parameters for p in parts]),
        values=Outputs(*(put([p.values[i] for p in parts]) for i in range(len(LABELS)))),
        derivatives=Outputs(*(put([p.derivatives[i] for p in parts]) for i in range(len(LABELS)))),
        converged=put([p.converged for p in parts], 0.0) > 0,
    )


def _sampled(
    experiment: Experiment,
    group: Group,
    spreads: Sequence[Spread],
    samples: int,
    seed: int,
    size: int,
) -> Outputs:
    """Outputs of every sample and cell, ``(sample · cell,)``; all samples share a tile's cells."""
    drawn = sample_sets(
        {name: parameter_set(experiment, name) for name in group.names}, spreads, samples, seed
    )
    kept = Outputs(*(np.full((samples, size), np.nan) for _ in LABELS))
    for tile in group.tiles:
        work = group.work(tile)
        _, timeline, cells, _ = work.scenarios[0]
        repeated, sets = repeated_cells(cells, group.names, drawn)
        none = NoRestarts()
        run = TileRun(experiment, timeline, repeated, sets, none, none, lambda *_: None)
        for field, values in zip(kept, outputs_of(run.run()), strict=True):
            field[:, cells.index] = values.reshape(samples, -1)
    return Outputs(*(field.ravel() for field in kept))


def outputs_of(products: Products) -> Outputs:
    """The outputs of a run that kept its products; as ``sensitivity`` defines them."""
    nep = {
        run: grams_per_year(products[f"{run}/npp"] - products[f"{run}/rh"]).sum(axis=0)
        for run in ("S_R", "S_T")
    }
    return Outputs(
        delta_nep=nep["S_T"] - nep["S_R"],
        exposed_carbon=delta(products, "exposed_carbon").sum(axis=0),
        thickness=products["S_T/active_layer_thickness"][-LAST_YEARS:].mean(axis=0),
        nep=nep["S_T"],
    )


def write_sensitivity(
    experiment: Experiment, member: str, scenario: str, made: RegionSensitivity, out: Path
) -> list[Path]:
    """NetCDF with derivatives per cell, maps of the effect of +10 %, and totals as JSON."""
    out.mkdir(parents=True, exist_ok=True)
    stem = f"sensitivity_{member}_{scenario}".lower()
    paths = [out / f"{stem}.nc", out / f"{stem}.png", out / f"{stem}.json"]
    label = f"{LABEL} " if made.domain.synthetic and LABEL not in experiment.title else ""
    title = f"{label}{experiment.title}: sensitivity to parameters, {member} {scenario}"
    _write_netcdf(paths[0], title, made)
    figure = sensitivity_maps(made, title)
    FigureCanvasAgg(figure)
    figure.savefig(paths[1], dpi=110)
    record = {
        "title": title,
        "member": member,
        "scenario": scenario,
        "unit": "Tg C; thickness in m, area mean",
        "linear": {name: vars(total) for name, total in made.linear.items()},
        "samples": {name: vars(total) for name, total in made.sampled.items()},
        "sd_by_parameter": {
            output: {f"{kind}: {name}": sd for (kind, name), sd in alone.items()}
            for output, alone in made.parts.items()
        },
    }
    write_text(paths[2], json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return paths


def _write_netcdf(path: Path, title: str, made: RegionSensitivity) -> None:
    domain = made.domain
    latitude, longitude = domain.grid.fields()
    with netCDF4.Dataset(path, "w", format="NETCDF4_CLASSIC") as file:
        file.setncatts({"Conventions": "CF-1.8", "title": title, "source": f"temjax {__version__}"})
        file.createDimension("parameter", len(made.made.names))
        file.createDimension("name_length", 64)
        file.createDimension("y", domain.grid.shape[0])
        file.createDimension("x", domain.grid.shape[1])
        names = file.createVariable("parameter_name", "S1", ("parameter", "name_length"))
        names.long_name = "parameter"
        names[:] = netCDF4.stringtochar(np.array(made.made.names, dtype="S64"))
        for name, values, units, meaning in (
            ("lat", latitude, "degrees_north", "latitude"),
            ("lon", longitude, "degrees_east", "longitude"),
        ):
            place = file.createVariable(name, "f8", ("y", "x"))
            place.setncatts({"units": units, "standard_name": meaning})
            place[:] = values

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
            save(output, getattr(made.made.values, output), unit, label)
            effect = getattr(made.made.derivatives, output) * made.made.parameters
            save(f"{output}_sensitivity", effect, unit, f"{label}: derivative times parameter")


def sensitivity_maps(made: RegionSensitivity, title: str) -> Figure:
    """Rows of parameters, columns of outputs: the effect of a parameter 10 % higher."""
    names = made.made.names
    rows, across = made.domain.grid.shape
    height = float(np.clip(4.5 * rows / across, 1.5, 4.0)) + 0.6
    figure = Figure(figsize=(15.5, height * len(names) + 0.6), layout="constrained")
    panels = figure.subplots(len(names), len(MAPPED), squeeze=False)
    for row, (number, name) in zip(panels, enumerate(names), strict=True):
        for axes, output in zip(row, MAPPED, strict=True):
            slope = getattr(made.made.derivatives, output)[number]
            effect = STEP * slope * made.made.parameters[number]
            effect = np.where(made.area > 0, effect, np.nan)
            image = draw_map(axes, made.domain, effect, colour_range([effect]))
            label = LABELS[Outputs._fields.index(output)]
            symbol = f" ({REGISTRY[name].symbol})" if REGISTRY[name].symbol else ""
            axes.set_title(f"{label}: {name}{symbol} +10 %", fontsize=9)
            unit = UNITS[Outputs._fields.index(output)]
            text = unit if unit == "m" else DENSITY
            figure.colorbar(image, ax=axes, extend="both", label=text, shrink=0.9)
    figure.suptitle(title, fontsize=11)
    return figure


def uncertainty_table(made: RegionSensitivity) -> Table:
    """Regional numbers with the SD of both ways side by side."""
    rows = []
    for output, label, unit in zip(Outputs._fields, LABELS, UNITS, strict=True):
        rows.append((
            f"{label}, {'m' if unit == 'm' else 'Tg C'}",
            *(Ours(total.value, total.sd).text() if total else "–"
              for total in (made.linear.get(output), made.sampled.get(output))),
        ))  # fmt: skip
    note = (
        "± 1 SD from the 90 % intervals of the fitted parameters, taken as independent; types "
        "without a fit count as known."
    )
    return Table("Uncertainty of fitted parameters", note, ("quantity", "linear", "samples"), rows)

"""Part of a fit from tables of thaw depths and stocks and the experiment of a region."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from temjax import ModelOptions
from temjax.calibration.joint import JointObjective
from temjax.calibration.objective import DESCENT, Objective
from temjax.calibration.point_target import PointTarget
from temjax.calibration.region.part import THAW_DEPTH, CellMean, RegionPart
from temjax.calibration.region.points import BOUNDS, PlacedPoint, place_points
from temjax.calibration.region.stocks import CELLS_OF_TYPE, PlacedStock, place_stocks
from temjax.calibration.region.study import Study
from temjax.calibration.region.types import RegionTypes, places_by_type, region_types
from temjax.calibration.target import Target
from temjax.calibration.targets import DEFAULT_ERRORS, ErrorModel
from temjax.parameters.files import FIT_OPTIONS
from temjax.regional.experiment.experiment import Experiment
from temjax.sites import Site
from temjax.sites.stock_table import STOCKS, StockDatum, read_stocks
from temjax.sites.thaw_points import ThawPoint, read_thaw_points

MANY_CELLS = 40  # above which the cost is told


@dataclass(frozen=True)
class RegionData:
    """Measurements within a region and how they enter a fit: ``also`` of ``calibrate``.

    Attributes:
        region: experiment or its file.
        points: thaw depths, or their table.
        stocks: soil stocks, or their table.
        cells_of_type: cells that stand for a vegetation type.
    """

    region: Experiment | Path | str
    points: list[ThawPoint] | Path | str | None = None
    stocks: list[StockDatum] | Path | str | None = None
    cells_of_type: int = CELLS_OF_TYPE

    @property
    def variables(self) -> tuple[str, ...]:
        """Quantities that the tables may hold."""
        stocks = () if self.stocks is None else tuple(name for name, _ in STOCKS.values())
        return stocks if self.points is None else (THAW_DEPTH, *stocks)

    def part(
        self,
        sites: tuple[Site, ...],
        objective: Objective | JointObjective,
        errors: ErrorModel = DEFAULT_ERRORS,
        options: ModelOptions = DESCENT,
    ) -> RegionPart:
        """Part of a fit of places.

        Args:
            sites: of the fit.
            objective: of the sites.
            errors: error model.
            options: of the descent.

        Raises:
            DataError: a table or the region cannot be used.
            ValueError: nothing to compare, or no free parameter that acts on it.
        """
        points, point_notes = _read(self.points, read_thaw_points)
        stocks, stock_notes = _read(self.stocks, read_stocks)
        study = Study.of(self.region)
        fitted = tuple(places_by_type(sites))
        placed, where = place_points(points, study)
        of_stocks, chosen = place_stocks(stocks, study, fitted, self.cells_of_type)
        notes = [*point_notes, *where, *stock_notes, *chosen]
        if not placed and not of_stocks:
            raise ValueError(f"{study.experiment.name}: nothing to fit: {'; '.join(notes)}")
        return _part(study, placed, of_stocks, notes, (sites, objective), errors, options)


def _read(given, reader) -> tuple[list, list[str]]:
    """Observations that are given, or those of a table with the notes of its reader."""
    if given is None:
        return [], []
    return reader(Path(given)) if isinstance(given, str | Path) else (list(given), [])


def _part(
    study: Study,
    points: list[PlacedPoint],
    stocks: list[PlacedStock],
    notes: list[str],
    fit: tuple[tuple[Site, ...], Objective | JointObjective],
    errors: ErrorModel,
    options: ModelOptions,
) -> RegionPart:
    """Part of data that have their cells."""
    experiment, name = study.experiment, study.experiment.name
    if stocks and experiment.options.root_zone_nitrogen == "const2020":
        raise ValueError(
            f"{name}: stocks cannot be fitted with root_zone_nitrogen = 'const2020', which needs "
            "a run of soil heat before each run; fit thaw depths alone, or choose another option"
        )
    cells = np.unique([*(p.cell for p in points), *(c for s in stocks for c in s.cells)])
    cells = cells.astype(int)
    types = region_types(
        tuple(sorted(map(str, set(study.domain.vegetation[cells])))), experiment, *fit, not stocks
    )
    if not types.free.names:
        raise ValueError(
            f"{name}: no free parameter acts on its cells ({', '.join(types.notes)}); free some "
            "that do, for example --tunable thermal for thaw depths"
        )
    years = {year for one in (*points, *stocks) for year in one.years}
    position = {int(cell): number for number, cell in enumerate(cells)}
    groups = [_thaw_target(points, study, types, errors)] if points else []
    for variable, _ in STOCKS.values():
        of_variable = [one for one in stocks if one.datum.variable == variable]
        groups += [_stock_target(of_variable, study, errors)] if of_variable else []
    targets, means, labels, tables, data = zip(*groups, strict=True)
    own_options, said = _options(experiment, options)
    descent = dataclasses.replace(own_options, substeps=min(own_options.substeps, options.substeps))
    return RegionPart(
        free=types.free,
        targets=targets,
        means=tuple(tuple(_positioned(mean, position) for mean in group) for group in means),
        datum_labels=labels,
        cells=study.inputs(cells, types.names, max(years)),
        types=types.types,
        type_names=types.names,
        data=data,
        notes=(
            *_region_notes(study, cells, not stocks),
            *types.notes,
            *said,
            *notes,
            *_counted_twice(stocks, fit[1]),
        ),
        absent=(),
        options=descent,
        final_options=own_options,
        name=name,
        title=f"{name} (SYNTHETIC)" if experiment.synthetic else name,
        table=tables,
        prior_scale=jnp.asarray(np.asarray(1.0)),
    )


def _positioned(mean: CellMean, position: dict[int, int]) -> CellMean:
    """A mean with positions in the part in place of cells of the domain."""
    return mean._replace(cells=tuple(position[cell] for cell in mean.cells))


def _thaw_target(
    points: list[PlacedPoint], study: Study, types: RegionTypes, errors: ErrorModel
) -> tuple[Target, tuple, tuple, tuple, tuple]:
    """Target of thaw depths, what each is compared with, their labels, table and summary."""
    measured = np.array([one.point.observed for one in points])
    own = np.nan_to_num([one.point.sd for one in points], nan=0.0)
    vegetation = [str(study.domain.vegetation[one.cell]) for one in points]
    used = np.array([types.is_fitted[name] for name in vegetation], float)
    target = PointTarget.of(
        THAW_DEPTH,
        measured,
        np.hypot(own, errors.thaw_depth),
        used=used,
        bounds=tuple(BOUNDS[one.point.bound] for one in points),
        weight=errors.weight(THAW_DEPTH),
    )
    means = tuple(
        CellMean((one.cell,), (1.0,), tuple(study.row(year) for year in one.years))
        for one in points
    )
    labels = tuple(f"{one.point.name} ({_span(one.years)})" for one in points)
    table = tuple(
        _columns(
            one.point.name, one.point.latitude, one.point.longitude, study, (one.cell,),
            one.distance, one.years, one.point.bound, one.point.source, one.point.elevation,
        )
        for one in points
    )  # fmt: skip
    return target, means, labels, table, _summary(target, [p.point.source for p in points])


def _stock_target(
    stocks: list[PlacedStock], study: Study, errors: ErrorModel
) -> tuple[Target, tuple, tuple, tuple, tuple]:
    """Target of stocks of one element, with the same beside it."""
    data = [one.datum for one in stocks]
    values = np.array([one.value for one in data])
    own = np.nan_to_num([one.sd for one in data], nan=0.0)
    variable = data[0].variable
    target = PointTarget.of(
        variable, values, np.hypot(own, errors.stock * values), weight=errors.weight(variable)
    )
    means = tuple(
        CellMean(one.cells, one.weights, tuple(study.row(y) for y in one.years), one.datum.depths)
        for one in stocks
    )
    labels = tuple(f"{one.where}{_depth_text(one.depths)}" for one in data)
    table = tuple(
        _columns(
            one.datum.where, one.datum.latitude, one.datum.longitude, study, one.cells,
            one.distance, one.years, "", one.datum.source, np.nan,
        )
        for one in stocks
    )  # fmt: skip
    return target, means, labels, table, _summary(target, [one.source for one in data])


def _columns(
    name: str,
    latitude: float,
    longitude: float,
    study: Study,
    cells: tuple[int, ...],
    distance: float,
    years: tuple[int, ...],
    bound: str,
    source: str,
    elevation: float,
) -> tuple[tuple[str, str], ...]:
    """Columns of a datum in the table of a fit: where it is and what it is compared with."""

    def text(value: float, form: str) -> str:
        return "" if np.isnan(value) else format(value, form)

    domain, cell = study.domain, cells[0]
    one = len(cells) == 1
    columns = {
        "name": name,
        "latitude": text(latitude, "g"),
        "longitude": text(longitude, "g"),
        "years": _span(years),
        "vegetation": str(domain.vegetation[cell]),
        "cells": str(len(cells)),
        "cell_latitude": f"{domain.latitude[cell]:g}" if one else "",
        "cell_longitude": f"{domain.longitude[cell]:g}" if one else "",
        "distance_km": text(distance, ".1f"),
        "elevation_difference_m": text(domain.elevation[cell] - elevation, "+.0f") if one else "",
        "climate": " ".join(study.member) + " SYNTHETIC" * study.experiment.synthetic,
        "bound": bound,
        "source": source,
    }
    return tuple(columns.items())


def _span(years: tuple[int, ...]) -> str:
    """Years in words: a span where they follow each other."""
    if len(years) > 1 and years == tuple(range(years[0], years[-1] + 1)):
        return f"{years[0]}–{years[-1]}"
    return ", ".join(map(str, years))


def _depth_text(depths: tuple[float, float] | None) -> str:
    return "" if depths is None else f", {depths[0]:g}–{depths[1]:g} m"


def _summary(target: PointTarget, sources: list[str]) -> tuple[tuple[str, object], ...]:
    """Row of the report's table of data."""
    used = np.asarray(target.used) > 0
    return tuple(
        {
            "target": target.label,
            "weight": target.weight,
            "used": int(used.sum()),
            "held_out": 0,
            "median_sd": float(np.median(np.asarray(target.sd)[used if used.any() else ...])),
            "missing": 0,
            "suspect": 0,
            "source": "; ".join(dict.fromkeys(filter(None, sources))),
        }.items()
    )


def _options(experiment: Experiment, fit: ModelOptions) -> tuple[ModelOptions, list[str]]:
    """Options of the region with those that a fit and its runs must share, and what is said."""
    shared = {name: getattr(fit, name) for name in FIT_OPTIONS}
    different = [n for n, value in shared.items() if getattr(experiment.options, n) != value]
    said = [
        f"its cells run with {name} = {str(shared[name]).lower()} as the fit, not as the experiment"
        for name in different
    ]
    return dataclasses.replace(experiment.options, **shared), said


def _counted_twice(stocks: list[PlacedStock], objective: Objective | JointObjective) -> list[str]:
    """Stocks that a place counts too, as that of its vegetation type or its own."""
    names = dict.fromkeys(one.datum.variable for one in stocks)
    return [
        f"{name.replace('_', ' ')} is also a target of {part.name} ({target.label}): where both "
        "come from one source it counts twice; leave one out"
        for name in names
        for part in objective.site_parts
        for target in part.targets
        if target.variable.removeprefix("type_") == name
    ]


def _region_notes(study: Study, cells: np.ndarray, heat_alone: bool) -> list[str]:
    """What runs: cells, years, climate."""
    synthetic = "SYNTHETIC " if study.experiment.synthetic else ""
    member, scenario = study.member
    others = len(study.experiment.members) - 1
    what = "soil heat alone, which decides thaw depths" if heat_alone else "the whole model"
    length = study.experiment.protocol.spin_up_length
    notes = [
        f"{cells.size} of {study.domain.size} cells run {what}, through {length} years of "
        f"spin-up and the history, in the {synthetic}climate of {member} {scenario}"
        + (f" ({others} other members of the experiment are not used)" if others else "")
    ]
    if cells.size > MANY_CELLS:
        notes.append(
            f"{cells.size} cells make every step of the fit as many times dearer than a place's; "
            "fewer points, or a smaller --region-cells, cost less"
        )
    return notes

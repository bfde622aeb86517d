"""Soil stocks as data of a part: cells that stand for a type, or hold a point."""

from dataclasses import dataclass

import numpy as np

from temjax.calibration.region.study import Study
from temjax.sites.stock_table import StockDatum

CELLS_OF_TYPE = 4  # that stand for a vegetation type


@dataclass(frozen=True)
class PlacedStock:
    """Observed stock and the cells that it is compared with.

    Attributes:
        datum: the observation.
        cells: of the domain.
        weights: of the cells, with the sum 1.
        distance: from a point to the middle of its cell, km; NaN of a type.
        years: in the history of the region.
    """

    datum: StockDatum
    cells: tuple[int, ...]
    weights: tuple[float, ...]
    distance: float
    years: tuple[int, ...]


def place_stocks(
    stocks: list[StockDatum], study: Study, fitted: tuple[str, ...], count: int
) -> tuple[list[PlacedStock], list[str]]:
    """Cells and years of observed stocks.

    Args:
        stocks: observations.
        study: of the region.
        fitted: vegetation types of which something may be free.
        count: cells that stand for a type.

    Returns:
        Stocks that can be compared, and what was left out or chosen, as sentences.
    """
    placed, left_out, samples, notes = [], {}, {}, []
    for datum in stocks:
        years = tuple(year for year in datum.years if year in study.history)
        reason, cells, weights, distance = "", (), (1.0,), float("nan")
        if datum.vegetation and datum.vegetation not in study.domain.vegetation[study.valid]:
            reason = "of a type that the region has not"
        elif datum.vegetation and datum.vegetation not in fitted:
            reason = "of a type of which no place is fitted"
        elif datum.vegetation:
            if datum.vegetation not in samples:
                samples[datum.vegetation], note = sample_of_type(study, datum.vegetation, count)
                notes.append(note)
            cells, weights = samples[datum.vegetation]
        else:
            cell, distance, inside = study.nearest(datum.latitude, datum.longitude)
            cells = (cell,)
            if not inside:
                reason = "outside the region"
            elif not study.valid[cell]:
                reason = "in a cell without valid maps or climate"
            elif study.domain.vegetation[cell] not in fitted:
                reason = "in a cell of a type of which no place is fitted"
        if not reason and datum.years and not years:
            history = study.history
            reason = f"of years outside the run ({history[0]}–{history[-1]})"
        if reason:
            left_out.setdefault(reason, []).append(datum.where)
            continue
        placed.append(PlacedStock(datum, cells, weights, distance, years or study.last_decade))
    notes = [
        *(
            f"{len(names)} of {len(stocks)} stocks left out: {reason} "
            f"({', '.join(dict.fromkeys(names))})"
            for reason, names in left_out.items()
        ),
        *notes,
    ]
    unnamed = sum(one.datum.depths is None for one in placed)
    if unnamed:
        notes.append(
            f"{unnamed} stocks name no depth: compared with the stock down to the active layer"
        )
    if placed:
        first, *_, last = study.last_decade
        notes.append(
            "stocks with depths are compared with the model's between these, by p(z) of thaw "
            "exposure from its active layer (without permafrost with its whole stock); means of "
            f"{first}–{last} unless the table names years"
        )
    return placed, notes


def sample_of_type(
    study: Study, vegetation: str, count: int
) -> tuple[tuple[tuple[int, ...], tuple[float, ...]], str]:
    """Cells that stand for a vegetation type, their weights, and a sentence on them.

    The cells of the type in order of their mean air temperature are cut into parts of equal area;
    the middle cell of each stands for it.
    """
    cells = np.flatnonzero(study.valid & (study.domain.vegetation == vegetation))
    temperature = study.temperature(cells)
    order = np.argsort(temperature, kind="stable")
    area = study.domain.area[cells][order]
    count = min(count, cells.size)
    middles = (np.arange(count) + 0.5) / count * area.sum()
    chosen, times = np.unique(np.searchsorted(np.cumsum(area), middles), return_counts=True)
    weights = times / count
    mean = float(study.domain.area[cells] @ temperature / area.sum())
    of_sample = float(weights @ temperature[order][chosen])
    note = (
        f"{vegetation}: {chosen.size} of its {cells.size} cells stand for it, each for an equal "
        f"area in order of air temperature (their mean {of_sample:.1f} °C, of all {mean:.1f} °C)"
    )
    picked = tuple(int(cell) for cell in cells[order][chosen])
    return (picked, tuple(float(weight) for weight in weights)), note

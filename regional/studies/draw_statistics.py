"""Statistics over draws: regional series and totals, maps, draws that failed.

Tiles are read one after the other, each once: memory is that of one tile and of the regional
series of all draws.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.regional.diagnostics.members import DECADE, QUANTILE_RULE, QUANTILES
from temjax.regional.diagnostics.totals import (
    MEANS,
    REGION,
    GroupSeries,
    Series,
    diagnostics,
    latitude_bands,
    maps_of,
    run_values,
    total,
)
from temjax.regional.member import MASKED, OK, STATUS
from temjax.regional.results.effect import delta_fluxes, delta_stocks, residual_exposure
from temjax.regional.studies.draw_run import DrawnMember, DrawnTile

RUNS = ("historical", "S_R", "S_T")
ROUNDING = 1e-9  # of sums of areas
MISSING = 0.01  # share of the region's area that a draw may lack


@dataclass(frozen=True)
class Statistics:
    """Statistics of a member over its draws.

    Attributes:
        groups: annual series of the region and of each vegetation type, ``(year, draw)``; NaN in
            the draws that failed.
        bands: the same of each latitude band; empty where one holds all.
        numbers: totals and means by group and name, ``(draw,)``.
        maps: ``(quantile, cell)`` by name, for the quantiles of ``QUANTILES``.
        above_zero: share of draws with a value above zero by name, ``(cell,)``.
        used: draws with a result, ``(cell,)``.
        missing: share of the area with results that a draw lacks (a cell without vegetation or
            not finite in it), ``(draw,)``; its totals are scaled to the whole area.
        failed: draws that lack more than ``MISSING``; left out of series and numbers.
        flagged: number of (cell, draw) pairs by status other than ok.
    """

    groups: dict[str, GroupSeries]
    bands: dict[str, GroupSeries]
    numbers: dict[str, dict[str, NDArray]]
    maps: dict[str, NDArray]
    above_zero: dict[str, NDArray]
    used: NDArray
    missing: NDArray
    failed: NDArray
    flagged: dict[str, int]


def statistics(member: DrawnMember) -> Statistics:
    """Statistics of a member that was run with drawn parameters."""
    sums = _Sums(member)
    size = member.domain.size
    maps: dict[str, NDArray] = {}
    above: dict[str, NDArray] = {}
    used = np.zeros(size, dtype=int)
    flagged = dict.fromkeys(STATUS[OK + 1 :], 0)
    for tile in member.tiles:
        count = tile.index.size
        status = tile.status.reshape(member.draws, -1)[:, :count]
        valid = ~np.isin(status, MASKED) & ~_input_masked(member, tile)
        for code in range(OK + 1, len(STATUS)):
            flagged[STATUS[code]] += int(np.sum(status == code))
        used[tile.index] = valid.sum(axis=0)
        cells = _cell_series(tile)
        sums.add(tile, cells, valid)
        for name, values in _tile_maps(cells).items():
            drawn = np.where(valid, values.reshape(member.draws, -1)[:, :count], np.nan)
            maps.setdefault(name, np.full((len(QUANTILES), size), np.nan))
            above.setdefault(name, np.full(size, np.nan))
            maps[name][:, tile.index] = quantiles(drawn)
            above[name][tile.index] = share_above_zero(drawn)
    missing = sums.missing()
    failed = missing > MISSING
    every = sums.groups(failed)
    groups = {name: group for name, group in every.items() if name not in sums.bands}
    bands = {name: group for name, group in every.items() if name in sums.bands}
    numbers = {name: group_numbers(group) for name, group in groups.items()}
    return Statistics(groups, bands, numbers, maps, above, used, missing, failed, flagged)


def _input_masked(member: DrawnMember, tile: DrawnTile) -> NDArray:
    """Cells whose input is faulty, which carry that of another cell, ``(cell,)``."""
    carried = tile.domain.row[: tile.index.size], tile.domain.column[: tile.index.size]
    own = member.domain.row[tile.index], member.domain.column[tile.index]
    return (carried[0] != own[0]) | (carried[1] != own[1])


@dataclass(frozen=True)
class _CellSeries:
    """Series of the positions of a tile, ``(year, position)`` by label."""

    fluxes: Series
    stocks: Series
    runs: dict[str, Series]


def _cell_series(tile: DrawnTile) -> _CellSeries:
    fluxes, stocks = delta_fluxes(tile), delta_stocks(tile)
    runs = {run: run_values(tile.products, run) for run in RUNS}
    return _CellSeries(fluxes, stocks, runs)


def _tile_maps(cells: _CellSeries) -> Series:
    """Maps of a tile, ``(position,)`` by name: those of a member, and the end of S_T."""
    end = {
        f"{label} end": values[-DECADE:].mean(axis=0) for label, values in cells.runs["S_T"].items()
    }
    return maps_of(cells.fluxes, cells.stocks, cells.runs) | {
        "ΔSOC_NET": cells.stocks["ΔSOC_NET"][-1],
        **end,
    }


class _Sums:
    """Regional series of all draws, summed over tiles, ``(year, draw)``."""

    def __init__(self, member: DrawnMember):
        self._member = member
        self.bands = latitude_bands(member.domain.latitude)
        self._area: dict[str, float] = {}  # with a result in some draw, km²
        self._valid: dict[str, NDArray] = {}  # with a result in each draw, ``(draw,)``
        self._totals: dict[tuple[str, str, str], NDArray] = {}  # by group, run and label
        self._known: dict[tuple[str, str, str], NDArray] = {}  # area with a value, of means

    def add(self, tile: DrawnTile, cells: _CellSeries, valid: NDArray) -> None:
        """Add a tile; ``valid`` where there is a result, ``(draw, cell)``."""
        delta = cells.fluxes | cells.stocks
        delta["SOC_PF residual"] = residual_exposure(cells.stocks, cells.fluxes)
        area = np.where(valid.any(axis=0), self._member.domain.area[tile.index], 0.0)
        vegetation = self._member.domain.vegetation[tile.index]
        weights = {REGION: area} | {t: area * (vegetation == t) for t in sorted(set(vegetation))}
        weights |= {name: area * mask[tile.index] for name, mask in self.bands.items()}
        for group, weight in weights.items():
            if weight.sum() <= 0:
                continue
            self._area[group] = self._area.get(group, 0.0) + float(weight.sum())
            self._valid[group] = self._valid.get(group, 0.0) + valid @ weight
            for run, series in {"delta": delta, **cells.runs}.items():
                for label, values in series.items():
                    shape = (values.shape[0], self._member.draws, -1)
                    drawn = values.reshape(shape)[..., : tile.index.size]
                    self._add((group, run, label), np.where(valid, drawn, np.nan), weight)

    def _add(self, key: tuple[str, str, str], drawn: NDArray, weight: NDArray) -> None:
        """Add ``(year, draw, cell)``, NaN where there is no value."""
        known = np.isfinite(drawn)
        part = np.where(known, drawn, 0.0)
        if key[1] == "delta" or key[2] not in MEANS:
            self._totals[key] = self._totals.get(key, 0.0) + total(part, weight)
            return
        self._totals[key] = self._totals.get(key, 0.0) + part @ weight
        self._known[key] = self._known.get(key, 0.0) + known @ weight

    def missing(self) -> NDArray:
        """Share of the region's area that each draw lacks; 0 where it is the rounding of sums."""
        share = 1 - self._valid[REGION] / self._area[REGION]
        return np.where(share > ROUNDING, share, 0.0)

    def groups(self, failed: NDArray) -> dict[str, GroupSeries]:
        """Series by group, totals scaled to its whole area; NaN in draws that failed."""
        series: dict[str, dict[str, Series]] = {}
        for key, values in self._totals.items():
            group, run, label = key
            area = self._known.get(key, np.broadcast_to(self._valid[group], values.shape))
            scale = 1.0 if key in self._known else self._area[group]
            some = (area > 0) & ~failed
            values = np.where(some, values * (scale / np.where(some, area, 1.0)), np.nan)
            series.setdefault(group, {}).setdefault(run, {})[label] = values
        return {
            group: GroupSeries(self._area[group], runs.pop("delta"), runs)
            for group, runs in series.items()
        }


def group_numbers(group: GroupSeries) -> dict[str, NDArray]:
    """Diagnostics of a group and means of the last decades of its runs by name.

    Numbers of a run, ``(draw,)`` of series of draws.
    """
    return diagnostics(group) | {
        f"{label} {run}": values[-DECADE:].mean(axis=0)
        for run, series in group.runs.items()
        for label, values in series.items()
    }


def summary(values: NDArray) -> dict[str, float | None]:
    """Mean, SD (n − 1), quantiles and share above zero over the draws with a value."""
    known = values[np.isfinite(values)]
    names = ("mean", "sd", *(f"q{100 * q:02.0f}" for q in QUANTILES), "above_zero")
    if known.size == 0:
        return dict.fromkeys(names)
    spread = float(known.std(ddof=1)) if known.size > 1 else None
    ends = np.quantile(known, QUANTILES, method=QUANTILE_RULE)
    numbers = (float(known.mean()), spread, *map(float, ends))
    return dict(zip(names, (*numbers, float(np.mean(known > 0))), strict=True))


def quantiles(drawn: NDArray) -> NDArray:
    """Quantiles over draws ``(draw, n)`` that have a value, ``(quantile, n)``; NaN without any."""
    result = np.full((len(QUANTILES), drawn.shape[1]), np.nan)
    known = np.isfinite(drawn).any(axis=0)
    if known.any():
        result[:, known] = np.nanquantile(drawn[:, known], QUANTILES, axis=0, method=QUANTILE_RULE)
    return result


def share_above_zero(drawn: NDArray) -> NDArray:
    """Share of the draws with a value that are above zero, ``(n,)``; NaN without any."""
    known = np.isfinite(drawn).sum(axis=0)
    return np.where(known > 0, (drawn > 0).sum(axis=0) / np.maximum(known, 1), np.nan)


def series_rows(groups: Mapping[str, GroupSeries], years: Mapping[str, NDArray]) -> Iterator[dict]:
    """Rows of the table of regional series: one per group, run, label and year."""
    for group, totals in groups.items():
        for run, series in {"S_T - S_R": totals.delta, **totals.runs}.items():
            labels = years["historical" if run == "historical" else "future"]
            for label, values in series.items():
                for year, drawn in zip(labels, values, strict=True):
                    yield {
                        "group": group, "run": run, "series": label, "year": int(year),
                        **summary(drawn),
                    }  # fmt: skip

"""Totals of a member: annual series by group of cells, in the units of the paper's tables.

Definitions: docs/specification/protocol.md 3. Carbon and nitrogen are totals (Tg) over the area of
the group, climate and thaw are area-weighted means. A group is the region or one vegetation type.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.regional.diagnostics.naming import span_text
from temjax.regional.results.effect import (
    Region,
    delta_fluxes,
    delta_stocks,
    ratio,
    regional_mean,
    residual_exposure,
    standing_still,
    weights,
)
from temjax.regional.results.read_back import StoredMember
from temjax.units import GRAMS_PER_KILOGRAM, grams_per_square_metre, grams_per_year, teragrams

REGION = "region"
MOST_BANDS = 6
_BAND_WIDTHS = (1, 2, 5, 10, 20, 30)  # degrees
MEADOW, STEPPE = "alpine-meadow", "alpine-steppe"

Series = dict[str, NDArray]
# series of a run: label -> product
_CARBON_RATES = {"GPP": "gpp", "NPP": "npp", "RH": "rh"}
_CARBON_STOCKS = {"SOC": "csoil", "VegC": "cveg"}
_NITROGEN = {
    "SON": "soil_organic_nitrogen",
    "STRN": "structural_nitrogen",
    "STON": "labile_nitrogen",
    "LTRN": "litterfall_nitrogen",
    "NetNMin": "net_nitrogen_mineralisation",
    "VegNup": "nitrogen_uptake",
}
MEANS = {
    "ALT": "active_layer_thickness",
    "thaw depth": "thawdepth",
    "talik": "talik",
    "permafrost": "permafrost",
    "MAGT": "mean_annual_ground_temperature",
}


@dataclass(frozen=True)
class GroupSeries:
    """Annual series of one group of cells, ``(year,)`` of a run or ``(year, draw)``.

    Attributes:
        area: of unmasked cells, km².
        delta: Δ = S_T − S_R, Tg (cumulative for SOC_PF and SON_PF), future years.
        runs: ``historical``, ``S_R``, ``S_T`` to label to series, Tg yr⁻¹, Tg or means.
    """

    area: float
    delta: Series
    runs: dict[str, Series]

    def density(self, total: NDArray | float) -> NDArray | float:
        """Convert a total in Tg to g m⁻²."""
        return grams_per_square_metre(total, self.area)


@dataclass(frozen=True)
class GroupTotals(GroupSeries):
    """Annual series of one group of a member, and what its active layer does.

    Attributes:
        still: share of the area whose active layer moves no more, from each future year on (–).
        reference_exposure: carbon that S_R exposes, which is that of the branch baseline, Tg.
    """

    still: NDArray
    reference_exposure: float


@dataclass(frozen=True)
class MemberSeries:
    """Annual series of a member by group: ``(year,)`` of its run, or ``(year, draw)``.

    Attributes:
        member, scenario: climate model and pathway.
        years: of ``historical`` and ``future``.
        groups: the region and its vegetation types.
        bands: its latitude bands; empty where one holds all.
    """

    member: str
    scenario: str
    years: dict[str, NDArray]
    groups: Mapping[str, GroupSeries]
    bands: Mapping[str, GroupSeries]


@dataclass(frozen=True)
class MemberTotals(MemberSeries):
    """Annual series ``(year,)`` of a member by group, and maps by name, ``(cell,)``.

    Attributes:
        climate: regional annual climate by name, with ``years``.
        maps: by name.
        stored: the member's files.
    """

    groups: dict[str, GroupTotals]
    bands: dict[str, GroupTotals]
    climate: Series
    maps: dict[str, NDArray]
    stored: StoredMember


def groups_of(result: Region) -> dict[str, NDArray]:
    """Masks of the region and of each vegetation type, ``(cell,)``."""
    types = sorted(set(result.domain.vegetation) - {""})
    region = np.ones(result.domain.vegetation.shape, dtype=bool)
    return {REGION: region} | {name: result.domain.vegetation == name for name in types}


def group_weights(result: Region) -> dict[str, NDArray]:
    """Area of unmasked cells by group, km², ``(cell,)``; groups without area are left out."""
    area = np.where(weights(result) > 0, result.domain.area, 0.0)
    return _with_area(area, groups_of(result))


def _with_area(area: NDArray, masks: dict[str, NDArray]) -> dict[str, NDArray]:
    by_group = {name: area * mask for name, mask in masks.items()}
    return {name: weight for name, weight in by_group.items() if weight.sum() > 0}


def latitude_bands(latitude: NDArray) -> dict[str, NDArray]:
    """Masks of at most six bands of latitude from the equator's side, ``(cell,)``, by name.

    Empty where the region lies in one band of a degree.
    """
    for width in _BAND_WIDTHS:
        numbers = np.floor(latitude / width).astype(int)
        if numbers.max() - numbers.min() < MOST_BANDS:
            break
    bands = sorted({int(number) for number in numbers}, key=abs)
    if len(bands) < 2:
        return {}
    names = {number: (width * number, width * (number + 1)) for number in bands}
    return {
        span_text(np.array(edges), "N", "S"): numbers == number for number, edges in names.items()
    }


def member_totals(stored: StoredMember) -> MemberTotals:
    """Compute the series and maps of a stored member."""
    fluxes, stocks = delta_fluxes(stored), delta_stocks(stored)
    residual = residual_exposure(stocks, fluxes)
    by_cell = fluxes | stocks | {"SOC_PF residual": residual}
    runs = {run: run_values(stored.products, run) for run in ("historical", "S_R", "S_T")}
    still = standing_still(stored.products, stored.options)
    exposed_in_reference = stored.products["S_R/exposed_carbon"].sum(axis=0)

    def totals(weight: NDArray) -> GroupTotals:
        return GroupTotals(
            area=float(weight.sum()),
            still=still @ weight / weight.sum(),
            reference_exposure=float(total(exposed_in_reference, weight)),
            delta={label: total(values, weight) for label, values in by_cell.items()},
            runs={
                run: {
                    label: regional_mean(v, weight) if label in MEANS else total(v, weight)
                    for label, v in values.items()
                }
                for run, values in runs.items()
            },
        )

    by_group = group_weights(stored)
    by_band = _with_area(by_group[REGION], latitude_bands(stored.domain.latitude))
    return MemberTotals(
        member=stored.member,
        scenario=stored.scenario,
        years=stored.years,
        climate=stored.climate,
        groups={name: totals(weight) for name, weight in by_group.items()},
        bands={name: totals(weight) for name, weight in by_band.items()},
        maps=maps_of(fluxes, stocks, runs),
        stored=stored,
    )


def maps_of(fluxes: Series, stocks: Series, runs: Mapping[str, Series]) -> Series:
    """Maps by name, ``(cell,)``, from the series of cells."""
    return {
        "ΔVegC": stocks["ΔVegC"][-1],
        "ΔSOC": stocks["ΔSOC"][-1],
        "ΣΔNPP": fluxes["ΔNPP"].sum(axis=0),
        "ΣΔRH": fluxes["ΔRH"].sum(axis=0),
        "ΣΔNEP": fluxes["ΔNEP"].sum(axis=0),
        "SOC_PF": stocks["SOC_PF"][-1],
        "ALT now": _decade_mean(runs["historical"]["ALT"]),
        "ALT end": _decade_mean(runs["S_T"]["ALT"]),
        "thaw depth now": _decade_mean(runs["historical"]["thaw depth"]),
        "SOC now": _decade_mean(runs["historical"]["SOC"]),
        "SON now": _decade_mean(runs["historical"]["SON"]),
    }


def _decade_mean(values: NDArray) -> NDArray:
    """Mean of the last ten years; NaN in cells that lack a value in any of them."""
    return values[-10:].mean(axis=0)


def run_values(products: Mapping[str, NDArray], run: str) -> Series:
    """Variables of a run by label, g m⁻² (yr⁻¹) or their own unit, ``(year, cell)``."""
    values = {n: grams_per_year(products[f"{run}/{p}"]) for n, p in _CARBON_RATES.items()}
    values["NEP"] = values["NPP"] - values["RH"]
    values["NPP potential"] = products[f"{run}/potential_net_primary_production"]
    for name, product in _CARBON_STOCKS.items():
        values[name] = products[f"{run}/{product}"] * GRAMS_PER_KILOGRAM
    values |= {name: products[f"{run}/{product}"] for name, product in _NITROGEN.items()}
    values["VegN"] = values.pop("STRN") + values.pop("STON")
    return values | {name: products[f"{run}/{product}"] for name, product in MEANS.items()}


def total(values: NDArray, weight: NDArray) -> NDArray:
    """Sum over cells in Tg of ``(year, cell)`` in g m⁻²; masked cells have zero weight."""
    unmasked = np.where(weight > 0, values, 0.0)
    return teragrams(unmasked @ weight)


def diagnostics(group: GroupSeries) -> dict[str, NDArray]:
    """Diagnostics of docs/specification/protocol.md 3 for one group, Tg C or Tg N, and fractions.

    Numbers of a run, ``(draw,)`` of series of draws.
    """
    delta = group.delta
    stocks = (
        "SOC_PF", "SON_PF", "ΔSOC", "ΔSON", "ΔSOC_NET", "ΔVegC", "ΔVegN", "ΔEcoC", "ΔEcoC_NET",
        "SOC_PF residual",
    )  # fmt: skip
    values = {name: delta[name][-1] for name in stocks}
    fluxes = ("ΔNPP", "ΔRH", "ΔNEP", "ΔLTRC", "ΔLTRN", "ΔNetNMin", "ΔVegNup")
    values |= {f"Σ{name}": delta[name].sum(axis=0) for name in fluxes}
    values |= {f"{name} last": delta[name][-1] for name in ("ΔNPP", "ΔRH", "ΔNEP")}
    values["decomposed fraction"] = ratio(values["ΣΔRH"] - values["ΣΔLTRC"], values["SOC_PF"])
    values["N-use fraction"] = ratio(values["ΣΔVegNup"], values["SON_PF"])
    return values


def contributions(group: GroupSeries) -> dict[str, NDArray]:
    """Share of ALT deepening in the overall change of S_T (the paper's Fig. 4b).

    Difference S_T − S_R of the last year divided by the change of S_T since the branch year; NaN
    where that is 0.
    """
    deltas = {"VegC": "ΔVegC", "SOC": "ΔSOC", "NPP": "ΔNPP", "RH": "ΔRH"}
    history, future = group.runs["historical"], group.runs["S_T"]
    return {
        name: ratio(group.delta[label][-1], future[name][-1] - history[name][-1])
        for name, label in deltas.items()
    }

"""A member in numbers: annual series by group of cells, in the units of the paper's tables.

Definitions: protocol.md 3. Carbon and nitrogen are totals (Tg) over the area of the group, climate
and thaw are area-weighted means. A group is the region or one vegetation type.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.regional.results.effect import (
    Region,
    delta_fluxes,
    delta_stocks,
    ratio,
    regional_mean,
    residual_exposure,
    weights,
)
from temjax.regional.results.read_back import StoredMember
from temjax.units import GRAMS_PER_KILOGRAM, grams_per_square_metre, grams_per_year, teragrams

REGION = "region"
MEADOW, STEPPE = "alpine-meadow", "alpine-steppe"

Series = dict[str, NDArray]
# whole-run variables: label -> (product, factor to g m⁻² or m)
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
_MEANS = {
    "ALT": "active_layer_thickness",
    "thaw depth": "thawdepth",
    "talik": "talik",
    "permafrost": "permafrost",
    "MAGT": "mean_annual_ground_temperature",
}


@dataclass(frozen=True)
class GroupTotals:
    """Annual series of one group of cells.

    Attributes:
        area: km² in use.
        delta: Δ = S_T − S_R, Tg (cumulative for SOC_PF and SON_PF), ``(future year,)``.
        runs: ``historical``, ``S_R``, ``S_T`` to label to series, Tg yr⁻¹, Tg or means.
    """

    area: float
    delta: Series
    runs: dict[str, Series]

    def density(self, total: NDArray | float) -> NDArray | float:
        """A total in Tg as g m⁻²."""
        return grams_per_square_metre(total, self.area)


@dataclass(frozen=True)
class MemberTotals:
    """A member's groups, with maps of what is shown per cell."""

    member: str
    scenario: str
    years: dict[str, NDArray]
    climate: Series
    groups: dict[str, GroupTotals]
    maps: dict[str, NDArray]
    stored: StoredMember


def groups_of(result: Region) -> dict[str, NDArray]:
    """Cells of the region and of each vegetation type."""
    types = sorted(set(result.domain.vegetation) - {""})
    everywhere = np.ones(result.domain.vegetation.shape, dtype=bool)
    return {REGION: everywhere} | {name: result.domain.vegetation == name for name in types}


def group_weights(result: Region) -> dict[str, NDArray]:
    """Area in use (km²) by cell, for every group that has any."""
    area = np.where(weights(result) > 0, result.domain.area, 0.0)
    made = {name: area * mask for name, mask in groups_of(result).items()}
    return {name: weight for name, weight in made.items() if weight.sum() > 0}


def member_totals(stored: StoredMember) -> MemberTotals:
    """Reduce a stored member to its series and maps."""
    fluxes, stocks = delta_fluxes(stored), delta_stocks(stored)
    residual = residual_exposure(stocks, fluxes)
    by_cell = fluxes | stocks | {"SOC_PF residual": residual}
    runs = {run: _run_values(stored, run) for run in ("historical", "S_R", "S_T")}
    groups = {}
    for name, weight in group_weights(stored).items():
        groups[name] = GroupTotals(
            area=float(weight.sum()),
            delta={label: total(values, weight) for label, values in by_cell.items()},
            runs={
                run: {
                    label: regional_mean(v, weight) if label in _MEANS else total(v, weight)
                    for label, v in values.items()
                }
                for run, values in runs.items()
            },
        )
    maps = {
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
    return MemberTotals(
        member=stored.member,
        scenario=stored.scenario,
        years=stored.years,
        climate=stored.climate,
        groups=groups,
        maps=maps,
        stored=stored,
    )


def _decade_mean(values: NDArray) -> NDArray:
    """Mean of the last ten years; cells that ever lack a value there lack one in the mean."""
    return values[-10:].mean(axis=0)


def _run_values(stored: StoredMember, run: str) -> Series:
    """What is followed through a run, g m⁻² (yr⁻¹) or its own unit, ``(year, cell)``."""
    products = stored.products
    values = {n: grams_per_year(products[f"{run}/{p}"]) for n, p in _CARBON_RATES.items()}
    values["NEP"] = values["NPP"] - values["RH"]
    values["NPP potential"] = products[f"{run}/potential_net_primary_production"]
    for name, product in _CARBON_STOCKS.items():
        values[name] = products[f"{run}/{product}"] * GRAMS_PER_KILOGRAM
    values |= {name: products[f"{run}/{product}"] for name, product in _NITROGEN.items()}
    values["VegN"] = values.pop("STRN") + values.pop("STON")
    return values | {name: products[f"{run}/{product}"] for name, product in _MEANS.items()}


def total(values: NDArray, weight: NDArray) -> NDArray:
    """Σ over cells in Tg of ``(year, cell)`` in g m⁻²; masked cells weigh nothing."""
    known = np.where(weight > 0, values, 0.0)
    return teragrams(known @ weight)


def diagnostics(group: GroupTotals) -> dict[str, float]:
    """Numbers of protocol.md 3 for one group of one member, Tg C or Tg N; fractions as such."""
    delta = group.delta
    stocks = (
        "SOC_PF", "SON_PF", "ΔSOC", "ΔSON", "ΔSOC_NET", "ΔVegC", "ΔVegN", "ΔEcoC", "ΔEcoC_NET",
        "SOC_PF residual",
    )  # fmt: skip
    made = {name: float(delta[name][-1]) for name in stocks}
    fluxes = ("ΔNPP", "ΔRH", "ΔNEP", "ΔLTRC", "ΔLTRN", "ΔNetNMin", "ΔVegNup")
    made |= {f"Σ{name}": float(delta[name].sum()) for name in fluxes}
    made |= {f"{name} last": float(delta[name][-1]) for name in ("ΔNPP", "ΔRH", "ΔNEP")}
    made["decomposed fraction"] = ratio(made["ΣΔRH"] - made["ΣΔLTRC"], made["SOC_PF"])
    made["N-use fraction"] = ratio(made["ΣΔVegNup"], made["SON_PF"])
    return made


def contributions(group: GroupTotals) -> dict[str, float]:
    """Share of ALT deepening in the overall change of S_T (the paper's Fig. 4b).

    Δ of the last year divided by the change of S_T since the branch year; NaN where it is 0.
    """
    deltas = {"VegC": "ΔVegC", "SOC": "ΔSOC", "NPP": "ΔNPP", "RH": "ΔRH"}
    history, future = group.runs["historical"], group.runs["S_T"]
    return {
        name: ratio(float(group.delta[label][-1]), float(future[name][-1] - history[name][-1]))
        for name, label in deltas.items()
    }

"""Effect of thaw exposure on a region: Δ = S_T − S_R in sums and area-weighted means.

Definitions: docs/specification/protocol.md 3. The exposed carbon is computed twice, from the
model's log and as the residual of the soil carbon budget; both must agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from temjax.options import ModelOptions
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.domain import Domain
from temjax.regional.member import MASKED, MemberResult
from temjax.units import GRAMS_PER_KILOGRAM, grams_per_year, teragrams

EARLY_YEARS = 20
STILL_ROW = "area where"  # how names of rows of the share that stands still begin
_RATES = {"npp": "ΔNPP", "rh": "ΔRH"}
_SUMS = {
    "litterfall_carbon": "ΔLTRC",
    "litterfall_nitrogen": "ΔLTRN",
    "net_nitrogen_mineralisation": "ΔNetNMin",
    "nitrogen_uptake": "ΔVegNup",
}


@runtime_checkable
class Region(Protocol):
    """Input of the diagnostics: a member after its run, or read back from its files."""

    products: Mapping[str, NDArray]
    status: NDArray
    domain: Domain


@dataclass(frozen=True)
class SummaryRow:
    """Name, value and unit of a quantity of the summary."""

    name: str
    value: float
    unit: str

    def __str__(self) -> str:
        return f"{self.value:,.4g} {self.unit}".rstrip()


def weights(result: Region) -> NDArray:
    """Area weights of the cells, summing to 1; zero in masked cells."""
    area = np.where(np.isin(result.status, MASKED), 0.0, result.domain.area)
    return area / area.sum()


def regional_mean(values: NDArray, weight: NDArray) -> NDArray:
    """Area-weighted mean over the last axis ``(..., cell)``; NaN (masked, no value) is skipped."""
    known = np.isfinite(values)
    total = np.sum(known * weight, axis=-1)
    mean = np.sum(np.where(known, values, 0.0) * weight, axis=-1)
    return np.where(total > 0, mean / np.where(total > 0, total, 1.0), np.nan)


def delta(products: Mapping[str, NDArray], name: str) -> NDArray:
    """Difference S_T − S_R of one product."""
    return products[f"S_T/{name}"] - products[f"S_R/{name}"]


def delta_fluxes(result: Region) -> dict[str, NDArray]:
    """Differences of annual fluxes by year and cell, g C or g N m⁻² yr⁻¹."""
    fluxes = {label: grams_per_year(delta(result.products, n)) for n, label in _RATES.items()}
    fluxes["ΔNEP"] = fluxes["ΔNPP"] - fluxes["ΔRH"]
    return fluxes | {label: delta(result.products, name) for name, label in _SUMS.items()}


def delta_stocks(result: Region) -> dict[str, NDArray]:
    """Exposed carbon and nitrogen since the branch year and differences of stocks, g m⁻².

    SOC_PF and SON_PF are the model's log. ΔSOC_NET is the change of active and frozen carbon
    together, ΔEcoC includes vegetation.
    """
    products = result.products
    exposed = np.cumsum(delta(products, "exposed_carbon"), axis=0)
    soil = delta(products, "csoil") * GRAMS_PER_KILOGRAM
    vegetation = delta(products, "cveg") * GRAMS_PER_KILOGRAM
    return {
        "SOC_PF": exposed,
        "ΔSOC": soil,
        "ΔSOC_NET": soil - exposed,
        "ΔVegC": vegetation,
        "ΔEcoC": vegetation + soil,
        "ΔEcoC_NET": vegetation + soil - exposed,
        "SON_PF": np.cumsum(delta(products, "exposed_nitrogen"), axis=0),
        "ΔSON": delta(products, "soil_organic_nitrogen"),
        "ΔVegN": delta(products, "structural_nitrogen") + delta(products, "labile_nitrogen"),
    }


def residual_exposure(stocks: Mapping[str, NDArray], fluxes: Mapping[str, NDArray]) -> NDArray:
    """Exposed carbon as the residual of the soil carbon budget, ΔSOC − ΣΔLTRC + ΣΔRH."""
    return stocks["ΔSOC"] - np.cumsum(fluxes["ΔLTRC"] - fluxes["ΔRH"], axis=0)


def standing_still(products: Mapping[str, NDArray], options: ModelOptions) -> NDArray:
    """Whether the active layer of S_T moves no more, from each year to the end, ``(year, cell)``.

    ``hold`` keeps last year's thickness in a year whose residual thaw is above its limit, the other
    rules in one without permafrost; a cell that stands still exposes nothing any more.
    """
    if options.active_layer_rule == "hold":
        kept = products["S_T/minimum_thaw_depth"] > options.residual_thaw_limit
    else:
        kept = products["S_T/permafrost"] == 0
    return np.logical_and.accumulate(kept[::-1])[::-1]


def early_year(first: int, last: int) -> int:
    """Year after the branch, beside the last one, for which the share that stands still is told."""
    return min(first + EARLY_YEARS - 1, last)


def summarise(experiment: Experiment, result: MemberResult) -> list[SummaryRow]:
    """Summarise a member: regional means per area and totals."""
    weight = weights(result)
    area = float(np.sum(np.where(np.isin(result.status, MASKED), 0.0, result.domain.area)))
    first, last = experiment.protocol.future
    branch = experiment.protocol.historical[1]
    by_flux, by_stock = delta_fluxes(result), delta_stocks(result)
    fluxes = {n: float(regional_mean(v.sum(axis=0), weight)) for n, v in by_flux.items()}
    stocks = {n: float(regional_mean(v[-1], weight)) for n, v in by_stock.items()}
    residual = float(regional_mean(residual_exposure(by_stock, by_flux)[-1], weight))
    products = result.products

    def last_mean(name: str, run: str = "S_T", decade: bool = False) -> float:
        years = products[f"{run}/{name}"][-10 if decade else -1 :]
        return float(np.mean(regional_mean(years, weight)))

    still = 100 * (standing_still(products, experiment.options) @ weight)
    early = early_year(first, last)
    rule = experiment.options.active_layer_rule
    thickness = "active_layer_thickness"
    carbon, period = "g C m⁻²", f"{first}-{last}"
    rows = [
        SummaryRow("cells in use", int(np.sum(weight > 0)), f"of {result.domain.size}"),
        SummaryRow("area", area, "km²"),
        SummaryRow(f"thaw depth {branch}", last_mean("thawdepth", "historical"), "m"),
        SummaryRow(f"thaw depth, last decade to {last}", last_mean("thawdepth", decade=True), "m"),
        SummaryRow(f"active layer {branch}", last_mean(thickness, "historical"), "m"),
        SummaryRow(f"active layer, last decade to {last}",
            last_mean(thickness, decade=True), "m"),
        SummaryRow(f"SOC {branch}", last_mean("csoil", "historical"), "kg C m⁻²"),
        SummaryRow(f"NPP {branch}", grams_per_year(last_mean("npp", "historical")), "g C m⁻² yr⁻¹"),
        SummaryRow(f"SOC_PF {period}, logged", stocks["SOC_PF"], carbon),
        SummaryRow(f"SOC_PF {period}, residual", residual, carbon),
        SummaryRow(f"SOC_PF {period}, total", teragrams(stocks["SOC_PF"] * area), "Tg C"),
        *(
            SummaryRow(f"{STILL_ROW} {rule!r} stands still by {year}", float(still[year - first]),
                "% of the area")
            for year in dict.fromkeys((early, last))
        ),
        SummaryRow(f"ΔSOC {last}", stocks["ΔSOC"], carbon),
        SummaryRow(f"ΔSOC_NET {last}", stocks["ΔSOC_NET"], carbon),
        SummaryRow(f"ΔVegC {last}", stocks["ΔVegC"], carbon),
        SummaryRow(f"ΣΔNPP {period}", fluxes["ΔNPP"], carbon),
        SummaryRow(f"ΣΔRH {period}", fluxes["ΔRH"], carbon),
        SummaryRow(f"ΣΔNEP {period}", fluxes["ΔNEP"], carbon),
        SummaryRow(f"ΣΔNEP {period}, total", teragrams(fluxes["ΔNEP"] * area), "Tg C"),
        SummaryRow("decomposed fraction (ΣΔRH − ΣΔLTRC) / SOC_PF",
            ratio(fluxes["ΔRH"] - fluxes["ΔLTRC"], stocks["SOC_PF"]), ""),
        SummaryRow(f"SON_PF {period}", stocks["SON_PF"], "g N m⁻²"),
        SummaryRow("nitrogen use ΣΔVegNup / SON_PF",
            ratio(fluxes["ΔVegNup"], stocks["SON_PF"]), ""),
    ]  # fmt: skip
    return rows


def ratio(numerator: float | NDArray, denominator: float | NDArray) -> float | NDArray:
    """Quotient, elementwise; NaN where the denominator is zero."""
    some = np.not_equal(denominator, 0)
    return np.where(some, numerator / np.where(some, denominator, 1.0), np.nan)[()]

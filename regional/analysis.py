"""What thaw exposure did to a region: Δ = S_T − S_R in sums and area-weighted means.

Definitions: protocol.md 3. The exposed carbon is known twice, from the model's log and as the
residual of the soil carbon budget; both are kept because they must agree.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regional.experiment import Experiment
from regional.output import difference
from regional.products import GRAMS_PER_KILOGRAM, grams_per_year
from regional.run import MASKED, MemberResult

_FLUX_NAMES = {"npp": "ΔNPP", "rh": "ΔRH"}


@dataclass(frozen=True)
class Row:
    """A number of the summary.

    Attributes:
        name: what it is.
        value: in ``unit``.
        unit: of the value.
    """

    name: str
    value: float
    unit: str

    def __str__(self) -> str:
        return f"{self.value:,.4g} {self.unit}".rstrip()


def weights(result: MemberResult) -> NDArray:
    """Area weights of the cells in use, summing to 1; zero in masked cells."""
    area = np.where(np.isin(result.status, MASKED), 0.0, result.domain.area)
    return area / area.sum()


def regional_mean(values: NDArray, weight: NDArray) -> NDArray:
    """Area-weighted mean over cells ``(..., cell)``; cells without a value (no permafrost) and
    masked cells are left out."""
    known = np.isfinite(values)
    total = np.sum(known * weight, axis=-1)
    mean = np.sum(np.where(known, values, 0.0) * weight, axis=-1)
    return np.where(total > 0, mean / np.where(total > 0, total, 1.0), np.nan)


def delta_fluxes(result: MemberResult) -> dict[str, NDArray]:
    """ΔNPP, ΔRH, ΔNEP and ΔLTRC by year and cell, g C m⁻² yr⁻¹."""
    delta = difference(result.products)
    fluxes = {label: grams_per_year(delta[name]) for name, label in _FLUX_NAMES.items()}
    fluxes["ΔNEP"] = fluxes["ΔNPP"] - fluxes["ΔRH"]
    fluxes["ΔLTRC"] = delta["litterfall_carbon"]
    return fluxes


def delta_stocks(result: MemberResult) -> dict[str, NDArray]:
    """SOC_PF, ΔSOC, ΔVegC and ΔSOC_NET by year and cell, g C m⁻² since the branch year."""
    delta = difference(result.products)
    exposed = np.cumsum(delta["exposed_carbon"], axis=0)
    soil = delta["csoil"] * GRAMS_PER_KILOGRAM
    return {
        "SOC_PF": exposed,
        "ΔSOC": soil,
        "ΔSOC_NET": soil - exposed,
        "ΔVegC": delta["cveg"] * GRAMS_PER_KILOGRAM,
    }


def summarise(experiment: Experiment, result: MemberResult) -> list[Row]:
    """The regional numbers of one member: means per area, with totals where they matter."""
    weight = weights(result)
    area = float(np.sum(np.where(np.isin(result.status, MASKED), 0.0, result.domain.area)))
    first, last = experiment.protocol.future
    branch = experiment.protocol.historical[1]
    fluxes = {
        name: float(regional_mean(values.sum(axis=0), weight))
        for name, values in delta_fluxes(result).items()
    }
    stocks = {
        name: float(regional_mean(values[-1], weight))
        for name, values in delta_stocks(result).items()
    }
    delta = difference(result.products)
    nitrogen = {
        name: float(regional_mean(delta[name].sum(axis=0), weight))
        for name in ("exposed_nitrogen", "nitrogen_uptake", "net_nitrogen_mineralisation")
    }
    residual = stocks["ΔSOC"] - fluxes["ΔLTRC"] + fluxes["ΔRH"]
    products = result.products

    def last_mean(name: str, run: str = "S_T", decade: bool = False) -> float:
        years = products[f"{run}/{name}"][-10 if decade else -1 :]
        return float(np.mean(regional_mean(years, weight)))

    def total(value: float) -> float:
        return value * area * 1e6 / 1e12  # g m⁻² over km² to Tg

    carbon, period = "g C m⁻²", f"{first}-{last}"
    rows = [
        Row("cells in use", int(np.sum(weight > 0)), f"of {result.domain.size}"),
        Row("area", area, "km²"),
        Row(f"thaw depth {branch}", last_mean("thawdepth", "historical"), "m"),
        Row(f"thaw depth, last decade to {last}", last_mean("thawdepth", decade=True), "m"),
        Row(f"active layer {branch}", last_mean("active_layer_thickness", "historical"), "m"),
        Row(f"active layer, last decade to {last}",
            last_mean("active_layer_thickness", decade=True), "m"),
        Row(f"SOC {branch}", last_mean("csoil", "historical"), "kg C m⁻²"),
        Row(f"NPP {branch}", grams_per_year(last_mean("npp", "historical")), "g C m⁻² yr⁻¹"),
        Row(f"SOC_PF {period}, logged", stocks["SOC_PF"], carbon),
        Row(f"SOC_PF {period}, residual", residual, carbon),
        Row(f"SOC_PF {period}, total", total(stocks["SOC_PF"]), "Tg C"),
        Row(f"ΔSOC {last}", stocks["ΔSOC"], carbon),
        Row(f"ΔSOC_NET {last}", stocks["ΔSOC_NET"], carbon),
        Row(f"ΔVegC {last}", stocks["ΔVegC"], carbon),
        Row(f"ΣΔNPP {period}", fluxes["ΔNPP"], carbon),
        Row(f"ΣΔRH {period}", fluxes["ΔRH"], carbon),
        Row(f"ΣΔNEP {period}", fluxes["ΔNEP"], carbon),
        Row(f"ΣΔNEP {period}, total", total(fluxes["ΔNEP"]), "Tg C"),
        Row("decomposed fraction (ΣΔRH − ΣΔLTRC) / SOC_PF",
            _ratio(fluxes["ΔRH"] - fluxes["ΔLTRC"], stocks["SOC_PF"]), ""),
        Row(f"SON_PF {period}", nitrogen["exposed_nitrogen"], "g N m⁻²"),
        Row("nitrogen use ΣΔVegNup / SON_PF",
            _ratio(nitrogen["nitrogen_uptake"], nitrogen["exposed_nitrogen"]), ""),
    ]  # fmt: skip
    return rows


def _ratio(over: float, under: float) -> float:
    return over / under if under else float("nan")

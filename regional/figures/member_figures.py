"""Figures of a member: maps and time series of Δ = S_T − S_R.

Diverging colours and line colours are safe for colour-blind readers (PuOr; Okabe and Ito). Figures
of synthetic input are labelled in their title.
"""

from concurrent.futures import Future
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from temjax.regional.diagnostics.naming import scenario_name
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.figures.maps import colour_range, draw_map
from temjax.regional.figures.panels import COLOURS, DENSITY
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.member import MemberResult
from temjax.regional.results.effect import (
    delta_fluxes,
    delta_stocks,
    early_year,
    regional_mean,
    standing_still,
    weights,
)
from temjax.regional.run.workers import Workers

BLUE, ORANGE, GREEN, PINK, *_ = COLOURS
BLACK = "#000000"
_RATE = "g C m$^{-2}$ yr$^{-1}$"


def submit_figures(
    experiment: Experiment, result: MemberResult, out: Path, workers: Workers
) -> dict[Path, Future]:
    """Draw both figures of a member and submit them to workers, which write them as PNG.

    Returns:
        Futures by path.
    """
    stem = f"{result.member}_{result.scenario}".lower()
    figures = {
        out / f"delta_map_{stem}.png": map_figure(experiment, result),
        out / f"delta_time_series_{stem}.png": time_series_figure(experiment, result),
    }
    return {path: workers.submit(_save, figure, path) for path, figure in figures.items()}


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=150)


def _title(experiment: Experiment, result: MemberResult, what: str) -> str:
    label = f"{LABEL} " if result.domain.synthetic else ""
    return (
        f"{label}{experiment.region}: {what}\n{result.member} {scenario_name(result.scenario)}, "
        f"active layer rule '{experiment.options.active_layer_rule}', "
        f"root-zone nitrogen '{experiment.options.root_zone_nitrogen}'"
    )


def map_figure(experiment: Experiment, result: MemberResult) -> Figure:
    """Draw maps of ΔSOC, ΣΔNPP, ΣΔRH and ΣΔNEP at the end of the run."""
    first, last = experiment.protocol.future
    fluxes, stocks = delta_fluxes(result), delta_stocks(result)
    panels = {
        f"ΔSOC in {last}": stocks["ΔSOC"][-1],
        f"ΣΔNPP {first}–{last}": fluxes["ΔNPP"].sum(axis=0),
        f"ΣΔRH {first}–{last}": fluxes["ΔRH"].sum(axis=0),
        f"ΣΔNEP {first}–{last}": fluxes["ΔNEP"].sum(axis=0),
    }
    rows, columns = result.domain.grid.shape
    height = float(np.clip(10 * rows / columns, 5, 9))
    figure = Figure(figsize=(11, height), layout="constrained")
    figure.suptitle(_title(experiment, result, "Δ = S_T − S_R, effect of thaw exposure"))
    for axes, (title, values) in zip(figure.subplots(2, 2).ravel(), panels.items(), strict=True):
        image = draw_map(axes, result.domain, values, colour_range([values]))
        axes.set_title(title)
        figure.colorbar(image, ax=axes, extend="both", label=DENSITY)
    return figure


def time_series_figure(experiment: Experiment, result: MemberResult) -> Figure:
    """Draw regional means: thaw, annual Δ of fluxes, exposed carbon and stocks, cumulative ΔNEP."""
    weight = weights(result)
    first, last = experiment.protocol.future
    start, end = experiment.protocol.historical
    years = np.arange(first, last + 1)
    fluxes = {name: regional_mean(v, weight) for name, v in delta_fluxes(result).items()}
    stocks = {name: regional_mean(v, weight) for name, v in delta_stocks(result).items()}

    share = 100 * (standing_still(result.products, experiment.options) @ weight)
    early = early_year(first, last)
    rule = experiment.options.active_layer_rule
    still = f"{rule!r} stands still: {share[early - first]:.0f} % of area by {early}"
    if early < last:
        still += f", {share[-1]:.0f} % by {last}"
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    figure.suptitle(_title(experiment, result, "area-weighted means, Δ = S_T − S_R"))
    thaw, rates, carbon, net = figure.subplots(2, 2).ravel()

    whole = np.arange(start, last + 1)
    for name, label, colour in (
        ("thawdepth", "maximum thaw depth", ORANGE),
        ("active_layer_thickness", "active layer thickness (rule)", BLUE),
    ):
        history = regional_mean(result.products[f"historical/{name}"], weight)
        future = regional_mean(result.products[f"S_T/{name}"], weight)
        thaw.plot(whole, np.concatenate([history, future]), color=colour, label=label)
    thaw.axvline(end + 0.5, color="0.5", linestyle=":", label=f"branch {end}")
    thaw.set_ylabel("m")
    thaw.set_title("Thaw")

    for name, colour in (("ΔNPP", GREEN), ("ΔRH", ORANGE), ("ΔNEP", BLUE)):
        rates.plot(years, fluxes[name], color=colour, label=name)
    rates.set_ylabel(_RATE)
    rates.set_title("Annual fluxes")

    for name, colour in (
        ("SOC_PF", BLACK),
        ("ΔSOC", ORANGE),
        ("ΔSOC_NET", PINK),
        ("ΔVegC", GREEN),
    ):
        label = "SOC_PF (exposed)" if name == "SOC_PF" else name
        carbon.plot(years, stocks[name], color=colour, label=label)
    carbon.set_ylabel(DENSITY)
    carbon.set_title("Carbon exposed and kept", pad=20)
    carbon.text(0.5, 1.02, still, transform=carbon.transAxes, ha="center", fontsize=9)

    net.plot(years, np.cumsum(fluxes["ΔNEP"]), color=BLUE, label="ΣΔNEP")
    net.set_ylabel(DENSITY)
    net.set_title("Cumulative ΔNEP (positive: uptake)")

    for axes in (thaw, rates, carbon, net):
        axes.set_xlabel("year")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        if axes is not thaw:
            axes.axhline(0, color="0.5", linewidth=0.8)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    return figure

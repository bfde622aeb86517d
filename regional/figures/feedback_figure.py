"""Figure of the runs of ``one_percent``: cumulative uptake, β, γ and what does not add up."""

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temjax.regional.diagnostics.feedbacks import (
    BRANCHES,
    LEAST_WARMING,
    Feedbacks,
    ModelFeedbacks,
)
from temjax.regional.diagnostics.naming import Units
from temjax.regional.diagnostics.totals import REGION
from temjax.regional.experiment.one_percent import RUNS
from temjax.regional.figures.panels import COLOURS, DASHES, finish, panels, shaded

_DASH = dict(zip(BRANCHES, DASHES, strict=False))


def feedback_figure(models: list[ModelFeedbacks]) -> Figure:
    """Plot the region's four runs, β, γ and additivity by year; dashed without permafrost carbon.

    Means over climate models, shading ± 1 SD where there are several.
    """
    units = Units.of_area(models[0].areas[REGION])
    figure, (uptake, beta, gamma, additivity) = panels(2, 2, 3.4)
    stock, amount = (units.stock_size, f"{units.stock} C"), f"{units.amount} C"
    for run, colour in zip(RUNS, COLOURS, strict=False):
        _lines(uptake, models, lambda f, run=run: f.uptake[run], colour, run, stock[0])
    _finish(uptake, "(a) cumulative land uptake ΣNEP", stock[1])
    _lines(beta, models, lambda f: f.beta, COLOURS[1], "β (bgc)", units.amount_size)
    _finish(beta, "(b) carbon–concentration feedback", f"{amount} ppm$^{{-1}}$")
    _lines(gamma, models, lambda f: f.gamma, COLOURS[3], "γ (cou − bgc)", units.amount_size)
    _lines(gamma, models, lambda f: f.gamma_rad, COLOURS[2], "γ (rad)", units.amount_size)
    title = f"(c) carbon–climate feedback, from {LEAST_WARMING} K on"
    _finish(gamma, title, f"{amount} K$^{{-1}}$")
    gamma.set_xlim(uptake.get_xlim())
    _lines(additivity, models, lambda f: f.additivity, "0.2", "cou − bgc − rad", stock[0])
    _finish(additivity, "(d) what does not add up", stock[1])
    return figure


def _lines(
    axes: Axes,
    models: list[ModelFeedbacks],
    values: Callable[[Feedbacks], NDArray],
    colour: str,
    label: str,
    size: float,
) -> None:
    """Plot a series with permafrost carbon, and without it dashed; ``size`` of the unit in Tg."""
    for name in BRANCHES:
        rows = [values(model.groups[REGION][name]) / size for model in models]
        hidden = "" if name == "with" else "_"  # from the legend, which has one dashed line
        shaded(axes, models[0].years, rows, colour, f"{hidden}{label}", _DASH[name])


def _finish(axes: Axes, title: str, unit: str) -> None:
    axes.plot([], [], color="0.4", linestyle=_DASH["without"], label="without permafrost carbon")
    finish(axes, title, unit)

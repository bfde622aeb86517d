"""Parts of the figures of a region: panels of years with bands, grouped bars with whiskers.

Lines are means over climate models, shading is one standard deviation where there are several.
With draws (``drawn``: members with series ``(year, draw)``) shading and whiskers are 5–95 % over
the draws of all climate models, with their median. Colours: Okabe and Ito.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from temjax.regional.diagnostics.members import interval, over_draws, over_members, scenarios
from temjax.regional.diagnostics.totals import GroupSeries, MemberSeries, MemberTotals

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", ":")
DENSITY = "g C m$^{-2}$"

Drawn = Sequence[MemberSeries]


def colour_of(members: list[MemberTotals]) -> dict[str, str]:
    """One colour per scenario; they begin anew where there are more scenarios than colours."""
    names = scenarios(members)
    return dict(zip(names, np.resize(COLOURS, len(names)).tolist(), strict=True))


def shaded(
    axes: Axes,
    years: NDArray,
    rows: list[NDArray],
    colour: str,
    label: str,
    dash: str = "-",
    draws: Sequence[NDArray] = (),
) -> None:
    """Plot the mean of the members as a line and ± 1 SD, or 5–95 % of draws, as shading.

    Args:
        axes: panel.
        years: ``(year,)``.
        rows: of the members, ``(year,)`` each.
        colour, label, dash: of the line.
        draws: of the members with drawn parameters, ``(year, draw)`` each.
    """
    values = np.stack(rows)
    mean = values.mean(axis=0)
    axes.plot(years, mean, color=colour, label=label, linestyle=dash, linewidth=1.3)
    if draws:
        low, median, high = draw_quantiles(np.concatenate(draws, axis=1))
        axes.fill_between(years, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(years, median, color=colour, alpha=0.6, linestyle=dash, linewidth=0.7)
    elif len(rows) > 1:
        sd = values.std(axis=0, ddof=1)
        axes.fill_between(years, mean - sd, mean + sd, color=colour, alpha=0.2, linewidth=0)


def draw_quantiles(values: NDArray) -> NDArray:
    """5, 50 and 95 % over the draws of ``(year, draw)`` that have values; NaN without any."""
    return np.array([list(vars(interval(row)).values()) for row in values]).T


def finish(axes: Axes, title: str, unit: str, zero: bool = True) -> None:
    """Set title, unit, zero line and legend of a panel of years."""
    axes.set_title(title, fontsize=10)
    axes.set_ylabel(unit)
    axes.set_xlabel("year")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    if zero:
        axes.axhline(0, color="0.5", linewidth=0.8, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(y=0.15)  # space for the legend
    legend(axes)


def legend(axes: Axes) -> None:
    """Add a legend where lines or bars have labels."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)


def panels(rows: int, columns: int, height: float = 2.7) -> tuple[Figure, list[Axes]]:
    """Create a figure of equal panels; returns its axes row by row."""
    figure = Figure(figsize=(10.5, height * rows + 0.3), layout="constrained")
    figure.get_layout_engine().set(hspace=0.06)  # titles apart from the axis labels above
    return figure, list(np.atleast_1d(figure.subplots(rows, columns)).ravel())


@dataclass(frozen=True)
class Bars:
    """Bars of one label: mean and SD over members, or 5–95 % over draws, of one group."""

    label: str
    colour: str
    members: list[MemberTotals]
    group: str
    number: Callable[[GroupSeries, str], float | NDArray]
    drawn: Drawn = ()
    alpha: float = 1.0


def whiskers(sd: list[float]) -> NDArray | None:
    """Whiskers of ± SD; none where there is no SD, as with a single climate model."""
    return np.nan_to_num(sd) if np.isfinite(sd).any() else None


def draw_bars(
    axes: Axes, names: tuple[str, ...], series: list[Bars], margin: float = 0.25, font_size: int = 8
) -> None:
    """Draw grouped bars with ± SD and a margin above them for the legend."""
    width = 0.8 / len(series)
    for number, bars in enumerate(series):
        values = [
            over_members(bars.members, bars.group, lambda g, s=bars, n=name: s.number(g, n))
            for name in names
        ]
        places = np.arange(len(names)) + (number - (len(series) - 1) / 2) * width
        spread = None if bars.drawn else whiskers([value.sd for value in values])
        axes.bar(
            places, [value.mean for value in values], 0.9 * width, yerr=spread,
            color=bars.colour, alpha=bars.alpha, label=bars.label, capsize=2,
            error_kw={"linewidth": 0.9},
        )  # fmt: skip
        if bars.drawn:
            _draw_whiskers(axes, places, names, bars)
    axes.set_xticks(range(len(names)), names, fontsize=font_size)
    axes.margins(y=margin)
    axes.axhline(0, color="0.5", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    legend(axes)


def _draw_whiskers(axes: Axes, places: NDArray, names: tuple[str, ...], bars: Bars) -> None:
    """Draw 5–95 % of draws as whiskers with the median as a dot."""
    ends = [over_draws(bars.drawn, bars.group, lambda g, n=name: bars.number(g, n))
            for name in names]  # fmt: skip
    median = np.array([end.median for end in ends])
    reach = np.array([[end.median - end.low, end.high - end.median] for end in ends]).T
    axes.errorbar(places, median, yerr=reach, fmt=".", color="0.2", ms=3, lw=0.9, capsize=2)

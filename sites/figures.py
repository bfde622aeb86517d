"""Figures of a site run and its observations."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from temjax.sites.compare import Comparison
from temjax.sites.observations import OBSERVED, mean_over_years
from temjax.units import typeset_unit

INITIALS = "JFMAMJJASOND"
OBSERVED_COLOUR, SIMULATED_COLOUR = "#1f2933", "#c2410c"
AXIS = {
    name: f"{'soil temperature' if name == 'soil_temperature' else label} ({typeset_unit(unit)})"
    for name, (unit, label) in OBSERVED.items()
}


def mean_year_figure(title: str, rows: list[Comparison], path: str | Path) -> Path:
    """Mean year of each observed variable, observed and simulated, written as PNG.

    Error bars are the observations' standard deviation (between years for a climatology).
    """
    path = Path(path)
    columns = min(2, len(rows))
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(5.2 * columns, 3.3 * lines), layout="constrained")
    axes = np.ravel(figure.subplots(lines, columns, squeeze=False))
    months = np.arange(12)
    for axis, row in zip(axes, rows, strict=False):
        sd = row.series.sd.mean(axis=0)
        axis.errorbar(
            months,
            mean_over_years(row.observed),
            yerr=np.where(np.isfinite(sd), sd, 0.0),
            fmt="o",
            ms=4,
            capsize=2,
            color=OBSERVED_COLOUR,
            label=f"observed {row.series.period[0]}–{row.series.period[1]}",
        )
        axis.plot(months, mean_over_years(row.simulated), color=SIMULATED_COLOUR, label="simulated")
        scores = row.skill
        axis.set_title(
            f"r² {scores.squared_correlation:.2f}, NSE {scores.nash_sutcliffe:.2f}, "
            f"bias {scores.bias:+.1f}",
            fontsize=9,
        )
        axis.set_ylabel(AXIS[row.series.variable])
        axis.set_xticks(months, INITIALS)
        axis.axhline(0, color="0.8", lw=0.8, zorder=0)
        if row.series.depth is not None:
            axis.set_ylabel(f"soil temperature at {100 * row.series.depth:g} cm (°C)")
    for axis in axes[len(rows) :]:
        axis.set_visible(False)
    axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(title)
    figure.savefig(path, dpi=150)
    return path

"""Figure of single data beside the model: observed against simulated, before and after the fit."""

import numpy as np
from matplotlib.figure import Figure

from temjax.calibration.figures import PRIOR_COLOUR, DisplayFigure
from temjax.calibration.part_table import PartTable
from temjax.sites.figures import SIMULATED_COLOUR


def part_figure(table: PartTable) -> Figure:
    """Every datum of a part with its error, by variable, beside the prior's run and the fit's.

    Data that are shown only are small and hollow.
    """
    variables = list(dict.fromkeys(row["variable"] for row in table.rows))
    figure = DisplayFigure(figsize=(4.2 * len(variables), 3.8), layout="constrained")
    axes = figure.subplots(1, len(variables), squeeze=False)[0]
    for axis, variable in zip(axes, variables, strict=True):
        rows = [row for row in table.rows if row["variable"] == variable]
        observed, sd, prior, fitted = (
            np.array([row[name] for row in rows], dtype=float)
            for name in ("observed", "sd", "prior", "fitted")
        )
        counts = np.array([bool(row["counts"]) for row in rows])
        axis.plot(observed[counts], prior[counts], "o", ms=4, color=PRIOR_COLOUR, label="prior")
        axis.errorbar(
            observed[counts], fitted[counts], xerr=sd[counts], fmt="o", ms=4, lw=0.8,
            color=SIMULATED_COLOUR, label="fitted",
        )  # fmt: skip
        if not counts.all():
            axis.plot(
                observed[~counts], fitted[~counts], "o", ms=3, mfc="none", color="0.6",
                label="not fitted",
            )  # fmt: skip
        ends = [min(observed.min(), fitted.min()), max(observed.max(), fitted.max())]
        axis.plot(ends, ends, color="0.7", lw=0.8, zorder=0)
        axis.set_xlabel(f"observed ({rows[0]['unit']})", fontsize=8)
        axis.set_ylabel(f"simulated ({rows[0]['unit']})", fontsize=8)
        axis.set_title(variable.replace("_", " "), fontsize=9)
        axis.tick_params(labelsize=7)
    axes[0].legend(frameon=False, fontsize=7)
    figure.suptitle(f"{table.name}: data beside the model", fontsize=10)
    return figure

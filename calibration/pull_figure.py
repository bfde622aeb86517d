"""Figure of the pulls of data on the parameters that they disagree about most."""

import numpy as np
from matplotlib.figure import Figure

from temjax.calibration.figures import OBSERVED_COLOUR, PRIOR_COLOUR, DisplayFigure, label
from temjax.calibration.pulls import Pulls

COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#0891b2", "#ca8a04", "#db2777", "#4d7c0f")
WIDEST_SHIFT = 6.0  # prior standard deviations that the right panel shows


def pull_figure(pulls: Pulls) -> Figure:
    """Pulls by kind of data and of the prior, and what each kind asks for by itself.

    Raises:
        ValueError: no parameter is pulled apart.
    """
    rows = pulls.strongest()
    if not rows:
        raise ValueError("no parameter is pulled apart by kinds or places of data")
    figure = DisplayFigure(figsize=(10, 1.4 + 0.55 * len(rows)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    at = np.arange(len(rows))[::-1]
    up, down = np.zeros(len(rows)), np.zeros(len(rows))
    columns = [
        (kind.replace("_", " "), pulls.by_kind[rows, i], COLOURS[i % len(COLOURS)])
        for i, kind in enumerate(pulls.kinds)
    ]
    columns.append(("prior", pulls.prior[rows], PRIOR_COLOUR))
    columns.append(("bound, or not balanced", pulls.rest[rows], "#e2e8f0"))
    for name, pull, colour in columns:
        if not np.any(np.abs(pull) > 1e-2 * np.abs(pulls.by_kind[rows]).max()):
            continue
        left.barh(at, pull, left=np.where(pull > 0, up, down), height=0.6, color=colour, label=name)
        up, down = up + np.maximum(pull, 0), down + np.minimum(pull, 0)
    left.set_yticks(at, [label(pulls.names[row]) for row in rows], fontsize=7)
    left.set_xlabel("pull: fall of the loss per prior sd upward", fontsize=8)
    left.axvline(0, color=OBSERVED_COLOUR, lw=0.8)
    for i in range(len(pulls.kinds)):
        shift = np.clip(pulls.alone[rows, i], -WIDEST_SHIFT, WIDEST_SHIFT)
        right.plot(shift, at, "o", ms=5, color=COLOURS[i % len(COLOURS)])
    right.plot(pulls.shift[rows], at, "|", ms=16, mew=2, color=OBSERVED_COLOUR, label="the fit")
    right.set_xlabel("what each kind asks for alone (prior sd from the prior's centre)", fontsize=8)
    right.axvline(0, color="0.7", lw=0.8)
    right.legend(frameon=False, fontsize=7)
    for axis in (left, right):
        axis.tick_params(labelsize=7)
        axis.margins(y=0.5 / len(rows))
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, fontsize=7, loc="outside upper center", ncols=4)
    return figure

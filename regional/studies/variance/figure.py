"""Figure of the split of variance: stacked bars by regional number. Colours: Okabe and Ito."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temjax.regional.figures.panels import COLOURS
from temjax.regional.studies.variance.files import GROUP, RUNS, TYPE
from temjax.regional.studies.variance.run import FACTORS, PARAMETERS, QUANTITIES

STEM = "variance"
WITH_PARAMETERS, OTHERS = "parameters × another factor", "other and higher interactions"
_HATCHES = ("", "///", "...")
_WIDTH = 0.36


def write_figure(rows: pd.DataFrame, title: str, out: Path) -> list[Path]:
    """Write the figure as PNG and SVG."""
    figure = variance_figure(rows, title)
    FigureCanvasAgg(figure)
    paths = [out / f"{STEM}{ending}" for ending in (".png", ".svg")]
    figure.savefig(paths[0], dpi=150)
    figure.savefig(paths[1], metadata={"Date": None})  # the same file from the same numbers
    return paths


def variance_figure(rows: pd.DataFrame, title: str) -> Figure:
    """Draw shares of all runs, and of the parameters by type and by group.

    Bars of the parameters: left by walks, right by linear propagation.
    """
    panels = [("all runs", _shares(rows, RUNS, "share", _merged))]
    panels += [
        (f"parameters by {name}", _shares(rows, part, "share"))
        for part, name in ((TYPE, "vegetation type"), (GROUP, "group"))
        if (rows["part"] == part).any()
    ]
    figure = Figure(figsize=(4.6 * len(panels) + 0.6, 5.6), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
    parts, top = (None, TYPE, GROUP), 100.0
    for panel, (name, shares), part in zip(axes, panels, parts, strict=False):
        linear = _shares(rows, part, "linear_share") if part else {}
        known = any(np.isfinite(values).any() for values in linear.values())
        shift = _WIDTH / 2 + 0.02 if known else 0.0
        top = max(top, _bars(panel, shares, -shift, _WIDTH if known else 0.6))
        if known:
            _bars(panel, linear, shift, _WIDTH, labels=False, alpha=0.55)
            name += "\n(left: walks, right: linear)"
        panel.set_title(name, fontsize=10)
        panel.set_xticks(range(len(QUANTITIES)), list(QUANTITIES), fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), fontsize=8, frameon=False)
    axes[0].set_ylabel("share of variance, %")
    axes[0].set_ylim(0, top)
    figure.suptitle(title, fontsize=10)
    return figure


def _shares(rows: pd.DataFrame, part: str, column: str, name=lambda term: term) -> dict:
    """Shares by label, ``(quantity,)`` in the order of ``QUANTITIES``."""
    shares: dict[str, NDArray] = {}
    chosen = rows[rows["part"] == part]
    for term, of_term in chosen.groupby("term", sort=False):
        values = of_term.set_index("quantity")[column].reindex(list(QUANTITIES)).to_numpy()
        label = name(str(term))
        shares[label] = shares.get(label, 0.0) + values
    order = [*FACTORS, WITH_PARAMETERS, OTHERS] if part == RUNS else list(shares)
    return {label: shares[label] for label in order if label in shares}


def _merged(term: str) -> str:
    """Label of a term's bar: interactions are two bars."""
    if term in FACTORS:
        return term
    return WITH_PARAMETERS if term.startswith(f"{PARAMETERS} × ") else OTHERS


def _bars(
    axes: Axes, shares: Mapping[str, NDArray], shift: float, width: float,
    labels: bool = True, alpha: float = 1.0,
) -> float:  # fmt: skip
    """Stack bars; estimates below zero, which is within their error, are not drawn.

    Returns:
        The highest end of a bar.
    """
    places = np.arange(len(QUANTITIES)) + shift
    bottom = np.zeros(len(QUANTITIES))
    for number, (label, values) in enumerate(shares.items()):
        height = 100 * np.clip(np.nan_to_num(values), 0.0, None)
        colour, hatch = _style(number, label)
        axes.bar(
            places, height, width, bottom=bottom, color=colour, hatch=hatch, alpha=alpha,
            edgecolor="white", linewidth=0.6, label=label if labels else None,
        )  # fmt: skip
        bottom += height
    return float(bottom.max())


def _style(number: int, label: str) -> tuple[str, str]:
    """Colour and hatch; colours begin anew with another hatch."""
    fixed: dict[str, tuple[str, str]] = {WITH_PARAMETERS: ("0.55", "///"), OTHERS: ("0.8", "...")}
    colours: Sequence[str] = COLOURS
    again = number // len(colours)
    return fixed.get(label, (colours[number % len(colours)], _HATCHES[again % len(_HATCHES)]))

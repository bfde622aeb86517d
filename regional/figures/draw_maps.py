"""Maps of a run with drawn parameters: median, width of 5–95 %, share of draws above zero."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temjax.regional.diagnostics.drawn import MemberDraws
from temjax.regional.diagnostics.naming import variable_name
from temjax.regional.figures.maps import colour_range, draw_map
from temjax.regional.figures.panels import DENSITY
from temjax.regional.inputs.domain import Domain
from temjax.regional.results.formats import open_dataset

_RATE = f"{DENSITY} yr$^{{-1}}$"
# name of the map, how it is called, unit, whether zero is of interest
MAPS = (
    ("ΣΔNEP", "ΣΔNEP", DENSITY, True),
    ("NEP end", "NEP of S_T, last decade", _RATE, True),
    ("ΔSOC_NET", "ΔSOC_NET", DENSITY, True),
    ("SOC_PF", "SOC_PF", DENSITY, False),
    ("ALT end", "active layer of S_T, last decade", "m", False),
)
_LARGEST = 0.98  # quantile of the widths at the end of their colours


def map_statistics(
    drawn: Sequence[MemberDraws], domain: Domain, name: str
) -> tuple[NDArray, NDArray, NDArray]:
    """Median, width of 5–95 % and share above zero by cell, means over climate models.

    The share is that of the draws of all models; median and width are of a model's draws.
    """
    medians, widths, shares = [], [], []
    for member in drawn:
        with open_dataset(member.maps) as file:
            quantiles = file[variable_name(name)].values[:, domain.row, domain.column]
            share = file[f"{variable_name(name)}_above_zero"].values[domain.row, domain.column]
        medians.append(quantiles[1])
        widths.append(quantiles[2] - quantiles[0])
        shares.append(share)
    return tuple(np.mean(values, axis=0, dtype=float) for values in (medians, widths, shares))


def draw_maps(drawn: Sequence[MemberDraws], domain: Domain) -> Figure:
    """Maps of one scenario, one row per quantity."""
    rows, across = domain.grid.shape
    height = float(np.clip(4.4 * rows / across, 1.5, 4.0)) + 0.6
    figure = Figure(figsize=(15.5, height * len(MAPS) + 0.3), layout="constrained")
    panels = figure.subplots(len(MAPS), 3, squeeze=False)
    for row, (name, words, unit, about_zero) in zip(panels, MAPS, strict=True):
        median, width, share = map_statistics(drawn, domain, name)
        known = width[np.isfinite(width)]
        most = float(np.quantile(known, _LARGEST)) if known.size else 1.0
        narrow = {"cmap": "viridis", "vmin": 0.0, "vmax": most if most > 0 else 1.0}
        shown = (
            (median, colour_range([median]), f"{words}: median", unit, "both"),
            (width, narrow, f"{words}: width of 5–95 %", unit, "max"),
            (share, {"cmap": "PuOr", "vmin": 0, "vmax": 1}, "share of draws above zero", "",
             "neither"),
        )  # fmt: skip
        for axes, (values, colours, title, text, extend) in zip(row, shown, strict=True):
            if axes is row[-1] and not about_zero:
                axes.set_visible(False)
                continue
            image = draw_map(axes, domain, values, colours)
            axes.set_title(title, fontsize=10)
            if row is not panels[-1]:
                axes.set_xlabel("")
            if axes is not row[0]:
                axes.set_ylabel("")
            figure.colorbar(image, ax=axes, extend=extend, label=text, shrink=0.9)
    return figure

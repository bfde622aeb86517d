"""Figure of a design: worth of candidates, what the chosen leave, pairs of chosen and best."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from temjax.regional.figures.panels import COLOURS
from temjax.regional.studies.design.files import STEM, left
from temjax.regional.studies.design.run import Design

SHOWN = 18  # candidates among the bars
PAIRED = 8  # among the pairs


def write_figure(result: Design, title: str, out: Path) -> list[Path]:
    """Write the figure as PNG and PDF."""
    figure = design_figure(result, title)
    FigureCanvasAgg(figure)
    paths = [out / f"{STEM}{ending}" for ending in (".png", ".pdf")]
    figure.savefig(paths[0], dpi=150)
    figure.savefig(paths[1], metadata={"CreationDate": None})  # same file from the same numbers
    return paths


def design_figure(result: Design, title: str) -> Figure:
    """Draw worth by candidate, standard deviation left by step, and gains of pairs."""
    order = np.argsort(-result.worth.mean(axis=1))
    shown = order[:SHOWN]
    height = max(4.6, 0.34 * len(shown) + 1.6)
    figure = Figure(figsize=(15.0, height), layout="constrained")
    bars, steps, pairs = figure.subplots(1, 3, width_ratios=(1.25, 1.0, 1.15))
    _bars(bars, result, shown, len(order))
    _steps(steps, result)
    first = list(next(iter(result.orders.values())).chosen)
    others = [one for one in order if one not in first]
    image = _pairs(pairs, result, np.array([*first, *others][:PAIRED]))
    figure.colorbar(image, ax=pairs, shrink=0.8, label="worth beyond the sum of both, %")
    figure.suptitle(title, fontsize=10)
    return figure


def _bars(axes: Axes, result: Design, shown: np.ndarray, total: int) -> None:
    rows = np.arange(len(shown))[::-1]
    thickness = 0.8 / len(result.targets)
    for number, target in enumerate(result.targets):
        shift = (len(result.targets) - 1) / 2 - number
        axes.barh(
            rows + shift * thickness, 100 * result.worth[shown, number], thickness,
            color=COLOURS[number % len(COLOURS)], label=target.label,
        )  # fmt: skip
    axes.set_yticks(rows, [result.candidates[n].name for n in shown], fontsize=8)
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.set_xlabel("share of the variance taken away, %")
    more = f" (the first {len(shown)} of {total})" if total > len(shown) else ""
    axes.set_title(f"each alone{more}", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)


def _steps(axes: Axes, result: Design) -> None:
    """Standard deviation left by the greedy choice, and by the best subset of a size."""
    objective, choice = next(iter(result.orders.items()))
    steps = np.arange(len(choice.chosen) + 1)
    for number, target in enumerate(result.targets):
        colour = COLOURS[number % len(COLOURS)]
        share = [100.0, *(100 * left(worth) for worth in choice.worth[:, number])]
        axes.plot(steps, share, "o-", color=colour, label=f"{target.label}, greedy")
        worth, size = result.best[objective].worth, len(result.best[objective].chosen)
        axes.plot(
            size, 100 * left(worth[-1, number]), "D", markersize=9, color=colour,
            fillstyle="none", label=f"{target.label}, best subset of {size}",
        )  # fmt: skip
    names = [result.candidates[n].name for n in choice.chosen]
    axes.set_xticks(steps, ["none", *(f"+ {name}" for name in names)], rotation=35, ha="right",
                    fontsize=8)  # fmt: skip
    axes.set_ylim(0, 105)
    axes.set_ylabel("standard deviation left, %")
    axes.set_title(f"one after the other, for {objective}", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    axes.spines[["top", "right"]].set_visible(False)


def _pairs(axes: Axes, result: Design, chosen: np.ndarray):
    gains = 100 * result.gains[:, chosen][:, :, chosen].mean(axis=0)
    size = len(chosen)
    upper = np.triu(np.ones((size, size), dtype=bool), 1)
    limit = max(float(np.abs(gains).max()), 1e-6)
    image = axes.imshow(
        np.where(upper, np.nan, gains), cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto"
    )
    names = [result.candidates[n].name for n in chosen]
    axes.set_xticks(range(size), names, rotation=35, ha="right", fontsize=8)
    axes.set_yticks(range(size), names, fontsize=8)
    for row in range(size):
        for column in range(row + 1):
            dark = abs(gains[row, column]) > 0.6 * limit
            number = f"{gains[row, column]:+.1f}".replace("-", "−")
            axes.text(
                column, row, "0" if number[1:] == "0.0" else number, ha="center", va="center",
                fontsize=7, color="white" if dark else "black",
            )  # fmt: skip
    axes.set_title(
        "two of them: blue complement, red tell the same\n(diagonal: two alike)", fontsize=10
    )
    axes.spines[:].set_visible(False)
    return image

"""Comparison with observations: active layer at points, soil stocks by vegetation type."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temjax.regional.diagnostics.members import MeanSD, over_models
from temjax.regional.diagnostics.tables import Table
from temjax.regional.diagnostics.totals import MEADOW, STEPPE, MemberTotals
from temjax.regional.figures.panels import COLOURS, legend, panels, whiskers
from temjax.regional.inputs.grids.cells import nearest_cell
from temjax.sites.thaw_points import ThawPoint
from temjax.units import GRAMS_PER_KILOGRAM

OBSERVED_YEARS = (2006, 2007, 2008, 2009)  # of points whose table names none

_STOCK_PANELS = (("SOC", "kg C m$^{-2}$"), ("SON", "kg N m$^{-2}$"))
# vegetation -> variable -> (low, high, depth, source); kg m⁻²
SOIL_STOCKS: dict[str, dict[str, tuple[float, float, str, str]]] = {
    MEADOW: {"SOC": (14.4, 17.5, "0–2 m", "Mu et al. 2020, quoted in Liu et al. 2022"),
             "SON": (1.40, 1.76, "0–3 m, alpine grassland", "Kou et al. 2019, quoted there")},
    STEPPE: {"SOC": (6.6, 7.7, "0–2 m", "Mu et al. 2020, quoted in Liu et al. 2022"),
             "SON": (1.40, 1.76, "0–3 m, alpine grassland", "Kou et al. 2019, quoted there")},
    "alpine-shrubland": {"SOC": (11.6, 40.8, "0–1 m, mean ± SD", "Nie et al. 2019")},
}  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """Scores at the uncensored points; NaN where there are too few."""

    count: int
    squared_correlation: float
    rmse: float
    bias: float
    censored: int
    censored_agreeing: int


def simulated_thaw(members: list[MemberTotals], points: list[ThawPoint]) -> NDArray:
    """Mean active layer of a point's years in the cell around it, mean over members, m.

    NaN for points outside of the region, in cells without permafrost, or of other years.
    """
    domain = members[0].stored.domain
    simulated = np.full(len(points), np.nan)
    for number, point in enumerate(points):
        nearest, distance = nearest_cell(domain, point.latitude, point.longitude)
        if distance > domain.grid.spacing():
            continue
        values = []
        for member in members:
            chosen = np.isin(member.years["historical"], point.years or OBSERVED_YEARS)
            layer = member.stored.products["historical/active_layer_thickness"]
            values.append(layer[chosen, nearest].mean() if chosen.any() else np.nan)
        simulated[number] = np.mean(values)
    return simulated


def thaw_scores(points: list[ThawPoint], simulated: NDArray) -> Scores:
    """Compute R², RMSE and bias over measured points; a censored one agrees beyond its bound."""
    observed = np.array([point.observed for point in points])
    censored = np.array([point.censored for point in points], dtype=bool)
    defined = np.isfinite(simulated)
    used = defined & ~censored
    x, y = observed[used], simulated[used]
    below = np.array([point.bound == "<" for point in points], dtype=bool)
    beyond = np.where(below, simulated <= observed, simulated >= observed)
    agreeing = defined & censored & beyond
    enough = x.size > 2 and x.std() > 0 and y.std() > 0
    return Scores(
        count=int(x.size),
        squared_correlation=float(np.corrcoef(x, y)[0, 1] ** 2) if enough else np.nan,
        rmse=float(np.sqrt(np.mean((y - x) ** 2))) if x.size else np.nan,
        bias=float(np.mean(y - x)) if x.size else np.nan,
        censored=int(np.sum(defined & censored)),
        censored_agreeing=int(np.sum(agreeing)),
    )


def thaw_table(points: list[ThawPoint], simulated: NDArray) -> Table:
    """Table of observed and simulated active layers, with the scores in the note."""
    rows = [
        (point.name, _place_text(point),
         f"{point.bound} {point.observed:.2f}".lstrip(), MeanSD(value, np.nan).text())
        for point, value in zip(points, simulated, strict=True)
    ]  # fmt: skip
    scores = thaw_scores(points, simulated)
    note = (
        f"Means of the years of each point (2006–2009 where the table names none) in m; "
        f"{scores.count} measured points: "
        f"R² {MeanSD(scores.squared_correlation, np.nan).text()}, "
        f"RMSE {MeanSD(scores.rmse, np.nan).text()} m, "
        f"bias {MeanSD(scores.bias, np.nan).text()} m; "
        f"{scores.censored_agreeing} of {scores.censored} bounds (>, <) are met. "
        "A cell is not a point: within a vegetation type soil water alone moves ALT by 1 m."
    )
    return Table("Active layer beside observed points", note,
                 ("point", "place", "observed", "simulated"), rows)  # fmt: skip


def _place_text(point: ThawPoint) -> str:
    north, east = "NS"[point.latitude < 0], "EW"[point.longitude < 0]
    return f"{abs(point.latitude):.2f}° {north} {abs(point.longitude):.2f}° {east}"


def soil_now(members: list[MemberTotals], group: str, name: str) -> MeanSD:
    """SOC or SON of a vegetation type in the last decade of the history, kg m⁻²."""

    def density(member: MemberTotals) -> float:
        totals = member.groups[group]
        stock = totals.runs["historical"][name][-10:].mean()
        return float(totals.density(stock)) / GRAMS_PER_KILOGRAM

    return over_models([member for member in members if group in member.groups], density)


def soil_table(members: list[MemberTotals]) -> Table:
    """Table of SOC and SON by vegetation type with the published ranges of the plateau."""
    rows = []
    for group, variables in SOIL_STOCKS.items():
        if not any(group in member.groups for member in members):
            continue
        for name, (low, high, depth, source) in variables.items():
            simulated = soil_now(members, group, name)
            gap = 0.0 if low <= simulated.mean <= high else min(
                (simulated.mean - low, simulated.mean - high), key=abs
            )  # fmt: skip
            verdict = "inside" if gap == 0 else f"{gap:+.2f}".replace("-", "−")
            published = f"{low:g}–{high:g} ({depth})"
            rows.append((f"{group}: {name}", simulated.text(), published, verdict, source))
    note = "kg m⁻². Ours is the stock of the active layer, published ranges have fixed depths."
    head = ("vegetation", "this run", "published", "against the range", "source")
    return Table("Soil carbon and nitrogen beside published ranges", note, head, rows)


def validation_figure(
    members: list[MemberTotals], points: list[ThawPoint], simulated: NDArray, *, stocks: bool
) -> Figure:
    """Figure 2 g–i: scatter of the active layer and, with ``stocks``, soil stocks against the
    published ranges of the plateau."""
    figure, (layer, *others) = panels(1, 3 if stocks else 2, 3.4)
    for bound, marker, label in (
        ("", "o", "measured"), (">", ">", "lower bound"), ("<", "<", "upper bound"),
    ):  # fmt: skip
        pairs = [
            (p.observed, s)
            for p, s in zip(points, simulated, strict=True)
            if p.bound == bound and np.isfinite(s)
        ]
        if pairs:
            layer.scatter(*zip(*pairs, strict=True), marker=marker, color=COLOURS[0], label=label)
    top = float(np.nanmax([*simulated, *(p.observed for p in points), 1.0])) * 1.1
    layer.plot([0, top], [0, top], color="0.5", linewidth=0.8)
    layer.set(xlim=(0, top), ylim=(0, top), xlabel="observed ALT, m", ylabel="simulated ALT, m")
    if not points:
        layer.text(top / 2, top / 2, "no observed\nactive layers given", ha="center", va="center",
                   color="0.35", backgroundcolor="white")  # fmt: skip
    legend(layer)
    layer.spines[["top", "right"]].set_visible(False)
    if not stocks:
        others[0].set_visible(False)
        return figure
    for panel, (name, unit) in zip(others, _STOCK_PANELS, strict=True):
        groups = [
            g for g, v in SOIL_STOCKS.items()
            if name in v and any(g in member.groups for member in members)
        ]  # fmt: skip
        for position, group in enumerate(groups):
            low, high, *_ = SOIL_STOCKS[group][name]
            panel.plot([position - 0.15] * 2, [low, high], color=COLOURS[1], linewidth=5, alpha=0.5,
                       label="published range" if position == 0 else None)  # fmt: skip
            stock = soil_now(members, group, name)
            panel.errorbar(
                position + 0.15, stock.mean, yerr=whiskers([stock.sd]), fmt="o",
                color=COLOURS[0], label="this run" if position == 0 else None,
            )  # fmt: skip
        panel.set_xticks(range(len(groups)), [g.removeprefix("alpine-") for g in groups])
        panel.set_xlim(-0.6, max(len(groups), 1) - 0.4)
        panel.set_ylim(bottom=0)
        panel.set_title(name, fontsize=10)
        panel.set_ylabel(unit)
        legend(panel)
        panel.spines[["top", "right"]].set_visible(False)
    return figure

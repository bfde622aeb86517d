"""Figures 3, 4, 6–8 and S3–S5 of the paper as ensemble series and bars.

Lines are means over climate models, shading is one standard deviation. Colours: Okabe and Ito.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temjax.regional.diagnostics.tables import PETAGRAM, of_scenario, over_members, scenarios
from temjax.regional.diagnostics.totals import (
    MEADOW,
    REGION,
    STEPPE,
    GroupTotals,
    MemberTotals,
    contributions,
    diagnostics,
)

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--")
DENSITY = "g C m$^{-2}$"
RATE, _STOCK, _NITROGEN = "Tg C yr$^{-1}$", "Pg C", "Tg N"

Values = Callable[[MemberTotals], NDArray]


def colour_of(members: list[MemberTotals]) -> dict[str, str]:
    """One colour per scenario."""
    return dict(zip(scenarios(members), COLOURS, strict=False))


def shaded(
    axes: Axes, years: NDArray, rows: list[NDArray], colour: str, label: str, dash: str = "-"
) -> None:
    """Plot the mean of the members as a line and ± 1 SD as shading."""
    values = np.stack(rows)
    mean = values.mean(axis=0)
    axes.plot(years, mean, color=colour, label=label, linestyle=dash, linewidth=1.3)
    if len(rows) > 1:
        sd = values.std(axis=0, ddof=1)
        axes.fill_between(years, mean - sd, mean + sd, color=colour, alpha=0.2, linewidth=0)


def finish(axes: Axes, title: str, unit: str, zero: bool = True) -> None:
    """Set title, unit, zero line and legend of a panel of years."""
    axes.set_title(title, fontsize=10)
    axes.set_ylabel(unit)
    axes.set_xlabel("year")
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


def _delta(group: str, name: str, scale: float = 1.0) -> Values:
    return lambda member: member.groups[group].delta[name] / scale


def delta_series(members: list[MemberTotals]) -> Figure:
    """Figure 3: Δ of fluxes and stocks, region."""
    shown = (
        ("ΔNPP", 1.0, RATE), ("ΔRH", 1.0, RATE), ("ΔNEP", 1.0, RATE),
        ("ΔVegC", PETAGRAM, _STOCK), ("ΔSOC", PETAGRAM, _STOCK), ("ΔEcoC", PETAGRAM, _STOCK),
        ("ΔSOC_NET", PETAGRAM, _STOCK), ("ΔEcoC_NET", PETAGRAM, _STOCK),
        ("SOC_PF", PETAGRAM, _STOCK),
    )  # fmt: skip
    figure, axes = panels(3, 3)
    for panel, (name, scale, unit) in zip(axes, shown, strict=True):
        for scenario, colour in colour_of(members).items():
            chosen = of_scenario(members, scenario)
            rows = [_delta(REGION, name, scale)(member) for member in chosen]
            shaded(panel, chosen[0].years["future"], rows, colour, scenario)
        finish(panel, name, unit)
    return figure


def active_layer(members: list[MemberTotals]) -> Figure:
    """Figure 4: active layer and thaw depth through time; share of deepening in the change."""
    figure, (layer, depth, share) = panels(1, 3, 3.4)
    for scenario, colour in colour_of(members).items():
        chosen = of_scenario(members, scenario)
        years = np.concatenate([chosen[0].years["historical"], chosen[0].years["future"]])
        for panel, name in ((layer, "ALT"), (depth, "thaw depth")):
            rows = [_whole(member.groups[REGION], name) for member in chosen]
            shaded(panel, years, rows, colour, scenario)
    finish(layer, "(a) active layer (rule in force)", "m", zero=False)
    finish(depth, "literal thaw depth, taliks included", "m", zero=False)
    _bars(
        share, ("VegC", "SOC", "NPP", "RH"),
        [
            Bars(scenario, colour, of_scenario(members, scenario), REGION,
                 lambda g, name: 100 * contributions(g)[name])
            for scenario, colour in colour_of(members).items()
        ],
    )  # fmt: skip
    share.set_title("(b) share of deepening", fontsize=10)
    share.set_ylabel("%")
    return figure


def _whole(group: GroupTotals, name: str) -> NDArray:
    return np.concatenate([group.runs["historical"][name], group.runs["S_T"][name]])


@dataclass(frozen=True)
class Bars:
    """Bars of one label: mean and SD over members of numbers of one group."""

    label: str
    colour: str
    members: list[MemberTotals]
    group: str
    number: Callable[[GroupTotals, str], float]
    alpha: float = 1.0


def _bars(
    axes: Axes, names: tuple[str, ...], series: list[Bars], margin: float = 0.25, font_size: int = 8
) -> None:
    """Draw grouped bars with ± SD and a margin above them for the legend."""
    width = 0.8 / len(series)
    for number, bars in enumerate(series):
        values = [
            over_members(bars.members, bars.group, lambda g, s=bars, n=name: s.number(g, n))
            for name in names
        ]
        axes.bar(
            np.arange(len(names)) + (number - (len(series) - 1) / 2) * width,
            [value.mean for value in values], 0.9 * width,
            yerr=np.nan_to_num([value.sd for value in values]), color=bars.colour, alpha=bars.alpha,
            label=bars.label, capsize=2, error_kw={"linewidth": 0.9},
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names, fontsize=font_size)
    axes.margins(y=margin)
    axes.axhline(0, color="0.5", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    legend(axes)


def meadow_and_steppe(members: list[MemberTotals]) -> Figure:
    """Figure 6: meadow and steppe, change of ALT since the branch and Δ of the balance."""
    shown = (("δALT", "m"), ("ΔNPP", RATE), ("ΔRH", RATE), ("ΔNEP", RATE),
             ("ΔVegC", _STOCK), ("ΔSOC_NET", _STOCK))  # fmt: skip
    figure, axes = panels(2, 3)
    for panel, (name, unit) in zip(axes, shown, strict=True):
        for scenario, colour in colour_of(members).items():
            for group, dash in zip((MEADOW, STEPPE), DASHES, strict=True):
                chosen = [m for m in of_scenario(members, scenario) if group in m.groups]
                if not chosen:
                    continue
                rows = [_type_series(member.groups[group], name, unit) for member in chosen]
                label = f"{group.removeprefix('alpine-')} {scenario}"
                shaded(panel, chosen[0].years["future"], rows, colour, label, dash)
        finish(panel, name, unit)
    return figure


def _type_series(group: GroupTotals, name: str, unit: str) -> NDArray:
    if name == "δALT":
        return group.runs["S_T"]["ALT"] - group.runs["historical"]["ALT"][-1]
    return group.delta[name] / (PETAGRAM if unit == _STOCK else 1.0)


def nitrogen_runs(members: list[MemberTotals]) -> Figure:
    """Figure 7: nitrogen of S_R and S_T: change of pools since the branch, mean annual fluxes."""
    figure, axes = panels(1, 2, 3.4)
    for panel, names, title, unit in (
        (axes[0], ("VegN", "SON"), "change of pools since the branch", _NITROGEN),
        (axes[1], ("LTRN", "NetNMin", "VegNup"), "mean annual fluxes", "Tg N yr$^{-1}$"),
    ):
        series = [
            Bars(f"{run} {scenario}", colour, of_scenario(members, scenario), REGION,
                 partial(_nitrogen, run), alpha=alpha)
            for scenario, colour in colour_of(members).items()
            for run, alpha in (("S_R", 0.45), ("S_T", 1.0))
        ]  # fmt: skip
        _bars(panel, names, series, margin=0.3, font_size=10)
        panel.set_title(title, fontsize=10)
        panel.set_ylabel(unit)
    return figure


def _nitrogen(run: str, group: GroupTotals, name: str) -> float:
    values = group.runs[run][name]
    if name in ("VegN", "SON"):
        return float(values[-1] - group.runs["historical"][name][-1])
    return float(values.mean())


def nitrogen_types(members: list[MemberTotals]) -> Figure:
    """Figure 8: Δ of the nitrogen balance, meadow and steppe."""
    names = ("ΔVegN", "ΔSON", "ΣΔLTRN", "ΣΔNetNMin", "ΣΔVegNup", "SON_PF")
    figure, axes = panels(1, 2, 3.4)
    for panel, group in zip(axes, (MEADOW, STEPPE), strict=True):
        series = [
            Bars(scenario, colour, of_scenario(members, scenario), group,
                 lambda g, name: diagnostics(g)[name])
            for scenario, colour in colour_of(members).items()
        ]  # fmt: skip
        _bars(panel, names, series)
        panel.set_title(group.replace("-", " "), fontsize=10)
        panel.set_ylabel(_NITROGEN)
    return figure


def fluxes(members: list[MemberTotals]) -> Figure:
    """Figure S3: NPP, RH, NEP of S_T and S_R through the whole run."""
    figure, axes = panels(1, 3, 3.2)
    for panel, name in zip(axes, ("NPP", "RH", "NEP"), strict=True):
        for scenario, colour in colour_of(members).items():
            chosen = of_scenario(members, scenario)
            years = chosen[0].years
            whole = np.concatenate([years["historical"], years["future"]])
            rows = [_whole(member.groups[REGION], name) for member in chosen]
            shaded(panel, whole, rows, colour, f"S_T {scenario}")
            reference = [member.groups[REGION].runs["S_R"][name] for member in chosen]
            mean = np.stack(reference).mean(axis=0)
            panel.plot(years["future"], mean, color=colour, linestyle=":", label=f"S_R {scenario}")
        finish(panel, name, RATE, zero=name == "NEP")
    return figure


def climate(members: list[MemberTotals]) -> Figure:
    """Figure S4: annual air temperature, precipitation, shortwave and CO2 of the region."""
    shown = (("air_temperature", "air temperature", "°C"), ("precipitation", "precipitation", "mm"),
             ("shortwave", "shortwave", "W m$^{-2}$"), ("co2", "CO$_2$", "ppm"))  # fmt: skip
    figure, axes = panels(2, 2)
    for panel, (name, title, unit) in zip(axes, shown, strict=True):
        for scenario, colour in colour_of(members).items():
            chosen = of_scenario(members, scenario)
            rows = [member.climate[name] for member in chosen]
            shaded(panel, chosen[0].climate["years"], rows, colour, scenario)
        finish(panel, title, unit, zero=False)
    return figure


def nitrogen_limitation(members: list[MemberTotals]) -> Figure:
    """Figure S5: NPP as a share of what carbon alone would allow, S_T and S_R."""
    groups = [g for g in (REGION, MEADOW, STEPPE) if any(g in m.groups for m in members)]
    figure, axes = panels(1, 3, 3.0)
    for panel, group in zip(axes, groups, strict=False):
        for scenario, colour in colour_of(members).items():
            chosen = [m for m in of_scenario(members, scenario) if group in m.groups]
            for run, dash in (("S_T", "-"), ("S_R", ":")):
                rows = [
                    m.groups[group].runs[run]["NPP"] / m.groups[group].runs[run]["NPP potential"]
                    for m in chosen
                ]
                years = chosen[0].years["future"]
                shaded(panel, years, rows, colour, f"{run} {scenario}", dash)
        finish(panel, group, "NPP / potential NPP", zero=False)
    for panel in axes[len(groups) :]:
        panel.set_visible(False)
    return figure

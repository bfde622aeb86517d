"""Series and bars of a region: the paper's Figures 3, 4, 6–8 and S3–S5, for any region.

Lines are means over climate models, shading is one standard deviation where there are several.
Colours: Okabe and Ito.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from temjax.regional.diagnostics.members import (
    of_scenario,
    over_members,
    rule_of,
    scenarios,
    still_text,
    units_of,
)
from temjax.regional.diagnostics.naming import Units, scenario_name
from temjax.regional.diagnostics.totals import (
    REGION,
    GroupTotals,
    MemberTotals,
    contributions,
    diagnostics,
)

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", ":")
DENSITY = "g C m$^{-2}$"
MOST_TYPES = len(DASHES)  # vegetation types of a figure

Values = Callable[[MemberTotals], NDArray]


def colour_of(members: list[MemberTotals]) -> dict[str, str]:
    """One colour per scenario; they begin anew where there are more scenarios than colours."""
    names = scenarios(members)
    return dict(zip(names, np.resize(COLOURS, len(names)).tolist(), strict=True))


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


def delta_series(members: list[MemberTotals]) -> Figure:
    """Figure 3: Δ of fluxes and stocks, region."""
    shown = ("ΔNPP", "ΔRH", "ΔNEP", "ΔVegC", "ΔSOC", "ΔEcoC", "ΔSOC_NET", "ΔEcoC_NET", "SOC_PF")
    units = units_of(members)
    figure, axes = panels(3, 3)
    for panel, name in zip(axes, shown, strict=True):
        size, unit = _scale(name, units)
        for scenario, colour in colour_of(members).items():
            chosen = of_scenario(members, scenario)
            rows = [member.groups[REGION].delta[name] / size for member in chosen]
            label = scenario_name(scenario)
            if name == "SOC_PF":
                label += (
                    f", '{rule_of(members)}' stands still:\n{still_text(chosen, REGION)} of area"
                )
            shaded(panel, chosen[0].years["future"], rows, colour, label)
        finish(panel, name, unit)
    return figure


def _scale(name: str, units: Units) -> tuple[float, str]:
    """Size in Tg and name of the unit of a flux or a stock."""
    if name in ("ΔNPP", "ΔRH", "ΔNEP"):
        return units.amount_size, units.rate
    return units.stock_size, f"{units.stock} C"


def active_layer(members: list[MemberTotals]) -> Figure:
    """Figure 4: active layer and thaw depth through time; share of deepening in the change."""
    figure, (layer, depth, share) = panels(1, 3, 3.4)
    for scenario, colour in colour_of(members).items():
        chosen = of_scenario(members, scenario)
        years = np.concatenate([chosen[0].years["historical"], chosen[0].years["future"]])
        for panel, name in ((layer, "ALT"), (depth, "thaw depth")):
            rows = [_whole(member.groups[REGION], name) for member in chosen]
            shaded(panel, years, rows, colour, scenario_name(scenario))
    finish(layer, "(a) active layer (rule in force)", "m", zero=False)
    finish(depth, "literal thaw depth, taliks included", "m", zero=False)
    _bars(
        share, ("VegC", "SOC", "NPP", "RH"),
        [
            Bars(scenario_name(scenario), colour, of_scenario(members, scenario), REGION,
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


def whiskers(sd: list[float]) -> NDArray | None:
    """Whiskers of ± SD; none where there is no SD, as with a single climate model."""
    return np.nan_to_num(sd) if np.isfinite(sd).any() else None


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
            yerr=whiskers([value.sd for value in values]), color=bars.colour, alpha=bars.alpha,
            label=bars.label, capsize=2, error_kw={"linewidth": 0.9},
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names, fontsize=font_size)
    axes.margins(y=margin)
    axes.axhline(0, color="0.5", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    legend(axes)


def vegetation_series(members: list[MemberTotals], groups: list[str]) -> Figure:
    """Figure 6: vegetation types, change of ALT since the branch and Δ of the balance."""
    shown = ("δALT", "ΔNPP", "ΔRH", "ΔNEP", "ΔVegC", "ΔSOC_NET")
    units = units_of(members)
    figure, axes = panels(2, 3)
    for panel, name in zip(axes, shown, strict=True):
        size, unit = (1.0, "m") if name == "δALT" else _scale(name, units)
        for scenario, colour in colour_of(members).items():
            for group, dash in zip(groups, DASHES, strict=False):
                chosen = [m for m in of_scenario(members, scenario) if group in m.groups]
                if not chosen:
                    continue
                rows = [_type_series(member.groups[group], name) / size for member in chosen]
                label = f"{_type_name(group, groups)} {scenario_name(scenario)}"
                shaded(panel, chosen[0].years["future"], rows, colour, label, dash)
        finish(panel, name, unit)
    return figure


def _type_name(group: str, groups: list[str]) -> str:
    """Name of a type for a legend, short where all are alpine."""
    alpine = all(name.startswith("alpine-") for name in groups)
    return group.removeprefix("alpine-") if alpine else group


def _type_series(group: GroupTotals, name: str) -> NDArray:
    if name == "δALT":
        return group.runs["S_T"]["ALT"] - group.runs["historical"]["ALT"][-1]
    return group.delta[name]


def nitrogen_runs(members: list[MemberTotals]) -> Figure:
    """Figure 7: nitrogen of S_R and S_T: change of pools since the branch, mean annual fluxes."""
    units = units_of(members)
    unit_of_pools = f"{units.amount} N"
    figure, axes = panels(1, 2, 3.4)
    for panel, names, title, unit in (
        (axes[0], ("VegN", "SON"), "change of pools since the branch", unit_of_pools),
        (
            axes[1],
            ("LTRN", "NetNMin", "VegNup"),
            "mean annual fluxes",
            f"{unit_of_pools} yr$^{{-1}}$",
        ),
    ):
        series = [
            Bars(f"{run} {scenario_name(scenario)}", colour, of_scenario(members, scenario), REGION,
                 partial(_nitrogen, run, units.amount_size), alpha=alpha)
            for scenario, colour in colour_of(members).items()
            for run, alpha in (("S_R", 0.45), ("S_T", 1.0))
        ]  # fmt: skip
        _bars(panel, names, series, margin=0.3, font_size=10)
        panel.set_title(title, fontsize=10)
        panel.set_ylabel(unit)
    return figure


def _nitrogen(run: str, size: float, group: GroupTotals, name: str) -> float:
    values = group.runs[run][name] / size
    if name in ("VegN", "SON"):
        return float(values[-1] - group.runs["historical"][name][-1] / size)
    return float(values.mean())


def nitrogen_types(members: list[MemberTotals], groups: list[str]) -> Figure:
    """Figure 8: Δ of the nitrogen balance by vegetation type, two in a row."""
    names = ("ΔVegN", "ΔSON", "ΣΔLTRN", "ΣΔNetNMin", "ΣΔVegNup", "SON_PF")
    units = units_of(members)
    figure, axes = panels((len(groups) + 1) // 2, 2, 3.4)
    for panel, group in zip(axes, groups, strict=False):
        series = [
            Bars(scenario_name(scenario), colour, of_scenario(members, scenario), group,
                 lambda g, name: diagnostics(g)[name] / units.amount_size)
            for scenario, colour in colour_of(members).items()
        ]  # fmt: skip
        _bars(panel, names, series)
        panel.set_title(group.replace("-", " "), fontsize=10)
        panel.set_ylabel(f"{units.amount} N")
    for panel in axes[len(groups) :]:
        panel.set_visible(False)
    return figure


def fluxes(members: list[MemberTotals]) -> Figure:
    """Figure S3: NPP, RH, NEP of S_T and S_R through the whole run."""
    units = units_of(members)
    figure, axes = panels(1, 3, 3.2)
    for panel, name in zip(axes, ("NPP", "RH", "NEP"), strict=True):
        for scenario, colour in colour_of(members).items():
            chosen = of_scenario(members, scenario)
            years = chosen[0].years
            whole = np.concatenate([years["historical"], years["future"]])
            size, text = units.amount_size, scenario_name(scenario)
            rows = [_whole(member.groups[REGION], name) / size for member in chosen]
            shaded(panel, whole, rows, colour, f"S_T {text}")
            reference = [member.groups[REGION].runs["S_R"][name] / size for member in chosen]
            mean = np.stack(reference).mean(axis=0)
            panel.plot(years["future"], mean, color=colour, linestyle=":", label=f"S_R {text}")
        finish(panel, name, units.rate, zero=name == "NEP")
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
            shaded(panel, chosen[0].climate["years"], rows, colour, scenario_name(scenario))
        finish(panel, title, unit, zero=False)
    return figure


def nitrogen_limitation(members: list[MemberTotals], types: list[str]) -> Figure:
    """Figure S5: NPP as a share of what carbon alone would allow, S_T and S_R."""
    groups = [g for g in (REGION, *types[:2]) if any(g in m.groups for m in members)]
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
                shaded(panel, years, rows, colour, f"{run} {scenario_name(scenario)}", dash)
        finish(panel, group, "NPP / potential NPP", zero=False)
    for panel in axes[len(groups) :]:
        panel.set_visible(False)
    return figure

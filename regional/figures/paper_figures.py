"""Series and bars of a region: the paper's Figures 3, 4, 6–8 and S3–S5, for any region."""

from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temjax.regional.diagnostics.members import (
    of_scenario,
    rule_of,
    still_text,
    units_of,
)
from temjax.regional.diagnostics.naming import Units, scenario_name
from temjax.regional.diagnostics.totals import (
    REGION,
    GroupSeries,
    MemberTotals,
    contributions,
    diagnostics,
)
from temjax.regional.figures.panels import (
    DASHES,
    Bars,
    Drawn,
    colour_of,
    draw_bars,
    finish,
    panels,
    shaded,
)

MOST_TYPES = len(DASHES)  # vegetation types of a figure


def delta_series(members: list[MemberTotals], drawn: Drawn = ()) -> Figure:
    """Figure 3: Δ of fluxes and stocks, region."""
    shown = ("ΔNPP", "ΔRH", "ΔNEP", "ΔVegC", "ΔSOC", "ΔEcoC", "ΔSOC_NET", "ΔEcoC_NET", "SOC_PF")
    units = units_of(members)
    figure, axes = panels(3, 3)
    for panel, name in zip(axes, shown, strict=True):
        size, unit = _scale(name, units)
        for scenario, colour in colour_of(members).items():
            chosen = of_scenario(members, scenario)
            rows, draws = (
                [member.groups[REGION].delta[name] / size for member in of_scenario(of, scenario)]
                for of in (members, drawn)
            )
            label = scenario_name(scenario)
            if name == "SOC_PF":
                label += (
                    f", '{rule_of(members)}' stands still:\n{still_text(chosen, REGION)} of area"
                )
            shaded(panel, chosen[0].years["future"], rows, colour, label, draws=draws)
        finish(panel, name, unit)
    return figure


def _scale(name: str, units: Units) -> tuple[float, str]:
    """Size in Tg and name of the unit of a flux or a stock."""
    if name in ("ΔNPP", "ΔRH", "ΔNEP"):
        return units.amount_size, units.rate
    return units.stock_size, f"{units.stock} C"


def active_layer(members: list[MemberTotals], drawn: Drawn = ()) -> Figure:
    """Figure 4: active layer and thaw depth through time; share of deepening in the change."""
    figure, (layer, depth, share) = panels(1, 3, 3.4)
    for scenario, colour in colour_of(members).items():
        chosen = of_scenario(members, scenario)
        years = np.concatenate([chosen[0].years["historical"], chosen[0].years["future"]])
        for panel, name in ((layer, "ALT"), (depth, "thaw depth")):
            rows, draws = (
                [_whole(member.groups[REGION], name) for member in of_scenario(of, scenario)]
                for of in (members, drawn)
            )
            shaded(panel, years, rows, colour, scenario_name(scenario), draws=draws)
    finish(layer, "(a) active layer (rule in force)", "m", zero=False)
    finish(depth, "literal thaw depth, taliks included", "m", zero=False)
    draw_bars(
        share, ("VegC", "SOC", "NPP", "RH"),
        [
            Bars(scenario_name(scenario), colour, of_scenario(members, scenario), REGION,
                 lambda g, name: 100 * contributions(g)[name], of_scenario(drawn, scenario))
            for scenario, colour in colour_of(members).items()
        ],
    )  # fmt: skip
    share.set_title("(b) share of deepening", fontsize=10)
    share.set_ylabel("%")
    return figure


def _whole(group: GroupSeries, name: str) -> NDArray:
    return np.concatenate([group.runs["historical"][name], group.runs["S_T"][name]])


def vegetation_series(members: list[MemberTotals], groups: list[str], drawn: Drawn = ()) -> Figure:
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
                rows, draws = (
                    [_type_series(m.groups[group], name) / size for m in of if group in m.groups]
                    for of in (chosen, of_scenario(drawn, scenario))
                )
                label = f"{_type_name(group, groups)} {scenario_name(scenario)}"
                shaded(panel, chosen[0].years["future"], rows, colour, label, dash, draws)
        finish(panel, name, unit)
    return figure


def _type_name(group: str, groups: list[str]) -> str:
    """Name of a type for a legend, short where all are alpine."""
    alpine = all(name.startswith("alpine-") for name in groups)
    return group.removeprefix("alpine-") if alpine else group


def _type_series(group: GroupSeries, name: str) -> NDArray:
    if name == "δALT":
        return group.runs["S_T"]["ALT"] - group.runs["historical"]["ALT"][-1]
    return group.delta[name]


def nitrogen_runs(members: list[MemberTotals], drawn: Drawn = ()) -> Figure:
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
                 partial(_nitrogen, run, units.amount_size), of_scenario(drawn, scenario), alpha)
            for scenario, colour in colour_of(members).items()
            for run, alpha in (("S_R", 0.45), ("S_T", 1.0))
        ]  # fmt: skip
        draw_bars(panel, names, series, margin=0.3, font_size=10)
        panel.set_title(title, fontsize=10)
        panel.set_ylabel(unit)
    return figure


def _nitrogen(run: str, size: float, group: GroupSeries, name: str) -> float | NDArray:
    values = group.runs[run][name] / size
    if name in ("VegN", "SON"):
        return values[-1] - group.runs["historical"][name][-1] / size
    return values.mean(axis=0)


def nitrogen_types(members: list[MemberTotals], groups: list[str], drawn: Drawn = ()) -> Figure:
    """Figure 8: Δ of the nitrogen balance by vegetation type, two in a row."""
    names = ("ΔVegN", "ΔSON", "ΣΔLTRN", "ΣΔNetNMin", "ΣΔVegNup", "SON_PF")
    units = units_of(members)
    figure, axes = panels((len(groups) + 1) // 2, 2, 3.4)
    for panel, group in zip(axes, groups, strict=False):
        series = [
            Bars(scenario_name(scenario), colour, of_scenario(members, scenario), group,
                 lambda g, name: diagnostics(g)[name] / units.amount_size,
                 of_scenario(drawn, scenario))
            for scenario, colour in colour_of(members).items()
        ]  # fmt: skip
        draw_bars(panel, names, series)
        panel.set_title(group.replace("-", " "), fontsize=10)
        panel.set_ylabel(f"{units.amount} N")
    for panel in axes[len(groups) :]:
        panel.set_visible(False)
    return figure


def fluxes(members: list[MemberTotals], drawn: Drawn = ()) -> Figure:
    """Figure S3: NPP, RH, NEP of S_T and S_R through the whole run."""
    units = units_of(members)
    figure, axes = panels(1, 3, 3.2)
    for panel, name in zip(axes, ("NPP", "RH", "NEP"), strict=True):
        for scenario, colour in colour_of(members).items():
            chosen = of_scenario(members, scenario)
            years = chosen[0].years
            whole = np.concatenate([years["historical"], years["future"]])
            size, text = units.amount_size, scenario_name(scenario)
            rows, draws = (
                [_whole(member.groups[REGION], name) / size for member in of]
                for of in (chosen, of_scenario(drawn, scenario))
            )
            shaded(panel, whole, rows, colour, f"S_T {text}", draws=draws)
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


def nitrogen_limitation(members: list[MemberTotals], types: list[str], drawn: Drawn = ()) -> Figure:
    """Figure S5: NPP as a share of what carbon alone would allow, S_T and S_R."""
    groups = [g for g in (REGION, *types[:2]) if any(g in m.groups for m in members)]
    figure, axes = panels(1, 3, 3.0)
    for panel, group in zip(axes, groups, strict=False):
        for scenario, colour in colour_of(members).items():
            chosen = [m for m in of_scenario(members, scenario) if group in m.groups]
            for run, dash in (("S_T", "-"), ("S_R", ":")):
                rows, draws = (
                    [_limitation(m.groups[group], run) for m in of if group in m.groups]
                    for of in (chosen, of_scenario(drawn, scenario))
                )
                label = f"{run} {scenario_name(scenario)}"
                shaded(panel, chosen[0].years["future"], rows, colour, label, dash, draws)
        finish(panel, group, "NPP / potential NPP", zero=False)
    for panel in axes[len(groups) :]:
        panel.set_visible(False)
    return figure


def _limitation(group: GroupSeries, run: str) -> NDArray:
    return group.runs[run]["NPP"] / group.runs[run]["NPP potential"]

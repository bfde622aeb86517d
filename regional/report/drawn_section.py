"""Section of the page about drawn parameters: whose uncertainty it is, numbers, signs, maps."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from temjax.regional.diagnostics.drawn import MemberDraws
from temjax.regional.diagnostics.members import (
    DECADE,
    draws_text,
    of_scenario,
    over_draws,
    over_members,
    scenarios,
    spread,
    units_of,
    values_of,
)
from temjax.regional.diagnostics.naming import Units, scenario_name
from temjax.regional.diagnostics.tables import Table
from temjax.regional.diagnostics.totals import REGION, GroupSeries, MemberTotals, diagnostics
from temjax.regional.figures.draw_maps import draw_maps
from temjax.regional.report.drawn_words import DRAWN_FROM, band_words
from temjax.regional.report.sections import Section, picture

_RUNS = ("historical", "S_R", "S_T")
_CARBON_RATES = ("GPP", "NPP potential", "NPP", "RH", "NEP")
_CARBON_STOCKS = ("VegC", "SOC")
_NITROGEN_STOCKS = ("VegN", "SON")
_NITROGEN_RATES = ("LTRN", "NetNMin", "VegNup")
_OWN_UNITS = {
    "ALT": "m", "thaw depth": "m", "MAGT": "°C", "permafrost": "share of area",
    "talik": "share of area",
}  # fmt: skip
_SIGNS = ("ΣΔNEP", "ΔNEP last", "ΔSOC_NET", "ΔEcoC_NET", "ΔSOC", "ΔVegC")


def drawn_sections(
    members: list[MemberTotals],
    drawn: list[MemberDraws],
    left_out: Sequence[str],
    synthetic: bool,
) -> list[Section]:
    """The section of drawn parameters, if there is any.

    Args:
        members: of the run.
        drawn: those with drawn parameters.
        left_out: draws in the folder that are not shown, and why.
        synthetic: whether figures bear the label.
    """
    sections = []
    if drawn:
        section = Section("Uncertainty of parameters", band_words(members, drawn))
        section.texts += [f"Left out: {note}" for note in left_out]
        section.texts.append(_files_words(drawn))
        section.tables = [sources_table(members, drawn), signs_table(drawn)]
        section.tables += [runs_table(members, drawn, name) for name in scenarios(drawn)]
        models = len({member.member for member in drawn})
        means = "Median and width are means over climate models. " if models > 1 else ""
        for scenario in scenarios(drawn):
            chosen = of_scenario(drawn, scenario)
            figure = draw_maps(chosen, members[0].stored.domain)
            caption = f"{scenario_name(scenario)}, {draws_text(chosen)}. {means}Grey: no value."
            section.pictures.append(picture("Drawn parameters.", caption, figure, synthetic))
        sections.append(section)
    elif left_out:
        sections.append(Section("Uncertainty of parameters", [f"Not shown: {n}" for n in left_out]))
    return sections


def _files_words(drawn: list[MemberDraws]) -> str:
    """Files with the numbers behind tables and figures."""
    stems = [member.maps.stem for member in drawn]
    names = [f"{stem}{ending}" for stem in stems[:1] for ending in
             ("_series.nc", "_series.csv", "_totals.csv", ".nc", ".json")]  # fmt: skip
    more = f" and the same of {', '.join(stems[1:])}" if stems[1:] else ""
    return (
        f"Numbers behind brackets, bands and maps, in the folder of this page: "
        f"draws_parameters.csv (the drawn values), {', '.join(names)}{more}."
    )


def sources_table(members: list[MemberTotals], drawn: list[MemberDraws]) -> Table:
    """Whose uncertainty it is: what each vegetation type is drawn from, and what it spreads."""
    groups, units = members[0].groups, units_of(members)
    rows, parameters = [], {}
    for source in drawn[0].record["sources"]:
        for name in source["types"]:
            if name not in groups:
                continue
            names = source["parameters"].get(name, [])
            parameters.setdefault(tuple(names), []).append(name)
            together = [other for other in source["types"] if other != name]
            rows.append((
                name, f"{groups[name].area / groups[REGION].area:.0%}",
                DRAWN_FROM[source["kind"]],
                str(len(names)), ", ".join(together) if source["kind"] != "exact" else "–",
                *(f"{_spread_of(of_scenario(drawn, scenario), name) / units.amount_size:.1f}"
                  for scenario in scenarios(drawn)),
            ))  # fmt: skip
    rows = sorted((tuple(cell or "–" for cell in row) for row in rows),
                  key=lambda row: -groups[row[0]].area)  # fmt: skip
    regional = [
        f"{_spread_of(of_scenario(drawn, scenario), REGION) / units.amount_size:.1f}"
        for scenario in scenarios(drawn)
    ]
    rows.append((REGION, "100%", "all types", "–", "–", *regional))
    head = ("vegetation", "area", "drawn from", "parameters", "varies with",
            *(f"{scenario_name(s)} SD, {units.amount} C" for s in scenarios(drawn)))  # fmt: skip
    record = drawn[0].record
    lists = [f"{', '.join(types)}: {', '.join(names)}" for names, types in parameters.items()
             if names]  # fmt: skip
    note = (
        f"{record['draws']} draws, seed {record['seed']}, the same for every climate model and "
        "scenario. SD of ΣΔNEP over the draws of a climate model (root mean square over models). "
        f"Hashes of the fitted sets: draws_….json. Drawn parameters of {'; of '.join(lists)}."
    )
    return Table("What each vegetation type was drawn from", note, head, rows)


def _spread_of(drawn: list[MemberDraws], group: str) -> float:
    """SD of ΣΔNEP of a group over the draws of a climate model, Tg C."""
    variances = []
    for member in drawn:
        values = values_of([member], group, lambda g: diagnostics(g)["ΣΔNEP"])
        variances.append(np.nanvar(values, ddof=1) if np.isfinite(values).sum() > 1 else np.nan)
    return float(np.sqrt(np.mean(variances)))


def signs_table(drawn: list[MemberDraws]) -> Table:
    """Share of draws in which regional numbers are above zero."""
    rows = []
    numbers = {name: lambda g, n=name: diagnostics(g)[n] for name in _SIGNS}
    for run in ("S_T", "S_R"):
        numbers[f"NEP of {run}, last decade"] = lambda g, r=run: last_mean(g, r, "NEP")
    for name, number in numbers.items():
        row = [name.replace(" last", " of the last year") if name.startswith("Δ") else name]
        for scenario in scenarios(drawn):
            values = values_of(of_scenario(drawn, scenario), REGION, number)
            known = values[np.isfinite(values)]
            row.append(f"{np.mean(known > 0):.0%} of {known.size}" if known.size else "–")
        rows.append(tuple(row))
    note = "Region; draws of all climate models. ΔRH > ΔNPP where ΔNEP is below zero."
    head = ("above zero", *(scenario_name(scenario) for scenario in scenarios(drawn)))
    return Table("Sign of regional numbers", note, head, rows)


def last_mean(group: GroupSeries, run: str, label: str) -> float | NDArray:
    """Mean of the last decade of a run."""
    return group.runs[run][label][-DECADE:].mean(axis=0)


def runs_table(members: list[MemberTotals], drawn: list[MemberDraws], scenario: str) -> Table:
    """Every product of the runs in their last decades, region, with 5–95 % beside."""
    units, rows = units_of(members), []
    chosen, drawn_chosen = of_scenario(members, scenario), of_scenario(drawn, scenario)
    labels = (*_CARBON_RATES, *_CARBON_STOCKS, *_NITROGEN_STOCKS, *_NITROGEN_RATES, *_OWN_UNITS)
    for label in labels:
        size, unit = _size(label, units)
        row = [f"{label}, {unit}"]
        for run in _RUNS:

            def number(group: GroupSeries, run=run, label=label, size=size) -> float | NDArray:
                return last_mean(group, run, label) / size

            row.append(over_members(chosen, REGION, number).text())
            row.append(over_draws(drawn_chosen, REGION, number).text())
        rows.append(tuple(row))
    text = draws_text(drawn_chosen)
    head = ("region", *(f"{run}: {what}" for run in _RUNS for what in ("this run", text)))
    note = f"Means of the last decade of each run; {spread(members)}. {text}: median [5 %, 95 %]."
    return Table(f"Runs in their last decades, {scenario_name(scenario)}", note, head, rows)


def _size(label: str, units: Units) -> tuple[float, str]:
    """Size in Tg, or of its own unit, and unit of a series."""
    if label in _OWN_UNITS:
        return 1.0, _OWN_UNITS[label]
    if label in _CARBON_STOCKS:
        return units.stock_size, f"{units.stock} C"
    element = "C" if label in _CARBON_RATES else "N"
    rate = "" if label in _NITROGEN_STOCKS else " yr⁻¹"
    return units.amount_size, f"{units.amount} {element}{rate}"

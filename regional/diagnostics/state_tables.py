"""Tables of the state of a region: latitude bands, present state, other rules.

``drawn`` are the members with drawn parameters, if there are any.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from temjax.regional.diagnostics import paper
from temjax.regional.diagnostics.comparison import Comparison
from temjax.regional.diagnostics.members import (
    diagnostic,
    drawn_note,
    draws_text,
    interval,
    last_decade,
    of_scenario,
    over_draws,
    over_members,
    over_models,
    scenarios,
    spread,
    still_text,
    still_years,
    units_of,
)
from temjax.regional.diagnostics.naming import scenario_name
from temjax.regional.diagnostics.tables import Drawn, Table, paper_text
from temjax.regional.diagnostics.totals import (
    REGION,
    GroupSeries,
    MemberSeries,
    MemberTotals,
    diagnostics,
)

PRESENT = (2006, 2015)
_PRESENT = {"ALT": None, "MAGT": None, "SOC": 1e-3, "SON": 1e-3}  # scale of a density


def band_table(members: list[MemberTotals], drawn: Drawn = ()) -> Table:
    """Area, active layer, exposure and its effect by latitude band, per area."""
    rows = []
    for band in members[0].bands:
        for scenario in scenarios(members):
            chosen, drawn_chosen = of_scenario(members, scenario), of_scenario(drawn, scenario)
            numbers = [over_members(chosen, band, of).text(n) for of, n in _BAND_NUMBERS]
            area = f"{chosen[0].bands[band].area:,.4g}"
            still = still_text(chosen, band)
            rows.append((band, scenario_name(scenario), area, still, *numbers))
            if drawn_chosen:
                numbers = [over_draws(drawn_chosen, band, of).text(n) for of, n in _BAND_NUMBERS]
                label = f"{scenario_name(scenario)}, {draws_text(drawn_chosen)}"
                rows.append((band, label, area, "–", *numbers))
    years = " → ".join(map(str, still_years(members)))
    head = ("latitude", "scenario", "area, km²", f"stands still by {years}",
            "ALT at the branch, m", "ALT, last decade, m", "SOC_PF, g C m⁻²", "ΣΔNPP, g C m⁻²",
            "ΣΔRH, g C m⁻²", "ΣΔNEP, g C m⁻²")  # fmt: skip
    note = f"Per area of the band; {spread(members)}.{drawn_note(drawn)}"
    return Table("By latitude band", note, head, rows)


def _branch_layer(group: GroupSeries) -> float | NDArray:
    return group.runs["historical"]["ALT"][-1]


def _last_layer(group: GroupSeries) -> float | NDArray:
    return group.runs["S_T"]["ALT"][-10:].mean(axis=0)


def _per_area(name: str) -> Callable[[GroupSeries], float | NDArray]:
    return lambda group: group.density(diagnostics(group)[name])


_BAND_NUMBERS = (  # numbers of a band and their digits
    (_branch_layer, 2), (_last_layer, 2),
    *((_per_area(name), 0) for name in ("SOC_PF", "ΣΔNPP", "ΣΔRH", "ΣΔNEP")),
)  # fmt: skip


def present_years(members: list[MemberTotals], comparison: Comparison) -> tuple[int, int]:
    """Years of the present state: the paper's, or the last decade of the history."""
    years = members[0].years["historical"]
    if comparison.place and years[0] <= PRESENT[0] and years[-1] >= PRESENT[1]:
        return PRESENT
    return last_decade(years)


def present_state(members: list[MemberTotals], comparison: Comparison, drawn: Drawn = ()) -> Table:
    """Table of area, active layer and soil stocks by vegetation type at present."""
    rows, span = [], present_years(members, comparison)
    for group in (REGION, *sorted({g for m in members for g in m.groups} - {REGION})):
        chosen = [member for member in members if group in member.groups]
        area = f"{chosen[0].groups[group].area / 1e3:,.4g}"
        row = [group, area]
        for name, scale in _PRESENT.items():
            number = partial(_present_mean, group=group, name=name, scale=scale, span=span)
            row.append(over_models(chosen, number).text())
        if comparison.place:
            row.append(paper_text(paper.ALT_NOW.get(group)))
        rows.append(tuple(row))
        drawn_chosen = [member for member in drawn if group in member.groups]
        if drawn_chosen:
            row = [f"{group}, {draws_text(drawn)}", area]
            for name, scale in _PRESENT.items():
                values = [_present_mean(m, group, name, scale, span) for m in drawn_chosen]
                row.append(interval(np.concatenate(values)).text())
            rows.append((*row, "–") if comparison.place else tuple(row))
    head = ("vegetation", "area, 10³ km²", "ALT, m", "MAGT, °C", "SOC, kg C m⁻²", "SON, kg N m⁻²")
    head += ("ALT in the paper, m",) if comparison.place else ()
    note = f"Means of {span[0]}–{span[1]} over the area; {spread(members)}.{drawn_note(drawn)}"
    return Table("Present state", note, head, rows)


def _present_mean(
    member: MemberSeries, group: str, name: str, scale: float | None, span: tuple[int, int]
) -> float | NDArray:
    totals, years = member.groups[group], member.years["historical"]
    values = totals.runs["historical"][name][(years >= span[0]) & (years <= span[1])]
    mean = values.mean(axis=0)
    return mean if scale is None else totals.density(mean) * scale


def rules_table(members: list[MemberTotals], others: dict[str, list[MemberTotals]]) -> Table:
    """Table of runs with other rules of active layer and root-zone nitrogen."""
    rows, units = [], units_of(members)
    carbon, amount = f"{units.stock} C", f"{units.amount} C"
    for run in (members, *others.values()):
        attributes = run[0].stored.attributes
        for scenario in scenarios(run):
            chosen = of_scenario(run, scenario)
            ends = (over_members(chosen, REGION, of) for of in (_branch_layer, _last_layer))
            names = ("ΣΔNPP", "ΣΔRH", "ΣΔNEP", "decomposed fraction", "N-use fraction")
            rows.append((
                f"{attributes['active_layer_rule']}, {attributes['root_zone_nitrogen']}, "
                f"{scenario_name(scenario)}",
                str(len(chosen)),
                *(value.text() for value in ends),
                diagnostic(chosen, REGION, "SOC_PF", units).text(),
                still_text(chosen, REGION),
                *(diagnostic(chosen, REGION, name, units).text() for name in names),
            ))  # fmt: skip
    head = ("rules, scenario", "members", "ALT at the branch, m", "ALT, last decade, m",
            f"SOC_PF, {carbon}", "area that stands still", f"ΣΔNPP, {amount}", f"ΣΔRH, {carbon}",
            f"ΣΔNEP, {amount}", "decomposed", "N use")  # fmt: skip
    note = "'literal' takes taliks for the active layer: its exposure is not to be trusted."
    return Table("The same region under other rules", note, head, rows)

"""Tables of a run: fluxes, balance due to thaw, vegetation types.

Where the region is the paper's (``comparison``) they are its Tables 1–3 with its numbers beside.
``drawn`` are the members with drawn parameters, if there are any: their medians and 5–95 % stand
beside.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from temjax.regional.diagnostics import paper
from temjax.regional.diagnostics.comparison import Comparison
from temjax.regional.diagnostics.members import (
    CARBON,
    MeanSD,
    diagnostic,
    drawn_note,
    draws_text,
    interval,
    last_decade,
    mean_sd,
    number_of,
    of_scenario,
    over_draws,
    period_mean,
    rule_of,
    scenarios,
    spread,
    still_text,
    still_years,
    units_of,
)
from temjax.regional.diagnostics.naming import scenario_name
from temjax.regional.diagnostics.totals import (
    MEADOW,
    REGION,
    STEPPE,
    MemberSeries,
    MemberTotals,
)

PETAGRAM = 1000.0  # Tg
PERIODS = {"2006–2011": (2006, 2011), "2090s": (2090, 2099)}

Known = dict[str, dict[str, tuple[float, float]]]
Drawn = Sequence[MemberSeries]


@dataclass(frozen=True)
class Table:
    """Table of text: caption, note, head and rows."""

    caption: str
    note: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def paper_text(value: tuple[float, float] | None, digits: int = 2) -> str:
    return "–" if value is None else MeanSD(*value).text(digits)


def periods(members: list[MemberTotals], comparison: Comparison) -> dict[str, tuple[int, int]]:
    """Periods of the flux table: the paper's, or the last decades of the history and the future."""
    years = members[0].years
    first, last = int(years["historical"][0]), int(years["future"][-1])
    known = {n: p for n, p in PERIODS.items() if first <= p[0] and p[1] <= last}
    if comparison.place and known:
        return known
    decades = (last_decade(years[run]) for run in ("historical", "future"))
    return {f"{start}–{end}": (start, end) for start, end in decades}


def flux_table(members: list[MemberTotals], comparison: Comparison, drawn: Drawn = ()) -> Table:
    """Regional fluxes: totals and densities by period; the paper's Table 1 where it compares."""
    rows, units = [], units_of(members)
    for scenario in scenarios(members):
        chosen = of_scenario(members, scenario)
        for period, span in periods(members, comparison).items():
            row = [f"this run, S_T, {period} {scenario_name(scenario)}"]
            for name in ("NPP", "RH", "NEP"):
                total = mean_sd(
                    period_mean(member, name, span) / units.amount_size for member in chosen
                )
                density = mean_sd(
                    m.groups[REGION].density(period_mean(m, name, span)) for m in chosen
                )
                row += [total.text(1), density.text(1)]
            rows.append(tuple(row))
            rows += _drawn_fluxes(of_scenario(drawn, scenario), span, units.amount_size, period)
    if comparison.place:
        for label, values in paper.TABLE_1.items():
            period, scenario = label.split()
            of = f"Liu et al. 2022, TEM, {period} {scenario_name(scenario)}"
            rows.append((of, *_flux_texts(values, comparison.totals)))
        for model, period, source, *values in paper.OTHER_STUDIES:
            rows.append((f"{source}, {model}, {period}", *_flux_texts(values, comparison.totals)))
    head = ("study and period" if comparison.place else "run and period", "NPP total", "density",
            "RH total", "density", "NEP total", "density")  # fmt: skip
    note = f"Totals in {units.amount} C yr⁻¹, densities in g C m⁻² yr⁻¹; {spread(members)}."
    return Table(_caption(comparison, 1, "Regional carbon fluxes"), note, head, rows)


def _drawn_fluxes(
    drawn: Drawn, span: tuple[int, int], size: float, period: str
) -> list[tuple[str, ...]]:
    """The rows of a scenario's draws, if it has any: medians, and 5–95 %."""
    if not drawn:
        return []
    medians = [f"{draws_text(drawn)}, median, {period} {scenario_name(drawn[0].scenario)}"]
    ends = ["5 to 95 %"]
    for name in ("NPP", "RH", "NEP"):
        totals = np.concatenate([period_mean(member, name, span) for member in drawn])
        for values in (totals / size, drawn[0].groups[REGION].density(totals)):
            medians.append(mean_sd([interval(values).median]).text(1))
            ends.append(interval(values).ends(1))
    return [tuple(medians), tuple(ends)]


def _caption(comparison: Comparison, number: int, text: str) -> str:
    return f"Table {number}. {text}" if comparison.place else text


def _flux_texts(values: Iterable[tuple[float | None, float | None]], totals: bool) -> list[str]:
    texts = []
    for total, density in values:
        shown = (total if totals else None, density)
        texts += ["–" if value is None else f"{value:.1f}" for value in shown]
    return texts


def balance_table(members: list[MemberTotals], comparison: Comparison, drawn: Drawn = ()) -> Table:
    """Soil carbon and nitrogen balance due to thaw with net changes; the paper's Table 2."""
    units = units_of(members)
    carbon, nitrogen = f"{units.stock} C", f"{units.amount} N"
    labels = dict.fromkeys(("ΔSOC", "ΣΔLTRC", "ΣΔRH", "SOC_PF"), carbon)
    known = comparison.known(paper.TABLE_2)
    rows = _comparison_rows(members, REGION, labels, known, drawn)
    rows += _still_rows(members, REGION, known, drawn)
    labels = {"decomposed fraction": "(ΣΔRH−ΣΔLTRC)/SOC_PF"}
    labels |= dict.fromkeys(("ΔSON", "ΣΔLTRN", "ΣΔNetNMin", "SON_PF"), nitrogen)
    labels |= {"N-use fraction": "ΣΔVegNup/SON_PF"}
    rows += _comparison_rows(members, REGION, labels, known, drawn)
    amount = f"{units.amount} C"
    rest = {"SOC_PF residual": amount, "ΣΔNPP": amount, "ΣΔNEP": amount, "ΔSOC_NET": carbon,
            "ΔEcoC_NET": carbon, "ΔNPP last": f"{amount} yr⁻¹",
            "ΔRH last": f"{amount} yr⁻¹"}  # fmt: skip
    in_text = {
        scenario: {
            name: (
                tuple(v / PETAGRAM for v in values[scenario]) if name in CARBON
                else values[scenario]
            )
            for name, values in paper.TEXT.items()
            if scenario in values
        }
        for scenario in paper.TABLE_2
    }  # fmt: skip
    rows += _comparison_rows(members, REGION, rest, comparison.known(in_text), drawn)
    note = (
        "Δ = S_T − S_R at the end of the run, Σ from the year after the branch; "
        f"{spread(members)}. SOC_PF is the model's log; its residual is what the soil budget "
        "leaves. Where the active layer stands still nothing is exposed."
    )
    return Table(
        _caption(comparison, 2, "Soil carbon and nitrogen balance due to permafrost thaw"),
        note + drawn_note(drawn), _head(members, known, drawn), rows,
    )  # fmt: skip


def _head(members: list[MemberTotals], known: Known, drawn: Drawn) -> tuple[str, ...]:
    cells = ["quantity"]
    for scenario in scenarios(members):
        who = ["this run"]
        who += [draws_text(drawn)] if drawn else []
        who += ["paper"] if scenario in known else []
        cells += [f"{scenario_name(scenario)} {name}" for name in who]
    return tuple(cells)


def _comparison_rows(
    members: list[MemberTotals], group: str, units: dict[str, str], known: Known, drawn: Drawn
) -> list[tuple[str, ...]]:
    """Rows of diagnostics with their units; a scenario of the paper has its numbers beside."""
    rows, region_units = [], units_of(members)
    for name, unit in units.items():
        row = [f"{name}, {unit}"]
        for scenario in scenarios(members):
            simulated = diagnostic(of_scenario(members, scenario), group, name, region_units)
            row.append(simulated.text())
            if drawn:
                number = number_of(name, region_units)
                row.append(over_draws(of_scenario(drawn, scenario), group, number).text())
            if scenario in known:
                row.append(paper_text(known[scenario].get(name)))
        rows.append(tuple(row))
    return rows


def _still_rows(
    members: list[MemberTotals], group: str, known: Known, drawn: Drawn
) -> list[tuple[str, ...]]:
    """Row of the share of area that stands still, which stands beside SOC_PF."""
    years = " → ".join(map(str, still_years(members)))
    row = [f"area where '{rule_of(members)}' stands still by {years}"]
    for scenario in scenarios(members):
        row.append(still_text(of_scenario(members, scenario), group))
        row += ["–"] * (bool(drawn) + (scenario in known))
    return [tuple(row)]


def vegetation_types(members: list[MemberTotals], comparison: Comparison) -> list[str]:
    """Vegetation types of a run: meadow and steppe first on the plateau, else by area."""
    area = {name: group.area for m in members for name, group in m.groups.items()}
    names = sorted(set(area) - {REGION}, key=lambda name: (-area[name], name))
    if comparison.place:
        names = [MEADOW, STEPPE, *sorted(set(names) - {MEADOW, STEPPE})]
    return names


def type_table(members: list[MemberTotals], comparison: Comparison, drawn: Drawn = ()) -> Table:
    """Exposure and what follows by vegetation type; the paper's Table 3 where it compares."""
    known = comparison.known(paper.TABLE_2)
    by_type = {name: comparison.known(values) for name, values in paper.TABLE_3.items()}
    if not comparison.totals:
        known, by_type = {}, {}  # the paper prints totals only
    rows = []
    for group in vegetation_types(members, comparison):
        empty = {scenario: {} for scenario in known}
        rows += _group_rows(members, group, empty | by_type.get(group, {}), drawn)
    note = "As the table before."
    if comparison.totals:
        note = "As Table 2. The paper prints meadow and steppe only."
    head = _head(members, known, drawn)
    return Table(_caption(comparison, 3, "By vegetation type"), note, head, rows)


def _group_rows(
    members: list[MemberTotals], group: str, known: Known, drawn: Drawn
) -> list[tuple[str, ...]]:
    units = units_of(members)
    carbon, nitrogen = f"{units.stock} C", f"{units.amount} N"
    labels = {"ΣΔRH": carbon, "SON_PF": nitrogen, "ΣΔVegNup": nitrogen}
    rows = _comparison_rows(members, group, {"SOC_PF": carbon}, known, drawn)
    rows += _still_rows(members, group, known, drawn)
    rows += _comparison_rows(members, group, labels, known, drawn)
    return [(f"{group}: {name}", *cells) for name, *cells in rows]

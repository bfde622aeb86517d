"""Tables of a run: fluxes, balance due to thaw, vegetation types, latitude bands, other rules.

Where the region is the paper's (``comparison``) they are its Tables 1–3 with its numbers beside.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from numpy.typing import NDArray

from temjax.regional.diagnostics import paper
from temjax.regional.diagnostics.comparison import Comparison
from temjax.regional.diagnostics.members import (
    CARBON,
    MeanSD,
    diagnostic,
    last_decade,
    mean_sd,
    of_scenario,
    over_members,
    over_models,
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
    MemberTotals,
    diagnostics,
)

PETAGRAM = 1000.0  # Tg
PERIODS = {"2006–2011": (2006, 2011), "2090s": (2090, 2099)}
PRESENT = (2006, 2015)

Known = dict[str, dict[str, tuple[float, float]]]


@dataclass(frozen=True)
class Table:
    """Table of text: caption, note, head and rows."""

    caption: str
    note: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def _paper_text(value: tuple[float, float] | None, digits: int = 2) -> str:
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


def flux_table(members: list[MemberTotals], comparison: Comparison) -> Table:
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


def _caption(comparison: Comparison, number: int, text: str) -> str:
    return f"Table {number}. {text}" if comparison.place else text


def _flux_texts(values: Iterable[tuple[float | None, float | None]], totals: bool) -> list[str]:
    texts = []
    for total, density in values:
        shown = (total if totals else None, density)
        texts += ["–" if value is None else f"{value:.1f}" for value in shown]
    return texts


def balance_table(members: list[MemberTotals], comparison: Comparison) -> Table:
    """Soil carbon and nitrogen balance due to thaw with net changes; the paper's Table 2."""
    units = units_of(members)
    carbon, nitrogen = f"{units.stock} C", f"{units.amount} N"
    labels = dict.fromkeys(("ΔSOC", "ΣΔLTRC", "ΣΔRH", "SOC_PF"), carbon)
    rows = _comparison_rows(members, REGION, labels, comparison.known(paper.TABLE_2))
    rows += _still_rows(members, REGION, comparison.known(paper.TABLE_2))
    labels = {"decomposed fraction": "(ΣΔRH−ΣΔLTRC)/SOC_PF"}
    labels |= dict.fromkeys(("ΔSON", "ΣΔLTRN", "ΣΔNetNMin", "SON_PF"), nitrogen)
    labels |= {"N-use fraction": "ΣΔVegNup/SON_PF"}
    rows += _comparison_rows(members, REGION, labels, comparison.known(paper.TABLE_2))
    amount = f"{units.amount} C"
    rest = {"SOC_PF residual": amount, "ΣΔNPP": amount, "ΣΔNEP": amount, "ΔSOC_NET": carbon,
            "ΔEcoC_NET": carbon, "ΔNPP last": f"{amount} yr⁻¹",
            "ΔRH last": f"{amount} yr⁻¹"}  # fmt: skip
    known = {
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
    rows += _comparison_rows(members, REGION, rest, comparison.known(known))
    note = (
        "Δ = S_T − S_R at the end of the run, Σ from the year after the branch; "
        f"{spread(members)}. SOC_PF is the model's log; its residual is what the soil budget "
        "leaves. Where the active layer stands still nothing is exposed."
    )
    return Table(
        _caption(comparison, 2, "Soil carbon and nitrogen balance due to permafrost thaw"),
        note, _head(members, comparison.known(paper.TABLE_2)), rows,
    )  # fmt: skip


def _head(members: list[MemberTotals], known: Known) -> tuple[str, ...]:
    cells = ["quantity"]
    for scenario in scenarios(members):
        who = ("this run", "paper") if scenario in known else ("this run",)
        cells += [f"{scenario_name(scenario)} {name}" for name in who]
    return tuple(cells)


def _comparison_rows(
    members: list[MemberTotals], group: str, units: dict[str, str], known: Known
) -> list[tuple[str, ...]]:
    """Rows of diagnostics with their units; a scenario of the paper has its numbers beside."""
    rows, region_units = [], units_of(members)
    for name, unit in units.items():
        row = [f"{name}, {unit}"]
        for scenario in scenarios(members):
            simulated = diagnostic(of_scenario(members, scenario), group, name, region_units)
            row.append(simulated.text())
            if scenario in known:
                row.append(_paper_text(known[scenario].get(name)))
        rows.append(tuple(row))
    return rows


def _still_rows(members: list[MemberTotals], group: str, known: Known) -> list[tuple[str, ...]]:
    """Row of the share of area that stands still, which stands beside SOC_PF."""
    years = " → ".join(map(str, still_years(members)))
    row = [f"area where '{rule_of(members)}' stands still by {years}"]
    for scenario in scenarios(members):
        row.append(still_text(of_scenario(members, scenario), group))
        if scenario in known:
            row.append("–")
    return [tuple(row)]


def vegetation_types(members: list[MemberTotals], comparison: Comparison) -> list[str]:
    """Vegetation types of a run: meadow and steppe first on the plateau, else by area."""
    area = {name: group.area for m in members for name, group in m.groups.items()}
    names = sorted(set(area) - {REGION}, key=lambda name: (-area[name], name))
    if comparison.place:
        names = [MEADOW, STEPPE, *sorted(set(names) - {MEADOW, STEPPE})]
    return names


def type_table(members: list[MemberTotals], comparison: Comparison) -> Table:
    """Exposure and what follows by vegetation type; the paper's Table 3 where it compares."""
    known = comparison.known(paper.TABLE_2)
    by_type = {name: comparison.known(values) for name, values in paper.TABLE_3.items()}
    if not comparison.totals:
        known, by_type = {}, {}  # the paper prints totals only
    rows = []
    for group in vegetation_types(members, comparison):
        empty = {scenario: {} for scenario in known}
        rows += _group_rows(members, group, empty | by_type.get(group, {}))
    note = "As the table before."
    if comparison.totals:
        note = "As Table 2. The paper prints meadow and steppe only."
    return Table(_caption(comparison, 3, "By vegetation type"), note, _head(members, known), rows)


def _group_rows(members: list[MemberTotals], group: str, known: Known) -> list[tuple[str, ...]]:
    units = units_of(members)
    carbon, nitrogen = f"{units.stock} C", f"{units.amount} N"
    labels = {"ΣΔRH": carbon, "SON_PF": nitrogen, "ΣΔVegNup": nitrogen}
    rows = _comparison_rows(members, group, {"SOC_PF": carbon}, known)
    rows += _still_rows(members, group, known)
    rows += _comparison_rows(members, group, labels, known)
    return [(f"{group}: {name}", *cells) for name, *cells in rows]


def band_table(members: list[MemberTotals]) -> Table:
    """Area, active layer, exposure and its effect by latitude band, per area."""
    rows = []
    for band in members[0].bands:
        for scenario in scenarios(members):
            chosen = of_scenario(members, scenario)
            ends = (
                over_members(chosen, band, lambda g: float(g.runs["historical"]["ALT"][-1])),
                over_members(chosen, band, lambda g: float(g.runs["S_T"]["ALT"][-10:].mean())),
            )
            per_area = (
                over_members(chosen, band, lambda g, n=n: float(g.density(diagnostics(g)[n])))
                for n in ("SOC_PF", "ΣΔNPP", "ΣΔRH", "ΣΔNEP")
            )
            exposed, *effects = (value.text(0) for value in per_area)
            rows.append((
                band, scenario_name(scenario), f"{chosen[0].bands[band].area:,.4g}",
                *(value.text() for value in ends), exposed, still_text(chosen, band), *effects,
            ))  # fmt: skip
    years = " → ".join(map(str, still_years(members)))
    head = ("latitude", "scenario", "area, km²", "ALT at the branch, m", "ALT, last decade, m",
            "SOC_PF, g C m⁻²", f"stands still by {years}", "ΣΔNPP, g C m⁻²", "ΣΔRH, g C m⁻²",
            "ΣΔNEP, g C m⁻²")  # fmt: skip
    note = f"Per area of the band; {spread(members)}."
    return Table("By latitude band", note, head, rows)


def present_years(members: list[MemberTotals], comparison: Comparison) -> tuple[int, int]:
    """Years of the present state: the paper's, or the last decade of the history."""
    years = members[0].years["historical"]
    if comparison.place and years[0] <= PRESENT[0] and years[-1] >= PRESENT[1]:
        return PRESENT
    return last_decade(years)


def present_state(members: list[MemberTotals], comparison: Comparison) -> Table:
    """Table of area, active layer and soil stocks by vegetation type at present."""
    rows, span = [], present_years(members, comparison)
    for group in (REGION, *sorted({g for m in members for g in m.groups} - {REGION})):
        chosen = [member for member in members if group in member.groups]
        row = [group, f"{chosen[0].groups[group].area / 1e3:,.4g}"]
        for name, scale in (("ALT", None), ("MAGT", None), ("SOC", 1e-3), ("SON", 1e-3)):
            row.append(
                over_models(
                    chosen,
                    lambda m, g=group, n=name, s=scale: _present_mean(m, g, n, s, span),
                ).text()
            )
        if comparison.place:
            row.append(_paper_text(paper.ALT_NOW.get(group)))
        rows.append(tuple(row))
    head = ("vegetation", "area, 10³ km²", "ALT, m", "MAGT, °C", "SOC, kg C m⁻²", "SON, kg N m⁻²")
    head += ("ALT in the paper, m",) if comparison.place else ()
    note = f"Means of {span[0]}–{span[1]} over the area; {spread(members)}."
    return Table("Present state", note, head, rows)


def _present_mean(
    member: MemberTotals, group: str, name: str, scale: float | None, span: tuple[int, int]
) -> float:
    totals, years = member.groups[group], member.years["historical"]
    values: NDArray = totals.runs["historical"][name][(years >= span[0]) & (years <= span[1])]
    mean = float(values.mean())
    return mean if scale is None else float(totals.density(mean)) * scale


def rules_table(members: list[MemberTotals], others: dict[str, list[MemberTotals]]) -> Table:
    """Table of runs with other rules of active layer and root-zone nitrogen."""
    rows, units = [], units_of(members)
    carbon, amount = f"{units.stock} C", f"{units.amount} C"
    for run in (members, *others.values()):
        attributes = run[0].stored.attributes
        for scenario in scenarios(run):
            chosen = of_scenario(run, scenario)
            ends = (
                over_members(chosen, REGION, lambda g: float(g.runs["historical"]["ALT"][-1])),
                over_members(chosen, REGION, lambda g: float(g.runs["S_T"]["ALT"][-10:].mean())),
            )
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

"""Tables 1–3 of the paper from the members of a run, with the paper's numbers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.regional.diagnostics import paper
from temjax.regional.diagnostics.totals import (
    MEADOW,
    REGION,
    STEPPE,
    GroupTotals,
    MemberTotals,
    diagnostics,
)

PETAGRAM = 1000.0  # Tg
PERIODS = {"2006–2011": (2006, 2011), "2090s": (2090, 2099)}
_CARBON = ("ΔSOC", "ΣΔLTRC", "ΣΔRH", "SOC_PF", "ΔSOC_NET", "ΔEcoC_NET")


@dataclass(frozen=True)
class MeanSD:
    """Mean and standard deviation (n − 1) over members; SD is NaN for one member."""

    mean: float
    sd: float

    def text(self, digits: int = 2) -> str:
        """Format as ``mean ± SD``; a single member has no SD."""
        if not np.isfinite(self.mean):
            return "–"
        sd = f" ± {self.sd:.{digits}f}" if np.isfinite(self.sd) else ""
        return f"{self.mean:.{digits}f}{sd}".replace("-", "−")


@dataclass(frozen=True)
class Table:
    """Table of text: caption, note, head and rows."""

    caption: str
    note: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def mean_sd(values: Iterable[float]) -> MeanSD:
    """Mean and SD of the members' values."""
    array = np.array(list(values), dtype=float)
    sd = float(array.std(ddof=1)) if array.size > 1 else float("nan")
    return MeanSD(float(array.mean()), sd)


def scenarios(members: list[MemberTotals]) -> list[str]:
    """Scenarios of a run, sorted."""
    return sorted({member.scenario for member in members})


def of_scenario(members: list[MemberTotals], scenario: str) -> list[MemberTotals]:
    """The members of one scenario."""
    return [member for member in members if member.scenario == scenario]


def over_members(
    members: list[MemberTotals], group: str, number: Callable[[GroupTotals], float]
) -> MeanSD:
    """Mean and SD of a number of one group; NaN where no member has the group."""
    values = [number(member.groups[group]) for member in members if group in member.groups]
    return mean_sd(values) if values else MeanSD(float("nan"), float("nan"))


def diagnostic(members: list[MemberTotals], group: str, name: str) -> MeanSD:
    """Mean and SD of one diagnostic; carbon stocks and sums of the tables in Pg."""
    scale = PETAGRAM if name in _CARBON else 1.0
    return over_members(members, group, lambda totals: diagnostics(totals)[name] / scale)


def _paper_text(value: tuple[float, float] | None, digits: int = 2) -> str:
    return "–" if value is None else MeanSD(*value).text(digits)


def period_mean(member: MemberTotals, name: str, period: tuple[int, int]) -> float:
    """Mean regional total (Tg yr⁻¹) of a flux in S_T over calendar years; NaN without them all."""
    totals = member.groups[REGION]
    years = np.concatenate([member.years["historical"], member.years["future"]])
    values = np.concatenate([totals.runs[run][name] for run in ("historical", "S_T")])
    chosen = (years >= period[0]) & (years <= period[1])
    return float(values[chosen].mean()) if chosen.sum() == period[1] - period[0] + 1 else np.nan


def table_1(members: list[MemberTotals]) -> Table:
    """Table 1, regional fluxes: totals and densities by period, with those of other studies."""
    rows = []
    for scenario in scenarios(members):
        chosen = of_scenario(members, scenario)
        for period, span in PERIODS.items():
            row = [f"this run, S_T, {period} {scenario}"]
            for name in ("NPP", "RH", "NEP"):
                total = mean_sd(period_mean(member, name, span) for member in chosen)
                density = mean_sd(
                    m.groups[REGION].density(period_mean(m, name, span)) for m in chosen
                )
                row += [total.text(1), density.text(1)]
            rows.append(tuple(row))
    for period, values in paper.TABLE_1.items():
        rows.append((f"Liu et al. 2022, TEM, {period}", *_flux_texts(values)))
    for model, period, source, *values in paper.OTHER_STUDIES:
        rows.append((f"{source}, {model}, {period}", *_flux_texts(values)))
    head = ("study and period", "NPP total", "density", "RH total", "density", "NEP total",
            "density")  # fmt: skip
    note = "Totals in Tg C yr⁻¹, densities in g C m⁻² yr⁻¹; mean ± SD over climate models."
    return Table("Table 1. Regional carbon fluxes", note, head, rows)


def _flux_texts(values: Iterable[tuple[float | None, float | None]]) -> list[str]:
    return ["–" if value is None else f"{value:.1f}" for pair in values for value in pair]


def table_2(members: list[MemberTotals]) -> Table:
    """Table 2, soil carbon and nitrogen balance due to thaw, with net changes."""
    units = dict.fromkeys(("ΔSOC", "ΣΔLTRC", "ΣΔRH", "SOC_PF"), "Pg C")
    units |= {"decomposed fraction": "(ΣΔRH−ΣΔLTRC)/SOC_PF"}
    units |= dict.fromkeys(("ΔSON", "ΣΔLTRN", "ΣΔNetNMin", "SON_PF"), "Tg N")
    units |= {"N-use fraction": "ΣΔVegNup/SON_PF"}
    rows = _comparison_rows(members, REGION, units, paper.TABLE_2)
    rest = {"SOC_PF residual": "Tg C", "ΣΔNPP": "Tg C", "ΣΔNEP": "Tg C", "ΔSOC_NET": "Pg C",
            "ΔEcoC_NET": "Pg C", "ΔNPP last": "Tg C yr⁻¹", "ΔRH last": "Tg C yr⁻¹"}  # fmt: skip
    known = {
        scenario: {
            name: (
                tuple(v / PETAGRAM for v in values[scenario]) if name in _CARBON
                else values[scenario]
            )
            for name, values in paper.TEXT.items()
            if scenario in values
        }
        for scenario in paper.TABLE_2
    }  # fmt: skip
    rows += _comparison_rows(members, REGION, rest, known)
    note = (
        "Δ = S_T − S_R at the end of the run, Σ from the year after the branch; mean ± SD over "
        "climate models. SOC_PF is the model's log; its residual is what the soil budget leaves."
    )
    return Table(
        "Table 2. Soil carbon and nitrogen balance due to permafrost thaw",
        note, _head(members), rows,
    )  # fmt: skip


def _head(members: list[MemberTotals]) -> tuple[str, ...]:
    names = scenarios(members)
    return ("quantity", *(f"{s} {who}" for s in names for who in ("this run", "paper")))


def _comparison_rows(
    members: list[MemberTotals],
    group: str,
    units: dict[str, str],
    known: dict[str, dict[str, tuple[float, float]]],
) -> list[tuple[str, ...]]:
    rows = []
    for name, unit in units.items():
        row = [f"{name}, {unit}"]
        for scenario in scenarios(members):
            simulated = diagnostic(of_scenario(members, scenario), group, name)
            row += [simulated.text(), _paper_text(known.get(scenario, {}).get(name))]
        rows.append(tuple(row))
    return rows


def table_3(members: list[MemberTotals]) -> Table:
    """Table 3, meadow and steppe, and the other vegetation types of the run."""
    units = {"SOC_PF": "Pg C", "ΣΔRH": "Pg C", "SON_PF": "Tg N", "ΣΔVegNup": "Tg N"}
    others = sorted({g for m in members for g in m.groups} - {REGION, MEADOW, STEPPE})
    rows = []
    for group in (MEADOW, STEPPE, *others):
        for name, *cells in _comparison_rows(members, group, units, paper.TABLE_3.get(group, {})):
            rows.append((f"{group}: {name}", *cells))
    note = "As Table 2. The paper prints meadow and steppe only."
    return Table("Table 3. By vegetation type", note, _head(members), rows)


def present_state(members: list[MemberTotals]) -> Table:
    """Table of area, active layer and soil stocks by vegetation type in 2006–2015."""
    rows = []
    groups = sorted({g for m in members for g in m.groups}, key=lambda g: (g != REGION, g))
    for group in groups:
        chosen = [member for member in members if group in member.groups]
        area = chosen[0].groups[group].area
        row = [group, f"{area / 1e3:,.0f}"]
        for name, scale in (("ALT", None), ("MAGT", None), ("SOC", 1e-3), ("SON", 1e-3)):
            row.append(
                mean_sd(_present_mean(member, group, name, scale) for member in chosen).text()
            )
        row.append(_paper_text(paper.ALT_NOW.get(group)))
        rows.append(tuple(row))
    head = ("vegetation", "area, 10³ km²", "ALT, m", "MAGT, °C", "SOC, kg C m⁻²", "SON, kg N m⁻²",
            "ALT in the paper, m")  # fmt: skip
    note = "Means of 2006–2015 over the area, mean ± SD over all members."
    return Table("Present state", note, head, rows)


def _present_mean(member: MemberTotals, group: str, name: str, scale: float | None) -> float:
    totals, years = member.groups[group], member.years["historical"]
    values: NDArray = totals.runs["historical"][name][(years >= 2006) & (years <= 2015)]
    if values.size == 0:
        return np.nan
    mean = float(values.mean())
    return mean if scale is None else float(totals.density(mean)) * scale


def rules_table(members: list[MemberTotals], others: dict[str, list[MemberTotals]]) -> Table:
    """Table of runs with other rules of active layer and root-zone nitrogen."""
    rows = []
    for run in (members, *others.values()):
        attributes = run[0].stored.attributes
        for scenario in scenarios(run):
            chosen = of_scenario(run, scenario)
            ends = (
                over_members(chosen, REGION, lambda g: float(g.runs["historical"]["ALT"][-1])),
                over_members(chosen, REGION, lambda g: float(g.runs["S_T"]["ALT"][-10:].mean())),
            )
            names = ("SOC_PF", "ΣΔNPP", "ΣΔRH", "ΣΔNEP", "decomposed fraction", "N-use fraction")
            rows.append((
                f"{attributes['active_layer_rule']}, {attributes['root_zone_nitrogen']}, "
                f"{scenario}",
                str(len(chosen)),
                *(value.text() for value in ends),
                *(diagnostic(chosen, REGION, name).text() for name in names),
            ))  # fmt: skip
    head = ("rules, scenario", "members", "ALT at the branch, m", "ALT, last decade, m",
            "SOC_PF, Pg C", "ΣΔNPP, Tg C", "ΣΔRH, Pg C", "ΣΔNEP, Tg C", "decomposed",
            "N use")  # fmt: skip
    note = "'literal' takes taliks for the active layer: its exposure is not to be trusted."
    return Table("The same region under other rules", note, head, rows)

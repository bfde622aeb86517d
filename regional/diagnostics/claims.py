"""Qualitative claims of the paper checked against a run, and a summary of the run in words."""

from dataclasses import dataclass

import numpy as np

from temjax.regional.diagnostics.tables import (
    MeanSD,
    diagnostic,
    mean_sd,
    of_scenario,
    over_members,
    period_mean,
    scenarios,
)
from temjax.regional.diagnostics.totals import (
    MEADOW,
    REGION,
    STEPPE,
    GroupTotals,
    MemberTotals,
    diagnostics,
)

SMALL_PART = 0.3  # of exposed nitrogen; the paper says 0.12–0.15
LITTLE_DEEPENING = 0.02  # m, below which a response per metre is not defined


@dataclass(frozen=True)
class Claim:
    """Claim of the paper checked for one scenario.

    Attributes:
        scenario: pathway.
        text: the claim.
        holds: whether most members agree; None where no member can tell.
        members: in how many members it holds, of how many.
        numbers: of this run, as text.
        why: likely cause of a disagreement; empty where it holds.
    """

    scenario: str
    text: str
    holds: bool | None
    members: str
    numbers: str
    why: str


def deepening(group: GroupTotals) -> float:
    """Increase of the group's mean active layer from the branch to the last decade, m."""
    return float(group.runs["S_T"]["ALT"][-10:].mean() - group.runs["historical"]["ALT"][-1])


def per_metre(group: GroupTotals, total: float) -> float:
    """A total (Tg) per area and metre of deepening, g m⁻² m⁻¹; NaN without deepening."""
    metres = deepening(group)
    return float(group.density(total)) / metres if metres > LITTLE_DEEPENING else np.nan


def net_per_metre(group: GroupTotals) -> float:
    """ΔSOC_NET per area and metre of deepening, g C m⁻² m⁻¹."""
    return per_metre(group, group.delta["ΔSOC_NET"][-1])


def flux_per_metre(group: GroupTotals) -> float:
    """ΣΔRH per area and metre of deepening, g C m⁻² m⁻¹."""
    return per_metre(group, group.delta["ΔRH"].sum())


def _majority(values: list[bool | None]) -> tuple[bool | None, str]:
    """Whether more than half of the known values are true, and their count as text."""
    known = [value for value in values if value is not None]
    if not known:
        return None, "0 of 0"
    return sum(known) * 2 > len(known), f"{sum(known)} of {len(known)}"


def check_claims(members: list[MemberTotals]) -> list[Claim]:
    """Check every claim of docs/specification/protocol.md 4 for every scenario."""
    claims = []
    for scenario in scenarios(members):
        chosen = of_scenario(members, scenario)
        numbers = [diagnostics(member.groups[REGION]) for member in chosen]

        def tg(name: str, chosen: list[MemberTotals] = chosen) -> str:
            return over_members(chosen, REGION, lambda g: diagnostics(g)[name]).text(1)

        claims.append(_claim(
            scenario, "Thaw raises RH more than NPP (ΔRH > ΔNPP)",
            [n["ΣΔRH"] > n["ΣΔNPP"] for n in numbers],
            f"ΣΔRH {tg('ΣΔRH')}, ΣΔNPP {tg('ΣΔNPP')} Tg C",
            "Plants gain more from mineralised nitrogen than microbes release; look at the N-use "
            "fraction and the root-zone rule.",
        ))  # fmt: skip
        claims.append(_claim(
            scenario, "SOC in the active layer grows (ΔSOC > 0) while all soil together loses "
            "carbon (ΔSOC_NET < 0)",
            [n["ΔSOC"] > 0 > n["ΔSOC_NET"] for n in numbers],
            f"ΔSOC {tg('ΔSOC')}, ΔSOC_NET {tg('ΔSOC_NET')} Tg C",
            "Either the layer shoals in part of the region or litter from better fed plants "
            "outweighs decomposition.",
        ))  # fmt: skip
        claims.append(_claim(
            scenario, "Plants take up only a small part of the exposed nitrogen "
            f"(below {SMALL_PART:.0%}; the paper has 12–15 %)",
            [0 < n["N-use fraction"] < SMALL_PART for n in numbers],
            f"N-use fraction {diagnostic(chosen, REGION, 'N-use fraction').text()}",
            "The fraction tests turnover of soil nitrogen; a negative one means that uptake fell.",
        ))  # fmt: skip
        claims.append(_per_metre(scenario, chosen))
        sinks = [period_mean(member, "NEP", _last_decade(member)) for member in chosen]
        claims.append(_claim(
            scenario, "The region stays a carbon sink (NEP > 0 in the last decade of S_T)",
            [bool(value > 0) if np.isfinite(value) else None for value in sinks],
            f"NEP {mean_sd(sinks).text(1)} Tg C yr⁻¹",
            "Respiration of exposed and old carbon outruns the growth that CO2 and warmth allow.",
        ))  # fmt: skip
    return claims


def _last_decade(member: MemberTotals) -> tuple[int, int]:
    last = int(member.years["future"][-1])
    return max(last - 9, int(member.years["future"][0])), last


def _per_metre(scenario: str, chosen: list[MemberTotals]) -> Claim:
    """The claim that meadows respond more than steppes per metre of deepening."""
    verdicts = []
    for member in chosen:
        pair = [member.groups.get(name) for name in (MEADOW, STEPPE)]
        values = [np.nan if group is None else flux_per_metre(group) for group in pair]
        verdicts.append(bool(values[0] > values[1]) if np.isfinite(values).all() else None)
    text = {
        name: over_members(chosen, name, flux_per_metre).text(0)
        + f" (net {over_members(chosen, name, net_per_metre).text(0)})"
        for name in (MEADOW, STEPPE)
    }
    return _claim(
        scenario, "Per metre of active-layer deepening meadows respond more than steppes",
        verdicts,
        f"ΣΔRH per m²: meadow {text[MEADOW]}, steppe {text[STEPPE]} g C per metre",
        "Exposure per metre is b/(b+z)² times the stock: a small b of the meadow set or a large "
        "stock of the steppe set turns the order.",
    )  # fmt: skip


def _claim(scenario: str, text: str, verdicts: list[bool | None], numbers: str, why: str) -> Claim:
    holds, count = _majority(verdicts)
    return Claim(scenario, text, holds, count, numbers, "" if holds else why)


def summary_words(members: list[MemberTotals], alt_rule: str) -> list[str]:
    """Summarise a run in words, one or two sentences per scenario and topic."""
    sentences = []
    for scenario in scenarios(members):
        chosen = of_scenario(members, scenario)
        sentences += [
            _exposure_words(scenario, chosen, alt_rule),
            _balance_words(scenario, chosen),
            _type_words(scenario, chosen),
        ]
    return sentences


def _exposure_words(scenario: str, chosen: list[MemberTotals], alt_rule: str) -> str:
    years = chosen[0].years["future"]
    now = over_members(chosen, REGION, lambda g: float(g.runs["historical"]["ALT"][-1]))
    end = over_members(chosen, REGION, lambda g: float(g.runs["S_T"]["ALT"][-10:].mean()))
    carbon = diagnostic(chosen, REGION, "SOC_PF")
    nitrogen = diagnostic(chosen, REGION, "SON_PF")
    return (
        f"{scenario}: the active layer (rule '{alt_rule}') goes from {now.text()} m at the branch "
        f"to {end.text()} m in the last decade; by {years[-1]} thaw exposes {carbon.text()} Pg of "
        f"carbon and {nitrogen.text(1)} Tg of nitrogen."
    )


def _balance_words(scenario: str, chosen: list[MemberTotals]) -> str:
    def tg(name: str) -> MeanSD:
        return over_members(chosen, REGION, lambda g: diagnostics(g)[name])

    respiration, growth, net = tg("ΣΔRH"), tg("ΣΔNPP"), tg("ΣΔNEP")
    larger = "more" if respiration.mean > growth.mean else "less"
    effect = "weakens" if net.mean < 0 else "strengthens"
    decade = [period_mean(member, "NEP", _last_decade(member)) for member in chosen]
    sink = mean_sd(decade)
    state = "a sink" if sink.mean > 0 else "a source"
    return (
        f"{scenario}: exposure raises respiration by {respiration.text(0)} Tg C and growth by "
        f"{growth.text(0)} Tg C, that is {larger} respiration than growth, and {effect} the carbon "
        f"balance by {abs(net.mean):.0f} Tg C in sum. All drivers together, the region ends as "
        f"{state} of {sink.text(1)} Tg C yr⁻¹; of the exposed carbon "
        f"{diagnostic(chosen, REGION, 'decomposed fraction').mean:.0%} is decomposed, of the "
        f"exposed nitrogen {diagnostic(chosen, REGION, 'N-use fraction').mean:.0%} taken up."
    )


def _type_words(scenario: str, chosen: list[MemberTotals]) -> str:
    parts = []
    for name, plural in ((MEADOW, "meadows"), (STEPPE, "steppes")):
        metres = over_members(chosen, name, deepening)
        if not np.isfinite(metres.mean):
            continue
        exposed = diagnostic(chosen, name, "SOC_PF")
        use = over_members(chosen, name, lambda g: diagnostics(g)["N-use fraction"])
        parts.append(
            f"{plural} deepen by {metres.text()} m, expose {exposed.text()} Pg C and use "
            f"{use.mean:.0%} of the exposed nitrogen"
        )
    return (
        f"{scenario}: " + "; ".join(parts) + "." if parts else f"{scenario}: no meadow, no steppe."
    )

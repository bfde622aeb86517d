"""Qualitative findings checked against a run, those of the paper on its own region."""

from dataclasses import dataclass

import numpy as np

from temjax.regional.diagnostics.comparison import Comparison
from temjax.regional.diagnostics.members import (
    diagnostic,
    last_decade,
    mean_sd,
    of_scenario,
    over_members,
    period_mean,
    scenarios,
    units_of,
)
from temjax.regional.diagnostics.naming import scenario_name
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
    """Finding, of the paper where the region is the paper's, checked for one scenario.

    Attributes:
        scenario: name of the pathway.
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


def check_claims(members: list[MemberTotals], comparison: Comparison) -> list[Claim]:
    """Check every claim of docs/specification/protocol.md 4 for every scenario.

    The one about meadow and steppe is checked only where the region is the paper's.
    """
    claims, units = [], units_of(members)
    part = f"below {SMALL_PART:.0%}" + ("; the paper has 12–15 %" if comparison.place else "")
    for scenario in scenarios(members):
        chosen = of_scenario(members, scenario)
        numbers = [diagnostics(member.groups[REGION]) for member in chosen]

        def tg(name: str, chosen: list[MemberTotals] = chosen) -> str:
            size = units.amount_size
            return over_members(chosen, REGION, lambda g: diagnostics(g)[name] / size).text(1)

        claims.append(_claim(
            scenario, "Thaw raises RH more than NPP (ΔRH > ΔNPP)",
            [n["ΣΔRH"] > n["ΣΔNPP"] for n in numbers],
            f"ΣΔRH {tg('ΣΔRH')}, ΣΔNPP {tg('ΣΔNPP')} {units.amount} C",
            "Plants gain more from mineralised nitrogen than microbes release; look at the N-use "
            "fraction and the root-zone rule.",
        ))  # fmt: skip
        claims.append(_claim(
            scenario, "SOC in the active layer grows (ΔSOC > 0) while all soil together loses "
            "carbon (ΔSOC_NET < 0)",
            [n["ΔSOC"] > 0 > n["ΔSOC_NET"] for n in numbers],
            f"ΔSOC {tg('ΔSOC')}, ΔSOC_NET {tg('ΔSOC_NET')} {units.amount} C",
            "Either the layer shoals in part of the region or litter from better fed plants "
            "outweighs decomposition.",
        ))  # fmt: skip
        claims.append(_claim(
            scenario, "Plants take up only a small part of the exposed nitrogen "
            f"({part})",
            [0 < n["N-use fraction"] < SMALL_PART for n in numbers],
            f"N-use fraction {diagnostic(chosen, REGION, 'N-use fraction').text()}",
            "The fraction tests turnover of soil nitrogen; a negative one means that uptake fell.",
        ))  # fmt: skip
        if comparison.place:
            claims.append(_per_metre(scenario, chosen))
        sinks = [
            period_mean(member, "NEP", last_decade(member.years["future"])) / units.amount_size
            for member in chosen
        ]
        claims.append(_claim(
            scenario, "The region stays a carbon sink (NEP > 0 in the last decade of S_T)",
            [bool(value > 0) if np.isfinite(value) else None for value in sinks],
            f"NEP {mean_sd(sinks).text(1)} {units.amount} C yr⁻¹",
            "Respiration of exposed and old carbon outruns the growth that CO2 and warmth allow.",
        ))  # fmt: skip
    return claims


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
    return Claim(scenario_name(scenario), text, holds, count, numbers, "" if holds else why)

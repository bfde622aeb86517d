"""Summary of a run in words."""

import numpy as np

from temjax.regional.diagnostics.claims import deepening
from temjax.regional.diagnostics.comparison import Comparison
from temjax.regional.diagnostics.members import (
    MeanSD,
    diagnostic,
    last_decade,
    mean_sd,
    of_scenario,
    over_members,
    period_mean,
    rule_of,
    scenarios,
    still_share,
    still_years,
    units_of,
)
from temjax.regional.diagnostics.naming import Units, scenario_name
from temjax.regional.diagnostics.tables import vegetation_types
from temjax.regional.diagnostics.totals import MEADOW, REGION, STEPPE, MemberTotals, diagnostics

_PLURALS = {MEADOW: "meadows", STEPPE: "steppes"}
_MOST_TYPES = 3


def summary_words(members: list[MemberTotals], comparison: Comparison) -> list[str]:
    """Summarise a run in words, one or two sentences per scenario and topic."""
    sentences, units = [], units_of(members)
    for scenario in scenarios(members):
        chosen = of_scenario(members, scenario)
        name = scenario_name(scenario)
        sentences += [
            f"{name}: {_exposure_words(chosen, units)}",
            f"{name}: {_still_words(chosen)}",
            f"{name}: {_baseline_words(chosen)}",
            f"{name}: {_balance_words(chosen, units)}",
            f"{name}: {_type_words(chosen, comparison)}",
        ]
    return sentences


def _exposure_words(chosen: list[MemberTotals], units: Units) -> str:
    years = chosen[0].years["future"]
    now = over_members(chosen, REGION, lambda g: float(g.runs["historical"]["ALT"][-1]))
    end = over_members(chosen, REGION, lambda g: float(g.runs["S_T"]["ALT"][-10:].mean()))
    carbon = diagnostic(chosen, REGION, "SOC_PF")
    nitrogen = diagnostic(chosen, REGION, "SON_PF")
    return (
        f"the active layer (rule '{rule_of(chosen)}') goes from {now.text()} m at the branch "
        f"to {end.text()} m in the last decade; by {years[-1]} thaw exposes {carbon.text()} "
        f"{units.stock} of carbon and {nitrogen.text(1)} {units.amount} of nitrogen."
    )


def _still_words(chosen: list[MemberTotals]) -> str:
    first, *later = (
        (still_share(chosen, REGION, year).text(0), year) for year in still_years(chosen)
    )
    shares = f"{first[0]} % of the area by {first[1]}"
    shares += "".join(f" and {share} % by {year}" for share, year in later)
    cause = (
        "thaw no longer refreezes in winter" if rule_of(chosen) == "hold"
        else "the permafrost is lost"
    )  # fmt: skip
    return (
        f"the active layer of rule '{rule_of(chosen)}' stands still for good where {cause}, on "
        f"{shares}. It exposes nothing there any more: SOC_PF is what "
        "thawed before, however deep the ground thaws afterwards."
    )


def _baseline_words(chosen: list[MemberTotals]) -> str:
    """What exposure is counted from, and what that choice does."""
    branch, first = int(chosen[0].years["historical"][-1]), int(chosen[0].years["future"][0])
    year = over_members(chosen, REGION, lambda g: float(g.density(g.delta["SOC_PF"][0]))).text(0)
    count = int(chosen[0].stored.attributes.get("branch_baseline_years", 1))
    if count == 1:
        return (
            f"SOC_PF counts from the active layer of {branch} alone, so the weather of that year "
            f"is in it: {first} alone contributes {year} g C m⁻² (branch_baseline_years takes a "
            "mean of years)."
        )
    shift = mean_sd(
        -float(g.density(g.reference_exposure))
        for g in (member.groups[REGION] for member in chosen)
    ).text(0)
    return (
        f"SOC_PF counts from the mean active layer of {branch - count + 1}–{branch}, at which S_R "
        f"is held. Against the layer of {branch} alone that adds {shift} g C m⁻² to SOC_PF; "
        f"{first} contributes {year} g C m⁻² with it."
    )


def _balance_words(chosen: list[MemberTotals], units: Units) -> str:
    def total(name: str) -> MeanSD:
        size = units.amount_size
        return over_members(chosen, REGION, lambda g: diagnostics(g)[name] / size)

    respiration, growth, net = total("ΣΔRH"), total("ΣΔNPP"), total("ΣΔNEP")
    larger = "more" if respiration.mean > growth.mean else "less"
    effect = "weakens" if net.mean < 0 else "strengthens"
    sink = mean_sd(
        period_mean(member, "NEP", last_decade(member.years["future"])) / units.amount_size
        for member in chosen
    )
    state = "a sink" if sink.mean > 0 else "a source"
    carbon = f"{units.amount} C"
    return (
        f"exposure raises respiration by {respiration.text(0)} {carbon} and growth by "
        f"{growth.text(0)} {carbon}, that is {larger} respiration than growth, and {effect} the "
        f"carbon balance by {abs(net.mean):.0f} {carbon} in sum. All drivers together, the region "
        f"ends as {state} of {sink.text(1)} {carbon} yr⁻¹; of the exposed carbon "
        f"{_percent(diagnostic(chosen, REGION, 'decomposed fraction'))} is decomposed, of the "
        f"exposed nitrogen {_percent(diagnostic(chosen, REGION, 'N-use fraction'))} taken up."
    )


def _percent(fraction: MeanSD) -> str:
    return f"{fraction.mean:.0%}" if np.isfinite(fraction.mean) else "an unknown part"


def _type_words(chosen: list[MemberTotals], comparison: Comparison) -> str:
    """Deepening and exposure of the largest vegetation types, on the plateau meadow and steppe."""
    parts, units = [], units_of(chosen)
    types = vegetation_types(chosen, comparison)
    for name in types[: 2 if comparison.place else _MOST_TYPES]:
        metres = over_members(chosen, name, deepening)
        if not np.isfinite(metres.mean):
            continue
        exposed = diagnostic(chosen, name, "SOC_PF", units)
        use = diagnostic(chosen, name, "N-use fraction", units)
        parts.append(
            f"{_PLURALS.get(name, name)}: deepening {metres.text()} m, {exposed.text()} "
            f"{units.stock} C exposed, {_percent(use)} of the exposed nitrogen used"
        )
    return "; ".join(parts) + "." if parts else "no vegetation type has an active layer throughout."

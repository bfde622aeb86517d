"""What a band of drawn parameters contains and what it does not, in words for a referee."""

from math import sqrt

from temjax.heat.climate import HEAT_PARAMETERS
from temjax.regional.diagnostics.drawn import MemberDraws
from temjax.regional.diagnostics.members import draw_count, draws_text, rule_of
from temjax.regional.diagnostics.naming import scenario_name
from temjax.regional.diagnostics.totals import REGION, MemberTotals

DRAWN_FROM = {
    "posterior": "posterior of its fit, with covariance",
    "nuts": "draws of NUTS from the posterior of its fit",
    "intervals": "90 % intervals of its fit, parameters independent",
    "prior": "priors, no fit",
    "exact": "nothing: taken as exact",
}
_IN_WORDS = {
    "posterior": "from the posterior of a fit with its covariance",
    "nuts": "from draws of NUTS from the posterior of a fit",
    "intervals": "from the 90 % intervals of a fitted set that holds no covariance, so that its "
    "parameters vary independently, though the fit tied them",
    "prior": "from priors about a set that was fitted to no data of the region",
    "exact": "not at all, its parameters count as exact",
}
_DEPTH_SCALE = "soil_carbon_depth_scale"
# standard error of a 5 % quantile of a normal sample in widths of 5–95 %, times √n:
# √(.05 · .95) / φ(1.645) / (2 · 1.645)
_END_ERROR = 0.6424


def band_words(members: list[MemberTotals], drawn: list[MemberDraws]) -> list[str]:
    """Paragraphs: what the band contains, what it does not, how well its ends are known."""
    return [_contents(members, drawn), _absent(members, drawn), _ends(drawn)]


def _models(drawn: list[MemberDraws]) -> list[str]:
    return sorted({member.member for member in drawn})


def _contents(members: list[MemberTotals], drawn: list[MemberDraws]) -> str:
    groups, shares = members[0].groups, []
    for source in drawn[0].record["sources"]:
        types = [name for name in source["types"] if name in groups]
        area = sum(groups[name].area for name in types) / groups[REGION].area
        shares.append((source["kind"], area, types))
    parts = []
    for kind, words in _IN_WORDS.items():
        types = [name for of, _, names in shares for name in names if of == kind]
        if types:
            area = sum(share for of, share, _ in shares if of == kind)
            parts.append(f"{area:.0%} of the area ({', '.join(types)}) {words}")
    attributes, models = members[0].stored.attributes, _models(drawn)
    climate = (
        f"the climate of {models[0]}" if len(models) == 1
        else f"climate models {', '.join(models)}, all equally likely"
    )  # fmt: skip
    return (
        f"What the 5–95 % contain. {draws_text(drawn)} of the model's parameters, each through "
        f"equilibrium, spin-up, history, S_R and S_T: the uncertainty of these parameters, given "
        f"this model, active layer rule '{rule_of(members)}', root-zone nitrogen "
        f"'{attributes['root_zone_nitrogen']}' and {climate}. Drawn: {'; '.join(parts)}. One "
        "draw holds for all cells of a type and all years, so its error does not average out over "
        "the region; types of one fit vary together, others independently. "
        + f"{_depth_scale_words(drawn)} {_heat_words(drawn)}"
    )  # fmt: skip


def _depth_scale_words(drawn: list[MemberDraws]) -> str:
    sources = drawn[0].record["sources"]
    varied = [name for source in sources for name, names in source["parameters"].items()
              if _DEPTH_SCALE in names]  # fmt: skip
    held = [name for source in sources for name in source["types"] if name not in varied]
    what = "The depth scale b of soil carbon, which decides what a deeper layer exposes,"
    if not varied:
        return f"{what} is held at the value of each type."
    if not held:
        return f"{what} is among the drawn parameters of every type."
    return f"{what} is drawn in {', '.join(varied)} and held in {', '.join(held)}."


def _heat_words(drawn: list[MemberDraws]) -> str:
    sources = drawn[0].record["sources"]
    varied = [name for source in sources for name, names in source["parameters"].items()
              if set(names) & set(HEAT_PARAMETERS)]  # fmt: skip
    held = [name for source in sources for name in source["types"] if name not in varied]
    if not held:
        return "Parameters of soil heat are drawn in every type."
    where = "every type" if not varied else ", ".join(held)
    return (
        f"No parameter of soil heat is drawn in {where}: its active layer has no band, and the "
        "band of SOC_PF is that of the carbon, not of the thaw."
    )


def _absent(members: list[MemberTotals], drawn: list[MemberDraws]) -> str:
    names = {member.scenario for member in drawn}
    scenario = (
        f"scenarios, of which there is one here ({scenario_name(names.pop())})" if len(names) == 1
        else "scenarios, which are shown apart"
    )  # fmt: skip
    climate = (
        "any spread of climate: it is one climate model" if len(_models(drawn)) == 1
        else "climate models other than these"
    )  # fmt: skip
    return (
        "What they do not contain: another active layer rule or root-zone option (run them, "
        f"then --compare); {climate}; {scenario}; places: a fit knows the towers it "
        "was made with, its posterior narrows with the number of months and says nothing of how "
        "parameters differ from place to place; the state of the land, which maps hold fixed "
        "(vegetation does not shift, and texture, carbon at depth and the history before the "
        "climate begins are as given); structure: soil water of the thermal layers is constant, "
        "and abrupt thaw, lateral water and the breakdown of carbon below the active layer are "
        "not in the model. The 5–95 % are thus conditional on all of these and narrower than the "
        "whole uncertainty; they are not the probability that the region behaves so."
    )


def _ends(drawn: list[MemberDraws]) -> str:
    number = draw_count(drawn)
    failed = {f"{m.member} {scenario_name(m.scenario)}": len(m.record["failed"]) for m in drawn}
    lost = [f"{count} of {name}" for name, count in failed.items() if count]
    failures = f"Draws that failed and are left out: {', '.join(lost)}." if lost else (
        "No draw failed."
    )  # fmt: skip
    not_ok = {name: sum(m.record["flagged_cell_draws"].get(name, 0) for m in drawn)
              for name in drawn[0].record["flagged_cell_draws"]}  # fmt: skip
    flagged = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in not_ok.items() if n)
    return (
        f"Each end is known to about ± {_END_ERROR / sqrt(number):.0%} of the band's width (one "
        f"standard error of a normal sample of {number}). The median need not be the number of "
        "the run with the best parameters: the model is curved in them, and draws beyond a bound "
        f"are put just inside. {failures} Cells times draws that are not ok: {flagged or 'none'}."
    )

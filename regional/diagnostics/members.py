"""Numbers over the members of a run: means and spread, diagnostics in the region's units."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.regional.diagnostics.comparison import FRACTIONS
from temjax.regional.diagnostics.naming import Units
from temjax.regional.diagnostics.totals import REGION, GroupTotals, MemberTotals, diagnostics
from temjax.regional.results.effect import early_year

DECADE = 10
CARBON = ("ΔSOC", "ΣΔLTRC", "ΣΔRH", "SOC_PF", "ΔSOC_NET", "ΔEcoC_NET")  # in the unit of stocks


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


def spread(members: list[MemberTotals]) -> str:
    """What a number is over the members, for notes and captions; a single one has no SD."""
    models = len({member.member for member in members})
    return "mean ± SD over climate models" if models > 1 else "one climate model, so no spread"


def shade(members: list[MemberTotals]) -> str:
    """What lines and shades are, for captions."""
    models = len({member.member for member in members})
    return "Mean over climate models, shade ± 1 SD." if models > 1 else "One climate model."


def bars(members: list[MemberTotals]) -> str:
    """What whiskers of bars are, for captions; nothing for a single climate model."""
    return "; bars ± 1 SD" if len({member.member for member in members}) > 1 else ""


def units_of(members: list[MemberTotals]) -> Units:
    """Units of the region's totals."""
    return Units.of_area(members[0].groups[REGION].area)


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
    values = [number(g) for member in members if (g := of_group(member, group)) is not None]
    return mean_sd(values) if values else MeanSD(float("nan"), float("nan"))


def of_group(member: MemberTotals, group: str) -> GroupTotals | None:
    """Totals of the region, a vegetation type or a latitude band; None where there is none."""
    return (member.groups | member.bands).get(group)


def over_models(members: list[MemberTotals], number: Callable[[MemberTotals], float]) -> MeanSD:
    """Mean and SD over climate models of a number that the scenarios of a model share or nearly."""
    models = dict.fromkeys(member.member for member in members)
    return mean_sd(
        np.mean([number(member) for member in members if member.member == model])
        for model in models
    )


def diagnostic(
    members: list[MemberTotals], group: str, name: str, units: Units | None = None
) -> MeanSD:
    """Mean and SD of one diagnostic: stocks and sums of carbon that the paper tells in Pg in the
    region's unit of stocks, other totals in its unit of fluxes, fractions as they are."""
    size = size_of(name, units or units_of(members))
    return over_members(members, group, lambda g: diagnostics(g)[name] / size)


def size_of(name: str, units: Units) -> float:
    """Size of the unit in which a diagnostic is told, Tg."""
    if name in FRACTIONS:
        return 1.0
    return units.stock_size if name in CARBON else units.amount_size


def still_share(members: list[MemberTotals], group: str, year: int) -> MeanSD:
    """Share of the group's area whose active layer moves no more from a future year on, %."""

    def share(totals: GroupTotals) -> float:
        return 100 * float(totals.still[list(members[0].years["future"]).index(year)])

    return over_members(members, group, share)


def still_years(members: list[MemberTotals]) -> tuple[int, ...]:
    """Future years whose share that stands still is told: an early one and the last."""
    first, *_, last = (int(year) for year in members[0].years["future"])
    return tuple(dict.fromkeys((early_year(first, last), last)))


def still_text(members: list[MemberTotals], group: str) -> str:
    """Share of area that stands still by the early and the last year: 34 → 96 %."""
    shares = [still_share(members, group, year) for year in still_years(members)]
    return " → ".join(share.text(0) for share in shares) + " %"


def rule_of(members: list[MemberTotals]) -> str:
    """Active layer rule of a run."""
    return members[0].stored.attributes["active_layer_rule"]


def period_mean(member: MemberTotals, name: str, period: tuple[int, int]) -> float:
    """Mean regional total (Tg yr⁻¹) of a flux in S_T over calendar years; NaN without them all."""
    totals = member.groups[REGION]
    years = np.concatenate([member.years["historical"], member.years["future"]])
    values = np.concatenate([totals.runs[run][name] for run in ("historical", "S_T")])
    chosen = (years >= period[0]) & (years <= period[1])
    return float(values[chosen].mean()) if chosen.sum() == period[1] - period[0] + 1 else np.nan


def last_decade(years: NDArray) -> tuple[int, int]:
    """First and last of the last ten years, or of all where there are fewer."""
    return int(years[-DECADE:][0]), int(years[-1])

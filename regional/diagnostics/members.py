"""Numbers over the members of a run: means and spread, diagnostics in the region's units."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from temjax.regional.diagnostics.comparison import FRACTIONS
from temjax.regional.diagnostics.naming import Units
from temjax.regional.diagnostics.totals import (
    REGION,
    GroupSeries,
    GroupTotals,
    MemberSeries,
    MemberTotals,
    diagnostics,
)
from temjax.regional.results.effect import early_year

DECADE = 10
QUANTILES = (0.05, 0.5, 0.95)  # of draws
# The k-th of n draws is the quantile k/(n + 1) (Weibull): 5–95 % hold one value more from where the
# draws come from nine times in ten, whatever n is. NumPy's own rule does 0.9 (n − 1)/(n + 1) times.
QUANTILE_RULE = "weibull"
CARBON = ("ΔSOC", "ΣΔLTRC", "ΣΔRH", "SOC_PF", "ΔSOC_NET", "ΔEcoC_NET")  # in the unit of stocks

_Member = TypeVar("_Member", bound=MemberSeries)


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
class Interval:
    """Median and 5–95 % over draws of all climate models; NaN without any."""

    low: float
    median: float
    high: float

    def text(self, digits: int = 2) -> str:
        """Format as ``median [low, high]``, with fewer decimals where the ends are large."""
        if not np.isfinite(self.median):
            return "–"
        largest = max(abs(self.low), abs(self.high))
        digits = min(digits, 0 if largest >= 100 else 1 if largest >= 10 else digits)
        return f"{_fixed(self.median, digits)} [{self.ends(digits, ', ')}]"

    def ends(self, digits: int = 2, between: str = " to ") -> str:
        """Format the ends alone."""
        if not np.isfinite(self.median):
            return "–"
        return between.join(_fixed(end, digits) for end in (self.low, self.high))


def _fixed(value: float, digits: int) -> str:
    """Number with some decimals, a true minus and no negative zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def interval(values: NDArray) -> Interval:
    """Median and 5–95 % of the values that are finite."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return Interval(*(float("nan"),) * 3)
    return Interval(*map(float, np.quantile(known, QUANTILES, method=QUANTILE_RULE)))


def draw_count(drawn: Sequence[MemberSeries]) -> int:
    """Number of draws of a member; 0 without draws."""
    return drawn[0].groups[REGION].delta["SOC_PF"].shape[1] if drawn else 0


def draws_text(drawn: Sequence[MemberSeries]) -> str:
    """What an interval is over, for heads, notes and captions: 64 draws × 4 climate models."""
    models = len({member.member for member in drawn})
    return f"{draw_count(drawn)} draws" + (f" × {models} climate models" if models > 1 else "")


def drawn_note(drawn: Sequence[MemberSeries]) -> str:
    """End of a table's note that tells what its intervals are; nothing without draws."""
    return f" {draws_text(drawn)}: median [5 %, 95 %]." if drawn else ""


def values_of(
    members: Sequence[MemberSeries], group: str, number: Callable[[GroupSeries], float | NDArray]
) -> NDArray:
    """A number of one group in all members that have it, draws of a member one after the other."""
    groups = (of_group(member, group) for member in members)
    values = [np.atleast_1d(number(of_member)) for of_member in groups if of_member is not None]
    return np.concatenate(values) if values else np.empty(0)


def over_draws(
    drawn: Sequence[MemberSeries], group: str, number: Callable[[GroupSeries], NDArray]
) -> Interval:
    """Median and 5–95 % of a number of one group over the draws of all members."""
    return interval(values_of(drawn, group, number))


def spread(members: list[MemberTotals]) -> str:
    """What a number is over the members, for notes and captions; a single one has no SD."""
    models = len({member.member for member in members})
    return "mean ± SD over climate models" if models > 1 else "one climate model, so no spread"


def shade(members: list[MemberTotals], drawn: Sequence[MemberSeries] = ()) -> str:
    """What lines and shades are, for captions."""
    models = len({member.member for member in members})
    line = "Mean over climate models" if models > 1 else "One climate model"
    if drawn:
        return f"{line}; shade 5–95 % and thin line median of {draws_text(drawn)}."
    return "Mean over climate models, shade ± 1 SD." if models > 1 else f"{line}."


def bars(members: list[MemberTotals], drawn: Sequence[MemberSeries] = ()) -> str:
    """What whiskers of bars are, for captions; nothing for a single climate model."""
    if drawn:
        return f"; whiskers 5–95 % and median of {draws_text(drawn)}"
    return "; bars ± 1 SD" if len({member.member for member in members}) > 1 else ""


def units_of(members: list[MemberTotals]) -> Units:
    """Units of the region's totals."""
    return Units.of_area(members[0].groups[REGION].area)


def mean_sd(values: Iterable[float]) -> MeanSD:
    """Mean and SD of the members' values."""
    array = np.array(list(values), dtype=float)
    sd = float(array.std(ddof=1)) if array.size > 1 else float("nan")
    return MeanSD(float(array.mean()), sd)


def scenarios(members: Sequence[MemberSeries]) -> list[str]:
    """Scenarios of a run, sorted."""
    return sorted({member.scenario for member in members})


def of_scenario(members: Sequence[_Member], scenario: str) -> list[_Member]:
    """The members of one scenario."""
    return [member for member in members if member.scenario == scenario]


def over_members(
    members: list[MemberTotals], group: str, number: Callable[[GroupTotals], float]
) -> MeanSD:
    """Mean and SD of a number of one group; NaN where no member has the group."""
    values = values_of(members, group, number)
    return mean_sd(values) if values.size else MeanSD(float("nan"), float("nan"))


def of_group(member: MemberSeries, group: str) -> GroupSeries | None:
    """Totals of the region, a vegetation type or a latitude band; None where there is none."""
    return member.groups.get(group, member.bands.get(group))


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
    return over_members(members, group, number_of(name, units or units_of(members)))


def number_of(name: str, units: Units) -> Callable[[GroupSeries], NDArray]:
    """Diagnostic of a group in the unit in which it is told."""
    size = size_of(name, units)
    return lambda group: diagnostics(group)[name] / size


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


def period_mean(member: MemberSeries, name: str, period: tuple[int, int]) -> float | NDArray:
    """Mean regional total (Tg yr⁻¹) of a flux in S_T over calendar years; NaN without them all."""
    totals = member.groups[REGION]
    years = np.concatenate([member.years["historical"], member.years["future"]])
    values = np.concatenate([totals.runs[run][name] for run in ("historical", "S_T")])
    chosen = (years >= period[0]) & (years <= period[1])
    whole = chosen.sum() == period[1] - period[0] + 1
    return values[chosen].mean(axis=0) if whole else np.full(values.shape[1:], np.nan)[()]


def last_decade(years: NDArray) -> tuple[int, int]:
    """First and last of the last ten years, or of all where there are fewer."""
    return int(years[-DECADE:][0]), int(years[-1])

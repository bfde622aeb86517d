"""Carbon feedback parameters of the runs of ``one_percent``: β and γ of the land of a region.

Friedlingstein et al. 2006 (doi:10.1175/JCLI3800.1) write the carbon that land takes up as

    ΔC(cou) = β ΔCO2 + γ ΔT,    ΔC(bgc) = β ΔCO2,

so that β = ΔC(bgc) / ΔCO2 and γ = (ΔC(cou) − ΔC(bgc)) / ΔT; from ``rad`` γ is ΔC(rad) / ΔT
(Gregory et al. 2009, doi:10.1175/2009JCLI2949.1). ΔC is less that of ``ctrl``. Vegetation in
``bgc`` sees the control climate itself, so the terms for its warming in Arora et al. 2020
(doi:10.5194/bg-17-4173-2020) vanish. The two γ differ by what does not add up, cou − bgc − rad.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.regional.diagnostics.totals import MemberTotals
from temjax.regional.experiment.one_percent import (
    CLIMATE,
    CONCENTRATION,
    CONTROL,
    COUPLED,
    ONE_PERCENT,
    RUNS,
)

DECADE = 10  # years whose means γ is the quotient of
LEAST_WARMING = 0.5  # K, below which γ is not told
MULTIPLE = 4.0  # of the CO2 of the start, for which published values hold
# with permafrost carbon: S_T; without: S_R, which exposes none from the first year on
BRANCHES = {"with": "S_T", "without": "S_R"}


@dataclass(frozen=True)
class Feedbacks:
    """Feedbacks of a group of cells by year of the rise; NaN where a run is missing.

    Attributes:
        co2: above that of the start, ppmv, ``(year,)``.
        warming: ΔT, of ``cou`` or ``rad``, K.
        uptake: cumulative net ecosystem production of each run, Tg C.
        beta: carbon–concentration feedback, Tg C ppm⁻¹; NaN in the first year.
        gamma, gamma_rad: carbon–climate feedback from cou − bgc and from rad, Tg C K⁻¹, of means
            over the ten years up to each; NaN below ``LEAST_WARMING``.
        additivity: cou − bgc − rad, each less ctrl, Tg C.
    """

    co2: NDArray
    warming: NDArray
    uptake: Mapping[str, NDArray]
    beta: NDArray
    gamma: NDArray
    gamma_rad: NDArray
    additivity: NDArray

    def change(self, run: str) -> NDArray:
        """Cumulative uptake of a run less that of ctrl, Tg C."""
        return self.uptake[run] - self.uptake[CONTROL]


def trailing_mean(values: NDArray, years: int = DECADE) -> NDArray:
    """Mean over the years up to each, fewer at the beginning, ``(year,)``."""
    sums = np.cumsum(values)
    before = np.concatenate([np.zeros(years), sums])[: values.size]
    return (sums - before) / np.minimum(np.arange(values.size) + 1, years)


def feedbacks(uptake: Mapping[str, NDArray], co2: NDArray, warming: NDArray) -> Feedbacks:
    """Feedbacks from the series of the runs.

    Args:
        uptake: cumulative uptake of the runs that there are, in any unit of mass, ``(year,)``.
        co2: above that of the start, ppmv.
        warming: relative to the control, K.
    """
    missing = np.full(co2.shape, np.nan)
    runs = {run: np.asarray(uptake.get(run, missing), dtype=float) for run in RUNS}
    change = {run: values - runs[CONTROL] for run, values in runs.items()}

    def per_kelvin(carbon: NDArray) -> NDArray:
        kelvin = trailing_mean(warming)
        known = np.abs(kelvin) >= LEAST_WARMING
        return np.where(known, trailing_mean(carbon) / np.where(known, kelvin, 1.0), np.nan)

    return Feedbacks(
        co2=co2,
        warming=warming,
        uptake=runs,
        beta=np.where(co2 > 0, change[CONCENTRATION] / np.where(co2 > 0, co2, 1.0), np.nan),
        gamma=per_kelvin(change[COUPLED] - change[CONCENTRATION]),
        gamma_rad=per_kelvin(change[CLIMATE]),
        additivity=change[COUPLED] - change[CONCENTRATION] - change[CLIMATE],
    )


@dataclass(frozen=True)
class ModelFeedbacks:
    """Feedbacks of one climate model.

    Attributes:
        member: climate model.
        years: of the rise.
        co2: ppmv in the runs that see it rise, ``(year,)``.
        areas: of the groups, km².
        groups: by group of cells and ``with`` or ``without`` permafrost carbon.
    """

    member: str
    years: NDArray
    co2: NDArray
    areas: dict[str, float]
    groups: dict[str, dict[str, Feedbacks]]

    def multiple(self, row: int = -1) -> float:
        """CO2 of a year by that of the first."""
        return float(self.co2[row] / self.co2[0])

    def row_of_multiple(self) -> int | None:
        """First row with ``MULTIPLE`` times the CO2 of the start, in whole ppm; None before it."""
        rows = np.flatnonzero(self.co2 >= MULTIPLE * self.co2[0] - 1.0)
        return int(rows[0]) if rows.size else None


def one_percent_runs(members: Iterable[MemberTotals]) -> dict[str, dict[str, MemberTotals]]:
    """Members of ``one_percent`` by climate model and run; empty for another protocol."""
    found: dict[str, dict[str, MemberTotals]] = {}
    for member in members:
        if member.stored.attributes.get("protocol") == ONE_PERCENT:
            found.setdefault(member.member, {})[member.scenario] = member
    return found


def model_feedbacks(runs: Mapping[str, MemberTotals]) -> ModelFeedbacks | None:
    """Feedbacks of one climate model from its runs; None without ctrl and another run."""
    if CONTROL not in runs or len(runs) < 2:
        return None
    control = runs[CONTROL]
    years = control.years["future"]
    co2 = _climate(control, "co2")
    for run in (CONCENTRATION, COUPLED):
        if run in runs:
            co2 = _climate(runs[run], "co2")
            break
    warming = np.full(years.shape, np.nan)
    for run in (COUPLED, CLIMATE):
        if run in runs:
            temperature = _climate(runs[run], "air_temperature")
            warming = temperature - _climate(control, "air_temperature")
            break
    groups = {
        group: {
            name: feedbacks(
                {
                    run: np.cumsum(member.groups[group].runs[branch]["NEP"])
                    for run, member in runs.items()
                    if group in member.groups
                },
                co2 - co2[0],
                warming,
            )
            for name, branch in BRANCHES.items()
        }
        for group in control.groups
    }
    areas = {name: group.area for name, group in control.groups.items()}
    return ModelFeedbacks(control.member, years, co2, areas, groups)


def _climate(member: MemberTotals, name: str) -> NDArray:
    """Regional mean of the years of the rise."""
    inside = np.isin(member.climate["years"], member.years["future"])
    return member.climate[name][inside]

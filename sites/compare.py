"""Comparison of a run with the observations: aligned months, skill and annual sums."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float
from rich import box
from rich.table import Table

from temjax.runs.result import Run
from temjax.runtime.terminal import number_text
from temjax.sites.observations import (
    OBSERVED,
    MonthlySeries,
    Skill,
    leave_one_year_out_climatology,
    paired,
    skill,
)
from temjax.sites.site import Site
from temjax.sites.winter import ZERO_CURTAIN, snow_months, zero_curtain

DEPTH_TOLERANCE = 0.05  # m of a sensor above or below all depths that the model reports


@dataclass(frozen=True)
class Comparison:
    """Comparison of one observed variable with the simulation.

    Attributes:
        series: the observations.
        observed, simulated: paired months ``(year, 12)``, NaN where not compared.
        skill: over the pairs.
        climatology: skill of the mean of the same month in the other years over the same pairs;
            None of one mean year.
        label: which of the series' months or what of them, empty: all that are usable.
        observed_year, simulated_year: sum of the mean year (fluxes) or its mean (temperature)
            over the months that have observations.
    """

    series: MonthlySeries
    observed: np.ndarray
    simulated: np.ndarray
    skill: Skill
    observed_year: float
    simulated_year: float
    climatology: Skill | None = None
    label: str = ""


def simulated_months(run: Run, series: MonthlySeries) -> np.ndarray:
    """Simulated months of an observed variable, ``(year, 12)``; soil temperature at its depth.

    Raises:
        ValueError: see ``temperature_at``.
    """
    if series.variable != "soil_temperature":
        return np.asarray(getattr(run.monthly, series.variable))
    return np.asarray(
        temperature_at(np.asarray(run.monthly.soil_temperature), run.soil.depths, series.depth)
    )


def temperature_at(
    temperature: Float[Array | np.ndarray, "year 12 depth *cell"],
    depths: Sequence[float],
    depth: float | None,
) -> Float[Array | np.ndarray, "year 12 *cell"]:
    """Soil temperature at a sensor's depth, linear between the depths of the model.

    Args:
        temperature: monthly, at ``depths``.
        depths: of the model, m.
        depth: of the sensor, m; not traced.

    Raises:
        ValueError: the sensor lies outside the depths of the model.
    """
    known = np.asarray(depths, dtype=float)
    at = float(np.clip(depth or 0.0, known[0], known[-1]))
    if depth is None or abs(at - depth) > DEPTH_TOLERANCE:
        raise ValueError(
            f"soil temperature was observed at {depth} m; the model reports "
            f"{', '.join(f'{value:g}' for value in known)} m"
        )
    below = int(np.searchsorted(known, at))
    if known[below] == at:
        return temperature[:, :, below]
    share = (at - known[below - 1]) / (known[below] - known[below - 1])
    return temperature[:, :, below - 1] * (1 - share) + temperature[:, :, below] * share


def compare(site: Site, run: Run, *, usable_only: bool = True) -> list[Comparison]:
    """Comparison of every monthly series of a site with a run.

    Args:
        usable_only: leave out months a known fault of the data touches.

    Raises:
        DataError: run and observations share no year.
    """
    rows = []
    for series in site.observations.monthly.values():
        observed, simulated = paired(
            series,
            simulated_months(run, series),
            np.asarray(run.years),
            usable_only=usable_only,
        )
        compared = np.isfinite(observed)
        simulated = np.where(compared, simulated, np.nan)
        total = 1 if series.variable == "soil_temperature" else 12
        rows.append(
            Comparison(
                series=series,
                observed=observed,
                simulated=simulated,
                skill=skill(observed, simulated),
                observed_year=_mean_year(observed, compared, total),
                simulated_year=_mean_year(simulated, compared, total),
                climatology=_climatology_skill(observed, compared),
            )
        )
    return rows


def compare_winters(site: Site, run: Run) -> list[Comparison]:
    """Soil temperature under the run's snow, and the zero curtain of autumn in days (``winter``).

    Empty without a series of soil temperature; of the curtain, without a complete autumn.

    Raises:
        DataError: run and observations share no year.
    """
    series = site.observations.monthly.get("soil_temperature")
    if series is None:
        return []
    months, years = simulated_months(run, series), np.asarray(run.years)
    observed, simulated = paired(series, months, years)
    snow = np.isfinite(observed) & snow_months(series, run)
    southern = float(site.location.latitude) < 0
    climatology = leave_one_year_out_climatology(observed, np.isfinite(observed))
    several = observed.shape[0] > 1
    rows = []
    if snow.sum() >= 2:
        cold = [np.where(snow, values, np.nan) for values in (observed, simulated, climatology)]
        rows.append(
            Comparison(
                series, cold[0], cold[1], skill(cold[0], cold[1]),
                *(_mean_year(values, snow, 1) for values in cold[:2]),
                skill(cold[0], cold[2]) if several else None, "snow",
            )
        )  # fmt: skip
    simulated = np.where(np.isfinite(observed), simulated, np.nan)
    seen, made, other = (
        zero_curtain(values, southern=southern) for values in (observed, simulated, climatology)
    )
    if np.isfinite(seen).any():
        rows.append(
            Comparison(
                series, seen, made, skill(seen, made),
                float(np.nanmean(seen)), float(np.nanmean(made)),
                skill(seen, other) if several else None, ZERO_CURTAIN,
            )
        )  # fmt: skip
    return rows


def _climatology_skill(observed: np.ndarray, compared: np.ndarray) -> Skill | None:
    """Skill of the mean of the same month in the other years; None of one year."""
    if observed.shape[0] < 2:
        return None
    return skill(observed, leave_one_year_out_climatology(observed, compared))


def _mean_year(values: np.ndarray, mask: np.ndarray, months: int) -> float:
    """Mean over calendar months of the mean over years, times ``months`` (12 for a sum)."""
    count = mask.sum(axis=0)
    if not count.any():
        return float("nan")
    monthly = np.where(mask, values, 0.0).sum(axis=0)[count > 0] / count[count > 0]
    factor = months * monthly.size / 12 if months > 1 else 1
    return float(monthly.mean() * factor)


def comparison_table(title: str, rows: list[Comparison]) -> Table:
    """Table of skill scores for the terminal."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("variable", no_wrap=True)
    for name in ("n", "r²", "NSE", "clim.", "RMSE", "bias", "obs.", "sim."):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        scores = row.skill
        table.add_row(
            _row_name(row),
            str(scores.count),
            number_text(scores.squared_correlation),
            number_text(scores.nash_sutcliffe),
            number_text(row.climatology.nash_sutcliffe) if row.climatology else "–",
            number_text(scores.rmse),
            number_text(scores.bias, signed=True),
            f"{row.observed_year:.1f}",
            f"{row.simulated_year:.1f}",
        )
    table.caption = (
        "n: months, autumns of the zero curtain. NSE: Nash-Sutcliffe; clim.: that of the mean of "
        "the other years. RMSE, bias: monthly. obs., sim.: mean year."
    )
    return table


def _row_name(row: Comparison) -> str:
    """Name of a row of the table, with its unit."""
    if row.label == ZERO_CURTAIN:
        return "zero curtain (d)"
    is_temperature = row.series.variable == "soil_temperature"
    name = ", ".join(filter(None, (OBSERVED[row.series.variable][1], row.label)))
    return f"{name} ({'°C' if is_temperature else 'g C m⁻²'})"

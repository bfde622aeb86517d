"""Forcing before the tower's years: monthly climatology shifted by a century of warming, CO2."""

from functools import cache
from importlib.resources import files
from typing import Literal

import jax.numpy as jnp
import numpy as np

from temjax.forcing import Forcing, co2_monthly

Scenario = Literal["rcp45", "rcp85"]
Warming = Literal["plateau", "none"]

FIRST_YEAR = 1901
_FUTURE = {"rcp45": (0.034, -9.5e-5), "rcp85": (0.031, 1.65e-4)}  # K per year, K per year squared


def plateau_warming(years: np.ndarray | int, scenario: Scenario = "rcp85") -> np.ndarray:
    """Warming of the Tibetan Plateau relative to 1986-2005, K.

    Linear by 0.30 K from 1861 to 1960 (our assumption), 0.04 K per year to 2006 (Ran et al. 2018,
    The Cryosphere 12:595), then a quadratic that gives +2.7 K in the 2090s under RCP4.5 (Hu et al.
    2015) and +4.5 K in 2095 under RCP8.5.

    Args:
        years: calendar years, 1861-2100; any shape.
        scenario: pathway after 2006.
    """
    years = np.asarray(years, dtype=float)
    linear, quadratic = _FUTURE[scenario]
    since_2006 = np.maximum(years - 2006, 0)
    to_1960 = -1.70 + 0.30 * (years - 1861) / 99
    to_2006 = -1.40 + 0.04 * (np.minimum(years, 2006) - 1960)
    future = to_2006 + linear * since_2006 + quadratic * since_2006**2
    return np.where(years <= 1960, to_1960, future)


@cache
def _co2_table() -> dict[str, np.ndarray]:
    with (files("temjax.sites") / "data" / "co2_rcp.csv").open(encoding="utf-8") as lines:
        rows = [line.strip() for line in lines if not line.startswith("#")]
    columns = np.array([row.split(",") for row in rows[1:]], dtype=float).T
    return dict(zip(rows[0].split(","), columns, strict=True))


def global_co2(first: int, last: int, scenario: Scenario = "rcp85") -> np.ndarray:
    """Monthly global CO2 of calendar years ``first`` to ``last``, shape ``(year, 12)``, ppmv.

    July values of Meinshausen et al. (2011, doi:10.1007/s10584-011-0156-z) joined linearly; the
    first months of ``first`` and the last of ``last`` are constant
    (docs/specification/model.md 8b).

    Raises:
        ValueError: years outside 1860-2100.
    """
    table = _co2_table()
    years = table["year"]
    if not years[0] <= first <= last <= years[-1]:
        raise ValueError(
            f"CO2 is known for {years[0]:.0f}-{years[-1]:.0f}; {first}-{last} was asked for"
        )
    selected = (years >= first) & (years <= last)
    return np.asarray(co2_monthly(jnp.asarray(table[scenario][selected])))


def site_forcing(
    climatology: dict[str, np.ndarray],
    tower_years: tuple[int, int],
    *,
    tower: dict[str, np.ndarray] | None = None,
    warming: Warming = "plateau",
    first_year: int = FIRST_YEAR,
    last_year: int | None = None,
) -> Forcing:
    """Forcing of a site from ``first_year`` on.

    T(y) = climatology + W(y) - mean W(tower years) with W of :func:`plateau_warming`;
    precipitation and shortwave are the climatology in every year. The tower's own months, where
    given, replace the climatology in the tower years.

    Args:
        climatology: ``air_temperature`` °C, ``precipitation`` mm month⁻¹, ``shortwave`` W m⁻²,
            each ``(12,)``: the mean of the tower years.
        tower_years: first and last year of the climatology.
        tower: the same variables ``(year, 12)`` for each tower year.
        warming: ``none`` repeats the climatology.
        last_year: end of the forcing, by default the last tower year.
    """
    start, stop = tower_years
    years = np.arange(first_year, (last_year or stop) + 1)
    shift = np.zeros(years.size)
    if warming == "plateau":
        shift = plateau_warming(years) - plateau_warming(np.arange(start, stop + 1)).mean()
    climate = {name: np.tile(values, (years.size, 1)) for name, values in climatology.items()}
    climate["air_temperature"] = climate["air_temperature"] + shift[:, None]
    if tower is not None:
        measured = (years >= start) & (years <= stop)
        for name, values in tower.items():
            climate[name][measured] = values
    return Forcing(
        years=jnp.asarray(years),
        co2=jnp.asarray(global_co2(int(years[0]), int(years[-1]))),
        **{name: jnp.asarray(values) for name, values in climate.items()},
    )

"""Forcing before the tower's years: mean year moved along a warming, global CO2."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

import jax.numpy as jnp
import numpy as np

from temjax.forcing import Forcing, co2_monthly

Scenario = Literal["rcp45", "rcp85"]
Warming = Literal["plateau", "none"]

FIRST_YEAR = 1901
_WARMING_YEARS = (1861.0, 2100.0)
_FUTURE = {"rcp45": (0.034, -9.5e-5), "rcp85": (0.031, 1.65e-4)}  # K per year, K per year squared


def plateau_warming(years: np.ndarray | int, scenario: Scenario = "rcp85") -> np.ndarray:
    """Warming of the Tibetan Plateau relative to 1986-2005, K.

    Linear by 0.30 K from 1861 to 1960 (our assumption), 0.04 K per year to 2006 (Ran et al. 2018,
    The Cryosphere 12:595), then a quadratic that gives +2.7 K in the 2090s under RCP4.5 (Hu et al.
    2015) and +4.5 K in 2095 under RCP8.5. Years before 1861 and after 2100 take the value of the
    nearest of these.

    Args:
        years: calendar years; any shape.
        scenario: pathway after 2006.
    """
    years = np.clip(np.asarray(years, dtype=float), *_WARMING_YEARS)
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


def co2_years() -> tuple[int, int]:
    """First and last year of the global CO2 series."""
    years = _co2_table()["year"]
    return int(years[0]), int(years[-1])


def global_co2(first: int, last: int, scenario: Scenario = "rcp85") -> np.ndarray:
    """Monthly global CO2 of calendar years ``first`` to ``last``, shape ``(year, 12)``, ppmv.

    July values of Meinshausen et al. (2011, doi:10.1007/s10584-011-0156-z) from 1765 and of
    Meinshausen et al. (2017, doi:10.5194/gmd-10-2057-2017) before, joined linearly; the first
    months of ``first`` and the last of ``last`` are constant (docs/specification/model.md 8b).

    Raises:
        ValueError: years outside 1700-2500.
    """
    table = _co2_table()
    known = co2_years()
    if not known[0] <= first <= last <= known[1]:
        raise ValueError(f"CO2 is known for {known[0]}-{known[1]}; {first}-{last} was asked for")
    selected = (table["year"] >= first) & (table["year"] <= last)
    return np.asarray(co2_monthly(jnp.asarray(table[scenario][selected])))


def warming_shift(years: np.ndarray, reference: tuple[int, int], warming: Warming) -> np.ndarray:
    """W(y) - mean W(reference years) of each year, K; 0 without a warming.

    Args:
        years: calendar years, ``(year,)``.
        reference: first and last year of the mean climate that is moved.
        warming: W is :func:`plateau_warming`, or none.
    """
    if warming == "none":
        return np.zeros(len(years))
    first, last = reference
    return plateau_warming(years) - plateau_warming(np.arange(first, last + 1)).mean()


def site_forcing(
    climatology: dict[str, np.ndarray],
    tower_years: tuple[int, int],
    *,
    tower: Mapping[str, np.ndarray] | None = None,
    warming: Warming = "plateau",
    first_year: int = FIRST_YEAR,
    last_year: int | None = None,
) -> Forcing:
    """Forcing of a site from ``first_year`` on: its mean year, then the tower's own months.

    T(y) = climatology + :func:`warming_shift` relative to the tower years; precipitation and
    shortwave are the climatology in every year. The tower's own months, where given, replace the
    climatology in the tower years.

    Args:
        climatology: ``air_temperature`` °C, ``precipitation`` mm month⁻¹, ``shortwave`` W m⁻²,
            each ``(12,)``: the mean of the tower years.
        tower_years: first and last year of the climatology.
        tower: the same variables ``(year, 12)`` for each tower year.
        warming: ``none`` repeats the climatology.
        last_year: end of the forcing, by default the last tower year.
    """
    years = np.arange(first_year, (last_year or tower_years[1]) + 1)
    climate = {name: np.tile(values, (years.size, 1)) for name, values in climatology.items()}
    shift = warming_shift(years, tower_years, warming)
    climate["air_temperature"] = climate["air_temperature"] + shift[:, None]
    for name, values in (tower or {}).items():
        climate[name][(years >= tower_years[0]) & (years <= tower_years[1])] = values
    return forcing_of_years(years, climate)


def forcing_of_years(years: np.ndarray, climate: Mapping[str, np.ndarray]) -> Forcing:
    """Forcing of consecutive calendar years with the global CO2 series.

    Args:
        years: ``(year,)``.
        climate: ``air_temperature`` °C, ``precipitation`` mm month⁻¹, ``shortwave`` W m⁻²,
            ``(year, 12)``.
    """
    return Forcing(
        years=jnp.asarray(years),
        co2=jnp.asarray(global_co2(int(years[0]), int(years[-1]))),
        **{name: jnp.asarray(values) for name, values in climate.items()},
    )

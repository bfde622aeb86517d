"""Places and columns for tests of soil heat.

Toolik: 1986–2015 monthly means at 68.67 N, 149.47 W (derived from CRU TS4.0). Plateau: cosine
climates of given mean, half-range and shortwave, synthetic.
"""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq
from scipy.special import erf, erfc

from temjax import Forcing, Location, load_parameters
from temjax.processes.soil_heat import Surface
from temjax.soil_column import LATENT_HEAT, SoilColumn, soil_column, swept_by_fronts

TOOLIK_AIR = [-22.4, -23.5, -22.5, -12.3, 0.4, 9.3, 11.8, 9.9, -0.3, -12.9, -17.7, -24.3]
TOOLIK_RAIN = [16.6, 15.4, 9.8, 10.8, 15.5, 32.4, 64.5, 65.1, 32.1, 23.6, 20.2, 19.7]
TOOLIK_SUN = [1.0, 18.4, 69.3, 136.7, 192.3, 215.7, 190.6, 125.8, 71.3, 23.7, 2.8, 0.0]

MINERAL = {"kt": 1.2, "kf": 2.1, "ct": 3.1e6, "cf": 1.7e6, "water": 0.43}


def _forcing(air, rain, sun, shift, years, dtype) -> Forcing:
    shift = jnp.asarray(shift, dtype)
    cells = jnp.shape(shift)

    def months(values):
        values = np.asarray(values, float)
        values = values.reshape(values.shape + (1,) * (1 + len(cells) - values.ndim))
        return jnp.broadcast_to(jnp.asarray(values, dtype), (years, 12, *cells))

    return Forcing(
        jnp.arange(2000, 2000 + years),
        months(air) + shift,
        months(rain),
        months(sun),
        jnp.full((years, 12), 380.0, dtype),
    )


def toolik(shift=0.0, years: int = 1, dtype=jnp.float64) -> tuple[Location, Forcing]:
    """Toolik's mean year, repeated, its air temperature shifted (K, scalar or per cell)."""
    place = Location(*(jnp.asarray(value, dtype) for value in (68.67, 767.0, 0.52)))
    return place, _forcing(TOOLIK_AIR, TOOLIK_RAIN, TOOLIK_SUN, shift, years, dtype)


def plateau(
    mean, half_range, shortwave, years: int = 1, dtype=jnp.float64
) -> tuple[Location, Forcing]:
    """Cosine climate: mean and half-range of air temperature, °C, mean shortwave, W m⁻².

    ``mean`` is a scalar or per cell, the others scalars or like ``mean``.
    """
    month = np.arange(12).reshape((12,) + (1,) * np.ndim(half_range))
    air = half_range * np.cos(2 * np.pi * (month + 0.5 - 6.65) / 12)
    sun = shortwave * (1 - 0.29 * np.cos(2 * np.pi * (month + 0.8) / 12))
    place = Location(*(jnp.asarray(value, dtype) for value in (34.0, 4800.0, 0.4)))
    return place, _forcing(air, np.full(12, 20.0), sun, mean, years, dtype)


def uniform_column(thickness, freezing_range=0.1, geothermal_flux=0.0) -> SoilColumn:
    """One mineral soil on given layers."""
    one = jnp.ones_like(thickness)
    cells = jnp.ones_like(thickness[0])
    return SoilColumn(
        thickness=thickness,
        conductivity_thawed=MINERAL["kt"] * one,
        conductivity_frozen=MINERAL["kf"] * one,
        heat_capacity_thawed=MINERAL["ct"] * one,
        heat_capacity_frozen=MINERAL["cf"] * one,
        latent_heat=LATENT_HEAT * MINERAL["water"] * one,
        swept=swept_by_fronts(thickness),
        freezing_range=freezing_range * cells,
        geothermal_flux=geothermal_flux * cells,
    )


def neumann_front(surface: float, start: float, seconds):
    """Exact depth of the front, m: half space at ``start`` °C, surface held at ``surface`` °C."""
    m = MINERAL
    thawed, frozen = (m["kt"], m["ct"]), (m["kf"], m["cf"])
    (k1, c1), (k2, c2) = (thawed, frozen) if surface > 0 else (frozen, thawed)
    a1, a2 = k1 / c1, k2 / c2
    latent = LATENT_HEAT * m["water"]

    def balance(x):
        gained = k1 * abs(surface) / np.sqrt(np.pi * a1) * np.exp(-(x**2)) / erf(x)
        ratio = np.sqrt(a1 / a2)
        lost = k2 * abs(start) / np.sqrt(np.pi * a2) * np.exp(-((x * ratio) ** 2))
        return gained - lost / erfc(x * ratio) - latent * x * np.sqrt(a1)

    return 2 * brentq(balance, 1e-4, 5.0) * np.sqrt(a1 * np.asarray(seconds))


@cache
def _tundra() -> SoilColumn:
    """Column of one cell: operations compile for one shape only."""
    return soil_column(load_parameters("moist-tundra"), (1,))


@cache
def random_year(cells: int = 40, steps: int = 18):
    """Invented columns, half of their layers melting, under invented weather."""
    column = jax.tree.map(
        lambda leaf: jnp.asarray(np.broadcast_to(leaf, (*leaf.shape[:-1], cells))), _tundra()
    )
    rng = np.random.default_rng(4)
    old = jnp.asarray(np.asarray(_tundra().melt_enthalpy) * rng.uniform(-0.2, 1.2, (25, cells)))
    surfaces = Surface(
        jnp.asarray(rng.uniform(-30.0, 30.0, (steps, cells))),
        jnp.asarray(rng.uniform(0.0, 1.0, (steps, cells))),
    )
    return column, old, surfaces, jnp.linspace(1.0, 2.0, steps) * 5 * 86400.0

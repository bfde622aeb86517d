"""The default integrator against 512 Runge-Kutta steps per month, over the whole prior box."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.ecosystem import month as month_module
from temjax.ecosystem import pools as tendencies
from temjax.ecosystem.imex import DEFAULT_SUBSTEPS, integrate_month
from temjax.outputs import flux_index
from temjax.parameters.registry import REGISTRY
from temjax.state import pool_index
from tests.support.random_cases import Cells, random_cells, run_year, runge_kutta_month, spin_up

# Largest error of an annual flux, relative to max(|flux|, 1 g C or 0.1 g N).
LIMITS = {
    "gross_primary_production": (1e-3, 1.0),
    "heterotrophic_respiration": (1e-3, 1.0),
    "net_primary_production": (1e-2, 1.0),
    "nitrogen_uptake": (1e-2, 0.1),
    "net_nitrogen_mineralisation": (1e-2, 0.1),
}
MEDIAN_LIMIT = 1e-4
AVLN = pool_index("available_nitrogen")


def annual(integrate, cells: Cells) -> np.ndarray:
    """Annual fluxes `(flux, cell)`."""
    return np.asarray(jax.jit(partial(run_year, integrate))(cells)[1]).sum(axis=0)


def errors(ours: np.ndarray, exact: np.ndarray) -> dict[str, np.ndarray]:
    result = {}
    for name, (_, floor) in LIMITS.items():
        row = flux_index(name)
        result[name] = np.abs(ours[row] - exact[row]) / np.maximum(np.abs(exact[row]), floor)
    return result


def report(title: str, off: dict[str, np.ndarray]) -> None:
    for name, value in off.items():
        quantiles = " ".join(f"{q:.1e}" for q in np.quantile(value, [0.5, 0.99, 1.0]))
        beyond = int((value > LIMITS[name][0]).sum())
        print(f"{title:10s} {name:30s} median, 99 %, largest: {quantiles}; beyond limit: {beyond}")


def check(off: dict[str, np.ndarray]) -> None:
    for name, value in off.items():
        assert value.max() <= LIMITS[name][0], name
        assert np.median(value) <= MEDIAN_LIMIT, name


def spun_up(count: int, seed: int, years: int) -> Cells:
    cells = jax.jit(partial(spin_up, years=years))(random_cells(count, seed))
    assert np.isfinite(cells.pools).all()
    return cells


@jax.jit
def stiffness(cells: Cells) -> jax.Array:
    """-d(dAVLN/dt)/dAVLN (month⁻¹) at the present pools, `(12, cell)`."""
    m = month_module
    fixed = cells.parameters, cells.constants

    def one(drivers):
        factors = m.month_factors(*fixed, drivers, cells.memory)
        stage, _ = m.carbon_and_water(*fixed, drivers, cells.memory, factors, cells.pools)

        def rate(available):
            return tendencies.available_nitrogen_tendency(
                m.nitrogen_fluxes(
                    cells.parameters,
                    factors.microbial_uptake,
                    drivers,
                    cells.memory,
                    stage,
                    available,
                )
            )

        available = cells.pools[AVLN]
        return -jax.jvp(rate, (available,), (jnp.ones_like(available),))[1]

    return jax.vmap(one)(cells.drivers)


def print_resolved_bounds(cells: Cells) -> None:
    """CMAX, NMAX, KDC and NUP that the bounds allow at the drawn textures."""
    for symbol, constant, scale in (
        ("CMAX", "maximum_photosynthesis", "cmax_scale"),
        ("NMAX", "maximum_nitrogen_uptake", "nmax_scale"),
        ("KDC", "decomposition_rate", "kdc_scale"),
        ("NUP", "microbial_nitrogen_uptake", "nup_scale"),
    ):
        resolved = np.asarray(getattr(cells.constants, constant))
        base = resolved / np.asarray(getattr(cells.parameters, scale))
        low, high = REGISTRY[scale].bounds
        print(
            f"{symbol}: drawn {resolved.min():.3g} to {resolved.max():.3g}; "
            f"bounds {low * base.min():.3g} to {high * base.max():.3g} {REGISTRY[scale].unit}"
        )


@pytest.fixture(scope="module")
def few_cells():
    return spun_up(60, seed=4, years=20)


def test_sixty_cells(few_cells):
    cells = few_cells
    exact = annual(partial(runge_kutta_month, substeps=256), cells)
    off = errors(annual(integrate_month, cells), exact)
    report(f"n = {DEFAULT_SUBSTEPS}", off)
    check(off)


@pytest.mark.slow
def test_thousand_cells():
    cells = spun_up(1000, seed=1, years=150)
    print_resolved_bounds(cells)
    stiff = np.asarray(stiffness(cells)).max(axis=0)
    print("yearly maximum of the stiffness (month-1), quantiles 0.5 0.9 0.99 1:",
          np.quantile(stiff, [0.5, 0.9, 0.99, 1.0]).round(1))  # fmt: skip
    exact = annual(partial(runge_kutta_month, substeps=512), cells)
    for substeps in (8, 16, 32, 64):
        off = errors(annual(partial(integrate_month, substeps=substeps), cells), exact)
        report(f"n = {substeps}", off)
    off = errors(annual(integrate_month, cells), exact)
    report(f"n = {DEFAULT_SUBSTEPS}", off)
    check(off)


def balanced_nitrogen(cells: Cells) -> jax.Array:
    """AVLN at which gross mineralisation and immobilisation cancel, g N m⁻²."""
    p, c, pools = cells.parameters, cells.constants, cells.pools
    ratio = pools[pool_index("soil_organic_nitrogen")] / pools[pool_index("soil_organic_carbon")]
    demand = c.microbial_nitrogen_uptake * c.litter_decay
    concentration = p.immobilisation_half_saturation * ratio / (demand - ratio)
    per_water = 0.001 / c.rooting_depth
    moisture = (pools[pool_index("available_water")] + c.wilting_point) * per_water
    return concentration / (moisture**2 * per_water)


def test_stiff_immobilisation_stays_stable(few_cells):
    """AVLN that relaxes at 250 per month, started from a twentieth of its balance upwards."""
    cells, index = few_cells, 6
    drivers = jax.tree.map(lambda value: value[index], cells.drivers)

    def at(share):
        return cells._replace(pools=cells.pools.at[AVLN].set(share * balanced_nitrogen(cells)))

    # The more microbes can take up, the lower and the stiffer the balance.
    for _ in range(8):
        scale = np.clip(250.0 / np.maximum(np.asarray(stiffness(at(0.9)))[index], 1e-3), 0.3, 3.0)
        uptake = cells.constants.microbial_nitrogen_uptake * scale
        constants = dataclasses.replace(cells.constants, microbial_nitrogen_uptake=uptake)
        cells = cells._replace(constants=constants)
    used = np.abs(np.asarray(stiffness(at(0.9)))[index] - 250.0) < 10.0
    assert used.sum() >= 30
    pools = at(np.random.default_rng(0).uniform(0.05, 1.5, used.size)).pools
    arguments = (cells.parameters, cells.constants, drivers, cells.memory, pools)

    def after(integrate, **options):
        return np.asarray(jax.jit(partial(integrate, **options))(*arguments)[0])[:, used]

    exact = after(runge_kutta_month, substeps=512)
    scale = np.maximum(np.abs(exact), 1e-3 * np.abs(exact).max(axis=1, keepdims=True))
    results = {
        f"default, n = {DEFAULT_SUBSTEPS}": after(integrate_month),
        "Runge-Kutta, n = 32": after(runge_kutta_month, substeps=32),
    }
    off = {name: np.abs(result - exact) / scale for name, result in results.items()}
    for name, value in off.items():
        print(name, "all pools, AVLN:", f"{value.max():.1e} {value[AVLN].max():.1e}")
    default, explicit = results
    assert (results[default][AVLN] >= 0.0).all()
    assert off[default].max() <= 0.02
    assert off[explicit].max() > 0.2  # explicit steps do not hold

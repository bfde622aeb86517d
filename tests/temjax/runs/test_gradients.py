"""Derivatives of a whole year, heat and ecosystem together, and of every tunable."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import temjax
from temjax import ModelOptions, find_equilibrium, simulate, sites, tunable_names
from temjax.forcing import select_years
from temjax.parameters.idle import LAYERED

CONVERGED = ModelOptions(heat_iterations=100)  # to 1e-12
EVERY_PROCESS = ModelOptions(freezing_cutoff=True)


def _setup(name: str):
    site = sites.load(name)
    parameters = site.parameters()
    # away from kinks: R_s = 0 is a bound, the wet-tundra mat ends at the 20 cm that are read, and
    # the sets' VEGC2NB is their C2NMIN; nearer to it, labile nitrogen runs out within a sub-step
    parameters = dataclasses.replace(
        parameters,
        surface_resistance=jnp.asarray(0.08),
        conductivity_scale=jnp.asarray(1.1),
        mat_thickness=parameters.mat_thickness * 1.07,
        vegetation_carbon_to_nitrogen_intercept=(
            parameters.vegetation_carbon_to_nitrogen_intercept * 1.08
        ),
    )
    return parameters, site.location, select_years(site.forcing, 0, 3)


def _year(site: str, options: ModelOptions, state):
    """Annual fluxes, pools and thaw of two years as a function of relative parameter changes."""
    parameters, location, forcing = _setup(site)
    names = tuple(name for name in tunable_names() if name not in LAYERED)
    values = {name: getattr(parameters, name) for name in names}

    def outputs(x):
        changed = {
            name: values[name] * (1 + x[i]) + 1e-3 * x[i] * (values[name] == 0)
            for i, name in enumerate(names)
        }
        run = simulate(
            dataclasses.replace(parameters, **changed),
            location,
            forcing,
            initial=state,
            options=options,
            exposure=True,
        )
        annual = run.annual
        return jnp.stack(
            [
                annual.gross_primary_production[-1],
                annual.net_primary_production[-1],
                annual.heterotrophic_respiration[-1],
                annual.nitrogen_uptake[-1],
                annual.net_nitrogen_mineralisation[-1],
                annual.evapotranspiration[-1],
                *(annual.pools[i, -1] for i in range(7)),
                annual.maximum_thaw_depth[-1],
                jnp.mean(run.soil.soil_temperature[-1, :, 2]),
            ]
        )

    return outputs, names


@pytest.mark.slow
@pytest.mark.parametrize(
    ("site", "freezing_cutoff"), [("haibei-meadow", False), ("toolik-tundra", True)]
)
def test_three_derivatives_of_a_year_agree(site, freezing_cutoff, capsys):
    parameters, location, forcing = _setup(site)
    converged = dataclasses.replace(CONVERGED, freezing_cutoff=freezing_cutoff)
    state = find_equilibrium(parameters, location, forcing, options=converged).state
    # relative leaf area of an equilibrium is exactly 1 in its largest month, where TEM limits it;
    # where carbon limits production in that month, that is a kink
    memory = dataclasses.replace(state.memory, leaf_maximum=1.1 * state.memory.leaf_maximum)
    state = dataclasses.replace(state, memory=memory)
    outputs, names = _year(site, converged, state)
    zero = jnp.zeros(len(names))
    outputs_jit = jax.jit(outputs)
    forward = jax.jit(jax.jacfwd(outputs))(zero)
    reverse = jax.jit(jax.jacrev(outputs))(zero)
    assert np.all(np.isfinite(forward))
    column = jnp.linalg.norm(forward, axis=0, keepdims=True)
    # a parameter without effect here (b without permafrost) has a column of rounding noise
    negligible = 1e-4 * jnp.abs(outputs_jit(zero))[:, None]
    scale = jnp.maximum(jnp.maximum(jnp.abs(forward), 1e-3 * column), negligible)
    two_modes = np.asarray(jnp.abs(forward - reverse) / scale)
    step = 1e-4

    def difference(e, h):
        return (outputs_jit(h * e) - outputs_jit(-h * e)) / (2 * h)

    # central differences of fourth order: rounding, not truncation, would limit a smaller step
    central = jnp.stack(
        [(4 * difference(e, step) - difference(e, 2 * step)) / 3 for e in jnp.eye(len(names))],
        axis=1,
    )
    gap = np.asarray(jnp.abs(forward - central) / scale)
    default, _ = _year(site, ModelOptions(freezing_cutoff=freezing_cutoff), state)
    few_iterations = np.asarray(jnp.abs(jax.jit(jax.jacfwd(default))(zero) - forward) / scale)
    with capsys.disabled():
        worst = np.unravel_index(gap.argmax(), gap.shape)
        print(
            f"\n{site}: jvp-vjp {two_modes.max():.1e}, jvp-central {gap.max():.1e} "
            f"({names[worst[1]]}, output {worst[0]}), default iterations {few_iterations.max():.1e}"
        )
        print("largest gap by parameter:", dict(zip(names, gap.max(axis=0).round(9), strict=True)))
    assert two_modes.max() <= 1e-10
    assert gap.max() <= 1e-6
    assert few_iterations.max() <= 5e-3


@pytest.mark.slow
def test_every_tunable_moves_something_at_a_site(capsys):
    """Through the equilibrium and three exposed years; toolik has permafrost and snow.

    TOPTMIN acts where it exceeds the temperature of the leafiest month (10.7 °C at Haibei), so it
    is moved there: at the sets' 5.5 °C the clip of TEM's year-end rule has no derivative in it.
    """
    silent = set(tunable_names()) - set(LAYERED)
    for site in ("toolik-tundra", "haibei-meadow"):
        parameters, location, forcing = _setup(site)
        parameters = dataclasses.replace(parameters, temperature_optimum_minimum=jnp.asarray(12.0))
        warm = jnp.asarray([0.0, 1.0, 2.0]).reshape((3, 1))
        forcing = dataclasses.replace(forcing, air_temperature=forcing.air_temperature + warm)
        names = tuple(name for name in tunable_names() if name not in LAYERED)

        def outputs(x, parameters=parameters, location=location, forcing=forcing, names=names):
            changed = {n: getattr(parameters, n) + x[i] for i, n in enumerate(names)}
            moved = dataclasses.replace(parameters, **changed)
            state = find_equilibrium(moved, location, forcing, options=EVERY_PROCESS).state
            run = simulate(
                moved, location, forcing, initial=state, options=EVERY_PROCESS, exposure=True
            )
            return jnp.concatenate([run.annual.fluxes[:, -1], run.annual.pools[:, -1]])

        jacobian = jax.jit(jax.jacfwd(outputs))(jnp.zeros(len(names)))
        assert np.all(np.isfinite(jacobian))
        moving = {n for i, n in enumerate(names) if float(jnp.abs(jacobian[:, i]).max()) > 0}
        with capsys.disabled():
            print(f"\n{site}: no effect of {sorted(set(names) - moving) or 'none'}")
        silent -= moving
        if not silent:
            break
    assert not silent, f"no gradient at any site: {sorted(silent)}"
    assert temjax.REGISTRY

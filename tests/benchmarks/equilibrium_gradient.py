"""Gradients through the equilibrium: accuracy, cost, compilations, and the bias of stopping early.

Run: python -m tests.benchmarks.equilibrium_gradient [--site NAME] [--part early …] [--figure FILE]

Climate of a catalog site, first 30 years as their mean; parameters moved off the kinks of TEM as
in tests/temjax/test_gradients.py.
"""

import argparse
import dataclasses
import time

import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

import temjax  # noqa: E402
from temjax import (  # noqa: E402
    find_equilibrium,
    simulate,
    sites,
    tunable_names,
)
from temjax.calibration.history import broadcast_to_cells  # noqa: E402
from temjax.forcing import select_years  # noqa: E402
from temjax.numerics import solve_cells, value_and_jacobian  # noqa: E402
from temjax.runs.annual_map import pack_state, relative_change, unpack_state  # noqa: E402
from temjax.runs.equilibrium import cyclic_map, equilibrium_climate  # noqa: E402

YEARS_AFTER = 20
UNROLLED = (200, 1000)
STOPS = (200, 500, 1000, 3000)
# Differences of searches to 1e-8 would see what they leave: heat goes on to rounding,
# pools to 1e-12 and from there by POLISH Newton steps.
HEAT_CLOSER, POOLS_CLOSER, POLISH = 1e-15, 1e-12, 3
# Relative steps of differences, each with its double: short ones keep off kinks (TEM has some 1e-4
# apart), long ones off rounding.
STEPS = (1e-5, 1e-4, 1e-3)
FIGURE_PARAMETERS = (
    "cmax_scale",
    "kdc_scale",
    "respiration_rate_log",
    "nmax_scale",
    "conductivity_scale",
)


class Compilations:
    """Counts and times what the compiler does."""

    def __init__(self):
        self.count, self.seconds = 0, 0.0
        jax.monitoring.register_event_duration_secs_listener(self._listen)

    def _listen(self, event, seconds, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            self.count += 1
            self.seconds += seconds

    def since(self, before):
        """Count and seconds since an earlier ``now``."""
        return self.count - before[0], self.seconds - before[1]

    def now(self):
        """To hand to ``since``."""
        return self.count, self.seconds


def place(name: str):
    """Parameters off the kinks, location and forcing of a site."""
    site = sites.load(name)
    base = site.parameters()
    intercept = base.vegetation_carbon_to_nitrogen_intercept
    parameters = dataclasses.replace(
        base,
        surface_resistance=jnp.asarray(0.08),
        conductivity_scale=jnp.asarray(1.1),
        mat_thickness=base.mat_thickness * 1.07,
        vegetation_carbon_to_nitrogen_intercept=intercept * 1.08,
    )
    return parameters, site.location, site.forcing


def moved(parameters, names, change):
    """Relative changes ``(name, *cell)`` of the named parameters (of 1e-3 units where zero)."""
    values = {name: getattr(parameters, name) for name in names}
    return dataclasses.replace(
        parameters,
        **{
            name: value * (1 + change[i]) + 1e-3 * change[i] * (value == 0)
            for i, (name, value) in enumerate(values.items())
        },
    )


def polished(parameters, location, forcing, state):
    """The equilibrium to rounding, and the relative change of its pools over a year."""
    annual, first, _ = cyclic_map(parameters, location, equilibrium_climate(forcing, "mean", 30))

    def improve(point, _):
        after, slopes = value_and_jacobian(annual, point)
        identity = jnp.eye(slopes.shape[-1])
        return point + solve_cells(identity - slopes, after - point), None

    point = pack_state(state.ecosystem, state.memory)
    point, _ = jax.lax.scan(improve, point, None, length=POLISH)
    ecosystem, memory = unpack_state(point)
    return dataclasses.replace(first, ecosystem=ecosystem, memory=memory), relative_change(
        point, annual(point)
    )


def targets(parameters, location, forcing, names, *, guess=None, polish=False):
    """SOC, SON, VEGC at equilibrium and the sum of NEP over the years that follow."""

    def function(change):
        changed = moved(parameters, names, change)
        state = find_equilibrium(changed, location, forcing, guess=guess).state
        if polish:
            state, left = jax.jit(polished)(changed, location, forcing, state)
            print(f"  a year still moves the pools of the differences by {float(left.max()):.1e}")
        run = simulate(changed, location, forcing, initial=state, stop=YEARS_AFTER)
        return jnp.stack(
            [
                state.soil_organic_carbon,
                state.soil_organic_nitrogen,
                state.vegetation_carbon,
                jnp.sum(run.annual.net_ecosystem_production, axis=0),
            ]
        )

    return function


def accuracy(parameters, location, forcing, names) -> None:
    """Forward and reverse mode beside central differences, every tunable at once as cells."""
    guess = find_equilibrium(parameters, location, forcing).state
    temjax.heat.equilibrium.tolerance = lambda dtype: HEAT_CLOSER
    temjax.runs.fixed_point.tolerance = lambda dtype: POOLS_CLOSER
    function = targets(parameters, location, forcing, names, guess=guess)
    zero = jnp.zeros(len(names))
    forward = np.asarray(jax.jit(jax.jacfwd(function))(zero))
    reverse = np.asarray(jax.jit(jax.jacrev(function))(zero))

    sizes = [sign * step for step in STEPS for sign in (1, -1, 2, -2)]
    moves = jnp.asarray(np.concatenate([size * np.eye(len(names)) for size in sizes], axis=1))
    cells = moves.shape[1]
    near = jax.tree.map(lambda x: jnp.broadcast_to(x[..., None], (*jnp.shape(x), cells)), guess)
    repeated = broadcast_to_cells(location, forcing, cells)
    batch = targets(parameters, *repeated, names, guess=near, polish=True)
    values = np.asarray(batch(moves)).reshape(len(forward), len(STEPS), 4, len(names))
    up, down, up2, down2 = np.moveaxis(values, 2, 0)
    step = np.asarray(STEPS)[:, None]
    narrow, wider = (up - down) / (2 * step), (up2 - down2) / (4 * step)
    # of the steps, the one whose two differences agree best: no kink, little rounding
    best = np.abs(narrow - wider).argmin(axis=1)[:, None]
    narrow, wider = (np.take_along_axis(x, best, axis=1)[:, 0] for x in (narrow, wider))
    size = np.abs(np.asarray(function(zero)))[:, None]
    size[3] = max(float(size[3, 0]), 1.0)
    column = 1e-3 * np.linalg.norm(forward, axis=0, keepdims=True)
    scale = np.maximum(np.maximum(np.abs(forward), column), 1e-4 * size)
    # two differences that disagree by more than this, at every step, have a kink of TEM between
    # them, or rounding; they cannot judge to 1e-6
    doubt = np.abs(narrow - wider) / scale
    seen = doubt <= 1e-6
    gap = np.abs(forward - (4 * narrow - wider) / 3) / scale
    modes = np.abs(forward - reverse) / scale
    print(f"accuracy: {len(names)} tunables, 30-year mean climate; forward mode beside")
    for row, name in enumerate(("SOC", "SON", "VEGC", f"ΣNEP of {YEARS_AFTER} years")):
        worst = names[int(np.where(seen[row], gap[row], 0.0).argmax())]
        others = ", ".join(
            f"{names[i]} {gap[row, i]:.0e} ± {doubt[row, i]:.0e}"
            for i in np.flatnonzero(~seen[row])
        )
        print(
            f"  {name:16s} reverse {modes[row].max():.1e}; central {gap[row][seen[row]].max():.1e} "
            f"({worst}) for {seen[row].sum()}; differences in doubt: {others or 'none'}"
        )


def unrolled(parameters, location, forcing, names, years: int):
    """SOC after plain years on the soil climate in balance, the years in the graph."""

    def function(change):
        changed = moved(parameters, names, change)
        annual, start, _ = cyclic_map(changed, location, equilibrium_climate(forcing, "mean", 30))
        state, _ = jax.lax.scan(
            lambda state, _: (annual(state), None),
            pack_state(start.ecosystem, start.memory),
            None,
            length=years,
        )
        return unpack_state(state)[0].soil_organic_carbon

    return function


def cost(parameters, location, forcing, names, log: Compilations) -> None:
    """Time and memory of the gradient of SOC, implicit beside back-propagation."""
    zero = jnp.zeros(len(names))

    def implicit(change):
        found = find_equilibrium(moved(parameters, names, change), location, forcing)
        return found.state.soil_organic_carbon

    def report(label, function):
        started = time.perf_counter()
        compiled = jax.jit(function).lower(zero).compile()
        seconds = time.perf_counter() - started
        memory = compiled.memory_analysis()
        spent = []
        for _ in range(2):
            started = time.perf_counter()
            jax.block_until_ready(compiled(zero))
            spent.append(time.perf_counter() - started)
        print(
            f"  {label:42s} compile {seconds:6.1f} s  run {min(spent):7.2f} s  "
            f"memory {memory.temp_size_in_bytes / 2**20:9.1f} MiB"
        )

    print(f"cost, one cell, {len(names)} tunables (all runs include the heat equilibrium):")
    report("equilibrium", implicit)
    report("equilibrium, gradient", jax.grad(implicit))
    report(
        "equilibrium, Jacobian of the four targets",
        jax.jacfwd(targets(parameters, location, forcing, names)),
    )
    for years in UNROLLED:
        function = unrolled(parameters, location, forcing, names, years)
        report(f"gradient back through {years} years", jax.grad(function))

    before = log.now()
    find_equilibrium(parameters, location, forcing)
    first = log.since(before)
    before = log.now()
    for years in range(20, 110, 10):
        find_equilibrium(parameters, location, select_years(forcing, 0, years))
    later = log.since(before)
    print(
        f"compilations: first of ten forcings {first[0]} programs, {first[1]:.0f} s; nine more of "
        f"20 … 100 years {later[0]} programs, {later[1]:.1f} s (means over years of new length)"
    )


def spin_ups(parameters, location, forcing) -> None:
    """The cycle of the first 30 years solved for, beside 200 years of it after the mean year."""
    cold = {}
    for climate in ("mean", "cycle"):
        find_equilibrium(parameters, location, forcing, climate=climate)
        started = time.perf_counter()
        found = find_equilibrium(parameters, location, forcing, climate=climate)
        jax.block_until_ready(found)
        cold[climate] = found.state, time.perf_counter() - started
    temjax.spin_up(parameters, location, forcing, cold["mean"][0], years=30)
    for years in (200, 1000):
        started = time.perf_counter()
        state = temjax.spin_up(parameters, location, forcing, cold["mean"][0], years=years)
        jax.block_until_ready(state)
        cold[f"{years} years"] = state, time.perf_counter() - started
    print("ways to spin up: SOC, SON, VEGC (g m⁻²), 20-year ΣNEP (g C m⁻²), seconds warm")
    for label, (state, seconds) in cold.items():
        run = simulate(parameters, location, forcing, initial=state, stop=YEARS_AFTER)
        print(
            f"  {label:10s} {float(state.soil_organic_carbon):10.2f} "
            f"{float(state.soil_organic_nitrogen):8.3f} {float(state.vegetation_carbon):8.3f} "
            f"{float(jnp.sum(run.annual.net_ecosystem_production)):8.3f} {seconds:6.2f}"
        )


def stopping_early(parameters, location, forcing, figure: str | None) -> None:
    """SOC and its elasticities after some plain years, relative to the fixed point."""
    names = FIGURE_PARAMETERS
    zero, units = jnp.zeros(len(names)), jnp.eye(len(names))

    def after(change):
        changed = moved(parameters, names, change)
        annual, start, _ = cyclic_map(changed, location, equilibrium_climate(forcing, "mean", 30))

        def year(state, _):
            state = annual(state)
            return state, unpack_state(state)[0].soil_organic_carbon

        state = pack_state(start.ecosystem, start.memory)
        return jax.lax.scan(year, state, None, length=max(STOPS))[1]

    def fixed(change):
        state = find_equilibrium(moved(parameters, names, change), location, forcing).state
        return state.soil_organic_carbon

    def slopes(function):
        return jax.jit(jax.vmap(lambda u: jax.jvp(function, (zero,), (u,)), out_axes=(None, 0)))

    carbon, slope = map(np.asarray, slopes(after)(units))
    goal, goal_slope = map(np.asarray, slopes(fixed)(units))
    print(
        f"stopping early: SOC {goal:.0f} g C m⁻² at the fixed point; share reached, SOC and slope"
    )
    for years in STOPS:
        shares = ", ".join(
            f"{name} {slope[i, years - 1] / goal_slope[i]:.3f}" for i, name in enumerate(names)
        )
        print(f"  {years:5d} years: SOC {carbon[years - 1] / goal:.4f}; {shares}")
    if figure is None:
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.style.context("tableau-colorblind10"):
        canvas, axes = plt.subplots(figsize=(6.3, 3.6), layout="constrained")
        years = np.arange(1, max(STOPS) + 1)
        axes.plot(years, carbon / goal, "k", lw=2, label="SOC")
        for i, name in enumerate(names):
            axes.plot(years, slope[i] / goal_slope[i], label=f"∂SOC/∂{name}")
        axes.axhline(1, color="0.6", lw=0.8)
        for stop in STOPS:
            axes.axvline(stop, color="0.85", lw=0.8, zorder=0)
        axes.set(
            xscale="log", xlim=(10, max(STOPS)), ylim=(0, 1.4),
            xlabel="years of spin-up (log scale)", ylabel="share of the value at the fixed point",
        )  # fmt: skip
        axes.legend(fontsize=8, frameon=False, loc="lower right")
        canvas.savefig(figure, dpi=160)


def main() -> None:
    """Print all parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", default="haibei-meadow")
    parser.add_argument("--figure", help="file for the figure of stopping early")
    parser.add_argument(
        "--part", choices=("cost", "spin-ups", "early", "accuracy"), action="append"
    )
    chosen = parser.parse_args()
    parameters, location, forcing = place(chosen.site)
    names = tunable_names()
    parts = {
        "cost": lambda: cost(parameters, location, forcing, names, Compilations()),
        "spin-ups": lambda: spin_ups(parameters, location, forcing),
        "early": lambda: stopping_early(parameters, location, forcing, chosen.figure),
        "accuracy": lambda: accuracy(parameters, location, forcing, names),
    }
    for part in chosen.part or parts:
        parts[part]()


if __name__ == "__main__":
    main()

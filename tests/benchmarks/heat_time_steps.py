"""Second-order time steps of soil heat (TR-BDF2) beside backward Euler, with as many solves.

Run: python -m tests.benchmarks.heat_time_steps

Sixteen columns: Toolik's mean year shifted by −3 to +3 K with moist-tundra parameters, and a cosine
climate of the plateau, −8 to −1 °C in the mean, with alpine-meadow's. Three years from balance with
the mean year; the reference are backward-Euler steps of a sixteenth of the default's.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

import temjax  # noqa: E402
from temjax.forcing import MONTH_DAYS, mean_year  # noqa: E402
from temjax.heat.climate import equilibrate_heat  # noqa: E402
from temjax.heat.step import heat_step  # noqa: E402
from temjax.heat.surface import cyclic_window, surface_series  # noqa: E402
from temjax.processes import active_layer, soil_heat  # noqa: E402
from temjax.processes.soil_heat import Surface  # noqa: E402
from temjax.soil_column import soil_column  # noqa: E402
from tests.support.heat_cases import plateau, toolik  # noqa: E402

GAMMA = 2.0 - 2.0**0.5
REFERENCE = 96
YEARS, CELLS, ITERATIONS = 3, 8, 100
DAYS = np.array(MONTH_DAYS, float)
FINE = (np.arange(REFERENCE) + 0.5) / REFERENCE


def weights(month, place):
    """Of the month before, the month and the one after, at a place (0–1) in a month."""
    days = jnp.asarray(DAYS)
    before, after = jnp.roll(days, 1), jnp.roll(days, -1)

    def linear(place):
        offset = (place - 0.5) * days[month]
        earlier = jnp.maximum(-offset, 0.0) / (0.5 * (days[month] + before[month]))
        later = jnp.maximum(offset, 0.0) / (0.5 * (days[month] + after[month]))
        return jnp.stack([earlier, 1.0 - earlier - later, later])

    mean = jnp.mean(jax.vmap(linear)(jnp.asarray(FINE)), axis=0)
    plain = linear(place)
    return plain, plain - mean + jnp.array([0.0, 1.0, 0.0])


def surface_at(drivers, month, place) -> Surface:
    """What drives the top at a place in a month."""
    plain, conserving = weights(month, place)
    return Surface(
        jnp.tensordot(conserving, drivers.temperature[month], 1),
        jnp.tensordot(plain, drivers.snow_resistance[month], 1) + drivers.surface_resistance,
    )


def backward_euler(column, drivers, month, number, count, enthalpy):
    """The model's step: drivers of its middle."""
    seconds = DAYS_S[month] / count
    middle = surface_at(drivers, month, (number + 0.5) / count)
    return heat_step(ITERATIONS, column, enthalpy, middle, seconds).enthalpy


def tr_bdf2(column, drivers, month, number, count, enthalpy):
    """A trapezoidal stage to γ of the step and a backward difference over both."""
    seconds = DAYS_S[month] / count
    at = [surface_at(drivers, month, (number + part) / count) for part in (0.0, GAMMA, 1.0)]
    half = 0.5 * GAMMA * seconds
    imbalance = soil_heat.step_imbalance(column, enthalpy, enthalpy, at[0], half)
    pushed = enthalpy - imbalance / column.thickness
    stage = heat_step(ITERATIONS, column, pushed, at[1], half).enthalpy
    both = (stage - (1.0 - GAMMA) ** 2 * enthalpy) / (GAMMA * (2.0 - GAMMA))
    return heat_step(
        ITERATIONS, column, both, at[2], (1.0 - GAMMA) / (2.0 - GAMMA) * seconds
    ).enthalpy


DAYS_S = jnp.asarray(DAYS * 86400.0)


@partial(jax.jit, static_argnums=(0, 1))
def run(scheme, count, column, drivers, enthalpy):
    """Monthly mean layer temperatures and thaw depth after every step of three years."""

    def step(before, index):
        month, number = (index // count) % 12, index % count
        after = scheme(column, drivers, month, number, count, before)
        # backward Euler's end of step stands for its middle, as its drivers do
        seen = after if scheme is backward_euler else 0.5 * (before + after)
        fraction = soil_heat.liquid_fraction(column, after)
        return after, (
            soil_heat.temperature(column, seen),
            active_layer.thaw_depth(column.thickness, column.top, fraction),
        )

    _, (profile, depth) = jax.lax.scan(step, enthalpy, jnp.arange(YEARS * 12 * count))
    monthly = profile.reshape((YEARS * 12, count, *profile.shape[1:])).mean(axis=1)
    return monthly, depth.reshape((YEARS, 12 * count, -1)).max(axis=1)


def case(name, place, forcing):
    """Column, drivers and the state in balance, of one climate."""
    parameters = temjax.load_parameters(name)
    year = mean_year(forcing)
    state, pack, _ = equilibrate_heat(parameters, place, year)
    shape = (CELLS,)
    window = cyclic_window(year)
    series = surface_series(parameters, place, window, shape, pack, None)
    drivers = jax.tree.map(lambda leaf: leaf[0] if leaf.ndim > 1 else leaf, series.drivers)
    return soil_column(parameters, shape), drivers, state.enthalpy


def main() -> None:
    """Print errors against the reference, rms over columns, months and years."""
    climates = {
        "tundra": case("moist-tundra", *toolik(jnp.linspace(-3.0, 3.0, CELLS))),
        "plateau": case("alpine-meadow", *plateau(jnp.linspace(-8.0, -1.0, CELLS), 11.0, 200.0)),
    }
    schemes = [(backward_euler, n) for n in (2, 4, 6, 12)] + [(tr_bdf2, n) for n in (1, 2, 3, 6)]
    print("climate  scheme          solves a month  ALT rms, cm  T rms 10 cm, 1 m, 2 m, K")
    for climate, given in climates.items():
        centre = np.asarray(given[0].centre)
        exact, exact_depth = run(backward_euler, REFERENCE, *given)
        for scheme, count in schemes:
            found, depth = run(scheme, count, *given)
            wrong = 100 * np.sqrt(np.mean((np.asarray(depth) - exact_depth) ** 2))
            errors = []
            for z in (0.1, 1.0, 2.0):
                layer = np.argmin(np.abs(centre[:, 0] - z))
                errors.append(np.sqrt(np.mean((found - exact)[:, layer] ** 2)))
            solves = count * (1 if scheme is backward_euler else 2)
            said = "  ".join(f"{error:.3f}" for error in errors)
            print(
                f"{climate:8s} {scheme.__name__:15s} {solves:14d}  {wrong:11.2f}  {said}",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""The plateau's permafrost column: profile, ground temperature and active layer, before and after
the thermal numbers are fitted to its soil temperatures (docs/permafrost_column.md).

Run: python tests/benchmarks/permafrost_column.py [FIGURE.png]
"""

import sys
import time

import jax.numpy as jnp
import numpy as np

import temjax
from temjax.calibration import calibrate
from temjax.calibration.history import broadcast_to_cells
from temjax.calibration.targets import ErrorModel
from temjax.heat.climate import equilibrate_heat, soil_climate

PLACE, DEEP, DRAWS, LAST = "plateau-permafrost", 10.0, 64, 10
MODEL_ERRORS = (1.0, 0.5)  # K


def ground(part, free):
    """Mean annual ground temperature (°C) and active layer (m), last ten years, by column."""
    parameters = part.free.insert(part.parameters, free)[0]
    location, forcing = broadcast_to_cells(part.location, part.forcing, free.shape[1])
    first = temjax.forcing.mean_year(forcing, 0, 1)
    heat, snowpack, _ = equilibrate_heat(parameters, location, first)
    soil = soil_climate(parameters, location, forcing, heat, snowpack=snowpack)
    last = slice(-LAST, None)
    return (
        np.asarray(soil.mean_annual_ground_temperature[last].mean(axis=0)),
        np.asarray(soil.maximum_thaw_depth[last].mean(axis=0)),
    )


def report(model_error: float):
    """Fit with a model error of the profile, K; prints what the page shows."""
    began = time.perf_counter()
    fit = calibrate(
        PLACE, free=("thermal",), starts=4, progress=False,
        errors=ErrorModel(temperature=model_error),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    (part,), (profile,) = fit.result.objective.parts, fit.soil_profiles[0]
    optimum = fit.result.free[:, fit.result.best]
    points = np.column_stack([np.zeros_like(optimum), optimum, fit.posterior.samples(DRAWS, 0)])
    temperature, thaw = ground(part, jnp.asarray(points))
    observed = profile.fitted.profile
    deep = observed.values[observed.depths > DEEP].mean()
    print(f"model error {model_error} K, {seconds:.0f} s")
    print(profile.line)
    print(fit.table()[["prior", "estimate", "low", "high", "shrinkage"]].round(4).to_string())
    for name, values in (("MAGT at 12 m, °C", temperature), ("active layer, m", thaw)):
        low, high = np.percentile(values[2:], [5, 95])
        print(f"{name}: prior {values[0]:.2f}, fitted {values[1]:.2f} ({low:.2f} … {high:.2f})")
    print(f"observed below {DEEP:g} m: {deep:.2f} °C")
    for depth, value, prior, fitted in zip(
        observed.depths, observed.values, profile.prior.simulated, profile.fitted.simulated,
        strict=True,
    ):  # fmt: skip
        print(f"{depth:7.3f} {value:6.2f} {prior:6.2f} {fitted:6.2f}")
    return fit


if __name__ == "__main__":
    temjax.configure(few_cells=True)
    first, *_ = [report(error) for error in MODEL_ERRORS]
    if len(sys.argv) > 1:
        first.plot("soil_profile").savefig(sys.argv[1], dpi=130)

"""A run, an equilibrium and a gradient of one cell, computed in this process or in another one from
which ``temjax.kernels`` is hidden: ``python -m tests.support.hidden_kernels FILE``.
"""

import dataclasses
import sys

import jax
import jax.numpy as jnp
import numpy as np

HIDDEN = "temjax.kernels"


class Hide:
    """An import hook: the package is not installed."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == HIDDEN or name.startswith(f"{HIDDEN}."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def numbers() -> dict[str, np.ndarray]:
    """Equilibrium, ten years with heat from it, and a gradient of two years; leaves by path."""
    from temjax import ModelOptions, find_equilibrium, load_parameters, simulate
    from temjax.forcing import mean_year, select_years
    from tests.support import soil_cases

    options = ModelOptions(substeps=8, heat_substeps=3)
    parameters, location = load_parameters("alpine-meadow"), soil_cases.location((1,))
    forcing = soil_cases.forcing(10, (1,))
    balance = find_equilibrium(parameters, location, mean_year(forcing), options=options)

    def annual(parameters, forcing):
        run = simulate(parameters, location, forcing, initial=balance.state, options=options)
        return run.annual

    def loss(values):
        changed = dataclasses.replace(parameters, **values)
        years = annual(changed, select_years(forcing, 0, 2))
        return jnp.sum(years.net_primary_production) + jnp.sum(years.maximum_thaw_depth)

    names = ("respiration_rate_log", "nitrogen_loss_rate", "mat_thickness", "upper_water")
    values = {name: jnp.asarray(getattr(parameters, name)) for name in names}
    results = {
        "equilibrium": balance.state,
        "run": annual(parameters, forcing),
        "gradient": jax.jit(jax.grad(loss))(values),
    }
    leaves = jax.tree_util.tree_leaves_with_path(results)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


if __name__ == "__main__":
    sys.meta_path.insert(0, Hide())
    jax.config.update("jax_enable_x64", True)
    np.savez(sys.argv[1], **numbers())
    assert not any(name.startswith(HIDDEN) for name in sys.modules)

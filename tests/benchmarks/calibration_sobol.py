"""Gradient ranking of parameters against Sobol total indices (SALib) at one site.

    python tests/benchmarks/calibration_sobol.py [--samples 64] [--points 8] [--batch 64]

Both act on the same prior box of ± 1.5 prior standard deviations; model years are counted.
"""

import argparse

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from SALib.analyze import sobol as analyse
from SALib.sample import sobol as sample
from scipy.stats import spearmanr

import sites
from calibration import DEFAULT, Objective, stock_target
from calibration.sensitivity import evaluate_outputs, expand_outputs, sensitivities

REACH = 1.5  # prior standard deviations
OUTPUTS = ("nep", "gpp", "rh", "soc")
console = Console(width=110, highlight=False)


def main() -> None:
    """Print both rankings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", default=64, type=int, help="power of two")
    parser.add_argument("--points", default=8, type=int)
    parser.add_argument("--batch", default=64, type=int)
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    unused = stock_target("soil_organic_carbon", 1.0, 1.0)
    site = sites.load("haibei-meadow")
    objective = Objective.of(site, DEFAULT, (), extra_targets=(unused,))
    free = objective.free
    low, high = free.box(0.02)
    low, high = np.maximum(low, -REACH), np.minimum(high, REACH)
    problem = {
        "num_vars": len(free.names),
        "names": list(free.names),
        "bounds": np.stack([low, high], axis=1).tolist(),
    }
    shifts = sample.sample(problem, given.samples, calc_second_order=False).T
    rows = tuple(row for row in expand_outputs(OUTPUTS) if " " not in row[0])
    evaluate = eqx.filter_jit(lambda x: evaluate_outputs(objective, rows, x, jnp.zeros(3)))
    outputs = []
    count = shifts.shape[1]
    for first in range(0, count, given.batch):
        block = shifts[:, first : first + given.batch]
        filled = np.pad(block, ((0, 0), (0, given.batch - block.shape[1])), mode="edge")
        values, _ = evaluate(jnp.asarray(free.from_shifts(filled)))
        outputs.append(np.asarray(values)[:, : block.shape[1]])
    outputs = np.concatenate(outputs, axis=1)
    rng = np.random.default_rng(0)
    uniform = low[:, None] + (high - low)[:, None] * rng.random((len(low), given.points))
    uniform[:, 0] = 0.0
    found = sensitivities(objective, OUTPUTS, draws=free.from_shifts(uniform))
    years = objective.forcing.number_of_years
    console.print(f"Sobol: {count} runs, {count * years} model years")
    console.print(f"gradients: {found.points} points, {found.model_years} model years")
    for row, (label, _, _) in enumerate(rows):
        index = analyse.analyze(problem, outputs[row], calc_second_order=False, seed=0)
        average = dict(found.ranking(label))
        gradient = np.array([average[name] for name in free.names])
        ten = np.argsort(-index["ST"])[:10]
        rank = spearmanr(index["ST"][ten], gradient[ten]).statistic
        console.print(f"{label}: rank correlation of the first ten {rank:.2f}")
        for i in ten:
            console.print(
                f"  {free.names[i]:32s} ST {index['ST'][i]:.3f}  gradient {gradient[i]:.3f}"
            )


if __name__ == "__main__":
    main()

"""Gradient ranking of parameters against Sobol total indices (SALib) at one site.

    python tests/benchmarks/calibration_sobol.py [--samples 64] [--points 16] [--batch 32]
        [--keep FILE.npz]

Both act on the same prior box of ± 1.5 prior standard deviations; model years are counted. Three
averages of the derivatives over the box are ranked: the mean size (Morris' μ*, what ``temjax
sensitivity`` ranks by), the root mean square (which bounds Sobol's total index, Kucherenko et al.
2009) and the median size.
"""

import argparse
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from SALib.analyze import sobol as analyse
from SALib.sample import sobol as sample
from scipy.stats import spearmanr

import temjax
from temjax import sites
from temjax.calibration import DEFAULT, Objective, stock_target
from temjax.calibration.sensitivity import evaluate_outputs, expand_outputs, output_derivatives
from temjax.files.atomic import write_arrays

REACH = 1.5  # prior standard deviations
OUTPUTS = ("nep", "gpp", "rh", "soc")
console = Console(width=110, highlight=False)


def main() -> None:
    """Print both rankings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", default=64, type=int, help="power of two")
    parser.add_argument("--points", default=16, type=int)
    parser.add_argument("--batch", default=32, type=int)
    parser.add_argument("--keep", type=Path, help="archive of samples, outputs and derivatives")
    arguments = parser.parse_args()
    temjax.compile_for_few_cells()
    jax.config.update("jax_enable_x64", True)
    unused = stock_target("soil_organic_carbon", 1.0, 1.0)
    site = sites.load("haibei-meadow")
    objective = Objective.of(site, DEFAULT, (), extra_targets=(unused,))
    free = objective.free
    low, high = free.shift_bounds(0.02)
    low, high = np.maximum(low, -REACH), np.minimum(high, REACH)
    problem = {
        "num_vars": len(free.names),
        "names": list(free.names),
        "bounds": np.stack([low, high], axis=1).tolist(),
    }
    shifts = sample.sample(problem, arguments.samples, calc_second_order=False).T
    rows = tuple(row for row in expand_outputs(OUTPUTS) if " " not in row[0])
    evaluate = eqx.filter_jit(lambda x: evaluate_outputs(objective, rows, x, jnp.zeros(3)))
    outputs, converged = [], []
    count = shifts.shape[1]
    for first in range(0, count, arguments.batch):
        block = shifts[:, first : first + arguments.batch]
        filled = np.pad(block, ((0, 0), (0, arguments.batch - block.shape[1])), mode="edge")
        values, block_converged = evaluate(jnp.asarray(free.from_shifts(filled)))
        outputs.append(np.asarray(values)[:, : block.shape[1]])
        converged.append(np.asarray(block_converged)[: block.shape[1]])
    outputs, converged = np.concatenate(outputs, axis=1), np.concatenate(converged)
    rng = np.random.default_rng(0)
    uniform = low[:, None] + (high - low)[:, None] * rng.random((len(low), arguments.points))
    uniform[:, 0] = 0.0
    sd = jnp.asarray(free.prior_sd)[:, None]
    inner = jnp.asarray(free.centre)[:, None] + sd * uniform
    points, stretch = jax.jvp(free.from_prior_space, (inner,), (jnp.broadcast_to(sd, inner.shape),))
    result = output_derivatives(objective, rows, points)
    valid = np.asarray(result.converged)
    derivatives = np.asarray(result.by_parameter * stretch)[:, :, valid]
    across = np.abs(derivatives) * (high - low)[:, None]
    years = objective.forcing.number_of_years
    console.print(f"Sobol: {count} runs, {count * years} model years, {converged.sum()} in balance")
    columns = len(low) + 4  # with the derivatives by climate, and the run itself
    console.print(
        f"gradients: {valid.sum()} points, {arguments.points * years} model years "
        f"with {columns - 1} derivatives each ({arguments.points * years * columns} by differences)"
    )
    if arguments.keep:
        archive = {"shifts": shifts, "outputs": outputs, "converged": converged, "across": across}
        write_arrays(arguments.keep, archive)
    measures = {
        "mean size": np.mean(across, axis=2),
        "root mean square": np.sqrt(np.mean(across**2, axis=2)),
        "median": np.median(across, axis=2),
    }
    for row, (label, _, _) in enumerate(rows):
        index = analyse.analyze(problem, outputs[row], calc_second_order=False, seed=0)
        total = index["ST"]
        ten = np.argsort(-total)[:10]
        agreed = {name: spearmanr(total[ten], by[row][ten]) for name, by in measures.items()}
        correlations = ", ".join(f"{name} {rank.statistic:.2f}" for name, rank in agreed.items())
        console.print(f"{label}: rank correlation of the first ten: {correlations}")
        for i in ten:
            parts = "  ".join(f"{name} {by[row][i]:10.4g}" for name, by in measures.items())
            console.print(
                f"  {free.names[i]:32s} ST {total[i]:.3f} ± {index['ST_conf'][i]:.3f}  {parts}"
            )


if __name__ == "__main__":
    main()

"""Twin of the whole chain: how often the 5-95 % band of a region's draws holds the truth.

    python -m tests.benchmarks.chain_twin [--replicates 24] [--draws 32] [--seeds 4] [--out DIR]

SYNTHETIC throughout. Every seed has truths of its own. Prints the share of truths inside the
band by group of cells and quantity with its standard error, and that of the parameters' 90 %
intervals at the towers.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import temjax
from temjax.regional.diagnostics.totals import REGION
from tests.support.chain_twin import QUANTITIES, ChainTwin, run_chain


def share(inside: np.ndarray) -> str:
    """Share in percent with its binomial standard error."""
    rate = float(np.nanmean(inside))
    return f"{rate:.1%} ± {np.sqrt(rate * (1 - rate) / np.isfinite(inside).sum()):.1%}"


def coverage_table(twins: list[ChainTwin]) -> Table:
    """Share of the truths inside the band by group of cells and quantity."""
    table = Table(title="truths inside 5-95 % of the draws", title_justify="left")
    table.add_column("group")
    for name in (*QUANTITIES, "all"):
        table.add_column(name, justify="right")
    for group in twins[0].truth:
        inside = {
            name: np.concatenate([twin.inside(group)[name] for twin in twins])
            for name in QUANTITIES
        }
        every = np.mean(list(inside.values()))
        table.add_row(group, *(share(inside[name]) for name in QUANTITIES), f"{every:.1%}")
    return table


def main() -> None:
    """Run the twins and print their coverage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=24, help="truths of each seed")
    parser.add_argument("--draws", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--out", type=Path, help="folder of all files; else they are removed")
    arguments = parser.parse_args()
    temjax.configure(few_cells=True)
    console = Console()
    twins = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(arguments.seeds):
            folder = (arguments.out or Path(scratch)) / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            started = time.process_time()
            twin = run_chain(
                folder,
                replicates=arguments.replicates,
                draws=arguments.draws,
                seed=1 + 1000 * seed,
            )
            twins.append(twin)
            seconds = time.process_time() - started
            console.print(f"seed {seed}: region {twin.rate(REGION):.1%}, {seconds:.0f} s of CPU")
    console.print(coverage_table(twins))
    for vegetation in twins[0].covered:
        covered = np.concatenate([twin.covered[vegetation].ravel() for twin in twins])
        console.print(f"{vegetation}: 90 % intervals of parameters hold {share(covered)}")


if __name__ == "__main__":
    main()

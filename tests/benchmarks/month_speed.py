"""Speed and compile time of the monthly carbon, nitrogen and water part.

Run: python -m tests.benchmarks.month_speed

Synthetic cells, one year (12 months) on given soil climate; CPU time of this process.
"""

from __future__ import annotations

import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

from temjax.ecosystem.imex import DEFAULT_SUBSTEPS, integrate_month  # noqa: E402
from tests.support.random_cases import random_cells, run_year, spin_up  # noqa: E402


def main() -> None:
    """Print CPU time per year and compile time for several numbers of cells and sub-steps."""
    many = jax.jit(partial(spin_up, years=3))(random_cells(1000, 1, published=True))
    print("dtype    cells   n compile s  ms/year cell-years/s")
    for dtype in (jnp.float64, jnp.float32):
        for count in (1, 100, 1000):
            for substeps in (16, DEFAULT_SUBSTEPS):
                take = 0 if count == 1 else slice(count)
                cells = jax.tree.map(
                    lambda x, take=take, dtype=dtype: jnp.asarray(
                        x[..., take] if np.ndim(x) else x, dtype
                    ),
                    many,
                )
                year = jax.jit(partial(run_year, partial(integrate_month, substeps=substeps)))
                started = time.process_time()
                compiled = year.lower(cells).compile()
                compile_time = time.process_time() - started
                spent = []
                for _ in range(10):
                    started = time.process_time()
                    jax.block_until_ready(compiled(cells))
                    spent.append(time.process_time() - started)
                print(
                    f"{dtype.__name__:8s} {count:5d} {substeps:3d} {compile_time:9.1f} "
                    f"{min(spent) * 1e3:8.1f} {count / min(spent):12.0f}"
                )


if __name__ == "__main__":
    main()

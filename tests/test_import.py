"""``import temjax`` brings in JAX and Equinox, and nothing else that takes long."""

import subprocess
import sys

HEAVY = (
    "calibration", "regional", "sites", "xarray", "pandas", "matplotlib", "netCDF4", "scipy.stats",
    "optax", "dask", "distributed", "typer", "rich",
)  # fmt: skip


def test_importing_the_model_loads_no_files_tables_or_figures():
    code = f"import sys, temjax; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

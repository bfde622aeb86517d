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


def test_public_names_win_over_modules_of_the_same_name():
    """Whatever is imported first, ``temjax.simulate`` is the function."""
    code = (
        "import sys, temjax\n"
        "assert 'jax' not in sys.modules\n"
        "import temjax.runs.simulate\n"
        "assert callable(temjax.simulate) and callable(temjax.spin_up)\n"
        "assert all(getattr(temjax, name) is not None for name in temjax.__all__)\n"
        "assert set(temjax.__all__) <= set(dir(temjax))\n"
        "assert not hasattr(temjax, 'nonsense')\n"
    )
    subprocess.run((sys.executable, "-c", code), check=True)

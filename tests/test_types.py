"""The shapes and types that annotations promise, checked with beartype while the model runs.

In a process of its own: the check is put on while the packages are imported.
"""

import subprocess
import sys

import pytest

PROGRAM = """
import dataclasses, pathlib, sys
import tests.support.typechecker
from jaxtyping import install_import_hook

everything = "all" in sys.argv
with install_import_hook("temjax", "tests.support.typechecker.check"):
    import temjax
    from temjax import sites

    packages = [temjax, sites]
    if everything:
        import temjax.regional.run.members

        packages.append(temjax.calibration)
    # else they are imported after the hook is gone
    [getattr(package, name) for package in packages for name in package.__all__]

import jax

jax.config.update("jax_enable_x64", True)
from temjax.forcing import select_years

site = sites.load("haibei-meadow")
forcing = select_years(site.forcing, 0, 2)
options = temjax.ModelOptions(substeps=4)
parameters = site.parameters()


def production(scale):
    changed = dataclasses.replace(parameters, cmax_scale=scale)
    soil = temjax.soil_climate(changed, site.location, forcing)
    start = temjax.runs.equilibrium.cyclic_map(
        changed, site.location, temjax.forcing.mean_year(forcing), options=options
    )[1]
    run = temjax.simulate(
        changed, site.location, forcing, initial=start, soil=soil, options=options
    )
    return run.annual.net_primary_production.sum()


print("slope", jax.grad(production)(parameters.cmax_scale))
if everything:
    from temjax.calibration.uncertainty import laplace, linear_bands
    from tests.support.short_site import short_objective

    result = temjax.calibration.fit(short_objective(), starts=2, steps=2)
    linear_bands(result, laplace(result))
    from tests.support import small_region

    folder = pathlib.Path(sys.argv[-1])
    experiment = small_region.small_experiment(folder)
    temjax.regional.run.members.run_experiment(experiment, folder / "out")
"""


def run_checked(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_a_run_and_its_gradient_keep_their_types():
    assert "slope" in run_checked()


@pytest.mark.slow
def test_a_fit_and_a_region_keep_their_types(tmp_path):
    assert "slope" in run_checked("all", str(tmp_path))


def test_a_wrong_shape_is_seen():
    program = (
        "import tests.support.typechecker\nfrom jaxtyping import install_import_hook\n"
        "with install_import_hook(['temjax'], 'tests.support.typechecker.check'):\n"
        "    import temjax.numerics\n"
        "temjax.numerics.solve_cells(__import__('jax').numpy.ones((2, 3)), 1.0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "TypeCheckError" in done.stderr

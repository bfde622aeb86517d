"""Flags of XLA's compiler."""

import ast
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from temjax.command.main import configured, few_cells_command
from temjax.runtime.xla_flags import SMALL_LOOPS, WIDE_VECTORS, compile_for_few_cells

ALL = f"{SMALL_LOOPS} {WIDE_VECTORS}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, ALL),
        ("--xla_a=1", f"--xla_a=1 {ALL}"),
        (ALL, ALL),
        (
            "--xla_backend_extra_options=other=2 --xla_cpu_prefer_vector_width=256",
            "--xla_backend_extra_options=other=2 --xla_cpu_prefer_vector_width=256",
        ),
    ],
)
def test_option_is_added_once_and_the_users_own_stay(monkeypatch, before, after):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    if before is not None:
        monkeypatch.setenv("XLA_FLAGS", before)
    compile_for_few_cells()
    assert os.environ["XLA_FLAGS"] == after


def test_a_newer_jax_gets_no_flag_it_may_not_know(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(jax, "__version_info__", (0, 12, 0))
    compile_for_few_cells()
    assert os.environ["XLA_FLAGS"] == SMALL_LOOPS


def test_only_marked_commands_ask_for_it(monkeypatch, restored_settings):
    monkeypatch.setenv("XLA_FLAGS", "")
    configured(lambda: None)()
    assert os.environ["XLA_FLAGS"] == ""
    configured(few_cells_command(lambda: None))()
    assert os.environ["XLA_FLAGS"] == ALL


def test_xla_knows_the_option():
    """An unknown one would end the process."""
    code = (
        "import temjax; temjax.compile_for_few_cells(); import jax; "
        "print(jax.jit(lambda x: jax.lax.fori_loop(0, 3, lambda i, x: x * 2, x))(1.0))"
    )
    environment = os.environ | {"XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        (sys.executable, "-c", code), env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "8.0"


ONE_PLACE = """
import jax
jax.config.update("jax_enable_x64", True)
import temjax
from temjax import sites
site = sites.load("haibei-meadow")
found = temjax.find_equilibrium(site.parameters(), site.location, site.forcing, climate="first")
run = temjax.simulate(
    site.parameters(), site.location, site.forcing, initial=found.state, stop=20
)
print(repr([float(x) for x in run.state.ecosystem.pools]))
"""


@pytest.mark.slow
def test_loops_as_one_function_give_the_same_numbers():
    pools = []
    for flags in ("", ALL):
        environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        done = subprocess.run(
            (sys.executable, "-c", ONE_PLACE), env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        pools.append(ast.literal_eval(done.stdout))
    np.testing.assert_allclose(pools[1], pools[0], rtol=1e-7, atol=1e-9)

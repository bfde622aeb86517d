"""What XLA is told before it starts."""

import os
import subprocess
import sys

import pytest

from temjax.cli import configured, of_few_cells
from temjax.compiler import FEW_CELLS, compile_for_few_cells


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, FEW_CELLS),
        ("--xla_a=1", f"--xla_a=1 {FEW_CELLS}"),
        (FEW_CELLS, FEW_CELLS),
        ("--xla_backend_extra_options=other=2", "--xla_backend_extra_options=other=2"),
    ],
)
def test_option_is_added_once_and_the_users_own_stay(monkeypatch, before, after):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    if before is not None:
        monkeypatch.setenv("XLA_FLAGS", before)
    compile_for_few_cells()
    assert os.environ["XLA_FLAGS"] == after


def test_only_marked_commands_ask_for_it(monkeypatch, restored_settings):
    monkeypatch.setenv("XLA_FLAGS", "")
    configured(lambda: None)()
    assert os.environ["XLA_FLAGS"] == ""
    configured(of_few_cells(lambda: None))()
    assert os.environ["XLA_FLAGS"] == FEW_CELLS


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

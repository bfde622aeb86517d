"""What one process has traced another one runs: the same results, and never another program's."""

import os
import subprocess
import sys
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.native.availability import disabled, unavailable_reason
from temjax.programs import exported
from temjax.programs.exported import contents, exported_jit
from temjax.runtime.cache import KERNEL, PROGRAM, enable_programs

pytestmark = pytest.mark.skipif(jax.local_device_count() > 1, reason="several devices")

traced = []


class Pair(eqx.Module):
    """A result with a field that is no array, as states and runs have."""

    sum: jax.Array
    product: jax.Array
    name: str = eqx.field(static=True)


def combined(values, factors, name):
    """Traced when it says so."""
    traced.append(name)
    return Pair(values["a"] + factors, values["b"] * factors, name), None


@pytest.fixture
def folder(kept_folder):
    traced.clear()
    return kept_folder


def programs(folder) -> list:
    return [*folder.glob(f"*{PROGRAM}")]


def another_process(function=combined):
    """What has been traced in this process is known to no wrapper made anew."""
    jax.clear_caches()
    return exported_jit(function)


VALUES = {"a": np.arange(3.0), "b": jnp.arange(3.0) + 1}


def test_another_process_traces_nothing(folder):
    first, _ = another_process()(VALUES, 2.0 * np.ones(3), "x")
    assert traced == ["x"]
    assert len(programs(folder)) == 1
    again, nothing = another_process()(VALUES, 2.0 * np.ones(3), "x")
    assert traced == ["x"]
    assert (again.name, nothing) == ("x", None)
    assert jax.tree.structure(again) == jax.tree.structure(first)
    np.testing.assert_array_equal(again.sum, [2.0, 3.0, 4.0])
    np.testing.assert_array_equal(again.product, [2.0, 4.0, 6.0])


@pytest.mark.parametrize(
    "given",
    [
        ({"a": np.arange(4.0), "b": np.arange(4.0)}, np.ones(4), "x"),  # shape
        ({"a": np.arange(3.0), "b": np.arange(3)}, np.ones(3), "x"),  # type
        (VALUES, np.ones(3), "y"),  # what is no array
        (VALUES, 2.0, "x"),
        (VALUES | {"c": np.ones(1)}, np.ones(3), "x"),  # structure
    ],
)
def test_another_call_is_another_program(folder, given):
    another_process()(VALUES, np.ones(3), "x")
    found, _ = another_process()(*given)
    assert len(traced) == 2
    assert len(programs(folder)) == 2
    np.testing.assert_array_equal(found.product, given[0]["b"] * given[1])


def test_what_programs_are_made_from_is_part_of_their_name(folder, monkeypatch):
    call = (VALUES, np.ones(3), "x")
    another_process()(*call)
    with monkeypatch.context() as changed:
        changed.setattr(exported, "_made_with", lambda packages: ("another",))
        another_process()(*call)
    with disabled():
        another_process()(*call)
    with jax.default_matmul_precision("float32"):
        another_process()(*call)
    assert len(traced) == len(programs(folder)) == 4
    another_process()(*call)
    assert len(traced) == 4


def test_files_are_told_apart(tmp_path):
    process = tmp_path / "inside" / "process.py"
    process.parent.mkdir()
    process.write_text("x = 1\n")
    before = contents(tmp_path)
    assert contents(tmp_path) == before
    process.write_text("x = 2\n")
    changed = contents(tmp_path)
    process.rename(process.with_name("other.py"))
    assert len({before, changed, contents(tmp_path)}) == 3


def test_nothing_is_kept_by_a_process_older_than_its_files(folder, monkeypatch):
    exported._made_with.cache_clear()
    monkeypatch.setattr(exported, "_BEGUN", 0.0)
    another_process()(VALUES, np.ones(3), "x")
    exported._made_with.cache_clear()
    assert traced == ["x"]
    assert programs(folder) == []


def of_pair(pair):
    traced.append(pair.name)
    return pair.sum + len(pair.name)


def test_what_a_module_holds_besides_arrays_is_part_of_the_program(folder):
    for name in ("x", "longer", "x"):
        found = another_process(of_pair)(Pair(jnp.ones(2), jnp.ones(2), name))
        np.testing.assert_array_equal(found, 1.0 + len(name))
    assert traced == ["x", "longer"]


def test_a_folder_can_be_moved(folder):
    another_process()(VALUES, np.ones(3), "x")
    moved = folder.rename(folder.with_name("moved"))
    jax.config.update("jax_compilation_cache_dir", str(moved))
    another_process()(VALUES, np.ones(3), "x")
    assert traced == ["x"]


def test_derivatives_are_those_of_the_function(folder):
    call = another_process()
    call(VALUES, np.ones(3), "x")

    def loss(factors):
        return jnp.sum(call(VALUES, factors, "x")[0].product)

    factors = jnp.arange(3.0)
    np.testing.assert_array_equal(jax.grad(loss)(factors), VALUES["b"])
    np.testing.assert_array_equal(jax.jit(jax.grad(loss))(factors), VALUES["b"])
    batch = jax.vmap(lambda f: call(VALUES, f, "x")[0].product)(jnp.ones((2, 3)))
    np.testing.assert_array_equal(batch, np.broadcast_to(VALUES["b"], (2, 3)))


def test_a_damaged_program_is_traced_anew(folder):
    another_process()(VALUES, np.ones(3), "x")
    (file,) = programs(folder)
    file.write_bytes(file.read_bytes()[:-1])
    found, _ = another_process()(VALUES, np.ones(3), "x")
    np.testing.assert_array_equal(found.product, VALUES["b"])
    assert len(traced) == 2
    another_process()(VALUES, np.ones(3), "x")
    assert len(traced) == 2


def told(values):
    traced.append("told")
    warnings.warn("slower", stacklevel=1)
    return values + 1


def weak(values):
    traced.append("weak")
    return jnp.full(values.shape, 1.0)


def special(values, kind):
    traced.append("special")
    return values + 1


@pytest.mark.parametrize(
    ("function", "others", "values"),
    [
        (told, (), np.ones(2)),  # a later process is to say it too
        (weak, (), np.ones(2)),
        (special, (object(),), np.ones(2)),  # known to this process alone
    ],
)
def test_what_cannot_be_told_apart_later_is_not_kept(folder, function, others, values):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = another_process(function)(values, *others)
    assert programs(folder) == []
    assert found.shape == (2,)
    assert [str(warning.message) for warning in said] == ["slower"] * (function is told)


def test_nothing_is_kept_unless_asked_for(folder):
    enable_programs(False)
    another_process()(VALUES, np.ones(3), "x")
    enable_programs(True)
    jax.config.update("jax_compilation_cache_dir", None)
    another_process()(VALUES, np.ones(3), "x")
    assert traced == ["x", "x"]
    assert not folder.exists()


MODEL = """
import importlib, sys
from hashlib import sha256
import jax
import numpy as np
from temjax.runtime.configure import configure
configure(cache=sys.argv[1] != "none")
from temjax.command.doctor import AIR, RAIN, SUN
from temjax.runs.equilibrium import find_equilibrium
from temjax.forcing import Forcing, Location
from temjax.parameters.files import load_parameters
from temjax.runs.simulate import simulate

def fail(*_, **__):
    raise AssertionError("traced")

if sys.argv[1] == "kept":
    for module, function in (
        ("heat.climate", "run_column"), ("runs.equilibrium", "exposure_history"),
        ("runs.fixed_point", "_search"), ("runs.simulate", "ecosystem_year"),
    ):
        setattr(importlib.import_module(f"temjax.{module}"), function, fail)
spread = np.linspace(-1.0, 1.0, 20)
air, rain, sun = (np.asarray(months)[None, :, None] + 0 * spread for months in (AIR, RAIN, SUN))
forcing = Forcing(np.array([2003]), air + spread, rain, sun, np.full((1, 12), 375.0))
location = Location(37.6 + 0 * spread, 3216.0 + 0 * spread, 0.65 + 0 * spread)
meadow = load_parameters("alpine-meadow")
found = find_equilibrium(meadow, location, forcing)
run = simulate(meadow, location, forcing, initial=found.state)
digest = sha256()
for leaf in jax.tree.leaves((found, run)):
    digest.update(np.asarray(leaf).tobytes())
print(digest.hexdigest())
"""


def test_the_model_runs_from_exported_programs(tmp_path):
    """Equilibrium and a year of 20 cells: same bits, untraced; without its kernels, traced anew."""
    script, cache = tmp_path / "run.py", tmp_path / "cache"
    script.write_text(MODEL)

    def run(how: str) -> str:
        done = subprocess.run(
            [sys.executable, str(script), how],
            capture_output=True, text=True, check=False,
            env=os.environ | {"TEMJAX_CACHE": str(cache)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    plain = run("none")
    assert not cache.exists()
    assert run("first") == plain
    assert len(programs(cache)) >= 5
    assert run("kept") == plain
    kernels = [*cache.glob(f"*{KERNEL}")]
    assert bool(kernels) == (not unavailable_reason())
    for kernel in kernels:
        kernel.unlink()
    assert run("again") == plain

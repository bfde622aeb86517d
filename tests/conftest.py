"""Shared fixtures: float64, and the folder of reference material where it exists."""

import os
import shutil
import tempfile
from pathlib import Path

import jax
import pytest

jax.config.update("jax_enable_x64", True)

# Compilation is most of the fast tests' time: a program that runs once is not worth optimising.
# The slow tests, and a test alone (-n 0), run what users run.
QUICK_COMPILATION = (
    "--xla_backend_optimization_level=0",
    "--xla_cpu_use_fusion_emitters=false",
)


# Commands run as processes and functions called here give the same bits only if they are compiled
# alike; so no command of a test changes this (it is XLA's default).
AS_EVER = (
    "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1024 "
    "--xla_cpu_prefer_vector_width=256"
)


def pytest_configure(config):
    """Workers and the processes they start compile many of the same programs: they share them."""
    if "xla_backend_extra_options" not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {AS_EVER}".strip()
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        return
    folder = tempfile.mkdtemp(prefix="temjax-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": folder,
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(1 << 32),  # with a limit JAX locks the folder
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
    }
    if config.getoption("markexpr") == "not slow":
        from temjax.command.benchmark.child import known_flags  # after any import hook of a plug-in

        os.environ["XLA_FLAGS"] += " " + " ".join(known_flags(QUICK_COMPILATION))


def shared_folder() -> Path:
    """Where the reference material lies: TEMJAX_SHARED, or ``shared`` beside the repository."""
    override = os.environ.get("TEMJAX_SHARED")
    return Path(override) if override else Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def restored_settings():
    """A command sets JAX up for itself; other tests keep their own settings."""
    from temjax.runtime import cache  # after any import hook of a plug-in

    names = ("jax_enable_x64", "jax_compilation_cache_dir", "jax_platforms")
    before = {name: getattr(jax.config, name) for name in names}
    programs = cache.programs_enabled()
    yield
    cache.enable_programs(programs)
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture
def kept_folder(tmp_path, restored_settings) -> Path:
    """An empty folder in which this process keeps traced programs."""
    from temjax.runtime.cache import enable_programs

    path = tmp_path / "cache"
    jax.config.update("jax_compilation_cache_dir", str(path))
    enable_programs(True)
    return path


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = shared_folder()
    if not (folder / "reference").is_dir():
        pytest.skip(
            f"reference material not found at {folder}; set TEMJAX_SHARED to the folder that "
            "holds 'reference' and 'data'"
        )
    return folder

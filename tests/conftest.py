"""Shared fixtures: float64, and the folder of reference material where it exists."""

import os
from pathlib import Path

import jax
import pytest

jax.config.update("jax_enable_x64", True)


def shared_folder() -> Path:
    """Where the reference material lies: TEMJAX_SHARED, or ``shared`` beside the repository."""
    override = os.environ.get("TEMJAX_SHARED")
    return Path(override) if override else Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def restored_settings():
    """A command sets JAX up for itself; other tests keep their own settings."""
    names = ("jax_enable_x64", "jax_compilation_cache_dir")
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = shared_folder()
    if not (folder / "reference").is_dir():
        pytest.skip(
            f"reference material not found at {folder}; set TEMJAX_SHARED to the folder that "
            "holds 'reference' and 'data'"
        )
    return folder

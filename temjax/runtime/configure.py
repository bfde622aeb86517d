"""Set-up of JAX for a process: number format and the cache of compiled programs."""

import os
from pathlib import Path

import jax

from temjax.files.findings import DataError, Finding
from temjax.runtime.cache import enable_programs, make_folder
from temjax.runtime.machine import Precision, computes_on_cpus
from temjax.runtime.xla_flags import compile_for_few_cells


def cache_folder() -> Path:
    """Folder of compiled programs: TEMJAX_CACHE, else ~/.cache/temjax/jax."""
    folder = os.environ.get("TEMJAX_CACHE")
    return Path(folder) if folder else Path.home() / ".cache" / "temjax" / "jax"


def configure(
    *, cache: bool = True, precision: Precision = "auto", few_cells: bool = False
) -> OSError | None:
    """Configure JAX as the command line does: number format and the cache of compiled programs.

    Call it once, before the first computation. A process that changes the package's functions
    after it has imported them must do without the cache.

    Args:
        cache: whether compiled and traced programs are kept in ``cache_folder()``.
        precision: ``auto`` is float64 on CPUs and float32 on accelerators.
        few_cells: as ``compile_for_few_cells`` says.

    Returns:
        The error that prevented the cache folder; None without one.

    Raises:
        DataError: JAX finds no device; ``JAX_PLATFORMS`` may name none that is there.
    """
    if few_cells:
        compile_for_few_cells()
    on_cpus = _on_cpus()
    double = on_cpus if precision == "auto" else precision == "float64"
    jax.config.update("jax_enable_x64", double)
    enable_programs(cache)
    if not cache:
        return None
    folder = cache_folder()
    try:
        make_folder(folder)
    except OSError as error:
        return error
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    return None


def _on_cpus() -> bool:
    """Whether JAX computes on CPUs; this initialises its backend.

    Raises:
        DataError: it has none. JAX raises AssertionError for a platform without a device.
    """
    try:
        return computes_on_cpus()
    except (RuntimeError, AssertionError) as error:
        platforms = os.environ.get("JAX_PLATFORMS", "")
        reason = str(error).partition(" (set")[0].partition("\n")[0].rstrip(".")
        fault = f"JAX finds no device of {platforms!r}" + (f": {reason}" if reason else "")
        mend = "Unset it, or set it to cpu."
        raise DataError([Finding("environment", "JAX_PLATFORMS", "", fault, mend)]) from error

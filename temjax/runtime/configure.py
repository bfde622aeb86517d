"""Set-up of JAX for a process: number format and the cache of compiled programs."""

import os
from pathlib import Path
from typing import Literal

from temjax.runtime.cache import enable_programs
from temjax.runtime.machine import computes_on_cpus
from temjax.runtime.xla_flags import compile_for_few_cells

Precision = Literal["auto", "float32", "float64"]


def cache_folder() -> Path:
    """Where compiled programs are kept: TEMJAX_CACHE, else ~/.cache/temjax/jax."""
    given = os.environ.get("TEMJAX_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "temjax" / "jax"


def configure(
    *, cache: bool = True, precision: Precision = "auto", few_cells: bool = False
) -> OSError | None:
    """Set JAX up as the command line does: number format and the cache of compiled programs.

    Call it once, before the first computation. A process that changes the package's functions
    after it has imported them must do without the cache.

    Args:
        cache: whether compiled and traced programs are kept in ``cache_folder()``.
        precision: ``auto`` is float64 on CPUs and float32 on accelerators.
        few_cells: as ``compile_for_few_cells`` says.

    Returns:
        What kept the cache's folder from being made; None if nothing did.
    """
    import jax

    if few_cells:
        compile_for_few_cells()
    wide = computes_on_cpus() if precision == "auto" else precision == "float64"
    jax.config.update("jax_enable_x64", wide)
    enable_programs(cache)
    if not cache:
        return None
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    return None

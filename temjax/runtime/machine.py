"""Cores, memory and package versions of this machine and process."""

import atexit
import ctypes
import gc
import os
import platform
import resource
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

Precision = Literal["auto", "float32", "float64"]  # of the command line: auto is by device
PACKAGES = (
    "temjax",
    "jax",
    "jaxlib",
    "equinox",
    "optax",
    "numpy",
    "xarray",
    "netCDF4",
    "typer",
    "llvmlite",
)

GC_THRESHOLDS = (50_000, 20, 50)  # Python's own: 700, 10, 10


def command_line() -> str:
    """Command line of this process, with the bare name of the program."""
    program = sys.argv[0].rsplit("/", 1)[-1]
    return shlex.join([program, *sys.argv[1:]])


def computes_on_cpus() -> bool:
    """Whether the default backend of JAX is the CPU."""
    import jax

    return jax.default_backend() == "cpu"


def usable_cores() -> int:
    """Number of cores this process may use; a batch system may grant fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def total_bytes() -> int | None:
    """Memory of the machine, bytes; None where the system does not report it."""
    return _pages("SC_PHYS_PAGES")


def available_bytes() -> int | None:
    """Available memory, bytes; None where the system does not report it."""
    meminfo = Path("/proc/meminfo")  # includes what the system can free, unlike sysconf
    if meminfo.is_file():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        if "MemAvailable" in lines:
            return 1024 * int(lines["MemAvailable"].split()[0])
    return _pages("SC_AVPHYS_PAGES")


def _pages(name: str) -> int | None:
    if name not in getattr(os, "sysconf_names", {}):
        return None
    return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")


def release_memory() -> None:
    """Return freed memory to the system (``malloc_trim``), which glibc keeps."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return  # another C library


def reduce_garbage_collection() -> None:
    """Reduce Python's garbage collection in a command, and skip it at exit.

    Programs of JAX are a million small objects that live to the end. Collections by Python's
    defaults, and the one at exit, took a fifth of a short command's time.
    """
    gc.set_threshold(*GC_THRESHOLDS)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def peak_bytes(who: int = resource.RUSAGE_SELF) -> int:
    """Peak memory of this process, or of its ended children (``resource``), bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(who).ru_maxrss


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions

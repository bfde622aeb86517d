"""Cores and memory of this machine and process, and the packages results depend on."""

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

COLLECT = (50_000, 20, 50)  # Python's own: 700 new objects, then every 10th and 100th time


def command_line() -> str:
    """The command as it was typed, with the program's bare name."""
    program = sys.argv[0].rsplit("/", 1)[-1]
    return shlex.join([program, *sys.argv[1:]])


def computes_on_cpus() -> bool:
    """Whether JAX computes on CPUs in this process."""
    import jax

    return jax.default_backend() == "cpu"


def usable_cores() -> int:
    """Cores this process may use: a batch system may lend fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def total_bytes() -> int | None:
    """Memory of the machine, None where the system does not say."""
    return _pages("SC_PHYS_PAGES")


def available_bytes() -> int | None:
    """Memory that a program could take now, None where the system does not say."""
    meminfo = Path("/proc/meminfo")  # counts what the system can free, sysconf does not
    if meminfo.is_file():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        if "MemAvailable" in lines:
            return 1024 * int(lines["MemAvailable"].split()[0])
    return _pages("SC_AVPHYS_PAGES")


def _pages(name: str) -> int | None:
    if name not in getattr(os, "sysconf_names", {}):
        return None
    return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")


def give_back_memory() -> None:
    """Return freed memory to the system. The C library of Linux keeps it, in pieces, for later."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return  # another C library, which needs no asking


def collect_rarely() -> None:
    """For a command: Python looks for unreachable objects seldom, and not again when it ends.

    Programs of JAX are a million small objects that stay. To go through them by Python's default,
    and all of them at the end of the process, took a fifth of a short command's time.
    """
    gc.set_threshold(*COLLECT)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def peak_bytes(who: int = resource.RUSAGE_SELF) -> int:
    """The most memory this process (or, of ``resource``, its ended children) has held, bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(who).ru_maxrss


def package_versions() -> dict[str, str]:
    """Version of Python and of what results depend on."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions

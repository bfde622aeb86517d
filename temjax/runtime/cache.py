"""Cache of kernels and traced programs, beside XLA's compiled programs.

LLVM takes 0.1 to 0.5 s for a kernel, Python up to 1 s to trace a program; to read one takes
milliseconds. A process whose programs XLA has compiled before takes 6.2 s of CPU time to the first
equilibrium of 20 cells and a year from it, 3.7 s with its seven kernels in the cache, and 0.9 s
with the traced programs as well. Files lie where JAX has its compilation cache
(``jax_compilation_cache_dir``), so that JAX's settings move or end all of them.

What is read is run as code of this user. So nothing is read from a folder or file that belongs to
another user, or that others may write to (``folder_fault``); a new folder is the user's alone.
"""

import errno
import io
import os
import stat
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from temjax.files.atomic import atomic_write, process_suffix

KERNEL, PROGRAM = ".kernel", ".program"
_DIGEST_BYTES = sha256().digest_size
_settings = {"programs": False}


def folder() -> Path | None:
    """Where files are; None where nothing is cached."""
    import jax

    path = jax.config.jax_compilation_cache_dir
    if not (path and jax.config.jax_enable_compilation_cache):
        return None
    return None if _fault_of(path) else Path(path)


def make_folder(path: Path) -> None:
    """Make a folder for the cache, and those above it, that no other user can read or write.

    Raises:
        OSError: it cannot be made, or ``folder_fault`` finds something.
    """
    for above in reversed(path.parents):
        if not above.exists():
            above.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    path.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    if fault := folder_fault(path):
        mend = "Remove it (or, if you trust all that lies there, chmod 700), or set TEMJAX_CACHE."
        raise PermissionError(errno.EPERM, f"{fault}. {mend}", str(path))


def folder_fault(path: Path) -> str:
    """Why code from a folder is not to be run; empty if nothing speaks against it, or it is absent.

    Its owner must be this user, and nobody else may write to it. Systems without owners of files
    are not tested.
    """
    try:
        return _status_fault(path.stat())
    except OSError:
        return ""


@lru_cache
def _fault_of(path: str) -> str:
    """``folder_fault``, tested once a process."""
    return folder_fault(Path(path))


def _status_fault(status: os.stat_result) -> str:
    if not hasattr(os, "getuid"):
        return ""
    if status.st_uid != os.getuid():
        return f"it belongs to user {status.st_uid}, not to this one"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others may write to it (mode {stat.S_IMODE(status.st_mode):o})"
    return ""


def enable_programs(enable: bool) -> None:
    """Set whether this process caches traced programs (``programs.exported``), as commands do.

    A program is known by the files of its package: a process that changes functions after it has
    imported them must not enable this.
    """
    _settings["programs"] = enable


def programs_enabled() -> bool:
    """Whether this process caches traced programs; not unless it was enabled."""
    return _settings["programs"]


def file_name(made_from: str, suffix: str) -> str:
    """Name of the file of a kernel or program.

    Args:
        made_from: everything that its content depends on, as text.
        suffix: ``KERNEL`` or ``PROGRAM``.
    """
    return f"{sha256(made_from.encode()).hexdigest()}{suffix}"


def get_or_make(name: str, make: Callable[[], bytes | None]) -> bytes | None:
    """Content of a file; where there is none, it is made and, unless it is ``None``, written."""
    content = read(name)
    if content is None:
        content = make()
        if content is not None:
            write(name, content)
    return content


def read(name: str) -> bytes | None:
    """Content of a file; ``None`` unless it is whole and this user's: changed code must not run."""
    path = folder()
    try:
        with (path / name).open("rb") if path else io.BytesIO() as file:
            if path and _status_fault(os.fstat(file.fileno())):
                return None
            content = file.read()
    except OSError:
        return None
    digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return code if digest == sha256(code).digest() else None


def write(name: str, content: bytes) -> None:
    """Write a file, if anything is cached and the folder can be written to."""
    path = folder()
    if path is None:
        return
    try:
        make_folder(path)
        with atomic_write(path / name, process_suffix()) as partial:
            partial.write_bytes(sha256(content).digest() + content)
    except OSError:
        return  # the next process makes it again; JAX says what is wrong with the folder

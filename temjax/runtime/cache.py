"""Kernels and traced programs, kept beside XLA's compiled programs for later processes.

LLVM takes 0.1 to 0.5 s for a kernel, Python up to 1 s to trace a program; to read one takes
milliseconds. Kept where JAX keeps its programs (``jax_compilation_cache_dir``), so that JAX's
settings move or end all of them.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import jax

from temjax.files.atomic import atomic_write, process_suffix

KERNEL, PROGRAM = ".kernel", ".program"
_DIGEST_BYTES = sha256().digest_size
_settings = {"keep": False}


def folder() -> Path | None:
    """Where files are kept; None where none are."""
    path = jax.config.jax_compilation_cache_dir
    return Path(path) if path and jax.config.jax_enable_compilation_cache else None


def keep_programs(keep: bool) -> None:
    """Whether this process keeps traced programs (``programs.exported``), as commands do.

    One is known by the files of its package: a process that changes functions
    after it has imported them must not ask for any.
    """
    _settings["keep"] = keep


def keeps_programs() -> bool:
    """What was asked for last; not at first."""
    return _settings["keep"]


def name_of(made_from: str, suffix: str) -> str:
    """The name of a file.

    Args:
        made_from: everything that its content depends on, as text.
        suffix: ``KERNEL`` or ``PROGRAM``.
    """
    return f"{sha256(made_from.encode()).hexdigest()}{suffix}"


def kept(name: str, make: Callable[[], bytes | None]) -> bytes | None:
    """The content of a file; where it is not there, it is made and, if anything came, written."""
    found = read(name)
    if found is None:
        found = make()
        if found is not None:
            write(name, found)
    return found


def read(name: str) -> bytes | None:
    """None where there is no whole one: code that is not what was written must not run."""
    path = folder()
    try:
        content = (path / name).read_bytes() if path else b""
    except OSError:
        return None
    digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return code if digest == sha256(code).digest() else None


def write(name: str, content: bytes) -> None:
    """Write a file, if files are kept and the folder can be written to."""
    path = folder()
    if path is None:
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
        with atomic_write(path / name, process_suffix()) as partial:
            partial.write_bytes(sha256(content).digest() + content)
    except OSError:
        return  # the next process makes it again; JAX says what is wrong with the folder

"""Cache of kernels and traced programs, beside XLA's compiled programs.

LLVM takes 0.1 to 0.5 s for a kernel, Python up to 1 s to trace a program; to read one takes
milliseconds. A process whose programs XLA has compiled before takes 6.2 s of CPU time to the first
equilibrium of 20 cells and a year from it, 3.7 s with its seven kernels in the cache, and 0.9 s
with the traced programs as well. Files lie where JAX has its compilation cache
(``jax_compilation_cache_dir``), so that JAX's settings move or end all of them.
"""

from collections.abc import Callable
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
    return Path(path) if path and jax.config.jax_enable_compilation_cache else None


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
    """Content of a file; ``None`` unless it is whole: code that was changed must not run."""
    path = folder()
    try:
        content = (path / name).read_bytes() if path else b""
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
        path.mkdir(parents=True, exist_ok=True)
        with atomic_write(path / name, process_suffix()) as partial:
            partial.write_bytes(sha256(content).digest() + content)
    except OSError:
        return  # the next process makes it again; JAX says what is wrong with the folder

"""Kernels as LLVM has compiled them, kept beside XLA's compiled programs.

LLVM takes 0.1 to 0.5 s for a kernel, loading one takes 1 ms. Kept where JAX keeps its programs
(``jax_compilation_cache_dir``), so that JAX's settings move or end both.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import jax

from temjax.run_files import mark_of_process, written_whole

SUFFIX = ".kernel"
_DIGEST_BYTES = sha256().digest_size


def kept(made_from: str, make: Callable[[], bytes]) -> bytes:
    """A compiled kernel, from the folder if it is there.

    Args:
        made_from: everything that it depends on, as text.
        make: compiles it.
    """
    folder = jax.config.jax_compilation_cache_dir
    if not (folder and jax.config.jax_enable_compilation_cache):
        return make()
    path = Path(folder) / f"{sha256(made_from.encode()).hexdigest()}{SUFFIX}"
    found = _read(path)
    if found is None:
        found = make()
        _write(path, found)
    return found


def _read(path: Path) -> bytes | None:
    """None where there is no whole one: code that is not what was written must not run."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return code if digest == sha256(code).digest() else None


def _write(path: Path, code: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path, mark_of_process()) as partial:
            partial.write_bytes(sha256(code).digest() + code)
    except OSError:
        return  # the next process compiles it again; JAX says what is wrong with the folder

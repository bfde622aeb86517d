"""Files are found again in JAX's folder, and only as they were written."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.native import llvm
from temjax.native.call import call_kernel, register_kernel
from temjax.runtime.cache import KERNEL, file_name, folder_fault, get_or_make, make_folder
from tests.support.kernels import needs_kernels

CODE = bytes(range(256))
A, B = file_name("a", KERNEL), file_name("b", KERNEL)


@pytest.fixture
def folder(tmp_path):
    before = jax.config.jax_compilation_cache_dir
    path = tmp_path / "cache"
    jax.config.update("jax_compilation_cache_dir", str(path))
    yield path
    jax.config.update("jax_compilation_cache_dir", before)


class Compiler:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return CODE


def test_what_was_compiled_is_found_again(folder):
    compiler = Compiler()
    assert [get_or_make(name, compiler) for name in (A, A, B, A)] == [CODE] * 4
    assert compiler.calls == 2
    assert len([*folder.iterdir()]) == len([*folder.glob(f"*{KERNEL}")]) == 2


@pytest.mark.parametrize("spoil", [lambda code: code[:-1], lambda code: code[:-1] + b"x",
                                   lambda code: b""])  # fmt: skip
def test_a_damaged_one_is_compiled_anew(folder, spoil):
    compiler = Compiler()
    get_or_make(A, compiler)
    (file,) = folder.iterdir()
    file.write_bytes(spoil(file.read_bytes()))
    assert get_or_make(A, compiler) == CODE
    assert compiler.calls == 2
    assert get_or_make(A, compiler) == CODE
    assert compiler.calls == 2


def test_jax_settings_end_it(folder):
    compiler = Compiler()
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        get_or_make(A, compiler)
    finally:
        jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update("jax_compilation_cache_dir", None)
    get_or_make(A, compiler)
    assert compiler.calls == 2
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_to_does_no_harm(folder):
    folder.write_text("a file in its place")
    assert get_or_make(A, Compiler()) == CODE


def test_a_new_folder_is_the_users_alone(folder):
    before = os.umask(0)
    try:
        get_or_make(A, Compiler())
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder_fault(folder) == ""


def plant(folder, code):
    """A whole file that says it is what the compiler makes."""
    get_or_make(A, lambda: code)
    return folder / A


def test_a_file_planted_where_others_may_write_is_not_read(folder):
    plant(folder, b"not what was compiled")
    folder.chmod(0o777)
    fresh = folder.rename(folder.with_name("open"))  # a fault is looked for once a folder
    jax.config.update("jax_compilation_cache_dir", str(fresh))
    assert "others may write to it (mode 777)" in folder_fault(fresh)
    assert get_or_make(A, Compiler()) == CODE
    with pytest.raises(PermissionError, match=r"mode 777.*TEMJAX_CACHE"):
        make_folder(fresh)


def test_a_file_that_others_may_write_is_not_read(folder):
    plant(folder, b"not what was compiled").chmod(0o666)
    assert get_or_make(A, Compiler()) == CODE


def test_what_another_user_wrote_is_not_read(folder, monkeypatch):
    plant(folder, b"not what was compiled")
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert "belongs to user" in folder_fault(folder)
    assert get_or_make(A, Compiler()) == CODE


@needs_kernels
def test_a_kernel_from_the_folder_computes_the_same(folder, monkeypatch):
    """Compiled once for two names; another text is another kernel."""
    from temjax.native.lowering import VectorWriter
    from temjax.native.vectors import for_each_vector

    compiled = []
    make = llvm.object_code
    monkeypatch.setattr(
        llvm, "object_code", lambda text, machine: compiled.append(text) or make(text, machine)
    )

    def scaled(name, factor):
        def write(body):
            writer = VectorWriter(body, "float64")
            given, result, cells = body.args

            def vector(first):
                value = writer.lower(lambda x: factor * x, writer.load(given, first))
                writer.store(value, result, first)

            for_each_vector(writer, cells, vector)
            writer.builder.ret_void()

        target = register_kernel(name, write, 1, 1, [(0, 0)])
        (found,) = call_kernel(target, [jnp.arange(20.0)], [()])
        return found

    for name, factor in (("first", 2.0), ("from_folder", 2.0), ("other", 3.0)):
        np.testing.assert_array_equal(scaled(f"test_cache_{name}", factor), factor * np.arange(20))
    assert len(compiled) == len([*folder.glob(f"*{KERNEL}")]) == 2

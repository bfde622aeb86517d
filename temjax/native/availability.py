"""Whether kernels for CPUs can and may be used in this process.

Where LLVM (the package llvmlite) cannot be had, where XLA's foreign-function interface is not the
one that kernels are written for, or where ``TEMJAX_NATIVE=off`` says so, the functions of arrays
run throughout.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from temjax.native.llvm import compile_module
from temjax.native.xla_ffi import interface_faults
from temjax.runtime.machine import computes_on_cpus

SWITCH = "TEMJAX_NATIVE"

_disabled = ContextVar("disabled", default=False)


def enabled() -> bool:
    """Whether kernels for CPUs run: this process computes on CPUs, with LLVM, and may."""
    return not is_disabled() and computes_on_cpus() and not unavailable_reason()


def is_disabled() -> bool:
    """Whether this runs inside ``disabled``."""
    return _disabled.get()


@contextmanager
def disabled() -> Iterator[None]:
    """Trace without kernels; what was traced before stays in JAX's caches."""
    token = _disabled.set(True)
    try:
        yield
    finally:
        _disabled.reset(token)


@cache
def unavailable_reason() -> str:
    """What keeps kernels from being used on CPUs; empty if nothing does.

    Compiles a function and registers a handler the first time, and warns where that fails.
    """
    if os.environ.get(SWITCH, "").lower() in ("off", "0", "no", "false"):
        return f"switched off by {SWITCH}"
    try:
        import llvmlite.ir as ir

        module = ir.Module()
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), []), "nothing")
        ir.IRBuilder(function.append_basic_block()).ret_void()
        compile_module(module)
        if faults := interface_faults():
            raise RuntimeError(f"XLA passes other structures: {'; '.join(faults)}")
    except Exception as error:  # a machine where LLVM cannot run does without
        reason = f"{type(error).__name__}: {error}"
        warnings.warn(
            f"kernels for CPUs cannot be used, the model runs some four times slower ({reason}); "
            f"install llvmlite, or set {SWITCH}=off to do without",
            stacklevel=2,
        )
        return reason
    return ""

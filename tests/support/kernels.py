"""Results with and without kernels for CPUs, and what both are computed of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.native.availability import disabled, unavailable_reason

needs_kernels = pytest.mark.skipif(
    bool(unavailable_reason()), reason=f"no kernels for CPUs: {unavailable_reason()}"
)


def cast(tree, dtype):
    """Floating-point leaves in another type; by NumPy, which compiles nothing."""

    def of_leaf(x):
        x = np.asarray(x)
        return jnp.asarray(x.astype(dtype) if np.issubdtype(x.dtype, np.floating) else x)

    return jax.tree.map(of_leaf, tree)


def without_kernels(call):
    """What the functions of arrays return.

    JAX keeps what it traces under a precision apart from what it traces under another one. On CPUs
    the precision changes no number; so the caches of programs with kernels need not be cleared, and
    small operations not be compiled again.
    """
    with disabled(), jax.default_matmul_precision("highest"):
        return call()

"""Results with and without kernels for CPUs, and what both are computed of."""

import jax
import jax.numpy as jnp
import pytest

from temjax.native.availability import disabled, unavailable_reason

needs_kernels = pytest.mark.skipif(
    bool(unavailable_reason()), reason=f"no kernels for CPUs: {unavailable_reason()}"
)


def cast(tree, dtype):
    """Floating-point leaves in another type."""
    return jax.tree.map(
        lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


def without_kernels(call):
    """What the functions of arrays return."""
    jax.clear_caches()
    with disabled():
        result = call()
    jax.clear_caches()
    return result

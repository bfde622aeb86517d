"""JAX functions written down as vector instructions: the same numbers, operation by operation."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.native import availability
from temjax.native.call import call_kernel, register_kernel

if availability.unavailable_reason():
    pytest.skip(
        f"no kernels for CPUs: {availability.unavailable_reason()}", allow_module_level=True
    )

from temjax.native.lowering import VectorWriter
from temjax.native.vectors import for_each_vector, index

NUMBER = itertools.count()


def as_kernel(function, *arrays):
    """What a function of arrays ``(cell)`` returns, by a kernel of its own."""
    arrays = [jnp.asarray(array) for array in arrays]
    dtype = arrays[0].dtype.name

    def write(body):
        writer = VectorWriter(body, dtype)
        *given, result, cells = body.args

        def vector(first):
            vectors = [writer.load(address, first) for address in given]
            writer.store(writer.lower(function, *vectors), result, first)

        for_each_vector(writer, cells, vector)
        writer.builder.ret_void()

    name = f"test_{next(NUMBER)}"
    target = register_kernel(name, write, len(arrays), 1, [(0, 0)])
    (found,) = jax.jit(lambda *given: call_kernel(target, given, [()]))(*arrays)
    return np.asarray(found)


ODD = np.array([0.0, -0.0, 1.0, -2.5, 3e-5, 700.0, -1e4, np.inf, -np.inf, np.nan, 0.5, 2.0, -1.0])
# every pair of them
LEFT, RIGHT = (side.ravel() for side in np.meshgrid(ODD, ODD))


def choose(x, y):
    return jnp.where((x > y) & ~(x == 1.0) | (y != y), x, -y)


def count_signs(x, y):
    signs = (x > 0).astype(jnp.int32) + (y >= 0) - 1
    return jnp.where(signs == 0, 1.0, signs.astype(x.dtype) * jnp.maximum(signs, 0))


OPERATIONS = {
    "arithmetic": lambda x, y: x * y - (x + 2.0) * 0.5 + abs(y),
    "quotient": lambda x, y: jnp.where(y == 0, x, x / jnp.where(y == 0, 1.0, y)),
    "quotients by one divisor": lambda x, y: (x / (1.5 + y)) * (3.0 / (1.5 + y)),
    "larger": jnp.maximum,
    "smaller": jnp.minimum,
    "at least": lambda x, y: jnp.maximum(x, 0.25) + jnp.minimum(1.5, y),
    "within": lambda x, y: jnp.clip(x, -1.0, 2.0) + jnp.clip(x, jnp.minimum(y, 0.0), None),
    "powers": lambda x, y: x**2 + y**3 + jnp.square(x),
    "choice": choose,
    "whole numbers": count_signs,
    "comparisons": lambda x, y: (1.0 * (x < y) + 2.0 * (x <= y) + 4.0 * (x >= y)).astype(x.dtype),
    "rounding": lambda x, y: jax.nn.relu(x) + jax.lax.stop_gradient(jnp.negative(y)),
    "derivative": lambda x, y: jax.jvp(lambda z: jnp.clip(z * y, 0.0, 1.0), (x,), (y,))[1],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_those_of_jax(name, dtype):
    x, y = LEFT.astype(dtype), RIGHT.astype(dtype)
    expected = np.asarray(jax.jit(OPERATIONS[name])(x, y))
    found = as_kernel(OPERATIONS[name], x, y)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=8 * np.finfo(dtype).eps, atol=1e-30)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "units"), [("exp", 2), ("expm1", 3), ("log", 3)])
def test_functions_are_right_to_rounding_wherever_they_have_a_value(name, units, dtype):
    largest, tiny = float(np.finfo(dtype).max), float(np.finfo(dtype).tiny)
    if name == "log":
        limit = np.log(largest)
        whole = np.exp(np.linspace(np.log(tiny), limit, 20_011, dtype=np.longdouble)[:-1])
        near = np.linspace(0.5, 2.0, 10_001)
        odd = [np.nan, np.inf, 0.0, -1.0, -np.inf, 1.0]
    else:
        limit, lowest = (np.log(end) * (1.0 - 1e-6) for end in (largest, tiny))
        whole = np.linspace(lowest, limit, 20_011)
        near = np.concatenate([np.linspace(-1.0, 1.0, 10_001), np.geomspace(1e-12, 0.1, 50)])
        odd = [np.nan, np.inf, -np.inf, 2 * limit, 2 * lowest, 0.0]
    kernel, exactly = getattr(jnp, name), getattr(np, name)
    for x in (whole.astype(dtype), near.astype(dtype)):
        exact = exactly(x.astype(np.longdouble))
        error = np.abs(as_kernel(kernel, x) - exact) / np.where(exact == 0, 1.0, np.abs(exact))
        assert float(error.max()) < units * np.finfo(dtype).eps
    odd = np.array(odd, dtype)
    with np.errstate(all="ignore"):
        expected = exactly(odd.astype(np.longdouble)).astype(dtype)
    np.testing.assert_array_equal(as_kernel(kernel, odd), expected)


@pytest.mark.parametrize("cells", [1, 7, 8, 9, 16, 17, 130])
def test_every_cell_is_done_whatever_their_number(cells):
    x = np.arange(cells) * 1.0
    np.testing.assert_array_equal(as_kernel(lambda x: 2.0 * x, x), 2.0 * x)


def test_one_of_two_ways_is_taken():
    """By all cells of a vector: the other way would write something else."""

    def write(body):
        writer = VectorWriter(body, "float64")
        given, result, _ = body.args

        def vector(first):
            value = writer.load(given, first)

            def way(factor):
                writer.store(writer.constant(factor), result, first)
                return {"much": writer.lower(lambda x: factor * x, value), "little": value}

            some = writer.any(writer.lower(lambda x: x > 10.0, value))
            found = writer.cond(some, lambda: way(3.0), lambda: way(2.0))
            writer.store(
                writer.lower(lambda x, y: x + y, found["much"], found["little"]), result, first
            )

        for_each_vector(writer, body.args[-1], vector)
        writer.builder.ret_void()

    target = register_kernel(f"test_{next(NUMBER)}", write, 1, 1, [(0, 0)])
    x = np.arange(24) * 1.0
    (found,) = jax.jit(lambda x: call_kernel(target, [x], [()]))(jnp.asarray(x))
    np.testing.assert_array_equal(found, np.where(x < 8, 3.0 * x, 4.0 * x))


def test_loops_carry_trees_as_often_as_they_should():
    def write(body):
        writer = VectorWriter(body, "float64")
        given, result, _ = body.args

        def vector(first):
            start = {"sum": writer.zero, "value": writer.load(given, first)}

            def add(number, carry):
                part = writer.broadcast(writer.builder.sitofp(number, writer.element))
                total = writer.lower(lambda s, v, n: s + n * v, carry["sum"], carry["value"], part)
                return carry | {"sum": total}

            once = writer.fori_loop(index(4), start, add)["sum"]

            def is_small(carry):
                return writer.any(writer.lower(lambda x: x < 100.0, carry))

            doubled = writer.while_loop(
                is_small, once, lambda carry: writer.lower(lambda x: 2.0 * x, carry)
            )
            writer.store(doubled, result, first)

        for_each_vector(writer, body.args[2], vector)
        writer.builder.ret_void()

    target = register_kernel("test_loops", write, 1, 1, [(0, 0)])
    (found,) = call_kernel(target, [jnp.arange(1.0, 9.0)], [()])
    # 6, 12, … 48, doubled together until the last lane's neighbours have all reached 100
    np.testing.assert_array_equal(found, 6.0 * np.arange(1.0, 9.0) * 32.0)


def test_an_operation_without_an_instruction_is_named():
    with pytest.raises(NotImplementedError, match="'sin'"):
        as_kernel(jnp.sin, np.ones(3))


def test_kernels_map_over_further_axes():
    x = jnp.arange(12.0).reshape(3, 4)

    def write(body):
        writer = VectorWriter(body, "float64")
        given, result, cells = body.args
        for_each_vector(
            writer,
            cells,
            lambda first: writer.store(
                writer.lower(lambda x: x + 1.0, writer.load(given, first)), result, first
            ),
        )
        writer.builder.ret_void()

    target = register_kernel("test_map", write, 1, 1, [(0, 0)])
    call = partial(call_kernel, target, leading=[()])
    (found,) = jax.vmap(lambda row: call([row]))(x)
    np.testing.assert_array_equal(found, x + 1.0)


def test_the_switch_and_a_missing_compiler_leave_xla_alone(monkeypatch):
    unavailable_reason = availability.unavailable_reason
    unavailable_reason.cache_clear()
    monkeypatch.setenv(availability.SWITCH, "off")
    assert not availability.enabled() and availability.SWITCH in unavailable_reason()
    unavailable_reason.cache_clear()
    monkeypatch.delenv(availability.SWITCH)

    def broken(module):
        raise RuntimeError("no executable memory")

    monkeypatch.setattr(availability, "compile_module", broken)
    with pytest.warns(UserWarning, match="no executable memory"):
        assert not availability.enabled()
    monkeypatch.undo()
    unavailable_reason.cache_clear()
    assert availability.enabled()

"""Exponential and logarithm of vectors, accurate to a few units in the last place."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import llvmlite.ir as ir
import numpy as np

from temjax.native.operations import RELAXED
from temjax.native.vectors import VectorBuilder

# ln 2 in two parts, the first with few enough digits that its product with an exponent is exact
_FIRST = {4: 0.693359375, 8: 6.93145751953125e-1}
_SECOND = {4: math.log(2.0) - 0.693359375, 8: 1.42860682030941723212e-6}


class Layout(NamedTuple):
    """How numbers are made of bits.

    Attributes:
        whole: bits.
        mantissa: of them.
        bias: of the exponent.
    """

    whole: int
    mantissa: int
    bias: int


_LAYOUTS = {4: Layout(32, 23, 127), 8: Layout(64, 52, 1023)}


def _layout(vectors: VectorBuilder) -> Layout:
    return _LAYOUTS[vectors.dtype.itemsize]


def _whole(vectors: VectorBuilder, value: int) -> ir.Constant:
    kind = ir.IntType(_layout(vectors).whole)
    return ir.Constant(
        ir.VectorType(kind, vectors.lanes), [ir.Constant(kind, value)] * vectors.lanes
    )


def _bits_of(vectors: VectorBuilder, number: float) -> ir.Constant:
    """The digits of a number as a whole one."""
    bits = np.asarray(number, vectors.dtype).view(f"int{_layout(vectors).whole}")
    return _whole(vectors, int(bits))


def _digits(vectors: VectorBuilder, value: ir.Value) -> ir.Value:
    return vectors.builder.bitcast(value, _whole(vectors, 0).type)


def _fused(vectors: VectorBuilder, left: ir.Value, right: ir.Value, added: ir.Value) -> ir.Value:
    product = vectors.builder.fmul(left, right, flags=RELAXED)
    return vectors.builder.fadd(product, added, flags=RELAXED)


def _series(vectors: VectorBuilder, coefficients: Sequence[float], value: ir.Value) -> ir.Value:
    """A polynomial; the coefficient of its highest power first."""
    found = vectors.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        found = _fused(vectors, found, value, vectors.constant(coefficient))
    return found


class _Halved(NamedTuple):
    """eˣ = 2ⁿ (1 + p): n as a number, p, and 2ⁿ as two factors."""

    power: ir.Value
    above: ir.Value
    factors: tuple[ir.Value, ir.Value]


def _halved(vectors: VectorBuilder, value: ir.Value) -> _Halved:
    """|r| ≤ ½ ln 2 beside n ln 2, and the power series of eʳ - 1."""
    builder, single = vectors.builder, vectors.dtype.itemsize == 4
    _, mantissa, bias = _layout(vectors)
    # where the result is 0 and where it is infinite, in this precision
    for sign, bound in (("<", -104.0 if single else -746.0), (">", 89.0 if single else 710.0)):
        outside = builder.fcmp_ordered(sign, value, vectors.constant(bound))
        value = builder.select(outside, vectors.constant(bound), value)
    # so large a number that what is added to it ends up as a whole one in its last digits
    large = 1.5 * 2.0**mantissa
    shifted = _fused(vectors, value, vectors.constant(1.0 / math.log(2.0)), vectors.constant(large))
    power = builder.fsub(shifted, vectors.constant(large))
    rest = _fused(vectors, power, vectors.constant(-_FIRST[vectors.dtype.itemsize]), value)
    rest = _fused(vectors, power, vectors.constant(-_SECOND[vectors.dtype.itemsize]), rest)
    terms = 7 if single else 13
    series = _series(vectors, [1.0 / math.factorial(n) for n in range(terms, 0, -1)], rest)
    above = builder.fmul(series, rest, flags=RELAXED)
    # 2ⁿ as two factors: the largest n has no number of its own
    exponent = builder.sub(_digits(vectors, shifted), _bits_of(vectors, large))
    half = builder.ashr(exponent, _whole(vectors, 1))
    factors = (
        builder.bitcast(
            builder.shl(builder.add(part, _whole(vectors, bias)), _whole(vectors, mantissa)),
            vectors.vector,
        )
        for part in (half, builder.sub(exponent, half))
    )
    return _Halved(power, above, tuple(factors))


def exponential(vectors: VectorBuilder, value: ir.Value) -> ir.Value:
    """eˣ."""
    _, above, (one, other) = _halved(vectors, value)
    found = vectors.builder.fadd(above, vectors.constant(1.0), flags=RELAXED)
    return vectors.builder.fmul(vectors.builder.fmul(found, one), other)


def exponential_less_one(vectors: VectorBuilder, value: ir.Value) -> ir.Value:
    """eˣ - 1 = 2ⁿ p + (2ⁿ - 1), without loss where x is small."""
    builder, one = vectors.builder, vectors.constant(1.0)
    power, above, (factor, other) = _halved(vectors, value)
    scale = builder.fmul(factor, other)
    near = _fused(vectors, scale, above, builder.fsub(scale, one))
    far = builder.fmul(builder.fmul(builder.fadd(above, one), factor), other)
    large = builder.fcmp_ordered(">", power, vectors.constant(_layout(vectors).mantissa + 2.0))
    return builder.select(large, far, near)


def logarithm(vectors: VectorBuilder, value: ir.Value) -> ir.Value:
    """ln x = n ln 2 + ln m with m from √½ to √2, and ln m = 2 artanh((m - 1)/(m + 1)).

    XLA has numbers too small for all their digits count as 0.
    """
    builder, single = vectors.builder, vectors.dtype.itemsize == 4
    _, mantissa, _ = _layout(vectors)
    zero, one, infinity = vectors.zero, vectors.constant(1.0), vectors.constant(math.inf)
    digits = _digits(vectors, value)
    above = builder.sub(digits, _bits_of(vectors, math.sqrt(0.5)))
    exponent = builder.ashr(above, _whole(vectors, mantissa))
    bits = builder.sub(digits, builder.shl(exponent, _whole(vectors, mantissa)))
    rest = builder.fsub(builder.bitcast(bits, vectors.vector), one)
    ratio = builder.fdiv(rest, builder.fadd(rest, vectors.constant(2.0)), flags=RELAXED)
    square = builder.fmul(ratio, ratio, flags=RELAXED)
    terms = 5 if single else 10
    series = _series(vectors, [2.0 / (2 * n + 1) for n in range(terms, -1, -1)], square)
    power = builder.sitofp(exponent, vectors.vector)
    second = builder.fmul(power, vectors.constant(_SECOND[vectors.dtype.itemsize]), flags=RELAXED)
    found = _fused(vectors, ratio, series, second)
    found = _fused(vectors, power, vectors.constant(_FIRST[vectors.dtype.itemsize]), found)
    # of nothing, of less than nothing; infinity and NaN are their own
    found = builder.select(builder.fcmp_ordered("<", value, infinity), found, value)
    found = builder.select(
        builder.fcmp_ordered("==", value, zero), vectors.constant(-math.inf), found
    )
    return builder.select(builder.fcmp_ordered("<", value, zero), vectors.constant(math.nan), found)


# by the name of JAX's operation
FUNCTIONS: dict[str, Callable[[VectorBuilder, ir.Value], ir.Value]] = {
    "exp": exponential,
    "expm1": exponential_less_one,
    "log": logarithm,
}

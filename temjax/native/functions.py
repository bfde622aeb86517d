"""Exponential and logarithm of vectors, accurate to a few units in the last place."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import llvmlite.ir as ir
import numpy as np

from temjax.native.operations import RELAXED
from temjax.native.vectors import VectorBuilder

# ln 2 in two parts, the first with so few bits that its product with an exponent is exact
_FIRST = {4: 0.693359375, 8: 6.93145751953125e-1}
_SECOND = {4: math.log(2.0) - 0.693359375, 8: 1.42860682030941723212e-6}


class FloatFormat(NamedTuple):
    """A binary floating-point format (IEEE 754).

    Attributes:
        bits: in all.
        mantissa: bits of the mantissa.
        bias: of the exponent.
    """

    bits: int
    mantissa: int
    bias: int


_FORMATS = {4: FloatFormat(32, 23, 127), 8: FloatFormat(64, 52, 1023)}


def _format(vectors: VectorBuilder) -> FloatFormat:
    return _FORMATS[vectors.dtype.itemsize]


def _int_constant(vectors: VectorBuilder, value: int) -> ir.Constant:
    kind = ir.IntType(_format(vectors).bits)
    return ir.Constant(
        ir.VectorType(kind, vectors.lanes), [ir.Constant(kind, value)] * vectors.lanes
    )


def _bit_pattern(vectors: VectorBuilder, number: float) -> ir.Constant:
    """The bit pattern of a number."""
    bits = np.asarray(number, vectors.dtype).view(f"int{_format(vectors).bits}")
    return _int_constant(vectors, int(bits))


def _as_integer(vectors: VectorBuilder, value: ir.Value) -> ir.Value:
    return vectors.builder.bitcast(value, _int_constant(vectors, 0).type)


def _multiply_add(
    vectors: VectorBuilder, left: ir.Value, right: ir.Value, added: ir.Value
) -> ir.Value:
    product = vectors.builder.fmul(left, right, flags=RELAXED)
    return vectors.builder.fadd(product, added, flags=RELAXED)


def _polynomial(vectors: VectorBuilder, coefficients: Sequence[float], value: ir.Value) -> ir.Value:
    """A polynomial by Horner's rule; the coefficient of its highest power first."""
    result = vectors.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        result = _multiply_add(vectors, result, value, vectors.constant(coefficient))
    return result


class _Reduced(NamedTuple):
    """eˣ = 2ⁿ (1 + p): n as a floating-point number, p, and 2ⁿ as two factors."""

    exponent: ir.Value
    expm1: ir.Value
    scales: tuple[ir.Value, ir.Value]


def _reduce(vectors: VectorBuilder, value: ir.Value) -> _Reduced:
    """Argument reduction x = n ln 2 + r, |r| ≤ ½ ln 2, and the power series of p = eʳ - 1."""
    builder, single = vectors.builder, vectors.dtype.itemsize == 4
    _, mantissa, bias = _format(vectors)
    # where the result is 0 and where it is infinite, in this precision
    for sign, bound in (("<", -104.0 if single else -746.0), (">", 89.0 if single else 710.0)):
        outside = builder.fcmp_ordered(sign, value, vectors.constant(bound))
        value = builder.select(outside, vectors.constant(bound), value)
    # so large that a number added to it is rounded to an integer in its last bits
    large = 1.5 * 2.0**mantissa
    shifted = _multiply_add(
        vectors, value, vectors.constant(1.0 / math.log(2.0)), vectors.constant(large)
    )
    power = builder.fsub(shifted, vectors.constant(large))
    rest = _multiply_add(vectors, power, vectors.constant(-_FIRST[vectors.dtype.itemsize]), value)
    rest = _multiply_add(vectors, power, vectors.constant(-_SECOND[vectors.dtype.itemsize]), rest)
    terms = 7 if single else 13
    series = _polynomial(vectors, [1.0 / math.factorial(n) for n in range(terms, 0, -1)], rest)
    expm1 = builder.fmul(series, rest, flags=RELAXED)
    # 2ⁿ as two factors: that of the largest n is beyond the format
    exponent = builder.sub(_as_integer(vectors, shifted), _bit_pattern(vectors, large))
    half = builder.ashr(exponent, _int_constant(vectors, 1))
    scales = (
        builder.bitcast(
            builder.shl(
                builder.add(part, _int_constant(vectors, bias)), _int_constant(vectors, mantissa)
            ),
            vectors.vector,
        )
        for part in (half, builder.sub(exponent, half))
    )
    return _Reduced(power, expm1, tuple(scales))


def exponential(vectors: VectorBuilder, value: ir.Value) -> ir.Value:
    """eˣ."""
    _, expm1, (scale, other) = _reduce(vectors, value)
    result = vectors.builder.fadd(expm1, vectors.constant(1.0), flags=RELAXED)
    return vectors.builder.fmul(vectors.builder.fmul(result, scale), other)


def exponential_minus_one(vectors: VectorBuilder, value: ir.Value) -> ir.Value:
    """eˣ - 1 = 2ⁿ p + (2ⁿ - 1), without loss where x is small."""
    builder, one = vectors.builder, vectors.constant(1.0)
    power, expm1, (factor, other) = _reduce(vectors, value)
    scale = builder.fmul(factor, other)
    near = _multiply_add(vectors, scale, expm1, builder.fsub(scale, one))
    far = builder.fmul(builder.fmul(builder.fadd(expm1, one), factor), other)
    large = builder.fcmp_ordered(">", power, vectors.constant(_format(vectors).mantissa + 2.0))
    return builder.select(large, far, near)


def logarithm(vectors: VectorBuilder, value: ir.Value) -> ir.Value:
    """ln x = n ln 2 + ln m with m from √½ to √2, and ln m = 2 artanh((m - 1)/(m + 1)).

    Subnormal numbers count as 0, as in XLA.
    """
    builder, single = vectors.builder, vectors.dtype.itemsize == 4
    _, mantissa, _ = _format(vectors)
    zero, one, infinity = vectors.zero, vectors.constant(1.0), vectors.constant(math.inf)
    pattern = _as_integer(vectors, value)
    above = builder.sub(pattern, _bit_pattern(vectors, math.sqrt(0.5)))
    exponent = builder.ashr(above, _int_constant(vectors, mantissa))
    bits = builder.sub(pattern, builder.shl(exponent, _int_constant(vectors, mantissa)))
    rest = builder.fsub(builder.bitcast(bits, vectors.vector), one)
    ratio = builder.fdiv(rest, builder.fadd(rest, vectors.constant(2.0)), flags=RELAXED)
    square = builder.fmul(ratio, ratio, flags=RELAXED)
    terms = 5 if single else 10
    series = _polynomial(vectors, [2.0 / (2 * n + 1) for n in range(terms, -1, -1)], square)
    power = builder.sitofp(exponent, vectors.vector)
    second = builder.fmul(power, vectors.constant(_SECOND[vectors.dtype.itemsize]), flags=RELAXED)
    result = _multiply_add(vectors, ratio, series, second)
    result = _multiply_add(vectors, power, vectors.constant(_FIRST[vectors.dtype.itemsize]), result)
    # of 0, of negative numbers; infinity and NaN stay
    result = builder.select(builder.fcmp_ordered("<", value, infinity), result, value)
    result = builder.select(
        builder.fcmp_ordered("==", value, zero), vectors.constant(-math.inf), result
    )
    return builder.select(
        builder.fcmp_ordered("<", value, zero), vectors.constant(math.nan), result
    )


# by the name of JAX's operation
FUNCTIONS: dict[str, Callable[[VectorBuilder, ir.Value], ir.Value]] = {
    "exp": exponential,
    "expm1": exponential_minus_one,
    "log": logarithm,
}

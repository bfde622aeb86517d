"""Exponential and logarithm of vectors, for ``native.lowering``: to some units of rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import llvmlite.ir as ir
import numpy as np

from temjax.native.operations import RELAXED

if TYPE_CHECKING:
    from temjax.native.lowering import Writer

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


def _layout(write: Writer) -> Layout:
    return _LAYOUTS[write.dtype.itemsize]


def _whole(write: Writer, value: int) -> ir.Constant:
    kind = ir.IntType(_layout(write).whole)
    return ir.Constant(ir.VectorType(kind, write.lanes), [ir.Constant(kind, value)] * write.lanes)


def _bits_of(write: Writer, number: float) -> ir.Constant:
    """The digits of a number as a whole one."""
    bits = np.asarray(number, write.dtype).view(f"int{_layout(write).whole}")
    return _whole(write, int(bits))


def _digits(write: Writer, value: ir.Value) -> ir.Value:
    return write.builder.bitcast(value, _whole(write, 0).type)


def _fused(write: Writer, left: ir.Value, right: ir.Value, added: ir.Value) -> ir.Value:
    product = write.builder.fmul(left, right, flags=RELAXED)
    return write.builder.fadd(product, added, flags=RELAXED)


def _series(write: Writer, coefficients: Sequence[float], value: ir.Value) -> ir.Value:
    """A polynomial; the coefficient of its highest power first."""
    found = write.filled(coefficients[0])
    for coefficient in coefficients[1:]:
        found = _fused(write, found, value, write.filled(coefficient))
    return found


class _Halved(NamedTuple):
    """eˣ = 2ⁿ (1 + p): n as a number, p, and 2ⁿ as two factors."""

    power: ir.Value
    above: ir.Value
    factors: tuple[ir.Value, ir.Value]


def _halved(write: Writer, value: ir.Value) -> _Halved:
    """|r| ≤ ½ ln 2 beside n ln 2, and the power series of eʳ - 1."""
    builder, single = write.builder, write.dtype.itemsize == 4
    _, mantissa, bias = _layout(write)
    # where the result is 0 and where it is infinite, in this precision
    for sign, bound in (("<", -104.0 if single else -746.0), (">", 89.0 if single else 710.0)):
        outside = builder.fcmp_ordered(sign, value, write.filled(bound))
        value = builder.select(outside, write.filled(bound), value)
    # so large a number that what is added to it ends up as a whole one in its last digits
    large = 1.5 * 2.0**mantissa
    shifted = _fused(write, value, write.filled(1.0 / math.log(2.0)), write.filled(large))
    power = builder.fsub(shifted, write.filled(large))
    rest = _fused(write, power, write.filled(-_FIRST[write.dtype.itemsize]), value)
    rest = _fused(write, power, write.filled(-_SECOND[write.dtype.itemsize]), rest)
    terms = 7 if single else 13
    series = _series(write, [1.0 / math.factorial(n) for n in range(terms, 0, -1)], rest)
    above = builder.fmul(series, rest, flags=RELAXED)
    # 2ⁿ as two factors: the largest n has no number of its own
    exponent = builder.sub(_digits(write, shifted), _bits_of(write, large))
    half = builder.ashr(exponent, _whole(write, 1))
    factors = (
        builder.bitcast(
            builder.shl(builder.add(part, _whole(write, bias)), _whole(write, mantissa)),
            write.vector,
        )
        for part in (half, builder.sub(exponent, half))
    )
    return _Halved(power, above, tuple(factors))


def exponential(write: Writer, value: ir.Value) -> ir.Value:
    """eˣ."""
    _, above, (one, other) = _halved(write, value)
    found = write.builder.fadd(above, write.filled(1.0), flags=RELAXED)
    return write.builder.fmul(write.builder.fmul(found, one), other)


def exponential_less_one(write: Writer, value: ir.Value) -> ir.Value:
    """eˣ - 1 = 2ⁿ p + (2ⁿ - 1), without loss where x is small."""
    builder, one = write.builder, write.filled(1.0)
    power, above, (factor, other) = _halved(write, value)
    scale = builder.fmul(factor, other)
    near = _fused(write, scale, above, builder.fsub(scale, one))
    far = builder.fmul(builder.fmul(builder.fadd(above, one), factor), other)
    large = builder.fcmp_ordered(">", power, write.filled(_layout(write).mantissa + 2.0))
    return builder.select(large, far, near)


def logarithm(write: Writer, value: ir.Value) -> ir.Value:
    """ln x = n ln 2 + ln m with m from √½ to √2, and ln m = 2 artanh((m - 1)/(m + 1)).

    XLA has numbers too small for all their digits count as 0.
    """
    builder, single = write.builder, write.dtype.itemsize == 4
    _, mantissa, _ = _layout(write)
    zero, one, infinity = write.zero, write.filled(1.0), write.filled(math.inf)
    digits = _digits(write, value)
    above = builder.sub(digits, _bits_of(write, math.sqrt(0.5)))
    exponent = builder.ashr(above, _whole(write, mantissa))
    bits = builder.sub(digits, builder.shl(exponent, _whole(write, mantissa)))
    rest = builder.fsub(builder.bitcast(bits, write.vector), one)
    ratio = builder.fdiv(rest, builder.fadd(rest, write.filled(2.0)), flags=RELAXED)
    square = builder.fmul(ratio, ratio, flags=RELAXED)
    terms = 5 if single else 10
    series = _series(write, [2.0 / (2 * n + 1) for n in range(terms, -1, -1)], square)
    power = builder.sitofp(exponent, write.vector)
    second = builder.fmul(power, write.filled(_SECOND[write.dtype.itemsize]), flags=RELAXED)
    found = _fused(write, ratio, series, second)
    found = _fused(write, power, write.filled(_FIRST[write.dtype.itemsize]), found)
    # of nothing, of less than nothing; infinity and NaN are their own
    found = builder.select(builder.fcmp_ordered("<", value, infinity), found, value)
    found = builder.select(builder.fcmp_ordered("==", value, zero), write.filled(-math.inf), found)
    return builder.select(builder.fcmp_ordered("<", value, zero), write.filled(math.nan), found)


# by the name of JAX's operation
FUNCTIONS: dict[str, Callable[[Writer, ir.Value], ir.Value]] = {
    "exp": exponential,
    "expm1": exponential_less_one,
    "log": logarithm,
}

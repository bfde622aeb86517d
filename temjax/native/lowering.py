"""Elementwise JAX functions as vector instructions for a CPU.

XLA turns every few operations of an array program into a loop of their own, and between the loops
everything goes through memory. A kernel written with this module holds a vector of cells in the
CPU's registers instead, as a GPU's kernel does. Its arithmetic is that of the model's own
functions: they are traced by JAX, and the trace is lowered operation by operation.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import llvmlite.ir as ir
import numpy as np
from jax.extend.core import Literal

from temjax.native.functions import FUNCTIONS
from temjax.native.operations import ANY, FLOATING, RELAXED
from temjax.native.vectors import BOOL, INT32, Tree, VectorBuilder


class VectorWriter(VectorBuilder):
    """Writes a function whose arithmetic comes from traced JAX functions."""

    def lower(self, function: Callable, *arguments: Tree) -> Tree:
        """Lower a JAX function of arrays ``(lane)``; its result, a pytree of vectors.

        Args:
            function: elementwise; pytrees in and out.
            arguments: pytrees of vectors.

        Raises:
            NotImplementedError: an operation without an instruction.
        """
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(
            *jax.tree.map(self._shape, arguments)
        )
        results = self.lower_jaxpr(closed, jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(shapes), results)

    def lower_jaxpr(self, closed: Any, arguments: list[ir.Value]) -> list[ir.Value]:
        """Lower a traced function ``(lane)``, a ``ClosedJaxpr``; its results."""
        results = self._evaluate(closed.jaxpr, closed.consts, arguments)
        return [self.broadcast(value) for value in results]

    def _shape(self, value: ir.Value) -> jax.ShapeDtypeStruct:
        dtypes = {str(self.element): self.dtype, str(INT32): np.int32, str(BOOL): bool}
        return jax.ShapeDtypeStruct((self.lanes,), dtypes[str(value.type.element)])

    def _constant(self, value: Any, dtype: Any) -> ir.Constant:
        dtype = np.dtype(dtype)
        if dtype.kind == "f":
            return ir.Constant(self.element, float(value))
        return ir.Constant(ir.IntType(1 if dtype.kind == "b" else 8 * dtype.itemsize), int(value))

    def _evaluate(self, jaxpr, constants, arguments) -> list[ir.Value]:
        values = {
            variable: self._constant(value, variable.aval.dtype)
            for variable, value in zip(jaxpr.constvars, constants, strict=True)
        }
        values.update(zip(jaxpr.invars, arguments, strict=True))

        def read(variable):
            if isinstance(variable, Literal):
                return self._constant(variable.val, variable.aval.dtype)
            return values[variable]

        needed = _needed(jaxpr)
        divisors = Counter(
            id(eqn.invars[1])
            for eqn in needed
            if eqn.primitive.name == "div" and eqn.outvars[0].aval.dtype.kind == "f"
        )
        inverses = {}
        for eqn in needed:
            operands = [read(variable) for variable in eqn.invars]
            inner = eqn.params.get("jaxpr") or eqn.params.get("call_jaxpr")
            if eqn.primitive.name == "div" and divisors[id(eqn.invars[1])] > 1:
                results = [self._shared_quotient(operands, inverses)]
            elif inner is not None:
                results = self._evaluate(inner.jaxpr, inner.consts, operands)
            else:
                results = [self._operation(eqn, operands)]
            values.update(zip(eqn.outvars, results, strict=True))
        return [read(variable) for variable in jaxpr.outvars]

    def _shared_quotient(self, operands: list[ir.Value], inverses: dict) -> ir.Value:
        """One of several quotients by one divisor: its reciprocal is computed once.

        LLVM would do so as well, but not for quotients it has moved to where two branches meet.
        """
        value, divisor = map(self.broadcast, operands)
        if id(operands[1]) not in inverses:
            one = self.constant(1.0)
            inverses[id(operands[1])] = self.builder.fdiv(one, divisor, flags=RELAXED)
        return self.builder.fmul(value, inverses[id(operands[1])], flags=RELAXED)

    def _operation(self, eqn, operands: list[ir.Value]) -> ir.Value:
        name = eqn.primitive.name
        if name == "broadcast_in_dim":
            return self.broadcast(operands[0]) if eqn.params["shape"] else operands[0]
        if name == "convert_element_type":
            return self._converted(operands[0], eqn.invars[0].aval.dtype, eqn.outvars[0].aval.dtype)
        if any(isinstance(value.type, ir.VectorType) for value in operands):
            operands = [self.broadcast(value) for value in operands]
        if name in ("max", "min"):
            return self._extreme(name, eqn.invars, operands)
        if name == "abs":
            return self._intrinsic("fabs", self.broadcast(operands[0]))
        if name in FUNCTIONS:
            return FUNCTIONS[name](self, self.broadcast(operands[0]))
        if name == "integer_pow":
            return self._power(operands[0], eqn.params["y"])
        floating = eqn.invars[-1].aval.dtype.kind == "f"
        table = FLOATING if floating and name in FLOATING else ANY
        if name not in table:
            raise NotImplementedError(
                f"temjax.native.operations has no instruction for JAX's operation {name!r}; add "
                "one to its tables"
            )
        return table[name](self.builder, *operands)

    def _power(self, value: ir.Value, exponent: int) -> ir.Value:
        power = value
        for _ in range(abs(exponent) - 1):
            power = self.builder.fmul(power, value, flags=RELAXED)
        if exponent > 0:
            return power
        return self.builder.fdiv(self.constant(1.0), power, flags=RELAXED)

    def _intrinsic(self, name: str, *operands: ir.Value) -> ir.Value:
        """LLVM's function of vectors."""
        kind = operands[0].type
        full = f"llvm.{name}.v{kind.count}{kind.element.intrinsic_name}"
        module = self.builder.module
        function = module.globals.get(full)
        if function is None:
            function = ir.Function(module, ir.FunctionType(kind, [kind] * len(operands)), full)
        return self.builder.call(function, operands, fastmath=("nsz",))

    def _converted(self, value: ir.Value, before: Any, after: Any) -> ir.Value:
        kinds = np.dtype(before).kind + np.dtype(after).kind
        if kinds == "ff" or np.dtype(before) == np.dtype(after):
            return value
        kind = self._constant(0, after).type
        if isinstance(value.type, ir.VectorType):
            kind = ir.VectorType(kind, self.lanes)
        cast = {"bi": "zext", "bf": "uitofp", "if": "sitofp"}[kinds]
        return getattr(self.builder, cast)(value, kind)

    def _extreme(self, name: str, variables, operands: list[ir.Value]) -> ir.Value:
        """The larger or smaller one; NaN where one of them is."""
        builder, sign = self.builder, ">" if name == "max" else "<"
        value, other = operands if isinstance(operands[1], ir.Constant) else operands[::-1]
        if variables[0].aval.dtype.kind != "f":
            return builder.select(builder.icmp_signed(sign, other, value), other, value)
        if isinstance(other, ir.Constant):  # one instruction, and NaN stays NaN
            return builder.select(builder.fcmp_ordered(sign, other, value), other, value)
        return self._intrinsic("maximum" if name == "max" else "minimum", value, other)


def _needed(jaxpr) -> list:
    """The operations that the results depend on; a derivative's trace has others as well."""
    wanted, needed = set(map(id, jaxpr.outvars)), []
    for eqn in reversed(jaxpr.eqns):
        if wanted.isdisjoint(map(id, eqn.outvars)):
            continue
        wanted.update(map(id, eqn.invars))
        needed.append(eqn)
    return needed[::-1]

"""Elementwise JAX functions as vector instructions for a CPU, put together into loops by hand.

XLA turns every few operations of an array program into a loop of their own, and between the loops
everything goes through memory. A kernel written with this module holds a vector of cells in the
CPU's registers instead, as a GPU's kernel does. Its arithmetic is that of the model's own
functions: they are traced by JAX, and what was traced is written down operation by operation.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import llvmlite.ir as ir
import numpy as np
from jax.extend.core import Literal

from temjax.native.call import VECTOR_BYTES, lanes_of
from temjax.native.functions import FUNCTIONS
from temjax.native.operations import ANY, FLOATING, RELAXED

INDEX, COUNT, TRUTH = ir.IntType(64), ir.IntType(32), ir.IntType(1)
POINTER = ir.PointerType()
FLOATS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}

Tree = Any  # pytree of vectors


def index(value: int) -> ir.Constant:
    """A constant that counts rows or cells."""
    return ir.Constant(INDEX, value)


class Writer:
    """Writes code into a function, at the place of its builder.

    Attributes:
        builder: llvmlite's.
        dtype: of the numbers.
        lanes: cells in a vector.
        vector: type of a vector of numbers.
    """

    def __init__(self, function: ir.Function, dtype: str, registers: int = 1) -> None:
        self.builder = ir.IRBuilder(function.append_basic_block())
        self.dtype = np.dtype(dtype)
        self.number = FLOATS[self.dtype.name]
        self.lanes = lanes_of(self.dtype, registers)
        self.vector = ir.VectorType(self.number, self.lanes)
        self.zero = self.filled(0.0)

    # --- values

    def filled(self, value: float) -> ir.Constant:
        """A vector of one number."""
        return ir.Constant(self.vector, [ir.Constant(self.number, value)] * self.lanes)

    def counts(self, value: int) -> ir.Constant:
        """A vector of one whole number."""
        return ir.Constant(
            ir.VectorType(COUNT, self.lanes), [ir.Constant(COUNT, value)] * self.lanes
        )

    def spread(self, value: ir.Value) -> ir.Value:
        """The same value in every lane."""
        if isinstance(value.type, ir.VectorType):
            return value
        kind = ir.VectorType(value.type, self.lanes)
        if isinstance(value, ir.Constant):
            return ir.Constant(kind, [value] * self.lanes)
        empty = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(empty, value, ir.Constant(COUNT, 0))
        return self.builder.shuffle_vector(first, empty, self.counts(0))

    def lane(self, vector: ir.Value, number: int) -> ir.Value:
        """One lane of a vector."""
        return self.builder.extract_element(vector, ir.Constant(COUNT, number))

    def in_lane(self, vector: ir.Value, value: ir.Value, number: int) -> ir.Value:
        """The vector with another value in one lane."""
        return self.builder.insert_element(vector, value, ir.Constant(COUNT, number))

    def any(self, mask: ir.Value) -> ir.Value:
        """Whether a condition holds in some lane."""
        bits = ir.IntType(self.lanes)
        return self.builder.icmp_signed(
            "!=", self.builder.bitcast(mask, bits), ir.Constant(bits, 0)
        )

    # --- memory

    def rows(self, count: ir.Value) -> ir.Value:
        """Room for so many vectors, for as long as the function runs."""
        room = self.builder.alloca(self.vector, size=count)
        room.align = VECTOR_BYTES
        return room

    def number_at(self, base: ir.Value, position: ir.Value) -> ir.Value:
        """Address of a number in an array."""
        return self.builder.gep(base, [position], source_etype=self.number)

    def load(self, base: ir.Value, position: ir.Value) -> ir.Value:
        """The vector that begins at a number of an array."""
        address = self.number_at(base, position)
        return self.builder.load(address, typ=self.vector, align=self.dtype.itemsize)

    def store(self, value: ir.Value, base: ir.Value, position: ir.Value) -> None:
        """Put a vector where a number of an array is."""
        self.builder.store(value, self.number_at(base, position), align=self.dtype.itemsize)

    def row(self, room: ir.Value, number: ir.Value) -> ir.Value:
        """A vector of ``rows``."""
        return self.load(room, self.builder.mul(number, index(self.lanes)))

    def put_row(self, value: ir.Value, room: ir.Value, number: ir.Value) -> None:
        """Replace a vector of ``rows``."""
        self.store(value, room, self.builder.mul(number, index(self.lanes)))

    # --- control

    def loop(self, count: ir.Value, carry: Tree, body: Callable[[ir.Value, Tree], Tree]) -> Tree:
        """``carry = body(number, carry)`` for every number below ``count``; the last carry."""

        def more(state):
            return self.builder.icmp_signed("<", state[0], count)

        def again(state):
            number, carry = state
            carry = body(number, carry)
            return self.builder.add(number, index(1)), carry

        return self.loop_while(more, (index(0), carry), again)[1]

    def loop_while(self, more: Callable[[Tree], ir.Value], carry: Tree, body: Callable) -> Tree:
        """``carry = body(carry)`` as long as ``more(carry)``; the last carry."""
        builder = self.builder
        leaves, structure = jax.tree.flatten(carry)
        before = builder.block
        head, inside, after = (builder.append_basic_block() for _ in range(3))
        builder.branch(head)
        builder.position_at_end(head)
        held = [builder.phi(leaf.type) for leaf in leaves]
        for phi, leaf in zip(held, leaves, strict=True):
            phi.add_incoming(leaf, before)
        now = jax.tree.unflatten(structure, held)
        builder.cbranch(more(now), inside, after)
        builder.position_at_end(inside)
        for phi, leaf in zip(held, jax.tree.leaves(body(now)), strict=True):
            phi.add_incoming(leaf, builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        return now

    def choose(self, condition: ir.Value, yes: Callable[[], Tree], no: Callable[[], Tree]) -> Tree:
        """``yes()`` if a condition holds, else ``no()``; only one of them is worked out."""
        builder = self.builder
        ways = [builder.append_basic_block() for _ in range(2)]
        after = builder.append_basic_block()
        builder.cbranch(condition, *ways)
        found = []
        for block, way in zip(ways, (yes, no), strict=True):
            builder.position_at_end(block)
            leaves, structure = jax.tree.flatten(way())
            found.append((leaves, builder.block))
            builder.branch(after)
        builder.position_at_end(after)
        chosen = [builder.phi(leaf.type) for leaf in found[0][0]]
        for leaves, block in found:
            for phi, leaf in zip(chosen, leaves, strict=True):
                phi.add_incoming(leaf, block)
        return jax.tree.unflatten(structure, chosen)

    # --- the model's functions

    def call(self, function: Callable, *arguments: Tree) -> Tree:
        """What a JAX function of arrays ``(lane)`` returns, worked out here.

        Args:
            function: elementwise; pytrees in and out.
            arguments: pytrees of vectors.

        Raises:
            NotImplementedError: an operation this module does not know.
        """
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(
            *jax.tree.map(self._shape, arguments)
        )
        found = self.written(closed, jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(shapes), found)

    def written(self, closed: Any, arguments: list[ir.Value]) -> list[ir.Value]:
        """What a traced function ``(lane)`` returns, worked out here."""
        found = self._written(closed.jaxpr, closed.consts, arguments)
        return [self.spread(value) for value in found]

    def _shape(self, value: ir.Value) -> jax.ShapeDtypeStruct:
        dtypes = {str(self.number): self.dtype, str(COUNT): np.int32, str(TRUTH): bool}
        return jax.ShapeDtypeStruct((self.lanes,), dtypes[str(value.type.element)])

    def _constant(self, value: Any, dtype: Any) -> ir.Constant:
        dtype = np.dtype(dtype)
        if dtype.kind == "f":
            return ir.Constant(self.number, float(value))
        return ir.Constant(ir.IntType(1 if dtype.kind == "b" else 8 * dtype.itemsize), int(value))

    def _written(self, jaxpr, constants, arguments) -> list[ir.Value]:
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
            given = [read(variable) for variable in eqn.invars]
            inner = eqn.params.get("jaxpr") or eqn.params.get("call_jaxpr")
            if eqn.primitive.name == "div" and divisors[id(eqn.invars[1])] > 1:
                found = [self._shared_quotient(given, inverses)]
            elif inner is not None:
                found = self._written(inner.jaxpr, inner.consts, given)
            else:
                found = [self._operation(eqn, given)]
            values.update(zip(eqn.outvars, found, strict=True))
        return [read(variable) for variable in jaxpr.outvars]

    def _shared_quotient(self, given: list[ir.Value], inverses: dict) -> ir.Value:
        """A quotient of several by one divisor: its reciprocal is worked out once.

        LLVM would do so as well, but not for quotients it has moved to where two ways meet.
        """
        value, divisor = map(self.spread, given)
        if id(given[1]) not in inverses:
            one = self.filled(1.0)
            inverses[id(given[1])] = self.builder.fdiv(one, divisor, flags=RELAXED)
        return self.builder.fmul(value, inverses[id(given[1])], flags=RELAXED)

    def _operation(self, eqn, given: list[ir.Value]) -> ir.Value:
        name = eqn.primitive.name
        if name == "broadcast_in_dim":
            return self.spread(given[0]) if eqn.params["shape"] else given[0]
        if name == "convert_element_type":
            return self._converted(given[0], eqn.invars[0].aval.dtype, eqn.outvars[0].aval.dtype)
        if any(isinstance(value.type, ir.VectorType) for value in given):
            given = [self.spread(value) for value in given]
        if name in ("max", "min"):
            return self._extreme(name, eqn.invars, given)
        if name == "abs":
            return self._intrinsic("fabs", self.spread(given[0]))
        if name in FUNCTIONS:
            return FUNCTIONS[name](self, self.spread(given[0]))
        if name == "integer_pow":
            return self._power(given[0], eqn.params["y"])
        floating = eqn.invars[-1].aval.dtype.kind == "f"
        table = FLOATING if floating and name in FLOATING else ANY
        if name not in table:
            raise NotImplementedError(
                f"temjax.native.operations has no instruction for JAX's operation {name!r}; add "
                "one to its tables"
            )
        return table[name](self.builder, *given)

    def _power(self, value: ir.Value, exponent: int) -> ir.Value:
        found = value
        for _ in range(abs(exponent) - 1):
            found = self.builder.fmul(found, value, flags=RELAXED)
        if exponent > 0:
            return found
        one = self.spread(ir.Constant(self.number, 1.0))
        return self.builder.fdiv(one, found, flags=RELAXED)

    def _intrinsic(self, name: str, *given: ir.Value) -> ir.Value:
        """LLVM's function of vectors."""
        kind = given[0].type
        full = f"llvm.{name}.v{kind.count}{kind.element.intrinsic_name}"
        module = self.builder.module
        function = module.globals.get(full)
        if function is None:
            function = ir.Function(module, ir.FunctionType(kind, [kind] * len(given)), full)
        return self.builder.call(function, given, fastmath=("nsz",))

    def _converted(self, value: ir.Value, before: Any, after: Any) -> ir.Value:
        kinds = np.dtype(before).kind + np.dtype(after).kind
        if kinds == "ff" or np.dtype(before) == np.dtype(after):
            return value
        kind = self._constant(0, after).type
        if isinstance(value.type, ir.VectorType):
            kind = ir.VectorType(kind, self.lanes)
        cast = {"bi": "zext", "bf": "uitofp", "if": "sitofp"}[kinds]
        return getattr(self.builder, cast)(value, kind)

    def _extreme(self, name: str, variables, given: list[ir.Value]) -> ir.Value:
        """The larger or smaller one; NaN where one of them is."""
        builder, sign = self.builder, ">" if name == "max" else "<"
        value, other = given if isinstance(given[1], ir.Constant) else given[::-1]
        if variables[0].aval.dtype.kind != "f":
            return builder.select(builder.icmp_signed(sign, other, value), other, value)
        if isinstance(other, ir.Constant):  # one instruction, and NaN stays NaN
            return builder.select(builder.fcmp_ordered(sign, other, value), other, value)
        return self._intrinsic("maximum" if name == "max" else "minimum", value, other)


def _needed(jaxpr) -> list:
    """The operations that the results depend on; a derivative's trace has others as well."""
    wanted, found = set(map(id, jaxpr.outvars)), []
    for eqn in reversed(jaxpr.eqns):
        if wanted.isdisjoint(map(id, eqn.outvars)):
            continue
        wanted.update(map(id, eqn.invars))
        found.append(eqn)
    return found[::-1]


def each_vector(write: Writer, cells: ir.Value, body: Callable[[ir.Value], None]) -> None:
    """``body(cell it begins with)`` for one vector of cells after the other, to the last cell."""
    builder, lanes = write.builder, index(write.lanes)

    def vector(number, _):
        # the last one begins earlier where it would be cut: some cells are done twice
        wished, latest = builder.mul(number, lanes), builder.sub(cells, lanes)
        early = builder.icmp_signed("<", wished, latest)
        body(builder.select(early, wished, latest))
        return ()

    count = builder.sdiv(builder.add(cells, index(write.lanes - 1)), lanes)
    write.loop(count, (), vector)
